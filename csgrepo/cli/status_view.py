"""How the state of a working copy is shown to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.cli.words import tr
from csgrepo.progress.label import printable, size, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from csgrepo.cli.working_copy import Place
    from csgrepo.repository.overview import Change, Overview

__all__ = ["lines"]

_LONGEST = 100  # files of a kind that are listed


def lines(found: Overview, place: Place) -> Iterator[str]:
    """Yield the lines, paths as seen from the folder one is in."""
    yield _head(found)
    yield from _section(tr("Staged:"), found.staged, found, place)
    yield from _section(tr("Not staged:"), found.unstaged, found, place)
    if found.pointers:
        much = size(sum(file.size for file in found.pointers))
        yield tr("Still pointers ({size}); `csgrepo pull --lfs` fetches them:", size=much)
        files = [f"  {place.shown(file.path)}  {size(file.size)}" for file in found.pointers]
        yield from _cut(files)
    yield from _pushes(found)
    if found.is_clean:
        yield tr("nothing to add or commit")


def _head(found: Overview) -> str:
    if found.branch is None:
        return tr("no branch is checked out; at {commit}", commit=(found.commit or "")[:10])
    branch = printable(found.branch)
    if found.commit is None:
        return tr("on {branch}, nothing committed yet", branch=branch)
    if found.upstream is None:
        return tr("on {branch}, which follows no branch of a remote", branch=branch)
    facts = {"branch": branch, "upstream": printable(found.upstream)}
    if not found.ahead and not found.behind:
        return tr("on {branch}, level with {upstream} as of the last fetch", **facts)
    counts = {"ahead": found.ahead, "behind": found.behind}
    return tr("on {branch}, {ahead} ahead of {upstream} and {behind} behind", **facts, **counts)


def _section(head: str, changes: Sequence[Change], found: Overview, place: Place) -> Iterator[str]:
    if not changes:
        return
    yield head
    names = {
        "new": tr("new"),
        "changed": tr("changed"),
        "deleted": tr("deleted"),
        "conflict": tr("conflict"),
    }
    columns = max(map(width, names.values())) + 2
    unlisted = set(found.unlisted) if changes is found.unstaged else set()
    rows = []
    for change in changes:
        state = names[change.state]
        row = f"  {state}{' ' * (columns - width(state))}{place.shown(change.path)}"
        if change.state in {"new", "changed"}:
            row += f"  {size(change.size)}"
        if change.lfs:
            row += "  LFS"
        elif change.path in unlisted:
            row += "  " + tr("to be in LFS: `csgrepo add` sees to it")
        rows.append(row)
    yield from _cut(rows)


def _cut(rows: list[str]) -> list[str]:
    if len(rows) <= _LONGEST:
        return rows
    more = tr("  and {count} more; --json lists all", count=len(rows) - _LONGEST)
    return [*rows[:_LONGEST], more]


def _pushes(found: Overview) -> Iterator[str]:
    counts = found.pushes
    if counts.waiting or counts.running or counts.failed:
        yield tr(
            "background pushes: {running} running, {waiting} waiting, {failed} failed; "
            "see `csgrepo jobs list`",
            running=counts.running,
            waiting=counts.waiting,
            failed=counts.failed,
        )
