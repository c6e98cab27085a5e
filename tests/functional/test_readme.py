"""The README's examples, run as they stand against the embedded hub."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from csgrepo import HubApi, Repository
from csgrepo.server import Hub
from tests.functional.copies import seed
from tests.stock import RemoteRepository, StockGit

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def hub_files(wandas_hub: Hub, git: StockGit) -> Callable[..., None]:
    """Make a repository of the README's and put files into it."""

    def put(place: str, files: dict[str, bytes], tag: str = "") -> None:
        kind, repo_id = place.split("/", 1)
        HubApi().create_repo(repo_id, repo_type=kind)
        remote = RemoteRepository("", "", "", wandas_hub.git_dir(repo_id, kind), Path())
        commit = seed(git, remote, files)
        if tag:
            StockGit(remote.path)("update-ref", f"refs/tags/{tag}", commit)

    return put


def test_there_are_five_examples() -> None:
    assert len(BLOCKS) == 5


def test_training_and_pushing_examples(wandas_hub: Hub, git: StockGit) -> None:
    HubApi().create_repo("wanda/w2v2")
    contents = iter(os.urandom(12 * 1024 * 1024) for _ in range(20))
    names = {
        "model": object(),
        "train_one_epoch": lambda model: None,
        "save": lambda model, name: Path(name).write_bytes(next(contents)),
    }

    exec(BLOCKS[0].replace("range(10)", "range(2)"), names)

    work = git.at("work/w2v2")
    assert work("log", "--format=%s", "origin/main").splitlines()[:2] == ["Epoch 1", "Epoch 0"]
    assert "oid sha256:" in work("show", "origin/main:模型 final.safetensors")
    for statement in ast.parse(BLOCKS[1]).body:
        (work.cwd / "more.bin").write_bytes(next(contents))  # or there would be nothing to push
        exec(ast.unparse(statement), names)
    assert names["push"].wait(300)
    assert names["push"].status == 0
    assert work("ls-remote", "origin", "main").split()[0] == work("rev-parse", "HEAD")


def test_dataset_example(wandas_hub: Hub, git: StockGit) -> None:
    example = BLOCKS[2].replace("your-token", os.environ["CSGHUB_TOKEN"])
    before, mark, after = example.partition('repo.lfs_track("*.parquet")')
    assert mark
    names: dict[str, object] = {}
    exec(before, names)
    (git.cwd / "work" / "reviews" / "评论.parquet").write_bytes(b"PAR1" * 100)

    exec(mark + after, names)

    assert isinstance(names["repo"], Repository)
    work = git.at("work/reviews")
    assert work("ls-remote", "origin", "main").split()[0] == work("rev-parse", "HEAD")
    assert work("log", "-1", "--format=%an <%ae> %s") == "Wanda <wanda@example.com> Add reviews"
    assert "oid sha256:" in work("show", "HEAD:评论.parquet")


def test_download_example(wandas_hub: Hub, hub_files: Callable[..., None]) -> None:
    hub_files("models/wanda/bert", {"config.json": b"{}", "w.safetensors": b"w"}, tag="v1")
    hub_files("datasets/wanda/reviews", {"r.csv": b"a"})
    names: dict[str, object] = {}

    exec(BLOCKS[4], names)

    assert Path(str(names["folder"]), "w.safetensors").read_bytes() == b"w"
    assert Path(str(names["config"])).read_bytes() == b"{}"
    assert Path("reviews/r.csv").read_bytes() == b"a"


def test_training_loop_example(wandas_hub: Hub, git: StockGit) -> None:
    HubApi().create_repo("wanda/my-model")
    names = {
        "Repository": Repository,
        "model": object(),
        "save": lambda model, name: Path(name).write_bytes(b"\0" + os.urandom(1000)),
    }

    exec(BLOCKS[3].replace("10_000", "3000"), names)
    names["repo"].wait_for_commands(500)

    work = git.at("work/my-model")
    saved = work("log", "--format=%s", "origin/main").splitlines()
    assert saved[:3] == ["step 2000", "step 1000", "step 0"]
    assert work("ls-remote", "origin", "main").split()[0] == work("rev-parse", "HEAD")


def test_lines_for_the_shell(
    wandas_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"^## From the shell\n\n```sh\n(.*?)^```$", README, re.M | re.S)
    token = os.environ["CSGHUB_TOKEN"]
    monkeypatch.delenv("CSGHUB_TOKEN")
    monkeypatch.setenv("CSGHUB_ENDPOINT", wandas_hub.url)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "-e", "-c", block],
        input=token,
        cwd=tmp_path,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )

    assert done.returncode == 0, done.stderr
    assert "signed in as wanda" in done.stderr
    assert token not in done.stdout + done.stderr
    with HubApi(token=token) as api:
        assert api.repo_info("wanda/my-model").private
        assert (
            next(iter(api.list_repo_commits("wanda/my-model"))).message.strip() == "Tell what it is"
        )
