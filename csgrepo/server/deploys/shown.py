"""A deploy as the contract shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.server.deploys.deploys import DeployType, State
from csgrepo.server.deploys.echo import PREFIX
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.frame import moment
from csgrepo.server.rest.offers import framework, resource

if TYPE_CHECKING:
    from csgrepo.server.deploys.deploys import Deploy
    from csgrepo.server.rest.frame import Call

__all__ = ["deploy_object"]

_ANSWERING = {DeployType.INFERENCE, DeployType.SERVERLESS}


def deploy_object(call: Call, deploy: Deploy) -> dict[str, object]:
    """Return a deploy as the contract shows it."""
    backend, settings = call.backend, deploy.settings
    repository = backend.catalogue.by_id(deploy.repository_id)
    user = backend.accounts.user_by_id(deploy.user_id)
    if repository is None or user is None:
        raise Refusal(404, "SYS-ERR-3")
    used = framework(settings.runtime_framework_id, deploy.type) or {}
    hardware = resource(settings.resource_id) or {}
    reason, message = deploy.trouble
    address = f"{backend.url}{PREFIX}/{deploy.service}"
    shown: dict[str, object] = {
        "deploy_id": deploy.id,
        "deploy_name": deploy.name,
        "model_id": repository.path,
        "namespace": repository.namespace,
        "name": repository.name,
        "git_path": repository.path,
        "git_branch": settings.revision or repository.default_branch,
        "env": settings.env,
        "hardware": hardware.get("resources", ""),
        "image_id": used.get("frame_image", ""),
        "user_id": user.id,
        "user_uuid": user.uuid,
        "repository_id": repository.id,
        "runtime_framework": used.get("frame_name", ""),
        "container_port": used.get("container_port", 0),
        "min_replica": settings.min_replica,
        "max_replica": settings.max_replica,
        "svc_name": deploy.service,
        "created_at": moment(deploy.created_at),
        "updated_at": moment(deploy.updated_at),
        "cluster_id": settings.cluster_id,
        "secure_level": settings.secure_level,
        "actual_replica": len(deploy.instances),
        "desired_replica": 0 if deploy.state is State.STOPPED else settings.max_replica,
        "instances": deploy.instances,
        "type": int(deploy.type),
        "sku": str(settings.resource_id),
        "resource_type": hardware.get("type", ""),
        "task": "text-generation" if deploy.type in _ANSWERING else "finetune",
        "engine_args": settings.engine_args,
        "variables": settings.variables,
        "entrypoint": settings.entrypoint,
        "reason": reason,
        "message": message,
        "owner_namespace": deploy.namespace,
    }
    if deploy.type in _ANSWERING:
        shown |= {"endpoint": address, "proxy_endpoint": address}
    always = {
        "status": deploy.state.word,
        "private": settings.secure_level == 2,
        "Sandbox": {},
    }
    return {key: value for key, value in shown.items() if value not in ("", 0, [], None)} | always
