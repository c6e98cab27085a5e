"""Readers of git's machine output."""

from __future__ import annotations

import os

import pytest

from csgrepo.git import parse
from csgrepo.git.parse import PushedRef, StagedEntry

ODD = [
    "a b",
    'q"q',
    "tab\there",
    "line\nbreak",
    "模型 final.bin",
    "e\u0301.bin",
    "-x",
    "\udcff.bin",
]


def test_paths_keep_every_byte_of_a_name() -> None:
    assert parse.paths(parse.z_join(ODD)) == ODD
    assert os.fsencode(parse.paths(b"\xff.bin\0")[0]) == b"\xff.bin"


def test_paths_of_nothing_is_empty() -> None:
    assert parse.paths(b"") == []


def test_staged_entries_tell_files_from_links_and_submodules() -> None:
    oid = b"a" * 40
    output = b"".join(
        b"%s %s %d\t%s\0" % (mode, oid, stage, name)
        for mode, stage, name in [
            (b"100644", 0, b"a b"),
            (b"100755", 2, b"run\there"),
            (b"120000", 0, b"link"),
            (b"160000", 0, b"module"),
        ]
    )
    entries = list(parse.staged_entries(output))
    assert entries[0] == StagedEntry("100644", "a" * 40, 0, "a b")
    assert [entry.path for entry in entries if entry.is_regular] == ["a b", "run\there"]
    assert entries[1].stage == 2


def test_attributes_are_read_by_threes_whatever_the_name_looks_like() -> None:
    name = "lfs-diff-merge-filter: lfs.txt"
    output = b"%s\0filter\0unspecified\0a\nb\0filter\0lfs\0" % name.encode()
    assert parse.attributes(output) == {name: {"filter": "unspecified"}, "a\nb": {"filter": "lfs"}}


def test_ls_remote_takes_refs_with_any_separator_in_their_name() -> None:
    name = "refs/heads/odd\u2028name\x0bhere"
    output = b"%s\tHEAD\n%s\t%s\nref: refs/heads/main\tHEAD\n" % (
        b"1" * 40,
        b"2" * 40,
        name.encode(),
    )
    assert parse.ls_remote(output) == {"HEAD": "1" * 40, name: "2" * 40}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "*\tHEAD:refs/heads/m\t[new branch]",
            PushedRef("*", "HEAD", "refs/heads/m", "[new branch]"),
        ),
        (
            "!\ta:refs/heads/m\t[remote rejected] (pre-receive hook declined)",
            PushedRef("!", "a", "refs/heads/m", "[remote rejected] (pre-receive hook declined)"),
        ),
        ("-\t:refs/tags/v1\t[deleted]", PushedRef("-", "", "refs/tags/v1", "[deleted]")),
    ],
)
def test_pushed_refs_name_flag_source_target_and_reason(line: str, expected: PushedRef) -> None:
    output = f"To http://hub/a/b\n{line}\nDone\n".encode()
    assert parse.pushed_refs(output) == [expected]
