"""A request before it is sent: which headers it carries, and where they may follow it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin

from csgrepo.errors import InvalidInput
from csgrepo.http.address import origin
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["SILENCE_TIMEOUT_S", "Auth", "Body", "Call", "is_secret"]

SILENCE_TIMEOUT_S = 60.0

_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


class Auth(Protocol):
    """Tells which headers prove to a URL's host who is asking; none for hosts it does not know."""

    def __call__(self, url: str, /) -> Mapping[str, str | Secret]:
        """Return the headers."""


class Body(Protocol):
    """A body that is sent piece by piece, its length known before."""

    failure: Exception | None

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[memoryview]: ...


def is_secret(name: str, value: str | Secret) -> bool:
    """Tell whether a header may only be seen by the origin it was meant for."""
    return name.lower() in _SECRET_HEADERS or isinstance(value, Secret)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, ready to be sent, repeated or redirected."""

    method: str
    url: str
    headers: Mapping[str, str | Secret]
    json: object = None
    data: bytes | Body | None = None
    params: Mapping[str, str | int] | None = None
    stream: bool = False
    timeout_s: float = SILENCE_TIMEOUT_S
    answer_timeout_s: float = SILENCE_TIMEOUT_S

    @property
    def authorized(self) -> bool:
        """Whether it carries credentials."""
        return any(is_secret(name, value) for name, value in self.headers.items())

    def redirected(self, location: str) -> Call:
        """Return the call to make next; secrets stay behind when the origin changes.

        Raises:
            InvalidInput: no HTTP address, or one where the request would be sent in the clear.
        """
        here = origin(self.url)
        try:
            target = urljoin(self.url, location)
        except ValueError:  # its words may hold a password that nobody escaped
            raise InvalidInput("not a valid URL: its host or port cannot be read") from None
        there = origin(target)
        if (here[0], there[0]) == ("https", "http"):
            raise InvalidInput("it leads from https to http, where all can read along")
        call = replace(self, url=target, params=None)
        if here == there:
            return call
        public = {name: text for name, text in self.headers.items() if not is_secret(name, text)}
        return replace(call, headers=public)

    def plain_headers(self) -> dict[str, str]:
        """Return the headers as they are sent.

        Raises:
            InvalidInput: a value that would end the header and begin another.
        """
        plain = {}
        for name, value in self.headers.items():
            text = value.reveal() if isinstance(value, Secret) else value
            if not text.isascii() or not text.isprintable():
                raise InvalidInput(
                    f"the value for the HTTP header {name} holds a line break or a character "
                    "outside ASCII; check the token for stray characters"
                )
            plain[name] = text
        return plain
