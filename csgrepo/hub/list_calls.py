"""The calls of `HubApi` that list repositories, and the tags they are found by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from csgrepo.errors import InvalidInput
from csgrepo.hub.connection import HubCalls, repo_path, segment
from csgrepo.hub.results import RepoInfo, Topic
from csgrepo.repo_id import RepoType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from csgrepo.hub.listing import Listing

__all__ = ["ListCalls"]

Sort = Literal["trending", "recently_update", "most_download", "most_favorite", "most_star"]
_SORTS = ("trending", "recently_update", "most_download", "most_favorite", "most_star")


class ListCalls(HubCalls):
    """Lists of repositories: lazy, asked for page by page while they are read."""

    def list_repos(
        self,
        repo_type: str | RepoType | None = None,
        *,
        author: str | None = None,
        organization: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str | Sequence[str]] | None = None,
        sort: Sort | None = None,
        limit: int | None = None,
    ) -> Listing[RepoInfo]:
        """List repositories of one type (``GET /api/v1/models`` and its like).

        Nothing is asked before the first entry, or `Listing.total`, is read; then a hundred come
        at a time. Memory does not grow with the list. Private ones are listed to those who may
        read them.

        Args:
            repo_type: what they hold; models where not given.
            author: only those of this user.
            organization: only those of this organization.
            search: only those with this text in their names or descriptions.
            tags: only those with these topic tags, by category: ``{"task": "text-generation"}``.
            sort: ``"trending"``, ``"recently_update"`` (the default), ``"most_download"``,
                ``"most_favorite"`` or ``"most_star"``.
            limit: how many to give at most.

        Raises:
            InvalidInput: an unknown sort, or author and organization at once.
            HubError: while it is read, a page is broken or missing.

        Example:
            >>> found = api.list_repos("dataset", author="wanda", search="review")
            >>> found.total, next(found).id
            (1, 'wanda/reviews')
        """
        kind = RepoType.parse(repo_type)
        if author and organization:
            raise InvalidInput("author and organization: name one of them")
        if sort is not None and sort not in _SORTS:
            raise InvalidInput(f"sort={sort!r} is unknown; use one of {', '.join(_SORTS)}")
        if limit is not None and limit < 1:
            raise InvalidInput("limit is how many to give at most: 1 or more")
        path = f"/api/v1/{kind.rest_plural}"
        if author or organization:
            owner = (
                f"user/{segment(author)}"
                if author
                else f"organization/{segment(organization or '')}"
            )
            path = f"/api/v1/{owner}/{kind.rest_plural}"
        return self._hub.pages(
            path,
            kind.rest_plural,
            lambda fields: RepoInfo.read(fields, kind, self._hub.endpoint),
            params={"search": search or None, "sort": sort, **_tag_query(tags or {})},
            limit=limit,
        )

    def list_models(
        self,
        *,
        author: str | None = None,
        organization: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str | Sequence[str]] | None = None,
        sort: Sort | None = None,
        limit: int | None = None,
    ) -> Listing[RepoInfo]:
        """List models; see `list_repos`.

        Example:
            >>> [model.id for model in api.list_models(author="wanda", limit=3)]
            ['wanda/bert']
        """
        return self.list_repos(
            RepoType.MODEL,
            author=author,
            organization=organization,
            search=search,
            tags=tags,
            sort=sort,
            limit=limit,
        )

    def list_datasets(
        self,
        *,
        author: str | None = None,
        organization: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str | Sequence[str]] | None = None,
        sort: Sort | None = None,
        limit: int | None = None,
    ) -> Listing[RepoInfo]:
        """List datasets; see `list_repos`."""
        return self.list_repos(
            RepoType.DATASET,
            author=author,
            organization=organization,
            search=search,
            tags=tags,
            sort=sort,
            limit=limit,
        )

    def list_spaces(
        self,
        *,
        author: str | None = None,
        organization: str | None = None,
        search: str | None = None,
        tags: Mapping[str, str | Sequence[str]] | None = None,
        sort: Sort | None = None,
        limit: int | None = None,
    ) -> Listing[RepoInfo]:
        """List spaces; see `list_repos`."""
        return self.list_repos(
            RepoType.SPACE,
            author=author,
            organization=organization,
            search=search,
            tags=tags,
            sort=sort,
            limit=limit,
        )

    def list_liked_repos(self, repo_type: str | RepoType | None = None) -> Listing[RepoInfo]:
        """List what you like of one type (``GET /api/v1/user/…/likes/{models|datasets|…}``).

        Raises:
            Unauthorized: there is no token.

        Example:
            >>> api.like("wanda/bert")
            >>> [repo.id for repo in api.list_liked_repos("model")]
            ['wanda/bert']
        """
        kind = RepoType.parse(repo_type)
        return self._hub.pages(
            f"{self._hub.user_path()}/likes/{kind.rest_plural}",
            f"liked {kind.rest_plural}",
            lambda fields: RepoInfo.read(fields, kind, self._hub.endpoint),
        )

    def get_tags(self, repo_type: str | RepoType | None = None) -> dict[str, tuple[Topic, ...]]:
        """Return the topic tags that repositories of a type can have (``GET /api/v1/tags``).

        Returns:
            The tags by category, such as ``"task"`` or ``"license"``.

        Raises:
            HubHTTPError: the hub does not tell.

        Example:
            >>> api.set_repo_tags("wanda/bert", "task", ["fill-mask"])
            >>> "fill-mask" in [tag.name for tag in api.get_tags("model")["task"]]
            True
        """
        scope = RepoType.parse(repo_type).value
        listed = self._hub.entries("/api/v1/tags", "tags", params={"scope": scope})
        return _by_category([Topic.read(fields) for fields in listed])

    def get_model_tags(self) -> dict[str, tuple[Topic, ...]]:
        """Return the topic tags that models can have, by category; see `get_tags`."""
        return self.get_tags(RepoType.MODEL)

    def get_dataset_tags(self) -> dict[str, tuple[Topic, ...]]:
        """Return the topic tags that datasets can have, by category; see `get_tags`."""
        return self.get_tags(RepoType.DATASET)

    def get_repo_tags(
        self, repo_id: str, *, repo_type: str | RepoType | None = None
    ) -> dict[str, tuple[Topic, ...]]:
        """Return a repository's own topic tags, by category (``GET /api/v1/models/…/tags``).

        The tags of git are something else: those are in `list_repo_refs`.

        Raises:
            NotFound: no such repository.
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> api.set_repo_tags("wanda/bert", "task", ["fill-mask"])
            >>> [tag.name for tag in api.get_repo_tags("wanda/bert")["task"]]
            ['fill-mask']
        """
        repo = self._hub.repo(repo_id, repo_type)
        listed = self._hub.entries(f"{repo_path(repo)}/tags", "tags")
        return _by_category([Topic.read(fields) for fields in listed])

    def set_repo_tags(
        self,
        repo_id: str,
        category: str,
        names: Sequence[str],
        *,
        repo_type: str | RepoType | None = None,
    ) -> None:
        """Let a repository have exactly these topic tags in one category (``POST …/tags/…``).

        Raises:
            Forbidden: you may not write there.
            NotFound: no such repository.

        Example:
            >>> api.set_repo_tags("wanda/bert", "task", ["fill-mask", "text-classification"])
        """
        repo = self._hub.repo(repo_id, repo_type)
        self._hub.do("POST", f"{repo_path(repo)}/tags/{segment(category)}", json=list(names))


def _tag_query(tags: Mapping[str, str | Sequence[str]]) -> dict[str, list[str]]:
    """Return the query for tags, its two lists in step."""
    pairs = [
        (category, name)
        for category, names in tags.items()
        for name in ([names] if isinstance(names, str) else names)
    ]
    if not pairs:
        return {}
    categories, names = map(list, zip(*pairs, strict=True))
    return {"tag_category": categories, "tag_name": names}


def _by_category(topics: list[Topic]) -> dict[str, tuple[Topic, ...]]:
    found: dict[str, list[Topic]] = {}
    for topic in topics:
        found.setdefault(topic.category, []).append(topic)
    return {category: tuple(listed) for category, listed in found.items()}
