"""The calls of `HubApi` about files and commits."""

from __future__ import annotations

import base64
import binascii
import posixpath
from typing import TYPE_CHECKING
from urllib.parse import quote

from csgrepo.errors import HubError, InvalidInput, NotFound
from csgrepo.hub.connection import HubCalls, repo_path
from csgrepo.hub.file_results import CommitDetails, RepoCommit, RepoDiff, RepoObject
from csgrepo.hub.reading import number, objects, text, texts
from csgrepo.hub.repositories import commit_at
from csgrepo.hub.trees import folder, walk, with_commits
from csgrepo.repo_id import RepoType, check_ref_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from csgrepo.hub.listing import Listing
    from csgrepo.repo_id import RepoId

__all__ = ["FileCalls"]


class FileCalls(HubCalls):
    """Files and commits; a revision is a branch, a tag or a commit, slashes allowed."""

    def list_repo_files(
        self, repo_id: str, *, revision: str | None = None, repo_type: str | RepoType | None = None
    ) -> list[str]:
        """Return the paths of all files, sorted (``GET …/refs/{commit}/tree/``).

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            revision: a branch, a tag or a commit; the default branch where not given.
            repo_type: what it holds; a model where not given.

        Raises:
            NotFound: no such repository or revision.
            Unauthorized, Forbidden: it is not for you to read; a dataset's files are shown to
                nobody without a token.

        Example:
            >>> api.list_repo_files("wanda/bert")
            ['.gitattributes', 'README.md']
        """
        found = self.list_repo_objects(repo_id, revision=revision, repo_type=repo_type)
        return sorted(entry.path for entry in found)

    def list_repo_objects(
        self,
        repo_id: str,
        path: str = "",
        *,
        recursive: bool = True,
        expand: bool = False,
        revision: str | None = None,
        repo_type: str | RepoType | None = None,
    ) -> Iterator[RepoObject]:
        """Yield files, sizes in bytes, digests of large ones (``GET …/refs/{commit}/tree/…``).

        All of it is of one commit, the one at the revision when the first entry is read.

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            path: the folder to list; the whole repository where not given.
            recursive: list the files of its folders too; without it, folders are listed as such.
            expand: add the commit that changed each entry last, which takes a request more for
                every hundred entries of a folder.
            revision: a branch, a tag or a commit; the default branch where not given.
            repo_type: what it holds; a model where not given.

        Raises:
            NotFound: no such repository, revision or folder.
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> sum(file.size for file in api.list_repo_objects("wanda/bert")) > 1000
            True
            >>> for file in api.list_repo_objects("wanda/bert", expand=True):
            ...     print(file.path, file.last_commit.message)
            .gitattributes initial commit
            README.md initial commit
        """
        top = _inside(path)
        repo = self._hub.repo(repo_id, repo_type)
        if revision is not None:
            check_ref_name(revision, "revision")
        return self._objects(repo, top, revision, recursive=recursive, expand=expand)

    def _objects(
        self, repo: RepoId, top: str, revision: str | None, *, recursive: bool, expand: bool
    ) -> Iterator[RepoObject]:
        commit = commit_at(self._hub, repo, revision)
        if commit is None:
            return
        listed = (walk if recursive else folder)(self._hub, repo, commit, top)
        found = with_commits(self._hub, repo, commit, listed) if expand else listed
        empty = True
        for entry in found:
            empty = False
            yield entry
        if empty and top:
            raise self._hub.missing(
                f"{repo} has no folder {top!r} at {revision or commit}", repo_path(repo)
            )

    def get_paths_info(
        self,
        repo_id: str,
        paths: str | Sequence[str],
        *,
        expand: bool = False,
        revision: str | None = None,
        repo_type: str | RepoType | None = None,
    ) -> list[RepoObject]:
        """Return what is at some paths, files and folders (``GET …/refs/{commit}/tree/…``).

        What does not exist is left out.

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            paths: one path or several.
            expand: add the commit that changed each last.
            revision: a branch, a tag or a commit; the default branch where not given.
            repo_type: what it holds; a model where not given.

        Raises:
            NotFound: no such repository or revision.
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> found = api.get_paths_info("wanda/bert", ["README.md", "no-such-file"])
            >>> [(entry.path, entry.type) for entry in found]
            [('README.md', 'file')]
        """
        wanted = [_inside(path) for path in ([paths] if isinstance(paths, str) else paths)]
        repo = self._hub.repo(repo_id, repo_type)
        commit = commit_at(self._hub, repo, revision)
        if commit is None:
            return []
        parents = dict.fromkeys(posixpath.dirname(path) for path in wanted)
        known = {
            entry.path: entry
            for parent in parents
            for entry in folder(self._hub, repo, commit, parent)
        }
        found = [known[path] for path in dict.fromkeys(wanted) if path in known]
        return list(with_commits(self._hub, repo, commit, iter(found))) if expand else found

    def file_exists(
        self,
        repo_id: str,
        path: str,
        *,
        revision: str | None = None,
        repo_type: str | RepoType | None = None,
    ) -> bool:
        """Tell whether there is such a file (``HEAD /csg/…/resolve/{commit}/{path}``).

        ``False`` where there is no such repository or revision either.

        Raises:
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> api.file_exists("wanda/bert", "README.md", revision="main")
            True
        """
        name = _inside(path)
        repo = self._hub.repo(repo_id, repo_type)
        infix = "" if repo.repo_type is RepoType.MODEL else f"{repo.repo_type.rest_plural}/"
        try:
            commit = commit_at(self._hub, repo, revision)
            if commit is None:
                return False
            found = self._hub.ask("HEAD", f"/csg/{infix}{repo}/resolve/{commit}/{quote(name)}")
        except NotFound:
            return False
        if found.headers.get("X-Repo-Commit") != commit:  # a login page says yes to everything
            raise found.unexpected("no word of a commit")
        return True

    def list_repo_commits(
        self,
        repo_id: str,
        *,
        revision: str | None = None,
        repo_type: str | RepoType | None = None,
        limit: int | None = None,
    ) -> Listing[RepoCommit]:
        """List the commits behind a revision, newest first (``GET …/commits``).

        The list begins at the commit that is there now; those that come later do not shift it.

        Raises:
            NotFound: no such repository or revision, or no commit yet.
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> last = next(api.list_repo_commits("wanda/bert", limit=1))
            >>> last.message, last.author_name, last.committed_at
            ('initial commit', 'wanda', datetime.datetime(...))
        """
        repo = self._hub.repo(repo_id, repo_type)
        path = f"{repo_path(repo)}/commits"
        commit = commit_at(self._hub, repo, revision)
        if commit is None:
            raise self._hub.missing(f"{repo} has no commits", path)
        return self._hub.pages(
            path,
            "commits",
            lambda fields: RepoCommit.read(fields, escaped=True),
            params={"ref": commit},
            inner="commits",
            limit=limit,
        )

    def get_commit(
        self, repo_id: str, revision: str | None = None, *, repo_type: str | RepoType | None = None
    ) -> CommitDetails:
        """Return a commit with what it changed (``GET …/commit/{commit}``).

        Raises:
            NotFound: no such repository or revision.
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> details = api.get_commit("wanda/bert", "main")
            >>> details.files, details.additions > 0
            (('.gitattributes', 'README.md'), True)
        """
        repo = self._hub.repo(repo_id, repo_type)
        commit = commit_at(self._hub, repo, revision)
        if commit is None:
            raise self._hub.missing(f"{repo} has no commits", repo_path(repo))
        fields = self._hub.data(f"{repo_path(repo)}/commit/{commit}")
        stats = fields.get("stats")
        counts = stats if isinstance(stats, dict) else {}
        try:
            diff = base64.b64decode(text(fields, "diff"), validate=True)
        except binascii.Error as error:
            raise HubError(f"the hub sent a 'diff' of {commit} that is not Base64") from error
        return CommitDetails(
            commit=RepoCommit.read(fields, escaped=True),
            parents=tuple(
                text(parent, "sha") for parent in objects(fields.get("parents"), "parents")
            ),
            files=texts(fields.get("files")),
            diff=diff,
            additions=number(counts, "additions") or 0,
            deletions=number(counts, "deletions") or 0,
        )

    def diff_commits(
        self, repo_id: str, left: str, right: str, *, repo_type: str | RepoType | None = None
    ) -> RepoDiff:
        """Tell which paths differ between two revisions (``GET …/diff``).

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            left: the branch, tag or commit to go from.
            right: the one to go to.
            repo_type: what it holds; a model where not given.

        Raises:
            NotFound: no such repository, or one of the two does not exist.
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> api.create_branch("wanda/bert", "next")
            >>> api.diff_commits("wanda/bert", "main", "next").modified
            ()
        """
        repo = self._hub.repo(repo_id, repo_type)
        sides = {
            f"{side}_commit_id": commit_at(self._hub, repo, revision)
            for side, revision in (("left", left), ("right", right))
        }
        listed = self._hub.entries(f"{repo_path(repo)}/diff", "changes", params=sides)
        found = {
            kind: tuple(path for fields in listed for path in texts(fields.get(kind)))
            for kind in ("added", "removed", "modified")
        }
        return RepoDiff(**found)


def _inside(path: str) -> str:
    """Return a path within a repository, without slashes around it.

    Raises:
        InvalidInput: it leads out, or holds what no path does.
    """
    inner = path.strip("/")
    if "\0" in inner or {"", ".", ".."} & set(inner.split("/") if inner else []):
        raise InvalidInput(f"{path!r} is not a path inside a repository")
    return inner
