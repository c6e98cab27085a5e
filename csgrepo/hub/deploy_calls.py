"""What instances and notebooks have in common: they are made, awaited, started, stopped, heard."""

from __future__ import annotations

import builtins
import time
from typing import TYPE_CHECKING, ClassVar, Literal

from csgrepo.errors import InstanceFailed, InvalidInput, NotRunning
from csgrepo.http.envelope import unwrap
from csgrepo.hub.connection import repo_path, segment
from csgrepo.hub.deploy_results import Framework, Instance, Resource
from csgrepo.hub.event_stream import LogStream
from csgrepo.hub.reading import needed_number, objects
from csgrepo.repo_id import RepoId, RepoType

if TYPE_CHECKING:
    from csgrepo.hub.connection import HubConnection
    from csgrepo.hub.listing import Listing

__all__ = ["DeployCalls", "Since"]

Since = Literal["10mins", "30mins", "1hour", "6hours", "1day", "2days", "1week"]
_SINCE = ("10mins", "30mins", "1hour", "6hours", "1day", "2days", "1week")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 10.0


class DeployCalls:
    """Calls about one kind of what runs on the hub."""

    _kind: ClassVar[str]  # the word in the addresses
    _number: ClassVar[int]  # the hub's number for the kind

    def __init__(self, hub: HubConnection) -> None:
        self._hub = hub

    def resources(
        self, *, resource_type: str | None = None, available: bool | None = None
    ) -> Listing[Resource]:
        """List the hardware to choose from (``GET /api/v1/space_resources``).

        Args:
            resource_type: only ``"cpu"``, ``"gpu"``, ``"npu"`` …
            available: only what is free, or only what is not.

        Raises:
            HubError: while it is read, the hub has no clusters and says so.

        Example:
            >>> [found.name for found in api.instances.resources(resource_type="cpu")]
            [...]
        """
        params = {
            "deploy_type": self._number,
            "resource_type": resource_type,
            "is_available": available,
        }
        path = "/api/v1/space_resources"
        return self._hub.pages(path, "resources", Resource.read, params=params)

    def frameworks(self, model_id: str) -> builtins.list[Framework]:
        """Return the software that can run a model (``GET …/runtime_framework``).

        Raises:
            NotFound: there is no such model.
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> [found.name for found in api.instances.frameworks("wanda/bert")]
            [...]
        """
        path = f"{self._model(model_id)}/runtime_framework"
        response = self._hub.ask("GET", path, params={"deploy_type": self._number})
        listed = objects(unwrap(response).get("data"), "frameworks")
        return [Framework.read(fields) for fields in listed]

    def get(self, model_id: str, number: int) -> Instance:
        """Return an instance as it is now (``GET …/run/{id}``).

        Raises:
            NotFound: the model has none of that number.
            Forbidden: it is not for you to see.

        Example:
            >>> instance = next(api.instances.list("wanda/bert"))
            >>> api.instances.get("wanda/bert", instance.id).status
            'Running'
        """
        path = f"{self._model(model_id)}/run/{int(number)}"
        return Instance.read(self._hub.data(path), model_id)

    def wait_until_running(self, instance: Instance, timeout: float = 600.0) -> Instance:
        """Wait until an instance is at work, and return it then (``GET …/run/{id}``).

        Asks again and again, a quarter of a second after the first time and more seldom later, up
        to every ten seconds.

        Args:
            instance: the instance.
            timeout: how many seconds to wait at most.

        Raises:
            InstanceFailed: it is in a state that waiting does not mend; tells the hub's reason.
            NotRunning: the time is up.
            NotFound: it is gone.

        Example:
            >>> instance = next(api.instances.list("wanda/bert"))
            >>> api.instances.wait_until_running(instance, timeout=900).endpoint
            'http...'
        """
        end, pause = time.monotonic() + timeout, _FIRST_PAUSE_S
        while True:
            now = self.get(instance.model_id, instance.id)
            if now.is_running:
                return now
            if now.has_failed:
                raise InstanceFailed(now.name or str(now.id), now.status, now.reason, now.message)
            left = end - time.monotonic()
            if left <= 0:
                raise NotRunning(
                    f"{now.name or now.id} was {now.status} after {timeout:g} seconds; wait "
                    "longer, or see its logs"
                )
            time.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def start(self, instance: Instance) -> None:
        """Start what was stopped (``PUT …/run/{id}/start``).

        Raises:
            Forbidden: it is not yours.
            NotFound: it is gone.

        Example:
            >>> instance = next(api.instances.list("wanda/bert"))
            >>> api.instances.stop(instance)
            >>> api.instances.start(instance)
        """
        self._put(instance, "start")

    def stop(self, instance: Instance) -> None:
        """Stop it (``PUT …/run/{id}/stop``).

        It costs nothing then, and `start` brings it back.

        Raises:
            Forbidden: it is not yours.
            NotFound: it is gone.

        Example:
            >>> instance = next(api.instances.list("wanda/bert"))
            >>> api.instances.stop(instance)
            >>> api.instances.get("wanda/bert", instance.id).status
            'Stopped'
        """
        self._put(instance, "stop")

    def delete(self, instance: Instance, *, missing_ok: bool = False) -> None:
        """Delete it (``DELETE …/run/{id}``); there is no way back.

        Raises:
            Forbidden: it is not yours.
            NotFound: it is gone already, unless `missing_ok`.

        Example:
            >>> for instance in api.instances.list("wanda/bert"):
            ...     api.instances.delete(instance)
        """
        self._hub.remove(self._one(instance), missing_ok=missing_ok)

    def logs(
        self, instance: Instance, *, since: Since | None = None, replica: str | None = None
    ) -> LogStream:
        """Listen to what its container says (``GET …/logs``); ends when it is closed.

        Args:
            instance: the instance.
            since: how far back to begin: ``"10mins"``, ``"30mins"``, ``"1hour"``, ``"6hours"``,
                ``"1day"``, ``"2days"`` or ``"1week"``.
            replica: only this copy; see `Instance.replicas`.

        Raises:
            Forbidden: it is not for you to see.
            NotFound: it is gone.

        Example:
            >>> instance = next(api.instances.list("wanda/bert"))
            >>> with api.instances.logs(instance, since="10mins") as logs:
            ...     print(next(logs).isprintable())
            True
        """
        path, params = f"{self._one(instance)}/logs", {"since": since, "instance": replica}
        return self._stream(path, params, since)

    def _stream(self, path: str, params: dict[str, str | None], since: str | None) -> LogStream:
        if since is not None and since not in _SINCE:
            raise InvalidInput(f"since={since!r} is unknown; use one of {', '.join(_SINCE)}")
        response = self._hub.ask("GET", path, params=params, stream=True)
        if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
            with response:
                unwrap(response)  # names what it is instead, an error with status 200 included
                raise response.unexpected("no stream of events")
        return LogStream(response)

    def _list(
        self, model_id: str | None, own: str, shared: str | None, user: str | None
    ) -> Listing[Instance]:
        if sum(given is not None for given in (model_id, shared, user)) > 1:
            raise InvalidInput("a model, an organization or a user: name one of them")
        if model_id is not None:
            path = f"{self._model(model_id)}/{self._kind}"
        elif shared is not None:
            path = f"/api/v1/organization/{segment(shared)}/{own}"
        elif user is not None:
            path = f"/api/v1/user/{segment(user)}/{own}"
        else:
            path = f"{self._hub.user_path()}/{own}"
        params = None if own.startswith("finetune") else {"deploy_type": self._number}
        return self._hub.pages(
            path, "instances", lambda fields: Instance.read(fields, model_id), params=params
        )

    def _create(self, model_id: str, body: dict[str, object]) -> Instance:
        RepoId.parse(f"any/{body['deploy_name']}")  # the hub's rules for names are the same
        path = f"{self._model(model_id)}/{self._kind}"
        given = {name: value for name, value in body.items() if value is not None}
        made = self._hub.made("POST", path, json=given)
        # Only the number means something in this answer.
        return self.get(model_id, needed_number(made, "deploy_id", "a new instance"))

    def _put(self, instance: Instance, deed: str) -> None:
        self._hub.do("PUT", f"{self._one(instance)}/{deed}")

    def _one(self, instance: Instance) -> str:
        return f"{self._model(instance.model_id)}/{self._kind}/{instance.id}"

    def _model(self, model_id: str) -> str:
        repo = self._hub.repo(model_id, RepoType.MODEL)
        if repo.repo_type is not RepoType.MODEL:
            raise InvalidInput(f"{repo} is a {repo.repo_type}; only models are set to work")
        return repo_path(repo)
