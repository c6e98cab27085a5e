"""The embedded hub's LFS interface, spoken by hand."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from csgrepo.server import Hub
from tests.conftest import Account
from tests.functional.jobs_clone import until


@dataclass(frozen=True)
class Lfs:
    """One repository's LFS interface, asked with one token."""

    hub: Hub
    repo_id: str
    token: str

    @property
    def base(self) -> str:
        return f"{self.hub.url}/models/{self.repo_id}.git/info/lfs"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def post(self, path: str, body: object) -> requests.Response:
        return requests.post(f"{self.base}/{path}", json=body, headers=self.headers, timeout=60)

    def batch(self, operation: str, *objects: tuple[str, int]) -> requests.Response:
        listed = [{"oid": oid, "size": size} for oid, size in objects]
        return self.post("objects/batch", {"operation": operation, "objects": listed})

    def put(self, oid: str, size: int, data: object) -> requests.Response:
        url = f"{self.base}/objects/{oid}/{size}"
        return requests.put(url, data=data, headers=self.headers, timeout=60)

    def upload(self, content: bytes) -> str:
        oid = hashlib.sha256(content).hexdigest()
        assert self.put(oid, len(content), content).status_code == 200
        assert self.post("verify", {"oid": oid, "size": len(content)}).status_code == 200
        return oid

    def address(self, oid: str, size: int) -> str:
        return self.batch("download", (oid, size)).json()["objects"][0]["actions"]["download"][
            "href"
        ]


@pytest.fixture
def lfs(hub: Hub, account: Account) -> Lfs:
    return make(hub, account, "weights")


def make(hub: Hub, account: Account, name: str, **more: object) -> Lfs:
    headers = {"Authorization": f"Bearer {account.token}"}
    body = {"name": name, **more}
    made = requests.post(f"{hub.url}/api/v1/models", json=body, headers=headers, timeout=30)
    assert made.status_code == 200, made.text
    return Lfs(hub, f"{account.name}/{name}", account.token)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_of(lfs: Lfs) -> list[Path]:
    number = lfs.hub.git_dir(lfs.repo_id).stem
    return [path for path in (lfs.hub.root / "lfs" / number).rglob("*") if path.is_file()]


def test_an_object_goes_up_is_verified_and_comes_down(lfs):
    content = os.urandom(3_000_000)
    oid = digest(content)
    offered = lfs.batch("upload", (oid, len(content))).json()
    assert offered["transfer"] == "basic"
    actions = offered["objects"][0]["actions"]
    upload, verify = actions["upload"], actions["verify"]
    assert upload["href"] == f"{lfs.base}/objects/{oid}/{len(content)}"
    put = requests.put(upload["href"], data=content, headers=upload["header"], timeout=30)
    assert (put.status_code, put.content) == (200, b"")
    again = lfs.batch("upload", (oid, len(content))).json()["objects"][0]
    assert "actions" in again  # it is known from the verification on
    done = requests.post(verify["href"], json={"oid": oid, "size": len(content)},
                         headers=verify["header"], timeout=30)  # fmt: skip
    assert (done.status_code, done.text) == (200, "null")
    assert "actions" not in lfs.batch("upload", (oid, len(content))).json()["objects"][0]
    assert requests.get(lfs.address(oid, len(content)), timeout=30).content == content


@pytest.mark.parametrize("form", ["chunked", "empty", "expect"])
def test_every_way_to_send_a_body_is_understood(lfs, form, tmp_path):
    content = b"" if form == "empty" else os.urandom(2_500_000)
    oid = digest(content)
    if form == "chunked":
        pieces = (content[at : at + 7919] for at in range(0, len(content), 7919))
        assert lfs.put(oid, len(content), pieces).status_code == 200
    elif form == "empty":
        assert lfs.put(oid, 0, b"").status_code == 200
    else:
        if not shutil.which("curl"):
            pytest.fail("curl is needed to send Expect: 100-continue")
        file = tmp_path / "body"
        file.write_bytes(content)
        url = f"{lfs.base}/objects/{oid}/{len(content)}"
        header = f"Authorization: Bearer {lfs.token}"
        command = ["curl", "-sS", "--fail", "-T", file, "-H", header, "-H", "Expect: 100-continue"]
        subprocess.run([*command, url], check=True, timeout=100)
    assert lfs.hub.lfs_path(lfs.repo_id, oid).read_bytes() == content


@pytest.mark.parametrize(
    ("sent", "declared", "status"),
    [(b"other bytes", 11, 422), (b"short", 11, 400), (b"much too long a body", 11, 400)],
)
def test_wrong_bytes_are_refused_and_nothing_is_kept(lfs, sent, declared, status):
    answer = lfs.put(digest(b"right bytes"), declared, sent)
    assert answer.status_code == status
    assert answer.json()["msg"]
    assert files_of(lfs) == []
    until(lambda: not list((lfs.hub.root / "tmp").iterdir()), "what is in the works to go")


def test_a_good_object_outlives_wrong_bytes_under_its_name(lfs):
    content = os.urandom(100_000)
    oid = lfs.upload(content)
    assert lfs.put(oid, len(content), bytes(len(content))).status_code == 422
    assert lfs.hub.lfs_path(lfs.repo_id, oid).read_bytes() == content


def test_verify_tells_missing_and_wrong_size(lfs):
    content = b"some bytes"
    oid = lfs.upload(content)
    assert lfs.post("verify", {"oid": oid, "size": 11}).status_code == 400
    missing = lfs.post("verify", {"oid": digest(b"never sent"), "size": 10})
    assert (missing.status_code, "not found" in missing.json()["msg"]) == (400, True)


def test_batch_tells_what_cannot_be_done(lfs):
    oid = lfs.upload(b"here")
    absent = lfs.batch("download", (oid, 4), ("0" * 64, 5)).json()["objects"]
    assert absent[0]["actions"]["download"]["href"]
    assert absent[1] == {
        "oid": "",
        "size": 0,
        "error": {"code": 404, "message": "Object does not exist"},
    }
    large = lfs.batch("upload", ("1" * 64, 6 * 1024**3)).json()["objects"][0]
    assert large["error"]["code"] == 422
    assert lfs.post("objects/batch", {"operation": "steal", "objects": []}).status_code == 400
    assert lfs.post("objects/batch", {"operation": "upload", "objects": 5}).status_code == 400


def kept_by(hub: Hub) -> list[Path]:
    """Return all that a hub keeps, but for what its database writes beside itself."""
    return sorted(p for p in hub.root.rglob("*") if not p.name.startswith("hub.sqlite3-"))


@pytest.mark.parametrize(
    "oid", ["../../../../etc/passwd", "..%2f..%2fhub.sqlite3", "A" * 64, "0" * 63, "0" * 64 + "0",
            "0" * 32 + "%00" + "0" * 31, ".git"]
)  # fmt: skip
def test_no_name_but_an_object_id_becomes_a_path(lfs, oid):
    before = kept_by(lfs.hub)
    url = f"{lfs.base}/objects/{oid}/4"
    with requests.Session() as session:
        request = requests.Request("PUT", url, data=b"evil", headers=lfs.headers).prepare()
        request.url = url  # requests would tidy the dots away
        assert session.send(request, timeout=30).status_code in {400, 404}
    assert "error" in lfs.batch("upload", (oid, 4)).json()["objects"][0]
    assert "error" in lfs.batch("download", (oid, 4)).json()["objects"][0]
    assert lfs.post("verify", {"oid": oid, "size": 4}).status_code == 400
    assert kept_by(lfs.hub) == before


@pytest.mark.parametrize(
    ("header", "status", "expected"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=0-9", 206, b"0123456789"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
    ],
)
def test_ranges_of_signed_downloads(lfs, header, status, expected):
    address = lfs.address(lfs.upload(b"0123456789"), 10)
    answer = requests.get(address, headers={"Range": header}, timeout=30)
    assert (answer.status_code, answer.content) == (status, expected)
    if status == 206:
        first = b"0123456789".index(expected)
        span = f"bytes {first}-{first + len(expected) - 1}/10"
        assert answer.headers["Content-Range"] == span
    if status == 416:
        assert answer.headers["Content-Range"] == "bytes */10"


def test_if_range_with_another_tag_gets_the_whole(lfs):
    oid = lfs.upload(b"0123456789")
    address = lfs.address(oid, 10)
    for tag, status in ((f'"{oid}"', 206), ('"other"', 200)):
        headers = {"Range": "bytes=5-", "If-Range": tag}
        assert requests.get(address, headers=headers, timeout=30).status_code == status


def test_a_signed_address_needs_its_signature_and_no_token(lfs):
    address = lfs.address(lfs.upload(b"0123456789"), 10)
    other = lfs.upload(b"another")
    assert requests.get(address, timeout=30).status_code == 200
    oid = address.split("?")[0].rpartition("/")[2]
    for forged in (
        address[:-1] + ("0" if address[-1] != "0" else "1"),
        address.replace(oid, other),
        address.replace("expires=", "expires=9"),
        address.split("?")[0],
        address.split("sig=")[0] + "sig=",
    ):
        assert requests.get(forged, timeout=30).status_code == 403, forged


def test_a_signature_is_held_against_the_path_that_was_asked(lfs):
    oid, other = lfs.upload(b"0123456789"), lfs.upload(b"another")
    path, _, query = lfs.address(oid, 10).removeprefix(lfs.hub.url).partition("?")
    wanted = f"{lfs.hub.url}{path.replace(oid, other)}?{query}"
    for host in ("x", f"x{path}?", f"x{path}#", "x/.."):
        answer = requests.get(wanted, headers={"Host": host}, timeout=30)
        assert answer.status_code in {400, 403}, host


def test_private_objects_are_for_their_own(hub, account):
    lfs = make(hub, account, "secret-weights", private=True)
    content = os.urandom(1000)
    oid = lfs.upload(content)
    stranger = Lfs(hub, lfs.repo_id, hub.add_user(f"stranger-{account.name}"))
    anonymous = Lfs(hub, lfs.repo_id, "")
    assert anonymous.batch("download", (oid, 1000)).status_code == 401
    assert stranger.batch("download", (oid, 1000)).json() == {"msg": "not found"}
    for other in (stranger, anonymous):
        assert other.put(oid, 1000, content).status_code == 401
        assert other.post("verify", {"oid": oid, "size": 1000}).status_code in {401, 500}
    # Knowing the digest of a private object gives nobody its bytes through a repository of theirs.
    theirs = make(hub, Account(f"stranger-{account.name}", stranger.token, hub.url), "bait")
    assert theirs.post("verify", {"oid": oid, "size": 1000}).status_code == 400
    assert "error" in theirs.batch("download", (oid, 1000)).json()["objects"][0]


def test_a_reader_may_download_but_not_upload(hub, lfs, account):
    oid = lfs.upload(b"public bytes")
    reader = Lfs(hub, lfs.repo_id, hub.add_user(f"reader-{account.name}"))
    assert "actions" in reader.batch("download", (oid, 12)).json()["objects"][0]
    refused = reader.batch("upload", (digest(b"x"), 1))
    assert (refused.status_code, "permission" in refused.json()["error"]) == (403, True)
    assert reader.put(digest(b"x"), 1, b"x").status_code == 401


def test_locks_are_made_listed_and_released(hub, lfs, account):
    made = lfs.post("locks", {"path": "模型.bin"})
    assert made.status_code == 200
    number = made.json()["lock"]["id"]
    assert lfs.post("locks", {"path": "模型.bin"}).status_code == 409
    listed = requests.get(f"{lfs.base}/locks", headers=lfs.headers, timeout=30).json()["locks"]
    assert [(lock["path"], lock["owner"]["name"]) for lock in listed] == [
        ("模型.bin", account.name)
    ]
    assert lfs.post("locks/verify", {}).json() == {"ours": listed, "theirs": None}
    team, other = f"team-{account.name}", f"other-{account.name}"
    stranger = Lfs(hub, lfs.repo_id, hub.add_user(other))
    assert stranger.post("locks", {"path": "b"}).status_code == 500
    hub.add_organization(team, {account.name: "admin", other: "write"})
    shared = make(hub, account, "shared", namespace=team)
    shared = Lfs(hub, f"{team}/shared", account.token)
    theirs = Lfs(hub, shared.repo_id, stranger.token)
    lock = shared.post("locks", {"path": "b"}).json()["lock"]["id"]
    assert theirs.post("locks/verify", {}).json()["theirs"][0]["id"] == lock
    assert theirs.post(f"locks/{lock}/unlock", {}).status_code == 405
    assert theirs.post(f"locks/{lock}/unlock", {"force": True}).status_code == 200
    assert lfs.post(f"locks/{number}/unlock", {}).status_code == 200
    assert lfs.post(f"locks/{number}/unlock", {}).status_code == 404


def test_fifty_uploads_at_once_all_arrive(lfs):
    contents = [os.urandom(300_000) for _ in range(50)]
    with ThreadPoolExecutor(50) as threads:
        oids = list(threads.map(lfs.upload, contents))
    assert len(files_of(lfs)) == 50
    for oid, content in zip(oids, contents, strict=True):
        assert lfs.hub.lfs_path(lfs.repo_id, oid).read_bytes() == content


def test_two_uploads_of_one_object_at_once_both_succeed(lfs):
    content = os.urandom(2_000_000)
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lfs.upload, [content] * 8))) == 1
    assert [path.read_bytes() for path in files_of(lfs)] == [content]


SERVE = """
import sys
from csgrepo.server import Hub
hub = Hub(sys.argv[1])
with hub:
    print(hub.url, hub.add_user("wanda"), flush=True)
    sys.stdin.read()
    # ru_maxrss would begin with what the parent had when it forked.
    status = open("/proc/self/status").read()
    print(status.partition("VmHWM:")[2].split()[0], flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
def test_memory_stays_bounded_whatever_the_size(tmp_path):
    size = 512 * 1024**2
    chunk = bytes(4 * 1024**2)

    def zeros() -> Iterator[bytes]:
        for _ in range(size // len(chunk)):
            yield chunk

    oid = "9acca8e8c22201155389f65abbf6bc9723edc7384ead80503839f49dcc56d767"  # of 512 MiB of zeros
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, tmp_path / "root"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        url, token = child.stdout.readline().split()
        headers = {"Authorization": f"Bearer {token}"}
        requests.post(f"{url}/api/v1/models", json={"name": "m1"}, headers=headers, timeout=30)
        base = f"{url}/models/wanda/m1.git/info/lfs/objects"
        put = requests.put(f"{base}/{oid}/{size}", data=zeros(), headers=headers, timeout=60)
        assert put.status_code == 200, put.text
        said = {"operation": "download", "objects": [{"oid": oid, "size": size}]}
        found = requests.post(f"{base}/batch", json=said, timeout=30).json()["objects"][0]
        with requests.get(found["actions"]["download"]["href"], stream=True, timeout=60) as answer:
            assert sum(len(piece) for piece in answer.iter_content(1024**2)) == size
        peak_kib = int(child.communicate()[0])
    shutil.rmtree(tmp_path / "root")
    assert peak_kib < 150 * 1024
