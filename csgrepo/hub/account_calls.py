"""The calls of `HubApi` about the caller's own account: access tokens and SSH keys."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.errors import Conflict, HubError, InvalidInput, ServerError
from csgrepo.hub.account_results import AccessToken, SshKey
from csgrepo.hub.connection import HubCalls, segment

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from csgrepo.credentials import Account
    from csgrepo.hub.listing import Listing

__all__ = ["AccountCalls"]

_APPLICATIONS = ("git", "mirror", "aigateway")
_PUBLIC_KEY = re.compile(r"((?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})(?: .*)?")
_DUPLICATE = re.compile("duplicate|already exist", re.IGNORECASE)


class AccountCalls(HubCalls):
    """The caller's account, and what it is known by."""

    def whoami(self) -> Account:
        """Return the account the token belongs to (``GET /csg/api/whoami-v2``).

        Raises:
            Unauthorized: there is no token, or the hub does not know it.

        Example:
            >>> api.whoami().name
            'wanda'
        """
        return self._hub.account()

    def list_access_tokens(self, application: str = "git") -> list[AccessToken]:
        """Return your access tokens for one application (``GET /api/v1/user/…/tokens``).

        Args:
            application: ``"git"`` (git, LFS and REST), ``"mirror"`` or ``"aigateway"``.

        Raises:
            Unauthorized: there is no token, or the hub does not know it.

        Example:
            >>> made = api.create_access_token("laptop")
            >>> [token.token for token in api.list_access_tokens() if token.name == "laptop"]
            [Secret('****')]
        """
        query = {"app": _application(application)}
        listed = self._hub.entries(f"{self._hub.user_path()}/tokens", "access tokens", params=query)
        return [AccessToken.read(fields) for fields in listed]

    def create_access_token(
        self, name: str, *, expires_at: datetime | None = None, application: str = "git"
    ) -> AccessToken:
        """Make an access token (``POST /api/v1/token/{application}/{name}``).

        Args:
            name: what to call it.
            expires_at: when it ends, with a time zone; never where not given. The hub holds git
                and LFS to it; its REST interface may take an expired token still.
            application: what it is for.

        Raises:
            InvalidInput: the time is not in the future: the hub would make a token that never
                expires. Or it has no time zone.
            Conflict: there is one of that name.
            HubError: the hub made one with another end; delete it.

        Example:
            >>> from datetime import datetime, timedelta, timezone
            >>> soon = datetime.now(timezone.utc) + timedelta(days=30)
            >>> made = api.create_access_token("ci", expires_at=soon)
            >>> made.token, len(made.token.reveal())
            (Secret('****'), 32)
        """
        body: dict[str, object] = {"name": name, "application": _application(application)}
        if expires_at:
            if expires_at.tzinfo is None:
                raise InvalidInput("expires_at needs a time zone: datetime.now(timezone.utc) + …")
            if expires_at <= datetime.now(timezone.utc):
                raise InvalidInput("expires_at is not in the future")
            body["expired_at"] = expires_at.astimezone(timezone.utc).isoformat()
        path = f"/api/v1/token/{segment(application)}/{segment(name)}"
        with _duplicates():
            made = AccessToken.read(self._hub.made("POST", path, json=body))
        if expires_at and (
            made.expires_at is None or abs((made.expires_at - expires_at).total_seconds()) > 1
        ):
            raise HubError(
                f"the hub made the access token {name!r} with another end than asked for "
                f"({made.expires_at or 'never'}); delete it"
            )
        return made

    def rotate_access_token(self, name: str, *, application: str = "git") -> AccessToken:
        """Give an access token a new value (``PUT /api/v1/token/{application}/{name}``).

        The old one is worthless from then on; its end stays what it was. A token that this client
        itself uses has to be passed anew.

        Raises:
            Unauthorized: there is no token, or the hub does not know it.
            NotFound: there is none of that name.

        Example:
            >>> old = api.create_access_token("laptop")
            >>> api.rotate_access_token("laptop").token == old.token
            False
        """
        path = f"/api/v1/token/{segment(_application(application))}/{segment(name)}"
        return AccessToken.read(self._hub.made("PUT", path, json={}))

    def delete_access_token(
        self, name: str, *, application: str = "git", missing_ok: bool = False
    ) -> None:
        """Make an access token worthless (``DELETE /api/v1/token/{application}/{name}``).

        Raises:
            Unauthorized: there is no token, or the hub does not know it.
            NotFound: there is none of that name, unless `missing_ok`.

        Example:
            >>> api.delete_access_token("laptop", missing_ok=True)
        """
        path = f"/api/v1/token/{segment(_application(application))}/{segment(name)}"
        self._hub.remove(path, missing_ok=missing_ok)

    def list_ssh_keys(self) -> Listing[SshKey]:
        """List your SSH keys (``GET /api/v1/user/…/ssh_keys``); the hub tells no total.

        Raises:
            Unauthorized: there is no token, or the hub does not know it.

        Example:
            >>> [(key.name, key.fingerprint) for key in api.list_ssh_keys()]
            []
        """
        return self._hub.pages(f"{self._hub.user_path()}/ssh_keys", "SSH keys", SshKey.read)

    def add_ssh_key(self, name: str, key: str | os.PathLike[str]) -> SshKey:
        """Add a public key (``POST /api/v1/user/…/ssh_keys``).

        Args:
            name: what to call it.
            key: the key's text, or the file it is in: a `Path`, or a text ending in ``.pub``.

        Raises:
            InvalidInput: it is no public key. A private one is refused before anything is sent.
            Unauthorized: there is no token, or the hub does not know it.
            Conflict: you have one of that name, or someone has this key.
            FileNotFoundError: there is no such file.

        Example:
            >>> api.add_ssh_key("laptop", "~/.ssh/id_ed25519.pub").name
            'laptop'
        """
        content = _public_key(key)
        if not name.isprintable() or not name.strip():
            raise InvalidInput("an SSH key needs a name")
        body = {"name": name, "content": content}
        with _duplicates():
            return SshKey.read(
                self._hub.made("POST", f"{self._hub.user_path()}/ssh_keys", json=body)
            )

    def delete_ssh_key(self, name: str, *, missing_ok: bool = False) -> None:
        """Delete a key by its name (``DELETE /api/v1/user/…/ssh_key/{name}``).

        Raises:
            Unauthorized: there is no token, or the hub does not know it.
            NotFound: there is none of that name, unless `missing_ok`.

        Example:
            >>> api.delete_ssh_key("laptop", missing_ok=True)
        """
        path = f"{self._hub.user_path()}/ssh_key/{segment(name)}"
        self._hub.remove(path, missing_ok=missing_ok)


def _application(name: str) -> str:
    if name not in _APPLICATIONS:
        raise InvalidInput(f"application={name!r} is unknown; use one of {_APPLICATIONS}")
    return name


def _public_key(key: str | os.PathLike[str]) -> str:
    if isinstance(key, str) and not key.rstrip().endswith(".pub"):
        text = key.strip()
    else:
        text = Path(key).expanduser().read_bytes()[:65536].decode("utf-8", "replace").strip()
    if "PRIVATE KEY" in text:
        raise InvalidInput("this is a private key, which must never leave your machine; use .pub")
    match = _PUBLIC_KEY.fullmatch(text)
    blob = b""
    if match:
        with contextlib.suppress(binascii.Error):
            blob = base64.b64decode(match[2], validate=True)
    # The key says in itself what kind it is: a length in four bytes, then the name.
    if not match or blob[4 : 4 + int.from_bytes(blob[:4], "big")] != match[1].encode():
        raise InvalidInput(
            "this is not one line as ssh-keygen writes public keys: 'ssh-ed25519 AAAA… comment'"
        )
    return text


@contextlib.contextmanager
def _duplicates() -> Iterator[None]:
    """Tell a name that is taken, a status 500 without a code here, from a hub that fails."""
    try:
        yield
    except ServerError as error:
        if error.code or not _DUPLICATE.search(error.server_message):
            raise
        raise Conflict(
            status=error.status,
            code="",
            server_message=error.server_message,
            request_id=error.request_id,
            url=error.url,
        ) from error
