"""Which secret goes where: the hub's token to the hub, another host's to that host."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from csgrepo.config import settings
from csgrepo.credentials.helper import Helper
from csgrepo.credentials.token_file import checked_token, read_own_token, read_token
from csgrepo.errors import InvalidInput
from csgrepo.http import Origin, origin
from csgrepo.http.address import shown
from csgrepo.redact import Secret

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from csgrepo.repo_id import Remote

__all__ = ["Credentials"]

# The public hub serves its pages and its REST interface at one address, git and LFS at the other.
_SAME_HUB = {
    ("https", "hub.opencsg.com", 443): ("https", "opencsg.com", 443),
    ("https", "opencsg.com", 443): ("https", "hub.opencsg.com", 443),
}
_ANY_USER = "oauth2"  # what hosts expect beside a token that alone says who is asking

_SIGNATURES = frozenset(
    {"signature", "sig", "x-amz-signature", "x-goog-signature", "x-oss-signature", "q-signature"}
)


class Credentials:
    """Proof of who is asking, for the places it is meant for and no others.

    Args:
        endpoint: the hub's address.
        token: a token; ``True`` for the environment's or the one that `login` kept; ``False`` or
            ``None`` to be nobody in particular.
        also: places beside the hub that a token passed here is meant for: where a clone comes
            from. A password in such an address goes to its host.
        folder: the working copy whose git settings name the credential helpers.
        found: what ``True`` found, where somebody looked before; it is for the hub alone.

    Attributes:
        endpoint: the hub's address.

    Raises:
        InvalidInput: the token cannot be sent, or there is a password in the hub's address.

    Example:
        >>> proof = Credentials("https://hub.example", "0123456789abcdef")
        >>> proof.authorization("https://hub.example/api/v1/models")
        {'Authorization': Secret('****')}
        >>> proof.authorization("https://other.example/?X-Amz-Signature=1")
        {}
    """

    def __init__(
        self,
        endpoint: str,
        token: str | Secret | bool | None = True,
        *,
        also: Sequence[Remote] = (),
        folder: str | os.PathLike[str] | None = None,
        found: Secret | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        home = origin(self.endpoint)
        if "@" in urlsplit(self.endpoint).netloc:  # it would be in every message and remote
            raise InvalidInput(
                f"the hub's address {shown(endpoint)} holds a user name or a password; leave them "
                "out, and pass token= or set CSGHUB_TOKEN"
            )
        self._hub = [home, *([_SAME_HUB[home]] if home in _SAME_HUB else [])]
        self._lookup = token is True
        self._given = None if isinstance(token, bool | None) else checked_token(token, "the token")
        self._users: dict[Origin, str] = {}
        self._passwords: dict[Origin, Secret] = {}
        self._elsewhere: dict[Origin, Secret] = {}
        self._other_hubs: dict[Origin, str] = {}
        self._found = found
        self._helper = Helper(folder)
        for remote in also:
            if remote.is_http:
                self._learn(origin(remote.url), remote)

    def __repr__(self) -> str:
        return f"Credentials({self.endpoint!r})"

    def _learn(self, place: Origin, remote: Remote) -> None:
        if remote.username:
            self._users[place] = remote.username
        if remote.password:
            self._passwords[place] = remote.password
        if place not in self._hub and self._given:
            self._elsewhere[place] = self._given
        elif place not in self._hub and self._lookup:
            self._other_hubs[place] = remote.url

    @property
    def token(self) -> Secret | None:
        """The hub's token, looked up now: it may have been kept or changed meanwhile.

        Raises:
            InvalidInput: what was found cannot be a token.
        """
        in_address = (self._passwords[place] for place in self._hub if place in self._passwords)
        known = self._given or next(in_address, None)
        if known or not self._lookup:
            return known
        if self._found:
            return self._found
        from_environment = settings().token
        if from_environment:
            return checked_token(from_environment, "CSGHUB_TOKEN")
        return read_token(self.endpoint)

    def authorization(self, url: str) -> dict[str, Secret]:
        """Return the headers that prove to a URL's host who is asking; none if it cannot know.

        The hub gets its token. Another host gets the password from its address or the token that
        was passed for it, the one that `login` kept for it if a clone comes from there, and failing
        these what git's own credential helpers have for it. An
        address that carries a signature gets nothing: it proves itself, and object stores refuse
        two proofs at once.

        Raises:
            InvalidInput: the URL is not an HTTP address.
        """
        place = origin(url)
        if _is_signed(url):
            return {}
        proof = self._proof(place) or self._asked(url, place)
        return {"Authorization": proof} if proof else {}

    def _proof(self, place: Origin) -> Secret | None:
        """Return what is known without asking git."""
        if place in self._hub:
            return _bearer(self.token)
        secret = self._passwords.get(place) or self._elsewhere.get(place)
        if secret:
            return _basic(self._users.get(place, _ANY_USER), secret.reveal())
        other = self._other_hubs.get(place)
        return _bearer(read_own_token(other)) if other else None

    def _asked(self, url: str, place: Origin) -> Secret | None:
        if place in self._hub and not self._lookup:
            return None  # anonymous on the hub by wish
        found = self._helper.login(url, self._users.get(place))
        return _basic(found[0], Secret(found[1]).reveal()) if found else None

    def git_config(self, remote: Remote) -> list[tuple[str, str | Secret]]:
        """Return the settings that let a git child prove who is asking.

        They go into the child's environment, never onto its command line. Git sends an extra
        header with every request to where a redirect led it, other hosts included, so redirects
        are not followed with one. The user's helpers are left out of it: git would tell them to
        drop what they hold when the token is refused.
        """
        if not remote.is_http:
            return []
        place = origin(remote.url)
        places = self._hub if place in self._hub else [place]
        proof = self._proof(place)
        config: list[tuple[str, str | Secret]] = []
        for scope in map(_scope, places):
            if proof:
                header = Secret(f"Authorization: {proof.reveal()}")
                config.append((f"http.{scope}.extraHeader", header))
                config.append((f"http.{scope}.followRedirects", "false"))
            if proof or (place in self._hub and not self._lookup):
                config.append((f"credential.{scope}.helper", ""))
            elif remote.username:
                config.append((f"credential.{scope}.username", remote.username))
        return config


def _is_signed(url: str) -> bool:
    names = {name.lower() for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    return not names.isdisjoint(_SIGNATURES)


def _bearer(token: Secret | None) -> Secret | None:
    return Secret(f"Bearer {token.reveal()}") if token else None


def _basic(user: str, secret: str) -> Secret:
    if ":" in user:
        raise InvalidInput("a user name with ':' in it cannot be sent; check the address")
    return Secret("Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode())


def _scope(place: Origin) -> str:
    scheme, host, port = place
    default = {"http": 80, "https": 443}[scheme]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}/" if port == default else f"{scheme}://{shown}:{port}/"
