"""``csgrepo repo``, ``keys`` and ``tokens``: what is printed, for people and for programs."""

from __future__ import annotations

import base64
import struct
from pathlib import Path

import pytest

from csgrepo import HubApi
from csgrepo.server import Hub
from tests.conftest import Account
from tests.functional.cli import as_json, inside

NOWHERE = "http://127.0.0.1:9"

# The command lines that need a repository, each as it is typed but for the repository's name.
OF_A_REPO = [("info",), ("settings", "--private"), ("delete", "--yes")]


@pytest.fixture
def bert(signed_in: Account) -> str:
    name = f"{signed_in.name}/bert"
    with HubApi() as api:
        api.create_repo(name, description="für 测试")
    return name


def test_repo_create_prints_the_page_and_says_how_to_clone(signed_in: Account) -> None:
    done = inside("repo", "create", "first", "--private", "--license", "mit")

    url = f"{signed_in.endpoint}/models/{signed_in.name}/first"
    assert (done.returncode, done.stdout) == (0, f"{url}\n"), done.stderr
    assert done.stderr == f"clone it with: git clone {url}.git\n"
    with HubApi() as api:
        info = api.repo_info(f"{signed_in.name}/first")
    assert (info.private, info.license) == (True, "mit")


def test_repo_create_takes_the_words_of_the_older_command_line(signed_in: Account) -> None:
    args = ("repo", "create", "reviews", "--type", "dataset", "--organization", signed_in.name)

    made = as_json(*args, "-y")

    assert made == {
        "id": f"{signed_in.name}/reviews",
        "repo_type": "dataset",
        "url": f"{signed_in.endpoint}/datasets/{signed_in.name}/reviews",
    }
    assert inside(*args).returncode == 5
    assert as_json(*args, "--exist-ok") == made


def test_repo_create_of_a_space_wants_all_it_runs_on(signed_in: Account) -> None:
    half = inside("repo", "create", "app", "-t", "space", "--space_sdk", "gradio")
    where = ("--space-sdk", "gradio", "--resource-id", "1", "--cluster-id", "local")

    assert (half.returncode, "--cluster-id" in half.stderr) == (2, True)
    assert as_json("repo", "create", "app", "-t", "space", *where)["repo_type"] == "space"
    assert signed_in.name in inside("repo", "list", "-t", "space").stdout


@pytest.mark.parametrize("more", [(), ("-y",)])
def test_repo_create_without_a_name_and_a_terminal_asks_nothing(more: tuple[str, ...]) -> None:
    done = inside("repo", "create", *more, stdin="name\n")

    assert done.returncode == 2
    assert "REPO" in done.stderr


def test_repo_info_shows_what_there_is(bert: str) -> None:
    shown = inside("repo", "info", bert, "--files")
    found = as_json("repo", "info", bert, "--files")

    assert shown.returncode == 0, shown.stderr
    assert f"{bert} (model)" in shown.stdout
    assert found["sha"] in shown.stdout
    assert "für 测试" in shown.stdout
    assert (found["id"], found["private"], found["repo_type"]) == (bert, False, "model")
    assert {file["path"] for file in found["siblings"]} >= {".gitattributes", "README.md"}
    assert as_json("repo", "info", bert)["siblings"] is None


def test_repo_list_lists_yours_theirs_and_everyones(
    bert: str, signed_in: Account, hub: Hub
) -> None:
    with HubApi() as api:
        api.create_repo("other", private=True)
    other = hub.add_user(f"peer-{signed_in.name}")

    mine = as_json("repo", "list")
    theirs = as_json("repo", "list", "-u", signed_in.name, "-k", other)
    some = inside("repo", "list", "--limit", "1")
    found = as_json("repo", "list", "--all", "--search", bert.partition("/")[2], "--limit", "200")

    assert {repo["id"] for repo in mine} == {bert, f"{signed_in.name}/other"}
    assert {repo["id"] for repo in theirs} == {bert}
    assert len(some.stdout.splitlines()) == 2
    assert some.stdout.startswith("NAME ")
    assert "1 of 2 shown" in some.stderr
    assert bert in {repo["id"] for repo in found}
    assert inside("repo", "list", "-t", "dataset").stderr == "no repositories\n"
    assert inside("repo", "list", "--all", "-u", "wanda").returncode == 2


def test_repo_settings_changes_what_is_named(bert: str) -> None:
    changed = as_json("repo", "settings", bert, "--private", "--nickname", "伯特")

    assert (changed["private"], changed["nickname"], changed["description"]) == (
        True,
        "伯特",
        "für 测试",
    )
    assert inside("repo", "settings", bert, "--public").stderr == f"changed {bert}\n"
    assert not as_json("repo", "info", bert)["private"]
    assert inside("repo", "settings", bert).returncode == 2


def test_repo_delete_without_a_terminal_wants_yes(bert: str) -> None:
    refused = inside("repo", "delete", bert, stdin="y\n")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--yes" in refused.stderr
    assert as_json("repo", "info", bert)["id"] == bert
    assert as_json("repo", "delete", bert, "--yes") == {"id": bert, "repo_type": "model"}
    assert inside("repo", "info", bert).returncode == 4
    assert inside("repo", "delete", bert, "--yes").returncode == 4
    none = inside("repo", "delete", bert, "--yes", "--missing-ok")
    assert (none.returncode, none.stderr) == (0, f"there was no model {bert}\n")


def test_repo_info_when_only_the_revision_is_unknown_then_no_other_repository_is_suggested(
    bert: str,
) -> None:
    done = inside("repo", "info", bert, "-r", "nowhere")

    assert (done.returncode, "Did you mean" in done.stderr) == (4, False)


def test_repo_that_is_mistyped_is_answered_with_what_may_be_meant(
    bert: str, signed_in: Account
) -> None:
    with HubApi() as api:
        api.create_repo("reviews", repo_type="dataset")

    close = inside("repo", "info", f"{bert}t")
    other_type = inside("repo", "info", f"{signed_in.name}/reviews")
    chinese = inside("repo", "info", f"{bert}t", CSGHUB_LANG="zh")

    assert (close.returncode, other_type.returncode) == (4, 4)
    assert f"Did you mean {bert}?" in close.stderr
    assert "add -t dataset" in other_type.stderr
    assert f"您是不是想用 {bert}？" in chinese.stderr
    assert "您无权看到它" in chinese.stderr


@pytest.mark.parametrize("args", OF_A_REPO, ids=lambda args: args[0])
def test_repo_of_another_may_not_be_touched(
    bert: str, hub: Hub, signed_in: Account, args: tuple[str, ...]
) -> None:
    stranger = hub.add_user(f"stranger-{signed_in.name}")
    with HubApi() as api:
        api.update_repo_settings(bert, private=True)

    done = inside("repo", args[0], bert, *args[1:], CSGHUB_TOKEN=stranger)

    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert stranger not in done.stderr
    assert as_json("repo", "info", bert)["private"]


FINETUNE = (
    *("finetunes", "jobs", "create", "job-1", "--model", "wanda/bert", "--dataset", "wanda/rows"),
    *("--resource-id", "1", "--framework-id", "2"),
)
EVERY = [
    ("repo", "create", "some-model"),
    ("repo", "list"),
    *(("repo", args[0], "wanda/bert", *args[1:]) for args in OF_A_REPO),
    ("keys", "list"),
    ("keys", "delete", "laptop", "--yes"),
    ("tokens", "list"),
    ("tokens", "create", "ci"),
    ("tokens", "renew", "ci"),
    ("tokens", "revoke", "ci", "--yes"),
    ("instances", "list"),
    ("instances", "resources"),
    ("instances", "frameworks", "wanda/bert"),
    ("instances", "show", "wanda/bert", "7"),
    ("instances", "start", "wanda/bert", "7"),
    ("instances", "stop", "wanda/bert", "7"),
    ("instances", "wake", "wanda/bert", "7"),
    ("instances", "scale", "wanda/bert", "7"),
    ("instances", "wait", "wanda/bert", "7"),
    ("instances", "logs", "wanda/bert", "7"),
    ("instances", "delete", "wanda/bert", "7", "--yes"),
    ("instances", "create", "wanda/bert", "b-1", "--resource-id", "1", "--framework-id", "1"),
    ("finetunes", "list"),
    ("finetunes", "create", "wanda/bert", "b-1", "--resource-id", "1", "--framework-id", "1"),
    ("finetunes", "resources"),
    ("finetunes", "frameworks", "wanda/bert"),
    ("finetunes", "show", "wanda/bert", "7"),
    ("finetunes", "start", "wanda/bert", "7"),
    ("finetunes", "stop", "wanda/bert", "7"),
    ("finetunes", "wait", "wanda/bert", "7"),
    ("finetunes", "logs", "wanda/bert", "7"),
    ("finetunes", "delete", "wanda/bert", "7", "--yes"),
    FINETUNE,
    ("finetunes", "jobs", "list"),
    ("finetunes", "jobs", "show", "7"),
    ("finetunes", "jobs", "logs", "7"),
    ("finetunes", "jobs", "delete", "7", "--yes"),
    ("infer", "wanda/bert", "Hello"),
]


@pytest.mark.parametrize("args", EVERY, ids=" ".join)
def test_command_when_token_is_wrong_or_hub_away_then_its_exit_code(
    signed_in: Account, args: tuple[str, ...]
) -> None:
    wrong = inside(*args, "-k", "0123456789abcdef0123456789abcdef")
    away = inside(*args, "--json", "-e", NOWHERE)

    assert (wrong.returncode, wrong.stdout) == (3, ""), wrong.stderr
    assert "0123456789abcdef" not in wrong.stderr
    assert (away.returncode, away.stdout) == (6, ""), away.stderr
    assert NOWHERE in away.stderr
    assert signed_in.token not in away.stderr


def test_command_when_what_it_names_is_not_there_then_4(bert: str, signed_in: Account) -> None:
    none = f"{signed_in.name}/none"
    one = ("--resource-id", "1", "--framework-id", "1")
    lines = [
        *(("repo", args[0], none, *args[1:]) for args in OF_A_REPO),
        ("repo", "list", "-u", "nobody-of-that-name"),
        ("keys", "delete", "none", "--yes"),
        ("tokens", "renew", "none"),
        ("tokens", "revoke", "none", "--yes"),
        ("infer", none, "Hello"),
        ("finetunes", "jobs", "show", "4711"),
        ("finetunes", "jobs", "logs", "4711"),
        ("finetunes", "jobs", "delete", "4711", "--yes"),
    ]
    for kind in ("instances", "finetunes"):
        lines += [(kind, "create", none, "b-1", *one), (kind, "frameworks", none)]
        for deed in ("show", "start", "stop", "wait", "logs", "delete"):
            sure = ("--yes",) if deed == "delete" else ()
            lines += [(kind, deed, bert, "4711", *sure), (kind, deed, "none", *sure)]
    lines += [("instances", deed, bert, "4711") for deed in ("wake", "scale")]
    for words in lines:
        done = inside(*words, "--json")
        assert (done.returncode, done.stdout) == (4, ""), (words, done.stderr)
        assert signed_in.token not in done.stderr


def test_command_when_the_right_is_lacking_then_3_and_all_is_as_it_was(
    bert: str, hub: Hub, signed_in: Account, tmp_path: Path
) -> None:
    stranger = hub.add_user(f"other-{signed_in.name}")
    (tmp_path / "a.txt").write_text("a")
    lines = [
        ("repo", "settings", bert, "--private"),
        ("repo", "delete", bert, "--yes"),
        ("repo", "create", f"{signed_in.name}/new"),
        ("upload", bert, str(tmp_path / "a.txt"), "-q"),
    ]
    before = as_json("repo", "info", bert, "--files")
    for words in lines:
        done = inside(*words, "--json", "-k", stranger)
        assert (done.returncode, done.stdout) == (3, ""), (words, done.stderr)
        assert stranger not in done.stderr
    assert as_json("repo", "info", bert, "--files") == before


@pytest.mark.parametrize(
    "args",
    [
        ("repo", "info", "-bad-"),
        ("repo", "info", "a/b/c/d"),
        ("repo", "info", "wanda/bert", "-t", "modle"),
        ("repo", "list", "--limit", "0"),
        ("repo", "list", "--sort", "size"),
        ("tokens", "create", "ci", "--days", "0"),
        ("instances", "create", "wanda/bert", "b-1"),
        ("instances", "show", "wanda/bert", "seven"),
        ("instances", "logs", "wanda/bert", "7", "--since", "ever"),
        ("finetunes", "jobs", "show", "seven"),
        ("infer", "wanda/bert"),
        ("infer", "wanda/bert", "Hello", "--param", "novalue"),
        ("login", "--token", "a" * 32, "--token-stdin"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("signed_in")
def test_command_when_an_argument_is_wrong_then_2(args: tuple[str, ...]) -> None:
    done = inside(*args)

    assert (done.returncode, done.stdout) == (2, ""), done.stderr


def public_key(seed: bytes) -> str:
    kind = b"ssh-ed25519"
    blob = struct.pack(">I", len(kind)) + kind + struct.pack(">I", 32) + seed.ljust(32, b"\0")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} wanda@laptop"


def test_keys_are_added_listed_and_deleted(signed_in: Account, tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519.pub"
    path.write_text(public_key(signed_in.name.encode()[:32]))
    empty = inside("keys", "list")

    added = as_json("keys", "add", "laptop 笔记本", str(path))
    listed = inside("keys", "list")

    assert (empty.returncode, empty.stdout, empty.stderr) == (0, "", "no SSH keys\n")
    assert [key["name"] for key in as_json("keys", "list")] == ["laptop 笔记本"]
    assert added["fingerprint"] in listed.stdout
    assert inside("keys", "add", "laptop 笔记本", str(path)).returncode == 5
    assert inside("keys", "delete", "laptop 笔记本").returncode == 2  # nobody can be asked
    assert as_json("keys", "delete", "laptop 笔记本", "-y") == {"name": "laptop 笔记本"}
    assert inside("keys", "delete", "laptop 笔记本", "-y").returncode == 4
    none = inside("keys", "add", "no", str(tmp_path / "none.pub"))
    assert (none.returncode, "none.pub does not exist" in none.stderr) == (2, True)
    assert inside("keys", "add", "two", str(path), "-k", "0" * 32).returncode == 3
    assert inside("keys", "add", "two", str(path), "-e", NOWHERE).returncode == 6
    path = path.rename(path.with_suffix(".txt"))  # a file by any name
    assert inside("keys", "add", "laptop", str(path)).returncode == 0
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert "private key" in inside("keys", "add", "mine", str(path)).stderr


def test_keys_and_tokens_when_for_people_then_said_in_a_line(
    signed_in: Account, tmp_path: Path
) -> None:
    path = tmp_path / "id_ed25519.pub"
    path.write_text(public_key(signed_in.name.encode()[:32]))
    added = inside("keys", "add", "laptop", str(path))
    deleted = inside("keys", "delete", "laptop", "--yes")
    made = inside("tokens", "create", "ci")
    renewed = as_json("tokens", "renew", "ci")
    revoked = inside("tokens", "revoke", "ci", "--yes")

    assert (added.returncode, added.stderr) == (0, "added laptop\n")
    assert (deleted.returncode, deleted.stdout, deleted.stderr) == (0, "", "deleted laptop\n")
    assert made.returncode == 0, made.stderr
    assert renewed["token"] != made.stdout.strip()
    assert inside("whoami", "-k", made.stdout.strip()).returncode == 3
    assert (revoked.returncode, revoked.stdout, revoked.stderr) == (0, "", "revoked ci\n")


def test_keys_add_when_key_is_private_then_refused(signed_in: Account, tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519.pub"
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n")
    done = inside("keys", "add", "laptop", str(path))

    assert done.returncode == 2
    assert "private key" in done.stderr


def test_tokens_are_made_renewed_listed_and_revoked(signed_in: Account) -> None:
    made = as_json("tokens", "create", "ci", "--days", "7")
    renewed = inside("tokens", "renew", "ci")
    listed = inside("tokens", "list")

    assert inside("whoami", "-k", made["token"]).returncode == 3
    assert made["expires_at"]
    new = renewed.stdout.strip()
    assert inside("whoami", "-k", new).stdout == f"{signed_in.name}\n"
    assert "ci" in {token["name"] for token in as_json("tokens", "list")}
    assert new not in listed.stdout
    assert inside("tokens", "create", "ci").returncode == 5
    assert as_json("tokens", "revoke", "ci", "--yes") == {"name": "ci"}
    assert inside("whoami", "-k", new).returncode == 3
