"""Looking at everything at once, in under five seconds, and leaving all as it is.

Nothing here opens a `Repository`: that would take up interrupted work. Each check runs in a thread
of its own that nobody waits for longer than the whole may take: a name server or a disk that hangs
holds up its own check only.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo import config
from csgrepo.credentials import Credentials
from csgrepo.doctor import account, objects, programs, remote, room, workcopy
from csgrepo.doctor.asking import Answer, Asker, git_proxy_check
from csgrepo.doctor.report import Check, Finding, Report
from csgrepo.errors import GitError, LfsError, NotARepository
from csgrepo.git import remotes
from csgrepo.git.refs import Refs
from csgrepo.git.runner import Git
from csgrepo.git.settings import GitSettings
from csgrepo.http import Http, origin
from csgrepo.lfs.endpoint import locate
from csgrepo.redact import redact
from csgrepo.repo_id import Remote, parse_remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.redact import Secret

__all__ = ["Subject", "examine", "subject_of"]

WITHIN_S = 5.0
# Of the time there is: what all may take (the rest is for starting and telling), and one question.
_WHOLE = 0.8
_SILENCE = 0.4
_SETTINGS = 0.3
_QUIET = {"GIT_OPTIONAL_LOCKS": "0"}

_NETWORK = {"hub", "token", "repository", "push", "lfs", "branch"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be looked at.

    Attributes:
        folder: the working copy, or the folder one would be made in.
        is_working_copy: which of the two.
        remote: where pushes go; ``None`` where that is not known.
    """

    folder: Path
    is_working_copy: bool = False
    remote: Remote | None = None


def subject_of(target: str | None, endpoint: str, repo_type: str | None = None) -> Subject:
    """Return what a person means: a working copy, an address, an id, or nothing in particular.

    Args:
        target: a folder that exists is a working copy, anything else an id or an address; with
            none, the working copy that the current folder belongs to.
        endpoint: the hub's address.
        repo_type: the kind of repository an id is of.

    Raises:
        NotARepository: a folder that exists and belongs to no working copy.
        InvalidInput: what cannot be an address.
    """
    here = Path(target) if target else Path.cwd()
    if target and not here.is_dir():
        return Subject(
            Path.cwd(), remote=parse_remote(target, endpoint=endpoint, repo_type=repo_type)
        )
    here = here.absolute()
    root = next((path for path in (here, *here.parents) if (path / ".git").exists()), None)
    if root:
        return Subject(root, is_working_copy=True)
    if target:
        raise NotARepository(f"{here} is in no working copy")
    return Subject(here)


def examine(
    subject: Subject,
    *,
    endpoint: str,
    token: str | Secret | bool | None = True,
    need_bytes: int = 0,
    branch: str | None = None,
    within_s: float = WITHIN_S,
) -> Report:
    """Look at all that a push needs.

    Args:
        subject: what is to be pushed from, or to.
        endpoint: the hub's address.
        token: as everywhere: a token, ``True`` to look for one, ``False`` for none.
        need_bytes: what will be written to the disk.
        branch: the branch that will be pushed; the one that is checked out where not given.
        within_s: how long it may take; what is not known by then is told as such.
    """
    began = time.monotonic()
    known = account.found_token(endpoint, token)
    place = endpoint.rstrip("/")
    visit = _Visit(subject, place, known, need_bytes, within_s, looks=token is True)
    visit.prepare(branch)
    left_s = max(_WHOLE * within_s - (time.monotonic() - began), _SILENCE * within_s)
    checks = [*visit.known, *_at_once(visit.tasks(), left_s)]
    visit.close()
    where = str(subject.folder) if subject.is_working_copy else ""
    shown = where or (visit.remote.url if visit.remote else "") or endpoint
    return Report(redact(shown), tuple(checks), time.monotonic() - began)


class _Visit:
    """The facts that several checks need, and the checks that follow from them."""

    def __init__(
        self,
        subject: Subject,
        endpoint: str,
        token: account.Token,
        need_bytes: int,
        within_s: float,
        *,
        looks: bool,
    ) -> None:
        self._looks = looks
        self.subject = subject
        self.endpoint = endpoint
        self.token = token
        self.need_bytes = need_bytes
        self.remote = subject.remote
        self.branch = "main"
        self.known: list[Check] = []
        self._settings = GitSettings({})
        self._refs: Refs | None = None
        self._remote_name = ""
        self._silence_s = _SILENCE * within_s
        self._settings_s = _SETTINGS * within_s
        http = Http(retries=0, silence_s=self._silence_s)
        self._asker = Asker(self._credentials().authorization, http)

    def close(self) -> None:
        """Close the connections."""
        self._asker.http.close()

    def _credentials(self) -> Credentials:
        folder = self.subject.folder if self.subject.is_working_copy else None
        return Credentials(
            self.endpoint,
            # Where none was found, git's credential helpers may have one: a push asks them, too.
            (self._looks and not self.token.trouble) or self.token.secret,
            found=self.token.secret if self._looks else None,
            also=[self.remote] if self.remote else [],
            folder=folder,
        )

    def prepare(self, branch: str | None) -> None:
        """Read git's settings, and from them where pushes go."""
        folder = self.subject.folder
        try:
            git = Git(folder, env=_QUIET)
            self._settings = GitSettings.of(git, timeout=self._settings_s)
            if self.subject.is_working_copy:
                self._refs = Refs(folder)
                self._follow_remote()
        except GitError as error:
            self._tell_of(error)
        if self._settings.get("http.sslverify").lower() in {"false", "no", "off", "0"}:
            words = "git does not check certificates here (http.sslVerify is off)"
            line = "git config --unset http.sslVerify  # --global where it is set for all"
            self.known.append(Check("certificates", findings=(Finding("CSG308", words, line),)))
        self._asker = replace(self._asker, auth=self._credentials().authorization)
        if branch:
            self.branch = branch

    def _tell_of(self, error: GitError) -> None:
        if self._refs is not None:
            words, line = str(error), f"git -C '{self.subject.folder}' remote -v"
            self.known.append(Check("push", findings=(Finding("CSG506", words, line),)))

    def _follow_remote(self) -> None:
        refs = self._refs
        head = refs.head_ref() if refs else None
        if head:
            self.branch = head.removeprefix("refs/heads/")
        self._remote_name = remotes.meant(self._settings, head)
        where = remotes.addresses(self._settings, self.subject.folder, self._remote_name, None)
        push = where.push
        if remotes.is_ssh(push) and "@" not in push.partition(":")[0]:
            self.remote = Remote(push)
        else:
            self.remote = parse_remote(push, endpoint=self.endpoint)

    # -- which checks there are ----------------------------------------------------------------

    def tasks(self) -> dict[str, Callable[[], Check]]:
        """Return the checks, each by its name."""
        found: dict[str, Callable[[], Check]] = {
            "git": lambda: programs.git_check(self._installed("git")),
            "git-lfs": lambda: programs.lfs_check(self._installed("git-lfs")),
            "identity": self._identity,
            "disk": lambda: room.room_check(room.room_of(self.subject.folder), self.need_bytes),
        }
        if self.remote is None or self._is_hub:
            found |= {"hub": self._hub, "token": self._token}
        if self.remote is not None:
            found |= self._remote_tasks(self.remote)
        if self._refs is not None:
            found |= self._local_tasks(self._refs)
        return found

    @property
    def _is_hub(self) -> bool:
        """Whether the repository is one of the hub's."""
        return self.remote is not None and self.remote.repo is not None

    def _remote_tasks(self, there: Remote) -> dict[str, Callable[[], Check]]:
        if there.local_path is not None and not remotes.is_ssh(there.url):
            folder = there.local_path
            return {"push": lambda: remote.folder_check(folder, self.branch, self._silence_s)}
        if not there.is_http:
            git = Git(self.subject.folder, env=_QUIET)
            return {"push": lambda: remote.ssh_check(git, there.url, self._silence_s)}
        ours = there.repo is not None
        tasks: dict[str, Callable[[], Check]] = {}
        if repo := there.repo:
            tasks["repository"] = lambda: remote.repository_check(
                remote.ask_repository(self._asker, self.endpoint, repo), there.url
            )
        if (proxy := self._git_proxy(there.url)) and not config.bypasses_proxies(there.url):
            tasks["proxy"] = lambda: git_proxy_check(proxy, there.url)
        tasks |= {
            "push": lambda: remote.push_check(
                there.url, remote.ask_push(self._asker, there.url), is_on_the_hub=ours
            ),
            "lfs": self._lfs,
        }
        if not repo:
            tasks["branch"] = lambda: remote.protection_check(
                self.branch, remote.ask_protection(self._asker, there.url, self.branch)
            )
        return tasks

    def _local_tasks(self, refs: Refs) -> dict[str, Callable[[], Check]]:
        folder, git_dir, common_dir = self.subject.folder, refs.git_dir, refs.common_dir
        return {
            "working copy": lambda: workcopy.state_check(folder, git_dir, refs.head_ref()),
            "hooks": lambda: workcopy.equipment_check(
                workcopy.equipment_of(folder, common_dir, self._settings)
            ),
            "locks": lambda: workcopy.locks_check(folder, git_dir, common_dir),
            "jobs": lambda: workcopy.jobs_check(folder, git_dir),
        }

    # -- checks that need more than one fact -----------------------------------------------------

    def _installed(self, name: str) -> programs.Program:
        return programs.installed(name, "version", timeout_s=self._silence_s)

    def _git_proxy(self, url: str) -> str:
        """Return the proxy that git's settings name for an address; the longest match wins."""
        named = self._settings.sections("http", "proxy")
        fitting = [place for place in named if url.startswith(place.rstrip("/") + "/")]
        return named[max(fitting, key=len)] if fitting else self._settings.get("http.proxy")

    def _identity(self) -> Check:
        get = self._settings.get
        name = get("user.name") or get("author.name")
        mail = get("user.email") or get("author.email")
        return programs.identity_check(name, mail, has_account=self.token.secret is not None)

    def _hub(self) -> Check:
        nobody = Asker(lambda _: {}, self._asker.http)
        return account.hub_check(self.endpoint, account.hub_answer(nobody, self.endpoint))

    def _token(self) -> Check:
        if self.token.trouble or self.token.secret is None:
            return account.token_check(self.token, self.endpoint, Answer(self.endpoint))
        answer = account.hub_answer(self._asker, self.endpoint)
        return account.token_check(self.token, self.endpoint, answer)

    def _lfs(self) -> Check:
        there = self.remote
        if there is None:
            return Check("lfs")
        shared = GitSettings({})
        if self._refs is not None:
            git = Git(self.subject.folder, env=_QUIET)
            shared = GitSettings.of(git, "--file=.lfsconfig", timeout=self._settings_s)
        try:
            where = locate(self._remote_name, there.url, "upload", self._settings, shared)
        except LfsError as error:
            return Check("lfs", findings=(Finding("CSG601", str(error)),))
        if where.folder is not None:
            return Check("lfs", f"in {where.folder}")
        is_hub = origin(where.url) == origin(self.endpoint)
        return objects.lfs_check(where.url, objects.ask_lfs(self._asker, where.url), is_hub=is_hub)


def _at_once(tasks: dict[str, Callable[[], Check]], within_s: float) -> list[Check]:
    """Run all checks beside each other; those that do not end in time are told as such."""
    done: queue.SimpleQueue[tuple[str, Check]] = queue.SimpleQueue()
    for name, task in tasks.items():
        threading.Thread(target=_run, args=(name, task, done), daemon=True).start()
    found: dict[str, Check] = {}
    until = time.monotonic() + within_s
    while len(found) < len(tasks):
        try:
            name, check = done.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            break
        found[name] = check
    return [found.get(name) or _late(name) for name in tasks]


def _run(name: str, task: Callable[[], Check], done: queue.SimpleQueue[tuple[str, Check]]) -> None:
    try:
        check = task()
    except Exception as error:  # noqa: BLE001 - one check's fault must not keep the others back
        words = f"{name} could not be checked: {redact(str(error)) or type(error).__name__}"
        check = Check(name, findings=(Finding("CSG902", words),))
    done.put((name, check))


def _late(name: str) -> Check:
    words = f"the check of {name} did not end in time"
    if name in _NETWORK:
        words += "; the network or a name server hangs"
    return Check(name, findings=(Finding("CSG901", words, "run csgrepo doctor again"),))
