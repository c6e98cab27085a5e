from __future__ import annotations

import pytest

from csgrepo.progress.label import duration, printable, shorten, size, width

HOSTILE = "\x1b[2J\r\n\t\x00\x9b31m\u202egnp.exe"


def test_printable_when_name_holds_control_characters_then_none_is_left() -> None:
    shown = printable(f"模型{HOSTILE}{chr(0xDCFF)}é😀")

    assert shown.isprintable()
    assert shown.startswith("模型\\x1b[2J\\r\\n\\t\\x00\\x9b31m\\u202egnp.exe")
    assert shown.endswith("é😀")


def test_width_when_characters_are_wide_or_combine_then_columns_are_counted() -> None:
    assert width("ab") == 2
    assert width("模型") == 4
    assert width("e\u0301") == 1


@pytest.mark.parametrize("columns", range(40))
@pytest.mark.parametrize("text", ["模型" * 40 + ".bin", "x" * 255, "a模" * 60, "e\u0301" * 100])
def test_shorten_when_too_long_then_never_wider_than_asked(text: str, columns: int) -> None:
    assert width(shorten(text, columns)) <= columns


def test_shorten_when_it_fits_then_nothing_is_lost() -> None:
    assert shorten("模型 final.bin", 14) == "模型 final.bin"
    assert shorten("checkpoint-000100/model.safetensors", 20).endswith("safetensors")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (2.5e13, "25.0 TB")],
)
def test_size_when_bytes_then_decimal_units(count: float, text: str) -> None:
    assert size(count) == text


def test_size_when_other_unit_then_counted() -> None:
    assert size(3, "files") == "3 files"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.421, "0.42 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_duration_when_given_seconds_then_reads_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
