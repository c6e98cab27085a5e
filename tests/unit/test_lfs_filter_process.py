"""The long-running filter, spoken to as git speaks to it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from csgrepo.lfs.filter_process import serve
from csgrepo.lfs.pointer import Pointer
from csgrepo.lfs.store import Store

HELLO = [b"git-filter-client\n", b"version=2\n", None, b"capability=clean\n", None]


def _packets(items: list[bytes | None]) -> bytes:
    return b"".join(b"0000" if i is None else b"%04x%s" % (len(i) + 4, i) for i in items)


def _pieces(content: bytes, size: int = 65516) -> list[bytes | None]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def _request(command: str, name: str, content: bytes, size: int = 65516) -> list[bytes | None]:
    head = [f"command={command}\n".encode(), f"pathname={name}\n".encode(), None]
    return [*head, *_pieces(content, size), None]


def _converse(store: Store, *requests: list[bytes | None]) -> list[list[bytes]]:
    """Return the lists of packets that come back, split at the flushes."""
    items = [*HELLO, *(item for request in requests for item in request)]
    sink = io.BytesIO()
    serve(io.BytesIO(_packets(items)), sink, store)
    stream, lists = io.BytesIO(sink.getvalue()), [[]]
    while head := stream.read(4):
        if head == b"0000":
            lists.append([])
        else:
            lists[-1].append(stream.read(int(head, 16) - 4))
    return lists[:-1]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "lfs")


@pytest.mark.parametrize("size", [1, 1025, 65516, 300_000])
@pytest.mark.parametrize("packet", [7, 65516])
def test_clean_stores_the_content_and_answers_with_its_pointer(
    store: Store, size: int, packet: int
) -> None:
    content = hashlib.shake_256(b"weights").digest(size)
    answer = _converse(store, _request("clean", "模型.bin", content, packet))
    pointer = Pointer(hashlib.sha256(content).hexdigest(), size)
    assert answer == [
        [b"git-filter-server\n", b"version=2\n"],
        [b"capability=clean\n", b"capability=smudge\n"],
        [b"status=success\n"],
        [pointer.encode()],
        [],
    ]
    assert store.path(pointer.oid).read_bytes() == content
    assert list((store.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("content", [b"", Pointer("ab" * 32, 5).encode()])
def test_clean_lets_empty_files_and_pointers_stand_for_themselves(
    store: Store, content: bytes
) -> None:
    answer = _converse(store, _request("clean", "a.bin", content))
    assert b"".join(answer[3]) == content
    assert list(store.oids()) == []


def test_smudge_gives_the_content_that_is_here(store: Store) -> None:
    content = b"weights" * 50_000
    _converse(store, _request("clean", "a.bin", content))
    pointer = Pointer(hashlib.sha256(content).hexdigest(), len(content))
    answer = _converse(store, _request("smudge", "a.bin", pointer.encode()))
    assert b"".join(answer[3]) == content


def test_smudge_leaves_the_pointer_and_says_so_when_the_content_is_elsewhere(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    pointer = Pointer("ab" * 32, 5)
    answer = _converse(store, _request("smudge", "a.bin", pointer.encode()))
    assert b"".join(answer[3]) == pointer.encode()
    assert "a.bin: its content is not here yet" in capsys.readouterr().err


def test_smudge_leaves_pointers_alone_when_told_to(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _converse(store, _request("clean", "a.bin", b"weights"))
    pointer = Pointer(hashlib.sha256(b"weights").hexdigest(), 7)
    monkeypatch.setenv("GIT_LFS_SKIP_SMUDGE", "1")
    answer = _converse(store, _request("smudge", "a.bin", pointer.encode()))
    assert b"".join(answer[3]) == pointer.encode()
    assert capsys.readouterr().err == ""


def test_a_file_that_is_no_pointer_is_smudged_as_it_is(store: Store) -> None:
    content = b"version of a text" * 20_000
    answer = _converse(store, _request("smudge", "a.bin", content))
    assert b"".join(answer[3]) == content


def test_several_files_are_served_one_after_the_other(store: Store) -> None:
    answer = _converse(store, *(_request("clean", f"{n}.bin", b"%d" % n) for n in range(3)))
    pointers = [Pointer.parse(b"".join(answer[3 + 3 * n])) for n in range(3)]
    assert [p and p.oid for p in pointers] == [
        hashlib.sha256(b"%d" % n).hexdigest() for n in range(3)
    ]


def test_a_store_that_cannot_be_written_is_an_error_and_the_next_file_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lfs").write_text("a file in the way")
    store = Store(tmp_path / "lfs")
    answer = _converse(
        store, _request("clean", "a.bin", b"weights"), _request("clean", "b.bin", b"")
    )
    assert answer[2] == [b"status=error\n"]
    assert answer[3] == [b"status=success\n"]
    assert "a.bin" in capsys.readouterr().err
