"""What one push is to do, written down so that another process can do it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from csgrepo.errors import InvalidInput
from csgrepo.repo_id import check_ref_name

__all__ = ["Policy", "Push"]

Policy = Literal["all", "latest"]

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs/(?:heads|tags)/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Push:
    """The intent of a push. It names a commit, so later commits do not change what is pushed.

    Attributes:
        remote: the remote's name in the clone's config, or ``""`` where it has none.
        url: where to push; never holds a password, for it is written to disk.
        commit: the full id of the commit, or of the tag object, to send.
        ref: the ref to move on the remote: ``refs/heads/…`` or ``refs/tags/…``.
        set_upstream: the local branch that follows ``ref`` from then on, or ``None``.
        auto_lfs_prune: whether local LFS objects go once the server confirms that it has them.
        title: what a person calls it, such as ``push main to https://hub/a/b``.
        policy: ``"all"``: it is carried out whatever comes after it; ``"latest"``: while it waits,
            a newer push of the same branch may take its place and carry its commits along.
        delete_local: whether large files become pointers once the server confirmed to have them.

    Raises:
        InvalidInput: a field cannot mean what was meant.
    """

    remote: str
    url: str
    commit: str
    ref: str
    set_upstream: str | None = None
    auto_lfs_prune: bool = False
    title: str = ""
    policy: Policy = "all"
    delete_local: bool = False

    def __post_init__(self) -> None:
        if not _SHA.fullmatch(self.commit):
            raise InvalidInput(f"{self.commit!r} is not a full commit id")
        if not (match := _REF.fullmatch(self.ref)):
            raise InvalidInput(f"{self.ref!r} is not a ref under refs/heads/ or refs/tags/")
        check_ref_name(match[1])
        _check_url(self.url)
        if self.remote:
            check_ref_name(self.remote, "remote")
        if self.set_upstream is not None:
            check_ref_name(self.set_upstream)
        if self.policy not in get_args(Policy):
            raise InvalidInput(f"{self.policy!r} is no policy; use 'all' or 'latest'")

    def may_replace(self, older: Push) -> bool:
        """Tell whether an older push that waits is in vain once this one is done.

        Only if this one's commit contains the other's, too: that is for git to say.
        """
        same_place = (self.remote, self.url, self.ref) == (older.remote, older.url, older.ref)
        return self.policy == older.policy == "latest" and same_place

    def taking_over(self, older: Push) -> Push:
        """Return this push with what the older one was to do besides pushing."""
        return replace(
            self,
            set_upstream=self.set_upstream or older.set_upstream,
            auto_lfs_prune=self.auto_lfs_prune or older.auto_lfs_prune,
            delete_local=self.delete_local or older.delete_local,
        )

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Push:
        """Read what `to_json` wrote.

        Raises:
            InvalidInput: the text is something else.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            return cls(**fields)
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"not the record of a push: {error}") from error


def _check_url(url: str) -> None:
    if not url or url.startswith("-"):
        raise InvalidInput(f"{url!r} is not an address to push to")
    if "://" not in url:
        return
    parts = urlsplit(url)
    if parts.password or (parts.username and parts.scheme in {"http", "https"}):
        raise InvalidInput(
            "the address holds credentials, and a push is written to disk; take them out of the "
            "URL and pass token= instead"
        )
