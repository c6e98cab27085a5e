"""`Repository`: a working copy of a model or dataset, for programs that train it."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import threading
import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, get_args

from csgrepo import config
from csgrepo.errors import CsgRepoError, InvalidInput, NotARepository, NothingToCommit, QueueError
from csgrepo.git import remotes
from csgrepo.jobs import exits
from csgrepo.jobs.exits import OnExit
from csgrepo.jobs.lock import LockTimeout, PushLock
from csgrepo.jobs.push import Policy, Push
from csgrepo.jobs.queue import Queue
from csgrepo.lfs import attributes, hooks
from csgrepo.progress import Reporter
from csgrepo.repo_id import parse_remote
from csgrepo.repository import (
    branches,
    budget,
    changes,
    cloning,
    content,
    identity,
    inquiry,
    news,
    overview,
    pages,
    passage,
    pruning,
    pushing,
    ranks,
    staging,
    tags,
    tracking,
    transfer_agent,
    verification,
)
from csgrepo.repository.access import Access, register_helper
from csgrepo.repository.connection import Connection
from csgrepo.repository.layout import WorkTree
from csgrepo.repository.tasks import OneTask
from csgrepo.repository.turn import turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Concatenate

    from csgrepo.credentials import Credentials
    from csgrepo.doctor import Report
    from csgrepo.jobs.command import Command
    from csgrepo.lfs.scan import PointerFile
    from csgrepo.redact import Secret
    from csgrepo.repository.changes import Candidate

__all__ = ["Repository"]

_log = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")

DeleteLocal = Literal["after_verified"]

DEFAULT_MESSAGE = "commit files with csgrepo"

# The body of `commit` runs with the working copy as current folder, which belongs to the whole
# process: bodies of several repositories take turns.
_current_folder = threading.RLock()
_folder_tasks = OneTask()


def _in_turn(
    method: Callable[Concatenate[Repository, _P], _T],
) -> Callable[Concatenate[Repository, _P], _T]:
    """Run a method with the working copy to itself."""

    @functools.wraps(method)
    def wrapper(self: Repository, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with turn(self._tree, method.__name__.strip("_").replace("_", " ")):
            return method(self, *args, **kwargs)

    return wrapper


def _by_rank_zero(
    instead: Callable[[], _T],
) -> Callable[
    [Callable[Concatenate[Repository, _P], _T]], Callable[Concatenate[Repository, _P], _T]
]:
    """Run a method where the working copy is not left to rank 0; elsewhere return something else.

    Args:
        instead: makes what the other ranks get.
    """

    def decorate(
        method: Callable[Concatenate[Repository, _P], _T],
    ) -> Callable[Concatenate[Repository, _P], _T]:
        @functools.wraps(method)
        def wrapper(self: Repository, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
            return instead() if self._stands_aside else method(self, *args, **kwargs)

        return wrapper

    return decorate


def _nothing() -> None:
    """What most methods return."""


class Repository:
    """A Git working copy whose large files are kept in LFS.

    Args:
        local_dir: its folder.
        clone_from: ``namespace/name`` on the hub, a URL, an SSH address or a path; ``None`` opens
            a working copy that is there already.
        repo_type: ``"model"`` (the default), ``"dataset"``, ``"space"``, ``"code"``, ``"mcp"`` or
            ``"skill"``, for an id.
        token: an access token; ``True`` takes it from the environment or from `login`; ``False``
            uses none.
        git_user: the name in this working copy's commits.
        git_email: the address in this working copy's commits.
        revision: a branch, tag or commit to check out; a branch that does not exist is made.
        skip_lfs_files: leave large files as pointers.
        client: a `HubApi` whose endpoint and token are used where none are given here.
        endpoint: the hub's address; ``CSGHUB_ENDPOINT``, or the public hub, where not given.
        push_policy: what becomes of a background push that still waits when the next one of its
            branch is handed in. ``"all"``: each is carried out, with a receipt of its own.
            ``"latest"``: the newer one takes its place, and the older one ends as ``superseded``.
            What is skipped is the push, never the save: history is linear, so the newer push
            brings the older commits and all their files along, byte for byte.
        on_exit: what the end of the script does about background pushes. ``"warn"``: wait for them
            and tell of each failure; ``"raise"``: the same, and exit with 8 if one failed;
            ``"detach"``: leave them to go on alone.
        disk_budget: what the folder may take on the disk, ``.git`` included, as in ``"20GB"``.
            Before a save goes beyond it, LFS objects are freed that the server confirms to have,
            even those of checked out files; then pushes under way are awaited. If that does not
            help, `DiskBudgetExceeded` is raised before anything is written. Only what csgrepo
            writes is held back, with room kept for the next save of that size.
        delete_local: ``"after_verified"``: once a push is verified, large files it brought to the
            server become pointers here, and their objects go. A file that was written to since
            stays, and so does everything if the push fails. ``git_pull(lfs=True)`` brings them
            back.
        every_rank: in a distributed run (``torch.distributed``, or ``RANK`` as launchers set it),
            only rank 0 works on the working copy: in all others, what would clone, change or push
            it returns at once, without starting git or waiting for anyone. This lets every process
            do it, each in a folder of its own.

    Raises:
        NotARepository: the folder is no working copy, and ``clone_from`` was not given.
        InvalidInput: an argument cannot mean what was meant.
        GitError: git, or the remote, says no; see `csgrepo.errors` for the kinds.

    Example:
        >>> repo = Repository("my-model", clone_from="wanda/my-model")  # doctest: +SKIP
        >>> with repo.commit("step 1000", blocking=False):  # doctest: +SKIP
        ...     save("model.safetensors")
    """

    def __init__(  # noqa: PLR0917 - the order is that of the interface this class succeeds
        self,
        local_dir: str | os.PathLike[str],
        clone_from: str | None = None,
        repo_type: str | None = None,
        token: bool | str | None = True,
        git_user: str | None = None,
        git_email: str | None = None,
        revision: str | None = None,
        skip_lfs_files: bool = False,
        client: Any = None,
        *,
        endpoint: str | None = None,
        push_policy: Policy = "all",
        on_exit: OnExit = "warn",
        disk_budget: str | int | None = None,
        delete_local: DeleteLocal | None = None,
        every_rank: bool = False,
    ) -> None:
        self.local_dir = os.path.abspath(os.path.expanduser(os.fspath(local_dir)))
        self.repo_type = repo_type
        self.skip_lfs_files = skip_lfs_files
        self.client = client
        self.command_queue: list[Command] = []
        self.reporter = Reporter(self.local_dir)
        self.large_file_bytes = config.settings().large_file_bytes
        self.push_policy = _one_of("push_policy", push_policy, Policy)
        self.on_exit = _one_of("on_exit", on_exit, OnExit)
        self.disk_budget = None if disk_budget is None else budget.parse_size(disk_budget)
        self.delete_local = delete_local and _one_of("delete_local", delete_local, DeleteLocal)
        self.every_rank = every_rank
        self._access = _access(token, endpoint, client)
        if self._stands_aside:
            _log.info("%s: left to rank 0, this process is rank %d", self.local_dir, ranks.rank())
            return
        if clone_from is not None:
            self._clone(clone_from, revision)
        elif not inquiry.is_git_repo(self.local_dir):
            raise NotARepository(
                f"{self.local_dir} is not a Git repository; pass clone_from= to clone one there"
            )
        else:
            self._open(revision)
        if git_user is not None or git_email is not None:
            self.git_config_username_and_email(git_user, git_email)
        self.command_queue += self._queue.resume(failed=False)

    def __repr__(self) -> str:
        return f"Repository({self.local_dir!r})"

    # -- parts ---------------------------------------------------------------------------------

    @property
    def _stands_aside(self) -> bool:
        """Whether this process leaves the working copy to rank 0."""
        return not self.every_rank and ranks.rank() != 0

    @cached_property
    def _tree(self) -> WorkTree:
        return WorkTree(Path(self.local_dir))

    @cached_property
    def _queue(self) -> Queue:
        return Queue(
            self._tree.git_dir,
            Path(self.local_dir),
            "csgrepo.repository.worker",
            self._secrets,
            self.on_exit,
        )

    def _secrets(self) -> dict[str, Any]:
        return self._access.secrets(Path(self.local_dir))

    @property
    def _credentials(self) -> Credentials:
        return self._access.credentials(Path(self.local_dir))

    def _connection(self, remote: str | None = None) -> Connection:
        return Connection(self._tree, self._credentials, remote)

    # -- cloning -------------------------------------------------------------------------------

    @_by_rank_zero(_nothing)
    def clone_from(self, repo_url: str, token: bool | str | None = None) -> None:
        """Make the folder a working copy of a repository.

        An absent or empty folder gets a clone; a clone of the same repository stays as it is; a
        folder with files joins the repository: its files become changes, nothing is overwritten.

        Args:
            repo_url: ``namespace/name`` on the hub, a URL, an SSH address or a path.
            token: as for the class; what that was given where ``None``.

        Raises:
            InvalidInput: the address cannot be one, or the folder is a clone of something else.
            GitError: git, or the remote, says no.
            PartialDownload: some large files are still pointers; all others are complete.
        """
        if token is not None:
            self._access = Access.of(self._access.endpoint, token)
        self._clone(repo_url, None)

    def _clone(self, source: str, revision: str | None) -> None:
        remote = parse_remote(source, endpoint=self._access.endpoint, repo_type=self.repo_type)
        self._access = self._access.to(remote)
        self.__dict__.pop("_tree", None)
        self.__dict__.pop("_queue", None)
        is_new = not inquiry.is_git_repo(self.local_dir)
        cloning.prepare(Path(self.local_dir), remote, self._credentials, self.reporter)
        with turn(self._tree, f"clone {source}"):
            if revision is not None:
                branches.checkout(self._tree, self._connection, revision, create=True)
            # What was left to the remote stays there when the clone is opened again.
            self._fetch_content(force=is_new and not self.skip_lfs_files)

    def _open(self, revision: str | None) -> None:
        settings = self._tree.settings()
        name = remotes.meant(settings, self._tree.refs.head_ref())
        url = settings.get(f"remote.{name}.url")
        if url.startswith(("http://", "https://")):
            self._access = self._access.to(parse_remote(url, endpoint=self._access.endpoint))
        self._finish_what_was_cut_short()
        if revision is not None:
            self.git_checkout(revision, create_branch_ok=True)

    def _finish_what_was_cut_short(self) -> None:
        """Bring to its end what a process did here that was killed; one that lives does it itself.

        What cannot be finished now is no reason not to open the working copy.
        """
        if not content.is_pending(self._tree) and not passage.is_pending(self._tree):
            return
        try:
            with turn(self._tree, "finishing what was cut short", 0):
                self._fetch_content(force=False)
        except LockTimeout:
            return
        except CsgRepoError as error:
            _log.warning("%s: what was cut short is not finished yet: %s", self.local_dir, error)

    def _fetch_content(self, *, force: bool) -> None:
        if force or not (self.skip_lfs_files or self.delete_local):
            with contextlib.ExitStack() as stack:
                filled = content.fetch(
                    self._tree,
                    lambda: stack.enter_context(self._connection()).object_server("download"),
                    self.reporter,
                )
            if filled:
                self._equip_plain_git()

    def _equip_plain_git(self) -> None:
        """Let plain git keep large files in LFS here, as it does in clones that csgrepo made."""
        hooks.install(self._tree.plain_git, self._tree.settings(), self._tree.common_dir)

    # -- what there is -------------------------------------------------------------------------

    @property
    def current_branch(self) -> str:
        """The branch that is checked out.

        Raises:
            InvalidInput: none is; HEAD is detached.
        """
        return branches.current(self._tree)

    def git_head_hash(self) -> str:
        """Return the id of the commit that is checked out.

        Raises:
            GitError: there is no commit yet.
        """
        return branches.head(self._tree)

    def git_remote_url(self) -> str:
        """Return the address of the remote, without credentials.

        Raises:
            GitError: there is no remote.
        """
        with self._connection() as connection:
            return connection.remote.url

    def git_head_commit_url(self) -> str:
        """Return the web page of the commit that is checked out."""
        return self._commit_url(self.git_head_hash())

    def _commit_url(self, commit: str) -> str:
        with self._connection() as connection:
            return pages.commit_url(connection.remote, commit, connection.endpoint)

    def is_repo_clean(self) -> bool:
        """Tell whether there is nothing to add or commit."""
        return branches.is_clean(self._tree)

    def list_deleted_files(self) -> list[str]:
        """Return the files that the last commit has and the working copy has not."""
        return branches.deleted_files(self._tree)

    def pointers(self) -> list[PointerFile]:
        """Return the files that are still LFS pointers, with the size of what they stand for."""
        return content.pointers(self._tree)

    def verify(self, remote: bool = True) -> verification.Verification:
        """Check that large files are here, and that the remote has the commit and all of them.

        Args:
            remote: ask the remote, too.

        Returns:
            What was found; false if anything is wrong.
        """
        commit = self.git_head_hash()
        problems = verification.verify_here(self._tree)
        objects = len(problems)
        if remote:
            with self._connection() as connection:
                there, objects = verification.verify_remote(connection, self.current_branch, commit)
            problems += there
        return verification.Verification(commit, objects, tuple(problems))

    def status(self) -> overview.Overview:
        """Return what changed, what is still a pointer, and what waits for a push; only looks."""
        return overview.look(self._tree, self.large_file_bytes)

    def preflight(self, *, need: str | int | None = None) -> Report:
        """Look, in under five seconds, for what may keep a push from succeeding; change nothing.

        The same as `csgrepo doctor` in a shell: git and git-lfs, the disk, network, proxy and
        clock, the token and what it may do, the repository, its LFS server, and this working copy.

        Args:
            need: what the run will write here, as in ``"20GB"``.

        Returns:
            What was found; false if it holds an error.

        Example:
            >>> report = repo.preflight(need="20GB")  # doctest: +SKIP
            >>> if not report:  # doctest: +SKIP
            ...     raise SystemExit("; ".join(f.message for f in report.findings))
        """
        from csgrepo import doctor

        folder = Path(self.local_dir)
        subject = doctor.Subject(
            folder, is_working_copy=(folder / ".git").exists(), remote=self._access.remote
        )
        return doctor.examine(
            subject,
            endpoint=self._access.endpoint,
            token=self._access.token,
            need_bytes=0 if need is None else budget.parse_size(need),
        )

    # -- settings ------------------------------------------------------------------------------

    @_by_rank_zero(_nothing)
    @_in_turn
    def git_config_username_and_email(
        self, git_user: str | None = None, git_email: str | None = None
    ) -> None:
        """Set name and address of this working copy's commits.

        Raises:
            InvalidInput: git could not store it.
        """
        identity.configure(self._tree, git_user, git_email)

    @_by_rank_zero(_nothing)
    @_in_turn
    def git_credential_helper_store(self) -> None:
        """Let plain git commands in this working copy use the token that `login` keeps.

        Registers csgrepo's own credential helper for this clone and this hub only. Nothing is
        stored: the name is that of the interface this class succeeds.
        """
        with self._connection() as connection:
            register_helper(self._tree.plain_git, connection.remote)

    # -- tracking ------------------------------------------------------------------------------

    @_by_rank_zero(_nothing)
    @_in_turn
    def lfs_track(self, patterns: str | list[str], filename: bool = False) -> None:
        """Keep matching files in LFS from now on.

        Args:
            patterns: gitattributes patterns such as ``"*.bin"``, or file names.
            filename: take special characters as part of a name.

        Raises:
            InvalidInput: git could not use a pattern, or it takes in git's own files.
        """
        lines = [attributes.user_pattern(p, filename=filename) for p in _listed(patterns)]
        with tracking.refreshed(self._tree):
            attributes.track(self._tree.folder, lines, self._tree.temporary_dir())
        self._equip_plain_git()

    @_by_rank_zero(_nothing)
    @_in_turn
    def lfs_untrack(self, patterns: str | list[str]) -> None:
        """Keep matching files in git itself from now on; takes what `lfs_track` was given."""
        both = [
            attributes.user_pattern(pattern, filename=filename)
            for pattern in _listed(patterns)
            for filename in (False, True)
            if filename or not pattern.startswith("!")
        ]
        with tracking.refreshed(self._tree):
            attributes.untrack(self._tree.folder, both, self._tree.temporary_dir())

    def lfs_patterns(self) -> list[str]:
        """Return the patterns that keep files in LFS, as the root's ``.gitattributes`` has them."""
        return [os.fsdecode(line) for line in attributes.tracked_patterns(self._tree.folder)]

    def auto_track_large_files(self, pattern: str = ".") -> list[str]:
        """Track changed files of ``large_file_bytes`` (10 MiB) or more; returns them."""
        return self._auto_track(pattern, self._is_large)

    def auto_track_binary_files(self, pattern: str = ".") -> list[str]:
        """Track changed files that are not text; returns them."""
        return self._auto_track(pattern, self._is_binary)

    @_by_rank_zero(list[str])
    @_in_turn
    def _auto_track(self, pattern: str, wanted: Callable[[Candidate], bool]) -> list[str]:
        found = changes.find(self._tree, pattern, staged=True)
        return tracking.auto_track(self._tree, found, wanted)

    def _belongs(self, candidate: Candidate) -> bool:
        return self._is_large(candidate) or self._is_binary(candidate)

    def _is_large(self, candidate: Candidate) -> bool:
        return candidate.size >= self.large_file_bytes

    def _is_binary(self, candidate: Candidate) -> bool:
        return tracking.is_binary(os.path.join(self.local_dir, candidate.path))

    @_by_rank_zero(int)
    @_in_turn
    def lfs_prune(self, recent: bool = False, *, dry_run: bool = False) -> int:
        """Remove local LFS objects that are not checked out and that the server confirms to have.

        Args:
            recent: also those that branches and tags of the last seven days need.
            dry_run: remove nothing.

        Returns:
            The bytes set free, or that would be.
        """
        with self._connection() as connection:
            server = connection.object_server("upload")
            return pruning.prune(self._tree, server, recent=recent, dry_run=dry_run)

    @_by_rank_zero(_nothing)
    def lfs_enable_largefiles(self) -> None:
        """Let plain git and git-lfs in this working copy push files of more than 5 GB.

        Such files go to the hub in parts, which git-lfs leaves to csgrepo from then on. csgrepo's
        own pushes send them in parts anyway.
        """
        transfer_agent.enable(self._tree.folder)

    # -- add, commit, push, pull ---------------------------------------------------------------

    @_by_rank_zero(_nothing)
    @_in_turn
    def git_add(self, pattern: str = ".", auto_lfs_track: bool = False) -> None:
        """Stage new, changed and deleted files.

        Args:
            pattern: a path or pattern, relative to the working copy's root.
            auto_lfs_track: track large and binary files first.

        Raises:
            InvalidInput: the pattern matches nothing, or a pointer would be committed as content.
            FileChanged: a large file was written to while it was read.
            DiskFull: there is no room for the copy that LFS keeps.
            DiskBudgetExceeded: there would be room, but not within ``disk_budget``.
        """
        found = changes.find(self._tree, pattern, staged=auto_lfs_track)
        tracked = tracking.auto_track(self._tree, found, self._belongs) if auto_lfs_track else []
        wanted = changes.with_attributes(self._tree, found.to_add(tracked))
        self._make_room(sum(candidate.size for candidate in wanted.candidates))
        if staging.stage(self._tree, wanted, self.reporter):
            self._equip_plain_git()

    def _make_room(self, needed: int) -> None:
        if self.disk_budget is None or not needed:
            return

        def free(checked_out: bool) -> int:
            with self._connection() as connection:
                server = connection.object_server("upload")
                return pruning.prune(self._tree, server, recent=True, checked_out=checked_out)

        budget.make_room(self.local_dir, self.disk_budget, needed, free, self._uploads_under_way)

    def _uploads_under_way(self) -> bool:
        """Whether pushes go on that will have the server confirm more objects than it does now."""
        phases = [command.progress.phase for command in self.commands_in_progress]
        return any(phase not in {"push", "verify"} for phase in phases)

    @_by_rank_zero(_nothing)
    @_in_turn
    def git_commit(self, commit_message: str = DEFAULT_MESSAGE) -> None:
        """Commit what is staged.

        Raises:
            NothingToCommit: nothing is.
            InvalidInput: the message is empty.
        """
        _check_message(commit_message)
        branches.require_staged(self._tree)
        identity.ensure(self._tree, self._credentials)
        branches.commit(self._tree, commit_message)

    def git_push(
        self,
        upstream: str | None = None,
        blocking: bool = True,
        auto_lfs_prune: bool = False,
        *,
        policy: Policy | None = None,
    ) -> str | tuple[str, Command]:
        """Push the current branch, and have the remote confirm it.

        Args:
            upstream: ``"origin main"``: the remote and branch to push to, and to follow from then
                on; what the branch follows where not given.
            blocking: wait for the end; otherwise a process of its own does the work.
            auto_lfs_prune: remove local LFS objects afterwards that are not checked out.
            policy: for this push, what ``push_policy`` is for all.

        Returns:
            The commit's web page, or, not blocking, that and the `Command` to watch. In a process
            that leaves pushing to rank 0 the page is ``""``, and the command is over.

        Raises:
            InvalidInput: HEAD is detached, or ``upstream`` cannot be one.
            PushRejected: the remote refuses; its words are in the message.
            VerificationFailed: the remote does not hold what was sent.
            GitError, LfsError, HubError, TransferError: see `csgrepo.errors`.
        """
        policy = _one_of("policy", policy or self.push_policy, Policy)
        if self._stands_aside:
            return "" if blocking else ("", ranks.LeftToRankZero(self.local_dir))
        push = branches.intended_push(self._tree, upstream, auto_lfs_prune=auto_lfs_prune)
        push = replace(push, policy=policy, delete_local=bool(self.delete_local))
        return self._push(push, blocking=blocking)

    def _push(self, push: Push, *, blocking: bool) -> str | tuple[str, Command]:
        if not blocking:
            command = self._queue.submit(push)
            self.command_queue.append(command)
            return self._commit_url(push.commit), command
        with (
            self._connection(push.remote) as connection,
            PushLock(self._tree.git_dir).hold(push.title),
        ):
            return pushing.carry_out(push, connection, self.reporter).url

    @_by_rank_zero(_nothing)
    @_in_turn
    def git_pull(self, rebase: bool = False, lfs: bool = False) -> None:
        """Bring in what is new on the remote.

        Args:
            rebase: put own commits on top instead of merging.
            lfs: fetch the content of every file that is still a pointer, too.

        Raises:
            MergeConflict: both sides changed the same paths; the merge was undone.
            PartialDownload: some large files are still pointers; all others are complete.
        """
        with self._connection() as connection:
            news.pull(connection, rebase=rebase)
        self._fetch_content(force=lfs)

    @_by_rank_zero(_nothing)
    @_in_turn
    def git_checkout(self, revision: str, create_branch_ok: bool = False) -> None:
        """Check out a branch, tag or commit.

        Args:
            revision: its name.
            create_branch_ok: make a branch of that name if there is no such revision.

        Raises:
            UnknownRevision: there is none.
            MergeConflict: changes in the working copy would be overwritten.
        """
        branches.checkout(self._tree, self._connection, revision, create=create_branch_ok)
        self._fetch_content(force=False)

    def push_to_hub(
        self,
        commit_message: str = DEFAULT_MESSAGE,
        blocking: bool = True,
        clean_ok: bool = True,
        auto_lfs_prune: bool = False,
        *,
        policy: Policy | None = None,
    ) -> str | tuple[str, Command] | None:
        """Add everything (large and binary files to LFS), commit and push.

        Args:
            commit_message: what the commit says.
            blocking: wait for the end of the push.
            clean_ok: nothing to commit is fine; otherwise it is an error.
            auto_lfs_prune: remove local LFS objects afterwards that are not checked out.
            policy: for this push, what ``push_policy`` is for all.

        Returns:
            ``None`` when nothing changed and the remote has it all, and in a process that leaves
            pushing to rank 0; else as `git_push`.

        Raises:
            NothingToCommit: nothing changed, and ``clean_ok`` is false.
        """
        if self._stands_aside:
            return None
        _check_message(commit_message)
        branches.current(self._tree)  # without one there is nothing to push to
        with turn(self._tree, f"push_to_hub {commit_message!r}"):
            self.git_add(auto_lfs_track=True)
            try:
                self.git_commit(commit_message)
            except NothingToCommit:
                if not clean_ok:
                    raise
                if not inquiry.remote_lacks(self._tree):
                    _log.info("%s: nothing changed, nothing to push", self.local_dir)
                    return None
        return self.git_push(blocking=blocking, auto_lfs_prune=auto_lfs_prune, policy=policy)

    @contextlib.contextmanager
    def commit(
        self,
        commit_message: str,
        branch: str | None = None,
        track_large_files: bool = True,
        blocking: bool = True,
        auto_lfs_prune: bool = False,
        *,
        policy: Policy | None = None,
    ) -> Iterator[Repository]:
        """Run a block inside the working copy; then add, commit and push what it made.

        If the block raises, nothing is added, committed or pushed, and the exception goes on.
        The current folder is the working copy inside the block, and what it was afterwards.

        Other threads and processes that change this working copy wait for the end of the block, so
        that none of them commits what it has half written.

        Args:
            commit_message: what the commit says.
            branch: check out this branch first; it is made if there is none.
            track_large_files: keep large and binary files in LFS.
            blocking: wait for the end of the push.
            auto_lfs_prune: remove local LFS objects afterwards that are not checked out.
            policy: for this push, what ``push_policy`` is for all.

        In a process that leaves pushing to rank 0 the block runs, and nothing else.

        Example:
            >>> with repo.commit("add weights"):  # doctest: +SKIP
            ...     torch.save(model.state_dict(), "model.pt")
        """
        if self._stands_aside:
            os.makedirs(self.local_dir, exist_ok=True)
            with _inside(self.local_dir):
                yield self
            return
        _check_message(commit_message)  # before the body, which may take hours
        # In this order: a body may hold the current folder and wait for another working copy.
        what = f"commit {commit_message!r}"
        with _current_folder, _folder_tasks.inside(what), turn(self._tree, what):
            if branch is not None:
                self.git_checkout(branch, create_branch_ok=True)
            news.catch_up(self._connection, required=blocking)
            self._fetch_content(force=False)
            with _inside(self.local_dir):
                yield self
            self.git_add(auto_lfs_track=track_large_files)
            with contextlib.suppress(NothingToCommit):
                self.git_commit(commit_message)
        self.git_push(blocking=blocking, auto_lfs_prune=auto_lfs_prune, policy=policy)

    # -- tags ----------------------------------------------------------------------------------

    def list_tags(self) -> list[tags.Tag]:
        """Return the tags of this clone, by name."""
        return tags.listed(self._tree)

    def tag_exists(self, tag_name: str, remote: str | None = None) -> bool:
        """Tell whether a tag exists here or, with ``remote``, there."""
        if remote is None:
            return tags.exists(self._tree, tag_name)
        with self._connection(remote) as connection:
            return tags.exists_remote(connection, tag_name)

    @_by_rank_zero(_nothing)
    def add_tag(self, tag_name: str, message: str | None = None, remote: str | None = None) -> None:
        """Tag the commit that is checked out and, with ``remote``, push the tag there.

        Where the push fails, the same call pushes the tag that it made.

        Raises:
            GitError: the tag exists, or there is no such remote.
        """
        url = ""
        if remote is not None:  # before anything is made
            with self._connection(remote) as connection:
                url = connection.push_url_shown
        oid = tags.create(self._tree, tag_name, message, again=remote is not None)
        if remote is not None:
            ref = f"refs/tags/{tag_name}"
            self._push(Push(remote, url, oid, ref, title=f"push tag {tag_name}"), blocking=True)

    @_by_rank_zero(bool)
    def delete_tag(self, tag_name: str, remote: str | None = None) -> bool:
        """Delete a tag here and, with ``remote``, there; if that fails, it stays here, too.

        Returns:
            Whether there was one to delete.
        """
        deleted = False
        if remote is not None:
            with self._connection(remote) as connection:
                deleted = tags.delete_remote(connection, tag_name)
        return tags.delete(self._tree, tag_name) or deleted

    # -- background pushes ---------------------------------------------------------------------

    @property
    def commands_failed(self) -> list[Command]:
        """The background pushes of this object that failed."""
        return [command for command in self.command_queue if command.failed]

    @property
    def commands_in_progress(self) -> list[Command]:
        """The background pushes of this object that have not ended."""
        return [command for command in self.command_queue if not command.is_done]

    def wait_for_commands(self, timeout: float | None = None) -> None:
        """Wait for this object's background pushes.

        Args:
            timeout: seconds for all of them together; as long as it takes where ``None``.

        Raises:
            QueueError: some failed; all have ended.
            TimeoutError: some have not ended.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        for command in self.command_queue:
            command.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        if failed := self.commands_failed:
            for command in failed:
                exits.forget(command)  # the caller knows now
            raise QueueError([f"{command.title}: {command.error}" for command in failed])


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    """Make it the current folder for the length of the block, whose turn it is."""
    with _current_folder:
        before = _here()
        try:
            os.chdir(folder)
            yield
        finally:
            os.chdir(before)
            if isinstance(before, int):
                os.close(before)


def _here() -> int | str:
    """Return the current folder; open where that works, for it may be removed or moved."""
    if os.chdir in os.supports_fd:
        with contextlib.suppress(PermissionError):
            return os.open(".", os.O_RDONLY)
    return os.getcwd()


def _access(token: bool | str | Secret | None, endpoint: str | None, client: Any) -> Access:
    if client is not None:
        endpoint = endpoint or getattr(client, "endpoint", None)
        token = getattr(client, "token", None) or True if token is True else token
    return Access.of(endpoint or config.settings().endpoint, token)


def _check_message(message: str) -> None:
    """Refuse what git cannot keep as a commit's message, before anything is done for it."""
    try:
        if message.strip() and b"\0" not in message.encode():
            return
    except (AttributeError, TypeError, UnicodeEncodeError):
        pass
    raise InvalidInput(f"a commit needs a message, not {message!r}; pass commit_message=")


_Choice = TypeVar("_Choice", bound=str)


def _one_of(name: str, given: _Choice, choices: Any) -> _Choice:
    """Check that an argument is one of a `Literal`'s words."""
    if given not in get_args(choices):
        words = ", ".join(map(repr, get_args(choices)))
        raise InvalidInput(f"{name}={given!r} is none of {words}")
    return given


def _listed(patterns: str | list[str]) -> list[str]:
    return [patterns] if isinstance(patterns, str) else list(patterns)
