"""Many who write one branch at once, and a hub that dies while it makes a commit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from csgrepo.server import Hub
from tests.functional.rest import Api, b64
from tests.functional.test_hub_contract_commit import commit, file
from tests.functional.test_hub_contract_write import bare_of
from tests.stock import StockGit

SERVE = """
import sys
from csgrepo.server import Hub
Hub(sys.argv[1]).serve_forever(lambda hub: print(hub.url, hub.add_user("wanda"), flush=True))
"""


def test_eight_writers_lose_nothing(wanda: Api, hub: Hub, git: StockGit):
    base = wanda.create("busy")
    clone = git.at("clone")
    address = f"{wanda.url}{base.removeprefix('/api/v1')}.git"
    git(
        "clone",
        "--quiet",
        address.replace("://", f"://{wanda.name}:{wanda_token(wanda)}@"),
        "clone",
    )

    def write(number: int) -> list[int]:
        if number:
            return [commit(wanda, base, file(f"w{number}/{n}", b"x")).status_code for n in range(4)]
        pushed = []
        for n in range(2):  # a client of git among them
            (clone.cwd / f"pushed-{n}").write_bytes(b"x")
            clone("add", ".")
            clone("commit", "--quiet", "-m", f"Push {n}")
            while True:  # until the others, who have an end, are done
                clone("pull", "--quiet", "--rebase")
                if clone.run("push", "--quiet").returncode == 0:
                    pushed.append(200)
                    break
        return pushed

    with ThreadPoolExecutor(8) as pool:
        answers = [status for statuses in pool.map(write, range(8)) for status in statuses]
    assert answers == [200] * (7 * 4 + 2)
    paths = set(wanda.paths(base))
    assert paths >= {f"w{number}/{n}" for number in range(1, 8) for n in range(4)}
    assert paths >= {"pushed-0", "pushed-1"}
    bare = bare_of(hub, git, base)
    assert bare("rev-list", "--count", "main") == str(1 + 7 * 4 + 2)
    bare("fsck", "--strict")


def wanda_token(api: Api) -> str:
    return api.headers["Authorization"].removeprefix("Bearer ")


def test_two_changes_of_one_file_are_two_commits(wanda: Api, hub, git):
    base = wanda.create("same")
    together = threading.Barrier(4)

    def write(number: int) -> int:
        together.wait()
        return commit(wanda, base, file("README.md", b"%d" % number)).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(4))) == [200] * 4
    assert bare_of(hub, git, base)("rev-list", "--count", "main") == "5"


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_hub_that_is_killed_keeps_its_repositories_sound(tmp_path, git: StockGit):
    root = tmp_path / "hub"
    done = 0
    for delay in (0.03, 0.08, 0.15, 0.25):
        child = subprocess.Popen(
            [sys.executable, "-c", SERVE, root], stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        with child:
            url, token = child.stdout.readline().split()
            api = Api(url, token, "wanda")
            if not done:
                api.create("first")
                done = 1
            base = "/api/v1/models/wanda/first"
            clock = threading.Timer(delay, child.send_signal, [signal.SIGKILL])
            clock.start()
            try:
                for number in range(50):
                    files = [file(f"{delay}-{number}/{n}", os.urandom(2000)) for n in range(50)]
                    assert commit(api, base, *files).status_code == 200
                    done += 1
            except OSError:
                pass  # the hub is gone
            finally:
                clock.join()
        with Hub(root) as again:
            bare = git.at(again.git_dir("wanda/first"))
            bare("fsck", "--full", "--strict")
            # What was answered is there; the last one may be there without its answer.
            assert int(bare("rev-list", "--count", "main")) - done in {0, 1}
            token = again.add_user("wanda")
            more = Api(again.url, token, "wanda")
            body = {"message": "On", "branch": "main", "content": b64(b"x")}
            assert more("POST", f"{base}/raw/after-{delay}", json=body).status_code == 200
            done = int(bare("rev-list", "--count", "main"))
        assert list((root / "tmp").iterdir()) == []
