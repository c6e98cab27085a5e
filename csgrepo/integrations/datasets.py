"""`load_dataset` of the datasets library, for datasets on the hub."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csgrepo.download import snapshot_download
from csgrepo.errors import InvalidInput

if TYPE_CHECKING:
    import os

__all__ = ["load_dataset"]


def load_dataset(
    path: str,
    name: str | None = None,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    **more: Any,
) -> Any:
    """Fetch a dataset, and return what `datasets.load_dataset` reads from it.

    Args:
        path: ``namespace/name``, or a folder.
        name: the configuration's name.
        revision: a branch, a tag or a commit; the default branch where not given.
        token: an access token; ``False`` to be nobody in particular.
        cache_dir: csgrepo's cache; ``CSGHUB_CACHE`` where not given.
        more: for `datasets.load_dataset`, such as ``split="train"``.

    Raises:
        InvalidInput: the datasets library is not installed.
        NotFound: there is no such dataset.

    Example:
        >>> load_dataset("wanda/reviews", split="train")  # doctest: +SKIP
    """
    try:
        library = importlib.import_module("datasets")
    except ImportError as error:
        raise InvalidInput("datasets is not installed; run `pip install datasets`") from error
    folder = (
        path
        if Path(path).is_dir()
        else snapshot_download(
            path, repo_type="dataset", revision=revision, token=token, cache_dir=cache_dir
        )
    )
    return library.load_dataset(folder, name, **more)
