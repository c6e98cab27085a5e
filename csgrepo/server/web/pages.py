"""The pages for people: repositories, their files, README, commits and branches.

They only show. Private repositories are there for those who may see them; others get the answer
that a repository gets which does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from csgrepo.server.accounts.auth import git_caller
from csgrepo.server.accounts.users import Access
from csgrepo.server.git.smart_http import CHALLENGE
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.repos.search import Search
from csgrepo.server.repos.tally import begins
from csgrepo.server.web.downloads import send_file
from csgrepo.server.web.frame import HEADERS, address, at, page, static
from csgrepo.server.web.readme import LONGEST_README, render

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.accounts.users import User
    from csgrepo.server.backend import Backend
    from csgrepo.server.git.told import Commit, Entry
    from csgrepo.server.repos.catalogue import Repository
    from csgrepo.server.web.readme import Readme

    Render = Callable[["_View"], "ASGIApp | None"]

__all__ = ["routes"]

_PER_PAGE = 30
_MOST_PAGES = 1000
_MOST_FILES = 1000
_LONGEST_TEXT = 400_000
_READMES = ("README.md", "readme.md", "Readme.md")


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all pages."""
    found: list[BaseRoute] = [
        Route("/", _open(backend, None, index), methods=["GET"]),
        Route("/login", _open(backend, None, login), methods=["GET"]),
        Route("/_static/{name}", static, methods=["GET"]),
    ]
    sections: dict[str, Render] = {
        "": repository_page,
        "/tree/{path:path}": tree_page,
        "/file/{path:path}": file_page,
        "/raw/{path:path}": raw,
        "/commits": commits_page,
        "/commit/{sha}": commit_page,
        "/branches": branches_page,
    }
    for kind in Kind:
        found.append(Route(f"/{kind.rest_plural}", _open(backend, kind, index), methods=["GET"]))
        for plural in dict.fromkeys((kind.rest_plural, kind.git_plural)):
            one = f"/{plural}/{{namespace}}/{{name}}"
            found += [
                Route(one + path, _open(backend, kind, _inside(render)), methods=["GET"])
                for path, render in sections.items()
            ]
    return found


@dataclass(slots=True)
class _View:
    """One request for a page, and who makes it."""

    backend: Backend
    request: Request
    user: User | None
    kind: Kind | None
    found: Repository | None = None

    @property
    def repository(self) -> Repository:
        assert self.found is not None  # noqa: S101 - see `_inside`
        return self.found

    def query(self, name: str) -> str:
        return self.request.query_params.get(name, "")

    @property
    def ref(self) -> str:
        return self.query("ref") or self.repository.default_branch

    @property
    def path(self) -> str:
        return str(self.request.path_params.get("path", "")).strip("/")

    @property
    def page(self) -> int:
        number = self.query("page")
        return min(max(int(number), 1), _MOST_PAGES) if number.isdecimal() else 1

    def commit(self) -> str | None:
        return self.backend.git.resolve(self.repository.id, self.ref)

    def answer(self, template: str, **facts: object) -> Response:
        """Return a page inside the repository."""
        repository = self.repository
        common = {"user": self.user, "chosen": repository.type, "repository": repository}
        return page(template, {**common, "ref": self.ref, "tab": "files", **facts})


def _open(
    backend: Backend, kind: Kind | None, render: Render
) -> Callable[[Request], Awaitable[ASGIApp]]:
    """Return a route's function; what may not be seen is as if it were not there."""

    def answer(request: Request) -> ASGIApp:
        user = git_caller(backend.accounts, request.headers.get("authorization"))
        request.scope["csgrepo.user"] = user.name if user else ""
        found = render(_View(backend, request, user, kind))
        return found or page("missing.html", {"user": user, "chosen": kind}, 404)

    async def threaded(request: Request) -> ASGIApp:
        return await backend.workers.run(answer, request)

    return threaded


def _inside(render: Render) -> Render:
    """Find the repository first, and go on only for those who may read it."""

    def answer(view: _View) -> ASGIApp | None:
        assert view.kind is not None  # noqa: S101 - every repository has a type
        parts = view.request.path_params
        name = parts["name"].removesuffix(".git")
        view.found = view.backend.catalogue.find(view.kind, parts["namespace"], name)
        if view.found and view.backend.access(view.user, view.found) >= Access.READ:
            return render(view)
        return None

    return answer


def login(view: _View) -> Response:
    """Let the browser ask for name and token, and lead back once they are right."""
    if view.user is None:
        asking = page("missing.html", {}, 401)
        asking.headers.update(CHALLENGE)
        return asking
    return RedirectResponse("/", 303, HEADERS)


def index(view: _View) -> Response:
    """List the repositories that the caller may see, the latest change first."""
    kinds = [view.kind] if view.kind else list(Kind)
    wanted = view.page * _PER_PAGE
    search = view.query("search")[:200]
    visible = view.backend.accounts.namespaces_of(view.user)
    found: list[Repository] = []
    total = 0
    for kind in kinds:
        part, count = view.backend.catalogue.page(Search(kind, visible, text=search), limit=wanted)
        found += part
        total += count
    found.sort(key=lambda repository: repository.updated_at, reverse=True)
    facts = {
        "user": view.user,
        "chosen": view.kind,
        "here": f"/{view.kind.rest_plural}" if view.kind else "/",
        "search": search,
        "query": {"search": search} if search else {},
        "found": found[wanted - _PER_PAGE : wanted],
        "page": view.page,
        "pages": -(-total // _PER_PAGE),
    }
    return page("index.html", facts)


def repository_page(view: _View) -> Response:
    """Show a repository: its files, its README, how to clone and download it."""
    sha = view.commit()
    git, number = view.backend.git, view.repository.id
    entries = git.tree(number, sha) if sha else []
    found = next((e for name in _READMES for e in entries if e.path == name), None)
    return view.answer(
        "repository.html",
        commit=git.commits(number, sha)[0] if sha else None,
        readme=_readme(view, found) if found else None,
        clone_url=view.repository.clone_url(view.backend.url),
        commands=_commands(view),
        **_listing(entries, ""),
    )


def _commands(view: _View) -> list[tuple[str, str]]:
    """Return the commands that download the repository, by the name of the program."""
    url, repository = view.backend.url, view.repository
    kind = repository.type
    path, name = repository.path, repository.name
    option = "" if kind is Kind.MODEL else f" --repo-type {kind.value}"
    if kind is Kind.PROMPT:  # no downloading program has a word for them
        clone = repository.clone_url(url)
        return [("csgrepo, in Python", f'Repository("{name}", clone_from="{clone}")')]
    found = [
        (
            "csgrepo, in Python",
            f'Repository("{name}", clone_from="{path}", repo_type="{kind.value}", '
            f'endpoint="{url}")',
        ),
        ("csghub-cli", f"CSGHUB_DOMAIN={url} csghub-cli download {path} -t {kind.value}"),
    ]
    if kind in {Kind.MODEL, Kind.DATASET}:
        found.append(
            (
                "huggingface_hub",
                f"HF_ENDPOINT={url}/hf HF_HUB_DISABLE_XET=1 hf download {path}{option}",
            )
        )
    return found


def _listing(entries: list[Entry], folder: str) -> dict[str, object]:
    """Return what the table of files wants: folders first, and an end."""
    entries = sorted(entries, key=lambda entry: (entry.kind != "tree", entry.path))
    left_out = max(0, len(entries) - _MOST_FILES)
    return {"entries": entries[:_MOST_FILES], "folder": folder, "left_out": left_out}


def _readme(view: _View, entry: Entry) -> Readme | None:
    if entry.pointer or entry.size > LONGEST_README:
        return None
    text = view.backend.git.blob(view.repository.id, entry.sha).decode("utf-8", "replace")
    folder = entry.path.rpartition("/")[0]
    return render(
        text, folder, lambda section, path: address(view.repository, section, path) + at(view.ref)
    )


def _crumbs(path: str) -> list[tuple[str, str]]:
    parts = path.split("/")
    return [(part, "/".join(parts[: n + 1])) for n, part in enumerate(parts)]


def tree_page(view: _View) -> Response | None:
    """Show a folder."""
    sha = view.commit()
    entries = view.backend.git.tree(view.repository.id, sha, view.path) if sha else []
    if not entries:
        return None
    return view.answer("tree.html", crumbs=_crumbs(view.path), **_listing(entries, view.path))


def _entry(view: _View) -> Entry | None:
    sha = view.commit()
    return view.backend.git.entry(view.repository.id, sha, view.path) if sha else None


def file_page(view: _View) -> Response | None:
    """Show a file: its size, what LFS knows of it, and its text where it has one."""
    entry = _entry(view)
    if entry and entry.kind == "tree":  # a link in a README cannot know
        folder = address(view.repository, "tree", entry.path) + at(view.ref)
        return RedirectResponse(folder, 302, HEADERS)
    if entry is None or entry.kind != "blob":
        return None
    missing = readme = text = None
    if entry.pointer:
        missing = view.backend.objects.size(view.repository.id, entry.pointer.oid) is None
    elif entry.name.lower().endswith(".md"):
        readme = _readme(view, entry)
    if not entry.pointer and readme is None:
        text = _text(view, entry)
    return view.answer(
        "file.html",
        entry=entry,
        crumbs=_crumbs(entry.path),
        missing=missing,
        readme=readme,
        text=text,
    )


def _text(view: _View, entry: Entry) -> str | None:
    """Return a file's text; ``None`` for one that is long or is none."""
    if entry.size > _LONGEST_TEXT:
        return None
    content = view.backend.git.blob(view.repository.id, entry.sha)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def raw(view: _View) -> ASGIApp | None:
    """Send a file."""
    entry = _entry(view)
    if entry is None or entry.kind != "blob":
        return None
    found = send_file(view.backend, view.request, view.repository, entry)
    if found and begins(view.request.headers.get("range")):
        view.backend.tally.add(view.repository.id)
    return found


def commits_page(view: _View) -> Response | None:
    """List the commits, newest first."""
    sha = view.commit()
    git, number = view.backend.git, view.repository.id
    found: list[Commit] = []
    total = 0
    if sha:
        total = git.count(number, sha)
        skip = (view.page - 1) * _PER_PAGE
        found = git.commits(number, sha, limit=_PER_PAGE, skip=skip)
    return view.answer(
        "commits.html",
        tab="commits",
        commits=found,
        here=address(view.repository, "commits"),
        query={"ref": view.ref},
        page=view.page,
        pages=-(-total // _PER_PAGE),
    )


def commit_page(view: _View) -> Response | None:
    """Show a commit and the files it touches."""
    sha = view.request.path_params["sha"]
    git, number = view.backend.git, view.repository.id
    found = git.resolve(number, sha)
    if found is None or not found.startswith(sha):
        return None
    commit = git.commits(number, found)[0]
    files = git.change(number, found).files
    return view.answer("commit.html", tab="commits", commit=commit, files=files[:_MOST_FILES])


def branches_page(view: _View) -> Response:
    """List the branches."""
    branches = view.backend.git.branches(view.repository.id)
    return view.answer("branches.html", tab="branches", branches=branches)
