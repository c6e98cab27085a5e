"""Pointers of a whole tree, which is read in portions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from csgrepo.git.runner import Git
from csgrepo.lfs import scan
from csgrepo.lfs.pointer import Pointer


@pytest.mark.parametrize("at_once", [1, 2, 3, 1000])
def test_tree_read_in_portions_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(scan, "_AT_ONCE", at_once)
    pointers = {
        "a.bin": Pointer("a" * 64, 1),
        "folder/same as a.bin": Pointer("a" * 64, 1),
        "模型/权重.bin": Pointer("b" * 64, 2),
        "new\nline.bin": Pointer("c" * 64, 3),
        "z/again.bin": Pointer("a" * 64, 1),
    }
    others = {"as long as a pointer.txt": b"x" * 130, "empty": b"", "long": b"y" * 5000}
    for name, content in {**others, **{n: p.encode() for n, p in pointers.items()}}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for args in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=W", "-c", "user.email=w@x.org", "commit", "--quiet", "-m", "All"],
    ):
        subprocess.run(["git", *args], cwd=tmp_path, check=True)

    assert scan.in_tree(Git(tmp_path), "HEAD") == pointers
