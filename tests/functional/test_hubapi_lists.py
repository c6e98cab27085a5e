"""Lists of repositories through `HubApi`, which page by themselves."""

from __future__ import annotations

import gc
import json
import sys
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from csgrepo import errors
from csgrepo.hub import HubApi
from tests.answering import Handler, answering, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.hub.results import Topic
    from tests.answering import Answer
    from tests.functional.hub_callers import Callers


def test_models_of_an_author_come_page_by_page_and_all(callers: Callers) -> None:
    made = {callers.repo(f"bert-{n}") for n in range(3)}
    callers.repo("hidden", private=True)

    seen = callers.anonymous.list_models(author=callers.name)

    assert seen.total == 3
    assert {info.id for info in seen} == made
    own = callers.owner.list_models(author=callers.name)
    assert {info.id for info in own} == {*made, f"{callers.name}/hidden"}
    assert len(list(callers.owner.list_models(author=callers.name, limit=2))) == 2


def test_lists_are_narrowed_by_search_tags_and_sort(callers: Callers) -> None:
    one, other = callers.repo("tagged-one"), callers.repo("tagged-other")
    callers.owner.set_repo_tags(one, "task", ["fill-mask", "text-classification"])
    callers.owner.set_repo_tags(other, "task", ["fill-mask"])

    def found(**how: object) -> list[str]:
        return [info.id for info in callers.anonymous.list_models(author=callers.name, **how)]

    assert set(found(tags={"task": "fill-mask"})) == {one, other}
    assert found(tags={"task": ["fill-mask", "text-classification"]}) == [one]
    assert found(search="other") == [other]
    assert found(sort="most_download", limit=1)
    assert [
        info.tags for info in callers.owner.list_models(search="tagged-other", author=callers.name)
    ]
    tags = callers.owner.get_repo_tags(one)
    assert {tag.name for tag in tags["task"]} == {"fill-mask", "text-classification"}


def test_datasets_spaces_and_others_are_listed(callers: Callers) -> None:
    dataset = callers.repo("reviews", repo_type="dataset")
    code = callers.repo("tool", repo_type="code")

    assert [info.id for info in callers.owner.list_datasets(author=callers.name)] == [dataset]
    assert [info.id for info in callers.owner.list_repos("code", author=callers.name)] == [code]
    assert list(callers.owner.list_spaces(author=callers.name)) == []
    assert callers.owner.list_spaces(author=callers.name).total == 0


def test_likes_are_given_listed_and_taken_back(callers: Callers) -> None:
    repo = callers.repo()

    callers.stranger.like(repo)
    callers.stranger.like(repo)

    assert callers.owner.model_info(repo).likes == 1
    assert [info.id for info in callers.stranger.list_liked_repos()] == [repo]
    callers.stranger.unlike(repo)
    assert list(callers.stranger.list_liked_repos()) == []


def test_organizations_lists_are_read_though_their_envelope_differs(callers: Callers) -> None:
    team = f"team-{callers.name}"
    callers.owner.create_organization(team)
    callers.owner.create_repo(f"{team}/shared")
    callers.owner.create_repo(f"{team}/tools", repo_type="mcp")

    models = callers.owner.list_models(organization=team)
    assert (models.total, [info.id for info in models]) == (1, [f"{team}/shared"])
    tools = callers.owner.list_repos("mcp", organization=team)
    assert (tools.total, [info.id for info in tools]) == (1, [f"{team}/tools"])


@pytest.mark.parametrize(
    "bad", [{"sort": "best"}, {"author": "a", "organization": "b"}, {"limit": 0}, {"author": ".."}]
)
def test_lists_nobody_could_mean_are_refused_before_anything_is_sent(
    bad: dict[str, object],
) -> None:
    with HubApi("http://127.0.0.1:9", False) as api, pytest.raises(errors.InvalidInput):
        api.list_models(**bad)


# --- long lists ------------------------------------------------------------------------------

TOTAL = 100_000


def paged(break_at: int = 0, how: str = "empty", total: int = TOTAL) -> Answer:
    """Answer with pages of a long list; one of them may be broken."""

    def answer(handler: Handler) -> None:
        query = parse_qs(urlsplit(handler.path).query)
        page, per = int(query["page"][0]), int(query["per"][0])
        numbers = range((page - 1) * per, min(page * per, total))
        data: object = [{"path": f"wanda/m{n}", "private": False} for n in numbers]
        body: object = {"msg": "OK", "data": data, "total": total}
        if page == break_at:
            body = {
                "empty": {"msg": "OK", "data": [], "total": total},
                "null": {"msg": "OK", "data": None},
                "nothing": {"msg": "OK"},
                "number": {"msg": "OK", "data": 7, "total": total},
                "entry": {"msg": "OK", "data": [{"private": False}], "total": total},
                "failure": {"code": "SYS-ERR-2", "msg": "SYS-ERR-2"},
                "again": {
                    "msg": "OK",
                    "data": [{"path": f"wanda/m{n}", "private": False} for n in range(per)],
                    "total": total,
                },
            }[how]
        status = b"500 Error" if how == "failure" and page == break_at else b"200 OK"
        content = json.dumps(body).encode()
        # In one piece: two would each wait for the other side to acknowledge the one before.
        handler.wfile.write(
            b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)
        )

    return answer


def test_hundred_thousand_repositories_take_no_more_memory_than_a_few_pages() -> None:
    with answering() as server, HubApi(server.url, False) as api:
        server.default = paged()
        listing = api.list_models()
        assert listing.total == TOTAL
        blocks = []
        for count, _ in enumerate(listing, 1):
            if count % 20_000 == 0:
                server.asked.clear()  # the test's own record
                gc.collect()
                blocks.append(sys.getallocatedblocks())

    assert count == TOTAL
    # Were it all kept, each step would hold 20,000 repositories of many blocks each.
    assert max(blocks) - blocks[0] < 20_000


@pytest.mark.parametrize("how", ["empty", "null", "nothing", "number", "entry", "failure"])
def test_page_that_is_broken_in_the_middle_is_an_error(how: str) -> None:
    with answering() as server, HubApi(server.url, False) as api:
        server.default = paged(3, how, 1000)
        listing = api.list_models()
        assert len([next(listing) for _ in range(200)]) == 200
        with pytest.raises(errors.HubError):
            next(listing)


def test_page_that_is_broken_can_be_asked_for_again() -> None:
    with answering() as server, HubApi(server.url, False) as api:
        server.default = paged(2, "null", 250)
        listing = api.list_models()
        first = [next(listing) for _ in range(100)]
        with pytest.raises(errors.HubError, match="page 2"):
            next(listing)
        server.default = paged(total=250)

        assert len({info.id for info in [*first, *listing]}) == 250


def test_hub_that_turns_no_pages_is_noticed() -> None:
    with answering() as server, HubApi(server.url, False) as api:
        server.default = paged(2, "again", 1000)
        with pytest.raises(errors.HubError, match="same page"):
            list(api.list_models())


def test_list_without_a_total_ends_with_its_last_page() -> None:
    def untold(handler: Handler) -> None:
        page = int(parse_qs(urlsplit(handler.path).query)["page"][0])
        count = {1: 100, 2: 100, 3: 7}[page]
        data = [{"path": f"wanda/m{page}x{n}", "private": False} for n in range(count)]
        handler_body = json.loads(json.dumps({"message": "OK", "data": data}))
        reply(200, handler_body)(handler)

    with answering() as server, HubApi(server.url, False) as api:
        server.default = untold
        listing = api.list_models()
        assert listing.total is None
        assert len(list(listing)) == 207


@pytest.mark.parametrize("read", [HubApi.get_model_tags, HubApi.get_dataset_tags])
def test_tags_come_by_category(read: Callable[[HubApi], dict[str, object]]) -> None:
    tag = {"name": "fill-mask", "category": "task", "show_name": "完形填空", "built_in": True}
    with answering() as server, HubApi(server.url, False) as api:
        server.default = reply(
            200, {"msg": "OK", "data": [tag, {**tag, "name": "mit", "category": "license"}]}
        )
        found = read(api)

    assert sorted(found) == ["license", "task"]
    (topic,) = found["task"]
    assert (topic.name, topic.shown, topic.built_in) == ("fill-mask", "完形填空", True)
    assert "scope=model" in server.asked[0].path or "scope=dataset" in server.asked[0].path


def test_the_tags_of_a_type_are_those_its_repositories_have(callers: Callers) -> None:
    own = f"own-{callers.name}"
    model, data = callers.repo("sorted"), callers.repo("sorted-data", repo_type="dataset")
    callers.owner.set_repo_tags(model, "task", [own])
    callers.owner.set_repo_tags(data, "task", [f"{own}-data"], repo_type="dataset")

    def names(found: dict[str, tuple[Topic, ...]]) -> set[str]:
        return {topic.name for topic in found["task"] if topic.name.startswith(own)}

    assert names(callers.anonymous.get_model_tags()) == {own}
    assert names(callers.anonymous.get_dataset_tags()) == {f"{own}-data"}
