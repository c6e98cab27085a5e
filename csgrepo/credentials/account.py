"""Whose token it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from csgrepo.errors import HubHTTPError
from csgrepo.http import Http
from csgrepo.http.call import SILENCE_TIMEOUT_S
from csgrepo.http.envelope import unwrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.credentials.credentials import Credentials

__all__ = ["Account", "account"]


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the hub.

    Attributes:
        name: the user name, which is a namespace too.
        email: the address, ``""`` where the hub does not tell.
        nickname: the name to be shown, ``""`` where there is none.
        organizations: the organizations the user belongs to.
    """

    name: str
    email: str = ""
    nickname: str = ""
    organizations: tuple[str, ...] = ()


def account(
    credentials: Credentials, http: Http | None = None, *, timeout_s: float = SILENCE_TIMEOUT_S
) -> Account:
    """Ask the hub whose token it is.

    Raises:
        Unauthorized: nobody's, or there is none.
        HubUnreachable: no answer.
    """
    if http is None:
        with Http() as own:
            return account(credentials, own, timeout_s=timeout_s)
    url = f"{credentials.endpoint}/csg/api/whoami-v2"
    response = http.request("GET", url, auth=credentials.authorization, timeout_s=timeout_s)
    name = response.mapping().get("name")
    if not isinstance(name, str) or not name.isprintable() or not name:
        raise response.unexpected("an account without a name")
    profile = _profile(credentials, http, name, timeout_s)
    return Account(
        name=name,
        email=_text(profile, "email"),
        nickname=_text(profile, "nickname"),
        organizations=_organizations(profile),
    )


def _profile(
    credentials: Credentials, http: Http, name: str, timeout_s: float
) -> Mapping[str, object]:
    """Return what the hub tells of a user; a hub that tells nothing is no failure."""
    url = f"{credentials.endpoint}/api/v1/user/{quote(name, safe='')}"
    try:
        found = http.request("GET", url, auth=credentials.authorization, timeout_s=timeout_s)
        data = unwrap(found).get("data")
    except HubHTTPError:
        return {}
    return data if isinstance(data, dict) else {}


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) and value.isprintable() else ""


def _organizations(profile: Mapping[str, object]) -> tuple[str, ...]:
    listed = profile.get("orgs")
    entries = listed if isinstance(listed, list) else []
    paths = (entry.get("path") for entry in entries if isinstance(entry, dict))
    return tuple(path for path in paths if isinstance(path, str) and path)
