"""Paths on disk: all or nothing, never outside, hashed as written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from csgrepo import files
from csgrepo.errors import DiskFull, UnsafePath

NAMES = ["a.bin", "模型 final.bin", "é.bin", "🙂" * 63, "模" * 85, "x" * 255, "-x", "a\nb\t"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_atomic_writes_the_whole_file_and_nothing_else(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()

    with files.atomic(folder / name) as stream:
        stream.write(b"weights")

    assert os.listdir(folder) == [name]
    assert (folder / name).read_bytes() == b"weights"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_atomic_when_the_body_raises_leaves_the_old_content(
    error: type[BaseException], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    target = folder / "model.bin"
    target.write_bytes(b"old")

    with pytest.raises(error), files.atomic(target) as stream:  # noqa: PT012 - the body is the case
        stream.write(b"half of the n")
        raise error

    assert target.read_bytes() == b"old"
    assert os.listdir(folder) == ["model.bin"]


def test_atomic_is_not_seen_before_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "model.bin"

    with files.atomic(target) as stream:
        stream.write(b"x" * 100_000)
        stream.flush()
        assert not target.exists()

    assert target.stat().st_size == 100_000


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
@pytest.mark.parametrize(
    ("mask", "mode", "expected"),
    [(0o022, None, 0o644), (0o077, None, 0o600), (0o002, None, 0o664), (0o000, 0o600, 0o600)],
)
def test_atomic_permissions(mask: int, mode: int | None, expected: int, tmp_path: Path) -> None:
    previous = os.umask(mask)
    try:
        with files.atomic(tmp_path / "file", mode=mode):
            pass
    finally:
        os.umask(previous)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == expected


def test_atomic_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "link").symlink_to("victim")

    with files.atomic(tmp_path / "link") as stream:
        stream.write(b"new")

    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "link").is_symlink()


def test_write_private_makes_its_folder_and_is_for_its_owner_only(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "token"

    files.write_private(target, b"s3cr3t")
    target.chmod(0o644)
    files.write_private(target, b"s3cr3t-2")

    assert target.read_bytes() == b"s3cr3t-2"
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert stat.S_IMODE(target.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_disk_errors_become_disk_full_with_the_cause(number: int) -> None:
    with pytest.raises(DiskFull) as caught, files.disk_errors("/data/模型.bin", "4 GB"):
        raise OSError(number, os.strerror(number))

    assert caught.value.path == "/data/模型.bin"
    assert isinstance(caught.value.__cause__, OSError)


def test_disk_errors_lets_other_errors_through() -> None:
    with pytest.raises(PermissionError), files.disk_errors("/data"):
        raise PermissionError(errno.EACCES, "no")


@pytest.mark.skipif(sys.platform != "linux", reason="a device that is always full")
def test_a_really_full_device_is_disk_full() -> None:
    with pytest.raises(DiskFull), files.disk_errors("/dev/full"), open("/dev/full", "wb") as full:
        full.write(b"x" * 100_000)


HOSTILE = [
    "",
    "\0",
    "a\0b",
    "/etc/passwd",
    "//host/share",
    "\\\\host\\share",
    "\\x",
    "C:\\x",
    "C:x",
    "c:/x",
    ".",
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "a/./b",
    "a//b",
    "a/",
    "a/..\\..\\x",
    "..\\x",
    "a\\..\\x",
    ".git/hooks/post-checkout",
    "a/.git/config",
    ".GIT/config",
    ".Git/x",
    ".git ",
    ".git./x",
    ".git. . /x",
    ".git::$INDEX_ALLOCATION/x",
    "git~1/config",
    "GIT~1/x",
    ".g\u200cit/config",
    ".git\ufeff/config",
]

ALLOWED = [
    "a.bin",
    "a/b/c.bin",
    "模型/权重 1.bin",
    "-x.bin",
    "..x",
    "x..",
    "...",
    ".gitattributes",
    ".gitignore",
    ".github/workflows/ci.yml",
    "a/git",
    "w[1]*.bin",
    "a\nb",
    "🙂.bin",
    "e\u0301.bin",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_safe_join_refuses(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafePath) as caught:
        files.safe_join(tmp_path, name)

    assert caught.value.name == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a/" * 2048 + "b", "4097 characters"),
        ("x/\ud800", "half a character"),
        ("模" * 86, "258 bytes"),
    ],
    ids=["long path", "surrogate", "long name"],
)
def test_safe_join_when_no_file_can_have_that_name_then_it_is_refused(
    name: str, why: str, tmp_path: Path
) -> None:
    if os.name != "posix" and "bytes" in why:
        pytest.skip("names are counted in other units here")
    with pytest.raises(UnsafePath, match=why) as caught:
        files.safe_join(tmp_path, name)

    assert str(caught.value).isprintable()
    assert files.safe_join(tmp_path, "模" * 85)


@pytest.mark.parametrize("name", ALLOWED, ids=ascii)
def test_safe_join_joins(name: str, tmp_path: Path) -> None:
    assert files.safe_join(tmp_path, name) == tmp_path.joinpath(*name.split("/"))


@pytest.mark.parametrize("links", ["a", "a/b"])
def test_safe_join_when_a_parent_is_a_link_refuses(links: str, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    (root / links).parent.mkdir(parents=True)
    (root / links).symlink_to(outside)

    with pytest.raises(UnsafePath, match="link"):
        files.safe_join(root, "a/b/c.bin")


def test_safe_join_when_the_root_itself_is_a_link_does_not_mind(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to("real")

    assert files.safe_join(tmp_path / "root", "a/b") == tmp_path / "root" / "a" / "b"


SIZES = [0, 1, 63, 64, 65, *(files.BLOCK + n for n in (-1, 0, 1)), 5 * files.BLOCK + 12345]


class Trickle(io.RawIOBase):
    """A stream that gives and takes less than it is asked for, as pipes and sockets do."""

    def __init__(self, content: bytes) -> None:
        self.rest = memoryview(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        count = min(len(buffer), len(self.rest), 70_001)
        buffer[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("source", [io.BytesIO, Trickle])
def test_write_hashed_copies_and_hashes_like_hashlib(size: int, source: type) -> None:
    content = os.urandom(size)
    target = io.BytesIO()

    oid, count = files.write_hashed(source(content), target)

    assert (oid, count) == (hashlib.sha256(content).hexdigest(), size)
    assert target.getvalue() == content


@pytest.mark.parametrize("size", SIZES)
def test_hash_file_is_hashlibs(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)

    assert files.hash_file(tmp_path / "file") == (hashlib.sha256(content).hexdigest(), size)


class Broken(Trickle):
    def readinto(self, buffer: memoryview) -> int:
        if len(self.rest) < 100_000:
            raise OSError(errno.EIO, "the disk is dying")
        return super().readinto(buffer)


def test_write_hashed_when_reading_fails_raises_and_ends_its_thread() -> None:
    with pytest.raises(OSError, match="dying"):
        files.write_hashed(Broken(bytes(500_000)), io.BytesIO())

    assert not [thread for thread in threading.enumerate() if thread.name == "csgrepo-hash"]


def test_reflink_shares_the_content_or_says_that_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"weights" * 10_000)

    with contextlib.ExitStack() as stack:
        source = stack.enter_context((tmp_path / "source").open("rb"))
        target = stack.enter_context((tmp_path / "target").open("wb"))
        could = files.reflink(source, target)

    assert (tmp_path / "target").read_bytes() == (b"weights" * 10_000 if could else b"")
