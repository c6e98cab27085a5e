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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from csgrepo.errors import BadRequest, Conflict, InvalidInput, VerificationFailed
from csgrepo.files import disk_errors
from csgrepo.hub.commits import plan as planning
from csgrepo.hub.commits.content import read_content
from csgrepo.hub.commits.folder import is_match
from csgrepo.hub.commits.keeping import Keeping, Wish, keep
from csgrepo.hub.commits.objects import Sent, send_objects
from csgrepo.hub.commits.operation import CommitOperationAdd, checked
from csgrepo.hub.commits.over_rest import OverRest, Written, is_refusal_of_git
from csgrepo.hub.commits.pack import commit_bytes, object_id, write_pack
from csgrepo.hub.commits.preupload import preupload
from csgrepo.hub.commits.push import LARGEST_PUSH, BranchMoved, Move, push
from csgrepo.hub.commits.receipt import CommitInfo
from csgrepo.hub.commits.trees import Base, Trees, changed
from csgrepo.hub.connection import repo_path
from csgrepo.hub.git_refs import advertised
from csgrepo.hub.reading import text
from csgrepo.lfs.attributes import FILE as ATTRIBUTES
from csgrepo.progress import Reporter
from csgrepo.repo_id import check_ref_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from csgrepo.hub.commits.content import Content
    from csgrepo.hub.commits.operation import CommitOperationDelete, Operation
    from csgrepo.hub.commits.plan import Part, Plan
    from csgrepo.hub.commits.preupload import Answer
    from csgrepo.hub.connection import HubConnection
    from csgrepo.hub.git_refs import Advertised
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
        in_parts: whether it may be several commits.
        missing_ok: whether what is to be deleted may be gone already.
        swept: a folder, and patterns of what is to be deleted in it unless it is written.
    """

    message: str
    description: str = ""
    branch: str | None = None
    parent: str | None = None
    create_branch: bool = False
    dry_run: bool = False
    in_parts: bool = False
    missing_ok: bool = False
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
        return _Committer(hub, repo, order, Path(scratch)).run(adds, deletes)


@dataclass(slots=True)
class _State:
    """The branch as it was last seen.

    Attributes:
        refs: what the hub told about its refs.
        base: what the next commit is made on.
    """

    refs: Advertised
    base: Base


@dataclass(slots=True)
class _Done:
    """What was done so far."""

    commits: list[str] = field(default_factory=list)
    sent: Sent = field(default_factory=Sent)
    attributes: bool = False


class _Committer:
    """One call's work."""

    def __init__(self, hub: HubConnection, repo: RepoId, order: Order, scratch: Path) -> None:
        self._hub = hub
        self._repo = repo
        self._order = order
        self._scratch = scratch
        self._reporter = Reporter(str(repo))
        self._branch = ""
        self._signature = ""
        self._has_new_attributes = False
        self._contents: dict[str, Content] = {}
        self._over_rest: OverRest | None = None

    def run(
        self, adds: Mapping[str, CommitOperationAdd], deletes: Sequence[CommitOperationDelete]
    ) -> CommitInfo:
        refs = self._advertised()
        self._trees = Trees(self._hub, self._repo, refs.hash)
        state = _State(refs, self._base(refs))
        self._contents = self._read(adds, refs.hash)
        self._complete_attributes(refs.hash)
        answers = self._ask(state.base, self._contents)
        gone = self._gone(state.base, deletes, missing_ok=self._order.missing_ok)
        plan = planning.decide(self._contents, answers, gone)
        done = _Done()
        if not (self._order.dry_run or plan.is_empty):
            self._carry_out(state, plan, answers, done)
        return self._receipt(state, plan, done)

    def _advertised(self) -> Advertised:
        """Return the refs, and settle which branch is meant and how it is written to."""
        try:
            refs = advertised(self._hub, self._repo, "git-receive-pack")
        except BadRequest as refusal:
            if not is_refusal_of_git(refusal):
                raise
            self._branch = self._order.branch or self._default_branch()
            self._over_rest = OverRest(self._hub, self._repo, self._branch)
            return self._over_rest.refs()
        self._branch = self._order.branch or self._default_branch()
        return refs

    # -- what is there, and what is meant ------------------------------------------------------

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self._branch}"

    def _default_branch(self) -> str:
        fields = self._hub.data(repo_path(self._repo))
        return check_ref_name(text(fields, "default_branch") or "main")

    def _base(self, refs: Advertised) -> Base:
        """Return what the branch holds, or what a new one is to begin at."""
        head = refs.refs.get(self._ref, "")
        wanted = self._order.parent
        if head:
            if wanted not in {None, head}:
                raise self._conflict(f"{self._branch} is at {head}, not at {wanted}")
            return self._over_rest.base(refs) if self._over_rest else self._trees.base(head)
        if self._over_rest:
            return self._over_rest.base(refs)
        others = [name for name in refs.refs if name.startswith("refs/heads/")]
        if others and not self._order.create_branch:
            raise self._hub.missing(
                f"{self._repo} has no branch {self._branch!r}; pass create_branch=True to make it",
                repo_path(self._repo),
            )
        start = wanted or (refs.refs.get(f"refs/heads/{self._default_branch()}") if others else "")
        return self._trees.base(start or "")

    def _conflict(self, words: str) -> Conflict:
        url = self._repo.git_url(self._hub.endpoint)
        return Conflict(status=200, code="", server_message=words, request_id="", url=url)

    def _read(self, adds: Mapping[str, CommitOperationAdd], used: str) -> dict[str, Content]:
        """Read everything that is to be added, each file once."""

        def read(add: CommitOperationAdd) -> Content:
            with self._reporter.task("hash", add.path_in_repo) as task:
                return read_content(add, used, self._scratch, task.advance)

        with ThreadPoolExecutor(_READERS, thread_name_prefix="csgrepo-hash") as pool:
            try:
                return dict(zip(adds, pool.map(read, adds.values()), strict=True))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _complete_attributes(self, used: str) -> None:
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
            self._contents[ATTRIBUTES] = read_content(add, used, self._scratch)

    def _ask(self, base: Base, contents: Mapping[str, Content]) -> dict[str, Answer]:
        if not base.commit or not contents:
            return {}
        sizes = {path: content.size for path, content in contents.items()}
        return preupload(self._hub, self._repo, base.commit, sizes)

    def _gone(
        self, base: Base, deletes: Sequence[CommitOperationDelete], *, missing_ok: bool
    ) -> frozenset[str]:
        """Return the files that are to be taken away.

        Raises:
            NotFound: there is no such file or folder, unless `missing_ok`.
        """
        gone: set[str] = set()
        for delete in deletes:
            entry = self._trees.find(base, delete.path) if base.commit else None
            if entry is None or entry.is_folder != delete.is_folder:
                if missing_ok:
                    continue
                kind = "folder" if delete.is_folder else "file"
                raise self._hub.missing(
                    f"{self._repo} has no {kind} {delete.path!r} on {self._branch}",
                    repo_path(self._repo),
                )
            if delete.is_folder:
                gone.update(self._trees.below(base, delete.path, entry.oid))
            else:
                gone.add(delete.path)
        return frozenset(gone | set(self._swept(base)))

    def _swept(self, base: Base) -> Iterator[str]:
        """Yield what is there and matches the patterns of what is to be deleted."""
        if not self._order.swept or not base.commit:
            return
        folder, patterns = self._order.swept
        oid = base.tree
        if folder:
            entry = self._trees.find(base, folder)
            oid = entry.oid if entry and entry.is_folder else ""
        for path in self._trees.below(base, folder, oid):
            inner = path.removeprefix(f"{folder}/") if folder else path
            if path != ATTRIBUTES and is_match(inner, patterns):
                yield path

    # -- doing it ------------------------------------------------------------------------------

    def _carry_out(
        self, state: _State, plan: Plan, answers: Mapping[str, Answer], done: _Done
    ) -> None:
        self._signature = self._signed()
        self._has_new_attributes = ATTRIBUTES in plan.written
        likely = {path: answers[path].in_lfs for path in plan.written if path in answers}
        likely |= {p: True for p in plan.written if not self._contents[p].blob}
        parts = planning.parts(plan, self._contents, likely)
        if len(parts) > 1 and not self._order.in_parts:
            parts = [planning.Part(plan.written, plan.deleted)]
        for number, part in enumerate(parts, 1):
            count = f" (part {number} of {len(parts)})" if len(parts) > 1 else ""
            self._commit(state, part, answers, f"{self._order.message}{count}", done)

    def _commit(
        self, state: _State, part: Part, answers: Mapping[str, Answer], message: str, done: _Done
    ) -> None:
        """Make one commit, on whatever the branch holds by then."""
        for attempt in range(_MOVES_TAKEN + 1):
            try:
                self._try(state, part, answers, message, done)
            except BranchMoved as moved:
                if self._order.parent is not None or attempt == _MOVES_TAKEN:
                    raise moved.refusal from moved
            else:
                return
            pause_s = min(_PAUSE_S * 2 ** min(attempt, 10), _LONGEST_PAUSE_S)
            time.sleep(random.uniform(0, pause_s))  # noqa: S311 - keeps writers apart
            state.refs = advertised(self._hub, self._repo, "git-receive-pack")
            state.base = self._base(state.refs)
            part, answers = self._again(state.base, part)
            if not (part.written or part.deleted):
                return

    def _again(self, base: Base, part: Part) -> tuple[Part, dict[str, Answer]]:
        """Plan one commit anew, on what others have left."""
        contents = {path: self._contents[path] for path in part.written}
        answers = self._ask(base, contents)
        gone = frozenset(path for path in part.deleted if self._trees.find(base, path))
        plan = planning.decide(contents, answers, gone)
        return planning.Part(plan.written, plan.deleted), answers

    def _try(
        self, state: _State, part: Part, answers: Mapping[str, Answer], message: str, done: _Done
    ) -> None:
        contents = {path: self._contents[path] for path in part.written}
        keeping = self._keep(state.base, part, contents, answers)
        large = [contents[path] for path in contents if path in keeping.in_lfs]
        sent = send_objects(
            self._hub, self._repo, self._ref, large, scratch=self._scratch, reporter=self._reporter
        )
        done.sent = Sent(done.sent.objects + sent.objects, done.sent.size_bytes + sent.size_bytes)
        done.attributes = done.attributes or keeping.attributes is not None
        if self._over_rest:
            written = self._for_rest(contents, keeping, state.refs.hash)
            whole = f"{message}\n\n{self._order.description}".rstrip()
            done.commits += self._over_rest.write(state.base, written, part.deleted, whole)
            state.refs = self._over_rest.refs()
            state.base = self._over_rest.base(state.refs)
            return
        move, tree = self._pack(state, part, contents, keeping, message)
        with self._reporter.task("push", self._branch, move.size) as task:
            refs = push(self._hub, self._repo, state.refs, move, on_retry=task.retry)
            task.advance(move.size)
        self._check(refs, move)
        done.commits.append(move.new)
        state.refs = replace(refs, refs={**refs.refs, self._ref: move.new})
        state.base = Base(move.new, tree)

    def _for_rest(
        self, contents: Mapping[str, Content], keeping: Keeping, used: str
    ) -> dict[str, Written]:
        """Return what REST is given for each path."""
        written = {path: Written(c, c.blob, c.size) for path, c in contents.items()}
        for path in keeping.in_lfs & contents.keys():
            pointer = contents[path].pointer
            encoded = pointer.encode()
            written[path] = Written(encoded, pointer.oid, len(encoded))
        if (lines := keeping.attributes) is not None:
            written[ATTRIBUTES] = Written(lines, object_id("blob", lines, used), len(lines))
        return written

    def _check(self, refs: Advertised, move: Move) -> None:
        """Make sure that the branch holds the commit, or has gone on from it."""
        there = refs.refs.get(self._ref)
        if there == move.new:
            return
        if there:
            path = f"{repo_path(self._repo)}/commits"
            listed = self._hub.pages(
                path,
                "commits",
                lambda fields: text(fields, "id"),
                params={"ref": there},
                inner="commits",
                limit=1000,
            )
            if move.new in listed:
                return
        raise VerificationFailed(
            self._repo.git_url(self._hub.endpoint),
            [f"{self._branch} is {there or 'not there'} and does not have commit {move.new}"],
        )

    def _keep(
        self,
        base: Base,
        part: Part,
        contents: Mapping[str, Content],
        answers: Mapping[str, Answer],
    ) -> Keeping:
        # The hub judges names by the attributes that it has, not by those that come along.
        by_name = {} if self._has_new_attributes else answers
        wishes = {
            path: Wish(content.size, path in by_name and by_name[path].in_lfs)
            for path, content in contents.items()
        }
        rules = dict(self._rules(base, part, contents))
        with self._folder() as folder:
            return keep(wishes, rules, folder)

    def _rules(
        self, base: Base, part: Part, contents: Mapping[str, Content]
    ) -> Iterator[tuple[str, bytes]]:
        """Yield every ``.gitattributes`` above the files, as it will be."""
        for folder in sorted(_folders(contents)):
            path = f"{folder}/{ATTRIBUTES}" if folder else ATTRIBUTES
            if path in contents:
                yield path, contents[path].whole()
            elif path in self._contents and path not in part.deleted:
                yield path, self._contents[path].whole()
            elif base.commit and path not in part.deleted:
                entry = self._trees.find(base, path)
                if entry and not entry.is_folder:
                    yield path, self._blob(base, path, entry.oid)

    def _blob(self, base: Base, path: str, oid: str) -> bytes:
        url = f"{repo_path(self._repo)}/resolve/{quote(path)}"
        content = self._hub.ask("GET", url, params={"ref": base.commit}).content
        if object_id("blob", content, self._trees.used) != oid:
            raise VerificationFailed(
                self._repo.git_url(self._hub.endpoint),
                [f"{path} at {base.commit} came with other content than git says it has"],
            )
        return content

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            yield Path(folder)

    def _pack(
        self,
        state: _State,
        part: Part,
        contents: Mapping[str, Content],
        keeping: Keeping,
        message: str,
    ) -> tuple[Move, str]:
        """Write what the hub lacks to a file."""
        used = state.refs.hash
        blobs: dict[str, Content | bytes] = {}
        written: dict[str, str] = {}
        for path, content in contents.items():
            if path in keeping.in_lfs:
                pointer = content.pointer.encode()
                written[path] = object_id("blob", pointer, used)
                blobs[written[path]] = pointer
            else:
                written[path] = content.blob
                blobs[content.blob] = content
        if keeping.attributes is not None:
            written[ATTRIBUTES] = object_id("blob", keeping.attributes, used)
            blobs[written[ATTRIBUTES]] = keeping.attributes
        tree, folders = changed(self._trees, state.base, written, frozenset(part.deleted))
        body = f"{message}\n\n{self._order.description}" if self._order.description else message
        made = commit_bytes(
            tree,
            state.base.commit,
            signature=self._signature,
            when=int(time.time()),
            message=body,
        )

        def objects() -> Iterator[tuple[str, bytes]]:
            yield "commit", made
            for content in folders.values():
                yield "tree", content
            for blob in blobs.values():
                yield "blob", blob if isinstance(blob, bytes) else blob.whole()

        pack = self._scratch / "pack"
        with disk_errors(pack), pack.open("wb") as target:
            size = write_pack(target, 1 + len(folders) + len(blobs), objects(), used)
        if size > LARGEST_PUSH:
            raise InvalidInput(
                f"one commit with {size} bytes for git is more than the hub takes at once "
                f"({LARGEST_PUSH}); make several, use upload_folder, or keep the files in LFS"
            )
        return Move(self._ref, object_id("commit", made, used), pack, size), tree

    def _signed(self) -> str:
        account = self._hub.account()
        clean = str.maketrans("", "", "<>\n\0")
        return f"{account.name.translate(clean)} <{account.email.translate(clean)}>"

    def _receipt(self, state: _State, plan: Plan, done: _Done) -> CommitInfo:
        oid = state.base.commit
        if self._order.dry_run:
            oid = state.refs.refs.get(self._ref, "")
        page = self._repo.web_url(self._hub.endpoint)
        updated = plan.updated
        if done.attributes and ATTRIBUTES not in plan.written:
            updated = (ATTRIBUTES, *updated)
        return CommitInfo(
            oid=oid,
            url=f"{page}/commit/{oid}" if oid else page,
            branch=self._branch,
            message=self._order.message,
            description=self._order.description,
            commits=tuple(done.commits),
            added=plan.added,
            updated=updated,
            unchanged=plan.unchanged,
            deleted=plan.deleted,
            ignored=plan.ignored,
            objects_sent=done.sent.objects,
            bytes_sent=done.sent.size_bytes,
            dry_run=self._order.dry_run,
        )


def _folders(paths: Mapping[str, Content]) -> set[str]:
    """Return all folders above some files, the root among them."""
    found = {""}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found
