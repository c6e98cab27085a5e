"""What only repositories of one type have: read from a body, kept as JSON, shown again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.repos.models import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.server.repos.catalogue import Repository

__all__ = [
    "changed_details",
    "first_details",
    "fixed_details",
    "keeps_files_in_xet",
    "shown_details",
]

_LONGEST = 10_000
_LARGEST = 2**53

# What a body may say, and what is shown where it has not.
_FIELDS: dict[Kind, dict[str, str | int]] = {
    Kind.MODEL: {
        "base_model": "",
        "report_url": "",
        "medium_risk_count": 0,
        "high_risk_count": 0,
    },
    Kind.DATASET: {
        "dataset_type": "normal",
        "related_dataset_id": 0,
        "price": 0,
    },
    Kind.SPACE: {
        "sdk": "",
        "sdk_version": "",
        "driver_version": "",
        "cover_image_url": "",
        "template": "",
        "resource_id": 0,
        "cluster_id": "",
        "min_replica": 0,
        "env": "",
        "secrets": "",
        "variables": "",
    },
    Kind.MCP: {"tool_count": 0, "star_count": 0, "configuration": ""},
}
_SHOWN_AS = {"tool_count": "tools_num", "star_count": "star_num"}
_FOR_WRITERS = {"env", "secrets", "variables"}
_WANTED_BY_SPACES = ("sdk", "resource_id", "cluster_id")
_XNET = "xnet_enabled"
_MAY_BE_XNET = {Kind.MODEL, Kind.DATASET}
_DATASET_TYPES = {"normal", "commercial"}
# A change that leaves these out sets them back, as the contract has it.
_RESET = ("report_url", "medium_risk_count", "high_risk_count")


# What is the same for all here: no other hub, no scan, and every model may be set to work.
_EVERYWHERE: dict[str, object] = {
    "sensitive_check_status": "Pass",
    "recom_op_weight": 0,
    "scores": None,
    "hf_path": "",
    "ms_path": "",
    "csg_path": "",
    "mirror_task_status": "",
}
_NEVER_MIRRORED: dict[str, object] = {
    "mirror_last_updated_at": "0001-01-01T00:00:00Z",
    "xnet_enabled": False,
    "xnet_migration_status": "",
    "xnet_migration_progress": 0,
}
_FIXED: dict[Kind, dict[str, object]] = {
    Kind.MODEL: {
        **_NEVER_MIRRORED,
        "widget_type": "",
        "status": "",
        "enable_inference": True,
        "enable_finetune": True,
        "enable_evaluation": True,
        "disable_inference_reason": "",
        "disable_finetune_reason": "",
        "disable_evaluation_reason": "",
        "metadata": UNKNOWN,
        "arch_allowed": True,
    },
    Kind.DATASET: {
        **_NEVER_MIRRORED,
        "status": "",
        "forked": False,
        "is_for_sale": False,
        "user_purchased": False,
        "purchase_task_status": "",
    },
    Kind.MCP: {
        "schema": "",
        "github_path": "",
        "program_language": "",
        "run_mode": "",
        "install_deps_cmds": "",
        "build_cmds": "",
        "launch_cmds": "",
        "avatar_url": "",
    },
}


def fixed_details(kind: Kind) -> dict[str, object]:
    """Return what the contract shows of every repository of a type, and nothing here can change."""
    if kind is Kind.SPACE:  # most of it is left out there
        return {"sensitive_check_status": "Pass"}
    return {**_EVERYWHERE, **_FIXED.get(kind, {})}


def first_details(kind: Kind, body: Mapping[str, Any]) -> dict[str, str | int]:
    """Return what a new repository's body says.

    Raises:
        Refusal: 400, a field is none, or a space does not say what it runs on.
    """
    if kind is Kind.SPACE:
        missing = [name for name in _WANTED_BY_SPACES if not body.get(name)]
        if missing:
            raise Refusal(400, "", f"Error:Field validation for {missing[0]!r} failed: required")
    return _said(kind, body)


def changed_details(
    repository: Repository, body: Mapping[str, Any], *, by_admin: bool
) -> dict[str, str | int]:
    """Return what a repository has after a change.

    Raises:
        Refusal: 400, a field is none; 403, only an administrator may change it.
    """
    if repository.type in _MAY_BE_XNET and (xnet := body.get(_XNET)) is not None:
        if not isinstance(xnet, bool):
            raise Refusal(400, "REQ-ERR-1")
        if not by_admin:
            raise Refusal(403, "AUTH-ERR-2")
        return {**changed_details(repository, {**body, _XNET: None}, by_admin=True), _XNET: xnet}
    before = _known(repository)
    if repository.type is Kind.MODEL:
        before = {name: value for name, value in before.items() if name not in _RESET}
    return before | _said(repository.type, body)


def shown_details(repository: Repository, *, to_writer: bool = False) -> dict[str, str | int]:
    """Return what is shown of a repository beside what all have.

    Args:
        repository: what is shown.
        to_writer: with what a space's programs are told, which may be passwords.
    """
    fields = {**_FIELDS.get(repository.type, {}), **_known(repository)}
    if repository.type in _MAY_BE_XNET:
        fields[_XNET] = keeps_files_in_xet(repository)
    if not to_writer:
        fields = {name: value for name, value in fields.items() if name not in _FOR_WRITERS}
    shown = {_SHOWN_AS.get(name, name): value for name, value in fields.items()}
    if "resource_id" in shown:
        shown["sku"] = str(shown.pop("resource_id"))
    return shown


def keeps_files_in_xet(repository: Repository) -> bool:
    """Tell whether the hub keeps git from writing to a repository, as a real one must with Xet."""
    return bool(_known(repository).get(_XNET, False))


def _known(repository: Repository) -> dict[str, str | int]:
    found: dict[str, str | int] = json.loads(repository.details)
    return found


def _said(kind: Kind, body: Mapping[str, Any]) -> dict[str, str | int]:
    found = {}
    for name, default in _FIELDS.get(kind, {}).items():
        value = body.get(name)
        if value is None:
            continue
        if type(value) is not type(default):
            raise Refusal(400, "REQ-ERR-1")
        if isinstance(value, str) and (len(value) > _LONGEST or not _is_text(value)):
            raise Refusal(400, "REQ-ERR-1")
        if isinstance(value, int) and not 0 <= value <= _LARGEST:
            raise Refusal(400, "REQ-ERR-1")
        if name == "dataset_type" and value not in _DATASET_TYPES:
            raise Refusal(400, "REQ-ERR-6")
        found[name] = value
    return found


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
