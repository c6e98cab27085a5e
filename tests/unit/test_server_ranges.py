import pytest

pytest.importorskip("starlette")

from csgrepo.server.http.downloads import Span, disposition, wanted_range

WHOLE = Span(0, 10, partial=False)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, WHOLE),
        ("bytes=0-", Span(0, 10)),
        ("bytes=3-5", Span(3, 3)),
        ("bytes=9-9", Span(9, 1)),
        ("bytes=-4", Span(6, 4)),
        ("bytes=-40", Span(0, 10)),
        ("bytes=5-500", Span(5, 5)),
        ("bytes=10-", None),
        ("bytes=10-20", None),
        ("bytes=-0", None),
        ("bytes=5-3", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=1-2,4-5", WHOLE),
        ("bytes=a-b", WHOLE),
        ("items=1-2", WHOLE),
        ("bytes=--1", WHOLE),
        ("bytes=\u0661-\u0662", WHOLE),
        ("bytes=" + "9" * 5000 + "-", WHOLE),
    ],
)
def test_wanted_range(header, expected):
    assert wanted_range(header, 10) == expected


def test_nothing_of_an_empty_file_can_be_a_range():
    assert wanted_range("bytes=0-", 0) is None
    assert wanted_range(None, 0) == Span(0, 0, partial=False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.bin", 'attachment; filename="a.bin"'),
        ('a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"),
        ("模.bin", "attachment; filename=\"_.bin\"; filename*=UTF-8''%E6%A8%A1.bin"),
        ("a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
    ],
)
def test_disposition_cannot_be_broken_out_of(name, expected):
    assert disposition(name) == expected
