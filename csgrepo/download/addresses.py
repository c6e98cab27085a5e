"""`file_url` and `http_get`: addresses of files, and a file from any address."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from csgrepo.config import settings
from csgrepo.credentials import Credentials
from csgrepo.download.kept import Kept
from csgrepo.download.source import resolve_url
from csgrepo.errors import InvalidInput, NotCached
from csgrepo.files import safe_join
from csgrepo.http import Http, origin
from csgrepo.http.address import shown
from csgrepo.progress import Reporter
from csgrepo.redact import Secret
from csgrepo.repo_id import RepoId, check_ref_name

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from csgrepo.repo_id import RepoType

__all__ = ["file_url", "http_get"]


def file_url(
    repo_id: str,
    file_name: str,
    *,
    subfolder: str | None = None,
    repo_type: str | RepoType | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Return the address of a file on the hub; nothing is asked of it.

    Args:
        repo_id: ``namespace/name``.
        file_name: its path in the repository.
        subfolder: the folder that it is in, where `file_name` does not say so.
        repo_type: what the repository holds; a model where not given.
        revision: a branch, a tag or a commit; ``main`` where not given.
        endpoint: the hub's address.

    Raises:
        InvalidInput: the id or the revision cannot be one.
        UnsafePath: the name cannot be a file's.

    Example:
        >>> file_url("wanda/bert", "config.json", endpoint="https://hub.example")
        'https://hub.example/csg/wanda/bert/resolve/main/config.json'
    """
    path = f"{subfolder.strip('/')}/{file_name}" if subfolder else file_name
    safe_join(Path(), path)
    base = (endpoint or settings().endpoint).rstrip("/")
    at = check_ref_name("main" if revision is None else revision, "revision")
    return resolve_url(base, RepoId.parse(repo_id, repo_type), path, at)


def http_get(
    url: str,
    *,
    local_dir: str | os.PathLike[str] | None = None,
    file_name: str | None = None,
    token: str | Secret | bool | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
) -> str:
    """Fetch a file from any HTTP address, and return its path.

    It appears whole or not at all, in the length that the server announced. What came of one that
    was cut off is kept in a hidden file beside it where the server gives a tag (``ETag``) that
    stands for every byte: the next call goes on there, if that tag and the length are still the
    same and the bytes on the disk are as they came. Nobody says what such a file must hash to;
    `file_download` knows, and checks it.

    Args:
        url: where from.
        local_dir: the folder it goes to; the current one where not given.
        file_name: its name there; the last step of the address where not given.
        token: sent to that address' own host, and to no host it redirects to. ``None`` sends the
            hub's token if the address is the hub's, ``False`` none.
        headers: sent to the same host only.
        cookies: sent to the same host only.

    Raises:
        InvalidInput: no HTTP address, or it has no name in it and none was given.
        HubHTTPError: the server refused.
        TransferError: it was cut off again and again; the same call goes on where it ended.
        NotCached: the network may not be used.

    Example:
        >>> http_get("https://hub.example/file.bin", local_dir="data")  # doctest: +SKIP
        '/home/wanda/data/file.bin'
    """
    place = origin(url)
    if settings().offline:
        raise NotCached(f"{shown(url)} was not fetched", ["anything from an address"])
    name = file_name or unquote(urlsplit(url).path).rpartition("/")[2]
    if not name:
        raise InvalidInput(f"{shown(url)} names no file; pass file_name=")
    target = safe_join(Path(local_dir or ".").expanduser().absolute(), name)
    if target.is_dir():
        raise InvalidInput(f"{target} is a folder; give the file another name, or another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    scheme, host, port = place
    home = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    given = token if isinstance(token, str | Secret) else None
    credentials = Credentials(home if given else settings().endpoint, given or token is not False)
    known = given is not None or place == origin(settings().endpoint)
    sent: dict[str, str | Secret] = {n: Secret(text) for n, text in (headers or {}).items()}
    if cookies:
        sent["Cookie"] = Secret("; ".join(f"{n}={text}" for n, text in cookies.items()))
    with (
        _alone(target, url) as kept,
        Http(silence_s=settings().stall_timeout_s) as http,
        Reporter(shown(url)).task("download", name, kept.size) as task,
    ):
        task.advance(kept.start)
        http.download(
            url,
            kept,
            headers=sent,
            auth=credentials.authorization if known else None,
            start=kept.start,
            expected_size=kept.size,
            etag=kept.tag,
            on_answer=kept.begin,
            on_bytes=task.advance,
            on_restart=kept.forget,
        )
        kept.become_target()
    return str(target)


@contextlib.contextmanager
def _alone(target: Path, url: str) -> Iterator[Kept]:
    """Open what is kept of a file while no other process has it.

    The lock is in the cache: it has to stay, and the target's folder is the user's.
    """
    name = hashlib.sha256(f"{target}\n{shown(url)}".encode()).hexdigest()[:40]
    lock = FileLock(settings().cache / "locks" / f"{name}.lock")
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:  # no cache may be written: nothing is kept for a later call either
        pass
    try:
        with Kept(target, url, keep=lock.is_locked) as kept:
            yield kept
    finally:
        lock.release()
