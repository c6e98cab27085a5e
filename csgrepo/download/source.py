"""What a hub has of one repository: which commit a revision is, its files, where their bytes are.

The listing is asked for where the hub gives all of it in one answer: with the description of a
model, in the tree of a dataset. For the other types it gives one folder at a time.
"""

from __future__ import annotations

import contextlib
import io
import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from csgrepo.cache import Tree, TreeFile, is_commit
from csgrepo.download.content import check_bytes
from csgrepo.errors import HubHTTPError, NotFound, ServerError, TransferError, Unauthorized
from csgrepo.files import check_name
from csgrepo.http import Http
from csgrepo.http.envelope import unwrap
from csgrepo.http.transfer import content_range
from csgrepo.http.wire import CutOff
from csgrepo.hub.connection import repo_path
from csgrepo.redact import Secret
from csgrepo.repo_id import RepoType, check_ref_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from csgrepo.http import Response
    from csgrepo.hub.connection import HubConnection
    from csgrepo.repo_id import RepoId

__all__ = ["Source", "resolve_url"]

_LARGEST_PAGE = 10_000
_SUBMODULE = str(0o160000)  # the hub writes git's modes in decimal digits
_ATTEMPTS = 5
_HURRIED = 1  # how often anything is repeated while there is another host to ask


def resolve_url(endpoint: str, repo: RepoId, path: str, revision: str) -> str:
    """Return the address of a file at a revision.

    A revision is one step of the path there; one with a slash in it has to go into the query.
    """
    name = quote(path, safe="/")
    if "/" in revision:
        return f"{endpoint}{repo_path(repo)}/resolve/{name}?ref={quote(revision, safe='')}"
    at = f"{repo}/resolve/{quote(revision, safe='')}/{name}"
    return f"{endpoint}/csg/{_infix(repo)}{at}"


class Source:
    """One repository on one hub.

    Args:
        hub: the hub, and who asks.
        repo: the repository.
        headers: sent along to the hub, and to no other host.
        hurried: there is another host to ask, so that little is tried twice here.

    Attributes:
        hurried: the same.
    """

    def __init__(
        self,
        hub: HubConnection,
        repo: RepoId,
        headers: Mapping[str, str] | None = None,
        *,
        hurried: bool = False,
    ) -> None:
        self.repo = repo
        self.endpoint = hub.endpoint
        self.hurried = hurried
        self.http = Http(retries=_HURRIED, silence_s=hub.timeout_s) if hurried else hub.http
        # A Secret stays behind where a redirect leads to another host.
        given = {name: Secret(value) for name, value in (headers or {}).items()}
        self.headers: dict[str, str | Secret] = {
            **hub.credentials.authorization(f"{hub.endpoint}/"),
            **given,
        }

    def commit(self, revision: str | None) -> str:
        """Return the commit that a branch or a tag is now.

        Raises:
            NotFound: there is no such revision, or no such repository.
        """
        if revision is not None:
            if is_commit(revision):
                return revision
            check_ref_name(revision, "revision")
        return self._commit_now(revision)

    def _commit_now(self, revision: str | None) -> str:
        path = f"{repo_path(self.repo)}/last_commit"
        response = self._ask("GET", path, {"ref": revision} if revision else None)
        data = unwrap(response).get("data")
        commit = data.get("id") if isinstance(data, dict) else None
        if isinstance(commit, str) and is_commit(commit):
            return commit
        if commit:
            raise response.unexpected(f"{commit!r} for a commit's id")
        what = f"branch, tag or commit {revision!r}" if revision else "commit yet"
        raise self._missing(f"{self.repo} has no {what}", path)

    def tree(self, commit: str) -> Tree:
        """Return all files of a commit.

        Raises:
            NotFound: there is no such commit.
            UnsafePath: a file's name leads outside the repository.
        """
        if self.repo.repo_type is RepoType.MODEL:
            rows, response = self._siblings(commit)
            read = _sibling
        elif self.repo.repo_type is RepoType.DATASET:
            rows, response = self._listing(commit)
            read = _listed
        else:
            rows, response = self._walk(commit)
            read = _walked
        try:
            files = [read(row) for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise response.unexpected(f"a list of files that cannot be read ({error})") from error
        return Tree.of(commit, self._without_submodules(commit, files), complete=True)

    def file(self, commit: str, path: str) -> TreeFile:
        """Return what the hub says of one file.

        Raises:
            NotFound: the commit has no such file.
        """
        try:
            response = self._ask("HEAD", self.url(commit, path).removeprefix(self.endpoint))
        except ServerError:  # its only word for a commit that there is not
            self._commit_now(commit)
            raise
        length = response.headers.get("Content-Length", "")
        tag = response.headers.get("ETag", "").removeprefix("W/").strip('"')
        try:
            if not re.fullmatch(r"[0-9]{1,18}", length):
                raise ValueError(f"{length!r} for a length")  # noqa: TRY301 - one place to answer
            return TreeFile(path, int(length), tag)
        except ValueError as error:
            raise response.unexpected(f"a file that cannot be checked ({error})") from error

    def span(self, commit: str, file: TreeFile, start: int, end: int) -> bytes:
        """Return the bytes of a file from `start` to before `end`.

        Raises:
            TransferError: it was cut off again and again, or is another file now.
        """
        sink = io.BytesIO()
        headers = {**self.headers, "Accept-Encoding": "identity"}
        for _ in range(_ATTEMPTS):
            position = start + sink.tell()
            wanted = {**headers, "Range": f"bytes={position}-{end - 1}"}
            with self.http.request(
                "GET", self.url(commit, file.path), headers=wanted, stream=True, ok={200, 206}
            ) as response:
                skip = position if response.status == 200 else 0
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise response.unexpected("a compressed file, which was asked for as it is,")
                if response.status == 206:
                    start_of, total = content_range(response.headers.get("Content-Range", ""))
                    if start_of != position or total not in {None, file.size}:
                        raise response.unexpected("another range than was asked for")
                with contextlib.suppress(CutOff):
                    for piece in response.pieces():
                        sink.write(piece[skip : skip + end - start - sink.tell()])
                        skip = max(0, skip - len(piece))
                        if sink.tell() == end - start:
                            return sink.getvalue()
        raise TransferError(
            f"{self.repo} {file.path}: it was cut off at {start + sink.tell()} of "
            f"{file.size} bytes; try again"
        )

    def url(self, commit: str, path: str) -> str:
        """Return the address of a file."""
        return resolve_url(self.endpoint, self.repo, path, commit)

    def _siblings(self, commit: str) -> tuple[list[Mapping[str, object]], Response]:
        path = f"/csg/api/models/{self.repo}/revision/{commit}"
        response = self._ask("GET", path, {"blobs": "true"})
        fields = response.mapping()
        if fields.get("sha") != commit:
            raise response.unexpected("another commit's files")
        if "siblings" not in fields:
            raise response.unexpected("a model without its 'siblings'")
        return _rows(fields["siblings"], response), response

    def _listing(self, commit: str) -> tuple[list[Mapping[str, object]], Response]:
        path = f"/csg/api/datasets/{self.repo}/tree/{commit}"
        response = self._ask("GET", path, {"recursive": "true"})
        return _rows(response.json(), response), response

    def _without_submodules(self, commit: str, files: list[TreeFile]) -> list[TreeFile]:
        """Leave out other repositories that are bound in: the hub calls them files without bytes.

        What cannot be an empty file, for its id is another, is looked up: if git's mode says so,
        there is nothing to fetch.
        """
        odd = {file.path for file in files if not file.size and check_bytes(b"", file)}
        bound = set()
        with contextlib.suppress(Unauthorized):  # the hub shows nobody the folders of a dataset
            for folder in sorted({posixpath.dirname(path) for path in odd}):
                rows = [row for row, _ in self._pages(commit, folder)]
                bound |= {row["path"] for row in rows if row.get("mode") == _SUBMODULE}
        return [file for file in files if file.path not in odd & bound]

    def _walk(self, commit: str) -> tuple[list[Mapping[str, object]], Response]:
        found: list[Mapping[str, object]] = []
        folders = [""]
        last: Response | None = None
        while folders:
            for row, response in self._pages(commit, folders.pop()):
                last = response
                if row.get("type") == "dir":
                    check_name(path := str(row["path"]))  # one that nests for ever ends there
                    folders.append(path)
                else:
                    found.append(row)
        if last is None:
            raise self._missing(f"{self.repo} has no commit {commit}", "")
        return found, last

    def _pages(self, commit: str, folder: str) -> Iterator[tuple[Mapping[str, object], Response]]:
        """Yield the entries of a folder; nothing only for a commit that there is not."""
        at = f"{repo_path(self.repo)}/refs/{commit}/tree/{quote(folder, safe='/')}"
        cursor, seen = "", set[str]()
        while cursor not in seen:
            seen.add(cursor)
            more = {"cursor": cursor} if cursor else {}
            response = self._ask("GET", at, {"limit": _LARGEST_PAGE, **more})
            if not (response.content or folder or cursor):
                return
            data = unwrap(response).get("data")
            if not isinstance(data, dict) or "Files" not in data:
                raise response.unexpected("a folder without its 'Files'")
            rows = _rows(data["Files"], response)
            if folder and not (rows or cursor):
                raise response.unexpected(f"nothing in the folder {folder!r}, which was listed,")
            for row in rows:
                path = row.get("path")
                parent, _, name = path.rpartition("/") if isinstance(path, str) else ("", "", "")
                if not name or parent != folder:
                    raise response.unexpected("what is not in the folder that was asked for")
                yield row, response
            cursor = str(data.get("Cursor") or "")
            if not cursor:
                return
        raise response.unexpected(f"the pages of the folder {folder!r} in circles")

    def _ask(
        self, method: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Response:
        return self.http.request(
            method, f"{self.endpoint}{path}", params=params, headers=self.headers
        )

    def _missing(self, message: str, path: str) -> HubHTTPError:
        return NotFound(
            status=200,
            code="",
            server_message=message,
            request_id="",
            url=f"{self.endpoint}{path}",
        )


def _infix(repo: RepoId) -> str:
    return "" if repo.repo_type is RepoType.MODEL else f"{repo.repo_type.rest_plural}/"


def _rows(value: object, response: Response) -> list[Mapping[str, object]]:
    rows = [] if value is None else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise response.unexpected("something else than a list of files")
    return rows


def _sibling(row: Mapping[str, object]) -> TreeFile:
    lfs = row.get("lfs")
    sha256 = str(lfs["sha256"]) if isinstance(lfs, dict) else ""
    return _file(row["rfilename"], row["size"], row["blobId"], sha256, plain=not sha256)


def _listed(row: Mapping[str, object]) -> TreeFile:
    return _file(row["path"], row["size"], row["oid"])


def _walked(row: Mapping[str, object]) -> TreeFile:
    sha256 = str(row.get("lfs_sha256") or "")
    plain = row.get("lfs") is False
    return _file(row["path"], row["size"], row["sha"], sha256, plain=plain)


def _file(
    path: object, size: object, blob: object, sha256: str = "", *, plain: bool = False
) -> TreeFile:
    if not isinstance(path, str) or not isinstance(size, int) or not isinstance(blob, str):
        raise TypeError(f"{path!r}, {size!r}, {blob!r} for a name, a length and an id")
    return TreeFile(path, size, blob, sha256, plain)
