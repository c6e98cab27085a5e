"""File names against patterns, as Go's ``filepath.Match`` has it."""

from __future__ import annotations

import pytest

from csgrepo.server.lfs.names import LfsNames, matches


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*.bin", "a.bin", True),
        ("*.bin", "a.binx", False),
        ("*.bin", ".bin", True),
        ("*tfevents*", "events.out.tfevents.1", True),
        ("*.tar.*", "a.tar.gz", True),
        ("?.txt", "a.txt", True),
        ("?.txt", "文.txt", True),
        ("?.txt", ".txt", False),
        ("[a-c]", "b", True),
        ("[^a-c]", "b", False),
        ("[^a-c]", "d", True),
        ("[!a]", "!", True),
        ("[!a]", "a", True),
        ("[!a]", "b", False),
        ("[!]", "!", True),
        ("[^!]", "a", True),
        ("[^!]", "!", False),
        (r"\*", "*", True),
        (r"\*", "a", False),
        (r"[\]a]", "]", True),
        (r"[\]a]", "a", True),
        (r"\[a", "[a", True),
        ("[", "[", False),
        ("[a", "a", False),
        ("[]", "]", False),
        ("a\\", "a\\", False),
        ("saved_model/**/*", "saved_model", False),
        ("", "", True),
        ("*", "", True),
    ],
)
def test_a_pattern_matches_as_in_go(pattern, name, expected):
    assert matches(pattern, name) is expected


@pytest.mark.timeout(10)
def test_a_hostile_pattern_takes_no_time():
    assert not matches("*a" * 40 + "b", "a" * 255)


def test_only_the_last_part_counts_in_lower_case():
    names = LfsNames(["*.bin", "*.GGUF", "data/*"])
    assert "deep/folder/W.BIN" in names
    assert "a.gguf" not in names
    assert "a.GGUF" not in names
    assert "data/x" not in names
    assert "x" not in LfsNames()
