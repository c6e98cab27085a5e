"""The index file, read and filled in without git."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import pytest

from csgrepo.errors import GitError
from csgrepo.git import index, locks
from csgrepo.git.index import StatData
from tests.processes import held_open

NAMES = ["a", "dir/模型 final.bin", "dir/模型 later.bin", "z" * 300]
BLOB = "ab" * 20


def _varint(value: int) -> bytes:
    """Encode a number as git's encode_varint does."""
    out = [value & 0x7F]
    while value := value >> 7:
        value -= 1
        out.append(0x80 | value & 0x7F)
    return bytes(reversed(out))


def _index(version: int, names: list[str], *, checksum: bool = True, tail: bytes = b"") -> bytes:
    data = struct.pack(">4sII", b"DIRC", version, len(names))
    previous = b""
    for name in sorted(os.fsencode(n) for n in names):
        flags = min(len(name), 0xFFF) | (0x4000 if version >= 3 else 0)
        entry = struct.pack(">10I", 1, 2, 3, 4, 5, 6, 0o100644, 7, 8, 9) + bytes.fromhex(BLOB)
        entry += struct.pack(">H", flags) + (struct.pack(">H", 0) if version >= 3 else b"")
        if version == 4:
            common = next(
                (n for n, (a, b) in enumerate(zip(previous, name, strict=False)) if a != b),
                min(len(previous), len(name)),
            )
            entry += _varint(len(previous) - common) + name[common:] + b"\0"
        else:
            entry += name
            entry += b"\0" * (8 - len(entry) % 8)
        data += entry
        previous = name
    data += tail
    return data + (hashlib.sha1(data).digest() if checksum else b"\0" * 20)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_read_gives_every_entry_of_each_version(tmp_path: Path, version: int) -> None:
    file = tmp_path / "index"
    file.write_bytes(_index(version, NAMES))
    entries = index.read(file)
    assert [entry.path for entry in entries] == sorted(NAMES, key=os.fsencode)
    assert entries[0].stat == StatData(1, 2, 3, 4, 5, 6, 0o100644, 7, 8, 9)
    assert {entry.oid for entry in entries} == {BLOB}


@pytest.mark.parametrize("version", [2, 3, 4])
def test_write_stats_touches_the_named_entry_and_nothing_else(tmp_path: Path, version: int) -> None:
    file, model = tmp_path / "index", tmp_path / NAMES[1]
    model.parent.mkdir()
    model.write_bytes(b"weights")
    extension = b"TREE" + struct.pack(">I", 4) + b"\1\2\3\4"
    file.write_bytes(_index(version, NAMES, tail=extension))
    before = file.read_bytes()
    assert index.write_stats(tmp_path, file, {NAMES[1]: (BLOB, model.lstat())}) == 1
    after = file.read_bytes()
    assert len(after) == len(before)
    assert extension in after
    assert after[-20:] == hashlib.sha1(after[:-20]).digest()
    for old, new in zip(index.read_bytes(before), index.read_bytes(after), strict=True):
        assert (old == new) == (old.path != NAMES[1])
    written = next(entry for entry in index.read(file) if entry.path == NAMES[1])
    assert written.stat.matches(model.lstat())
    assert written.stat.mode == 0o100644


def test_write_stats_leaves_an_entry_alone_that_has_another_blob_by_now(tmp_path: Path) -> None:
    file = tmp_path / "index"
    file.write_bytes(_index(2, NAMES))
    before = file.read_bytes()
    assert index.write_stats(tmp_path, file, {"a": ("cd" * 20, tmp_path.lstat())}) == 0
    assert file.read_bytes() == before


def test_write_stats_keeps_a_checksum_that_git_left_out(tmp_path: Path) -> None:
    file = tmp_path / "index"
    file.write_bytes(_index(2, NAMES, checksum=False))
    (tmp_path / "a").touch()
    assert index.write_stats(tmp_path, file, {"a": (BLOB, (tmp_path / "a").lstat())}) == 1
    assert file.read_bytes()[-20:] == b"\0" * 20


def test_write_stats_calls_no_file_clean_that_was_written_to_since(tmp_path: Path) -> None:
    file = tmp_path / "index"
    file.write_bytes(_index(2, NAMES))
    (tmp_path / "a").write_bytes(b"read")
    read = (tmp_path / "a").lstat()
    (tmp_path / "a").write_bytes(b"rewritten")
    assert index.write_stats(tmp_path, file, {"a": (BLOB, read)}) == 0
    [entry] = [entry for entry in index.read(file) if entry.path == "a"]
    assert entry.stat == StatData(0, 0, 0, 0, 0, 0, 0o100644, 0, 0, 0)


def test_write_stats_has_git_look_at_others_that_were_written_to_in_the_second_of_the_index(
    tmp_path: Path,
) -> None:
    """The index gets a later second, in which git would not doubt them any more."""
    file = tmp_path / "index"
    file.write_bytes(_index(2, ["a", "b", "c"]))
    for name in "abc":
        (tmp_path / name).write_bytes(b"one")
        os.utime(tmp_path / name, ns=(10**18, 10**18))
    both = {name: (BLOB, (tmp_path / name).lstat()) for name in "bc"}
    assert index.write_stats(tmp_path, file, both) == 2
    os.utime(file, ns=(10**18, 10**18))
    (tmp_path / "b").write_bytes(b"two")
    os.utime(tmp_path / "b", ns=(10**18, 10**18 + 1))

    assert index.write_stats(tmp_path, file, {"a": (BLOB, (tmp_path / "a").lstat())}) == 1

    seen = {entry.path: entry.stat for entry in index.read(file)}
    assert seen["b"] == StatData(0, 0, 0, 0, 0, 0, 0o100644, 0, 0, 0)
    assert [seen[name].matches((tmp_path / name).lstat()) for name in "ac"] == [True, True]


def test_split_index_is_named_rather_than_read_by_half(tmp_path: Path) -> None:
    file = tmp_path / "index"
    for base, split in ((b"\0" * 20, False), (b"\1" * 20, True)):
        file.write_bytes(_index(2, NAMES, tail=b"link" + struct.pack(">I", 20) + base))
        if split:
            with pytest.raises(index.SplitIndex):
                index.read(file)
        else:
            assert len(index.read(file)) == len(NAMES)


def test_no_index_file_has_no_entries(tmp_path: Path) -> None:
    assert index.read(tmp_path / "index") == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DIRC",
        b"JUNK" + b"\0" * 40,
        struct.pack(">4sII", b"DIRC", 5, 0),
        _index(2, NAMES)[:90],
    ],
)
def test_a_damaged_index_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "index"
    file.write_bytes(data)
    with pytest.raises(GitError, match="index"):
        index.read(file)


def test_write_stats_says_who_is_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "index"
    file.write_bytes(_index(2, NAMES))
    (tmp_path / "index.lock").touch()
    monkeypatch.setattr(locks, "_OWNED_PATIENCE_S", 0.05)
    with held_open(tmp_path / "index.lock"), pytest.raises(GitError, match=r"index\.lock is held"):
        index.write_stats(tmp_path, file, {"a": (BLOB, tmp_path.lstat())})
    assert (tmp_path / "index.lock").exists()


def test_stat_data_notices_each_kind_of_change(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"weights")
    noted = StatData.of(file.lstat(), 0o100644)
    assert noted.matches(file.lstat())
    os.utime(file, ns=(1, 1))
    assert not noted.matches(file.lstat())
    noted = StatData.of(file.lstat(), 0o100644)
    file.write_bytes(b"longer weights")
    assert not noted.matches(file.lstat())
