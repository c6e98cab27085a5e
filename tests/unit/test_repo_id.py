"""Names and addresses: what is meant, and what would run a command."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from csgrepo.errors import InvalidInput
from csgrepo.repo_id import RepoId, RepoType, check_ref_name, parse_remote, same_remote

HUB = "https://hub.opencsg.com"
LOCAL = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, RepoType.MODEL),
        ("model", RepoType.MODEL),
        ("models", RepoType.MODEL),
        ("Dataset", RepoType.DATASET),
        ("datasets", RepoType.DATASET),
        ("space", RepoType.SPACE),
        ("codes", RepoType.CODE),
        ("mcp", RepoType.MCP),
        ("mcps", RepoType.MCP),
        ("mcpservers", RepoType.MCP),
        (RepoType.SKILL, RepoType.SKILL),
    ],
)
def test_repo_type(text: str | RepoType | None, expected: RepoType) -> None:
    assert RepoType.parse(text) is expected


@pytest.mark.parametrize("text", ["", "modell", "model ", "../models"])
def test_repo_type_when_unknown_names_the_known_ones(text: str) -> None:
    with pytest.raises(InvalidInput, match="model, dataset, space, code, mcp, skill"):
        RepoType.parse(text)


@pytest.mark.parametrize(
    ("text", "repo_type", "namespace", "name", "kind"),
    [
        ("wanda/w2v2", None, "wanda", "w2v2", "model"),
        ("wanda/w2v2", "dataset", "wanda", "w2v2", "dataset"),
        ("datasets/wanda/reviews", None, "wanda", "reviews", "dataset"),
        ("0rg.x_y-z/a.b-c_d9", None, "0rg.x_y-z", "a.b-c_d9", "model"),
        ("w/ab", None, "w", "ab", "model"),
        ("w/" + "a" * 64, None, "w", "a" * 64, "model"),
    ],
)
def test_repo_id(text: str, repo_type: str | None, namespace: str, name: str, kind: str) -> None:
    repo = RepoId.parse(text, repo_type)

    assert (repo.namespace, repo.name, str(repo.repo_type)) == (namespace, name, kind)
    assert str(repo) == f"{namespace}/{name}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "w2v2",
        "/",
        "wanda/",
        "/w2v2",
        "a/b/c/d",
        "unknown/wanda/w2v2",
        "wanda/a",
        "wanda/" + "a" * 65,
        "wanda/1model",
        "wanda/model-",
        "wanda/a--b",
        "wanda/a..b",
        "wanda/模型",
        "wanda/a b",
        "wanda/a\n",
        "wanda/..",
        "../wanda",
        "-wanda/model",
        "wan da/model",
        "wanda/model?x=1",
        "wanda/model#frag",
        "wanda/model%2e",
        "wanda\\model",
    ],
)
def test_repo_id_when_it_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        RepoId.parse(text)


def test_addresses_of_a_repository() -> None:
    repo = RepoId.parse("wanda/tools", "mcp")

    assert repo.git_url(LOCAL) == f"{LOCAL}/mcpservers/wanda/tools.git"
    assert repo.web_url(LOCAL) == f"{LOCAL}/mcps/wanda/tools"
    assert repo.git_url(HUB) == "https://opencsg.com/mcpservers/wanda/tools.git"
    assert repo.web_url(HUB) == "https://hub.opencsg.com/mcps/wanda/tools"


@pytest.mark.parametrize(
    ("text", "url", "repo"),
    [
        ("wanda/w2v2", f"{LOCAL}/models/wanda/w2v2.git", "wanda/w2v2"),
        ("spaces/wanda/app", f"{LOCAL}/spaces/wanda/app.git", "wanda/app"),
        (f"{LOCAL}/models/wanda/w2v2", f"{LOCAL}/models/wanda/w2v2", "wanda/w2v2"),
        (f"{LOCAL}/models/wanda/w2v2.git", f"{LOCAL}/models/wanda/w2v2.git", "wanda/w2v2"),
        (f"{LOCAL}/models/wanda/w2v2/", f"{LOCAL}/models/wanda/w2v2", "wanda/w2v2"),
        ("https://git.example/x/y.git", "https://git.example/x/y.git", None),
        ("https://git.example:8443/x/y", "https://git.example:8443/x/y", None),
        ("http://[::1]:80/x/y", "http://[::1]:80/x/y", None),
        ("https://h/x?token=abc#frag", "https://h/x", None),
        ("ssh://git@h:2222/x/y.git", "ssh://git@h:2222/x/y.git", None),
        ("git@h:x/y.git", "git@h:x/y.git", None),
        ("git@h/x/y.git", "ssh://git@h/x/y.git", None),
        ("file:///data/模型.git", "file:///data/模型.git", None),
        ("/data/模型", "/data/模型", None),
    ],
)
def test_remote(text: str, url: str, repo: str | None) -> None:
    remote = parse_remote(text, endpoint=LOCAL)

    assert remote.url == url
    assert (str(remote.repo) if remote.repo else None) == repo


def test_remote_of_the_public_hub_is_known_by_both_of_its_hosts() -> None:
    for host in ("https://hub.opencsg.com", "https://opencsg.com"):
        remote = parse_remote(f"{host}/datasets/wanda/reviews.git", endpoint=HUB)
        assert remote.repo == RepoId("wanda", "reviews", RepoType.DATASET)


def test_remote_of_a_hub_with_a_longer_name_is_not_taken_for_the_hub() -> None:
    remote = parse_remote(
        "https://hub.example.evil.com/models/w/ab", endpoint="https://hub.example"
    )

    assert remote.repo is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("./wanda/w2v2", "wanda/w2v2"), ("../up", "../up"), (".", ".")],
)
def test_relative_path_becomes_absolute(
    text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    remote = parse_remote(text, endpoint=LOCAL)

    assert Path(remote.url).is_absolute()
    assert os.path.normpath(remote.url) == os.path.normpath(tmp_path / expected)
    assert remote.local_path == Path(remote.url)


def test_tilde_is_the_home(home: Path) -> None:
    assert parse_remote("~/模型", endpoint=LOCAL).url == str(home / "模型")


@pytest.mark.parametrize(
    ("text", "username", "password"),
    [
        ("https://wanda:hunter22@h/x", "wanda", "hunter22"),
        ("https://wanda:p%40ss%2Fword@h/x", "wanda", "p@ss/word"),
        ("https://s3cr3t-token@h/x", "s3cr3t-token", None),
        ("https://h/x", None, None),
    ],
)
def test_credentials_are_taken_out_of_the_address(
    text: str, username: str | None, password: str | None
) -> None:
    remote = parse_remote(text, endpoint=LOCAL)

    assert remote.url == "https://h/x"
    assert remote.username == username
    assert (remote.password.reveal() if remote.password else None) == password
    assert password is None or password not in repr(remote)


# Arguments that git, ssh or a shell would run or obey if they reached it.
INJECTIONS = [
    "--upload-pack=touch x",
    "-c core.sshCommand=touch x",
    "-u touch x",
    "ext::sh -c touch% x",
    "ext::sh",
    "fd::3",
    "foo::bar/baz",
    "Ext::sh -c x",
    "ext+x::y",
    "ssh://-oProxyCommand=touch x/y",
    "ssh://-oProxyCommand=touch%20x/y",
    "ssh://%2doProxyCommand=touch/y",
    "ssh://git@-oProxyCommand=touch/y",
    "ssh://git@%2doProxyCommand=touch/y",
    "ssh://-oProxyCommand=touch@h/y",
    "ssh://%2doProxyCommand=touch@h/y",
    "-oProxyCommand=touch@h:y",
    "git@-oProxyCommand=touch:y",
    "transport://h/x",
    "javascript://h/x",
    "https://",
    "https:///x",
    "https://-h/x",
    "https://h:99999/x",
    "https://[::1/x",
    "wanda/model\n--upload-pack=touch x",
    "https://h/x\nhost=evil.example",
    "https://h/x\r\nHost: evil",
    "a/b\0c",
    "\x1b]0;title\x07a/b",
    ";touch x",
    "$(touch x)",
    "`touch x`",
    "|touch x",
    "wanda/model;touch x",
    "",
]


@pytest.mark.parametrize("text", INJECTIONS, ids=ascii)
def test_address_that_would_run_a_command_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_remote(text, endpoint=LOCAL)


@pytest.mark.parametrize(
    "text",
    [
        "https://wanda:s3cr3t-pw@h:port/x",
        "https://wanda:s3cr3t-pw/rest@h/x",
        "https://wanda:s3cr3t-pw@h/x\n",
        "https://wanda:s3cr3t-pw@[::1/x",
        "foo://wanda:s3cr3t-pw@h/x",
        "ext::https://wanda:s3cr3t-pw@h/x",
    ],
    ids=ascii,
)
def test_refusal_does_not_show_the_password(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_remote(text, endpoint=LOCAL)

    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value, limit=0))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("https://h/a/b", "https://h/a/b.git"),
        ("https://h/a/b", "https://H/a/b/"),
        ("https://h:443/a/b", "https://h/a/b"),
        ("https://u:p@h/a/b", "https://h/a/b"),
        ("https://h/a%20b", "https://h/a b"),
        ("git@h:a/b.git", "ssh://h/a/b"),
        ("ssh://git@h:22/a/b", "git@h:a/b"),
        ("/data/a.git", "/data/a"),
        ("file:///data/a%20b", "file:///data/a b.git"),
    ],
)
def test_same_remote(left: str, right: str) -> None:
    assert same_remote(left, right)
    assert same_remote(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("https://h/a/b", "https://h/a/c"),
        ("https://h/a/b", "https://h:8443/a/b"),
        ("https://h/a/b", "http://h/a/b"),
        ("https://h/a/b", "https://i/a/b"),
        ("https://h/a/b", "https://h/A/b"),
        ("/data/a", "/data/b"),
    ],
)
def test_other_remote(left: str, right: str) -> None:
    assert not same_remote(left, right)


@pytest.mark.parametrize(
    "name", ["main", "feature/模型", "v1.0", "a-b_c", "release.2", "a@b", "x" * 200, "refs/pr/1"]
)
def test_ref_name(name: str) -> None:
    assert check_ref_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-b",
        "--upload-pack=touch x",
        "-c core.sshCommand=x",
        "a b",
        "a\nb",
        "a\0b",
        "a..b",
        "a:b",
        "a~1",
        "a^",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "a@{1}",
        "@",
        ".a",
        "a/.b",
        "a.",
        "a/",
        "/a",
        "a//b",
        "a.lock",
        "a.lock/b",
        "a\x7f",
    ],
    ids=ascii,
)
def test_ref_name_that_git_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="branch name"):
        check_ref_name(name)
