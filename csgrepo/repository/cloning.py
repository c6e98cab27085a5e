"""Making a working copy: a fresh clone, or an existing folder that joins a repository."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from csgrepo.errors import (
    AuthenticationFailed,
    CommandFailed,
    CsgRepoError,
    Forbidden,
    GitError,
    HubError,
    InvalidInput,
    NotFound,
    RemoteNotFound,
    RemoteUnreachable,
    Unauthorized,
)
from csgrepo.files import disk_errors, safe_join
from csgrepo.git import parse, remotes
from csgrepo.git.runner import Git
from csgrepo.git.settings import GitSettings
from csgrepo.http import Http, loading
from csgrepo.lfs import filter_process, hooks
from csgrepo.repo_id import Remote, parse_remote, same_remote
from csgrepo.repository.layout import WorkTree
from csgrepo.repository.scratch import is_scratch, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.credentials import Credentials
    from csgrepo.progress import Reporter

__all__ = ["prepare"]

_REMOTE = "origin"


def prepare(folder: Path, remote: Remote, credentials: Credentials, reporter: Reporter) -> WorkTree:
    """Make the folder a working copy of the remote; content of large files is left as pointers.

    An absent or empty folder gets a clone. A folder that is a clone of the same remote already is
    taken as it is. A folder with files joins the repository: its files become changes, files it
    lacks are added to it, nothing is overwritten.

    Raises:
        InvalidInput: the folder is a clone of something else, or no folder.
        RemoteNotFound, AuthenticationFailed, RemoteUnreachable: the remote says no, or nothing.
    """
    _refuse_obstacle(folder)
    with reporter.task("fetch", remote.url, 1, "repos") as task:
        try:
            with _named_errors(folder):
                tree = _prepared(folder, remote, credentials)
        except RemoteUnreachable as error:
            raise _explained(error, remote, credentials) from error
        task.advance(1)
    return tree


def _refuse_obstacle(folder: Path) -> None:
    for place in (folder, *folder.parents):
        if os.path.lexists(place):
            if not place.is_dir():
                what = "a link that leads nowhere" if place.is_symlink() else "a file"
                raise InvalidInput(f"{place} is {what}; choose a folder to clone into")
            return


@contextlib.contextmanager
def _named_errors(folder: Path) -> Iterator[None]:
    """Say which folder it is that cannot be written."""
    with disk_errors(folder):
        try:
            yield
        except CsgRepoError:
            raise
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise GitError(
                f"{folder} cannot be made a working copy ({error}); choose a folder that can be "
                "written"
            ) from error


def _prepared(folder: Path, remote: Remote, credentials: Credentials) -> WorkTree:
    if not (folder / ".git").exists():
        make = _adopt if _has_files(folder) else _clone
        try:
            make(folder, remote, credentials)
        except OSError:
            if not (folder / ".git").exists():
                raise
            # Another process was faster; its working copy is as good as ours.
        else:
            return WorkTree(folder)
    tree = _existing(folder, remote, credentials)
    _equip(tree.plain_git, tree.common_dir)
    return tree


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(not is_scratch(path) for path in folder.iterdir())


def _equip(git: Git, common_dir: Path) -> None:
    hooks.install(git, GitSettings.of(git), common_dir)


def _explained(error: RemoteUnreachable, remote: Remote, credentials: Credentials) -> CommandFailed:
    """Tell a repository that does not exist from a hub that does not work.

    To git the hub answers both with status 500; its REST interface knows the difference.
    """
    if remote.repo is None or "returned error: 5" not in error.stderr:
        return error
    kind, name = remote.repo.repo_type, str(remote.repo)
    url = f"{credentials.endpoint}/api/v1/{kind.rest_plural}/{name}"
    try:
        with Http() as http:
            http.request("GET", url, auth=credentials.authorization)
    except NotFound:
        refusal: type[CommandFailed] = RemoteNotFound
        advice = (
            f"The hub has no {kind} {name}: check the name and repo_type=, or create it with "
            f"HubApi().create_repo({name!r}, repo_type={kind.value!r})."
        )
    except (Unauthorized, Forbidden) as denial:
        refusal, advice = AuthenticationFailed, str(denial)
    except HubError:
        return error
    else:
        return error
    facts = (error.command, error.returncode, error.stdout, error.stderr, error.cwd)
    return refusal(*facts, advice)


def _existing(folder: Path, remote: Remote, credentials: Credentials) -> WorkTree:
    tree = WorkTree(folder)
    settings = tree.settings()
    name = remotes.meant(settings, tree.refs.head_ref())
    if not settings.get(f"remote.{name}.url"):
        raise InvalidInput(
            f"{folder} is a Git repository without a remote {name!r}; add it with "
            f"`git remote add {name} {remote.url}`, then open the folder without clone_from"
        )
    url = remotes.addresses(settings, folder, name, None).configured
    there = parse_remote(url, endpoint=credentials.endpoint) if "://" in url else Remote(url)
    if not same_remote(there.url, remote.url):
        raise InvalidInput(
            f"{folder} is a clone of {there.url}, not of {remote.url}; choose another folder, or "
            "open it without clone_from"
        )
    return tree


def _clone(folder: Path, remote: Remote, credentials: Credentials) -> None:
    """Clone aside and move the finished clone into place.

    A clone that was killed half way would pass for a working copy in which somebody deleted files.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # An empty folder may be a disk of its own, such as a volume; work in it can be moved there.
    places = (folder,) if folder.is_dir() else (folder.parent, f".{folder.name[:60]}.cloning")
    with scratch(*places) as aside:
        git = Git(
            aside,
            env={"GIT_LFS_SKIP_SMUDGE": "1"},
            config=[*filter_process.DISABLED, *credentials.git_config(remote)],
        )
        options = ["--quiet", "--no-recurse-submodules", f"--origin={_REMOTE}"]
        with loading() if remote.url.startswith("http") else contextlib.nullcontext():
            git.run("clone", *options, "--", remote.url, "clone")
        _equip(Git(aside / "clone"), aside / "clone" / ".git")
        _move(aside / "clone", folder)


def _move(clone: Path, folder: Path) -> None:
    """Move a clone into place, its ``.git`` last: only that makes the folder a working copy."""
    if not folder.exists():
        clone.rename(folder)
        return
    for child in sorted(clone.iterdir(), key=lambda path: path.name == ".git"):
        child.rename(folder / child.name)


def _adopt(folder: Path, remote: Remote, credentials: Credentials) -> None:
    """Let a folder with files join: history first, then the index, then the files it lacks.

    All of it is prepared aside. The folder becomes a working copy when ``.git`` is renamed into it,
    which is the last step; its own files are never touched.
    """
    with scratch(folder) as aside:
        work = {"GIT_DIR": str(aside / ".git"), "GIT_WORK_TREE": str(folder.absolute())}
        config = [*filter_process.DISABLED, *credentials.git_config(remote)]
        branch, tip = _remote_head(Git(aside.anchor, config=config), remote)
        algorithm = ["--object-format=sha256"] if tip and len(tip) == 64 else []
        Git(aside).run("init", "--quiet", f"--initial-branch={branch}", *algorithm)
        git = Git(folder, env=work, config=config)
        git.run("remote", "add", _REMOTE, remote.url)
        git.run("fetch", "--quiet", _REMOTE)
        _equip(Git(aside), aside / ".git")
        if tip:
            _start_at(git, branch)
            _add_absent_files(git, folder, aside / "files")
        (aside / ".git").rename(folder / ".git")


def _remote_head(git: Git, remote: Remote) -> tuple[str, str | None]:
    """Return the remote's default branch and its tip; ``main`` and ``None`` for an empty one."""
    output = git.run("ls-remote", "--symref", remote.url, "HEAD").stdout
    for line in output.split(b"\n"):
        if line.startswith(b"ref: refs/heads/") and line.endswith(b"\tHEAD"):
            name = line[len(b"ref: refs/heads/") : -len(b"\tHEAD")].decode(
                "utf-8", "surrogateescape"
            )
            return name, parse.ls_remote(output).get("HEAD")
    return "main", parse.ls_remote(output).get("HEAD")


def _start_at(git: Git, branch: str) -> None:
    git.run("update-ref", f"refs/heads/{branch}", f"refs/remotes/{_REMOTE}/{branch}")
    git.run("symbolic-ref", f"refs/remotes/{_REMOTE}/HEAD", f"refs/remotes/{_REMOTE}/{branch}")
    git.run("config", f"branch.{branch}.remote", _REMOTE)
    git.run("config", f"branch.{branch}.merge", f"refs/heads/{branch}")
    git.run("read-tree", "HEAD")


def _add_absent_files(git: Git, folder: Path, aside: Path) -> None:
    """Write the files that the folder lacks, aside first, and rename them into place.

    Where a file of the folder stands in the way of a folder of the repository, that file is a
    change like any other, and stays.
    """
    absent = [
        name
        for name in parse.paths(git.run("ls-files", "-z", "--deleted").stdout)
        if not _is_obstructed(folder, name)
    ]
    if not absent:
        return
    aside.mkdir()
    names = parse.z_join(absent)
    git.run("checkout-index", "-z", "--stdin", f"--prefix={aside.absolute()}/", stdin=names)
    for name in absent:
        target = safe_join(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() and not target.is_symlink():
            (aside / name).rename(target)


def _is_obstructed(folder: Path, name: str) -> bool:
    parents = (folder / parent for parent in PurePosixPath(name).parents)
    return any(parent.is_symlink() or parent.is_file() for parent in parents)
