"""Files that are hard to carry, and ways to see whether they arrived."""

from __future__ import annotations

import hashlib
import os
import random
import stat
from collections.abc import Mapping
from pathlib import Path

MIB = 1024 * 1024

ODD_NAMES = (
    "模型 final.bin",
    "two  spaces.bin",
    'quote".bin',
    "apostrophe'.bin",
    "[1].bin",
    "star*.bin",
    "question?.bin",
    "#hash.bin",
    "!bang.bin",
    "-dash.bin",
    "tab\t.bin",
    "line\nbreak.bin",
    "back\\slash.bin",
    "colon:1.bin",
    "rocket🚀.bin",
    "cafe\u0301.bin",  # a decomposed accent
    ".hidden.bin",
    "~tilde.bin",
    "$HOME.bin",
    "x" * 251 + ".bin",
    "a/b/c d/目录/deep.bin",
    "-folder/[x]/#y.bin",
)


def content(seed: str | int, size: int) -> bytes:
    """Return bytes that cannot be compressed and are the same for the same seed."""
    return random.Random(f"csgrepo-{seed}").randbytes(size)


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def odd_files() -> dict[str, bytes]:
    return {name: content(name, 300 + 7 * i) for i, name in enumerate(ODD_NAMES)}


def many_files(count: int = 120) -> dict[str, bytes]:
    """Return more files than a batch holds."""
    return {f"shards/{i:04}.bin": content(i, 1000 + i) for i in range(count)}


def everything(folder: Path) -> None:
    """Fill a work tree whose `*.bin` are in LFS with all that a model repository may hold."""
    write(folder, odd_files() | many_files())
    write(
        folder,
        {
            "weights.bin": content("weights", 3 * MIB + 1),
            "same.bin": content("weights", 3 * MIB + 1),  # one object under two names
            "tiny.bin": b"x",
            "empty.bin": b"",
            "tool.bin": content("tool", 5000),
            "README.md": "# 模型\nsmall, and git's own\n".encode(),
            "crlf.txt": b"one\r\ntwo\r\n",
            "run.sh": b"#!/bin/sh\nexit 0\n",
        },
    )
    for name in ("tool.bin", "run.sh"):
        (folder / name).chmod(0o755)
    (folder / "link.bin").symlink_to("weights.bin")
    (folder / "a/up").symlink_to("../README.md")


def tree(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Return what a work tree holds: path to kind and content."""
    found = {}
    for root, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders if name != ".git" and not Path(root, name).is_symlink()
        ]
        for name in os.listdir(root):
            path = Path(root, name)
            if path.is_symlink():
                found[str(path.relative_to(folder))] = ("link", os.fsencode(os.readlink(path)))
            elif name in names and name != ".git":
                kind = "tool" if path.stat().st_mode & stat.S_IXUSR else "file"
                found[str(path.relative_to(folder))] = (kind, path.read_bytes())
    return found


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
