"""`push_model`: a trained model's folder, under the terms that ModelScope's call of that name has.

A folder is a model if it says how it is configured. The repository is made where there is none, and
so is the branch; what is in the repository besides stays.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.errors import Conflict, InvalidInput
from csgrepo.hub import HubApi
from csgrepo.progress.bars import bars
from csgrepo.repo_id import check_ref_name

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from csgrepo.hub import CommitInfo
    from csgrepo.redact import Secret

__all__ = ["PRIVATE", "PUBLIC", "push_model"]

PRIVATE, PUBLIC = 1, 5  # ModelScope's numbers
_CONFIGURATION = "configuration.json"


def push_model(  # noqa: PLR0917 - the order that ModelScope gave them
    model_id: str,
    model_dir: str | os.PathLike[str],
    visibility: int = PUBLIC,
    license: str | None = None,
    chinese_name: str | None = None,
    commit_message: str = "upload model",
    tag: str | None = None,
    revision: str | None = None,
    original_model_id: str | None = None,
    ignore_file_pattern: str | Sequence[str] | None = None,
    *,
    token: str | Secret | bool | None = None,
    endpoint: str | None = None,
    progress: bool = False,
) -> CommitInfo:
    """Upload a model's folder, and make its repository, branch and tag where they are not there.

    The same call again costs nothing; one that was broken off is simply made again.

    Args:
        model_id: ``namespace/name``.
        model_dir: the folder; it has to have a ``configuration.json``.
        visibility: of a repository that is made: 1 private, 5 public.
        license: of a repository that is made, such as ``"apache-2.0"``.
        chinese_name: the name that is shown for a repository that is made.
        commit_message: what the commit says.
        tag: a tag for what the branch holds then.
        revision: the branch; the default one where not given.
        original_model_id: the model that this one was trained from.
        ignore_file_pattern: leave out files that match one of these, such as ``"*.tmp"``.
        token: an access token; the environment's, or the one that `login` kept, where not given.
        endpoint: the hub's address.
        progress: show bars on standard error.

    Returns:
        What came of it.

    Raises:
        InvalidInput: the folder has no configuration, or an argument cannot be meant. It is a
            `ValueError`.
        Conflict: there is such a tag, and it stands for another commit. It was not moved.
        CsgRepoError: as for `HubApi.upload_folder`.

    Example:
        >>> push_model("wanda/bert", "out", tag="v1.0").url  # doctest: +SKIP
        'https://hub.opencsg.com/models/wanda/bert/commit/…'
    """
    folder = Path(model_dir).expanduser()
    if not (folder / _CONFIGURATION).is_file():
        raise InvalidInput(
            f"{folder} has no {_CONFIGURATION}, so it is no model to push; write one, or use "
            "upload_folder for a folder of any kind"
        )
    if visibility not in {PRIVATE, PUBLIC}:
        raise InvalidInput(f"visibility is {visibility!r}; {PRIVATE} is private, {PUBLIC} public")
    if tag is not None:
        check_ref_name(tag, "tag")
    with HubApi(endpoint, token) as api:
        if not api.repo_exists(model_id):
            api.create_repo(
                model_id,
                private=visibility == PRIVATE,
                exist_ok=True,
                nickname=chinese_name,
                license=license,
            )
        if original_model_id is not None:
            api.update_repo_settings(model_id, base_model=original_model_id)
        with bars() if progress else contextlib.nullcontext():
            info = api.upload_folder(
                repo_id=model_id,
                folder_path=folder,
                revision=revision,
                commit_message=commit_message,
                ignore_patterns=ignore_file_pattern,
                create_branch=True,
            )
        if tag is not None:
            _tag(api, model_id, tag, info)
    return info


def _tag(api: HubApi, model_id: str, tag: str, info: CommitInfo) -> None:
    """Make the tag, unless it stands for that commit already."""
    there = {ref.name: ref.target_commit for ref in api.list_repo_refs(model_id).tags}
    known = there.get(tag)
    if known is None:
        api.create_tag(model_id, tag, revision=info.oid)
    elif known != info.oid:
        raise Conflict(
            status=200,
            code="",
            server_message=(
                f"{model_id} has a tag {tag} already, for commit {known[:10]}. The model was "
                f"uploaded as commit {info.oid[:10]}; give it another tag, or delete that one"
            ),
            request_id="",
            url=info.url,
        )
