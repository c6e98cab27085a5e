"""Stock git-lfs locks files on the embedded hub, as two people of one organization."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
import requests

from csgrepo.server import Hub
from tests.conftest import Account
from tests.peers import samples
from tests.stock import RemoteRepository, StockGit


@dataclass(frozen=True, slots=True)
class Team:
    """Two clones of one repository.

    Attributes:
        anne: hers, who is in the organization.
        bob: his, who is too.
        names: their accounts' names.
    """

    anne: StockGit
    bob: StockGit
    names: tuple[str, str]


@pytest.fixture
def team(hub: Hub, account: Account, stock_lfs: StockGit) -> Team:
    organization, other = f"org-of-{account.name}", f"{account.name}-b"
    token = hub.add_user(other)
    hub.add_organization(organization, {account.name: "admin", other: "write"})
    made = requests.post(
        f"{hub.url}/api/v1/models",
        json={"namespace": organization, "name": "shared"},
        headers={"Authorization": f"Bearer {account.token}"},
        timeout=300,
    )
    assert made.status_code == 200, made.text
    path = hub.git_dir(f"{organization}/shared")
    url = f"{hub.url}/models/{organization}/shared.git"
    anne = RemoteRepository(url, account.name, account.token, path, hub.root / "lfs" / path.stem)
    bob = replace(anne, username=other, password=token)
    stock_lfs("clone", "--quiet", anne.signed_url, "anne")
    work = stock_lfs.at("anne")
    samples.write(work.cwd, {"weights.bin": b"one", "模型 [1].bin": b"one", "free.bin": b"one"})
    commit_and_push(work, "first")
    stock_lfs("clone", "--quiet", bob.signed_url, "bob")
    return Team(work, stock_lfs.at("bob"), (account.name, other))


def commit_and_push(work: StockGit, message: str) -> None:
    work("add", "--all")
    work("commit", "--quiet", "--message", message)
    work("push", "--quiet", "origin", "HEAD:main")


def locks(work: StockGit, *options: str) -> dict[str, str]:
    """Return who has locked what, as git-lfs lists it."""
    listed = json.loads(work("lfs", "locks", "--json", *options))
    return {lock["path"]: lock["owner"]["name"] for lock in listed}


@pytest.mark.parametrize("path", ["weights.bin", "模型 [1].bin"])
def test_lock_is_listed_refused_to_others_and_released(team: Team, path: str) -> None:
    anne, bob = team.names

    team.anne("lfs", "lock", path)

    assert locks(team.anne) == locks(team.bob) == {path: anne}
    again = team.bob.run("lfs", "lock", path)
    assert again.returncode
    assert b"already created lock" in again.stdout + again.stderr
    stolen = team.bob.run("lfs", "unlock", path)
    assert stolen.returncode
    assert locks(team.bob) == {path: anne}
    team.anne("lfs", "unlock", path)
    assert locks(team.anne) == locks(team.bob) == {}
    team.bob("lfs", "lock", path)
    assert locks(team.anne) == {path: bob}


def test_lock_of_another_is_taken_away_by_force_only(team: Team) -> None:
    team.anne("lfs", "lock", "weights.bin")
    team.anne("lfs", "lock", "free.bin")

    team.bob("lfs", "unlock", "--force", "weights.bin")

    assert locks(team.anne) == {"free.bin": team.names[0]}


def test_push_of_what_another_has_locked_is_stopped_by_git_lfs(team: Team) -> None:
    team.anne("lfs", "lock", "weights.bin")
    team.bob("config", "lfs.locksverify", "true")
    samples.write(team.bob.cwd, {"weights.bin": b"mine"})
    team.bob("commit", "--quiet", "--all", "--message", "trespass")

    refused = team.bob.run("push", "--quiet", "origin", "HEAD:main")

    assert refused.returncode
    said = (refused.stdout + refused.stderr).decode()
    assert "weights.bin" in said
    assert team.names[0] in said
    team.anne("lfs", "unlock", "weights.bin")
    team.bob("push", "--quiet", "origin", "HEAD:main")


def test_locks_held_by_me_and_by_others_are_told_apart(team: Team) -> None:
    team.anne("lfs", "lock", "weights.bin")
    team.bob("lfs", "lock", "free.bin")

    mine = json.loads(team.anne("lfs", "locks", "--verify", "--json"))

    assert [lock["path"] for lock in mine["ours"]] == ["weights.bin"]
    assert [lock["path"] for lock in mine["theirs"]] == ["free.bin"]
    assert locks(team.anne, "--path", "free.bin") == {"free.bin": team.names[1]}


def test_more_than_a_hundred_locks_are_listed_whole(team: Team) -> None:
    names = [f"part-{number}.bin" for number in range(101)]
    samples.write(team.anne.cwd, dict.fromkeys(names, b"x"))

    team.anne("lfs", "lock", *names)

    assert locks(team.bob) == dict.fromkeys(names, team.names[0])
