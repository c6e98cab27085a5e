"""Arguments that would be options, commands or other places: refused, or taken literally."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from csgrepo import CsgRepoError, Repository
from tests.functional.copies import committed, noise, pointer_to, refs, state, write_hook
from tests.stock import StockGit

MARKER = "owned"
HOSTILE = [
    f"--upload-pack=touch {MARKER}",
    f"--receive-pack=touch {MARKER}",
    f"-c core.sshCommand=touch {MARKER}",
    f"-ccore.fsmonitor=touch {MARKER}",
    f"--exec=touch {MARKER}",
    f"ext::sh -c touch% {MARKER}",
    f"ext::touch {MARKER}",
    "fd::3",
    f"x\ntouch {MARKER}",
    f";touch {MARKER}",
    f"$(touch {MARKER})",
    f"`touch {MARKER}`",
    f"|touch {MARKER}",
    f"& touch {MARKER}",
    f"ssh://-oProxyCommand=touch {MARKER}/x",
    f"ssh://x@-oProxyCommand=touch%20{MARKER}/x",
    f"-oProxyCommand=touch {MARKER}@host:x",
    f"file://{MARKER}\0",
    f"http://x/`touch {MARKER}`",
    f"'; touch {MARKER}; '",
    f'"; touch {MARKER}; "',
    "../../../etc/passwd",
    "--",
    "-",
    "@{-1}",
    ":(attr:x)",
    f"!touch {MARKER}",
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, where the marker would appear."""
    monkeypatch.chdir(tmp_path)
    # Should anything be looked up on the network after all, it is looked up nowhere.
    monkeypatch.setenv("CSGHUB_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {tmp_path}/ssh-was-run; false")
    return tmp_path


@pytest.fixture
def repo(bare_remote, place: Path) -> Repository:
    repo = Repository(place / "copy", clone_from=bare_remote().url)
    (place / "copy" / "a.txt").write_text("a\n")
    repo.push_to_hub()
    return repo


def untouched(place: Path) -> bool:
    return not list(place.rglob(MARKER)) and not (place / "ssh-was-run").exists()


@pytest.mark.parametrize("text", HOSTILE)
def test_as_the_address_of_a_clone(place, text):
    with pytest.raises(CsgRepoError):
        Repository(place / "copy", clone_from=text)
    assert untouched(place)
    assert not (place / "copy").exists()


ARGUMENTS = {
    "revision": lambda repo, text: repo.git_checkout(text),
    "new branch": lambda repo, text: repo.git_checkout(text, create_branch_ok=True),
    "upstream": lambda repo, text: repo.git_push(upstream=text),
    "upstream's remote": lambda repo, text: repo.git_push(upstream=f"{text} main"),
    "upstream's branch": lambda repo, text: repo.git_push(upstream=f"origin {text}"),
    "upstream later": lambda repo, text: repo.git_push(upstream=text, blocking=False),
    "tag": lambda repo, text: repo.add_tag(text),
    "tag with a message": lambda repo, text: repo.add_tag(text, "message", remote="origin"),
    "tag's remote": lambda repo, text: repo.add_tag("v1", remote=text),
    "tag to find": lambda repo, text: repo.tag_exists(text, remote="origin"),
    "tag to find on": lambda repo, text: repo.tag_exists("v1", remote=text),
    "tag to delete": lambda repo, text: repo.delete_tag(text, remote="origin"),
    "pattern": lambda repo, text: repo.git_add(text),
    "pattern to track in": lambda repo, text: repo.auto_track_binary_files(text),
    "lfs pattern": lambda repo, text: repo.lfs_track(text),
    "lfs file name": lambda repo, text: repo.lfs_track(text, filename=True),
    "message": lambda repo, text: repo.push_to_hub(text),
    "name": lambda repo, text: repo.git_config_username_and_email(text, text),
    "branch of a commit": lambda repo, text: repo.commit("x", branch=text).__enter__(),
}


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_as_any_argument(repo, place, argument):
    remote = Path(repo.git_remote_url().removeprefix("file://"))
    for number, text in enumerate(HOSTILE):
        (place / "copy" / f"{number}.txt").write_text("new\n")
        before = refs(remote)
        try:
            ARGUMENTS[argument](repo, text)
        except CsgRepoError:
            assert refs(remote).keys() == before.keys()
        assert untouched(place), text
        allowed = {".git", ".gitattributes", "a.txt"}
        files = {path.name for path in (place / "copy").iterdir()} - allowed
        assert files == {f"{n}.txt" for n in range(number + 1)}, text
    assert list(place.glob("etc")) == []


def test_as_a_revision_at_the_clone(repo, place):
    for number, text in enumerate(HOSTILE):
        folder = place / f"copy {number}"
        with contextlib.suppress(CsgRepoError):
            Repository(folder, clone_from=repo.git_remote_url(), revision=text)
        assert untouched(place), text


def test_what_a_clone_brings_is_not_executed(git, bare_remote, place):
    """Attributes, LFS settings, hooks and submodules of the repository are somebody else's."""
    remote = bare_remote()
    git("init", "--quiet", "evil")
    evil = git.at("evil")
    (place / "evil" / ".lfsconfig").write_text(
        f"[lfs]\n\turl = ext::touch {MARKER}\n\tstandalonetransferagent = evil\n"
        f'[lfs "customtransfer.evil"]\n\tpath = touch\n\targs = {MARKER}\n'
    )
    (place / "evil" / ".gitattributes").write_text(
        "*.bin filter=lfs\n*.txt filter=evil diff=evil\n"
    )
    (place / "evil" / ".gitmodules").write_text(
        f'[submodule "x"]\n\tpath = x\n\turl = ext::touch {MARKER}\n\tupdate = !touch {MARKER}\n'
    )
    (place / "evil" / "csgrepo").mkdir()
    (place / "evil" / "csgrepo" / "__init__.py").write_text(f"open({MARKER!r}, 'w')\n")
    (place / "evil" / "git").write_text(f"#!/bin/sh\ntouch {MARKER}\n")
    (place / "evil" / "git").chmod(0o755)
    (place / "evil" / "hooks").mkdir()
    write_hook(place / "evil" / "hooks" / "post-checkout", f"touch {MARKER}\n")
    content = noise()
    (place / "evil" / "w.bin").write_text(pointer_to(content))
    (place / "evil" / "a.txt").write_text("a\n")
    evil("add", "-A")
    evil("commit", "--quiet", "-m", "evil")
    evil("push", "--quiet", remote.url, "HEAD:main")
    oid = pointer_to(content).split("sha256:")[1][:64]
    target = remote.objects / oid[:2] / oid[2:4] / oid
    target.parent.mkdir(parents=True)
    target.write_bytes(content)
    repo = Repository(place / "copy", clone_from=remote.url)
    assert (place / "copy" / "w.bin").read_bytes() == content
    (place / "copy" / "new.bin").write_bytes(noise())
    repo.push_to_hub()
    repo.git_pull()
    with repo.commit("inside"):
        Path("b.txt").write_text("b")
    StockGit(place / "copy")("status")
    assert untouched(place)


# -- inside another repository's hook --------------------------------------------------------------

PUSHING = """
import os, sys
assert os.environ["GIT_INDEX_FILE"], "this is not how git calls a hook"
from csgrepo import Repository
repo = Repository(sys.argv[1])
with repo.commit("from a hook", blocking=sys.argv[2] == "blocking"):
    open("new.bin", "wb").write(bytes(5000))
repo.git_checkout("other", create_branch_ok=True)
repo.git_checkout("main")
repo.add_tag("from-a-hook")
repo.wait_for_commands()
Repository(sys.argv[3], clone_from=repo.git_remote_url())
"""


@pytest.mark.parametrize("hook", ["pre-commit", "commit-msg"])
@pytest.mark.parametrize("how", ["blocking", "later"])
def test_inside_a_hook_of_another_repository(git, repo, place, hook, how):
    """Git names its repository and index to its hooks, and every git they start would obey."""
    git("init", "--quiet", "outer")
    outer = git.at("outer")
    script = place / "pushing.py"
    script.write_text(PUSHING)
    write_hook(
        place / "outer" / ".git" / "hooks" / hook,
        f"exec '{sys.executable}' '{script}' '{repo.local_dir}' {how} '{place}/fresh'\n",
    )
    (place / "outer" / "b.txt").write_text("b\n")
    (place / "outer" / "not added.txt").write_text("c\n")
    outer("add", "b.txt")
    outer("commit", "--quiet", "-m", "outer's own")
    assert list(committed(outer)) == ["b.txt"]
    assert outer("log", "--format=%s") == "outer's own"
    assert outer("branch", "--format=%(refname)") == "refs/heads/main"
    assert outer("tag") == ""
    assert outer("status", "--porcelain") == '?? "not added.txt"'
    inner = StockGit(Path(repo.local_dir))
    assert set(committed(inner)) == {".gitattributes", "a.txt", "new.bin"}
    remote = Path(repo.git_remote_url().removeprefix("file://"))
    assert refs(remote)["refs/heads/main"] == inner("rev-parse", "HEAD")
    assert (place / "fresh" / "new.bin").read_bytes() == bytes(5000)


VARIABLES = {
    "GIT_DIR": "outer/.git",
    "GIT_WORK_TREE": "outer",
    "GIT_INDEX_FILE": "outer/.git/index",
    "GIT_OBJECT_DIRECTORY": "outer/.git/objects",
    "GIT_COMMON_DIR": "outer/.git",
    "GIT_PREFIX": "sub/",
    "GIT_NAMESPACE": "elsewhere",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_ICASE_PATHSPECS": "1",
    "GIT_QUARANTINE_PATH": "outer/.git/objects",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.worktree",
    "GIT_CONFIG_VALUE_0": "/nonexistent",
    "GIT_CONFIG_PARAMETERS": "'core.bare=true'",
    "GIT_EXTERNAL_DIFF": "false",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_TRACE": "1",
    "GIT_PAGER": "false",
    "GIT_EDITOR": "false",
    "GIT_ASKPASS": "false",
    "GIT_DEFAULT_HASH": "sha256",
}


def test_variables_that_would_point_git_elsewhere(git, repo, place, monkeypatch):
    git("init", "--quiet", "outer")
    (place / "outer" / "b.txt").write_text("b\n")
    git.at("outer")("add", "b.txt")
    before = state(place / "outer")
    with monkeypatch.context() as patch:
        for name, value in VARIABLES.items():
            in_outer = value.startswith("outer")
            patch.setenv(name, str(place / value) if in_outer else value)
        (place / "copy" / "New.txt").write_text("new\n")
        (place / "copy" / "w.bin").write_bytes(noise())
        url = repo.push_to_hub("not elsewhere")
        _, command = repo.git_push(blocking=False)
        repo.wait_for_commands()
        fresh = Repository(place / "fresh", clone_from=repo.git_remote_url())
        assert fresh.is_repo_clean()
        assert repo.is_repo_clean()
    assert url == repo.git_head_commit_url()
    assert command.receipt.commit == repo.git_head_hash()
    assert state(place / "outer") == before
    assert "New.txt" in committed(StockGit(place / "copy"))
    assert (place / "fresh" / "w.bin").read_bytes() == (place / "copy" / "w.bin").read_bytes()


def test_modules_of_the_current_folder_are_not_run(repo, place, monkeypatch):
    """Python looks for modules where it is started, and a clone may hold any."""
    copy = place / "copy"
    for module in ("csgrepo", "json", "git", "requests", "filelock"):
        (copy / module).mkdir()
        (copy / module / "__init__.py").write_text(f"open({str(place / MARKER)!r}, 'w').close()\n")
    script = (
        "from csgrepo import Repository\n"
        f"repo = Repository({str(copy)!r})\n"
        "with repo.commit('x', blocking=False):\n"
        "    open('w.bin', 'wb').write(bytes(5000))\n"
        "repo.wait_for_commands()\n"
    )
    (place / "script.py").write_text(script)
    subprocess.run([sys.executable, place / "script.py"], cwd=place, check=True, timeout=300)
    assert untouched(place)
    assert os.path.exists(copy / "w.bin")
