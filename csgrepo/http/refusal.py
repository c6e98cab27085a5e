"""What a refusal means: statuses and the hub's codes become errors here, and nowhere else."""

from __future__ import annotations

import functools
import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from csgrepo import errors
from csgrepo.http.address import shown
from csgrepo.http.wire import html_notice
from csgrepo.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from csgrepo.http.wire import Response

__all__ = ["error_for", "may_repeat", "refused_redirect", "retry_after"]

# The hub answers many a refusal with status 500, so the code comes first.
_KINDS: dict[type[errors.HubHTTPError], str] = {
    errors.Unauthorized: "AUTH 1 4 5 9 11 13, FEDAP 0 5 10, GIT 8",
    errors.Forbidden: "AUTH 0 2 6 7 10 14 15, SYS 7 8, USER 3",
    errors.NotFound: (
        "SYS 3 5, REPO 2 3, GIT 6 9 11 15, REQ 13, RESOURCE 0, SKILL 0 1 5, SERVERLESS 1 4, "
        "DAT 0, FS 0, INVITATION 1, MIRROR 7, AGENT 22"
    ),
    errors.Conflict: (
        "SPACE 1, REPO 0, SYS 4 6, REQ 15, USER 12 13 19 20, DEPLOY 0 1, MIRROR 0 1 2 4 6, "
        "COLL 0, RUNNER 2, MCPGW 0, AGENT 1 2 3 10, FEDAP 13, INVITATION 2"
    ),
    errors.RateLimited: "REQ 10 11 12, AUTH 12, USER 5",
    errors.BadRequest: (
        "REQ 0 1 2 3 5 6 9 14 16, REPO 1 4 7 8, AUTH 3 8, USER 0 1 18, SENSITIVE 0, "
        "GIT 20 22 37 41, SERVERLESS 0 5 6 7 8, PD 0, TASK 0, MCPGW 1, SKILL 8 9"
    ),
}
_BY_STATUS: dict[int, type[errors.HubHTTPError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    410: errors.NotFound,
    429: errors.RateLimited,
}
_NOT_DONE = frozenset({429, 503})  # the server did nothing: safe to repeat, whatever it was
_TRANSIENT_CODES = frozenset({"InternalError", "RequestTimeout", "SlowDown"})  # object stores'

_CODE = re.compile(r"([A-Z]+-ERR-\d+)\b:?\s*")
_XML_CODE = re.compile(rb"<Error>.{0,1000}?<Code>([A-Za-z]{1,60})</Code>", re.DOTALL)
_XML_MESSAGE = re.compile(rb"<Message>([^<]{1,1000})</Message>")


@functools.cache
def _by_code() -> dict[str, type[errors.HubHTTPError]]:
    table = {}
    for kind, families in _KINDS.items():
        for family in families.split(", "):
            prefix, *numbers = family.split()
            table.update({f"{prefix}-ERR-{number}": kind for number in numbers})
    return table


def error_for(response: Response) -> errors.HubHTTPError:
    """Return the error that an answer stands for: judged by the hub's code, then by the status."""
    code, message = _said(response.beginning())
    error = _kind(response, code, message)(
        status=response.status,
        code=code,
        server_message=message,
        request_id=_request_id(response),
        url=shown(response.url),
    )
    error.retry_after = retry_after(response)
    return error


def refused_redirect(response: Response, why: str) -> errors.HubHTTPError:
    """Return the error for a redirect that is not followed."""
    return errors.HubHTTPError(
        status=response.status,
        code="",
        server_message=why,
        request_id=_request_id(response),
        url=shown(response.url),
    )


def _request_id(response: Response) -> str:
    return _printable(response.headers.get("X-Request-Id", ""))[:100]


def _kind(response: Response, code: str, message: str) -> type[errors.HubHTTPError]:
    status = response.status
    kind = _by_code().get(code) or _BY_STATUS.get(status)
    if kind is errors.Forbidden and (status == 401 and code == "AUTH-ERR-0"):
        return errors.Unauthorized
    if kind is errors.Forbidden and not response.authorized:
        return errors.Unauthorized  # nobody in particular asked: what is missing is a token
    if kind:
        return kind
    if status == 500 and message.lower() == "not found":
        return errors.NotFound
    if status >= 500:
        return errors.ServerError
    return errors.BadRequest if status >= 400 else errors.HubHTTPError


def _said(body: bytes) -> tuple[str, str]:
    """Return the code and the message of a refusal, in whichever of the known shapes it came."""
    if notice := html_notice(body):
        return "", notice
    if xml := _XML_CODE.search(body):
        words = _XML_MESSAGE.search(body)
        return xml[1].decode(), _printable(words[1].decode("utf-8", "replace") if words else "")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "", _printable(body.decode("utf-8", "replace"))
    fields = value if isinstance(value, dict) else {}
    inner = fields.get("error")  # inference servers say it one level deeper
    words = inner.get("message") if isinstance(inner, dict) else inner
    message = _first_text([fields.get("msg"), fields.get("message"), words, fields.get("detail")])
    known = _CODE.match(_first_text([fields.get("code"), message]))
    return (known[1] if known else ""), _printable(_CODE.sub("", message, count=1) or message)


def _first_text(values: Iterable[object]) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def _printable(text: str) -> str:
    shown_text = "".join(char if char.isprintable() else " " for char in text.strip())
    return redact(shown_text)[:1000]


def may_repeat(error: errors.HubHTTPError, *, harmless: bool, repeat_500: bool) -> bool:
    """Tell whether a refusal may pass, so that asking again makes sense and does no harm."""
    if error.status in _NOT_DONE:
        return True
    if not harmless:
        return False
    if error.code in _TRANSIENT_CODES:
        return True
    if error.status == 500:  # the hub's word for many things that no patience will mend
        return repeat_500 and not error.code and type(error) is errors.ServerError
    return error.status == 408 or (error.status > 500 and not error.code)


def retry_after(response: Response) -> float | None:
    """Return the seconds the server asks to wait: a number, or the time until a date."""
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    if not text:
        return None
    import email.utils

    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    now = datetime.now(timezone.utc)
    return max(0.0, (date.replace(tzinfo=date.tzinfo or timezone.utc) - now).total_seconds())
