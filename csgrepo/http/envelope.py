"""The envelope around most of the hub's answers: ``{"msg": "OK", "data": …, "total": …}``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.http.refusal import error_for

if TYPE_CHECKING:
    from csgrepo.http.wire import Response

__all__ = ["unwrap"]

_SUCCESS = frozenset({"OK", "Created", "Accepted"})


def unwrap(response: Response) -> dict[str, object]:
    """Return the envelope of an answer that means success; ``data`` may be missing or ``None``.

    Raises:
        HubHTTPError: the status says success and the content does not, or there is no envelope.
    """
    envelope = response.mapping()
    word = envelope.get("msg", envelope.get("message"))
    if word is None:
        raise response.unexpected("JSON without the hub's envelope")
    if word not in _SUCCESS or envelope.get("code"):
        raise error_for(response)
    return envelope
