"""The hub's pages for people, as they go over the wire: what they show, to whom, and how safely."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser

import pytest
import requests

from csgrepo.server import Hub
from tests.conftest import Account
from tests.stock import StockGit

NASTY = """---
license: "<script>alert(0)</script>"
---
# 你好 <script>alert(1)</script>

<img src=x onerror=alert(2)> <a href="javascript:alert(3)">x</a> [y](javascript:alert(4))
<iframe src="https://example.com"></iframe><style>body{display:none}</style>
<form action="https://example.com"><input name=a></form><svg onload=alert(5)></svg>
<b style="position:fixed" class="top" id="x">bold</b> <!-- comment -->

![far](https://example.com/far.png) ![near](docs/near.png) ![up](../../../../login)
[file](docs/a%20b.md#part) [out](https://example.com/) [data](data:text/html,x)

| 任务 | value |
|---|---|
| TNEWS | ~~57~~ 58 |
"""


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str, attribute: str) -> list[str]:
        return [facts.get(attribute) or "" for name, facts in self.tags if name == tag]


class Visitor:
    """Asks for pages, as the account or as nobody."""

    def __init__(self, hub: Hub, account: Account) -> None:
        self.hub = hub
        self.account = account
        self.base = f"/models/{account.name}/shown"

    def create(self, name: str = "shown", **more: object) -> None:
        headers = {"Authorization": f"Bearer {self.account.token}"}
        url = f"{self.hub.url}/api/v1/models"
        made = requests.post(url, json={"name": name, **more}, headers=headers, timeout=30)
        assert made.status_code == 200, made.text

    def get(self, path: str, *, signed_in: bool = False, **more: object) -> requests.Response:
        auth = (self.account.name, self.account.token) if signed_in else None
        return requests.get(self.hub.url + path, auth=auth, timeout=30, **more)


@pytest.fixture
def visitor(hub: Hub, account: Account) -> Visitor:
    return Visitor(hub, account)


@pytest.fixture
def pushed(visitor: Visitor, stock_lfs: StockGit) -> Callable[[dict[str, bytes]], StockGit]:
    """Push files to the repository: `pushed({"a.txt": b"..."})`."""

    def push(files: dict[str, bytes], message: str = "some files") -> StockGit:
        account = visitor.account
        address = visitor.hub.url.replace("://", f"://{account.name}:{account.token}@")
        if not (stock_lfs.cwd / "work").exists():
            stock_lfs("clone", "--quiet", f"{address}{visitor.base}.git", "work")
        work = stock_lfs.at("work")
        for name, content in files.items():
            (work.cwd / name).parent.mkdir(parents=True, exist_ok=True)
            (work.cwd / name).write_bytes(content)
        work("add", "--all")
        work("commit", "--quiet", "--message", message)
        work("push", "--quiet")
        return work

    return push


def test_a_repositorys_page_shows_files_sizes_and_lfs(visitor, pushed):
    visitor.create(description="模型 & <b>words</b>")
    pushed({"模型 [1].bin": bytes(4_321), "docs/a b.md": b"# in docs", "note.txt": b"small"})
    answer = visitor.get(visitor.base)
    page = Page(answer.text)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "模型 &amp; &lt;b&gt;words&lt;/b&gt;" in answer.text
    links = page.all("a", "href")
    assert f"{visitor.base}/file/%E6%A8%A1%E5%9E%8B%20%5B1%5D.bin?ref=main" in links
    assert f"{visitor.base}/tree/docs?ref=main" in links
    oid = hashlib.sha256(bytes(4_321)).hexdigest()
    assert f"Git LFS, SHA-256 {oid}" in page.all("span", "title")
    assert "4.3 kB" in answer.text
    assert page.all("td", "title").count("4321 bytes") == 1
    assert f"git clone {visitor.hub.url}{visitor.base}.git" in answer.text
    assert f"HF_ENDPOINT={visitor.hub.url}/hf HF_HUB_DISABLE_XET=1" in answer.text
    folder = visitor.get(f"{visitor.base}/tree/docs?ref=main")
    assert "a b.md" in folder.text
    assert visitor.base in [link.split("?")[0] for link in Page(folder.text).all("a", "href")]


def test_every_link_of_the_pages_leads_somewhere(visitor, pushed):
    visitor.create()
    work = pushed({"模型.bin": b"x" * 99, "a/b/#?%&.txt": "文".encode(), "README.md": b"[a](a/b)"})
    work("push", "--quiet", "origin", "main:dev/分支")
    seen: set[str] = set()
    todo = [visitor.base]
    while todo:
        path = todo.pop()
        if path in seen or path == "/login":
            continue
        seen.add(path)
        answer = visitor.get(path, allow_redirects=True)
        assert answer.status_code == 200, path
        if answer.headers["Content-Type"].startswith("text/html"):
            found = Page(answer.text)
            links = {*found.all("a", "href"), *found.all("link", "href")}
            todo += [link for link in links if visitor.base in link or "_static" in link]
    inside = [path.removeprefix(visitor.base + "/") for path in seen]
    for section in ("file/", "raw/", "tree/", "commits?", "commit/", "branches"):
        assert any(path.startswith(section) for path in inside), section


def test_nothing_in_a_readme_can_act(visitor, pushed):
    visitor.create()
    pushed({"README.md": NASTY.encode()})
    answer = visitor.get(visitor.base)
    page = Page(answer.text)
    names = {name for name, _ in page.tags}
    assert not names & {"script", "iframe", "style", "svg", "object", "embed", "base"}
    assert page.all("form", "action") == []
    attributes = {key for _, facts in page.tags for key in facts}
    assert not {key for key in attributes if key.startswith("on") or key == "style"}
    for link in page.all("a", "href"):
        assert not link.lower().startswith(("javascript:", "data:"))
    near = [f"{visitor.base}/raw/{path}?ref=main" for path in ("x", "docs/near.png")]
    assert page.all("img", "src") == [near[0], "", near[1], ""]
    assert f"{visitor.base}/file/docs/a%20b.md?ref=main#part" in page.all("a", "href")
    assert "https://example.com/" in page.all("a", "href")
    assert {"table", "s"} & names or {"table", "del"} & names
    assert 'license: "<script>alert(0)</script>"' in unescape(answer.text)
    assert "position:fixed" not in answer.text


@pytest.mark.parametrize("path", ["/", "/models", "", "/commits", "/branches", "-gone", "/login"])
def test_every_page_forbids_script_and_frames(visitor, path):
    visitor.create()
    inside = path in {"", "/commits", "/branches", "-gone"}
    answer = visitor.get(visitor.base + path if inside else path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<script" not in answer.text
    assert " style=" not in answer.text


def test_hostile_names_are_text(visitor, pushed):
    visitor.create(description='"><script>alert(1)</script>')
    name = '"><img src=x onerror=alert(1)>\u202egpj.exe'
    work = pushed({name: b"x"}, "<script>alert(2)</script>\u202e")
    sha = work("rev-parse", "HEAD")
    for path in ("", "/commits", f"/commit/{sha}", "/branches"):
        answer = visitor.get(visitor.base + path)
        assert answer.status_code == 200
        page = Page(answer.text)
        assert not {"script", "img"} & {tag for tag, _ in page.tags}
        assert "\u202e" not in answer.text
    assert r"\u202egpj.exe" in visitor.get(visitor.base).text


def test_a_name_that_is_no_utf8_is_shown(visitor, pushed):
    visitor.create()
    work = pushed({"a.txt": b"x"})
    blob = work("hash-object", "-w", "a.txt")
    entry = f"100644 blob {blob}\t".encode() + b"caf\xe9.txt\0"
    tree = work("mktree", "-z", stdin=entry)
    commit = work("commit-tree", tree, "-m", "latin")
    work("push", "--quiet", "origin", f"{commit}:refs/heads/latin")
    answer = visitor.get(f"{visitor.base}?ref=latin")
    assert answer.status_code == 200
    assert "caf" in answer.text


def test_private_repositories_are_for_those_who_may_see_them(visitor, pushed, hub):
    visitor.create(private=True)
    pushed({"secret.txt": b"inside"})
    zoe = f"zoe-{visitor.account.name}"
    zoes_token = hub.add_user(zoe)
    for path in ("", "/file/secret.txt", "/raw/secret.txt", "/commits", "/branches", "/tree/docs"):
        url = visitor.base + path
        hidden = visitor.get(url)
        assert (hidden.status_code, "secret" in hidden.text) == (404, False)
        others = requests.get(hub.url + url, auth=(zoe, zoes_token), timeout=30)
        assert others.status_code == 404
    own = visitor.get(visitor.base, signed_in=True)
    assert (own.status_code, "secret.txt" in own.text, "private" in own.text) == (200, True, True)
    assert own.headers["Cache-Control"] == "private, no-cache"
    assert visitor.get(f"{visitor.base}/raw/secret.txt", signed_in=True).content == b"inside"
    listing = f"/models?search={visitor.account.name}"
    assert visitor.base not in visitor.get(listing).text
    assert visitor.base in visitor.get(listing, signed_in=True).text
    # Existing and missing repositories look the same to those who may not see them.
    missing = visitor.get(f"/models/{visitor.account.name}/missing")
    assert missing.text == visitor.get(visitor.base).text


def test_signing_in_asks_until_name_and_token_are_right(visitor):
    asked = visitor.get("/login", allow_redirects=False)
    assert (asked.status_code, asked.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    wrong = base64.b64encode(f"{visitor.account.name}:wrong".encode()).decode()
    again = requests.get(
        f"{visitor.hub.url}/login",
        headers={"Authorization": f"Basic {wrong}"},
        allow_redirects=False,
        timeout=30,
    )
    assert again.status_code == 401
    done = visitor.get("/login", signed_in=True, allow_redirects=False)
    assert (done.status_code, done.headers["Location"]) == (303, "/")
    assert visitor.account.name in visitor.get("/", signed_in=True).text


def test_a_file_is_shown_as_text_and_saved_as_a_file(visitor, pushed):
    visitor.create()
    text = "<b>不是粗体</b>\n"
    large = bytes(5_000)
    pushed({"page.html": text.encode(), "x.bin": large, "logo.png": b"\x89PNG", "z.svg": b"<svg/>"})
    shown = visitor.get(f"{visitor.base}/file/page.html")
    assert "&lt;b&gt;不是粗体&lt;/b&gt;" in shown.text
    saved = visitor.get(f"{visitor.base}/raw/page.html")
    assert saved.content == text.encode()
    assert saved.headers["Content-Type"] == "application/octet-stream"
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in saved.headers["Content-Security-Policy"]
    assert visitor.get(f"{visitor.base}/raw/logo.png").headers["Content-Type"] == "image/png"
    svg = visitor.get(f"{visitor.base}/raw/z.svg").headers["Content-Type"]
    assert svg == "application/octet-stream"
    oid = hashlib.sha256(large).hexdigest()
    assert oid in visitor.get(f"{visitor.base}/file/x.bin").text
    assert visitor.get(f"{visitor.base}/raw/x.bin").content == large
    visitor.hub.lfs_path(visitor.base.removeprefix("/models/"), oid).unlink()
    assert "has not arrived" in visitor.get(f"{visitor.base}/file/x.bin").text
    assert visitor.get(f"{visitor.base}/raw/x.bin").status_code == 404
    for path in ("/file/none", "/file/../../x", "/raw/none", "/tree/none", "/commit/main"):
        assert visitor.get(visitor.base + path).status_code == 404


def test_long_histories_and_lists_are_turned_page_by_page(visitor, pushed):
    visitor.create()
    work = pushed({"a.txt": b"x"})
    for number in range(40):
        work("commit", "--quiet", "--allow-empty", "--message", f"commit number {number}")
    work("push", "--quiet")
    first = visitor.get(f"{visitor.base}/commits")
    assert "commit number 39" in first.text
    assert "commit number 9<" not in first.text
    older = next(link for link in Page(first.text).all("a", "href") if "page=2" in link)
    second = visitor.get(older)
    assert "commit number 9<" in second.text
    assert "page 2 of 2" in second.text
    assert visitor.get(f"{visitor.base}/commits?page=99999999999999999999").status_code == 200
    assert visitor.get("/?page=abc&search=%00").status_code == 200


def test_a_readme_that_is_too_long_is_not_rendered(visitor, pushed):
    visitor.create()
    pushed({"README.md": b"[" * 300_000})
    answer = visitor.get(visitor.base)
    assert answer.status_code == 200
    assert "[[[" not in answer.text


def test_deeply_nested_markdown_is_rendered_in_time(visitor, pushed):
    visitor.create()
    nasty = b"> " * 5_000 + b"x " + b"[" * 20_000 + b"*a " * 5_000 + b"<div>" * 8_000
    pushed({"README.md": nasty})
    assert visitor.get(visitor.base).status_code == 200
