"""Git LFS and its locks, asked with plain HTTP, row by row of the contract."""

from __future__ import annotations

import pytest

from tests.functional.rest import Api, b64, said

OID = "5" * 64


@pytest.fixture
def base(wanda: Api) -> str:
    wanda.create("large")
    return f"/models/{wanda.name}/large.git/info/lfs"


def batch(api: Api, base: str, operation: object, *objects: object, **more: object):
    body = {"operation": operation, "objects": objects, **more}
    return api("POST", f"{base}/objects/batch", json=body)


def test_who_may_ask_for_objects(wanda: Api, stranger: Api, nobody: Api, base: str):
    one = {"oid": OID, "size": 1}
    wanda.create("hidden", private=True)
    hidden = base.replace("/large.", "/hidden.")
    for api, where, operation, status, body in (
        (nobody, base, "upload", 401, None),
        (nobody, hidden, "download", 401, None),
        (stranger, hidden, "download", 500, {"msg": "not found"}),
        (stranger, hidden, "upload", 500, {"msg": "not found"}),
        (wanda, base, "read", 400, {}),
        (wanda, base, None, 400, {}),
    ):
        answer = batch(api, where, operation, one)
        assert (answer.status_code, answer.json()) == (status, body), (where, operation)
        if status == 401:
            assert answer.headers["WWW-Authenticate"] == "Basic realm=opencsg-git"
    refused = batch(stranger, base, "upload", one)
    assert (refused.status_code, list(refused.json())) == (403, ["error"])
    missing = base.replace("/large.", "/none.")
    assert said(batch(wanda, missing, "download", one)) == (500, "SYS-ERR-3")
    bad = wanda("POST", f"{base}/objects/batch", data=b"{")
    assert (bad.status_code, "msg" in bad.json()) == (400, True)


def test_what_a_batch_says_of_each_object(wanda: Api, base: str):
    absent = {"oid": "", "size": 0, "error": {"code": 404, "message": "Object does not exist"}}
    odd = {"oid": "../x", "size": 1}
    answer = batch(wanda, base, "download", {"oid": OID, "size": 1}, odd)
    assert answer.headers["Content-Type"] == "application/vnd.git-lfs+json"
    assert answer.json() == {"objects": [absent, {**odd, "error": {"code": 0, "message": ""}}]}
    offered = batch(wanda, base, "upload", {"oid": OID, "size": 1}).json()
    (one,) = offered["objects"]
    address, caller = f"{wanda.url}{base}", wanda.headers["Authorization"]
    assert (offered["transfer"], one["oid"], one["size"]) == ("basic", OID, 1)
    assert one["actions"] == {
        "upload": {"href": f"{address}/objects/{OID}/1", "header": {"Authorization": caller}},
        "verify": {
            "href": f"{address}/verify",
            "header": {"Authorization": caller, "Accept": "application/vnd.git-lfs+json"},
        },
    }
    many = batch(wanda, base, "upload", {"oid": OID, "size": 1}, transfers=["basic", "multipart"])
    assert many.json()["transfer"] == "multipart"


def test_a_download_saves_under_the_files_name(wanda: Api):
    repository = wanda.create("named")
    wanda.put_file(repository, "dir/模型.bin", b"", original_content=b64(b"weights"))
    plain = wanda("GET", f"{repository}/resolve/README.md?ref=main")
    assert plain.headers["Content-Disposition"] == 'attachment; filename="README.md"'
    led = wanda("GET", f"{repository}/resolve/dir/模型.bin?ref=main")
    assert (led.status_code, led.headers["Accept-Ranges"]) == (302, "bytes")
    sent = Api(wanda.url)("GET", led.headers["Location"].removeprefix(wanda.url))
    assert sent.content == b"weights"
    assert "filename*=UTF-8''%E6%A8%A1%E5%9E%8B.bin" in sent.headers["Content-Disposition"]


def test_locks_are_turned_page_by_page_only_with_a_cursor(wanda: Api, base: str):
    for number in range(5):
        made = wanda("POST", f"{base}/locks", json={"path": f"{number}.bin"})
        assert (made.status_code, made.json()["lock"]["owner"]) == (200, {"name": ""})

    def listed(**query: object) -> tuple[list[str], str | None]:
        found = wanda("GET", f"{base}/locks", params=query).json()
        return [lock["path"][0] for lock in found["locks"]], found.get("next_cursor")

    assert listed() == listed(limit=2) == listed(cursor=0, limit=2) == ([*"01234"], None)
    assert listed(cursor=1, limit=2) == ([*"01"], "2")
    assert listed(cursor=2, limit=2) == ([*"23"], "3")
    assert listed(cursor=3, limit=2) == (["4"], None)
    assert listed(cursor=9, limit=2) == ([], None)
    assert listed(path="3.bin") == (["3"], None)
    asked = {"cursor": "2", "limit": 2}  # read from a form there, and so never from this
    both = wanda("POST", f"{base}/locks/verify", json=asked).json()
    assert (len(both["ours"]), both["theirs"]) == (5, None)


def test_what_locks_say_to_those_who_may_not(wanda: Api, stranger: Api, nobody: Api, base: str):
    wanda.create("hidden", private=True)
    hidden = base.replace("/large.", "/hidden.")
    for api, status in ((stranger, 500), (nobody, 401)):
        for answer in (
            api("GET", f"{hidden}/locks"),
            api("POST", f"{base}/locks", json={"path": "a"}),
            api("POST", f"{base}/locks/1/unlock", json={}),
        ):
            assert (answer.status_code, list(answer.json())) == (status, ["message"])
            assert ("WWW-Authenticate" in answer.headers) is (status == 401)
        assert api("POST", f"{base}/locks/verify", json={}).status_code == 500
    assert wanda("POST", f"{base}/locks/x/unlock", json={}).status_code == 400
    wanda("POST", f"{base}/locks", json={"path": "a"})
    taken = wanda("POST", f"{base}/locks", json={"path": "a"})
    assert (taken.status_code, taken.json()["message"]) == (409, "already created lock")
    assert taken.json()["lock"]["path"] == "a"


def test_words_that_only_the_real_hubs_own_parts_may_say_do_nothing(
    wanda: Api, stranger: Api, nobody: Api
):
    base = wanda.create("hidden", private=True)
    query = {"current_user": wanda.name}
    for api in (stranger, nobody):
        assert said(api("GET", base, params=query)) == (403, "AUTH-ERR-2")
    odd = {"Authorization": "X-OPENCSG-Sync-Token-1234"}
    refused = nobody("GET", f"/models/{wanda.name}/hidden.git/info/refs",
                     params={"service": "git-upload-pack"}, headers=odd)  # fmt: skip
    assert refused.status_code == 401
    assert said(nobody("GET", base, headers=odd)) == (401, "AUTH-ERR-5")
