"""Clone, status, add, commit, checkout, track, untrack, tag: what people and programs read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from csgrepo import HubApi, Repository
from tests.conftest import Account
from tests.functional.cli import as_json, inside
from tests.functional.copies import LARGE, noise, refs, reject_pushes, seed, state, with_lfs
from tests.stock import RemoteRepository, StockGit

NAME = "模型 final.bin"


@pytest.fixture
def remote(
    bare_remote: Callable[..., RemoteRepository], git: StockGit, monkeypatch: pytest.MonkeyPatch
) -> RemoteRepository:
    """A repository with one small and one large file."""
    monkeypatch.setenv("CSGHUB_LARGE_FILE_BYTES", str(LARGE))
    made = bare_remote()
    attributes = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"
    files = {".gitattributes": attributes, "notes.txt": b"notes\n"}
    seed(git, made, files | with_lfs(made, {NAME: noise()}))
    return made


@pytest.fixture
def folder(remote: RemoteRepository, tmp_path: Path) -> Path:
    """A working copy of it, with a folder of an odd name in it."""
    made = tmp_path / "my copy"
    Repository(made, clone_from=remote.url)
    (made / "sub [1]").mkdir()
    return made


def head(folder: Path) -> str:
    return StockGit(folder)("rev-parse", "HEAD")


# clone


def test_clone_when_folder_is_not_named_then_named_after_the_repository(
    remote: RemoteRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = inside("clone", f"{remote.url}/")
    name = Path(remote.url).name.removesuffix(".git")

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{remote.url}/ is in {name}: main at {head(tmp_path / name)[:10]}\n"
    assert len((tmp_path / name / NAME).read_bytes()) == LARGE
    assert re.search(r"^fetch: .* started$", done.stderr, re.MULTILINE)
    assert re.search(r"^checkout: 1 done", done.stderr, re.MULTILINE)


def test_clone_when_json_then_facts_and_no_bars_if_quiet(
    remote: RemoteRepository, tmp_path: Path
) -> None:
    target = tmp_path / "quiet"
    facts = as_json("clone", remote.url, str(target), "--quiet")

    assert facts == {
        "folder": str(target),
        "url": remote.url,
        "branch": "main",
        "commit": head(target),
        "pointers": [],
    }
    assert inside("clone", remote.url, str(target), "--quiet").stderr == ""


def test_clone_when_large_files_are_skipped_then_pull_fetches_them(
    remote: RemoteRepository, tmp_path: Path
) -> None:
    target = tmp_path / "bare"
    done = inside("clone", remote.url, str(target), "--skip-lfs", "-q")
    skipped = as_json("clone", remote.url, str(target), "--skip-lfs")["pointers"]
    status = inside("status", "-C", str(target)).stdout
    pulled = inside("pull", "--lfs", "-q", "-C", str(target))

    assert (
        "still pointers: 1 large files (4.1 kB); `csgrepo pull --lfs` fetches them" in done.stderr
    )
    assert skipped == [{"path": NAME, "size": LARGE}]
    assert f"  {NAME}  4.1 kB\n" in status
    assert pulled.returncode == 0, pulled.stderr
    assert len((target / NAME).read_bytes()) == LARGE


def test_lfs_enable_largefiles_when_json_then_the_clone_and_2_where_there_is_none(
    folder: Path, tmp_path: Path
) -> None:
    facts = as_json("lfs-enable-largefiles", str(folder))
    done = inside("lfs_enable_largefiles", str(folder))
    outside = inside("lfs-enable-largefiles", str(tmp_path), "--json")
    nowhere = inside("lfs-enable-largefiles", str(tmp_path / "none"), "--json")

    assert facts == {"path": str(folder)}
    assert done.stderr == f"git-lfs in {folder} sends large files in parts from now on\n"
    assert done.stdout == ""
    assert "lfs-multipart-upload" in (folder / ".git" / "config").read_text()
    assert [(one.returncode, one.stdout) for one in (outside, nowhere)] == [(2, "")] * 2
    assert "clone one with `csgrepo clone`" in outside.stderr


def test_pull_when_large_files_are_nowhere_then_7_and_the_command_that_fetches_them(
    remote: RemoteRepository, tmp_path: Path
) -> None:
    target = tmp_path / "bare"
    inside("clone", remote.url, str(target), "--skip-lfs", "-q")
    checked = as_json("verify", "--local", "-C", str(target), code=7)
    (stored,) = (path for path in remote.objects.rglob("*") if path.is_file())
    stored.rename(tmp_path / "away")
    pulled = inside("pull", "--lfs", "-q", "-C", str(target))
    stored.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "away").rename(stored)

    assert checked["problems"] == [
        f"{NAME} is still a pointer ({LARGE} bytes are missing); fetch it with `csgrepo pull --lfs`"
    ]
    assert (pulled.returncode, pulled.stdout) == (7, "")
    assert "`csgrepo pull --lfs` fetches what is missing" in pulled.stderr
    assert as_json("pull", "--lfs", "-q", "-C", str(target))["pointers"] == 0


def test_clone_when_revision_is_given_then_that(
    remote: RemoteRepository, git: StockGit, tmp_path: Path
) -> None:
    seed(git, remote, {"notes.txt": b"older\n"}, branch="old")
    facts = as_json("clone", remote.url, str(tmp_path / "old"), "-r", "old")

    assert facts["branch"] == "old"
    assert (tmp_path / "old" / "notes.txt").read_text() == "older\n"


def test_clone_when_there_is_no_such_revision_then_says_that_a_branch_is_begun(
    remote: RemoteRepository, tmp_path: Path
) -> None:
    done = inside("clone", remote.url, str(tmp_path / "new"), "-r", "v1.O", "-q")
    other = inside("clone", remote.url, str(tmp_path / "main"), "-r", "main", "-q")

    assert (done.returncode, other.stderr) == (0, "")
    assert done.stderr == "v1.O is a new branch: there is nothing of that name to clone\n"


def test_clone_when_folder_has_files_then_they_are_changes(
    remote: RemoteRepository, tmp_path: Path
) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "notes.txt").write_text("mine\n")
    done = inside("clone", remote.url, str(target), "-q")

    assert done.returncode == 0, done.stderr
    assert "they are changes now" in done.stderr
    assert (target / "notes.txt").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["clone"], 2, "missing: REPO"),
        (["clone", "no-slash"], 2, "namespace/name"),
        (["clone", "wanda/bert", "-t", "movie"], 2, "--repo-type"),
        (["clone", "file:///nowhere/model.git"], 4, "nowhere"),
        (["clone", "https://localhost:1/models/wanda/bert.git"], 6, "localhost"),
    ],
)
def test_clone_when_it_fails_then_code_by_kind_and_nothing_is_left(
    words: list[str], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    done = inside(*words)

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_clone_when_hub_does_not_know_the_token_then_3(signed_in: Account, tmp_path: Path) -> None:
    repo_id = f"{signed_in.name}/secret"
    with HubApi() as api:
        api.create_repo(repo_id, repo_type="dataset", private=True)
    target = str(tmp_path / "copy")
    denied = inside("clone", repo_id, target, "-t", "dataset", "-k", "0" * 128)
    missing = inside("clone", f"{signed_in.name}/none", target)
    done = inside("clone", f"datasets/{repo_id}", target)

    assert (denied.returncode, missing.returncode) == (3, 4), denied.stderr + missing.stderr
    assert done.returncode == 0, done.stderr
    assert signed_in.token not in done.stderr + done.stdout


# status


def test_status_when_nothing_changed_then_says_so(folder: Path) -> None:
    done = inside("status", "-C", str(folder))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "on main, level with origin/main as of the last fetch\nnothing to add or commit\n"
    )


def test_status_when_inside_a_folder_then_paths_are_as_seen_from_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = folder / "sub [1]"
    (sub / "w.bin").write_bytes(noise(100))
    (sub / "large.txt").write_text("x" * LARGE)
    (folder / "notes.txt").unlink()
    (folder / "a\x1b[2J").write_text("")
    inside("add", str(sub / "w.bin"), "-q", "-C", str(folder))
    before = state(folder)
    monkeypatch.chdir(sub)
    done = inside("status")
    facts = as_json("status")

    assert done.stdout == (
        "on main, level with origin/main as of the last fetch\n"
        "Staged:\n"
        "  new       w.bin  100 B  LFS\n"
        "Not staged:\n"
        "  new       ../a\\x1b[2J  0 B\n"
        "  deleted   ../notes.txt\n"
        "  new       large.txt  4.1 kB  to be in LFS: `csgrepo add` sees to it\n"
    )
    assert [change["path"] for change in facts["staged"]] == ["sub [1]/w.bin"]
    assert facts["unlisted"] == ["sub [1]/large.txt"]
    assert facts["pushes"] == {"waiting": 0, "running": 0, "failed": 0}
    assert state(folder) == before


def test_status_when_locale_is_chinese_then_in_chinese(folder: Path) -> None:
    assert "没有可添加或提交的内容" in inside("status", "-C", str(folder), CSGHUB_LANG="zh").stdout


OF_A_COPY = [
    "status",
    "add",
    "commit -m words",
    "checkout main",
    "push",
    "pull",
    "verify",
    "track",
    "untrack *.bin",
    "tag list",
    "tag add v1",
    "tag delete v1",
    "prune",
]


@pytest.mark.parametrize("line", OF_A_COPY)
def test_command_when_there_is_no_working_copy_then_2(line: str, tmp_path: Path) -> None:
    words = line.split()
    outside = inside(*words, "-C", str(tmp_path))
    nowhere = inside(*words, "--json", "-C", str(tmp_path / "none"))

    assert (outside.returncode, outside.stdout) == (2, ""), outside.stderr
    assert "is not inside a working copy" in outside.stderr
    assert (nowhere.returncode, nowhere.stdout) == (2, "")


# add and commit


def test_add_when_files_are_large_then_in_lfs(folder: Path) -> None:
    (folder / "sub [1]" / "large.txt").write_text("x" * LARGE)
    (folder / "small.txt").write_text("small")
    done = inside("add", "-C", str(folder))

    assert done.returncode == 0, done.stderr
    assert done.stdout == "staged files: 3, in LFS: 1 (4.1 kB)\n"
    assert "in LFS from now on: /sub[[:space:]]\\[1\\]/large.txt\n" in done.stderr
    assert re.search(r"^hash: .*large.txt \(4.1 kB\) started$", done.stderr, re.MULTILINE)


def test_add_when_in_a_folder_then_only_what_is_meant_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.txt", "sub [1]/a.txt", "sub [1]/b.txt", "sub [1]/c.bin"):
        (folder / name).write_text("1")
    monkeypatch.chdir(folder / "sub [1]")

    def staged(*paths: str) -> list[str]:
        return [change["path"] for change in as_json("add", *paths, "-q")["staged"]]

    assert staged("a.txt") == ["sub [1]/a.txt"]
    assert staged("*.bin") == ["sub [1]/a.txt", "sub [1]/c.bin"]
    assert staged() == ["sub [1]/a.txt", "sub [1]/b.txt", "sub [1]/c.bin"]
    assert staged(str(folder / "a.txt"))[0] == "a.txt"
    (folder / "notes.txt").unlink()
    assert "notes.txt" in staged("../notes.txt")


def test_add_when_reached_through_a_link_then_the_same_files(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    for name in ("a.txt", "sub [1]/b.txt"):
        (folder / name).write_text("1")
    inside("add", str(tmp_path / "link" / "a.txt"), "-q", "-C", str(folder))
    facts = as_json("add", "b.txt", "-q", "-C", str(tmp_path / "link" / "sub [1]"))

    assert [change["path"] for change in facts["staged"]] == ["a.txt", "sub [1]/b.txt"]


def test_add_when_not_to_track_then_attributes_stay(folder: Path) -> None:
    (folder / "large.txt").write_text("x" * LARGE)
    facts = as_json("add", "--no-track", "-q", "-C", str(folder))

    assert facts["tracked"] == []
    assert [(one["path"], one["lfs"]) for one in facts["staged"]] == [("large.txt", False)]


@pytest.mark.parametrize(
    ("path", "said"), [("none.txt", "matches no file"), ("../../elsewhere", "outside")]
)
def test_add_when_path_is_wrong_then_2_and_nothing_is_staged(
    folder: Path, path: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").touch()
    before = state(folder)
    done = inside("add", path, "-C", str(folder / "sub [1]"))

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert state(folder) == before


def test_commit_when_staged_then_told_what_it_holds(folder: Path) -> None:
    (folder / NAME).write_bytes(noise(200))
    inside("add", "-q", "-C", str(folder))
    done = inside("commit", "-m", "第一步", "-C", str(folder))
    (folder / "notes.txt").write_text("more\n")
    facts = as_json("commit", "-a", "-m", "all", "-q", "-C", str(folder))

    assert done.returncode == 0, done.stderr
    log = StockGit(folder)("log", "--format=%h %s", "--abbrev=10", "-2").splitlines()
    assert done.stdout == f"main is at {log[1][:10]}: files: 1, in LFS: 1 (200 B)\n"
    assert log[1].endswith("第一步")
    assert (facts["commit"], facts["branch"], facts["message"]) == (head(folder), "main", "all")
    assert [(one["path"], one["state"]) for one in facts["files"]] == [("notes.txt", "changed")]


def test_commit_when_there_is_nothing_then_1(folder: Path) -> None:
    done = inside("commit", "-m", "nothing", "-C", str(folder))

    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing to commit" in done.stderr
    assert "Add files first: `csgrepo add`." in done.stderr
    assert inside("commit", "-C", str(folder)).returncode == 2
    assert inside("commit", "-m", " ", "-C", str(folder)).returncode == 2


# checkout


def test_checkout_when_branch_tag_or_commit_then_there(folder: Path) -> None:
    commit = head(folder)
    where = ("-q", "-C", str(folder))

    made = inside("checkout", "-b", "experiment", *where)
    assert made.stdout == f"experiment is at {commit[:10]}\n", made.stderr
    assert as_json("checkout", commit, *where) == {"branch": None, "commit": commit}
    assert as_json("checkout", "main", *where) == {"branch": "main", "commit": commit}


def test_checkout_when_there_is_none_or_work_would_be_lost_then_4_and_5(
    folder: Path, git: StockGit, remote: RemoteRepository
) -> None:
    seed(git, remote, {"notes.txt": b"theirs\n"}, branch="theirs")
    unknown = inside("checkout", "none", "-C", str(folder))
    (folder / "notes.txt").write_text("mine\n")
    lost = inside("checkout", "theirs", "-C", str(folder))

    assert (unknown.returncode, unknown.stdout) == (4, "")
    assert "add -b to start a branch there" in unknown.stderr
    assert (lost.returncode, lost.stdout) == (5, "")
    assert (folder / "notes.txt").read_text() == "mine\n"


# track and untrack


def test_track_when_in_a_folder_then_for_that_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "sub [1]")
    git = StockGit(folder)
    new = as_json("track", "*.pt", "deep/*.ckpt")
    literal = as_json("track", "--filename", "w[1].dat")
    names = ["a.pt", "sub [1]/a.pt", "sub [1]/x/a.pt", "sub [1]/deep/a.ckpt", "sub [1]/w[1].dat"]
    found = git("check-attr", "filter", "--", *names).splitlines()

    assert new["changed"] == [
        "/sub[[:space:]]\\[1\\]/**/*.pt",
        "/sub[[:space:]]\\[1\\]/deep/*.ckpt",
    ]
    assert len(literal["changed"]) == 1
    assert [line.rsplit(" ")[-1] for line in found] == ["unspecified", *["lfs"] * 4]
    gone = as_json("untrack", "*.pt", "w[1].dat")
    assert sorted(gone["changed"]) == sorted([new["changed"][0], *literal["changed"]])


def test_track_when_for_people_then_said_in_a_line(folder: Path) -> None:
    where = ("-C", str(folder))

    assert inside("track", *where).stdout == "*.bin\n"
    assert inside("track", "*.pt", *where).stdout == "in LFS from now on: *.pt\n"
    assert inside("track", "*.pt", *where).stderr == "was in LFS before\n"
    assert inside("untrack", "*.pt", *where).stdout == "in git itself from now on: *.pt\n"
    assert "no such pattern" in inside("untrack", "*.pt", *where).stderr
    assert inside("untrack", *where).returncode == 2
    assert inside("track", "!*.txt", *where).returncode == 2
    assert inside("track", "*", *where).returncode == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["track", "!*.txt"], 2, "negative"),
        (["track", "*"], 2, ".gitattributes"),
        (["track", " "], 2, "not a pattern"),
        (["track", "a", "--no-such"], 2, "--no-such"),
        (["untrack"], 2, "PATTERNS"),
        (["untrack", " "], 2, "not a pattern"),
        (["tag", "list", "v1"], 2, "v1"),
        (["tag", "add"], 2, "NAME"),
        (["tag", "add", "v1", "--remote", "nowhere"], 1, "nowhere"),
        (["tag", "delete", "v1"], 4, "there is no tag v1"),
        (["prune", "all"], 2, "all"),
        (["lfs-enable-largefiles"], 2, "PATH"),
    ],
)
def test_command_when_it_fails_then_code_by_kind_and_all_is_as_it_was(
    folder: Path, words: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = state(folder)
    done = inside(*words)

    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
    assert state(folder) == before


@pytest.mark.usefixtures("no_git")
def test_command_when_there_is_no_git_then_9(tmp_path: Path) -> None:
    (tmp_path / "copy" / ".git").mkdir(parents=True)
    clone = ["clone", "file:///nowhere/model.git", str(tmp_path / "new")]
    lines = [[*line.split(), "-C", str(tmp_path / "copy")] for line in OF_A_COPY]
    for words in [clone, *lines]:
        done = inside(*words)

        assert (done.returncode, done.stdout) == (9, ""), (words, done.stderr)
        assert "git is not installed" in done.stderr


# tags


def test_tag_when_added_and_deleted_then_here_and_there(
    folder: Path, remote: RemoteRepository
) -> None:
    where = ("-C", str(folder))
    commit = head(folder)
    none = inside("tag", "list", *where)
    added = inside("tag", "add", "v1", "-m", "第一 版", "--remote", "origin", *where)
    light = as_json("tag", "add", "v2", *where)
    listed = inside("tag", "list", *where)
    facts = as_json("tag", "list", *where)
    there = StockGit(remote.path)("tag", "--list")

    assert (none.returncode, none.stdout, none.stderr) == (0, "", "there are no tags\n")
    assert added.stdout == f"v1 is {commit[:10]}\n", added.stderr
    assert light == {"name": "v2", "commit": commit, "remote": None}
    assert listed.stdout.splitlines() == [
        "TAG  COMMIT      MESSAGE",
        f"v1   {commit[:10]}  第一 版",
        f"v2   {commit[:10]}",
    ]
    assert facts[0] == {"name": "v1", "commit": commit, "message": "第一 版"}
    assert there == "v1"

    asked = inside("tag", "delete", "v1", "--remote", "origin", *where)
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    gone = as_json("tag", "delete", "v1", "--remote", "origin", "--yes", *where)
    assert gone == {"name": "v1", "remote": "origin", "deleted": True}
    assert StockGit(remote.path)("tag", "--list") == ""
    assert inside("tag", "delete", "v2", *where).stdout == "v2 is deleted\n"


def test_tag_when_its_push_is_refused_then_5_and_the_same_line_pushes_it(
    folder: Path, remote: RemoteRepository
) -> None:
    line = ("tag", "add", "v1", "-m", "第一 版\n\nmore", "--remote", "origin", "-C", str(folder))
    reject_pushes(remote, "no tags today")
    refused = inside(*line)
    (remote.path / "hooks" / "pre-receive").unlink()
    other = inside(*line, "-m", "another")
    done = inside(*line)

    assert (refused.returncode, refused.stdout) == (5, "")
    assert "no tags today" in refused.stderr
    assert (other.returncode, other.stdout) == (1, "")
    assert (done.returncode, done.stdout) == (0, f"v1 is {head(folder)[:10]}\n"), done.stderr
    assert refs(remote.path)["refs/tags/v1"] == refs(folder)["refs/tags/v1"]


def test_tag_when_it_fails_then_code_by_kind(folder: Path) -> None:
    where = ("-C", str(folder))
    inside("tag", "add", "v1", *where)
    twice = inside("tag", "add", "v1", *where)
    unknown = inside("tag", "delete", "v9", *where)

    assert (twice.returncode, twice.stdout) == (1, "")
    assert "exists" in twice.stderr
    assert (unknown.returncode, unknown.stdout) == (4, "")
    assert as_json("tag", "delete", "v9", *where, code=4)["deleted"] is False
    assert inside("tag", "add", "a..b", *where).returncode == 2
    assert inside("tag", "lst", *where).stderr.count("list") >= 1


# the surroundings


def test_commands_when_a_rank_is_set_then_they_work_all_the_same(
    remote: RemoteRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script leaves the working copy to rank 0; a line that somebody typed means this process."""
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    copy = tmp_path / "copy"
    assert inside("clone", remote.url, str(copy)).returncode == 0
    (copy / "new.txt").write_text("new")
    monkeypatch.chdir(copy)
    for line in ("checkout -b run-7", "add", "commit -m new", "push", "tag add v1 --remote origin"):
        done = inside(*line.split())
        assert done.returncode == 0, (line, done.stderr)
    there = refs(remote.path)
    assert there["refs/heads/run-7"] == there["refs/tags/v1"] == head(copy)
    assert there["refs/heads/run-7"] != there["refs/heads/main"]
