"""What is kept of a file under way, and of a commit's files, whatever state the disk left it in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from csgrepo import UnsafePath
from csgrepo.cache import Tree, TreeFile
from csgrepo.download.content import check_bytes
from csgrepo.download.part import BLOCK, Part

COMMIT = "c" * 40
FILE = TreeFile("w.bin", 3 * BLOCK + 5, "a" * 40)


def block(index: int, fill: int) -> bytes:
    return bytes([fill]) * (BLOCK if index < 3 else 5)


def filled(folder: Path, *indexes: int) -> None:
    with Part(folder, FILE) as part:
        for index in indexes:
            assert part.write(index, block(index, index + 1))


def missing(folder: Path) -> list[int]:
    with Part(folder, FILE) as part:
        return part.missing()


def test_blocks_written_in_any_order_are_there_again(tmp_path: Path) -> None:
    filled(tmp_path, 3, 0)

    assert missing(tmp_path) == [1, 2]


@pytest.mark.parametrize("cut", range(1, 13))
def test_record_torn_at_any_byte_costs_one_block(tmp_path: Path, cut: int) -> None:
    filled(tmp_path, 0, 1)
    records = tmp_path / f"{FILE.blob}.blocks"
    records.write_bytes(records.read_bytes()[:-cut])

    assert missing(tmp_path) == [1, 2, 3]
    filled(tmp_path, 1)  # what is recorded after it can be read again
    assert missing(tmp_path) == [2, 3]


@pytest.mark.parametrize("index", range(4))
def test_one_flipped_bit_costs_its_block_alone(tmp_path: Path, index: int) -> None:
    filled(tmp_path, 0, 1, 2, 3)
    with (tmp_path / f"{FILE.blob}.part").open("r+b") as file:
        file.seek(index * BLOCK + 3)
        file.write(bytes([(index + 1) ^ 64]))

    assert missing(tmp_path) == [index]


def test_same_block_again_is_no_change_and_another_is(tmp_path: Path) -> None:
    with Part(tmp_path, FILE) as part:
        assert part.write(0, block(0, 7))
        assert not part.write(0, block(0, 7))
        assert part.write(0, block(0, 8))
    assert missing(tmp_path) == [1, 2, 3]


def test_block_that_rots_while_the_part_is_open_is_found_and_can_be_written_again(tmp_path) -> None:
    with Part(tmp_path, FILE) as part:
        for index in range(4):
            part.write(index, block(index, 7))
        with part.path.open("r+b") as file:
            file.seek(2 * BLOCK)
            file.write(b"x")

        assert part.rotten() == [2]
        assert part.missing() == [2]
        assert part.write(2, block(2, 7))
        assert part.rotten() == []


def test_part_of_another_length_is_begun_anew(tmp_path: Path) -> None:
    filled(tmp_path, 0, 1)

    with Part(tmp_path, dataclasses.replace(FILE, size=2 * BLOCK)) as part:
        assert part.missing() == [0, 1]


def test_tree_is_read_as_it_was_kept_or_not_at_all() -> None:
    files = [TreeFile("目录/a b", 3, "a" * 40, "b" * 64), TreeFile("c", 0, "d" * 40, plain=True)]
    tree = Tree.of(COMMIT, files, complete=True)
    kept = tree.encode()

    assert Tree.decode(COMMIT, kept) == tree
    assert Tree.decode("d" * 40, kept) is None
    for damaged in (b"", kept[:-5], b"[]", b"{}", kept.replace(b'"c"', b'"../c"')):
        assert Tree.decode(COMMIT, damaged) is None


@pytest.mark.parametrize("order", [1, -1])
def test_file_and_folder_of_one_name_are_refused_in_any_order(order: int) -> None:
    files = [TreeFile("a/b", 1, "a" * 40), TreeFile("a/b/c/d", 1, "a" * 40)][::order]

    with pytest.raises(UnsafePath):
        Tree.of(COMMIT, files, complete=True)
    Tree.of(COMMIT, [TreeFile("a/b", 1, "a" * 40), TreeFile("a/b.c", 1, "a" * 40)], complete=True)


def test_content_is_known_by_each_of_its_digests() -> None:
    blob = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"  # git hash-object of "hello"
    sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    # git hash-object of the pointer that git-lfs writes for "hello"
    pointer = "d1ca116d6733584c13cb8bb50b21d5b5b81ee28f"

    for right in (
        TreeFile("x", 5, blob, plain=True),
        TreeFile("x", 5, blob),
        TreeFile("x", 5, pointer),
        TreeFile("x", 5, pointer, sha256),
    ):
        assert check_bytes(b"hello", right) is None
        assert check_bytes(b"hellp", right) is not None
    assert check_bytes(b"hello", TreeFile("x", 5, pointer, plain=True)) is not None
