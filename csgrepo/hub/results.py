"""What the hub's answers are turned into; unknown fields are ignored, missing ones named."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csgrepo.errors import HubError, InvalidInput
from csgrepo.hub.reading import flag, moment, needed_text, number, text
from csgrepo.repo_id import RepoId, RepoType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from csgrepo.hub.file_results import RepoObject

__all__ = ["RepoInfo", "RepoUrl", "SpaceSettings", "Topic"]

# A hub may hold names from before its present rules; one of them must not end a list of others.
_OLDER_ID = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._-]{0,254})/([A-Za-z0-9_][A-Za-z0-9._-]{0,254})")


class RepoUrl(str):
    """The address of a repository's page: a string that knows what it names.

    Attributes:
        url: the address itself.
        endpoint: the hub's address.
        repo: the repository's id with its type.

    Example:
        >>> url = RepoUrl.of("https://hub.example", RepoId("wanda", "bert"))
        >>> url, url.repo_id, url.clone_url
        ('https://hub.example/models/wanda/bert', 'wanda/bert', \
'https://hub.example/models/wanda/bert.git')
    """

    __slots__ = ("endpoint", "repo")

    endpoint: str
    repo: RepoId

    @classmethod
    def of(cls, endpoint: str, repo: RepoId) -> RepoUrl:
        """Return the address of a repository on that hub."""
        url = cls(repo.web_url(endpoint))
        url.endpoint = endpoint
        url.repo = repo
        return url

    @property
    def url(self) -> str:
        """The address as a plain string."""
        return str.__str__(self)

    @property
    def repo_id(self) -> str:
        """The id, ``namespace/name``."""
        return str(self.repo)

    @property
    def repo_type(self) -> RepoType:
        """What the repository holds."""
        return self.repo.repo_type

    @property
    def clone_url(self) -> str:
        """What git clones from."""
        return self.repo.git_url(self.endpoint)


@dataclass(frozen=True, slots=True)
class SpaceSettings:
    """What a space runs with, and on; a hub with clusters wants to know.

    Attributes:
        sdk: such as ``"gradio"`` or ``"streamlit"``.
        resource_id: the hardware, from the hub's list of resources.
        cluster_id: the cluster that has it.
        sdk_version: the SDK's version, the hub's default where empty.
        template: a template to start from.
        min_replica: how many instances run even when nobody asks.
    """

    sdk: str
    resource_id: int
    cluster_id: str
    sdk_version: str = ""
    template: str = ""
    min_replica: int = 0


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic tag, which repositories are found by.

    Attributes:
        name: the tag, such as ``"text-generation"``.
        category: what it tells about, such as ``"task"`` or ``"license"``.
        shown: how the hub shows it.
        built_in: whether the hub came with it.
    """

    name: str
    category: str
    shown: str = ""
    built_in: bool = False

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Topic:
        """Read what the hub says about a tag.

        Raises:
            HubError: it has no name.
        """
        return cls(
            name=needed_text(fields, "name", "a tag"),
            category=text(fields, "category"),
            shown=text(fields, "show_name"),
            built_in=flag(fields, "built_in"),
        )


@dataclass(frozen=True, slots=True)
class RepoInfo:
    """A repository as the hub knows it.

    Attributes:
        id: the id, ``namespace/name``.
        repo_type: what it holds.
        url: the address of its page.
        clone_url: what git clones from.
        sha: the commit at the revision that was asked for; ``None`` in a repository without any,
            and in lists, where the hub does not tell.
        private: whether only some may read it.
        default_branch: the branch that a clone checks out.
        nickname: the name to be shown.
        description: what its owner says about it.
        license: the license's name.
        tags: the names of its topic tags.
        likes: how many like it.
        downloads: how often it was downloaded.
        created_at: when it was made.
        updated_at: when it was last changed.
        repository_id: the hub's own number for it.
        siblings: its files, where they were asked for.
        fields: everything the hub said, as it came.
    """

    id: str
    repo_type: RepoType
    url: RepoUrl
    clone_url: str
    sha: str | None
    private: bool
    default_branch: str
    nickname: str = ""
    description: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()
    likes: int = 0
    downloads: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    repository_id: int | None = None
    siblings: tuple[RepoObject, ...] | None = None
    fields: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(
        cls,
        fields: Mapping[str, object],
        repo_type: RepoType,
        endpoint: str,
        sha: str | None = None,
        siblings: tuple[RepoObject, ...] | None = None,
    ) -> RepoInfo:
        """Read what the hub says about a repository.

        Raises:
            HubError: what every repository has is missing, or is not what it should be.
        """
        repo = _repo(fields, repo_type)
        url = RepoUrl.of(endpoint, repo)
        return cls(
            id=str(repo),
            repo_type=repo_type,
            url=url,
            clone_url=url.clone_url,
            sha=sha,
            private=_private(fields, repo),
            default_branch=text(fields, "default_branch") or "main",
            nickname=text(fields, "nickname"),
            description=text(fields, "description"),
            license=text(fields, "license"),
            tags=_tags(fields),
            likes=number(fields, "likes") or number(fields, "like_count") or 0,
            downloads=number(fields, "downloads") or 0,
            created_at=moment(fields, "created_at"),
            updated_at=moment(fields, "updated_at"),
            repository_id=number(fields, "repository_id"),
            siblings=siblings,
            fields=dict(fields),
        )


def _repo(fields: Mapping[str, object], repo_type: RepoType) -> RepoId:
    path = fields.get("path")
    if not isinstance(path, str):
        raise HubError("the hub described a repository without its 'path'")
    try:
        return RepoId.parse(path, repo_type)
    except InvalidInput as error:
        if safe := _OLDER_ID.fullmatch(path):
            return RepoId(safe[1], safe[2], repo_type)
        raise HubError(f"the hub named a repository that cannot be one: {error}") from error


def _private(fields: Mapping[str, object], repo: RepoId) -> bool:
    value = fields.get("private")
    if value is None and repo.repo_type is RepoType.SPACE:
        return False  # the hub leaves out what is false, for spaces only
    if not isinstance(value, bool):
        raise HubError(f"the hub did not say whether {repo} is 'private'")
    return value


def _tags(fields: Mapping[str, object]) -> tuple[str, ...]:
    listed = fields.get("tags")
    entries = listed if isinstance(listed, list) else []
    names = (entry.get("name") for entry in entries if isinstance(entry, dict))
    return tuple(name for name in names if isinstance(name, str) and name)
