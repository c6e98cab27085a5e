"""The one cluster over REST: this machine; who administers the hub sees what is at work on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.deploys.deploys import DeployType, State
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.frame import Paging, endpoint, envelope, moment
from csgrepo.server.rest.offers import CLUSTER_ID, resource

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.deploys.deploys import Deploy
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_CPU, _MEMORY_GB = 2, 4
_WORDS = {"": None, "all": None, "running": State.RUNNING, "stopped": State.STOPPED,
          "deployfailed": State.RUNTIME_ERROR}  # fmt: skip


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    base = "/api/v1/cluster"
    return [
        Route(base, endpoint(backend, clusters, login=True), methods=["GET"]),
        Route(f"{base}/public", endpoint(backend, clusters), methods=["GET"]),
        Route(f"{base}/usage", endpoint(backend, usage, login=True), methods=["GET"]),
        Route(f"{base}/deploys", endpoint(backend, deploys, login=True), methods=["GET"]),
        Route(f"{base}/{{id}}", endpoint(backend, cluster, login=True), methods=["GET"]),
    ]


def _cluster(call: Call) -> dict[str, object]:
    """Return the cluster; the one resource that is free to take takes all of its processors."""
    running = [one for one in call.backend.deploys.all() if one.state is State.RUNNING]
    taken = min(_CPU, _CPU * sum(len(one.instances) for one in running))
    return {
        "cluster_id": CLUSTER_ID,
        "region": "local",
        "zone": "",
        "provider": "csgrepo",
        "status": "Running",
        "enable": True,
        "storage_class": "",
        "total_cpu": _CPU,
        "available_cpu": _CPU - taken,
        "total_mem": _MEMORY_GB,
        "available_mem": _MEMORY_GB,
        "total_gpu": 0,
        "available_gpu": 0,
        "endpoint": "",
    }


def clusters(call: Call) -> Response:
    """List the one cluster."""
    return envelope([_cluster(call)])


def cluster(call: Call) -> Response:
    """Show the one cluster."""
    if call.part("id") != CLUSTER_ID:
        raise Refusal(404, "SYS-ERR-3")
    return envelope(_cluster(call))


def usage(call: Call) -> Response:
    """Tell how much of each cluster is taken; for administrators."""
    _need_admin(call)
    one = _cluster(call)
    return envelope([{**one, "cpu_usage": 0.0 if one["available_cpu"] else 1.0, "node_num": 1}])


def deploys(call: Call) -> Response:
    """List everything that was set to work, the newest first; for administrators."""
    _need_admin(call)
    paging, state = Paging.of(call), call.query("status").lower()
    if state not in _WORDS:
        raise Refusal(400, "REQ-ERR-6")
    found = [
        one
        for one in call.backend.deploys.all()
        if _WORDS[state] in {None, one.state} and call.query("search").lower() in one.name.lower()
    ]
    page = found[paging.offset : paging.offset + paging.per]
    return envelope([_deploy(call, one) for one in page], len(found))


def _deploy(call: Call, deploy: Deploy) -> dict[str, object]:
    user = call.backend.accounts.user_by_id(deploy.user_id)
    hardware = resource(deploy.settings.resource_id) or {}
    running = deploy.started_at is not None
    return {
        "cluster_id": CLUSTER_ID,
        "cluster_region": "local",
        "deploy_name": deploy.name,
        "deploy_type": DeployType(deploy.type).name.lower(),
        "user": {"username": user.name} if user else None,
        "resource": hardware.get("name", ""),
        "create_time": moment(deploy.created_at),
        "status": deploy.state.word,
        "total_time_in_min": int((time.time() - deploy.started_at) / 60)
        if running and deploy.started_at
        else 0,
    }


def _need_admin(call: Call) -> None:
    if not call.caller.is_admin:
        raise Refusal(403, "AUTH-ERR-6")
