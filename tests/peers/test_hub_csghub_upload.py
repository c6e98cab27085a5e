"""The functions of csghub-sdk 0.9.3 that upload, on the embedded hub."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from csgrepo.server import Answer, Hub, Stall
from tests.peers import samples
from tests.peers.hub_user import HubUser, Raised, need
from tests.stock import StockGit

PART = 300_000
FILES = {
    "weights.bin": samples.content("weights", 12 * PART + 5),  # thirteen parts
    "small.bin": b"x",
    "config.json": b'{"layers": 2}\n',
    "data/子/模型 [1].txt": "你好\n".encode(),
}
UPLOAD_FILE = """
from pycsghub.file_upload import http_upload_file
http_upload_file(**asked)
"""
UPLOAD = """
from pycsghub.repository import Repository
Repository(**asked).upload()
"""


@pytest.fixture(scope="module")
def parts_hub() -> Iterator[Hub]:
    """A hub whose parts are so short that small files have many."""
    with Hub(min_part_bytes=PART) as running:
        yield running


@pytest.fixture
def user(parts_hub: Hub, stock_lfs: StockGit, tmp_path: Path) -> HubUser:
    need("csghub-sdk")
    name = f"user-{uuid.uuid4().hex[:8]}"
    token = parts_hub.add_user(name)
    variables = {
        "CSGHUB_DOMAIN": parts_hub.url,
        "CSGHUB_TOKEN": token,
        "CSGHUB_HOME": str(tmp_path / "csghub"),
    }
    return HubUser(parts_hub, name, token, stock_lfs, variables)


def large_folder(user: HubUser, repo_id: str, *options: str, fails: bool = False) -> str:
    done = user.run("csghub-cli", "upload-large-folder", repo_id, "up", "-n", "4", *options)
    said = done.stdout + done.stderr
    assert bool(done.returncode) is fails, said
    return said


@contextmanager
def started(user: HubUser, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as the block does; then it is killed."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=user.folder, env=user.environment(), **quiet) as child:
        try:
            yield child
        finally:
            child.kill()


def test_file_is_added_and_changed_in_git_and_in_lfs(user: HubUser) -> None:
    repo_id = user.create()
    for content in (b"one", b"two"):
        samples.write(user.folder, {"a 文.txt": content, "w.bin": content})
        for name in ("a 文.txt", "w.bin"):
            user.python(UPLOAD_FILE, repo_id=repo_id, file_path=name, path_in_repo="深/er")

    assert user.held(repo_id) == {"深/er/a 文.txt": b"two", "深/er/w.bin": b"two"}
    assert user.stored_in_lfs(repo_id) == {"深/er/w.bin"}


def test_file_for_a_stranger_is_refused(user: HubUser) -> None:
    repo_id = user.create()
    samples.write(user.folder, {"a.txt": b"one"})
    other = user.hub.add_user(f"{user.name}-b")

    with pytest.raises(Raised, match="failed to upload"):
        user.python(UPLOAD_FILE, repo_id=repo_id, file_path="a.txt", token=other)

    assert user.held(repo_id) == {}


@pytest.mark.parametrize("kind", ["model", "dataset", "code", "mcp", "skill"])
def test_repository_uploads_a_folder_of_each_type(user: HubUser, kind: str) -> None:
    samples.write(user.folder / "up", FILES)
    repo_id = f"{user.name}/new-{kind}"

    user.python(
        UPLOAD, repo_id=repo_id, upload_path="up", repo_type=kind, work_dir="work",
        token=user.token, description="made by the SDK",
    )  # fmt: skip

    assert user.held(repo_id, kind) == FILES
    assert user.stored_in_lfs(repo_id, kind) == {"weights.bin", "small.bin"}


def test_repository_uploads_below_a_path_on_a_branch(user: HubUser) -> None:
    samples.write(user.folder / "up", FILES)
    repo_id = user.create()
    user.push(repo_id, {"kept.txt": b"kept"})
    StockGit(user.hub.git_dir(repo_id))("branch", "dev", "main")

    user.python(
        UPLOAD, repo_id=repo_id, upload_path="up", path_in_repo="below/it", branch_name="dev",
        work_dir="work", token=user.token,
    )  # fmt: skip

    below = {f"below/it/{name}": content for name, content in FILES.items()}
    assert user.held(repo_id, ref="dev") == {"kept.txt": b"kept", **below}
    assert user.held(repo_id) == {"kept.txt": b"kept"}


def test_fault_of_the_sdk_repository_cannot_upload_one_file(user: HubUser) -> None:
    """It makes a folder where the file is to be, and then copies the file over it."""
    samples.write(user.folder, FILES)

    with pytest.raises(Raised, match="IsADirectoryError"):
        user.python(
            UPLOAD, repo_id=user.create(), upload_path="config.json", path_in_repo="c.json",
            work_dir="work", token=user.token,
        )  # fmt: skip


def test_fault_of_the_sdk_a_hub_in_trouble_is_a_repository_that_is_not_there(
    user: HubUser,
) -> None:
    samples.write(user.folder / "up", FILES)
    repo_id = user.create()

    user.hub.faults.add("GET", f"{repo_id}/branches", Answer(503))

    with pytest.raises(Raised, match="400 Client Error"):
        user.python(UPLOAD, repo_id=repo_id, upload_path="up", work_dir="work", token=user.token)


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_large_folder_goes_up_in_parts_and_makes_the_repository(user: HubUser, kind: str) -> None:
    samples.write(user.folder / "up", FILES)
    repo_id = f"{user.name}/large-{kind}"

    large_folder(user, repo_id, "-t", kind)

    assert user.held(repo_id, kind) == FILES
    assert user.stored_in_lfs(repo_id, kind) == {"weights.bin", "small.bin"}
    assert len(list(user.asked("PUT", f"/_parts/{kind}s/{repo_id}/"))) == 14


def test_large_folder_sends_only_what_changed(user: HubUser) -> None:
    samples.write(user.folder / "up", FILES)
    repo_id = f"{user.name}/again"
    large_folder(user, repo_id)
    sent = len(list(user.asked("PUT", f"/_parts/models/{repo_id}/")))
    samples.write(user.folder / "up", {"small.bin": b"y", "more/new.txt": b"new"})

    large_folder(user, repo_id)

    assert user.held(repo_id) == {**FILES, "small.bin": b"y", "more/new.txt": b"new"}
    assert len(list(user.asked("PUT", f"/_parts/models/{repo_id}/"))) == sent + 1


def test_large_folder_goes_to_a_branch_that_is_new(user: HubUser) -> None:
    samples.write(user.folder / "up", FILES)
    repo_id = user.create()
    user.push(repo_id, {"kept.txt": b"kept"})

    large_folder(user, repo_id, "--revision", "dev")

    assert user.held(repo_id, ref="dev") == FILES  # a branch with no past, as the contract has it
    assert user.held(repo_id) == {"kept.txt": b"kept"}


def test_large_folder_is_gone_on_with_where_it_was_killed(user: HubUser) -> None:
    # No object is whole when it is killed: of one that is, and that the SDK had no time to note,
    # the hub needs nothing more, and the SDK asks for ever what to send.
    files = {name: data for name, data in FILES.items() if name != "small.bin"}
    samples.write(user.folder / "up", files)
    repo_id = f"{user.name}/killed"

    stalled = user.hub.faults.add(
        "PUT", f"/_parts/models/{repo_id}/.*/1?[0-9]$", Stall(), times=None, skip=6
    )
    with started(user, "csghub-cli", "upload-large-folder", repo_id, "up", "-n", "2") as child:
        while stalled.hits < 2:  # both have noted what they sent before, and send no more
            assert child.poll() is None
            time.sleep(0.02)
    user.hub.faults.remove(stalled)
    before = len(list(user.asked("PUT", f"/_parts/models/{repo_id}/")))

    large_folder(user, repo_id)

    assert user.held(repo_id) == files
    assert len(list(user.asked("PUT", f"/_parts/models/{repo_id}/"))) - before < 13


def test_fault_of_the_sdk_what_is_refused_is_tried_for_ever(user: HubUser) -> None:
    """The LFS address of an mcp is not the one it asks; each try fails, and it counts none."""
    samples.write(user.folder / "up", {"small.bin": b"x"})
    repo_id = user.create("mcp")
    path = f"/mcps/{repo_id}.git/info/lfs/objects/batch"

    with started(user, "csghub-cli", "upload-large-folder", repo_id, "up", "-t", "mcp") as child:
        while len(tried := list(user.asked("POST", path))) < 30:
            assert child.poll() is None
            time.sleep(0.05)

    assert min(tried) >= 400


def test_transfer_agent_sends_up_to_nine_parts(user: HubUser) -> None:
    work = enabled_clone(user, user.create())
    samples.write(work.cwd, {"nine.bin": samples.content("nine", 9 * PART)})
    work("add", "--all")
    work("commit", "--quiet", "--message", "nine")

    work("push", "--quiet", "origin", "HEAD:main", PATH=user.environment()["PATH"])

    repo_id = work("remote", "get-url", "origin").rpartition("/models/")[2].removesuffix(".git")
    assert user.held(repo_id) == {"nine.bin": samples.content("nine", 9 * PART)}
    assert len(list(user.asked("PUT", f"/_parts/models/{repo_id}/"))) == 9


def test_fault_of_the_sdk_transfer_agent_mixes_ten_parts_up_and_the_hub_notices(
    user: HubUser,
) -> None:
    """It takes the parts' addresses in the order of their text: 1, 10, 2."""
    repo_id = user.create()
    work = enabled_clone(user, repo_id)
    samples.write(work.cwd, {"ten.bin": samples.content("ten", 10 * PART)})
    work("add", "--all")
    work("commit", "--quiet", "--message", "ten")

    done = work.run("push", "--quiet", "origin", "HEAD:main", PATH=user.environment()["PATH"])

    assert done.returncode
    assert list(user.asked("POST", "/api/v1/complete_multipart"))[-1] == 400
    assert user.held(repo_id) == {}


def enabled_clone(user: HubUser, repo_id: str) -> StockGit:
    """Return a clone that `csghub-cli lfs-enable-largefiles` has set up."""
    user.git("clone", "--quiet", user.remote(repo_id).signed_url, "work")
    done = user.run("csghub-cli", "lfs-enable-largefiles", "work")
    assert done.returncode == 0, done.stderr
    work = user.git.at("work")
    # One agent that gives up at once: by default eight of them start, each to try eight times.
    work("config", "lfs.concurrenttransfers", "1")
    work("config", "lfs.transfer.maxretries", "1")
    return work
