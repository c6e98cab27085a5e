"""The fields that the contract shows of each type of repository, and small rows beside them."""

from __future__ import annotations

import pytest

from csgrepo.server import Hub
from tests.functional.rest import Api, b64, said
from tests.functional.test_hub_contract_counts import chief
from tests.functional.test_hub_deploys import Client

__all__ = ["chief"]

COMMON = (
    "id name nickname description likes downloads path repository_id private user tags repository "
    "default_branch created_at updated_at user_likes source sync_status license can_write "
    "can_manage namespace sensitive_check_status recom_op_weight scores hf_path ms_path csg_path "
    "mirror_task_status readme"
)
FIELDS = {
    "models": "widget_type status enable_inference enable_finetune enable_evaluation base_model "
    "disable_inference_reason disable_finetune_reason disable_evaluation_reason metadata "
    "mirror_last_updated_at report_url medium_risk_count high_risk_count url xnet_enabled "
    "xnet_migration_status xnet_migration_progress arch_allowed",
    "datasets": "dataset_type related_dataset_id price forked is_for_sale user_purchased "
    "purchase_task_status status mirror_last_updated_at xnet_enabled",
    "codes": "",
    "skills": "",
    "prompts": "",
    "mcps": "tools_num configuration schema star_num github_path program_language run_mode "
    "install_deps_cmds build_cmds launch_cmds avatar_url",
}


@pytest.mark.parametrize("plural", FIELDS)
def test_a_repository_shows_what_its_type_has(wanda: Api, plural):
    base = wanda.create("shown", plural).replace("/prompts/", "/prompts_info/")
    shown = wanda.get(base)
    missing = {*COMMON.split(), *FIELDS[plural].split()} - shown.keys()
    assert missing == set()
    assert shown["namespace"].keys() == {"Path", "Type", "Avatar", "UUID", "NSType", "User"}
    assert shown["readme"].endswith("---\n\t")


def test_a_space_has_fields_of_its_own(wanda: Api):
    shown = wanda.get(wanda.create("app", "spaces"))
    wanted = {"username": wanda.name, "like_count": 0, "sku": "1", "sdk": "gradio"}
    assert shown.items() >= wanted.items()
    assert '"cpu"' in shown["hardware"]
    assert not {"likes", "downloads", "readme"} & shown.keys()


def test_what_is_told_of_many_repositories_at_once(wanda: Api):
    base = wanda.create("extra")
    number = wanda.get(base)["repository_id"]
    told = wanda("POST", "/api/v1/repos/extra", json={"repo_ids": [number]}).json()["data"]
    assert told == [
        {
            "repo_id": number,
            "size": 0,
            "last_commit_size": 0,
            "multi_source": False,
            "mirror_task_status": "",
            "repository": wanda.get(base)["repository"],
            "tags": [],
        }
    ]
    assert wanda.get(f"{base}/tree")[0]["xnet_enabled"] is False


def test_head_is_for_files_to_be_resolved(wanda: Api):
    base = wanda.create("headed")
    git = base.removeprefix("/api/v1")
    for path in (base, f"{base}/resolve/README.md", "/api/v1/models", f"/csg/api{git}",
                 f"{git}.git/info/refs?service=git-upload-pack"):  # fmt: skip
        assert wanda("GET", path).status_code == 200
        assert wanda("HEAD", path).status_code == 404, path
    for path in (f"/csg/{wanda.name}/headed/resolve/main/README.md", git, "/healthz"):
        assert wanda("HEAD", path).status_code == 200, path


def test_a_file_without_a_branch_is_refused_by_name(wanda: Api):
    base = wanda.create("branchless")
    answer = wanda("POST", f"{base}/raw/a", json={"message": "m", "content": b64(b"a")})
    assert said(answer) == (500, "GIT-ERR-22")
    assert answer.json()["context"] == {"reason": "no branch was named"}


def test_resources_come_a_hundred_at_a_time(wanda: Api):
    path = "/api/v1/space_resources"
    assert len(wanda.get(path, deploy_type=1)) == 2
    assert wanda("GET", path, params={"per": 100}).status_code == 200
    assert said(wanda("GET", path, params={"per": 101})) == (400, "REQ-ERR-6")
    assert len(wanda.get(path, per=1, page=2)) == 1


def test_only_administrators_see_what_a_cluster_does(wanda: Api, nobody: Api, chief: Api):
    for path in ("/api/v1/cluster/usage", "/api/v1/cluster/deploys"):
        assert said(nobody("GET", path)) == (401, "AUTH-ERR-1")
        assert said(wanda("GET", path)) == (403, "AUTH-ERR-6")
        assert chief("GET", path).status_code == 200
    assert said(chief("GET", "/api/v1/cluster/deploys", params={"status": "x"})) == (
        400, "REQ-ERR-6")  # fmt: skip


def test_a_cluster_tells_what_is_at_work(tmp_path):
    with Hub(tmp_path) as hub:
        client = Client(hub)
        chief = Api(hub.url, hub.add_user("chief", admin=True), "chief")
        (before,) = chief.get("/api/v1/cluster/usage")
        assert (before["cpu_usage"], before["available_cpu"]) == (0.0, 2)
        model = client.model()
        number = client.deploy(model)
        client.until(model, number, "Running")
        (after,) = chief.get("/api/v1/cluster/usage")
        assert (after["cpu_usage"], after["available_cpu"]) == (1.0, 0)
        (one,) = chief.get("/api/v1/cluster/deploys", status="running", search="TALK")
        assert (one["deploy_name"], one["status"], one["user"]) == (
            "talker", "Running", {"username": "wanda"})  # fmt: skip
        assert chief.get("/api/v1/cluster/deploys", status="stopped") == []
