"""A token leaves no trace, and neither does anything else outside the working copy."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from csgrepo import CsgRepoError, QueueError, Repository
from csgrepo.server import Answer, Hub
from tests.conftest import Account
from tests.functional.copies import noise
from tests.functional.jobs_clone import until
from tests.stock import RemoteRepository, StockGit

CLIENT_THREADS = (
    "csgrepo-add",
    "csgrepo-transfer",
    "csgrepo-checkout",
    "csgrepo-hash",
    "csgrepo-sink",
)
WAYS = ["argument", "environment", "file", "clone URL"]


@pytest.fixture(autouse=True)
def _faultless_afterwards(hub: Hub) -> Iterator[None]:
    yield
    hub.faults.clear()


@pytest.fixture(autouse=True)
def _hears_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("csgrepo", "urllib3", "git", "filelock"):
        caplog.set_level(logging.DEBUG, logger=name)


@pytest.fixture
def remote(hub: Hub, account: Account, monkeypatch: pytest.MonkeyPatch) -> RemoteRepository:
    """A private repository: without the token not even its name is told."""
    answer = requests.post(
        f"{hub.url}/api/v1/models",
        json={"namespace": account.name, "name": "secret-model", "private": True},
        headers={"Authorization": f"Bearer {account.token}"},
        timeout=300,
    )
    assert answer.status_code == 200
    monkeypatch.setenv("CSGHUB_ENDPOINT", hub.url)
    path = hub.git_dir(f"{account.name}/secret-model")
    url = f"{hub.url}/models/{account.name}/secret-model.git"
    return RemoteRepository(url, account.name, account.token, path, hub.root / "lfs" / path.stem)


@pytest.fixture(params=WAYS)
def clone(request, remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Clone with the token given in one of the ways there are."""

    def make(name: str = "copy") -> Repository:
        if request.param == "argument":
            return Repository(tmp_path / name, clone_from=remote.url, token=remote.password)
        if request.param == "clone URL":
            return Repository(tmp_path / name, clone_from=remote.signed_url)
        if request.param == "environment":
            monkeypatch.setenv("CSGHUB_TOKEN", remote.password)
        else:
            (tmp_path / "home" / ".csghub").mkdir(exist_ok=True)
            (tmp_path / "home" / ".csghub" / "token").write_text(remote.password)
            (tmp_path / "home" / ".csghub" / "token").chmod(0o600)
        return Repository(tmp_path / name, clone_from=remote.url)

    make.own_file = tmp_path / "home" / ".csghub" / "token"
    return make


class Watch(threading.Thread):
    """Reads the command lines of all processes, over and over."""

    def __init__(self, secret: str) -> None:
        super().__init__(daemon=True)
        self._secret = secret.encode()
        self._done = threading.Event()
        self.found: set[bytes] = set()
        self.seen: set[bytes] = set()

    def run(self) -> None:
        while not self._done.is_set():
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    with contextlib.suppress(OSError):
                        self._look(Path(entry.path, "cmdline").read_bytes())

    def _look(self, line: bytes) -> None:
        self.seen.add(line)
        if self._secret in line:
            self.found.add(line)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def __enter__(self) -> Watch:
        self.start()
        return self


def places_with(secret: str, *roots: Path, apart_from: Path) -> list[str]:
    """The files whose content or name has the secret in it, as it is or as it is sent."""
    import base64

    needles = [secret.encode(), base64.b64encode(f":{secret}".encode())[4:-4]]
    found = []
    for root in roots:
        for path in root.rglob("*"):
            if path == apart_from or not path.is_file() or path.is_symlink():
                continue
            try:
                content = path.read_bytes()
            except FileNotFoundError:  # a worker that goes home clears up behind itself
                continue
            if any(needle in content for needle in needles) or secret in str(path):
                found.append(str(path))
    return found


def traces(secret: str, error: BaseException) -> list[str]:
    """Where an exception has the secret: text, traceback with locals, pickled."""
    told = traceback.TracebackException.from_exception(error)
    texts = {
        "str": str(error),
        "repr": repr(error),
        "traceback": "".join(told.format(chain=True)),
        "dict": repr({name: repr(value) for name, value in vars(error).items()}),
    }
    with contextlib.suppress(TypeError):  # what refuses to travel leaves no trace
        texts["pickle"] = pickle.dumps(error).decode("latin-1")
    return [place for place, text in texts.items() if secret in text]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_token_is_nowhere(hub, clone, remote, tmp_path, caplog, capfd):
    secret = remote.password
    errors: list[BaseException] = []
    with Watch(secret) as watch:
        repo = clone()
        folder = Path(repo.local_dir)
        (folder / "w.bin").write_bytes(noise(200_000))
        repo.push_to_hub("blocking")
        (folder / "w.bin").write_bytes(noise(200_000))
        with repo.commit("later", blocking=False):
            pass
        repo.wait_for_commands()
        repo.git_pull(lfs=True)
        repo.add_tag("v1", "message", remote="origin")
        repo.tag_exists("v1", remote="origin")
        repo.lfs_prune()
        repo.verify()
        clone("again")
        words = f"refused, and here is {secret} back".encode()
        hub.faults.add("POST", "/git-receive-pack$", Answer(403, {}, words), times=None)
        (folder / "b.txt").write_text("b")
        for call in (
            repo.push_to_hub,
            lambda: repo.git_push(upstream="origin nowhere"),
            lambda: repo.delete_tag("v1", remote="origin"),
            lambda: Repository(tmp_path / "none", clone_from=remote.signed_url + "x"),
        ):
            try:
                call()
            except CsgRepoError as error:
                errors += chain(error)
        repo.git_push(blocking=False)
        try:
            repo.wait_for_commands()
        except QueueError as error:
            errors += chain(error)
        command = repo.command_queue[-1]
        told = repr([command, command.stderr, command.stdout, command.error, command.job])
    assert watch.found == set()
    assert any(b"git\0" in line or b"/git" in line for line in watch.seen)
    assert len(errors) >= 3
    assert [place for error in errors for place in traces(secret, error)] == []
    assert secret not in told
    records = caplog.records
    assert {record.name for record in records if secret in record.getMessage()} == set()
    assert secret not in repr([record.__dict__ for record in records])
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    roots = (folder, tmp_path / "again", tmp_path / "home", tmp_path / "tmp")
    assert places_with(secret, *roots, apart_from=clone.own_file) == []
    assert secret not in StockGit(folder)("config", "--list", "--show-origin")
    assert secret not in repo.git_remote_url()
    assert secret not in repr(vars(repo))


def test_a_token_of_the_url_is_not_asked_for_again(clone, remote, tmp_path):
    """What was given once does for this object, and is not written down for the next."""
    repo = clone()
    assert repo.git_remote_url() == remote.url
    assert repo.push_to_hub() is None
    repo.git_pull()


# -- the user's machine ----------------------------------------------------------------------------

THEIR_CONFIG = """\
[user]
\tname = Wanda
\temail = wanda@example.com
[core]
\tquotepath = true
[credential]
\thelper = store
"""


def test_the_user_s_own_files_are_not_touched(remote, tmp_path, monkeypatch):
    home = tmp_path / "home"
    theirs = {
        home / ".gitconfig": THEIR_CONFIG,
        home / ".git-credentials": "https://wanda:own-password@example.com\n",
        home / ".netrc": "machine example.com login wanda password own-password\n",
        home / ".config" / "git" / "config": "[alias]\n\tst = status\n",
        home / ".config" / "git" / "ignore": "*.swp\n",
    }
    for path, text in theirs.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        os.utime(path, (10**9, 10**9))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    environment, here = dict(os.environ), os.getcwd()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in home.rglob("*.*")
              if path.is_file()}  # fmt: skip
    everything(remote, tmp_path)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in home.rglob("*.*")
             if path.is_file()}  # fmt: skip
    assert after == before
    assert {path for path in home.rglob("*") if path.is_file()} == set(theirs)
    assert dict(os.environ) == environment
    assert os.getcwd() == here
    assert list((tmp_path / "tmp").iterdir()) == []


def everything(remote: RemoteRepository, tmp_path: Path) -> None:
    """Call the whole interface once."""
    repo = Repository(tmp_path / "copy", clone_from=remote.url, token=remote.password)
    repo.git_config_username_and_email("Wanda", "wanda@example.com")
    repo.git_credential_helper_store()
    repo.lfs_track("*.odd")
    repo.lfs_untrack("*.odd")
    repo.lfs_enable_largefiles()
    (tmp_path / "copy" / "中文 w.bin").write_bytes(noise())
    repo.auto_track_large_files()
    repo.auto_track_binary_files()
    repo.git_add()
    repo.git_commit()
    repo.git_push(auto_lfs_prune=True)
    with repo.commit("later", blocking=False):
        Path("later.bin").write_bytes(noise())
    repo.wait_for_commands()
    repo.git_pull(rebase=True)
    repo.git_pull(lfs=True)
    repo.git_checkout("dev", create_branch_ok=True)
    repo.add_tag("v1", "message", remote="origin")
    repo.delete_tag("v1", remote="origin")
    repo.lfs_prune()
    repo.verify()
    repo.pointers()
    repo.is_repo_clean()
    repo.list_deleted_files()
    repo.push_to_hub()


def test_a_helper_of_the_user_is_told_of_no_token(remote, tmp_path, monkeypatch):
    """A `store` helper would write it down for ever."""
    config = tmp_path / "home" / ".gitconfig"
    config.write_text(THEIR_CONFIG)
    everything(remote, tmp_path)
    assert not (tmp_path / "home" / ".git-credentials").exists()
    assert config.read_text() == THEIR_CONFIG


def test_netrc_is_not_read_for_the_hub(remote, tmp_path):
    """A password that somebody keeps there for this host is not the token that was given."""
    host = remote.url.split("/")[2].split(":")[0]
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text(f"machine {host} login somebody password else\n")
    netrc.chmod(0o600)
    repo = Repository(tmp_path / "copy", clone_from=remote.url, token=remote.password)
    (tmp_path / "copy" / "w.bin").write_bytes(noise())
    assert repo.push_to_hub() == repo.git_head_commit_url()


def test_nothing_is_printed(remote, tmp_path, capfd):
    everything(remote, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_no_thread_and_no_file_stays_behind(remote, tmp_path):
    threads: set[str] = set()
    for number in range(3):
        repo = Repository(tmp_path / f"copy{number}", clone_from=remote.url, token=remote.password)
        (tmp_path / f"copy{number}" / "w.bin").write_bytes(noise())
        repo.push_to_hub()
        repo.git_pull()
        repo.verify()
        threads = threads or threads_of_the_client()
    until(lambda: threads_of_the_client() <= threads, "the threads to end")
    until(lambda: open_files_below(tmp_path) == [], "the files to be closed")


def threads_of_the_client() -> set[str]:
    """The hub runs in this process too, and takes more threads as it needs them."""
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith(CLIENT_THREADS)}


def open_files_below(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").glob("*"):  # there is none but on Linux
        with contextlib.suppress(OSError):
            found.append(os.readlink(entry))
    return [path for path in found if path.startswith(str(folder))]
