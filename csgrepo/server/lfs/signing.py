"""Signed addresses: whoever holds one may fetch that object until it expires."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from csgrepo.server.http.limits import SIGNED_URL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Signer"]


class Signer:
    """Makes and checks signed paths.

    Args:
        key: the hub's own secret.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(
        self, path: str, facts: Mapping[str, str], lifetime_s: int = SIGNED_URL_SECONDS
    ) -> str:
        """Return the path with the facts, the time it expires and the signature as its query."""
        query = {**facts, "expires": str(int(time.time()) + lifetime_s)}
        query["sig"] = self._signature(path, query)
        return f"{quote(path)}?{urlencode(query)}"

    def valid(self, path: str, query: Mapping[str, str]) -> bool:
        """Tell whether a path came with a signature of ours that has not expired."""
        facts = {name: value for name, value in query.items() if name != "sig"}
        expected = self._signature(path, facts)
        given = query.get("sig", "").encode("utf-8", "surrogateescape")
        expires = facts.get("expires", "")
        return (
            hmac.compare_digest(expected.encode(), given)
            and expires.isdecimal()
            and int(expires) >= time.time()
        )

    def _signature(self, path: str, facts: Mapping[str, str]) -> str:
        return self.seal(json.dumps([path, sorted(facts.items())]))

    def seal(self, said: str) -> str:
        """Return the signature of a text; none that begins with ``[`` but for paths."""
        return hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()
