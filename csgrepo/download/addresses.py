"""`file_url` and `http_get`: addresses of files, and a file from any address."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from csgrepo.config import settings
from csgrepo.credentials import Credentials
from csgrepo.download.source import resolve_url
from csgrepo.errors import InvalidInput, NotCached
from csgrepo.files import disk_errors, safe_join
from csgrepo.http import Http, origin
from csgrepo.http.address import shown
from csgrepo.progress import Reporter
from csgrepo.redact import Secret
from csgrepo.repo_id import RepoId, check_ref_name

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

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

    It appears whole or not at all, in the length that the server announced. Nobody says what such
    a file must hash to; `file_download` knows, and checks it.

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
        TransferError: it was cut off again and again.
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
    target.parent.mkdir(parents=True, exist_ok=True)
    scheme, host, port = place
    home = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    given = token if isinstance(token, str | Secret) else None
    credentials = Credentials(home if given else settings().endpoint, given or token is not False)
    known = given is not None or place == origin(settings().endpoint)
    sent: dict[str, str | Secret] = {n: Secret(text) for n, text in (headers or {}).items()}
    if cookies:
        sent["Cookie"] = Secret("; ".join(f"{n}={text}" for n, text in cookies.items()))
    temporary = target.with_name(f".{target.name[:20]}.{secrets.token_hex(6)}.part")
    try:
        with disk_errors(target), temporary.open("xb") as sink, Http() as http:

            def restart() -> None:
                sink.seek(0)
                sink.truncate()

            with Reporter(shown(url)).task("download", name) as task:
                http.download(
                    url,
                    sink,
                    headers=sent,
                    auth=credentials.authorization if known else None,
                    on_bytes=task.advance,
                    on_restart=restart,
                )
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return str(target)
