from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from csgrepo.errors import InvalidInput
from csgrepo.jobs import Job, Progress, Push, PushReceipt

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PUSH = Push(
    remote="origin",
    url="https://hub.example/models/wanda/模型.git",
    commit=COMMIT,
    ref="refs/heads/主/main",
    set_upstream="main",
    auto_lfs_prune=True,
    title="push 主 to hub",
)
RECEIPT = PushReceipt(
    url=f"https://hub.example/models/wanda/m/commit/{COMMIT}",
    remote_url="https://hub.example/models/wanda/m.git",
    ref="refs/heads/main",
    commit=COMMIT,
    previous=None,
    objects=2,
    size_bytes=3_500_000,
    uploaded_objects=1,
    uploaded_bytes=500,
    verified_at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone.utc),
)


def test_push_when_written_and_read_then_is_the_same() -> None:
    assert Push.from_json(PUSH.to_json()) == PUSH
    assert "\n" not in PUSH.to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"commit": "abc123"},
        {"commit": f"{COMMIT}\n"},
        {"commit": "--mirror"},
        {"ref": "main"},
        {"ref": "refs/notes/x"},
        {"ref": "refs/heads/"},
        {"ref": "refs/heads/a..b"},
        {"ref": "refs/heads/main:refs/heads/other"},
        {"ref": "refs/heads/main\nrefs/heads/x"},
        {"url": ""},
        {"url": "--upload-pack=touch x"},
        {"remote": "--mirror"},
        {"set_upstream": "-d"},
        {"url": "https://wanda:tok-12345678@hub.example/m.git"},
        {"url": "https://tok-12345678@hub.example/m.git"},
        {"url": "ssh://git:secret12@hub.example/m.git"},
    ],
)
def test_push_when_a_field_cannot_be_meant_then_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        replace(PUSH, **change)
    assert "tok-12345678" not in str(caught.value)


@pytest.mark.parametrize("url", ["git@hub.example:wanda/m.git", "ssh://git@hub.example/m", "/a b"])
def test_push_when_the_address_holds_no_secret_then_is_accepted(url: str) -> None:
    assert replace(PUSH, url=url, remote="", set_upstream=None).url == url


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"commit": 3}', "null", '{"nonsense": 1}'])
@pytest.mark.parametrize("kind", [Push, PushReceipt])
def test_record_when_the_text_is_something_else_then_is_refused(
    kind: type[Push | PushReceipt], text: str
) -> None:
    with pytest.raises(InvalidInput):
        kind.from_json(text)


def test_receipt_when_written_and_read_then_is_the_same() -> None:
    assert PushReceipt.from_json(RECEIPT.to_json()) == RECEIPT
    known = replace(RECEIPT, previous="f" * 40)
    assert PushReceipt.from_json(known.to_json()) == known


def test_receipt_when_shown_then_says_what_where_and_when() -> None:
    assert str(RECEIPT) == (
        "main at https://hub.example/models/wanda/m.git is 0123456789; 2 large files (3.5 MB; "
        "1 uploaded, 500 B), verified 2026-02-03 04:05:06 UTC: "
        f"https://hub.example/models/wanda/m/commit/{COMMIT}"
    )
    moved = replace(RECEIPT, previous="f" * 40, objects=0, ref="refs/tags/v1")
    assert "tags/v1 at https://hub.example/models/wanda/m.git is ffffffffff..0123456789, " in str(
        moved
    )


def test_receipt_when_its_time_has_no_zone_then_is_refused() -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        replace(RECEIPT, verified_at=RECEIPT.verified_at.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("done", "total", "fraction"), [(0, None, None), (1, 4, 0.25), (9, 4, 1.0), (0, 0, 1.0)]
)
def test_progress_when_asked_then_tells_the_fraction(
    done: int, total: int | None, fraction: float | None
) -> None:
    assert Progress(done=done, total=total).fraction == fraction


def _job(error: str) -> Job:
    return Job(
        id=1,
        push=PUSH,
        state="failed",
        status=1,
        progress=Progress(),
        error_type="PushRejected",
        error=error,
        receipt=None,
        created=0.0,
        started=None,
        ended=None,
        runs=1,
        worker_pid=None,
        submitter_pid=1,
    )


def test_reason_when_git_counted_then_is_one_line_without_the_counts() -> None:
    error = (
        "git push failed with status 1 in /tmp/w: Enumerating objects: 3, done.\n"
        "Counting objects:  33% (1/3)\rCounting objects: 100% (3/3)\rCounting objects: "
        "100% (3/3), done.\nTotal 3 (delta 0), reused 0\n"
        "remote: Resolving deltas: 100% (1/1), done.\nremote: quota: 5 GB is used up\n"
    )
    assert _job(error).reason == (
        "git push failed with status 1 in /tmp/w: Enumerating objects: 3, done. "
        "Total 3 (delta 0), reused 0 remote: quota: 5 GB is used up"
    )


def test_reason_when_long_then_keeps_both_ends() -> None:
    reason = _job(f"git push failed: {'blah ' * 1000} quota is used up").reason
    assert reason.startswith("git push failed: blah ")
    assert reason.endswith("quota is used up")
    assert len(reason) <= 1203
