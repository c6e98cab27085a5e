"""Who is asking: the Authorization header, for REST and for git."""

from __future__ import annotations

import base64
import binascii
import time
from typing import TYPE_CHECKING

from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from csgrepo.server.accounts.users import Accounts, User

__all__ = ["git_caller", "rest_caller"]


_REST_APPLICATIONS = ("git", "mirror", "aigateway")


def rest_caller(accounts: Accounts, header: str | None) -> User | None:
    """Return whose request this is, ``None`` for an anonymous one.

    A token that has ended counts, as the contract has it.

    Raises:
        Refusal: 401 for a header that names nobody, on public routes too.
    """
    if header is None:
        return None
    user = _find(header, lambda token: accounts.user_of_token(token, _REST_APPLICATIONS))
    if user is None:
        raise Refusal(401, "AUTH-ERR-5")
    return user


def git_caller(
    accounts: Accounts, header: str | None, applications: Sequence[str] = ("git",)
) -> User | None:
    """Return whose git or LFS request this is; wrong or ended credentials count as none."""
    if not header:
        return None
    now = time.time()
    return _find(header, lambda token: accounts.user_of_token(token, applications, alive_at=now))


def _find(header: str, owner: Callable[[str], User | None]) -> User | None:
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return owner(value.strip())
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    name, _, token = decoded.partition(":")
    user = owner(token)
    return user if user is not None and user.name == name else None
