"""A token in an ``.env`` file that a JSON configuration names.

The configuration says where that file is::

    {"app": {"env": {"path": ".env"}}}

seen from the current folder or else from the configuration's own; ``.env`` where it does not say.
The file has a line for each token: ``HUGGINGFACE_READ_API`` for downloads,
``HUGGINGFACE_WRITE_API`` for uploads, or ``CSGHUB_TOKEN`` for both. Nothing is put into the
environment.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from csgrepo.errors import InvalidInput
from csgrepo.redact import Secret

__all__ = ["token_by"]

_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*"""
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s#]*))"""
)


def token_by(config_path: str | os.PathLike[str], *, writing: bool) -> Secret | None:
    """Return the token; ``None`` where there is none and reading does not need one.

    Raises:
        InvalidInput: a file cannot be read or understood, or writing lacks its token.
    """
    config = Path(config_path).expanduser()
    place = _env_file(config)
    own = "HUGGINGFACE_WRITE_API" if writing else "HUGGINGFACE_READ_API"
    found = values(_text(place))
    token = found.get("CSGHUB_TOKEN") or found.get(own)
    if token:
        return Secret(token)
    if writing:
        raise InvalidInput(f"{place} has neither CSGHUB_TOKEN nor {own}; write one there")
    return None


def values(text: str) -> dict[str, str]:
    r"""Return what the lines of an ``.env`` file set; an unquoted value ends at a blank.

    Example:
        >>> values('export A="1 2"  # first\nB=3 (optional)')
        {'A': '1 2', 'B': '3'}
    """
    matches = (_LINE.match(line) for line in text.splitlines())
    return {
        match["name"]: match["double"] or match["single"] or match["bare"] or ""
        for match in matches
        if match
    }


def _env_file(config: Path) -> Path:
    try:
        facts = json.loads(_text(config))
    except ValueError as error:
        raise InvalidInput(f"{config} is no JSON: {error}") from error
    named = Path(os.path.expanduser(_named(facts)))
    return named if named.is_absolute() or named.exists() else config.parent / named


def _named(facts: Any) -> str:
    """Return what the configuration calls the file, at ``app.env.path`` or ``app.path.env``."""
    for first, second in (("env", "path"), ("path", "env")):
        found = facts
        for key in ("app", first, second):
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, str) and found:
            return found
    return ".env"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
