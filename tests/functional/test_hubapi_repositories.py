"""Repositories made, shown and deleted through `HubApi` on the embedded hub."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from csgrepo import errors
from csgrepo.hub import HubApi, RepoInfo, RepoUrl, SpaceSettings
from csgrepo.repo_id import RepoId, RepoType
from csgrepo.server import Answer, Reset
from tests.answering import answering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.server import Hub
    from tests.conftest import Account
    from tests.stock import StockGit


@pytest.fixture
def api(account: Account) -> Iterator[HubApi]:
    with HubApi(account.endpoint, account.token) as api:
        yield api


@pytest.fixture
def anonymous(account: Account) -> Iterator[HubApi]:
    with HubApi(account.endpoint, False) as api:
        yield api


@pytest.fixture
def stranger(hub: Hub, account: Account) -> Iterator[HubApi]:
    with HubApi(hub.url, hub.add_user(f"stranger-of-{account.name}")) as api:
        yield api


def runs_on(kind: RepoType) -> SpaceSettings | None:
    return SpaceSettings("gradio", 7, "c1") if kind is RepoType.SPACE else None


@pytest.mark.parametrize("kind", list(RepoType))
def test_repository_of_each_type_is_made_shown_and_deleted(
    api: HubApi, account: Account, kind: RepoType
) -> None:
    url = api.create_repo(
        f"{account.name}/bert", repo_type=kind.value, description="说明", space=runs_on(kind)
    )

    assert isinstance(url, RepoUrl)
    assert url == url.url == f"{account.endpoint}/{kind.rest_plural}/{account.name}/bert"
    assert (url.repo_id, url.repo_type) == (f"{account.name}/bert", kind)
    info = api.repo_info(url.repo_id, repo_type=kind)
    assert isinstance(info, RepoInfo)
    assert (info.id, info.repo_type, info.url) == (url.repo_id, kind, url)
    assert (info.private, info.default_branch, info.description) == (False, "main", "说明")
    assert info.clone_url == url.clone_url
    assert info.sha is not None
    assert len(info.sha) == 40
    assert info.created_at is not None
    assert info.created_at.tzinfo is not None

    api.delete_repo(url.repo_id, repo_type=kind)

    assert not api.repo_exists(url.repo_id, repo_type=kind)


def test_settings_of_a_new_repository_arrive(api: HubApi, account: Account) -> None:
    api.create_repo(
        "bert", private=True, nickname="伯特", license="apache-2.0", default_branch="trunk"
    )

    info = api.model_info(f"{account.name}/bert")
    assert (info.private, info.nickname, info.license) == (True, "伯特", "apache-2.0")
    assert info.default_branch == "trunk"


def test_name_alone_is_one_of_your_own(api: HubApi, account: Account) -> None:
    assert api.create_repo("bert").repo_id == f"{account.name}/bert"
    assert api.repo_info("bert").id == f"{account.name}/bert"
    api.delete_repo("bert")
    assert not api.repo_exists("bert")


def test_clone_url_is_what_git_clones_from(api: HubApi, git: StockGit, account: Account) -> None:
    url = api.create_repo("tools", repo_type="mcp")

    git("clone", "--quiet", url.clone_url, "clone")

    assert git.at("clone")("rev-parse", "HEAD") == api.repo_info("tools", repo_type="mcp").sha


def test_info_names_the_commit_of_a_revision(api: HubApi, account: Account, git: StockGit) -> None:
    url = api.create_repo("bert")
    signed = url.clone_url.replace("://", f"://{account.name}:{account.token}@")
    git("clone", "--quiet", signed, "clone")
    clone = git.at("clone")
    clone("checkout", "--quiet", "-b", "runs/七")
    clone("commit", "--quiet", "--allow-empty", "-m", "second")
    clone("tag", "v1")
    clone("push", "--quiet", "origin", "runs/七", "v1")
    second = clone("rev-parse", "HEAD")

    assert api.repo_info("bert", revision="runs/七").sha == second
    assert api.repo_info("bert", revision="v1").sha == second
    assert api.repo_info("bert", revision=second).sha == second
    assert api.repo_info("bert").sha == clone("rev-parse", "origin/main")


def test_unknown_revision_is_not_found(api: HubApi) -> None:
    api.create_repo("bert")

    with pytest.raises(errors.NotFound, match="'nowhere'"):
        api.repo_info("bert", revision="nowhere")


@pytest.mark.parametrize("revision", ["-x", "a..b", "a b", "", "x.lock"])
def test_revision_that_cannot_be_one_is_refused(api: HubApi, revision: str) -> None:
    api.create_repo("bert")

    with pytest.raises(errors.InvalidInput):
        api.repo_info("bert", revision=revision)


@pytest.mark.parametrize("kind", list(RepoType))
def test_taken_name_is_a_conflict_unless_that_is_fine(api: HubApi, kind: RepoType) -> None:
    first = api.create_repo("bert", repo_type=kind, space=runs_on(kind))

    with pytest.raises(errors.Conflict):
        api.create_repo("bert", repo_type=kind, space=runs_on(kind))
    again = api.create_repo("bert", repo_type=kind, space=runs_on(kind), exist_ok=True)
    assert again == first


def test_many_at_once_make_one(api: HubApi) -> None:
    outcomes: list[str] = []

    def make() -> None:
        try:
            outcomes.append(api.create_repo("bert"))
        except errors.Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcome == "conflict" for outcome in outcomes) == [False, *[True] * 5]


@pytest.mark.parametrize(
    "name", ["a", "1abc", "a--b", "模型", "a b", "a" * 65, "bert-", "../x", "a/b/c/d", ""]
)
def test_bad_name_fails_before_anything_is_sent(name: str) -> None:
    with (
        answering() as server,
        HubApi(server.url, "t" * 32) as api,
        pytest.raises(errors.InvalidInput),
    ):
        api.create_repo(name)

    assert server.asked == []


@pytest.mark.parametrize(
    "settings",
    [
        {"repo_type": "modle"},
        {"description": "x" * 1000},
        {"license": "x" * 100},
        {"license": "two\nlines"},
        {"default_branch": "-x"},
        {"space": SpaceSettings("gradio", 1, "c")},
    ],
)
def test_bad_settings_fail_before_anything_is_made(
    api: HubApi, account: Account, settings: dict[str, object]
) -> None:
    with pytest.raises(errors.InvalidInput):
        api.create_repo(f"{account.name}/bert", **settings)  # type: ignore[arg-type]

    assert not api.repo_exists("bert")


def test_strange_namespaces(api: HubApi, stranger: HubApi, account: Account) -> None:
    with pytest.raises(errors.Forbidden):
        stranger.create_repo(f"{account.name}/bert")
    with pytest.raises(errors.NotFound):
        api.create_repo("nobody-of-that-name/bert")


def test_repository_of_somebody_else(api: HubApi, stranger: HubApi, anonymous: HubApi) -> None:
    open_id = api.create_repo("open").repo_id
    closed_id = api.create_repo("closed", private=True).repo_id

    assert anonymous.repo_info(open_id).sha == api.repo_info(open_id).sha
    with pytest.raises(errors.Forbidden):
        stranger.repo_info(closed_id)
    with pytest.raises(errors.Unauthorized, match="csgrepo login"):
        anonymous.repo_info(closed_id)
    assert stranger.repo_exists(closed_id)
    for api_of_another, kind in ((stranger, errors.Forbidden), (anonymous, errors.Unauthorized)):
        with pytest.raises(kind):
            api_of_another.delete_repo(open_id)
    assert api.repo_exists(open_id)


def test_missing_repository(api: HubApi, account: Account) -> None:
    name = f"{account.name}/none"

    assert api.repo_exists(name) is False
    with pytest.raises(errors.NotFound):
        api.repo_info(name)
    with pytest.raises(errors.NotFound):
        api.delete_repo(name)
    api.delete_repo(name, missing_ok=True)


def test_same_name_of_another_type_is_another_repository(api: HubApi) -> None:
    api.create_repo("bert", repo_type="dataset")

    assert not api.repo_exists("bert")
    with pytest.raises(errors.NotFound):
        api.delete_repo("bert")
    assert api.dataset_info("bert").repo_type is RepoType.DATASET


def test_space_is_told_what_it_runs_on(hub: Hub, api: HubApi, account: Account) -> None:
    api.create_repo("app", repo_type="space", space=SpaceSettings("gradio", 7, "c1"))

    assert api.space_info("app").url == f"{hub.url}/spaces/{account.name}/app"


def test_wrong_token_is_unauthorized_even_for_what_all_may_read(hub: Hub, api: HubApi) -> None:
    name = api.create_repo("bert").repo_id

    with HubApi(hub.url, "f" * 32) as wrong, pytest.raises(errors.Unauthorized) as caught:
        wrong.repo_info(name)

    assert caught.value.code == "AUTH-ERR-5"


def test_environment_says_which_hub_and_who(signed_in: Account) -> None:
    with HubApi() as api:
        assert api.whoami().name == signed_in.name
        assert api.whoami().email
        assert (api.endpoint, api.token) == (signed_in.endpoint, None)
    with HubApi(token=False) as api, pytest.raises(errors.Unauthorized):
        api.whoami()


def test_answer_lost_after_the_work_was_done(hub: Hub, api: HubApi, account: Account) -> None:
    fault = hub.faults.add("POST", "^/api/v1/models$", Reset(on="response"))
    with pytest.raises(errors.HubUnreachable):
        api.create_repo(f"{account.name}/bert")
    hub.faults.remove(fault)

    assert api.create_repo(f"{account.name}/bert", exist_ok=True).repo_id == f"{account.name}/bert"


def test_busy_hub_is_asked_again(hub: Hub, api: HubApi, account: Account) -> None:
    busy = Answer(503, {"Retry-After": "0"}, b"<html>busy</html>")
    fault = hub.faults.add("POST", "^/api/v1/models$", busy, times=2)

    api.create_repo(f"{account.name}/bert")
    hub.faults.remove(fault)

    assert fault.hits == 2
    assert api.repo_exists(f"{account.name}/bert")


def test_repo_url_is_a_string_and_more() -> None:
    url = RepoUrl.of("https://hub.opencsg.com", RepoId("a", "bert", RepoType.MCP))

    assert url.startswith("https://hub.opencsg.com/mcps/")
    assert url.clone_url == "https://opencsg.com/mcpservers/a/bert.git"
    assert f"{url}" == url.url
