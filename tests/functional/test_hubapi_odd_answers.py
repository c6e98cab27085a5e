"""`HubApi` and a hub that answers oddly: what is missing is named, what is extra ignored."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING

import pytest

from csgrepo import InferenceApi, errors
from csgrepo.hub import HubApi
from tests.answering import AnsweringServer, Handler, answering, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = {"msg": "OK", "data": {"id": "a" * 40}}
MODEL = {"path": "wanda/bert", "private": True}


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


@pytest.fixture
def api(server: AnsweringServer) -> Iterator[HubApi]:
    with HubApi(server.url, "0123456789abcdef") as api:
        yield api


def answer(server: AnsweringServer, *answers: object) -> None:
    server.script.extend(reply(200, each) for each in answers)


def test_fields_nobody_knows_are_kept_and_not_in_the_way(
    server: AnsweringServer, api: HubApi
) -> None:
    answer(server, {"msg": "OK", "data": {**MODEL, "new": {"deep": [1]}}, "trace_id": "t"}, COMMIT)

    info = api.repo_info("wanda/bert")

    assert info.fields["new"] == {"deep": [1]}
    assert (info.default_branch, info.tags, info.likes, info.created_at) == ("main", (), 0, None)


def test_fields_of_other_types_than_promised_count_as_missing(
    server: AnsweringServer, api: HubApi
) -> None:
    odd = {"likes": "many", "downloads": True, "tags": {"a": 1}, "license": None, "nickname": 7}
    answer(server, {"msg": "OK", "data": {**MODEL, **odd, "updated_at": "yesterday"}}, COMMIT)

    info = api.repo_info("wanda/bert")

    assert (info.likes, info.downloads, info.tags, info.license, info.nickname) == (
        0,
        0,
        (),
        "",
        "",
    )
    assert info.updated_at is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-08-18T01:02:03Z", datetime.datetime(2026, 8, 18, 1, 2, 3)),
        ("2026-08-18T01:02:03.123456789Z", datetime.datetime(2026, 8, 18, 1, 2, 3, 123456)),
        ("2026-08-18T01:02:03.5+08:00", datetime.datetime(2026, 8, 17, 17, 2, 3, 500000)),
        ("2026-08-18T01:02:03-01:30", datetime.datetime(2026, 8, 18, 2, 32, 3)),
        ("0001-01-01T00:00:00Z", None),
        ("2026-13-99T01:02:03Z", None),
    ],
)
def test_times_are_read_as_the_hub_writes_them(
    server: AnsweringServer, api: HubApi, text: str, moment: datetime.datetime | None
) -> None:
    answer(server, {"msg": "OK", "data": {**MODEL, "created_at": text}}, COMMIT)

    expected = moment and moment.replace(tzinfo=datetime.timezone.utc)
    assert api.repo_info("wanda/bert").created_at == expected


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"private": False}, "path"),
        ({"path": 7, "private": False}, "path"),
        ({"path": "../../etc", "private": False}, "cannot be one"),
        ({"path": "wanda/bert"}, "private"),
        ({"path": "wanda/bert", "private": "no"}, "private"),
    ],
)
def test_what_every_repository_has_is_named_when_missing(
    server: AnsweringServer, api: HubApi, data: object, word: str
) -> None:
    answer(server, {"msg": "OK", "data": data}, COMMIT)

    with pytest.raises(errors.HubError, match=word):
        api.repo_info("wanda/bert")


@pytest.mark.parametrize(
    "body", [{"msg": "OK", "data": None}, {"msg": "OK"}, {"msg": "OK", "data": []}, {"data": MODEL}]
)
def test_envelope_with_nothing_in_it_is_an_error(
    server: AnsweringServer, api: HubApi, body: object
) -> None:
    answer(server, body, body)

    with pytest.raises(errors.HubHTTPError):
        api.repo_info("wanda/bert")
    with pytest.raises(errors.HubHTTPError):
        api.repo_exists("wanda/bert")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"msg": "invalid signature"}, errors.HubHTTPError),
        ({"code": "SPACE-ERR-1", "msg": "SPACE-ERR-1: taken"}, errors.Conflict),
        ({"msg": "REPO-ERR-2: none"}, errors.NotFound),
        (b"<html>sign in</html>", errors.HubHTTPError),
        ({}, errors.HubHTTPError),
    ],
)
def test_success_that_is_none_is_no_success(
    server: AnsweringServer, api: HubApi, body: object, kind: type
) -> None:
    server.default = reply(200, body)

    with pytest.raises(kind):
        api.create_repo("wanda/bert")
    with pytest.raises(errors.HubHTTPError):
        api.delete_repo("wanda/bert")


def test_conflict_over_something_that_is_not_there_stays_one(
    server: AnsweringServer, api: HubApi
) -> None:
    server.script.extend([reply(400, {"code": "SPACE-ERR-1"}), reply(404, {"code": "SYS-ERR-3"})])

    with pytest.raises(errors.Conflict):
        api.create_repo("wanda/bert", exist_ok=True)


def test_failing_hub_is_not_taken_for_one_without_the_repository(
    server: AnsweringServer, api: HubApi
) -> None:
    server.default = reply(500, {"code": "SYS-ERR-2", "msg": "SYS-ERR-2"})

    with pytest.raises(errors.ServerError):
        api.repo_exists("wanda/bert")


def test_space_a_hub_refuses_says_what_it_may_lack(server: AnsweringServer, api: HubApi) -> None:
    server.default = reply(400, {"msg": "Key: 'CreateSpaceReq.Sdk' Error:Field validation"})

    with pytest.raises(errors.InvalidInput, match=r"CreateSpaceReq\.Sdk[^$]*SpaceSettings"):
        api.create_repo("wanda/app", repo_type="space")


def test_delete_is_asked_for_once_when_its_answer_is_lost(
    server: AnsweringServer, api: HubApi
) -> None:
    server.script.append(reply(502))

    with pytest.raises(errors.ServerError):
        api.delete_repo("wanda/bert")

    assert len(server.asked) == 1


def test_dataset_is_made_without_the_type_that_the_hub_reads_as_a_number(
    server: AnsweringServer, api: HubApi
) -> None:
    api.create_repo("wanda/bert", repo_type="dataset")

    assert json.loads(server.asked[0].body) == {
        "namespace": "wanda",
        "name": "bert",
        "private": False,
    }


def test_folder_that_was_listed_and_then_comes_empty_is_not_left_out(
    server: AnsweringServer, api: HubApi
) -> None:
    entries = [{"path": "sub", "type": "dir"}, {"path": "a.txt", "type": "file"}]
    answer(server, COMMIT, {"msg": "OK", "data": {"Files": entries, "Cursor": ""}}, b"")

    with pytest.raises(errors.HubError, match="'sub'"):
        api.list_repo_files("wanda/bert")


def test_folders_within_folders_without_end_are_left_at_some_depth(
    server: AnsweringServer, api: HubApi
) -> None:
    name = "d" * 1500

    def deeper(handler: Handler) -> None:
        inside = handler.path.partition("?")[0].partition("/tree/")[2]
        path = f"{inside}/{name}" if inside else name
        entries = [{"path": path, "type": "dir"}]
        reply(200, {"msg": "OK", "data": {"Files": entries, "Cursor": ""}})(handler)

    answer(server, COMMIT)
    server.default = deeper

    with pytest.raises(errors.HubError, match="cannot be one"):
        api.list_repo_files("wanda/bert")
    assert len(server.asked) == 4


def test_name_from_before_the_present_rules_does_not_end_a_list(
    server: AnsweringServer, api: HubApi
) -> None:
    names = ["wanda/7B", "wanda/x", "_old/a--b", "wanda/bert"]
    listed = [{"path": name, "private": False} for name in names]
    answer(server, {"msg": "OK", "data": listed, "total": len(names)})

    assert [repo.id for repo in api.list_models()] == names

    for hostile in ("../x", "wanda/..", "wanda/a/b", "wanda/a b", "/wanda", "wanda/"):
        answer(server, {"msg": "OK", "data": [{"path": hostile, "private": False}], "total": 1})
        with pytest.raises(errors.HubError, match="cannot be one"):
            list(api.list_models())


@pytest.mark.parametrize("said", ["out of memory", {"message": "out of memory", "code": 500}])
def test_refusal_of_a_model_with_status_200_is_no_answer(
    server: AnsweringServer, said: object
) -> None:
    server.default = reply(200, {"error": said})
    model = InferenceApi("wanda/bert", endpoint=server.url, instance_url=server.url, token=False)

    for ask in (model, model.chat, model.complete):
        with pytest.raises(errors.HubError, match="out of memory"):
            ask("hello")
