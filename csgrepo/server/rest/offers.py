"""What a deploy can be made of: resources, clusters and runtime frameworks.

The hub has no machines to rent out. It offers what clients need to choose something.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import CRASHING, DeployType
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.frame import Paging, PureJSON, endpoint, envelope

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["CLUSTER_ID", "framework", "resource", "routes"]

CLUSTER_ID = "local"
_MOST_RESOURCES = 100  # on a page, where nothing else is asked for
_TYPES = {str(int(kind)) for kind in DeployType}


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    of_model = "/api/v1/models/{namespace}/{name}/runtime_framework"
    kind = Kind.MODEL
    return [
        Route("/api/v1/space_resources", endpoint(backend, resources), methods=["GET"]),
        Route("/api/v1/space_resources/hardware_types", endpoint(backend, hardware_types)),
        Route("/api/v1/space_resources/scenarios", endpoint(backend, scenarios)),
        Route(of_model, endpoint(backend, frameworks, kind=kind), methods=["GET"]),
        Route(f"{of_model}_v2", endpoint(backend, frameworks_v2, kind=kind), methods=["GET"]),
        Route(
            "/api/v1/models/runtime_framework",
            endpoint(backend, frameworks, login=True),
            methods=["GET"],
        ),
        Route(
            "/api/v1/runtime_framework",
            endpoint(backend, all_frameworks, login=True),
            methods=["GET"],
        ),
    ]


def _resource(
    number: int, name: str, kind: str, *, available: bool, **what: object
) -> dict[str, object]:
    return {
        "id": number,
        "name": name,
        "cluster_id": CLUSTER_ID,
        "cluster_region": "local",
        "resources": json.dumps(what),
        "price": 0,
        "price_unit": 1,
        "price_unit_type": "minute",
        "is_available": available,
        "type": kind,
        "pay_mode": "free",
        "is_reserved": False,
        "order_detail_id": 0,
        "available_status_list": [],
        "price_undefined": False,
        "scenarios": [],
        "hardware_model": "",
    }


_CPU = {"type": "any", "num": "2"}
_RESOURCES = [
    _resource(1, "2 vCPU · 4 GB", "cpu", available=True, cpu=_CPU, memory="4Gi"),
    _resource(
        2,
        "1 GPU · 16 GB",
        "gpu",
        available=False,
        gpu={"type": "none", "num": "1", "resource_name": "gpu"},
        cpu=_CPU,
        memory="16Gi",
    ),
]


def _framework(number: int, name: str, kind: DeployType, words: str) -> dict[str, object]:
    return {
        "id": number,
        "frame_name": name,
        "frame_version": "1.0",
        "frame_image": f"csgrepo/{name}:1.0",
        "enabled": 1,
        "container_port": 8000,
        "type": int(kind),
        "engine_args": "",
        "compute_type": "cpu",
        "driver_version": "",
        "description": words,
    }


_FRAMEWORKS = [
    _framework(1, "echo", DeployType.INFERENCE, "Answers with what it was asked"),
    _framework(2, "notebook", DeployType.FINETUNE, "A record without a notebook behind it"),
    _framework(CRASHING, "crash", DeployType.INFERENCE, "Ends as soon as it has started"),
    _framework(4, "compare", DeployType.EVALUATION, "A record without a comparison behind it"),
    _framework(5, "notebook", DeployType.NOTEBOOK, "A record without a notebook behind it"),
]


def resource(number: int) -> dict[str, object] | None:
    """Return the resource of that number."""
    return next((item for item in _RESOURCES if item["id"] == number), None)


def framework(number: int, kind: DeployType) -> dict[str, object] | None:
    """Return the framework of that number, if it is for such deploys."""
    found = next((item for item in _FRAMEWORKS if item["id"] == number), None)
    wanted = DeployType.INFERENCE if kind is DeployType.SERVERLESS else kind
    return found if found and found["type"] == wanted else None


def resources(call: Call) -> Response:
    """List the resources that fit the query."""
    if call.query("deploy_type", "0") not in _TYPES:
        return envelope([])
    paging = Paging(call.number("per", _MOST_RESOURCES, 1, _MOST_RESOURCES), Paging.of(call).page)
    wanted = call.request.query_params.getlist("cluster_id")
    found = [
        item
        for item in _RESOURCES
        if (not wanted or item["cluster_id"] in wanted)
        and call.query("resource_type") in {"", item["type"]}
        and call.query("is_available") in {"", json.dumps(item["is_available"])}
    ]
    return envelope(found[paging.offset : paging.offset + paging.per], len(found))


def hardware_types(_: Call) -> Response:
    """List the kinds of hardware that there are."""
    return envelope(sorted({str(item["type"]) for item in _RESOURCES}))


def scenarios(_: Call) -> Response:
    """List the special purposes that resources are kept for: none."""
    return envelope([])


def _fitting(call: Call) -> list[dict[str, object]]:
    if call.found is not None:
        call.need(Access.READ)
    wanted = call.query("deploy_type", str(int(DeployType.INFERENCE)))
    return [item for item in _FRAMEWORKS if str(item["type"]) == wanted]


def frameworks(call: Call) -> Response:
    """List the frameworks for a type of deploy."""
    return envelope(_fitting(call))


def frameworks_v2(call: Call) -> Response:
    """List them by name, each with its versions."""
    return envelope(
        [
            {
                "frame_name": item["frame_name"],
                "compute_types": [item["compute_type"]],
                "versions": [item],
            }
            for item in _fitting(call)
        ]
    )


def all_frameworks(_: Call) -> Response:
    """List all frameworks; this one has no envelope."""
    return PureJSON({"data": _FRAMEWORKS})
