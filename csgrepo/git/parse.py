"""Readers of git's machine output: bytes in, values out, no I/O.

Names are bytes to git and may hold anything but NUL, so everything here comes from ``-z`` output
and becomes `str` through `os.fsdecode`, which loses nothing on the way back.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "PushedRef",
    "StagedEntry",
    "attributes",
    "ls_remote",
    "paths",
    "pushed_refs",
    "staged_entries",
    "z_join",
]

_CHUNK_FIELDS = 3


@dataclass(frozen=True, slots=True)
class StagedEntry:
    """An entry of the index, or of a tree: mode (octal text), object id, stage and path."""

    mode: str
    oid: str
    stage: int
    path: str

    @property
    def is_regular(self) -> bool:
        """Whether it is a file, not a link or a submodule."""
        return self.mode in {"100644", "100755"}


@dataclass(frozen=True, slots=True)
class PushedRef:
    """What became of one ref in a push.

    Attributes:
        flag: ``" "`` moved forward, ``"+"`` forced, ``"*"`` new, ``"-"`` deleted,
            ``"="`` up to date, ``"!"`` refused.
        source: the local side, empty for a deletion.
        target: the ref on the remote.
        summary: git's words on it, the remote's reason included.
    """

    flag: str
    source: str
    target: str
    summary: str


def paths(output: bytes) -> list[str]:
    """Read NUL-terminated names, as from ``ls-files -z``."""
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def z_join(names: Iterable[str]) -> bytes:
    """Write names for a command that reads them with ``--stdin -z``."""
    return b"".join(os.fsencode(name) + b"\0" for name in names)


def staged_entries(output: bytes) -> Iterator[StagedEntry]:
    """Read ``ls-files -s -z``."""
    for record in output.split(b"\0"):
        if record:
            facts, _, path = record.partition(b"\t")
            mode, oid, stage = facts.decode("ascii").split()
            yield StagedEntry(mode, oid, int(stage), os.fsdecode(path))


def attributes(output: bytes) -> dict[str, dict[str, str]]:
    """Read ``check-attr -z``: path → attribute → value."""
    fields = output.split(b"\0")
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(fields) - _CHUNK_FIELDS + 1, _CHUNK_FIELDS):
        path, name, value = fields[start : start + _CHUNK_FIELDS]
        values = found.setdefault(os.fsdecode(path), {})
        values[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
    return found


def ls_remote(output: bytes) -> dict[str, str]:
    """Read ``ls-remote``: ref → object id.

    Lines end in a newline and nothing else: other separators may stand in a ref's name.
    """
    found: dict[str, str] = {}
    for line in output.split(b"\n"):
        oid, tab, ref = line.partition(b"\t")
        if tab and re.fullmatch(rb"[0-9a-f]{40,64}", oid):
            found[os.fsdecode(ref)] = oid.decode("ascii")
    return found


def pushed_refs(output: bytes) -> list[PushedRef]:
    """Read ``push --porcelain``."""
    found = []
    for line in os.fsdecode(output).split("\n"):
        fields = line.split("\t")
        if len(fields) >= _CHUNK_FIELDS and len(fields[0]) == 1:
            source, _, target = fields[1].partition(":")
            found.append(PushedRef(fields[0], source, target, "\t".join(fields[2:])))
    return found
