"""Access tokens, SSH keys, organizations and members through `HubApi`."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from csgrepo import errors
from csgrepo.hub import HubApi
from tests.answering import answering, reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.hub_callers import Callers

NOWHERE = "http://127.0.0.1:9"


def public_key() -> str:
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + secrets.token_bytes(32)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} wanda@laptop"


def test_access_token_is_made_listed_turned_and_deleted(callers: Callers) -> None:
    end = datetime.now(timezone.utc) + timedelta(days=30)
    made = callers.owner.create_access_token("笔记本 1", expires_at=end)

    assert made.token.reveal() not in repr(made)
    assert made.expires_at is not None
    assert abs((made.expires_at - end).total_seconds()) < 2
    with HubApi(callers.owner.endpoint, made.token) as api:
        assert api.whoami().name == callers.name
    listed = {token.name: token for token in callers.owner.list_access_tokens()}
    assert listed["笔记本 1"].expires_at == made.expires_at
    with pytest.raises(errors.Conflict):
        callers.owner.create_access_token("笔记本 1")
    turned = callers.owner.rotate_access_token("笔记本 1")
    assert turned.token != made.token
    with HubApi(callers.owner.endpoint, made.token) as old, pytest.raises(errors.Unauthorized):
        old.whoami()
    callers.owner.delete_access_token("笔记本 1")
    callers.owner.delete_access_token("笔记本 1", missing_ok=True)
    for call in (callers.owner.delete_access_token, callers.owner.rotate_access_token):
        with pytest.raises(errors.NotFound):
            call("笔记本 1")
    with HubApi(callers.owner.endpoint, turned.token) as gone, pytest.raises(errors.Unauthorized):
        gone.whoami()


@pytest.mark.parametrize(
    "more",
    [
        {"expires_at": datetime.now(timezone.utc) - timedelta(days=1)},
        {"expires_at": datetime(2099, 1, 1)},
        {"application": "starship"},
    ],
)
def test_token_that_would_never_end_is_not_asked_for(more: dict[str, object]) -> None:
    with HubApi(NOWHERE, "t" * 32) as api, pytest.raises(errors.InvalidInput):
        api.create_access_token("ci", **more)


def test_token_that_came_without_its_end_is_told_of() -> None:
    row = {"id": 1, "name": "ci", "token": "0" * 32, "expired_at": "0001-01-01T00:00:00Z"}
    with answering() as server, HubApi(server.url, "t" * 32) as api:
        server.default = reply(200, {"msg": "OK", "data": row})
        with pytest.raises(errors.HubError, match="never"):
            api.create_access_token("ci", expires_at=datetime.now(timezone.utc) + timedelta(days=1))


def test_ssh_key_is_added_from_a_file_listed_and_deleted(callers: Callers, tmp_path: Path) -> None:
    file = tmp_path / "id_ed25519.pub"
    file.write_text(f"{public_key()}\n")

    made = callers.owner.add_ssh_key("laptop", str(file))

    assert made.fingerprint
    assert [key.name for key in callers.owner.list_ssh_keys()] == ["laptop"]
    with pytest.raises(errors.Conflict):
        callers.owner.add_ssh_key("laptop", public_key())
    with pytest.raises(errors.Conflict):
        callers.stranger.add_ssh_key("mine", file)
    callers.owner.delete_ssh_key("laptop")
    callers.owner.delete_ssh_key("laptop", missing_ok=True)
    with pytest.raises(errors.NotFound):
        callers.owner.delete_ssh_key("laptop")
    assert list(callers.owner.list_ssh_keys()) == []


@pytest.mark.parametrize(
    "key",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n-----END OPENSSH PRIVATE KEY-----",
        "ssh-ed25519 AAAA wanda@laptop",
        "ssh-rsa " + public_key().split()[1],
        public_key() + "\n" + public_key(),
        "",
    ],
    ids=["private", "short", "other-kind", "two", "empty"],
)
def test_what_is_no_public_key_never_leaves_the_machine(key: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(key)
    with HubApi(NOWHERE, "t" * 32) as api:
        for given in (key, file):
            with pytest.raises(errors.InvalidInput):
                api.add_ssh_key("laptop", given)


def test_organization_is_made_shown_peopled_and_deleted(callers: Callers) -> None:
    team, other = f"team-{callers.name}", f"stranger-of-{callers.name}"
    api = callers.owner

    made = api.create_organization(team, nickname="团队", description="us")

    assert (made.name, made.nickname, made.description) == (team, "团队", "us")
    assert api.get_organization(team).role == "admin"
    assert team in [found.name for found in api.list_organizations(user=callers.name)]
    assert [found.name for found in api.list_organizations(search=team)] == [team]
    api.add_members(team, other, "read")
    assert {m.name: m.role for m in api.list_members(team)} == {
        callers.name: "admin",
        other: "read",
    }
    with pytest.raises(errors.Forbidden):
        callers.stranger.create_repo(f"{team}/bert")
    api.change_role(team, other, "write")
    api.change_role(team, other, "write")
    callers.stranger.create_repo(f"{team}/bert")
    with pytest.raises(errors.Forbidden):
        callers.stranger.add_members(team, callers.name, "read")
    with pytest.raises(errors.Conflict):
        api.change_role(team, callers.name, "read")
    api.remove_member(team, other)
    with pytest.raises(errors.NotFound):
        api.remove_member(team, other)
    with pytest.raises(errors.Conflict):
        api.create_organization(team)
    api.delete_repo(f"{team}/bert")
    api.delete_organization(team)
    with pytest.raises(errors.NotFound):
        api.get_organization(team)


@pytest.mark.parametrize(
    ("call", "args"),
    [
        ("create_organization", ["a b"]),
        ("create_organization", ["x" * 30]),
        ("add_members", ["team", "a,b", "read"]),
        ("add_members", ["team", [], "read"]),
        ("add_members", ["team", "a", "owner"]),
        ("change_role", ["team", "a", "owner"]),
        ("get_organization", [".."]),
        ("list_members", [""]),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(call: str, args: list) -> None:
    with HubApi(NOWHERE, "t" * 32) as api, pytest.raises(errors.InvalidInput):
        getattr(api, call)(*args)
