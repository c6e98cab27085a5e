"""The token: where it comes from, whose it is, and who else may read it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo import config
from csgrepo.credentials.token_file import checked_token, read_token
from csgrepo.doctor.asking import clock_finding, is_exposed, trouble
from csgrepo.doctor.report import Check, Finding
from csgrepo.errors import CsgRepoError, InvalidInput
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from csgrepo.doctor.asking import Answer, Asker

__all__ = ["Token", "found_token", "hub_answer", "hub_check", "token_check"]

_LOGIN = "csgrepo login"
_VARIABLE = "CSGHUB_TOKEN"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, as it was found.

    Attributes:
        secret: the token, ``None`` where there is none.
        source: where it is from, in words; ``""`` for nowhere.
        trouble: why what was found cannot be one.
        is_open: whether other users can read its file.
    """

    secret: Secret | None = None
    source: str = ""
    trouble: str = ""
    is_open: bool = False


def found_token(endpoint: str, given: str | Secret | bool | None) -> Token:
    """Look for the token as everything else does, and leave the file that keeps it alone.

    Args:
        endpoint: the hub's address.
        given: a token, ``True`` to look for one, ``False`` or ``None`` for none.
    """
    try:
        if not isinstance(given, bool | None):
            return Token(checked_token(given, "the token"), "given")
        if not given:
            return Token()
        settings = config.settings()
        if settings.token:
            return Token(checked_token(settings.token, _VARIABLE), _VARIABLE)
        kept = read_token(endpoint, bind=False)
    except (InvalidInput, CsgRepoError) as error:
        return Token(trouble=str(error))
    return Token(kept, str(settings.token_path), is_open=_is_open()) if kept else Token()


def _is_open() -> bool:
    try:
        mode = config.settings().token_path.stat().st_mode
    except OSError:
        return False
    return os.name == "posix" and bool(stat.S_IMODE(mode) & 0o077)


def hub_answer(asker: Asker, endpoint: str) -> Answer:
    """Ask the hub whose token it is."""
    return asker.ask("GET", f"{endpoint}/csg/api/whoami-v2")


def hub_check(endpoint: str, answer: Answer) -> Check:
    """Judge whether a hub is there, and this machine's clock by its."""
    if wrong := trouble(answer):
        return Check("hub", findings=(wrong,))
    if answer.status == 404 or (answer.error is None and answer.fields() is None):
        words = f"{endpoint} answers, but not as a hub does (status {answer.status})"
        line = "set CSGHUB_ENDPOINT to the hub's address"
        return Check("hub", findings=(Finding("CSG306", words, line, endpoint),))
    late = clock_finding(answer)
    return Check("hub", f"{endpoint} answers", (late,) if late else ())


def token_check(token: Token, endpoint: str, answer: Answer) -> Check:
    """Judge the token by what the hub says to it."""
    found = _open_findings(token, endpoint)
    if token.trouble:
        return Check("token", findings=(Finding("CSG405", token.trouble, _LOGIN), *found))
    if token.secret is None:
        words = f"there is no token for {endpoint}; public repositories can be read without"
        return Check("token", findings=(Finding("CSG401", words, _LOGIN),))
    name = (answer.fields() or {}).get("name")
    if isinstance(name, str) and name.isprintable() and name:
        return Check("token", f"of {name}, from {token.source}", found)
    if answer.status in {401, 403}:
        words = f"{endpoint} does not know the token from {token.source}: revoked, or another hub's"
        # What the environment has goes before what is kept.
        line = f"unset CSGHUB_TOKEN CSG_TOKEN; {_LOGIN}" if token.source == _VARIABLE else _LOGIN
        return Check("token", findings=(Finding("CSG402", words, line, endpoint), *found))
    return Check("token", "", found)  # the hub check says what hinders


def _open_findings(token: Token, endpoint: str) -> tuple[Finding, ...]:
    found = []
    if token.is_open:
        words = f"other users of this machine can read the token in {token.source}"
        found.append(Finding("CSG406", words, f"chmod 600 '{token.source}'"))
    if token.secret and is_exposed(endpoint):
        words = f"the token travels in the clear to {endpoint}"
        found.append(Finding("CSG309", words, "write https:// in CSGHUB_ENDPOINT", endpoint))
    return tuple(found)
