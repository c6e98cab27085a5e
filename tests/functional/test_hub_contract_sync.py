"""What a hub tells other hubs, scripts of web pages, and those who take a repository whole."""

from __future__ import annotations

import io
import zipfile

import pytest

from csgrepo.server import Hub
from csgrepo.server.http import limits
from tests.functional.rest import Api, b64, said
from tests.functional.test_hub_contract_counts import chief

__all__ = ["chief"]

PLURALS = ["models", "datasets", "spaces", "codes", "mcps", "skills"]


def versions(api: Api, cur: int = 0) -> dict[str, int]:
    data = api.get("/api/v1/sync/version/latest", cur=cur)
    assert data["has_more"] is False
    return {one["repo_path"]: one["version"] for one in data["versions"]}


def test_what_changed_since_a_version(tmp_path):
    with Hub(tmp_path) as hub:
        wanda = Api(hub.url, hub.add_user("wanda"), "wanda")
        other = Api(hub.url, hub.add_user("other"), "other")
        first = wanda.create("first")
        wanda.create("second", "datasets")
        wanda.create("hidden", private=True)
        begun = versions(wanda)
        assert list(begun) == ["wanda/first", "wanda/second", "wanda/hidden"]
        assert sorted(begun.values()) == list(begun.values())
        assert list(versions(other)) == ["wanda/first", "wanda/second"]

        latest = max(begun.values())
        assert versions(wanda, latest) == {}
        wanda.put_file(first, "a.txt", b"a")
        assert list(versions(wanda, latest)) == ["wanda/first"]
    with Hub(tmp_path) as hub:
        again = Api(hub.url, hub.add_user("wanda"), "wanda")
        assert list(versions(again, latest)) == ["wanda/first"]
        (one,) = again.get("/api/v1/sync/version/latest", cur=latest)["versions"]
        assert one.pop("last_modify_time").endswith("Z")
        assert one.pop("version") > latest
        assert one == {
            "source_id": 0,
            "repo_path": "wanda/first",
            "repo_type": "model",
            "change_log": "",
        }


def test_only_who_has_logged_in_asks_for_versions(wanda: Api, nobody: Api):
    path = "/api/v1/sync/version/latest"
    assert said(nobody("GET", path)) == (401, "AUTH-ERR-1")
    assert said(wanda("GET", path, params={"cur": "x"})) == (400, "REQ-ERR-6")


@pytest.mark.parametrize("plural", PLURALS)
def test_a_hub_that_comes_from_no_other_has_no_remote(
    wanda: Api, stranger: Api, nobody: Api, plural
):
    base = wanda.create("alone", plural)
    secret = wanda.create("hidden", plural, private=True)
    for path, refused in (("remote_tree", 403), ("refs/main/remote_tree/", 403),
                          ("remote_diff", 500)):  # fmt: skip
        assert said(wanda("GET", f"{base}/{path}")) == (500, "SYS-ERR-3")
        assert said(stranger("GET", f"{secret}/{path}")) == (refused, "AUTH-ERR-2")
        expected = (401, "AUTH-ERR-1") if plural == "datasets" else (500, "SYS-ERR-3")
        assert said(nobody("GET", f"{base}/{path}")) == expected


@pytest.mark.parametrize("plural", ["codes", "skills"])
def test_an_archive_holds_what_a_ref_holds(wanda: Api, stranger: Api, nobody: Api, plural):
    base = wanda.create("packed", plural)
    wanda.put_file(base, "deep/模型.txt", "权重".encode())
    wanda.put_file(base, "w.bin", b"", original_content=b64(b"weights"))
    for ref in ("main", "heads/main", wanda.get(f"{base}/last_commit")["id"]):
        answer = nobody("GET", f"{base}/download_archive/refs/{ref}")
        assert answer.headers["Content-Type"] == "application/zip"
        assert int(answer.headers["Content-Length"]) == len(answer.content)
        assert answer.headers["Content-Disposition"].endswith('.zip"')
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            assert packed.testzip() is None
            assert packed.read("packed/deep/模型.txt").decode() == "权重"
            assert packed.read("packed/w.bin").startswith(b"version https://git-lfs")
    assert said(nobody("GET", f"{base}/download_archive/refs/no"))[0] == 404
    secret = wanda.create("secret", plural, private=True)
    path = f"{secret}/download_archive/refs/main"
    assert said(stranger("GET", path)) == (403, "AUTH-ERR-2")
    assert wanda("GET", path).status_code == 200


@pytest.mark.parametrize(("plural", "code"), [("codes", "REPO-ERR-5"), ("skills", "REPO-ERR-9")])
def test_an_archive_has_an_end(wanda: Api, monkeypatch, plural, code):
    monkeypatch.setattr("csgrepo.server.rest.archives.MAX_ARCHIVE_BYTES", 100)
    assert limits.MAX_ARCHIVE_BYTES == 50 * 1024 * 1024
    base = wanda.create("long", plural)
    assert said(wanda("GET", f"{base}/download_archive/refs/main")) == (500, code)


def test_only_code_and_skills_come_as_archives(wanda: Api):
    base = wanda.create("whole")
    answer = wanda("GET", f"{base}/download_archive/refs/main")
    assert (answer.status_code, answer.text) == (404, "404 page not found")


def test_a_days_downloads_are_told_again_and_counted_once(wanda: Api, nobody: Api, chief: Api):
    base = wanda.create("told")
    path = f"{base}/update_downloads"
    for day, count, total in (("2026-01-01", 5, 5), ("2026-01-02", 2, 7), ("2026-01-01", 9, 11),
                              ("2026-01-01", 0, 2)):  # fmt: skip
        body = {"date": day, "download_count": count}
        assert chief("PUT", path, json=body).json() == {"msg": "OK"}
        assert wanda.get(base)["downloads"] == total
    for body in ({}, {"date": "2026-1-1", "download_count": 1}, {"date": "2026-01-01"},
                 {"date": "2026-01-01", "download_count": -1}):  # fmt: skip
        assert said(chief("PUT", path, json=body)) == (400, "REQ-ERR-1")
    told = {"date": "2026-01-01", "download_count": 1}
    assert said(wanda("PUT", path, json=told)) == (403, "AUTH-ERR-6")
    assert said(nobody("PUT", path, json=told)) == (401, "AUTH-ERR-1")


def test_scripts_of_any_page_may_ask_but_not_with_what_the_browser_knows(wanda: Api, nobody: Api):
    base = wanda.create("asked")
    page = {"Origin": "https://page.example"}
    for path in (base, "/api/v1/models/no/such", "/healthz"):
        answer = nobody("GET", path, headers=page)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Access-Control-Allow-Origin" not in nobody("GET", base).headers

    asked = {"Access-Control-Request-Method": "PUT",
             "Access-Control-Request-Headers": "authorization, content-type"}  # fmt: skip
    before = nobody("OPTIONS", base, headers={**page, **asked})
    assert before.status_code == 200
    assert before.headers["Access-Control-Allow-Origin"] == "*"
    assert "PUT" in before.headers["Access-Control-Allow-Methods"]
    assert "authorization" in before.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in before.headers
