"""LFS objects on S3-compatible storage, against a server of that protocol that others wrote."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from csgrepo.errors import InvalidInput, TransferError
from csgrepo.server import Hub
from csgrepo.server.lfs.remote_objects import Location
from csgrepo.server.operation.backup import back_up
from tests.stock import StockGit

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

BUCKET = "weights"


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """The address of a storage on loopback."""
    server = moto_server.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(storage: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty bucket, as its owner sees it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "very-secret-testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    found = boto3.resource("s3", endpoint_url=storage).Bucket(BUCKET)
    if found.creation_date is None:
        found.create()
    found.objects.delete()
    return found


@pytest.fixture
def place(storage: str, bucket: Any) -> str:
    return f"s3://{BUCKET}/hub one?endpoint={storage}"


def keys(bucket: Any) -> list[str]:
    return [item.key for item in bucket.objects.all()]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def create(hub: Hub, name: str = "first") -> str:
    token = hub.add_user("wanda")
    made = requests.post(
        f"{hub.url}/api/v1/models", json={"name": name}, headers=bearer(token), timeout=30
    )
    assert made.status_code == 200
    return token


def lfs(hub: Hub, token: str, method: str, path: str, **more: Any) -> requests.Response:
    url = f"{hub.url}/models/wanda/first.git/info/lfs{path}"
    return requests.request(method, url, headers=bearer(token), timeout=60, **more)


def put(hub: Hub, token: str, content: bytes, oid: str = "") -> requests.Response:
    oid = oid or hashlib.sha256(content).hexdigest()
    return lfs(hub, token, "PUT", f"/objects/{oid}/{len(content)}", data=content)


def asked(hub: Hub, token: str, content: bytes, operation: str = "download") -> dict[str, Any]:
    item = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
    said = {"operation": operation, "objects": [item]}
    return lfs(hub, token, "POST", "/objects/batch", json=said).json()["objects"][0]


def test_stock_git_lfs_pushes_to_the_bucket_and_clones_from_it(
    tmp_path, stock_lfs: StockGit, bucket, place
):
    content = os.urandom(9_000_000)  # more than one part on the way to the bucket
    oid = hashlib.sha256(content).hexdigest()
    with Hub(tmp_path / "hub", objects=place) as hub:
        token = create(hub)
        address = hub.url.replace("://", f"://wanda:{token}@")
        stock_lfs("clone", "--quiet", f"{address}/models/wanda/first.git", "work")
        work = stock_lfs.at("work")
        (work.cwd / "模型.bin").write_bytes(content)
        work("add", "--all")
        work("commit", "--quiet", "--message", "weights")
        work("push", "--quiet")
        assert keys(bucket) == [f"hub one/1/{oid[:2]}/{oid[2:4]}/{oid}"]
        assert not hub.lfs_path("wanda/first", oid).exists()
        stock_lfs("clone", "--quiet", f"{address}/models/wanda/first.git", "again")
        assert (stock_lfs.cwd / "again/模型.bin").read_bytes() == content
        saved = requests.get(f"{hub.url}/models/wanda/first/raw/模型.bin", timeout=60)
        assert saved.content == content
        assert "filename" in saved.headers["Content-Disposition"]
        part = requests.get(
            f"{hub.url}/csg/wanda/first/resolve/main/模型.bin",
            headers={"Range": "bytes=10-19"},
            timeout=60,
        )
        assert (part.status_code, part.content) == (206, content[10:20])


def test_what_is_not_what_its_name_says_never_reaches_the_bucket(tmp_path, bucket, place):
    with Hub(tmp_path, objects=place) as hub:
        token = create(hub)
        assert put(hub, token, b"evil", "0" * 64).status_code == 422
        assert keys(bucket) == []
        assert asked(hub, token, b"evil", "upload")["actions"]["upload"]


def test_a_download_leads_to_the_bucket_by_a_signed_address_that_ends(tmp_path, bucket, place):
    with Hub(tmp_path, objects=place) as hub:
        token = create(hub)
        assert put(hub, token, b"content").status_code == 200
        href = asked(hub, token, b"content")["actions"]["download"]["href"]
        assert href.startswith(f"{hub.url}/_objects/")
        led = requests.get(href, allow_redirects=False, timeout=30)
        query = parse_qs(urlsplit(led.headers["Location"]).query)
        assert (led.status_code, query["X-Amz-Expires"]) == (302, ["3600"])
        assert "X-Amz-Signature" in query
        assert led.headers["Cache-Control"] == "no-store"
        assert "very-secret-testing" not in led.headers["Location"]
        assert requests.get(href, timeout=30).content == b"content"


def test_the_hub_remembers_its_bucket(tmp_path, bucket, place, storage):
    with Hub(tmp_path, objects=place) as hub:
        token = create(hub)
        put(hub, token, b"content")
    with Hub(tmp_path) as hub:
        found = asked(hub, token, b"content")["actions"]["download"]["href"]
        assert requests.get(found, timeout=30).content == b"content"
    with pytest.raises(InvalidInput, match="keeps its LFS objects in s3://weights/hub one"):
        Hub(tmp_path, objects=f"s3://weights/other?endpoint={storage}").start()
    with Hub(tmp_path):  # the refused start has let go of the folder
        pass


def test_objects_that_were_kept_before_stay_and_are_served(tmp_path, bucket, place):
    with Hub(tmp_path) as hub:
        token = create(hub)
        put(hub, token, b"before")
    with Hub(tmp_path, objects=place) as hub:
        put(hub, token, b"after")
        for content in (b"before", b"after"):
            href = asked(hub, token, content)["actions"]["download"]["href"]
            assert requests.get(href, timeout=30).content == content
        assert len(keys(bucket)) == 1


def test_deleting_a_repository_empties_its_part_of_the_bucket_only(tmp_path, bucket, place):
    with Hub(tmp_path, objects=place) as hub:
        token = create(hub)
        put(hub, token, b"one")
        put(hub, token, b"two")
        bucket.put_object(Key="hub one/11/other", Body=b"x")
        bucket.put_object(Key="hub two/1/other", Body=b"x")
        gone = requests.delete(
            f"{hub.url}/api/v1/models/wanda/first", headers=bearer(token), timeout=30
        )
        assert gone.status_code == 200
        assert keys(bucket) == ["hub one/11/other", "hub two/1/other"]


def test_an_upload_fails_when_the_bucket_does_and_can_be_repeated(tmp_path, bucket, place):
    with Hub(tmp_path, objects=place) as hub:
        token = create(hub)
        bucket.delete()
        refused = put(hub, token, b"content")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert "s3://weights/hub one" in refused.json()["msg"]
        assert "actions" in asked(hub, token, b"content", "upload")
        assert list((hub.root / "tmp").iterdir()) == []
        bucket.create()
        assert put(hub, token, b"content").status_code == 200
        assert len(keys(bucket)) == 1


def test_a_start_without_the_bucket_is_refused_with_a_reason(tmp_path, bucket, storage):
    with pytest.raises(InvalidInput, match="s3://nowhere failed"):
        Hub(tmp_path, objects=f"s3://nowhere?endpoint={storage}").start()
    with Hub(tmp_path) as hub:  # nothing of it was remembered
        assert put(hub, create(hub), b"content").status_code == 200
    assert keys(bucket) == []


@pytest.mark.parametrize("wrong", ["/tmp/x", "s3://", "s3://key:secret-word@b/p", "s3://b?x=1"])
def test_what_is_no_place_for_objects_is_refused(wrong):
    with pytest.raises(InvalidInput, match="no place for objects") as caught:
        Location.parse(wrong)
    assert "secret-word" not in str(caught.value)


def test_a_backup_keeps_the_notes_and_checks_the_bucket(tmp_path, bucket, place):
    with Hub(tmp_path / "hub", objects=place) as hub:
        token = create(hub)
        for content in (b"kept", b"lost"):
            put(hub, token, content)
            oid = hashlib.sha256(content).hexdigest()
            said = {"oid": oid, "size": len(content)}
            assert lfs(hub, token, "POST", "/verify", json=said).status_code == 200
        lost = f"hub one/1/{oid[:2]}/{oid[2:4]}/{oid}"
        bucket.Object(lost).delete()
        made = back_up(hub.root, tmp_path / "copy")
    assert made.elsewhere == "s3://weights/hub one"
    assert (made.objects, made.problems) == (
        1,
        [f"model wanda/first: LFS object {oid} is missing in the bucket"],
    )
    with Hub(tmp_path / "copy") as hub:
        href = asked(hub, token, b"kept")["actions"]["download"]["href"]
        assert requests.get(href, timeout=30).content == b"kept"
        assert "upload" in asked(hub, token, b"lost", "upload")["actions"]
    bucket.objects.delete()
    bucket.delete()
    with pytest.raises((TransferError, InvalidInput), match="s3://weights/hub one failed"):
        back_up(tmp_path / "hub", tmp_path / "another")
    assert not (tmp_path / "another").exists()


def test_no_key_of_the_storage_is_kept_or_logged(tmp_path, bucket, place, caplog):
    caplog.set_level("DEBUG", logger="csgrepo")
    with Hub(tmp_path, objects=place, access_log=tmp_path / "access.log") as hub:
        token = create(hub)
        put(hub, token, b"content")
        href = asked(hub, token, b"content")["actions"]["download"]["href"]
        signature = requests.get(href, timeout=30).url.rpartition("Signature=")[2]
    kept = b"".join(path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file())
    assert b"very-secret-testing" not in kept
    assert signature.encode() not in kept
    ours = [record for record in caplog.records if record.name.startswith("csgrepo")]
    assert len(ours) > 3
    assert all(signature not in record.getMessage() for record in ours)
