"""`api.instances`: models set to work on the hub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from csgrepo.errors import InvalidInput
from csgrepo.hub.deploy_calls import DeployCalls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.hub.deploy_results import Instance
    from csgrepo.hub.listing import Listing

__all__ = ["Instances"]


class Instances(DeployCalls):
    """Dedicated inference: a model on hardware of its own, at an address of its own.

    Example:
        >>> resource = next(api.instances.resources(available=True))
        >>> framework = api.instances.frameworks("wanda/bert")[0]
        >>> made = api.instances.create(
        ...     "wanda/bert", "bert-2", resource_id=resource.id, framework_id=framework.id
        ... )
        >>> api.instances.wait_until_running(made).endpoint
        'http...'
    """

    _kind: ClassVar[str] = "run"
    _number: ClassVar[int] = 1

    def create(
        self,
        model_id: str,
        name: str,
        *,
        resource_id: int,
        framework_id: int,
        min_replica: int = 1,
        max_replica: int = 1,
        revision: str | None = None,
        private: bool = True,
        env: Mapping[str, str] | None = None,
        engine_args: Mapping[str, object] | None = None,
        entrypoint: str | None = None,
        organization: str | None = None,
    ) -> Instance:
        """Set a model to work (``POST /api/v1/models/…/run``).

        Args:
            model_id: the model, ``namespace/name``.
            name: what to call it, by the rules for names of repositories.
            resource_id: the hardware, from `resources`.
            framework_id: the software, from `frameworks`.
            min_replica: how many copies run even when nobody asks; with 0 it may sleep.
            max_replica: how many copies run at most.
            revision: the branch; the default one where not given.
            private: whether it answers those only who may see it.
            env: variables for the container.
            engine_args: arguments for the framework.
            entrypoint: the file to serve, where the model has several (GGUF).
            organization: whom it belongs to; yourself where not given.

        Returns:
            The instance, which has only begun to start; see `wait_until_running`.

        Raises:
            InvalidInput: the name is not allowed, or the numbers of copies make no sense.
            Conflict: you have one of that name, or the model is still being copied to this hub.
            ServerError: the hardware is not free, or there is none of that number.
            NotFound: there is no such model, resource or framework.

        Example:
            >>> made = api.instances.create("wanda/bert", "bert-2", resource_id=1, framework_id=1)
            >>> api.instances.wait_until_running(made).status
            'Running'
        """
        _check_replicas(min_replica, max_replica)
        return self._create(
            model_id,
            {
                "deploy_name": name,
                "resource_id": resource_id,
                "runtime_framework_id": framework_id,
                "min_replica": min_replica,
                "max_replica": max_replica,
                "revision": revision,
                "secure_level": 2 if private else 1,
                "env": json.dumps(dict(env)) if env else None,
                "engine_args": json.dumps(dict(engine_args)) if engine_args else None,
                "entrypoint": entrypoint,
                "owner_namespace": organization,
            },
        )

    def list(
        self,
        model_id: str | None = None,
        *,
        organization: str | None = None,
        user: str | None = None,
    ) -> Listing[Instance]:
        """List instances (``GET …/run``): a model's, an organization's, or else all of your own.

        Args:
            model_id: those that run this model.
            organization: those of this organization.
            user: those of this user, which only that user may see.

        Raises:
            InvalidInput: more than one was named.
            Unauthorized: there is no token.
            Forbidden: while it is read, they are not for you to see.
            NotFound: while it is read, there is no such model or organization.

        Example:
            >>> [(found.name, found.status) for found in api.instances.list("wanda/bert")]
            [('bert-1', 'Running')]
        """
        return self._list(model_id, "run/model", organization, user)

    def scale(self, instance: Instance, *, min_replica: int, max_replica: int) -> Instance:
        """Change how many copies run (``PUT …/run/{id}``); the hub wants it stopped first.

        Raises:
            InvalidInput: the numbers make no sense.
            Conflict: it is running; `stop` it.
            Forbidden: it is not yours.
            NotFound: it is gone.

        Example:
            >>> instance = next(api.instances.list("wanda/bert"))
            >>> api.instances.stop(instance)
            >>> api.instances.scale(instance, min_replica=1, max_replica=3).max_replica
            3
        """
        _check_replicas(min_replica, max_replica)
        body = {"min_replica": min_replica, "max_replica": max_replica}
        self._hub.do("PUT", self._one(instance), json=body)
        return self.get(instance.model_id, instance.id)

    def wake_up(self, instance: Instance) -> None:
        """Wake an instance that sleeps because nobody used it (``PUT …/run/{id}/wakeup``).

        Raises:
            Forbidden: it is not yours.
            NotFound: it is gone.

        Example:
            >>> api.instances.wake_up(next(api.instances.list("wanda/bert")))
        """
        self._put(instance, "wakeup")


def _check_replicas(least: int, most: int) -> None:
    if not 0 <= least <= most or most < 1:
        raise InvalidInput(
            f"min_replica={least} and max_replica={most}: the first may be 0, the second at least "
            "1 and no smaller than the first"
        )
