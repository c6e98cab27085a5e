"""A push: objects first, the ref last, and then the remote is asked.

Nothing is reported as pushed that the remote did not confirm: the ref by a fresh ``ls-remote``,
every object by a question to the LFS server.
"""

from __future__ import annotations

import functools
import logging
import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from csgrepo.errors import (
    CommandFailed,
    CsgRepoError,
    GitRefused,
    PushRejected,
    VerificationFailed,
)
from csgrepo.git import parse
from csgrepo.jobs import PushReceipt
from csgrepo.lfs import hooks, scan, transfer
from csgrepo.repository import left_behind, local_copies, news, pages, pruning

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.git.runner import Child
    from csgrepo.jobs import Push
    from csgrepo.lfs.pointer import Pointer
    from csgrepo.lfs.transfer import Uploaded
    from csgrepo.progress import Reporter
    from csgrepo.repository.connection import Connection

__all__ = ["carry_out", "objects_of"]

_log = logging.getLogger(__name__)

# Of those who push to one branch at once, one comes first each time; the others merge and try
# again, each after a pause of its own.
_random = secrets.SystemRandom()  # what a script seeds is its own
_TRIES = 60
_LONGEST_PAUSE_S = 3.0
_MUCH = 16 * 1024 * 1024  # bytes of objects whose sending takes longer than a question
_OVERTAKEN = re.compile(
    r"fetch first|non-fast-forward|stale info|cannot lock ref|failed to (?:update|lock)"
    r"|reference already exists|incorrect old value|remote ref updated"
)


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a push brought to the LFS server."""

    names: dict[Pointer, str]
    uploaded: Uploaded


def carry_out(
    push: Push,
    connection: Connection,
    reporter: Reporter,
    on_output: Callable[[bytes], None] | None = None,
    on_start: Callable[[Child], None] | None = None,
) -> PushReceipt:
    """Push a commit and have the remote confirm it.

    Args:
        push: what to push, and where to.
        connection: the remote.
        reporter: is told of every object and of the ref.
        on_output: gets what git and the server say, as they say it.
        on_start: gets the git process that sends the ref.

    Returns:
        The receipt: the remote has the ref and every object.

    Raises:
        PushRejected: the remote refuses the ref; nothing changed there.
        GitRefused: its hub does not let git write to it at all.
        MergeConflict: others have pushed changes to the same files; nothing changed on either side.
        ObjectMissing: an object is neither here nor on the server; no ref was touched.
        VerificationFailed: the remote was asked, and does not hold what was sent.
        AuthenticationFailed, Unauthorized, Forbidden: the token does not do.
        TransferError, HubUnreachable, RemoteUnreachable: it could not be reached.
    """
    before = connection.refs()
    previous = before.get(push.ref)
    names = objects_of(push, connection, before)
    names |= left_behind.find(push, connection, previous, names)
    sent = _send_objects(push, connection, names, reporter)
    landed = push.commit
    if previous != push.commit and not _contains(connection, previous, push.commit):
        with reporter.task("push", push.ref, 1, "refs") as task:
            try:
                landed = _land(push, connection, previous, on_output, on_start)
            except PushRejected:
                if not _sent_again(push, connection, sent.names, reporter):
                    raise
                landed = _land(push, connection, previous, on_output, on_start)
            task.advance(1)
    with reporter.task("verify", push.ref, 1, "refs") as task:
        _verify(push, connection, sent.names, reporter)
        task.advance(1)
    left_behind.note(push, connection, landed)
    _follow_upstream(push, connection)
    if landed != push.commit:
        news.bring_in(connection, push.ref, push.commit, landed, reporter)
    if push.delete_local:
        _leave_to_remote(connection, sent.names)
    if push.auto_lfs_prune:
        _prune(push, connection)
    return PushReceipt(
        url=pages.commit_url(connection.remote, push.commit, connection.endpoint),
        remote_url=connection.push_url_shown,
        ref=push.ref,
        commit=push.commit,
        previous=previous,
        objects=len(sent.names),
        size_bytes=sum(pointer.size for pointer in sent.names),
        uploaded_objects=sent.uploaded.objects,
        uploaded_bytes=sent.uploaded.size_bytes,
        verified_at=datetime.now(timezone.utc),
    )


def _leave_to_remote(connection: Connection, verified: dict[Pointer, str]) -> None:
    """Free what the remote was just seen to have; that it stays does not undo the push."""
    try:
        local_copies.leave_to_remote(connection.tree, verified)
    except CsgRepoError as error:
        _log.warning("pushed, but local files could not be left to the remote: %s", error)


def _prune(push: Push, connection: Connection) -> None:
    """Free what need not be here any more; that it cannot be freed does not undo the push."""
    try:
        server = connection.object_server("upload", push.ref)
        pruning.prune(connection.tree, server, recent=True)
    except CsgRepoError as error:
        _log.warning("pushed, but local LFS objects could not be removed: %s", error)


def objects_of(
    push: Push, connection: Connection, remote_refs: dict[str, str]
) -> dict[Pointer, str]:
    """Return the LFS objects that the remote must have for this push, each with a path.

    What the remote's own refs reach it has already. Where the ref is there already, its files are
    looked at once more: an earlier push may have brought the commit without its objects.
    """
    git = connection.tree.git
    if _contains(connection, remote_refs.get(push.ref), push.commit):
        return {pointer: path for path, pointer in scan.in_tree(git, push.commit).items()}
    return scan.in_commits(git, [push.commit], _known(connection, set(remote_refs.values())))


def _contains(connection: Connection, tip: str | None, commit: str) -> bool:
    """Tell whether a commit is part of what the remote's ref points to, as far as is known here."""
    if tip is None or tip == commit:
        return tip == commit
    asked = ("merge-base", "--is-ancestor", commit, tip)
    return connection.tree.git.run(*asked, ok=(0, 1, 128)).returncode == 0


def _known(connection: Connection, oids: set[str]) -> list[str]:
    """Return those of the remote's commits that are here too."""
    if not oids:
        return []
    listing = "".join(f"{oid}\n" for oid in sorted(oids)).encode("ascii")
    checked = connection.tree.git.run("cat-file", "--batch-check", stdin=listing).text
    facts = (line.split() for line in checked.split("\n"))
    return [fact[0] for fact in facts if len(fact) == 3 and fact[1] in {"commit", "tag"}]


def _send_objects(
    push: Push, connection: Connection, names: dict[Pointer, str], reporter: Reporter
) -> _Sent:
    real = {pointer: path for pointer, path in names.items() if pointer.size}
    if not real:
        return _Sent({}, transfer.Uploaded(0, 0))
    if sum(pointer.size for pointer in real) > _MUCH:
        _ask_for_git(push, connection)
    server = connection.object_server("upload", push.ref)
    uploaded = transfer.upload(server, connection.tree.store, real, reporter)
    return _Sent(real, uploaded)


def _ask_for_git(push: Push, connection: Connection) -> None:
    """Learn from a hub that lets git read and not write that it does so, before much is sent.

    Raises:
        GitRefused: it does.
    """
    where = (connection.push_target, f"{push.commit}:{push.ref}")
    try:
        connection.git_for(connection.push_url).run(
            "push", "--dry-run", "--no-verify", "--recurse-submodules=no", *where
        )
    except GitRefused:
        raise
    except CommandFailed as error:  # others may have pushed; the push itself will tell
        _log.info("asked whether git may write: %s", error)


def _land(
    push: Push,
    connection: Connection,
    previous: str | None,
    on_output: Callable[[bytes], None] | None,
    on_start: Callable[[Child], None] | None,
) -> str:
    """Move the remote's ref to the commit, merged with what others push meanwhile.

    Returns:
        What the ref was moved to.
    """
    commit = push.commit
    for left in reversed(range(_TRIES)):
        if previous and push.ref.startswith("refs/heads/"):
            if not news.is_ancestor(connection.tree, previous, commit):
                previous, commit = news.merged(connection, push.ref, push.commit)
            if commit == previous:  # somebody has merged it
                return commit
        try:
            _send_ref(push, commit, connection, on_output, on_start)
        except PushRejected as error:
            if not left or not _is_overtaken(error):
                raise
            _log.info("%s has moved on meanwhile; merging and pushing again", push.ref)
            time.sleep(_random.uniform(0, min(_LONGEST_PAUSE_S, 0.1 * 2 ** (_TRIES - left))))
            previous = connection.refs().get(push.ref)
        else:
            break
    return commit


def _is_overtaken(error: PushRejected) -> bool:
    """Tell whether the ref was refused because another push came first."""
    refused = [ref for ref in parse.pushed_refs(error.stdout.encode()) if ref.flag == "!"]
    return bool(refused) and all(_OVERTAKEN.search(ref.summary) for ref in refused)


def _send_ref(
    push: Push,
    commit: str,
    connection: Connection,
    on_output: Callable[[bytes], None] | None,
    on_start: Callable[[Child], None] | None,
) -> None:
    git = connection.git_for(connection.push_url)
    options = ["--no-verify"] if _hook_only_sends_objects(connection) else []
    push_it = functools.partial(
        git.run,
        "push",
        "--porcelain",
        "--no-follow-tags",
        "--recurse-submodules=no",
        *options,
        connection.push_target,
        f"{commit}:{push.ref}",
        on_stderr=on_output,
        on_start=on_start,
    )
    completed = connection.asking(push_it)
    refused = [ref for ref in parse.pushed_refs(completed.stdout) if ref.flag == "!"]
    if refused:  # git says so by its exit status as well; this is for the day when it does not
        raise CommandFailed(
            ["git", "push"], 1, refused[0].summary, completed.stderr, git.cwd, "Nothing was pushed."
        )


def _hook_only_sends_objects(connection: Connection) -> bool:
    """Objects are sent already: a hook that does only that need not run. Any other one must."""
    folder = connection.tree.plain_git.text("rev-parse", "--git-path", "hooks/pre-push")
    hook = connection.tree.folder / folder
    try:
        return hooks.is_plain_lfs_hook(hook.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return True


def _verify(
    push: Push, connection: Connection, names: dict[Pointer, str], reporter: Reporter
) -> None:
    problems = []
    now = connection.refs().get(push.ref)
    if now != push.commit and not _grew_from(push, connection, now):
        problems.append(f"{push.ref} is {now or 'not there'} instead of {push.commit}")
    if _sent_again(push, connection, names, reporter):
        problems += transfer.confirm(connection.object_server("upload", push.ref), names)
    if problems:
        raise VerificationFailed(connection.push_url_shown, problems)


def _sent_again(
    push: Push, connection: Connection, names: dict[Pointer, str], reporter: Reporter
) -> bool:
    """Send what the server lost after it had confirmed it; tells whether there was any."""
    if not names:
        return False
    server = connection.object_server("upload", push.ref)
    if not (lacking := transfer.confirm(server, names)):
        return False
    _log.warning("sent once more, for the server lost it: %s", "; ".join(lacking))
    try:
        transfer.upload(server, connection.tree.store, names, reporter)
    except (CsgRepoError, OSError) as error:  # what it comes to is asked next
        _log.warning("it could not be sent again: %s", error)
    return True


def _grew_from(push: Push, connection: Connection, now: str | None) -> bool:
    """Tell whether somebody has pushed on top of our commit in the meantime."""
    if now is None:
        return False
    git = connection.git_for(connection.push_url)
    git.run("fetch", "--no-tags", "--no-write-fetch-head", connection.push_url, push.ref)
    return _contains(connection, now, push.commit)


def _follow_upstream(push: Push, connection: Connection) -> None:
    if push.set_upstream and push.remote:
        tree = connection.tree
        tree.write("config", f"branch.{push.set_upstream}.remote", push.remote)
        tree.write("config", f"branch.{push.set_upstream}.merge", push.ref)
