"""From operations to commits: prepared once, planned against the branch, sent, pushed, checked.

Nothing that a reader of the branch could see is done before all objects are on the hub, and the
branch moves in one step. If somebody else moves it first, the plan is made anew on what they left:
both sides' files are there afterwards, and of a file that both wrote, the later one's content.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.config import settings
from csgrepo.errors import InvalidInput, NotFound
from csgrepo.hub.commits import plan as planning
from csgrepo.hub.commits.content import read_content
from csgrepo.hub.commits.folder import is_match
from csgrepo.hub.commits.git_route import GitRoute
from csgrepo.hub.commits.keeping import Keeping, Wish, keep
from csgrepo.hub.commits.objects import Sent, send_objects
from csgrepo.hub.commits.operation import CommitOperationAdd, checked
from csgrepo.hub.commits.preupload import preupload
from csgrepo.hub.commits.receipt import CommitInfo
from csgrepo.hub.commits.rest_route import RestRoute
from csgrepo.hub.commits.routes import BranchMoved, Site, Writing, conflict, open_to_git
from csgrepo.hub.commits.rules import rules_above
from csgrepo.hub.commits.trees import Base, Trees
from csgrepo.hub.connection import repo_path
from csgrepo.hub.git_refs import Advertised
from csgrepo.hub.reading import text
from csgrepo.lfs.attributes import FILE as ATTRIBUTES
from csgrepo.lfs.hashes import Hashes
from csgrepo.progress import Reporter
from csgrepo.repo_id import check_ref_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from csgrepo.hub.commits.content import Content
    from csgrepo.hub.commits.operation import CommitOperationDelete, Operation
    from csgrepo.hub.commits.plan import Part, Plan
    from csgrepo.hub.commits.preupload import Answer
    from csgrepo.hub.commits.routes import Route
    from csgrepo.hub.connection import HubConnection
    from csgrepo.repo_id import RepoId

__all__ = ["Order", "commit"]

_READERS = 4
_MOVES_TAKEN = 60  # how often somebody else may be first
_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted besides the operations.

    Attributes:
        message: the commit's first line.
        description: the rest of it.
        branch: the branch; the default one where not given.
        parent: the commit that the branch must stand at.
        create_branch: make the branch where there is none.
        dry_run: only tell what would be done.
        makes_repo: whether the repository is made where there is none; that is done by then, but
            for a dry run.
        in_parts: whether it may be several commits.
        swept: a folder, and patterns of what is to be deleted in it unless it is written.
    """

    message: str
    description: str = ""
    branch: str | None = None
    parent: str | None = None
    create_branch: bool = False
    dry_run: bool = False
    makes_repo: bool = False
    in_parts: bool = False
    swept: tuple[str, Sequence[str]] | None = None


def commit(
    hub: HubConnection, repo: RepoId, operations: Sequence[Operation], order: Order
) -> CommitInfo:
    """Do it; see `HubApi.create_commit`."""
    if not order.message.strip():
        raise InvalidInput("a commit needs a message")
    if order.branch is not None:
        check_ref_name(order.branch)
    adds, deletes = checked(operations)
    with tempfile.TemporaryDirectory(prefix="csgrepo-upload-") as scratch:
        refs, branch = _looked_at(hub, repo, order)
        site = Site(hub, repo, branch, Trees(hub, repo), Path(scratch), Reporter(str(repo)))
        route: Route = GitRoute(site, refs) if refs else RestRoute(site)
        return _Committer(site, route, order).run(refs or route.look(), adds, deletes)


def _looked_at(hub: HubConnection, repo: RepoId, order: Order) -> tuple[Advertised | None, str]:
    """Return the refs, ``None`` where the hub refuses git, and the branch that is meant."""
    try:
        return open_to_git(hub, repo), order.branch or _default_branch(hub, repo)
    except NotFound:
        if not (order.dry_run and order.makes_repo):
            raise
        who = hub.account()
        if repo.namespace not in {who.name, *who.organizations}:
            raise  # nor could it be made
    return Advertised(), order.branch or "main"


def _default_branch(hub: HubConnection, repo: RepoId) -> str:
    fields = hub.data(repo_path(repo))
    return check_ref_name(text(fields, "default_branch") or "main")


@dataclass(slots=True)
class _Done:
    """What was done so far."""

    commits: list[str] = field(default_factory=list)
    sent: Sent = field(default_factory=Sent)
    attributes: bool = False


class _Committer:
    """One call's work."""

    def __init__(self, site: Site, route: Route, order: Order) -> None:
        self._site = site
        self._route = route
        self._order = order
        self._done = _Done()
        self._has_new_attributes = False
        self._contents: dict[str, Content] = {}

    def run(
        self,
        refs: Advertised,
        adds: Mapping[str, CommitOperationAdd],
        deletes: Sequence[CommitOperationDelete],
    ) -> CommitInfo:
        self._site.trees.used = refs.hash
        base = self._base(refs)
        self._contents = self._read(adds)
        self._complete_attributes()
        answers = self._ask(base, self._contents)
        gone = self._gone(base, deletes) | set(self._swept(base))
        plan = planning.decide(self._contents, answers, frozenset(gone))
        if not (self._order.dry_run or plan.is_empty):
            base = self._carry_out(base, plan, answers)
        return self._receipt(base.commit, plan)

    # -- what is there, and what is meant ------------------------------------------------------

    def _base(self, refs: Advertised) -> Base:
        """Return what the branch holds, or what a new one is to begin at."""
        site, wanted = self._site, self._order.parent
        head = refs.refs.get(site.ref, "")
        if head:
            if wanted not in {None, head} and wanted not in self._done.commits:
                raise conflict(site, f"{site.branch} is at {head}, not at {wanted}")
            return self._route.base(head)
        others = [name for name in refs.refs if name.startswith("refs/heads/")]
        if others and not self._order.create_branch:
            raise site.hub.missing(
                f"{site.repo} has no branch {site.branch!r}; pass create_branch=True to make it",
                repo_path(site.repo),
            )
        if others and not wanted:
            wanted = refs.refs.get(f"refs/heads/{_default_branch(site.hub, site.repo)}")
        return self._route.base(wanted or "")

    def _read(self, adds: Mapping[str, CommitOperationAdd]) -> dict[str, Content]:
        """Read everything that is to be added, each file once."""
        site = self._site

        hashes = Hashes(settings().home / "hashes")

        def read(add: CommitOperationAdd) -> Content:
            with site.reporter.task("hash", add.path_in_repo) as task:
                return read_content(add, site.trees.used, site.scratch, task.advance, hashes=hashes)

        with ThreadPoolExecutor(_READERS, thread_name_prefix="csgrepo-hash") as pool:
            try:
                return dict(zip(adds, pool.map(read, adds.values()), strict=True))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                hashes.save()

    def _complete_attributes(self) -> None:
        """Have a ``.gitattributes`` that comes along name the files that git cannot keep.

        Done first, and whether or not they are there already: the same call has to come to the
        same file every time.
        """
        if ATTRIBUTES not in self._contents:
            return
        large = {p: Wish(c.size, True) for p, c in self._contents.items() if not c.blob}
        rules = {
            path: content.whole()
            for path, content in self._contents.items()
            if path.rpartition("/")[2] == ATTRIBUTES
        }
        with self._folder() as folder:
            merged = keep(large, rules, folder).attributes
        if merged is not None:
            add = CommitOperationAdd(ATTRIBUTES, merged)
            self._contents[ATTRIBUTES] = read_content(
                add, self._site.trees.used, self._site.scratch
            )

    def _ask(self, base: Base, contents: Mapping[str, Content]) -> dict[str, Answer]:
        if not base.commit or not contents:
            return {}
        sizes = {path: content.size for path, content in contents.items()}
        return preupload(self._site.hub, self._site.repo, base.commit, sizes)

    def _gone(self, base: Base, deletes: Sequence[CommitOperationDelete]) -> set[str]:
        """Return the files that are to be taken away.

        Raises:
            NotFound: there is no such file or folder.
        """
        site = self._site
        gone: set[str] = set()
        for delete in deletes:
            entry = site.trees.find(base, delete.path) if base.commit else None
            if entry is None or entry.is_folder != delete.is_folder:
                kind = "folder" if delete.is_folder else "file"
                raise site.hub.missing(
                    f"{site.repo} has no {kind} {delete.path!r} on {site.branch}",
                    repo_path(site.repo),
                )
            if delete.is_folder:
                gone.update(site.trees.below(base, delete.path, entry.oid))
            else:
                gone.add(delete.path)
        return gone

    def _swept(self, base: Base) -> Iterator[str]:
        """Yield what is there and matches the patterns of what is to be deleted."""
        if not self._order.swept or not base.commit:
            return
        folder, patterns = self._order.swept
        oid = base.tree
        if folder:
            entry = self._site.trees.find(base, folder)
            oid = entry.oid if entry and entry.is_folder else ""
        for path in self._site.trees.below(base, folder, oid):
            inner = path.removeprefix(f"{folder}/") if folder else path
            if path != ATTRIBUTES and is_match(inner, patterns):
                yield path

    # -- doing it ------------------------------------------------------------------------------

    def _carry_out(self, base: Base, plan: Plan, answers: Mapping[str, Answer]) -> Base:
        self._has_new_attributes = ATTRIBUTES in plan.written
        likely = {path: answers[path].in_lfs for path in plan.written if path in answers}
        likely |= {p: True for p in plan.written if not self._contents[p].blob}
        if self._order.in_parts:
            parts = planning.parts(
                plan,
                self._contents,
                likely,
                most_files=self._route.files_per_commit,
                most_bytes=self._route.bytes_per_commit,
            )
        else:
            parts = [planning.Part(plan.written, plan.deleted)]
        for number, part in enumerate(parts, 1):
            count = f" (part {number} of {len(parts)})" if len(parts) > 1 else ""
            base = self._commit(base, part, answers, f"{self._order.message}{count}")
        return base

    def _commit(self, base: Base, part: Part, answers: Mapping[str, Answer], message: str) -> Base:
        """Make one commit, on whatever the branch holds by then."""
        for attempt in range(_MOVES_TAKEN + 1):
            try:
                return self._try(base, part, answers, message)
            except BranchMoved as moved:
                if self._order.parent is not None or attempt == _MOVES_TAKEN:
                    raise moved.refusal from moved
            pause_s = min(_PAUSE_S * 2 ** min(attempt, 10), _LONGEST_PAUSE_S)
            time.sleep(random.uniform(0, pause_s))  # noqa: S311 - keeps writers apart
            base = self._base(self._route.look())
            part, answers = self._again(base, part)
            if not (part.written or part.deleted):
                break  # somebody else, or an attempt whose answer was lost, did it all
        return base

    def _again(self, base: Base, part: Part) -> tuple[Part, dict[str, Answer]]:
        """Plan one commit anew, on what others have left."""
        contents = {path: self._contents[path] for path in part.written}
        answers = self._ask(base, contents)
        gone = frozenset(path for path in part.deleted if self._site.trees.find(base, path))
        plan = planning.decide(contents, answers, gone)
        return planning.Part(plan.written, plan.deleted), answers

    def _try(self, base: Base, part: Part, answers: Mapping[str, Answer], message: str) -> Base:
        contents = {path: self._contents[path] for path in part.written}
        keeping = self._keep(base, part, answers)
        large = [contents[path] for path in contents if path in keeping.in_lfs]
        self._done.sent += send_objects(self._site, large)
        written: dict[str, Content | bytes] = {
            path: content.pointer.encode() if path in keeping.in_lfs else content
            for path, content in contents.items()
        }
        if keeping.attributes is not None:
            written[ATTRIBUTES] = keeping.attributes
            self._done.attributes = True
        body = f"{message}\n\n{self._order.description}" if self._order.description else message
        programs = frozenset(path for path, content in contents.items() if content.is_program)
        writing = Writing(body, written, frozenset(part.deleted), programs)
        made = self._route.write(base, writing)
        self._done.commits += made.commits
        return made.base

    def _keep(self, base: Base, part: Part, answers: Mapping[str, Answer]) -> Keeping:
        # The hub judges names by the attributes that it has, not by those that come along.
        by_name = {} if self._has_new_attributes else answers
        wishes = {
            path: Wish(self._contents[path].size, path in by_name and by_name[path].in_lfs)
            for path in part.written
        }
        going = frozenset(part.deleted)
        rules = rules_above(self._site, base, part.written, coming=self._contents, going=going)
        with self._folder() as folder:
            return keep(wishes, dict(rules), folder)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._site.scratch) as folder:
            yield Path(folder)

    def _receipt(self, oid: str, plan: Plan) -> CommitInfo:
        page = self._site.repo.web_url(self._site.hub.endpoint)
        updated = plan.updated
        if self._done.attributes and ATTRIBUTES not in plan.written:
            updated = (ATTRIBUTES, *updated)
        return CommitInfo(
            oid=oid,
            url=f"{page}/commit/{oid}" if oid else page,
            branch=self._site.branch,
            message=self._order.message,
            description=self._order.description,
            commits=tuple(self._done.commits),
            added=plan.added,
            updated=updated,
            unchanged=plan.unchanged,
            deleted=plan.deleted,
            ignored=plan.ignored,
            objects_sent=self._done.sent.objects,
            bytes_sent=self._done.sent.size_bytes,
            dry_run=self._order.dry_run,
        )
