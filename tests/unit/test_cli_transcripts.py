"""What keeps a command from going untested: what was run is recorded, what was not is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional import transcripts

WHOLE = [
    (name, as_json, code)
    for name in transcripts.leaves()
    for as_json in (False, True)
    for code in (0, 1, *transcripts.failures_of(name))
]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    before = list(transcripts._place)
    transcripts.keep_in(tmp_path / "ran")
    yield tmp_path / "ran"
    transcripts._place[:] = before


def test_nothing_is_missing_where_all_was_shown_and_everything_where_nothing_was() -> None:
    assert transcripts.missing(WHOLE) == []
    lines = transcripts.missing([])
    assert {line.partition(":")[0] for line in lines} == set(transcripts.leaves())


@pytest.mark.parametrize(
    ("lost", "line"),
    [
        (("push", False, 0), "push: nobody saw it succeed"),
        (("tag list", True, 0), "tag list: nobody saw it succeed with --json"),
        (("instances show", False, 3), "instances show: nobody saw it end with 3"),
        (("status", False, 9), "status: nobody saw it end with 9"),
        (("hub serve", False, 1), "hub serve: nobody saw it fail"),
    ],
)
def test_what_was_not_shown_is_named(lost: tuple[str, bool, int], line: str) -> None:
    name, as_json, code = lost
    left = [
        one for one in WHOLE if one[::2] != (name, code) or (not code and one[1] is not as_json)
    ]

    assert transcripts.missing(left) == [line]


def test_what_is_recorded_is_known_by_its_first_name(place: Path) -> None:
    transcripts.record(["--no-color", "inference", "list", "-u", "wanda", "--json"], 3)
    transcripts.record(["upload_large_folder", "wanda/bert", "out"], 0)
    transcripts.record(["no-such"], 2)
    transcripts.record(["tag"], 2)

    assert list(transcripts.ran(place)) == [("instances list", True, 3), ("upload", False, 0)]
