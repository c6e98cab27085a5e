"""Branches and git's tags through `HubApi`, judged by stock git."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from csgrepo import errors
from csgrepo.hub import HubApi
from tests.answering import answering, reply

if TYPE_CHECKING:
    from csgrepo.server import Hub
    from tests.functional.hub_callers import Callers
    from tests.stock import StockGit


@pytest.fixture
def refs(hub: Hub, callers: Callers, git: StockGit):
    """A repository, and what stock git sees in it."""
    repo = callers.repo("refs")
    folder = hub.git_dir(repo, "models")

    def seen() -> dict[str, str]:
        lines = git("-C", folder, "for-each-ref", "--format=%(refname) %(objecttype)").splitlines()
        return dict(line.split(" ") for line in lines)

    return repo, folder, seen


def test_branches_are_made_listed_and_deleted(callers: Callers, refs) -> None:
    repo, _, seen = refs
    api = callers.owner

    api.create_branch(repo, "feature/新")
    api.create_branch(repo, "from-branch", revision="feature/新")
    api.create_branch(repo, "feature/新", exist_ok=True)

    assert seen() == dict.fromkeys(
        ["refs/heads/main", "refs/heads/feature/新", "refs/heads/from-branch"], "commit"
    )
    listed = callers.anonymous.list_repo_refs(repo)
    assert [branch.name for branch in listed.branches] == ["feature/新", "from-branch", "main"]
    assert listed.default_branch == "main"
    assert {branch.target_commit for branch in listed.branches} == {api.model_info(repo).sha}
    with pytest.raises(errors.Conflict):
        api.create_branch(repo, "from-branch")
    api.delete_branch(repo, "from-branch")
    api.delete_branch(repo, "from-branch", missing_ok=True)
    with pytest.raises(errors.NotFound):
        api.delete_branch(repo, "from-branch")
    assert "refs/heads/from-branch" not in seen()


def test_tags_are_made_with_and_without_a_message(callers: Callers, refs, git: StockGit) -> None:
    repo, folder, seen = refs
    api = callers.owner
    long = "发布 " * 500

    api.create_tag(repo, "v1")
    api.create_tag(repo, "v2", tag_message=long, revision="v1")

    assert seen()["refs/tags/v1"] == "commit"
    assert seen()["refs/tags/v2"] == "tag"
    assert git("-C", folder, "tag", "-l", "--format=%(contents)", "v2").strip() == long.strip()
    assert callers.name in git("-C", folder, "tag", "-l", "--format=%(taggername)", "v2")
    git("-C", folder, "fsck", "--strict")
    listed = callers.anonymous.list_repo_refs(repo)
    assert {tag.name: tag.target_commit for tag in listed.tags} == dict.fromkeys(
        ["v1", "v2"], api.model_info(repo).sha
    )
    assert api.model_info(repo, revision="v2").sha == api.model_info(repo).sha
    with pytest.raises(errors.Conflict):
        api.create_tag(repo, "v1")
    api.delete_tag(repo, "v2")
    with pytest.raises(errors.NotFound):
        api.delete_tag(repo, "v2")
    assert "refs/tags/v2" not in seen()


def test_branch_begins_at_an_older_commit(callers: Callers, refs) -> None:
    repo, _, _ = refs
    callers.rest.put_file(f"/api/v1/models/{repo}", "a.txt", b"a")
    first = list(callers.owner.list_repo_commits(repo))[-1].id

    callers.owner.create_branch(repo, "old", revision=first)

    branches = {b.name: b.target_commit for b in callers.owner.list_repo_refs(repo).branches}
    assert branches["old"] == first
    assert branches["main"] != first


def test_default_branch_is_not_deleted(callers: Callers, refs) -> None:
    repo, _, seen = refs

    with pytest.raises(errors.Forbidden):
        callers.owner.delete_branch(repo, "main")

    assert "refs/heads/main" in seen()


@pytest.mark.parametrize("call", ["create_branch", "delete_branch", "create_tag", "delete_tag"])
def test_refs_are_for_those_who_may_write(callers: Callers, refs, call: str) -> None:
    repo, _, _ = refs

    for api, kind in (
        (callers.anonymous, errors.Unauthorized),
        (callers.unknown, errors.Unauthorized),
        (callers.stranger, errors.Forbidden),
    ):
        with pytest.raises(kind):
            getattr(api, call)(repo, "x")
    with pytest.raises(errors.NotFound):
        getattr(callers.owner, call)(f"{callers.name}/none", "x")
    with pytest.raises(errors.InvalidInput):
        getattr(callers.owner, call)(repo, "-x..y")


def test_private_repository_shows_its_refs_to_its_owner_alone(callers: Callers) -> None:
    repo = callers.repo("hidden", private=True)

    assert callers.owner.list_repo_refs(repo).default_branch == "main"
    for api, kind in (
        (callers.anonymous, errors.Unauthorized),
        (callers.stranger, errors.Forbidden),
    ):
        with pytest.raises(kind):
            api.list_repo_refs(repo)


ADVERT = b"001f# service=git-receive-pack\n0000"
MAIN = b"0000000000000000000000000000000000000001 refs/heads/main"


def packet(line: bytes) -> bytes:
    return b"%04x" % (len(line) + 4) + line


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>sign in</html>",
        b"0000",
        b"zzzz",
        b"0003",
        b"00ff# service",
        packet(b"# service=git-upload-pack\n") + b"0000",
        ADVERT + packet(b"not a ref\n") + b"0000",
        ADVERT + packet(MAIN + b"\0object-format=md5\n") + b"0000",
    ],
)
def test_what_is_no_list_of_refs_is_refused(body: bytes) -> None:
    with answering() as server, HubApi(server.url, "t" * 32) as api:
        server.default = reply(200, body)
        with pytest.raises(errors.HubError):
            api.delete_branch("wanda/bert", "main")


@pytest.mark.parametrize(
    ("report", "kind"),
    [
        (b"", errors.HubError),
        (packet(b"unpack ok\n") + b"0000", errors.HubError),
        (packet(b"unpack index-pack abnormal exit\n") + b"0000", errors.HubError),
        (packet(b"unpack ok\n") + packet(b"ok refs/heads/other\n") + b"0000", errors.HubError),
        (
            packet(b"unpack ok\n") + packet(b"ng refs/heads/main hook declined\n") + b"0000",
            errors.BadRequest,
        ),
        (packet(b"unpack ok\n") + packet(b"ng refs/heads/main no\n") + b"0000", errors.Forbidden),
        (packet(b"\1" + packet(b"unpack ok\n") + b"0000") + b"0000", errors.HubError),
        (packet(b"\3fatal: the disk is full") + b"0000", errors.HubError),
        (
            packet(b"unpack ok\n") + packet(b"ng refs/heads/main failed to update ref\n") + b"0000",
            errors.Conflict,
        ),
        (packet(b"ERR Mirror repository is currently syncing."), errors.Conflict),
    ],
)
def test_ref_that_was_not_confirmed_is_no_success(report: bytes, kind: type) -> None:
    listed = ADVERT + packet(MAIN + b"\0report-status\n") + b"0000"
    with answering() as server, HubApi(server.url, "t" * 32) as api:
        server.script.extend([reply(200, listed), reply(200, report)])
        with pytest.raises(kind):
            api.delete_branch("wanda/bert", "main")

    assert len(server.asked) == 2
