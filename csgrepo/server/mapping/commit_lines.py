"""A commit as one JSON object a line, the way the other libraries send it."""

from __future__ import annotations

import json
from typing import Any

from csgrepo.lfs.pointer import OID
from csgrepo.server.git.draft import Action
from csgrepo.server.git.intake import decoded, pointer_text
from csgrepo.server.http.limits import MAX_GIT_FILE_BYTES
from csgrepo.server.http.refusal import Refusal

__all__ = ["parse"]

_LONGEST_LINE = MAX_GIT_FILE_BYTES


def parse(body: bytes) -> tuple[str, list[Action]]:
    """Return a commit's message and what it does.

    Raises:
        Refusal: 400, a line is too long, is no JSON, or says what is not known.
    """
    message, actions = "", []
    for line in body.split(b"\n"):
        if not line.strip():
            continue
        key, value = _parsed(line)
        if key == "header":
            parts = [_text(value, name) for name in ("summary", "description")]
            message = "\n\n".join(part for part in parts if part)
        elif key in _READERS:
            actions.append(_READERS[key](value))
        else:
            raise Refusal(400, "", f"unknown key {key[:100]!r}")
    return message or "initial commit", actions


def _parsed(line: bytes) -> tuple[str, dict[str, Any]]:
    if len(line) > _LONGEST_LINE:
        raise Refusal(400, "", f"a line is longer than {_LONGEST_LINE} bytes")
    try:
        found = json.loads(line)
        key, value = found["key"], found["value"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise Refusal(400, "", "a line is not an object with key and value") from error
    if not isinstance(key, str) or not isinstance(value, dict):
        raise Refusal(400, "", "a line's key is not text, or its value is not an object")
    return key, value


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name) or ""
    if not isinstance(text, str):
        raise Refusal(400, "", f"{name} is not text")
    return text


def _file(value: dict[str, Any]) -> Action:
    content, encoding = value.get("content"), _text(value, "encoding")
    if encoding in {"", "base64"}:
        return Action("create", _text(value, "path"), decoded(content))
    if encoding == "utf-8" and isinstance(content, str):
        return Action("create", _text(value, "path"), content.encode("utf-8", "replace"))
    raise Refusal(400, "", f"unknown encoding {encoding[:100]!r}")


def _large(value: dict[str, Any]) -> Action:
    oid, size = _text(value, "oid"), value.get("size")
    if value.get("algo", "sha256") != "sha256" or not OID.fullmatch(oid):
        raise Refusal(400, "", f"{oid[:100]!r} is no SHA-256")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        raise Refusal(400, "", "size is no number of bytes")
    return Action("create", _text(value, "path"), pointer_text(oid, size))


def _gone(value: dict[str, Any]) -> Action:
    return Action("delete", _text(value, "path"))


_READERS = {"file": _file, "lfsFile": _large, "deletedFile": _gone, "deletedFolder": _gone}
