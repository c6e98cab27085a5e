"""The calls of `HubApi` that put files into a repository and take them out, without a clone."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.hub.commits.operation import CommitOperationAdd, CommitOperationDelete, inside
from csgrepo.hub.connection import HubCalls, HubConnection
from csgrepo.hub.repositories import create, exists
from csgrepo.progress.label import printable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

    from csgrepo.hub.commits.operation import Operation
    from csgrepo.hub.commits.receipt import CommitInfo
    from csgrepo.redact import Secret
    from csgrepo.repo_id import RepoType

__all__ = ["UploadCalls"]

_log = logging.getLogger(__name__)


class UploadCalls(HubCalls):
    """Commits over HTTP: no clone is made, and nothing is said to be done before it was seen."""

    def create_commit(
        self,
        repo_id: str,
        operations: Iterable[Operation],
        *,
        commit_message: str,
        commit_description: str | None = None,
        repo_type: str | RepoType | None = None,
        revision: str | None = None,
        parent_commit: str | None = None,
        create_branch: bool = False,
        dry_run: bool = False,
        token: str | Secret | bool | None = None,
    ) -> CommitInfo:
        """Make one commit of any number of operations: all of them, or none.

        Large files go to LFS (``POST …/info/lfs/objects/batch``), the commit goes as git's own
        (``POST …/git-receive-pack``).

        What the repository has already is left out; if that is everything, no commit is made, and
        the result says so. Large files are sent to LFS first, and the branch moves when the hub has
        said that it has them. If somebody else moves it meanwhile, the commit is made on what they
        left. What the repository's ``.gitignore`` leaves out is left out.

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            operations: what to do.
            commit_message: the commit's first line.
            commit_description: the rest of its message.
            repo_type: what the repository holds; a model where not given.
            revision: the branch; the default one where not given.
            parent_commit: the commit that the branch has to be at; if it is not, or somebody else
                is faster, nothing changes.
            create_branch: make the branch where there is none, beginning at `parent_commit` or at
                the default branch.
            dry_run: change nothing, and tell what would be done.
            token: another access token than this object's.

        Raises:
            InvalidInput, UnsafePath: an operation cannot be meant; nothing was sent.
            NotFound: no such repository or branch, or what is to be deleted is not there.
            Conflict: the branch is not at `parent_commit`.
            FileChanged: a file was written to meanwhile; no commit was made.
            TransferError, LfsError: a large file could not be brought to the hub; no commit.
            VerificationFailed: the hub does not have what it was given.
            BadRequest: the hub's checks do not let the commit through, and say why.
            Unauthorized, Forbidden: you may not write there.

        Example:
            >>> from csgrepo import CommitOperationAdd, CommitOperationDelete
            >>> api.create_commit(
            ...     "wanda/bert",
            ...     [
            ...         CommitOperationAdd("model.safetensors", "out/model.safetensors"),
            ...         CommitOperationDelete("old/"),
            ...     ],
            ...     commit_message="Second epoch",
            ... ).url
            'https://hub.opencsg.com/models/wanda/bert/commit/...'
        """
        from csgrepo.hub.commits.committer import Order, commit

        order = Order(
            message=commit_message,
            description=commit_description or "",
            branch=revision,
            parent=parent_commit,
            create_branch=create_branch,
            dry_run=dry_run,
        )
        hub = self._as(token)
        return commit(hub, hub.repo(repo_id, repo_type), list(operations), order)

    def upload_file(
        self,
        *,
        path_or_fileobj: str | Path | bytes | BinaryIO,
        path_in_repo: str,
        repo_id: str,
        repo_type: str | RepoType | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        commit_description: str | None = None,
        parent_commit: str | None = None,
        create_repo: bool = False,
        private: bool = False,
        create_branch: bool = False,
        dry_run: bool = False,
        token: str | Secret | bool | None = None,
    ) -> CommitInfo:
        """Put one file into a repository; see `create_commit` for what may happen.

        With `create_repo` it makes the repository where there is none, as `upload_folder` does.

        Example:
            >>> api.upload_file(
            ...     path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="wanda/bert"
            ... ).added
            ('config.json',)
        """
        from csgrepo.hub.commits.committer import Order, commit

        order = Order(
            message=commit_message or f"Upload {path_in_repo}",
            description=commit_description or "",
            branch=revision,
            parent=parent_commit,
            create_branch=create_branch,
            dry_run=dry_run,
            makes_repo=create_repo,
        )
        hub = self._as(token)
        repo = hub.repo(repo_id, repo_type)
        if create_repo and not (dry_run or exists(hub, repo)):
            create(hub, repo, private=private, exist_ok=True, space=None)
        return commit(hub, repo, [CommitOperationAdd(path_in_repo, path_or_fileobj)], order)

    def upload_folder(
        self,
        *,
        repo_id: str,
        folder_path: str | os.PathLike[str],
        path_in_repo: str | None = None,
        repo_type: str | RepoType | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        commit_description: str | None = None,
        parent_commit: str | None = None,
        allow_patterns: str | Sequence[str] | None = None,
        ignore_patterns: str | Sequence[str] | None = None,
        delete_patterns: str | Sequence[str] | None = None,
        create_repo: bool = False,
        private: bool = False,
        create_branch: bool = False,
        dry_run: bool = False,
        token: str | Secret | bool | None = None,
    ) -> CommitInfo:
        """Put a folder's files into a repository; what is there besides stays.

        It asks what `create_commit` asks (``POST …/git-receive-pack`` and LFS).

        What the repository has already costs nothing, so that a call that was broken off is simply
        made again. Very many files become several commits, each of them complete. What a
        ``.gitignore`` of the folder or of the repository leaves out is left out, and so are links
        that lead out of the folder, and pipes and devices; a log line names them. A file that may
        be executed is a program in git too, once its content is new or changed.

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            folder_path: the folder.
            path_in_repo: the folder of the repository to put them in; its root where not given.
            repo_type: what the repository holds; a model where not given.
            revision: the branch; the default one where not given.
            commit_message: the first line of each commit, with ``(part 1 of 3)`` behind it where
                there are several.
            commit_description: the rest of its message.
            parent_commit: the commit that the branch has to be at; see `create_commit`.
            allow_patterns: upload only files that match one of these, such as ``"*.json"``; ``*``
                matches ``/`` too, ``runs/`` all that is in there, and ``**/`` any folders or none.
            ignore_patterns: leave out files that match one of these; there is no negation.
            delete_patterns: delete what matches one of these below `path_in_repo` and is not
                uploaded; the root's ``.gitattributes`` stays.
            create_repo: make the repository where there is none.
            private: whether one that is made is private.
            create_branch: make the branch where there is none.
            dry_run: change nothing, and tell what would be done.
            token: another access token than this object's.

        Raises:
            InvalidInput: there is no such folder, or a file's name cannot be one on the hub.
            FileChanged: a file was written to meanwhile; what its commit was to hold is not there.
            CsgRepoError: as for `create_commit`; commits that were made stay, and the same call
                goes on behind them.

        Example:
            >>> api.upload_folder(
            ...     repo_id="wanda/bert", folder_path="out", ignore_patterns=["*.tmp", "logs/"]
            ... ).added
            ('model.safetensors',)
        """
        from csgrepo.hub.commits.committer import Order, commit
        from csgrepo.hub.commits.folder import files_in

        top = (path_in_repo or "").strip("/")
        prefix = f"{inside(top)}/" if top else ""
        found = files_in(Path(folder_path).expanduser(), allow_patterns, ignore_patterns)
        _tell_left_out(found.links, "links out of it, to folders or to nothing", folder_path)
        _tell_left_out(found.special, "pipes, sockets or devices", folder_path)
        operations = [CommitOperationAdd(prefix + name, path) for name, path in found.items()]
        given = [delete_patterns] if isinstance(delete_patterns, str) else delete_patterns
        order = Order(
            message=commit_message or f"Upload {top or 'folder'}",
            description=commit_description or "",
            branch=revision,
            parent=parent_commit,
            create_branch=create_branch,
            dry_run=dry_run,
            makes_repo=create_repo,
            in_parts=True,
            swept=(top, given) if given else None,
        )
        hub = self._as(token)
        repo = hub.repo(repo_id, repo_type)
        if create_repo and not dry_run:
            create(hub, repo, private=private, exist_ok=True, space=None)
        info = commit(hub, repo, operations, order)
        left_out = tuple(prefix + name for name in found.ignored)
        return replace(info, ignored=tuple(sorted(info.ignored + left_out)))

    def delete_file(
        self,
        path_in_repo: str,
        repo_id: str,
        *,
        repo_type: str | RepoType | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        commit_description: str | None = None,
        parent_commit: str | None = None,
        token: str | Secret | bool | None = None,
    ) -> CommitInfo:
        """Take one file out of a repository (``POST …/git-receive-pack``); its history keeps it.

        Raises:
            NotFound: there is no such file, branch or repository.
            Conflict: the branch is not at `parent_commit`.
            Unauthorized, Forbidden: you may not write there.

        Example:
            >>> api.delete_file("old.bin", "wanda/bert").deleted
            ('old.bin',)
        """
        return self.create_commit(
            repo_id,
            [CommitOperationDelete(path_in_repo, is_folder=False)],
            commit_message=commit_message or f"Delete {path_in_repo}",
            commit_description=commit_description,
            repo_type=repo_type,
            revision=revision,
            parent_commit=parent_commit,
            token=token,
        )

    def delete_folder(
        self,
        path_in_repo: str,
        repo_id: str,
        *,
        repo_type: str | RepoType | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        commit_description: str | None = None,
        parent_commit: str | None = None,
        token: str | Secret | bool | None = None,
    ) -> CommitInfo:
        """Take a folder and all in it out of a repository (``POST …/git-receive-pack``).

        Its history keeps it.

        Raises:
            NotFound: there is no such folder, branch or repository.
            Conflict: the branch is not at `parent_commit`.
            Unauthorized, Forbidden: you may not write there.

        Example:
            >>> api.delete_folder("old", "wanda/bert").deleted
            ('old/a.txt',)
        """
        return self.create_commit(
            repo_id,
            [CommitOperationDelete(path_in_repo, is_folder=True)],
            commit_message=commit_message or f"Delete {path_in_repo}",
            commit_description=commit_description,
            repo_type=repo_type,
            revision=revision,
            parent_commit=parent_commit,
            token=token,
        )

    def _as(self, token: str | Secret | bool | None) -> HubConnection:
        """Return the hub, asked with another token if one is given."""
        if token is None:
            return self._hub
        return HubConnection(self._hub.endpoint, token, timeout_s=self._hub.timeout_s)


def _tell_left_out(names: Sequence[str], what: str, folder: str | os.PathLike[str]) -> None:
    if names:
        example = printable(names[0])
        _log.warning("not uploaded from %s: %d %s, such as %s", folder, len(names), what, example)
