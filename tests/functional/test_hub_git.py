"""Stock git and git-lfs against the embedded hub."""

from __future__ import annotations

import base64
import gzip
import os
import re
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from csgrepo.server import Hub
from tests import machine, processes
from tests.conftest import Account
from tests.functional.jobs_clone import until
from tests.stock import RemoteRepository, StockGit

LIMIT = 20 * 1024 * 1024


def create(account: Account, name: str, *, plural: str = "models", **more: object) -> None:
    body = {"name": name, "namespace": account.name, **more}
    url = f"{account.endpoint}/api/v1/{plural}"
    answer = requests.post(url, json=body, headers=bearer(account), timeout=30)
    assert answer.status_code == 200, answer.text


def bearer(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.token}"}


def remote(hub: Hub, account: Account, name: str, *, owner: str = "") -> RemoteRepository:
    repo_id = f"{owner or account.name}/{name}"
    url = f"{hub.url}/models/{repo_id}.git"
    path = hub.git_dir(repo_id)
    objects = hub.root / "lfs" / path.stem
    return RemoteRepository(url, account.name, account.token, path, objects)


@pytest.fixture
def model(hub: Hub, account: Account, git: StockGit) -> RemoteRepository:
    create(account, "first-model")
    found = remote(hub, account, "first-model")
    git.sign_in(found)
    return found


def clone(git: StockGit, found: RemoteRepository, folder: str) -> StockGit:
    git("clone", "--quiet", found.url, folder)
    return git.at(folder)


def commit(git: StockGit, message: str = "change") -> str:
    git("add", "--all")
    git("commit", "--quiet", "--message", message)
    return git("rev-parse", "HEAD")


def test_clone_of_a_new_repository_has_the_first_commit(model, git):
    work = clone(git, model, "work")
    assert work("log", "--format=%s") == "initial commit"
    assert (work.cwd / "README.md").read_bytes() == b"\n---\nlicense: \n---\n\t"
    assert "*.safetensors filter=lfs diff=lfs merge=lfs -text" in (
        work.cwd / ".gitattributes"
    ).read_text().split("\n")


def test_what_stock_lfs_pushed_is_cloned_byte_for_byte(model, stock_lfs):
    names = ["模型 final.bin", "dir/[1] *#.safetensors", "-lead.bin", "tab\there.bin", "plain.txt"]
    work = clone(stock_lfs, model, "work")
    contents = {name: os.urandom(200_000 + index) for index, name in enumerate(names)}
    for name, content in contents.items():
        (work.cwd / name).parent.mkdir(exist_ok=True)
        (work.cwd / name).write_bytes(content)
    commit(work)
    work("push", "--quiet")

    other = clone(stock_lfs, model, "other")
    assert {name: (other.cwd / name).read_bytes() for name in names} == contents
    assert "OK" in other("lfs", "fsck")
    other("fsck", "--strict")
    assert len([path for path in model.objects.rglob("*") if path.is_file()]) == 4


def test_a_push_is_welcomed_and_a_refused_one_is_not(model, git):
    work = clone(git, model, "work")
    (work.cwd / "a.txt").write_text("a")
    commit(work)
    assert "remote: Welcome to OpenCSG!" in work.run("push").stderr.decode()
    (work.cwd / "large.txt").write_bytes(b"x" * (LIMIT + 1))
    commit(work)
    refused = work.run("push")
    assert refused.returncode != 0
    assert "Welcome" not in refused.stderr.decode()


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_protocol_version_clones_fetches_and_pushes(model, git, version):
    git("config", "--global", "protocol.version", version)
    work = clone(git, model, "work")
    (work.cwd / "note.txt").write_text("words\n")
    pushed = commit(work)
    work("push", "--quiet")
    assert clone(git, model, "other")("rev-parse", "HEAD") == pushed


def test_a_push_larger_than_the_post_buffer_is_taken_in_pieces(model, git):
    work = clone(git, model, "work")
    for number in range(4):
        (work.cwd / f"{number}.dat").write_bytes(os.urandom(1_500_000))
    pushed = commit(work)
    work("-c", "http.postBuffer=65536", "push", "--quiet")
    assert git.at(model.path)("rev-parse", "main") == pushed


def test_a_compressed_request_is_understood(model):
    body = b"0014command=ls-refs\n00010009peel\n" + b"0014ref-prefix refs/" + b"0000"
    headers = {
        "Content-Type": "application/x-git-upload-pack-request",
        "Content-Encoding": "gzip",
        "Git-Protocol": "version=2",
    }
    url = f"{model.url}/git-upload-pack"
    answer = requests.post(url, data=gzip.compress(body), headers=headers, timeout=30)
    assert b"refs/heads/main" in answer.content
    strange = {**headers, "Content-Encoding": "br"}
    assert requests.post(url, data=body, headers=strange, timeout=30).status_code == 400


def test_branches_and_tags_come_and_go(model, git):
    work = clone(git, model, "work")
    work("push", "--quiet", "origin", "HEAD:refs/heads/feature/x", "HEAD:refs/tags/v1")
    refs = git.at(model.path)("for-each-ref", "--format=%(refname)").split("\n")
    assert refs == ["refs/heads/feature/x", "refs/heads/main", "refs/tags/v1"]
    work("push", "--quiet", "origin", "--delete", "feature/x", "v1")
    assert git.at(model.path)("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_partial_clone_fetches_what_it_needs_later(model, git):
    git("clone", "--quiet", "--filter=blob:none", "--no-checkout", model.url, "work")
    work = git.at("work")
    work("checkout", "--quiet", "main")
    assert (work.cwd / "README.md").exists()


def test_a_file_too_large_for_git_is_refused_with_words(model, git):
    work = clone(git, model, "work")
    (work.cwd / "模型.dat").write_bytes(bytes(LIMIT))
    allowed = commit(work, "just allowed")
    work("push", "--quiet")
    (work.cwd / "模型.dat").write_bytes(bytes(LIMIT + 1))
    commit(work, "too large")
    done = work.run("push")
    assert done.returncode != 0
    said = done.stderr.decode()
    assert "remote: file 模型.dat is too large, max size is 20971520 bytes" in said
    assert "pre-receive hook declined" in said
    assert git.at(model.path)("rev-parse", "main") == allowed


def test_the_second_ref_of_a_push_is_checked_too(model, git):
    work = clone(git, model, "work")
    work("checkout", "--quiet", "-b", "large")
    (work.cwd / "large.dat").write_bytes(bytes(LIMIT + 1))
    commit(work)
    done = work.run("push", "origin", "main:refs/heads/fine", "large")
    assert b"large.dat is too large" in done.stderr
    assert git.at(model.path)("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_pointer_without_its_object_is_refused_with_words(model, stock_lfs):
    work = clone(stock_lfs, model, "work")
    (work.cwd / "lost.bin").write_bytes(os.urandom(100_000))
    commit(work)
    pointer = work("show", "HEAD:lost.bin")
    oid = re.search(r"sha256:([0-9a-f]{64})", pointer)[1]
    done = work.run("push", "--no-verify")  # git-lfs uploads in the hook that this leaves out
    assert done.returncode != 0
    assert f"remote: lfs object {oid} not found (file lost.bin, 100000 bytes)".encode() in (
        done.stderr
    )
    work("push", "--quiet")
    assert stock_lfs.at(model.path)("rev-parse", "main") == work("rev-parse", "HEAD")


def test_a_pointer_with_the_wrong_size_is_refused(model, stock_lfs):
    work = clone(stock_lfs, model, "work")
    (work.cwd / "a.bin").write_bytes(b"content")
    commit(work)
    work("push", "--quiet")
    pointer = work("show", "HEAD:a.bin").replace("size 7", "size 8") + "\n"
    blob = work("hash-object", "-w", "--stdin", stdin=pointer.encode())
    work("update-index", "--add", "--cacheinfo", f"100644,{blob},lie.bin")
    work("commit", "--quiet", "--message", "lie")
    done = work.run("push", "--no-verify")
    assert b"lie.bin, 8 bytes" in done.stderr
    assert done.returncode != 0


def test_a_refused_push_leaves_no_objects_behind(model, git):
    work = clone(git, model, "work")
    (work.cwd / "large.dat").write_bytes(bytes(LIMIT + 1))
    commit(work)
    before = sum(path.stat().st_size for path in model.path.rglob("*") if path.is_file())
    assert work.run("push").returncode != 0
    after = sum(path.stat().st_size for path in model.path.rglob("*") if path.is_file())
    assert after == before


@pytest.mark.parametrize("path", ["../x", ".git/config", "a/.GIT/hooks/post-checkout"])
def test_a_tree_with_a_hostile_name_is_refused(model, git, path):
    work = clone(git, model, "work")
    blob = work("hash-object", "-w", "--stdin", stdin=b"evil")
    tree = blob
    kind, mode = "blob", "100644"
    for part in reversed(path.split("/")):
        line = f"{mode} {kind} {tree}\t{part}\n".encode()
        tree = work("mktree", stdin=line)
        kind, mode = "tree", "040000"
    evil = work("commit-tree", tree, "-m", "evil")
    done = work.run("push", "origin", f"{evil}:refs/heads/evil")
    assert done.returncode != 0
    assert "refs/heads/evil" not in git.at(model.path)("for-each-ref", "--format=%(refname)")


def test_hooks_and_settings_of_the_user_are_not_the_hubs(model, git, tmp_path):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    trace = tmp_path / "trace"
    hook = hooks / "pre-receive"
    hook.write_text(f"#!/bin/sh\ntouch '{trace}'\n")
    hook.chmod(0o755)
    work = clone(git, model, "work")
    git("config", "--global", "core.hooksPath", hooks)
    git("config", "--global", "receive.denyCreates", "true")
    work("push", "--quiet", "origin", "HEAD:refs/heads/new")
    assert not trace.exists()


def test_who_may_read_and_push(hub, account, git):
    owner = account
    others = {name: Account(f"{name}-{owner.name}", "", hub.url) for name in ("reader", "writer")}
    tokens = {name: hub.add_user(other.name) for name, other in others.items()}
    stranger = f"stranger-{owner.name}"
    people = {
        "owner": (owner.name, owner.token),
        "writer": (others["writer"].name, tokens["writer"]),
        "reader": (others["reader"].name, tokens["reader"]),
        "stranger": (stranger, hub.add_user(stranger)),
        "mismatch": (stranger, owner.token),
        "wrong": (owner.name, "0" * 32),
        "anonymous": ("", ""),
    }
    team = f"team-{owner.name}"
    roles = {owner.name: "admin", others["writer"].name: "write", others["reader"].name: "read"}
    hub.add_organization(team, roles)
    for name, private in (("open", False), ("closed", True)):
        create(Account(team, owner.token, hub.url), f"{name}-model", private=private)

    def may(person: str, repository: str, *command: str) -> bool:
        user, token = people[person]
        found = remote(hub, Account(user, token, hub.url), f"{repository}-model", owner=team)
        return git.run(*command[:1], found.signed_url, *command[1:]).returncode == 0

    git("init", "--quiet", "work")
    git = git.at("work")
    (git.cwd / "x").write_text("x")
    commit(git)
    read = {
        (person, repository): may(person, repository, "ls-remote")
        for person in people
        for repository in ("open", "closed")
    }
    assert {key for key, allowed in read.items() if not allowed} == {
        (person, "closed") for person in ("stranger", "mismatch", "wrong", "anonymous")
    }
    pushed = {
        (person, repository): may(person, repository, "push", f"HEAD:refs/heads/{person}")
        for person in people
        for repository in ("open", "closed")
    }
    assert {key for key, allowed in pushed.items() if allowed} == {
        (person, repository) for person in ("owner", "writer") for repository in ("open", "closed")
    }


def test_a_reader_who_pushes_hears_why(model, hub, account, git):
    other = f"other-{account.name}"
    found = remote(hub, Account(other, hub.add_user(other), hub.url), "first-model",
                   owner=account.name)  # fmt: skip
    git("clone", "--quiet", found.signed_url, "theirs")
    done = git.at("theirs").run("push", "origin", "HEAD:refs/heads/mine")
    assert b"You do not have permission to access this repository." in done.stderr


def test_refs_answers_as_the_contract_says(model, hub, account):
    refs = f"{model.url}/info/refs"
    push = {"service": "git-receive-pack"}
    anonymous = requests.get(refs, push, timeout=30)
    assert (anonymous.status_code, anonymous.text) == (401, "null")
    assert anonymous.headers["WWW-Authenticate"] == "Basic realm=opencsg-git"
    stranger = {"Authorization": f"Bearer {hub.add_user(f'someone-{account.name}')}"}
    denied = requests.get(refs, push, headers=stranger, timeout=30)
    assert denied.status_code == 200
    assert denied.content == (
        b"001f# service=git-receive-pack\n0000003dERR You do not have permission to access this "
        b"repository."
    )
    missing = requests.get(f"{hub.url}/models/no/such.git/info/refs", push, timeout=30)
    assert (missing.status_code, missing.json()["code"]) == (500, "SYS-ERR-3")
    large = requests.post(
        f"{model.url}/git-receive-pack",
        headers={**bearer(account), "Content-Length": str(209_715_201)},
        data=b"",
        timeout=30,
    )
    assert (large.status_code, large.json()) == (
        400,
        {"error": "File too large. Please track it using Git LFS."},
    )


def test_pushed_objects_are_seen_by_rest_and_pages(model, account, stock_lfs):
    work = clone(stock_lfs, model, "work")
    (work.cwd / "w.bin").write_bytes(b"x" * 5000)
    pushed = commit(work, "<script>alert(1)</script>")
    work("push", "--quiet")
    page = f"{account.endpoint}/models/{account.name}/first-model"
    seen = requests.get(f"{page}/commit/{pushed}", timeout=30)
    assert seen.status_code == 200
    assert "&lt;script&gt;" in seen.text
    assert "<script>" not in seen.text
    assert requests.get(page, timeout=30).status_code == 200
    assert requests.get(f"{page}/commit/{'0' * 40}", timeout=30).status_code == 404
    found = requests.get(
        f"{account.endpoint}/csg/api/models/{account.name}/first-model",
        {"blobs": "true"},
        timeout=30,
    ).json()
    assert found["sha"] == pushed
    large = next(entry for entry in found["siblings"] if entry["rfilename"] == "w.bin")
    assert (large["size"], large["lfs"]["size"]) == (5000, 5000)


def test_a_client_killed_in_the_middle_of_a_push_changes_nothing(model, hub, account, git):
    work = clone(git, model, "work")
    before = work("rev-parse", "HEAD")
    body = b"0" * 4 + b"PACK"
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(f"{model.url}/git-receive-pack", data=_breaking(body), timeout=30,
                      headers=bearer(account))  # fmt: skip
    assert hub.requests.wait_for("POST", f"{account.name}/first-model.git/git-receive-pack$")
    assert git.at(model.path)("rev-parse", "main") == before
    assert not list(Path(model.path, "objects").glob("*incoming*"))


def _breaking(body: bytes):
    yield body
    raise requests.exceptions.ConnectionError("the machine vanished")


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_push_whose_client_goes_away_leaves_no_process_behind(
    hub: Hub, account: Account, model: RemoteRepository
) -> None:
    """Git's CGI program, told how long a body is, waits for all of it for ever."""

    def running() -> bool:
        found = processes.marked(os.environ[machine.MARK]).values()
        return any("http-backend" in command for command in found)

    address = urlsplit(model.signed_url)
    sign = base64.b64encode(f"{model.username}:{model.password}".encode()).decode()
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(
            f"POST {address.path}/git-receive-pack HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Basic {sign}\r\nContent-Length: 1000\r\n"
            "Content-Type: application/x-git-receive-pack-request\r\n\r\n0000".encode()
        )
        until(running, "git to run")
    until(lambda: not running(), "git to end")
