"""One model trained, saved, pushed, cloned and compared: what `csgrepo demo` does on its hub."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from csgrepo.cli.following import follow
from csgrepo.cli.summary import Summary
from csgrepo.cli.training import Training
from csgrepo.errors import QueueError, VerificationFailed
from csgrepo.files import hash_file
from csgrepo.http import Http
from csgrepo.jobs.roster import Roster
from csgrepo.progress import Reporter
from csgrepo.progress.bars import bars
from csgrepo.progress.label import duration, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from csgrepo.repository import Repository

__all__ = ["REPOSITORY", "Trial"]

REPOSITORY = "demo/first-model"
CHECKPOINTS = 3
STEPS_BETWEEN = 15
_ENDING_S = 20.0

Digest = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Save:
    """One checkpoint: what was written, and the push that carries it.

    Attributes:
        files: SHA-256 and size by name, taken when the training wrote them.
        commit: the commit that holds them.
        command: the push in the background.
        held_up_s: seconds the training waited for csgrepo.
        began: when the waiting began, as `time.monotonic` counts.
    """

    files: dict[str, Digest]
    commit: str
    command: Any
    held_up_s: float
    began: float


class Trial:
    """Train and save on one side, clone and download on the other, and compare.

    Args:
        endpoint: the hub.
        token: an account's token, whose namespace is that of `REPOSITORY`.
        folder: an empty folder for everything that is written.
        say: called with each line of the story.

    Example:
        >>> print(Trial(hub.url, token, folder, print).run())  # doctest: +SKIP
    """

    def __init__(
        self, endpoint: str, token: str, folder: Path, say: Callable[[str], object]
    ) -> None:
        self._endpoint = endpoint
        self._token = token
        self._folder = folder
        self._say = say
        self._saves: list[_Save] = []
        self._problems: list[str] = []

    def run(self) -> Summary:
        """Do all of it.

        Raises:
            VerificationFailed: something is not what was saved.
            QueueError: a push failed.
        """
        began = time.monotonic()
        with self._working_copy() as repo:
            training, training_s = self._train(repo)
            pushing_s = self._wait(repo)
            expected = self._expected(repo)
        cloned = self._compare_clone(expected)
        downloaded = self._compare_downloads()
        if self._problems:
            raise VerificationFailed(f"{self._endpoint}, asked for {REPOSITORY},", self._problems)
        saved = [digest for save in self._saves for digest in save.files.values()]
        return Summary(
            repository=REPOSITORY,
            url=self._saves[-1].command.receipt.url,
            commits=tuple(save.commit for save in self._saves),
            receipts=len(self._saves),
            files_saved=len(saved),
            bytes_saved=_bytes(saved),
            steps=training.step_count,
            first_loss=training.losses[0],
            last_loss=training.losses[-1],
            training_s=training_s,
            held_up_s=tuple(save.held_up_s for save in self._saves),
            pushing_s=pushing_s,
            files_cloned=len(cloned),
            files_downloaded=len(downloaded),
            bytes_verified=_bytes(cloned) + _bytes(downloaded),
            total_s=time.monotonic() - began,
        )

    @contextlib.contextmanager
    def _working_copy(self) -> Iterator[Repository]:
        from csgrepo.hub import HubApi

        with HubApi(endpoint=self._endpoint, token=self._token) as api:
            api.create_repo(REPOSITORY)
        repo = self._clone("work")
        try:
            yield repo
        finally:
            _dismiss(repo)

    def _clone(self, name: str) -> Repository:
        from csgrepo.repository import Repository

        with bars():
            return Repository(
                self._folder / name,
                clone_from=REPOSITORY,
                token=self._token,
                endpoint=self._endpoint,
                git_user="Demo",
                git_email="demo@localhost",
                every_rank=True,
            )

    def _train(self, repo: Repository) -> tuple[Training, float]:
        training = Training()
        began = time.monotonic()
        for _ in range(CHECKPOINTS):
            for _ in range(STEPS_BETWEEN):
                training.step()
            self._save(repo, training)
        return training, time.monotonic() - began

    def _save(self, repo: Repository, training: Training) -> None:
        root = Path(repo.local_dir)
        files = {path.relative_to(root).as_posix(): hash_file(path) for path in training.save(root)}
        began = time.monotonic()
        message = f"Step {training.step_count}"
        repo.push_to_hub(commit_message=message, blocking=False)
        held_up_s = time.monotonic() - began
        push = repo.command_queue[-1]
        self._saves.append(_Save(files, repo.git_head_hash(), push, held_up_s, began))
        self._say(
            f"step {training.step_count:3}  loss {training.losses[-1]:.3f}  saved "
            f"{len(files)} files, {size(_bytes(files.values()))}; "
            f"training waited {duration(held_up_s)}, the push goes on in the background"
        )

    def _wait(self, repo: Repository) -> float:
        """Wait for the pushes, and return how long after the first save the last one ended."""
        self._say("waiting for the pushes")
        follow(repo.command_queue)
        for save in self._saves:
            receipt = save.command.receipt
            if receipt is None or receipt.commit != save.commit:
                self._problems.append(f"the push of commit {save.commit} has no receipt")
        if self._problems:
            raise QueueError(self._problems)
        return time.monotonic() - self._saves[0].began

    def _expected(self, repo: Repository) -> dict[str, Digest]:
        """Return what a clone has to hold; the newest save of each name is part of it."""
        expected = _digests(Path(repo.local_dir))
        newest = {name: digest for save in self._saves for name, digest in save.files.items()}
        self._compare("the working copy", newest, {name: expected.get(name) for name in newest})
        return expected

    def _compare_clone(self, expected: dict[str, Digest]) -> list[Digest]:
        self._say("cloning it elsewhere")
        found = _digests(Path(self._clone("clone").local_dir))
        self._compare("the clone", expected, found)
        return list(found.values())

    def _compare_downloads(self) -> list[Digest]:
        """Fetch every file of every save over plain HTTP, at the commit it was saved in."""
        self._say("downloading every file of every commit over HTTP")
        fetched = []
        target = self._folder / "downloaded"
        with Http() as http, bars():
            for save in self._saves:
                found = {name: self._download(http, save, name, target) for name in save.files}
                self._compare(f"the download of commit {save.commit[:10]}", save.files, found)
                fetched += list(found.values())
        return fetched

    def _download(self, http: Http, save: _Save, name: str, target: Path) -> Digest:
        url = f"{self._endpoint}/csg/{REPOSITORY}/resolve/{save.commit}/{quote(name)}"
        task = Reporter(REPOSITORY).task("download", name, save.files[name][1])
        with task, target.open("wb") as stream:
            http.download(url, stream, on_bytes=task.advance)
        return hash_file(target)

    def _compare(
        self, where: str, expected: Mapping[str, Digest], found: Mapping[str, Digest | None]
    ) -> None:
        for name in sorted(expected.keys() | found.keys()):
            wanted, got = expected.get(name), found.get(name)
            if wanted != got:
                self._problems.append(f"{name} in {where} is {_shown(got)}, not {_shown(wanted)}")


def _dismiss(repo: Repository) -> None:
    """End what works in the background: the folder is about to go, and nobody may write there."""
    for command in repo.commands_in_progress:
        command.cancel()
        command.wait(_ENDING_S)
    for command in repo.command_queue:
        worker = Roster(command.journal).worker_of(command.id)
        if worker is not None:
            worker.send(signal.SIGTERM)
    for thread in threading.enumerate():
        if thread.name.startswith("csgrepo-worker-"):
            thread.join(_ENDING_S)


def _digests(root: Path) -> dict[str, Digest]:
    """Return SHA-256 and size of every file under a working copy, by name."""
    return {
        path.relative_to(root).as_posix(): hash_file(path)
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


def _bytes(digests: Iterable[Digest]) -> int:
    return sum(count for _, count in digests)


def _shown(digest: Digest | None) -> str:
    return f"{digest[0]} ({digest[1]} bytes)" if digest else "missing"
