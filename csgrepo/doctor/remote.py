"""The repository that is pushed to: is it there, what may be done, where do large files go."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from csgrepo.doctor.asking import place_of, trouble
from csgrepo.doctor.report import Check, Finding
from csgrepo.errors import CommandFailed, Forbidden, GitError, NotFound, Unauthorized
from csgrepo.git.runner import Git
from csgrepo.git.ssh import split_address
from csgrepo.http.address import shown
from csgrepo.repo_id import RepoType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from csgrepo.doctor.asking import Answer, Asker
    from csgrepo.repo_id import RepoId

__all__ = [
    "ask_protection",
    "ask_push",
    "ask_repository",
    "folder_check",
    "protection_check",
    "push_check",
    "repository_check",
    "ssh_check",
]

_LOGIN = "csgrepo login"
_NO_CSGHUB = "if it is no CSGHub: give the password to a credential helper of git"


@dataclass(frozen=True, slots=True)
class Repo:
    """What the hub says of a repository.

    Attributes:
        repo: its id.
        answer: the hub's answer.
        other: the type under which there is one of that name, where there is none of this.
    """

    repo: RepoId
    answer: Answer
    other: RepoType | None = None


def ask_repository(asker: Asker, endpoint: str, repo: RepoId) -> Repo:
    """Ask the hub for a repository; for those of other types if there is none."""
    answer = asker.ask("GET", _path(endpoint, repo, repo.repo_type))
    if not isinstance(answer.error, NotFound):
        return Repo(repo, answer)
    others = (kind for kind in RepoType if kind is not repo.repo_type)
    there = (kind for kind in others if asker.ask("GET", _path(endpoint, repo, kind)).status == 200)
    return Repo(repo, answer, next(there, None))


def _path(endpoint: str, repo: RepoId, kind: RepoType) -> str:
    return f"{endpoint}/api/v1/{kind.rest_plural}/{repo.namespace}/{repo.name}"


def repository_check(found: Repo, url: str) -> Check:
    """Judge whether a repository of the hub, pushed to at an address, is there and may be seen."""
    repo, answer = found.repo, found.answer
    name = f"the {repo.repo_type} {repo}"
    if found.other:
        words = f"{name} does not exist; there is a {found.other} of that name"
        line = f"csgrepo doctor -t {found.other} {repo}"
        return Check("repository", findings=(Finding("CSG503", words, line),))
    if isinstance(answer.error, NotFound):
        words = f"{name} does not exist, or is not shown to this token"
        line = f"csgrepo repo create {repo} --type {repo.repo_type}"
        return Check("repository", findings=(Finding("CSG501", words, line, shown(url)),))
    if isinstance(answer.error, Unauthorized | Forbidden):
        words = f"{name} is private, and this token may not read it"
        return Check("repository", findings=(Finding("CSG502", words, _LOGIN),))
    if wrong := trouble(answer):
        return Check("repository", findings=(wrong,))
    data = (answer.fields() or {}).get("data")
    facts = data if isinstance(data, dict) else {}
    seen = "private" if facts.get("private") else "public"
    return Check("repository", f"{repo.repo_type} {repo}, {seen}")


def ask_push(asker: Asker, url: str) -> Answer:
    """Ask what git asks first when it pushes; nothing is sent after it."""
    return asker.ask("GET", f"{url.rstrip('/')}/info/refs?service=git-receive-pack")


def push_check(url: str, answer: Answer, *, is_on_the_hub: bool = True) -> Check:
    """Judge whether a push would be let in."""
    there = place_of(url)
    login = _LOGIN if is_on_the_hub else f"csgrepo login --endpoint {there}  # {_NO_CSGHUB}"
    wrong = _refusal(url, answer, login) or trouble(answer)
    if wrong is None and b"service=git-receive-pack" not in answer.body[:200]:
        words = f"{shown(url)} answers, but not as a git server does"
        wrong = Finding("CSG306", words, "git remote -v", there)
    return Check("push", "" if wrong else f"{shown(url)} would take one", (wrong,) if wrong else ())


def _refusal(url: str, answer: Answer, login: str) -> Finding | None:
    where, error = shown(url), answer.error
    said = _refused_with(answer.body)
    if "permission" in said.lower() or isinstance(error, Forbidden):
        why = said or getattr(error, "server_message", "") or "status 403"
        line = "ask the owner for the right to write, or log in as somebody who has it"
        return Finding("CSG403", f"the token may not write to {where}: {why}", line)
    if said:
        return Finding("CSG505", f"{where} takes no pushes: {said}", "try again later")
    if isinstance(error, Unauthorized) and answer.authorized:
        return Finding("CSG402", f"{where} does not know the token", login, place_of(url))
    if isinstance(error, Unauthorized):
        return Finding("CSG404", f"{where} lets nobody push without a token", login)
    if isinstance(error, NotFound):
        return Finding("CSG501", f"there is no repository at {where}", "git remote -v", where)
    return None


def _refused_with(body: bytes) -> str:
    """Return the words of an ``ERR`` line (gitprotocol-pack(5)), or ``""``."""
    position = 0
    while length := _length(body[position : position + 4]):
        line = body[position + 4 : position + length]
        if line.startswith(b"ERR "):
            words = line[4:].decode("utf-8", "replace").strip()
            return "".join(char if char.isprintable() else " " for char in words)[:300]
        position += max(length, 4)
    return ""


def _length(digits: bytes) -> int:
    try:
        return max(int(digits, 16), 4) if len(digits) == 4 else 0
    except ValueError:
        return 0


def ask_protection(asker: Asker, url: str, branch: str) -> Iterator[Answer]:
    """Ask a host that is no CSGHub (which protects no branches) what it says of a branch.

    GitHub, Gitea with its relatives, and GitLab each have an address of their own for it.
    """
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    path, name = parts.path.strip("/").removesuffix(".git"), quote(branch, safe="")
    if parts.hostname == "github.com":
        yield asker.ask("GET", f"https://api.github.com/repos/{path}/branches/{name}")
        return
    yield asker.ask("GET", f"{host}/api/v1/repos/{path}/branches/{name}")
    project = quote(path, safe="")
    yield asker.ask("GET", f"{host}/api/v4/projects/{project}/repository/branches/{name}")


def protection_check(branch: str, answers: Iterator[Answer]) -> Check:
    """Judge whether the branch may be pushed to."""
    told = (answer.fields() or {} for answer in answers if answer.status == 200)
    facts = next((fields for fields in told if "protected" in fields), None)
    if facts is None:
        return Check("branch", f"{branch}; its host tells of no protection")
    may_push = facts.get("user_can_push", facts.get("can_push", False))
    if facts["protected"] is not True or may_push is True:
        return Check("branch", f"{branch} may be pushed to")
    words = f"the branch {branch} is protected, and this account may not push to it"
    line = f"git switch -c my-{branch.rpartition('/')[2]}  # and ask for it to be merged"
    return Check("branch", findings=(Finding("CSG504", words, line),))


def folder_check(folder: Path, branch: str, timeout_s: float) -> Check:
    """Judge a remote that is a folder of this machine."""
    place = folder / ".git" if (folder / ".git").is_dir() else folder
    if not (place / "HEAD").is_file():
        words = f"there is no repository in {folder}"
        return Check("push", findings=(Finding("CSG501", words, "git remote -v"),))
    if not os.access(place / "objects", os.W_OK):
        words = f"{place} may not be written by this user"
        return Check("push", findings=(Finding("CSG403", words, f"ls -ld '{place}'"),))
    head = (place / "HEAD").read_text("utf-8", "replace").strip()
    asked = ("config", "--get", "receive.denyCurrentBranch")
    denies = Git(place).run(*asked, ok=(0, 1, 128), timeout=timeout_s).text or "refuse"
    is_here = place != folder and head == f"ref: refs/heads/{branch}"
    if is_here and denies in {"refuse", "true"}:
        words = f"{folder} is a working copy with {branch} checked out, and takes no push to it"
        line = f"git -C '{folder}' config receive.denyCurrentBranch updateInstead"
        return Check("push", findings=(Finding("CSG507", words, line),))
    return Check("push", f"{folder} would take one")


def ssh_check(git: Git, url: str, timeout_s: float) -> Check:
    """Judge a remote that is reached over SSH."""
    try:
        git.run("ls-remote", "--heads", url, timeout=timeout_s)
    except CommandFailed as error:
        said = error.stderr.strip().splitlines() or ["git ls-remote failed"]
        host = (split_address(url) or ([url], ""))[0]
        words = f"{shown(url)} cannot be reached: {said[-1]}"
        line = f"ssh -T {shlex.join(host)}  # tells why"
        return Check("push", findings=(Finding("CSG301", words, line, url),))
    except GitError as error:
        return Check("push", findings=(Finding("CSG301", str(error), "", url),))
    return Check("push", f"{shown(url)} can be read; SSH does not tell beforehand who may write")
