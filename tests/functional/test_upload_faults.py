"""Uploads over HTTP to a hub that has a bad day: gone on with or a typed error, and never a branch
that names objects which are not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from csgrepo import HubApi, errors
from csgrepo.files import hash_file
from csgrepo.lfs.pointer import Pointer
from csgrepo.server import Answer, Fault, Hub, Reset, Stall, Swallow, Truncate
from tests import small_parts
from tests.functional.jobs_clone import PATIENCE_S, until
from tests.functional.stalls import stall_s
from tests.small_parts import PART, Place, content
from tests.stock import StockGit

STEPS = {
    "repository": ("GET", "/api/v1/models/{name}$"),
    "refs": ("GET", "/models/{name}.git/info/refs$"),
    "base": ("POST", "/models/{name}.git/git-upload-pack$"),
    "preupload": ("POST", "/{name}/preupload/"),
    "tree": ("GET", "/{name}/refs/.*/tree/"),
    "attributes": ("GET", "/{name}/resolve/"),
    "batch": ("POST", "/{name}.git/info/lfs/objects/batch$"),
    "part": ("PUT", "/_parts/.*/{name}/.*/3$"),
    "completion": ("POST", "/complete_multipart$"),
    "verify": ("POST", "/{name}.git/info/lfs/verify$"),
    "push": ("POST", "/models/{name}.git/git-receive-pack$"),
}
LARGE = ("batch", "part", "completion", "verify")
UPLOAD = """
import sys
from csgrepo import upload_folder
print(upload_folder(repo_id=sys.argv[1], folder_path=sys.argv[2]).oid)
"""


@dataclass
class Uploading:
    """A folder, and the repository that it goes to.

    Attributes:
        place: the repository.
        folder: the folder.
        data: the content of its one large file.
        api: asks as the repository's owner.
        git: stock git.
    """

    place: Place
    folder: Path
    data: bytes
    api: HubApi
    git: StockGit

    @property
    def repo_id(self) -> str:
        return f"wanda/{self.place.name}"

    def strike(self, step: str, effect: object, *, times: int | None = 1) -> Fault:
        method, path = STEPS[step]
        path = path.format(name=self.repo_id)
        return self.place.hub.faults.add(method, path, effect, times=times)

    def upload(self) -> str:
        return self.api.upload_folder(repo_id=self.repo_id, folder_path=self.folder).oid

    def arrived(self) -> bool:
        """Tell whether the branch holds all files, and the hub the objects they stand for."""
        self.check_objects()
        bare = self.git.at(self.place.remote.path)
        shown = {
            path.name: bare.run("cat-file", "blob", f"main:{path.name}").stdout
            for path in self.folder.iterdir()
        }
        pointer = Pointer.parse(shown.pop("权重 final.bin"))
        assert pointer
        assert self.place.stored(self.data) == self.data
        return shown == {
            path.name: path.read_bytes() for path in self.folder.iterdir() if path.name in shown
        }

    def check_objects(self) -> None:
        """Make sure that every object which any commit of the branch names is on the hub."""
        bare = self.git.at(self.place.remote.path)
        listed = bare("rev-list", "--objects", "main").splitlines()
        for oid in (line.split(" ")[0] for line in listed):
            if bare("cat-file", "-t", oid) != "blob":
                continue
            if pointer := Pointer.parse(bare.run("cat-file", "blob", oid).stdout):
                kept = self.place.hub.lfs_path(self.repo_id, pointer.oid)
                assert hash_file(kept) == (pointer.oid, pointer.size)


@pytest.fixture(scope="module")
def small_hub() -> Iterator[Hub]:
    with small_parts.serving() as hub:
        yield hub


@pytest.fixture
def uploading(
    small_hub: Hub, git: StockGit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Uploading]:
    place = small_parts.place(small_hub)
    monkeypatch.setenv("CSGHUB_ENDPOINT", small_hub.url)
    monkeypatch.setenv("CSGHUB_TOKEN", place.token)
    folder = tmp_path / "out"
    folder.mkdir()
    data = content(5)
    (folder / "权重 final.bin").write_bytes(data)
    (folder / "config.json").write_bytes(b'{"layers": 12}\n')
    with HubApi() as api:
        yield Uploading(place, folder, data, api, git)
    small_hub.faults.clear()


def _said(value: object) -> str:
    return value if isinstance(value, str) else type(value).__name__


# -- what passes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "effect",
    [
        Answer(429, {"Retry-After": "0"}),
        Answer(503),
        Reset(on="request"),
        Reset(on="response"),
    ],
    ids=lambda effect: f"{_said(effect)}-{getattr(effect, 'status', getattr(effect, 'on', ''))}",
)
def test_every_step_may_fail_once(uploading, effect):
    faults = {step: uploading.strike(step, effect) for step in STEPS}
    oid = uploading.upload()
    assert {step: fault.hits for step, fault in faults.items()} == dict.fromkeys(STEPS, 1)
    assert oid == uploading.place.tip()
    assert uploading.arrived()
    assert uploading.upload() == oid  # and there is nothing left to do


def test_a_store_that_fails_with_500_is_asked_again(uploading):
    broken = Answer(500, body=b"<Error><Code>InternalError</Code></Error>")
    fault = uploading.strike("part", broken, times=2)
    uploading.upload()
    assert fault.hits == 2
    assert uploading.arrived()


@pytest.mark.parametrize("step", ["refs", "preupload", "batch", "part", "verify"])
def test_an_answer_that_stalls_is_given_up_and_asked_for_again(uploading, step, monkeypatch):
    wait_s = stall_s(uploading.upload)
    monkeypatch.setenv("CSGHUB_STALL_TIMEOUT", str(wait_s))
    uploading.data = content(5)
    (uploading.folder / "权重 final.bin").write_bytes(uploading.data)
    hold = threading.Event()
    fault = uploading.strike(step, Stall(event=hold))
    try:
        with HubApi(timeout=wait_s) as uploading.api:
            uploading.upload()
    finally:
        hold.set()
    assert fault.hits == 1
    assert uploading.arrived()


def test_the_address_of_a_part_that_expired_is_renewed(uploading):
    fault = uploading.strike("part", Answer(403, body=b"<Error><Code>AccessDenied</Code></Error>"))
    uploading.upload()
    assert fault.hits == 1
    assert uploading.place.asked("PUT", "/_parts/") == 6
    assert uploading.arrived()


@pytest.mark.parametrize("step", ["refs", "preupload", "tree", "batch", "push"])
def test_an_answer_cut_short_is_never_taken_for_a_whole_one(uploading, step):
    before = uploading.place.tip()
    uploading.strike(step, Truncate(after=30))
    try:
        uploading.upload()
    except errors.CsgRepoError:
        assert step == "push" or uploading.place.tip() == before
        uploading.check_objects()
        uploading.upload()
    assert uploading.arrived()


# -- what does not ---------------------------------------------------------------------------------

LASTING = [
    ("refs", Answer(401), errors.Unauthorized),
    ("refs", Answer(503, {"Retry-After": "100000"}), errors.ServerError),
    ("preupload", Answer(500, body=b'{"code":"AUTH-ERR-2","msg":"no"}'), errors.Forbidden),
    ("tree", Answer(429, {"Retry-After": "100000"}), errors.RateLimited),
    ("batch", Answer(403, body=b'{"error":"no"}'), errors.Forbidden),
    ("part", Answer(503, {"Retry-After": "100000"}), errors.HubHTTPError),
    ("part", Answer(403), errors.TransferError),
    ("completion", Answer(200, body=b'{"msg":"invalid signature"}'), errors.TransferError),
    ("completion", Swallow(), errors.TransferError),
    ("verify", Answer(400, body=b'{"msg":"size differs"}'), errors.TransferError),
    ("push", Answer(403, body=b'{"error":"no"}'), errors.Forbidden),
    ("push", Answer(400, body=b'{"error":"File too large."}'), errors.BadRequest),
]


@pytest.mark.parametrize(("step", "effect", "kind"), LASTING, ids=_said)
def test_what_lasts_is_a_typed_error_without_a_commit_and_the_next_call_goes_on(
    uploading, step, effect, kind, caplog
):
    before = uploading.place.tip()
    uploading.strike(step, effect, times=None)
    with pytest.raises(kind) as caught:
        uploading.upload()
    assert uploading.place.tip() == before
    for secret in (uploading.place.token, "ignature=", "Bearer"):
        assert secret not in str(caught.value)
        assert secret not in caplog.text
    uploading.place.hub.faults.clear()
    uploading.upload()
    assert uploading.arrived()


def test_what_is_dropped_though_it_was_confirmed_is_no_success(uploading):
    before = uploading.place.tip()
    uploading.strike("completion", Swallow(), times=None)
    uploading.strike("verify", Swallow(body=b"null"), times=None)
    with pytest.raises(errors.VerificationFailed):
        uploading.upload()
    assert uploading.place.tip() == before
    uploading.place.hub.faults.clear()
    uploading.upload()
    assert uploading.arrived()


def test_an_object_that_vanishes_while_the_branch_is_pushed_is_noticed(uploading):
    before = uploading.place.tip()
    hold = threading.Event()
    fault = uploading.strike("push", Stall(event=hold))
    name = hashlib.sha256(uploading.data).hexdigest()

    def lose() -> None:
        until(lambda: fault.hits)
        next(uploading.place.remote.objects.rglob(f"*{name}")).unlink()
        hold.set()

    losing = threading.Thread(target=lose)
    losing.start()
    with pytest.raises(errors.BadRequest, match=f"lfs object {name} not found"):
        uploading.upload()
    losing.join()
    assert uploading.place.tip() == before


# -- parts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [12, 101])
def test_parts_in_any_order_become_the_file(uploading, parts):
    data = content(parts)
    uploading.api.upload_file(
        path_or_fileobj=data, path_in_repo="weights.bin", repo_id=uploading.repo_id
    )
    assert uploading.place.stored(data) == data
    assert uploading.place.asked("PUT", "/_parts/") == parts
    assert uploading.place.asked("POST", "/complete_multipart") == 1


def test_killed_after_part_27_of_40_another_process_sends_the_rest(uploading):
    place, data = uploading.place, content(40)
    (uploading.folder / "权重 final.bin").write_bytes(data)
    uploading.data = data
    before = place.tip()
    hold = threading.Event()
    late = f"/{place.name}/.*/(2[89]|3[0-9]|40)$"
    place.hub.faults.add("PUT", late, Stall(event=hold), times=None)
    command = [sys.executable, "-c", UPLOAD, uploading.repo_id, str(uploading.folder)]
    killed = subprocess.Popen(command)
    records = Path(os.environ["HOME"])

    def noted() -> int:
        count = 0
        for folder, _, names in os.walk(records):
            for path in (Path(folder, name) for name in names if folder.endswith("uploads")):
                with contextlib.suppress(FileNotFoundError):  # it was replaced
                    count += path.read_bytes().count(b'"etag"')
        return count

    until(lambda: noted() == 27, "27 parts to arrive")
    killed.send_signal(signal.SIGKILL)
    killed.wait(PATIENCE_S)
    place.hub.faults.clear()
    hold.set()
    assert place.tip() == before
    place.hub.requests.clear()

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == place.tip()
    taken = {
        int(request.path.rpartition("/")[2])
        for request in place.hub.requests
        if request.method == "PUT" and f"/{place.name}/" in request.path and request.status == 200
    }
    assert taken == set(range(28, 41))
    assert place.asked("POST", "/complete_multipart") == 1
    assert uploading.arrived()
    assert noted() == 0


def test_stock_git_lfs_finds_everything_after_a_day_of_faults(uploading, stock_lfs):
    for step, effect in (
        ("part", Reset(on="request", after=PART // 2)),
        ("completion", Answer(500)),
        ("batch", Answer(429, {"Retry-After": "0"})),
        ("push", Reset(on="response")),
    ):
        uploading.strike(step, effect)
    uploading.upload()
    stock_lfs.sign_in(uploading.place.remote)
    stock_lfs("clone", "--quiet", uploading.place.remote.url, "judge")
    judge = stock_lfs.at("judge")
    judge("fsck", "--strict")
    judge("lfs", "fsck")
    assert (judge.cwd / "权重 final.bin").read_bytes() == uploading.data
    assert json.loads((judge.cwd / "config.json").read_text()) == {"layers": 12}
