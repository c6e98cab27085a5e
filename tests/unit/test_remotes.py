"""Where a remote is, by git's settings alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from csgrepo.errors import GitError
from csgrepo.git import remotes
from csgrepo.git.settings import GitSettings

FOLDER = Path("/home/wanda/model")
MAIN = "refs/heads/main"


def settings(**values: str | list[str]) -> GitSettings:
    return GitSettings(
        {
            key.replace("__", "."): [value] if isinstance(value, str) else value
            for key, value in values.items()
        }
    )


def test_rewritten_takes_the_longest_beginning() -> None:
    rules = GitSettings(
        {
            "url.https://a.example/.insteadof": ["hub:", "https://hub.example/"],
            "url.https://b.example/w/.insteadof": ["https://hub.example/wanda/"],
            "url.ssh://c.example/.pushinsteadof": ["https://hub.example/"],
        }
    )
    assert rules.rewritten("hub:x/y") == "https://a.example/x/y"
    assert rules.rewritten("https://hub.example/x/y") == "https://a.example/x/y"
    assert rules.rewritten("https://hub.example/wanda/y") == "https://b.example/w/y"
    assert rules.rewritten("https://other.example/x") is None
    assert rules.rewritten("https://hub.example/x", "pushinsteadof") == "ssh://c.example/x"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "origin"),
        ({"remote__hub__url": "u"}, "hub"),
        ({"remote__hub__url": "u", "remote__origin__url": "v"}, "origin"),
        ({"remote__a__url": "u", "remote__b__url": "v"}, "origin"),
        ({"remote__a__url": "u", "remote__origin__url": "v", "branch__main__remote": "a"}, "a"),
        ({"remote__origin__url": "v", "branch__main__remote": "."}, "origin"),
    ],
)
def test_remote_that_is_meant_is_the_one_git_means(values: dict[str, str], name: str) -> None:
    assert remotes.meant(settings(**values), MAIN) == name


def test_remote_that_is_meant_on_no_branch_is_origin() -> None:
    values = {"remote__a__url": "u", "remote__origin__url": "v", "branch__main__remote": "a"}
    assert remotes.meant(settings(**values), None) == "origin"


@pytest.mark.parametrize(
    ("url", "located"),
    [
        ("../remotes/model.git", "/home/wanda/model/../remotes/model.git"),
        ("/srv/model.git", "/srv/model.git"),
        ("./with:colon.git", "/home/wanda/model/with:colon.git"),
        ("hub:wanda/model", "hub:wanda/model"),
        ("git@hub:wanda/model", "git@hub:wanda/model"),
        ("https://hub.example/m", "https://hub.example/m"),
    ],
)
def test_addresses_of_a_path_mean_the_same_from_everywhere(url: str, located: str) -> None:
    where = remotes.addresses(settings(remote__origin__url=url), FOLDER, "origin", None)
    assert (where.configured, where.fetch, where.push) == (located,) * 3
    assert where.target == "origin"


def test_addresses_of_a_remote_with_a_push_url() -> None:
    known = settings(remote__origin__url="https://a/m", remote__origin__pushurl="https://b/m")
    where = remotes.addresses(known, FOLDER, "origin", None)
    assert (where.fetch, where.push, where.target) == ("https://a/m", "https://b/m", "origin")
    where = remotes.addresses(known, FOLDER, "origin", "https://b/m")
    assert where.target == "origin"
    where = remotes.addresses(known, FOLDER, "origin", "https://c/m")
    assert (where.push, where.target) == ("https://c/m", "https://c/m")


def test_addresses_of_no_remote_say_how_to_add_one() -> None:
    with pytest.raises(GitError, match="git remote add origin"):
        remotes.addresses(settings(), FOLDER, "origin", None)
