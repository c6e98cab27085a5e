"""Repositories changed and given away through `HubApi`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from csgrepo import errors
from csgrepo.hub import HubApi
from tests.answering import answering, reply

if TYPE_CHECKING:
    from tests.functional.hub_callers import Callers


def test_settings_are_changed_and_the_rest_left(callers: Callers) -> None:
    repo = callers.repo(nickname="before", description="kept")
    callers.owner.create_branch(repo, "next")

    callers.owner.update_repo_settings(repo, private=True, nickname="伯特", default_branch="next")

    info = callers.owner.model_info(repo)
    assert (info.private, info.nickname, info.description) == (True, "伯特", "kept")
    assert info.default_branch == "next"
    with pytest.raises(errors.Forbidden):
        callers.stranger.update_repo_settings(repo, private=False)
    with pytest.raises(errors.InvalidInput):
        callers.owner.update_repo_settings(repo)
    with pytest.raises(errors.BadRequest):
        callers.owner.update_repo_settings(repo, default_branch="no-such-branch")


def test_change_of_a_model_does_not_empty_what_the_hub_would() -> None:
    model = {
        "path": "wanda/bert",
        "private": False,
        "report_url": "https://r",
        "high_risk_count": 2,
    }
    with answering() as server, HubApi(server.url, "t" * 32) as api:
        server.script.extend([reply(200, {"msg": "OK", "data": model}), reply(200, {"msg": "OK"})])
        api.update_repo_settings("wanda/bert", nickname="x")

    assert json.loads(server.asked[1].body) == {
        "nickname": "x",
        "report_url": "https://r",
        "high_risk_count": 2,
    }


def test_repository_is_given_to_another_namespace(callers: Callers) -> None:
    team = f"team-{callers.name}"
    callers.rest("POST", "/api/v1/organizations", json={"name": team})
    repo = callers.repo("moved")

    url = callers.owner.transfer_repo(repo, team)

    assert url.repo_id == f"{team}/moved"
    assert callers.owner.repo_exists(url.repo_id)
    assert not callers.owner.repo_exists(repo)
    with pytest.raises(errors.Forbidden):
        callers.stranger.transfer_repo(url.repo_id, f"stranger-of-{callers.name}")
    with pytest.raises(errors.BadRequest):
        callers.owner.transfer_repo(url.repo_id, team)
    callers.repo("moved")
    with pytest.raises(errors.Conflict):
        callers.owner.transfer_repo(f"{callers.name}/moved", team)
    with pytest.raises(errors.InvalidInput):
        callers.owner.transfer_repo(repo, team, repo_type="space")
