"""The ``.gitattributes`` of a repository as they will be once a commit is made."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from csgrepo.errors import VerificationFailed
from csgrepo.hub.commits.pack import object_id
from csgrepo.hub.connection import repo_path
from csgrepo.lfs.attributes import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from csgrepo.hub.commits.content import Content
    from csgrepo.hub.commits.routes import Site
    from csgrepo.hub.commits.trees import Base

__all__ = ["rules_above"]


def rules_above(
    site: Site,
    base: Base,
    paths: Iterable[str],
    *,
    coming: Mapping[str, Content],
    going: frozenset[str],
) -> Iterator[tuple[str, bytes]]:
    """Yield every ``.gitattributes`` that has a say about some files, by its path.

    Args:
        site: where.
        base: what is there.
        paths: the files.
        coming: what is written, or is there already as it should be.
        going: the files that are deleted.

    Raises:
        VerificationFailed: the hub sent one with another content than git has.
    """
    for folder in sorted(_folders(paths)):
        path = f"{folder}/{FILE}" if folder else FILE
        if path in coming:
            yield path, coming[path].whole()
        elif base.commit and path not in going:
            entry = site.trees.find(base, path)
            if entry and not entry.is_folder:
                yield path, _blob(site, base, path, entry.oid)


def _blob(site: Site, base: Base, path: str, oid: str) -> bytes:
    url = f"{repo_path(site.repo)}/resolve/{quote(path)}"
    content = site.hub.ask("GET", url, params={"ref": base.commit}).content
    if object_id("blob", content, site.trees.used) != oid:
        words = f"{path} at {base.commit} came with other content than git says it has"
        raise VerificationFailed(site.address, [words])
    return content


def _folders(paths: Iterable[str]) -> set[str]:
    """Return all folders above some files, the root among them."""
    found = {""}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found
