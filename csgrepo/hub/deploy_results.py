"""What the hub says about what runs on it, and on what."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csgrepo.errors import HubError, InvalidInput
from csgrepo.hub.reading import flag, moment, needed_number, needed_text, number, text, texts
from csgrepo.repo_id import RepoId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["FAILED", "FinetuneJob", "Framework", "Instance", "Resource"]

# States that no patience will mend; somebody has to do something first.
FAILED = frozenset(
    {"BuildingFailed", "DeployFailed", "RuntimeError", "Stopped", "Deleted", "ResourceUnhealthy"}
)


@dataclass(frozen=True, slots=True)
class Resource:
    """Hardware to choose from.

    Attributes:
        id: what `create` wants.
        name: what the hub calls it.
        type: ``"cpu"``, ``"gpu"``, ``"npu"`` …
        cluster_id: the cluster that has it.
        is_available: whether some of it is free.
        price: what it costs, in the hub's own unit; ``None`` where it does not tell.
        hardware: what it has, as the hub describes it.
    """

    id: int
    name: str
    type: str = ""
    cluster_id: str = ""
    is_available: bool = False
    price: float | None = None
    hardware: Mapping[str, object] = field(default_factory=dict, compare=False)

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Resource:
        """Read what the hub says.

        Raises:
            HubError: it has no number.
        """
        try:
            described = json.loads(text(fields, "resources") or "{}")
        except (ValueError, RecursionError):
            described = {}
        price = fields.get("price")
        is_number = isinstance(price, int | float) and not isinstance(price, bool)
        return cls(
            id=needed_number(fields, "id", "a resource"),
            name=text(fields, "name"),
            type=text(fields, "type"),
            cluster_id=text(fields, "cluster_id"),
            is_available=flag(fields, "is_available"),
            price=float(str(price)) if is_number else None,
            hardware=described if isinstance(described, dict) else {},
        )


@dataclass(frozen=True, slots=True)
class Framework:
    """Software to choose from, such as vLLM.

    Attributes:
        id: what `create` wants.
        name: what it is called.
        version: its version.
        compute_type: the hardware it is for: ``"cpu"``, ``"gpu"`` …
        description: what the hub says about it.
    """

    id: int
    name: str
    version: str = ""
    compute_type: str = ""
    description: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Framework:
        """Read what the hub says.

        Raises:
            HubError: it has no number.
        """
        return cls(
            id=needed_number(fields, "id", "a framework"),
            name=text(fields, "frame_name"),
            version=text(fields, "frame_version"),
            compute_type=text(fields, "compute_type"),
            description=text(fields, "description"),
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """A model at work, or a notebook for finetuning, as it was when the hub was asked.

    Attributes:
        id: the hub's number for it.
        name: what its owner calls it.
        model_id: the model, ``namespace/name``.
        status: ``"Pending"``, ``"Building"``, ``"Deploying"``, ``"Running"``, ``"Sleeping"``,
            ``"Stopped"``, or what went wrong: ``"BuildingFailed"``, ``"DeployFailed"``,
            ``"RuntimeError"``, ``"ResourceUnhealthy"``.
        endpoint: where a model answers, ``""`` for notebooks and while nothing is there.
        private: whether it answers those only who may see it.
        reason: why it failed, in a word.
        message: why it failed, in more.
        task: what the model does, such as ``"text-generation"``.
        framework: what runs it.
        min_replica: how many copies run even when nobody asks; 0 lets it sleep.
        max_replica: how many copies run at most.
        replicas: the names of those at work.
        owner: the namespace it belongs to.
        created_at: when it was made.
        fields: everything the hub said, as it came.
    """

    id: int
    name: str
    model_id: str
    status: str
    endpoint: str = ""
    private: bool = True
    reason: str = ""
    message: str = ""
    task: str = ""
    framework: str = ""
    min_replica: int = 0
    max_replica: int = 0
    replicas: tuple[str, ...] = ()
    owner: str = ""
    created_at: datetime | None = None
    fields: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_running(self) -> bool:
        """Whether it was at work."""
        return self.status == "Running"

    @property
    def has_failed(self) -> bool:
        """Whether waiting will not help."""
        return self.status in FAILED

    @classmethod
    def read(cls, fields: Mapping[str, object], model_id: str | None = None) -> Instance:
        """Read what the hub says about an instance.

        Raises:
            HubError: it has no number, no status or no model.
        """
        model = text(fields, "model_id") or model_id or text(fields, "git_path")
        try:
            RepoId.parse(model)
        except InvalidInput as error:
            raise HubError(
                f"the hub described an instance without its 'model_id': {error}"
            ) from error
        copies = fields.get("instances")
        named = (
            [c.get("name") for c in copies if isinstance(c, dict)]
            if isinstance(copies, list)
            else []
        )
        return cls(
            id=needed_number(fields, "deploy_id", "an instance"),
            name=text(fields, "deploy_name"),
            model_id=model,
            status=needed_text(fields, "status", "an instance"),
            endpoint=text(fields, "proxy_endpoint") or text(fields, "endpoint"),
            private=fields.get("private") is not False,
            reason=text(fields, "reason"),
            message=text(fields, "message"),
            task=text(fields, "task"),
            framework=text(fields, "runtime_framework"),
            min_replica=number(fields, "min_replica") or 0,
            max_replica=number(fields, "max_replica") or 0,
            replicas=texts(named),
            owner=text(fields, "owner_namespace"),
            created_at=moment(fields, "created_at"),
            fields=dict(fields),
        )


@dataclass(frozen=True, slots=True)
class FinetuneJob:
    """A finetuning that runs to its end by itself.

    Attributes:
        id: the hub's number for it.
        name: what its owner calls it.
        status: the hub's word for how far it is.
        reason: why it failed.
        repos: the model and the dataset it works with.
        resource: the hardware.
        submitted_at: when it was asked for.
        fields: everything the hub said, as it came.
    """

    id: int
    name: str
    status: str = ""
    reason: str = ""
    repos: tuple[str, ...] = ()
    resource: str = ""
    submitted_at: datetime | None = None
    fields: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> FinetuneJob:
        """Read what the hub says.

        Raises:
            HubError: it has no number.
        """
        return cls(
            id=needed_number(fields, "id", "a finetune job"),
            name=text(fields, "task_name"),
            status=text(fields, "status"),
            reason=text(fields, "reason"),
            repos=texts(fields.get("repo_ids")),
            resource=text(fields, "resource_name"),
            submitted_at=moment(fields, "submit_time"),
            fields=dict(fields),
        )
