"""`api.finetunes`: notebooks for finetuning a model, and finetunings that run by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from csgrepo.errors import InvalidInput
from csgrepo.hub.connection import segment
from csgrepo.hub.deploy_calls import DeployCalls
from csgrepo.hub.deploy_results import FinetuneJob
from csgrepo.hub.event_stream import LogStream
from csgrepo.repo_id import RepoId

if TYPE_CHECKING:
    from csgrepo.hub.deploy_calls import Since
    from csgrepo.hub.deploy_results import Instance
    from csgrepo.hub.listing import Listing

__all__ = ["Finetunes"]

Method = Literal["sft", "rlhf", "pt"]


class Finetunes(DeployCalls):
    """Finetuning: a notebook beside a model, or a job that ends by itself.

    Example:
        >>> made = api.finetunes.create("wanda/bert", "tune-1", resource_id=1, framework_id=2)
        >>> api.finetunes.wait_until_running(made).status
        'Running'
        >>> api.finetunes.stop(made)
    """

    _kind: ClassVar[str] = "finetune"
    _number: ClassVar[int] = 2

    def create(
        self,
        model_id: str,
        name: str,
        *,
        resource_id: int,
        framework_id: int,
        revision: str | None = None,
        organization: str | None = None,
    ) -> Instance:
        """Open a notebook beside a model (``POST /api/v1/models/…/finetune``).

        Args:
            model_id: the model, ``namespace/name``.
            name: what to call it, by the rules for names of repositories.
            resource_id: the hardware, from `resources`.
            framework_id: the software, from `frameworks`.
            revision: the branch; the default one where not given.
            organization: whom it belongs to; yourself where not given.

        Raises:
            InvalidInput: the name is not allowed.
            Conflict: you have one of that name, or the model is still being copied to this hub.
            NotFound: there is no such model, resource or framework.

        Example:
            >>> made = api.finetunes.create("wanda/bert", "tune-1", resource_id=1, framework_id=2)
            >>> [found.name for found in api.finetunes.list()]
            ['tune-1']
        """
        return self._create(
            model_id,
            {
                "deploy_name": name,
                "resource_id": resource_id,
                "runtime_framework_id": framework_id,
                "revision": revision,
                "owner_namespace": organization,
            },
        )

    def list(
        self, *, organization: str | None = None, user: str | None = None
    ) -> Listing[Instance]:
        """List notebooks (``GET …/finetune/instances``): an organization's, or your own.

        Args:
            organization: those of this organization.
            user: those of this user, which only that user may see.

        Raises:
            InvalidInput: both were named.
            Unauthorized: there is no token.
            Forbidden: while it is read, they are not for you to see.
            NotFound: while it is read, there is no such organization.

        Example:
            >>> [notebook.name for notebook in api.finetunes.list()]
            []
        """
        return self._list(None, "finetune/instances", organization, user)

    def create_job(
        self,
        name: str,
        *,
        model_id: str,
        dataset_id: str,
        resource_id: int,
        framework_id: int,
        method: Method = "sft",
        epochs: int = 1,
        learning_rate: float = 1e-4,
        description: str = "",
        custom_args: str = "",
        organization: str | None = None,
    ) -> FinetuneJob:
        """Finetune a model with a dataset (``POST /api/v1/finetunes``).

        Args:
            name: what to call it.
            model_id: the model, ``namespace/name``.
            dataset_id: the dataset, ``namespace/name``.
            resource_id: the hardware, from `resources`.
            framework_id: the software, from `frameworks`.
            method: ``"sft"``, ``"rlhf"`` or ``"pt"``.
            epochs: how often it goes through the dataset.
            learning_rate: how large its steps are.
            description: what it is for.
            custom_args: more arguments for the framework.
            organization: whom it belongs to; yourself where not given.

        Raises:
            InvalidInput: an id is none, or a number makes no sense.
            NotFound: there is no such model, dataset, resource or framework.
            Unauthorized: there is no token.

        Example:
            >>> job = api.finetunes.create_job(
            ...     "tune-1",
            ...     model_id="wanda/bert",
            ...     dataset_id="wanda/reviews",
            ...     resource_id=1,
            ...     framework_id=2,
            ...     epochs=3,
            ... )
            >>> api.finetunes.get_job(job.id).name
            'tune-1'
        """
        RepoId.parse(model_id)
        RepoId.parse(dataset_id)
        if method not in {"sft", "rlhf", "pt"} or epochs < 1 or not learning_rate > 0:
            raise InvalidInput(
                "method is 'sft', 'rlhf' or 'pt', epochs 1 or more, learning_rate above 0"
            )
        body: dict[str, object] = {
            "task_name": name,
            "task_desc": description,
            "model_id": model_id,
            "dataset_id": dataset_id,
            "resource_id": resource_id,
            "runtime_framework_id": framework_id,
            "swift_command": method,
            "epochs": epochs,
            "learning_rate": learning_rate,
            "custom_args": custom_args,
        }
        if organization:
            body["namespace"] = organization
        return FinetuneJob.read(self._hub.made("POST", "/api/v1/finetunes", json=body))

    def list_jobs(self, *, organization: str | None = None) -> Listing[FinetuneJob]:
        """List finetune jobs (``GET …/finetune/jobs``): an organization's, or your own.

        Raises:
            Unauthorized: there is no token.
            NotFound: while it is read, there is no such organization.

        Example:
            >>> [(job.name, job.status) for job in api.finetunes.list_jobs()]
            []
        """
        owner = (
            f"/api/v1/organization/{segment(organization)}"
            if organization
            else self._hub.user_path()
        )
        return self._hub.pages(f"{owner}/finetune/jobs", "finetune jobs", FinetuneJob.read)

    def get_job(self, number: int) -> FinetuneJob:
        """Return a finetune job as it is now (``GET /api/v1/finetunes/{id}``).

        Args:
            number: the job's `id`.

        Raises:
            NotFound: there is none of that number.

        Example:
            >>> for job in api.finetunes.list_jobs():
            ...     print(api.finetunes.get_job(job.id).status)
        """
        return FinetuneJob.read(self._hub.data(f"/api/v1/finetunes/{int(number)}"))

    def job_logs(self, number: int, *, since: Since | None = None) -> LogStream:
        """Listen to what a finetune job says (``GET /api/v1/finetunes/{id}/logs``).

        Args:
            number: the job's `id`.
            since: how far back to begin, as for `logs`.

        Returns:
            Its lines, as they come; they end when the job does, or when it is closed.

        Raises:
            NotFound: there is none of that number.

        Example:
            >>> for job in api.finetunes.list_jobs():
            ...     with api.finetunes.job_logs(job.id, since="1day") as logs:
            ...         print(next(logs))
        """
        path = f"/api/v1/finetunes/{int(number)}/logs"
        return self._stream(path, {"since": since, "stream": "true"}, since)

    def delete_job(self, number: int, *, missing_ok: bool = False) -> None:
        """Delete a finetune job, which ends it (``DELETE /api/v1/finetunes/{id}``).

        Raises:
            Unauthorized: there is no token.
            NotFound: there is none of that number, unless `missing_ok`.

        Example:
            >>> for job in api.finetunes.list_jobs():
            ...     api.finetunes.delete_job(job.id)
        """
        self._hub.remove(f"/api/v1/finetunes/{int(number)}", missing_ok=missing_ok)
