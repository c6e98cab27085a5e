"""The filter driver that git runs where a file is kept in LFS: clean on the way in, smudge out.

csgrepo's own adds and checkouts do not need it. It is there for the git commands a person runs in a
clone on a machine without git-lfs, and for the moments in which git itself has to compare a file
with the index.

Follows the long-running filter protocol, gitattributes(5) "Long Running Filter Process", and
gitprotocol-common(5) for the pkt-lines.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from csgrepo import config, files
from csgrepo.git.callback import shell_command
from csgrepo.git.runner import Git, inherited_variables
from csgrepo.lfs.pointer import MAX_POINTER_BYTES, Pointer
from csgrepo.lfs.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DISABLED", "driver", "main", "store_here"]

# For a fresh clone: nothing to compare yet, so pointers may be written out as they are.
DISABLED = (
    ("filter.lfs.process", ""),
    ("filter.lfs.clean", ""),
    ("filter.lfs.smudge", ""),
    ("filter.lfs.required", "false"),
)

_MOST_IN_A_PACKET = 65516


def driver() -> tuple[tuple[str, str], ...]:
    """Return the settings that make git use this module for ``filter=lfs``."""
    command = shell_command("csgrepo.lfs.filter_process")
    return (
        ("filter.lfs.process", command),
        ("filter.lfs.clean", ""),
        ("filter.lfs.smudge", ""),
        ("filter.lfs.required", "true"),
    )


def main() -> None:
    """Serve the git process that started this one, until it closes the pipe."""
    serve(sys.stdin.buffer, sys.stdout.buffer, store_here())


def store_here() -> Store:
    """Return the store of the repository that git, or git-lfs, has started this process in."""
    git = Git(".", env=inherited_variables("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR"))
    common = Path(git.text("rev-parse", "--git-common-dir")).absolute()
    configured = git.run("config", "--path", "lfs.storage", ok=(0, 1)).text
    return Store(common / (configured or "lfs"))


def serve(source: BinaryIO, sink: BinaryIO, store: Store) -> None:
    """Shake hands, then clean and smudge one file after the other."""
    connection = _PacketLines(source, sink)
    connection.read_list()
    connection.write_list(["git-filter-server", "version=2"])
    connection.read_list()
    connection.write_list(["capability=clean", "capability=smudge"])
    while request := connection.read_list():
        facts = dict(line.partition("=")[::2] for line in request)
        work = _clean if facts.get("command") == "clean" else _smudge
        work(connection, store, facts.get("pathname", ""))


def _clean(connection: _PacketLines, store: Store, name: str) -> None:
    content = connection.read_content()
    start = _first(content, MAX_POINTER_BYTES + 1)
    if not start or Pointer.parse(start):
        text = start  # empty files and pointers stand for themselves
    else:
        try:
            text = _stored(store, start, content).encode()
        except OSError as error:
            for _ in content:
                pass
            sys.stderr.write(f"csgrepo: {name}: {error}\n")
            connection.write_list(["status=error"])
            return
    connection.write_list(["status=success"])
    connection.write_content([text])


def _first(content: Iterator[bytes], count: int) -> bytes:
    """Read until there is more than a pointer can hold, or the end."""
    start = b""
    while len(start) < count:
        piece = next(content, b"")
        if not piece:
            break
        start += piece
    return start


def _stored(store: Store, start: bytes, content: Iterator[bytes]) -> Pointer:
    stream = _Pieces(start, content)
    with store.temporary() as (temporary, target):
        oid, size = files.write_hashed(stream, target)  # type: ignore[arg-type]
        store.place(temporary, target, oid)
    return Pointer(oid, size)


class _Pieces:
    """The rest of a file's packets, read like an unbuffered stream."""

    def __init__(self, start: bytes, content: Iterator[bytes]) -> None:
        self._rest = memoryview(start)
        self._content = content

    def readinto(self, buffer: bytearray) -> int:
        filled = 0
        while filled < len(buffer):
            if not self._rest:
                self._rest = memoryview(next(self._content, b""))
                if not self._rest:
                    break
            part = self._rest[: len(buffer) - filled]
            buffer[filled : filled + len(part)] = part
            filled += len(part)
            self._rest = self._rest[len(part) :]
        return filled


def _smudge(connection: _PacketLines, store: Store, name: str) -> None:
    with tempfile.SpooledTemporaryFile(MAX_POINTER_BYTES * 64) as text:
        for piece in connection.read_content():
            text.write(piece)
        text.seek(0)
        pointer = Pointer.parse(text.read(MAX_POINTER_BYTES + 1))
        text.seek(0)
        connection.write_list(["status=success"])
        here = pointer and pointer.size and not pointer.extensions and store.has(pointer)
        if pointer is None or config.skip_smudge() or not here:
            if pointer and pointer.size and not config.skip_smudge():
                sys.stderr.write(
                    f"csgrepo: {name}: its content is not here yet; fetch it with "
                    "`csgrepo pull --lfs`\n"
                )
            connection.write_content(iter(lambda: text.read(files.BLOCK), b""))
            return
    with store.path(pointer.oid).open("rb") as stream:
        connection.write_content(iter(lambda: stream.read(files.BLOCK), b""))


class _PacketLines:
    """Lists and contents in pkt-lines: four hex digits of length, then the payload."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink

    def _read(self) -> bytes | None:
        """Return a payload, or ``None`` at a flush packet and at the end of the stream."""
        head = self._source.read(4)
        length = int(head, 16) if len(head) == 4 else 0
        return self._source.read(length - 4) if length > 4 else None

    def read_list(self) -> list[str]:
        lines = []
        while (line := self._read()) is not None:
            lines.append(line.decode("utf-8", "surrogateescape").removesuffix("\n"))
        return lines

    def read_content(self) -> Iterator[bytes]:
        while (piece := self._read()) is not None:
            yield piece

    def write_list(self, lines: list[str]) -> None:
        for line in lines:
            self._write(f"{line}\n".encode())
        self._sink.write(b"0000")
        self._sink.flush()

    def write_content(self, pieces: Iterator[bytes] | list[bytes]) -> None:
        for piece in pieces:
            for start in range(0, len(piece), _MOST_IN_A_PACKET):
                self._write(piece[start : start + _MOST_IN_A_PACKET])
        # One flush ends the content; an empty list after it says that the status stands.
        self._sink.write(b"00000000")
        self._sink.flush()

    def _write(self, payload: bytes) -> None:
        self._sink.write(b"%04x" % (len(payload) + 4))
        self._sink.write(payload)


if __name__ == "__main__":
    main()
