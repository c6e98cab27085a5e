"""Secrets that print as stars, and the mask for text that came from elsewhere."""

from __future__ import annotations

import re
import threading
from urllib.parse import quote

__all__ = ["Secret", "redact"]

STARS = "****"

# Every secret this process has held: text from git, a server or an exception may quote any of them.
_known: set[str] = set()
_known_lock = threading.Lock()  # guards _known

_SHORTEST_MASKED = 6  # shorter values would mask ordinary words

# A password that nobody escaped may hold quotes and further @; the host begins after the last.
_USERINFO = re.compile(r"(?<=://)[^/\s]+(?=@)")
_HEADER = re.compile(
    r"((?:authorization|private-token)b?['\"]?\s*[:=]\s*(?:b?['\"])?)"
    r"(?:(?:basic|bearer|digest|negotiate|token)(?:\s|%20|\+)+)?[^\s'\"&]+",
    re.IGNORECASE,
)
_QUERY = re.compile(
    r"([?&](?:x-(?:amz|goog)-(?:signature|credential|security-token)|signature|sig|jwt|password|"
    r"(?:access_|private_)?token)=)[^&\s'\"]+",
    re.IGNORECASE,
)


class Secret:
    """A string that shows as stars wherever it is printed, formatted or pickled into a traceback.

    The value is revealed on the line that uses it and nowhere else.

    Example:
        >>> token = Secret("s3cr3t-token")
        >>> f"using {token}"
        'using ****'
        >>> token.reveal()
        's3cr3t-token'
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _SHORTEST_MASKED:
            with _known_lock:
                _known.update((value, quote(value, safe="")))

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __str__(self) -> str:
        return STARS

    def __repr__(self) -> str:
        return f"Secret({STARS!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to travel: a pickled secret is a secret on disk."""
        raise TypeError("a Secret cannot be pickled")


def redact(text: str) -> str:
    """Return the text with everything that may be a secret masked.

    Masks values held as `Secret`, user information in URLs, authorization headers and the
    signatures of signed URLs.
    """
    with _known_lock:
        known = sorted(_known, key=len, reverse=True)
    for value in known:
        text = text.replace(value, STARS)
    text = _USERINFO.sub(STARS, text)
    text = _HEADER.sub(lambda match: match[1] + STARS, text)
    return _QUERY.sub(lambda match: match[1] + STARS, text)
