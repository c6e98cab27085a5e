"""The calls of `HubApi` about repositories as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.hub import repositories
from csgrepo.hub.connection import HubCalls
from csgrepo.repo_id import RepoType

if TYPE_CHECKING:
    from csgrepo.hub.results import RepoInfo, RepoUrl, SpaceSettings

__all__ = ["RepositoryCalls"]


class RepositoryCalls(HubCalls):
    """Repositories: made, shown, changed, given away, deleted."""

    def create_repo(
        self,
        repo_id: str,
        *,
        repo_type: str | RepoType | None = None,
        private: bool = False,
        exist_ok: bool = False,
        nickname: str | None = None,
        description: str | None = None,
        license: str | None = None,
        default_branch: str | None = None,
        space: SpaceSettings | None = None,
    ) -> RepoUrl:
        """Make a repository (``POST /api/v1/{models|datasets|…}``) with a first commit.

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            repo_type: what it holds; a model where not given.
            private: whether only those who may write can read it.
            exist_ok: take one that exists already for success, as it is.
            nickname: the name to be shown.
            description: up to 999 characters.
            license: a license's name, such as ``"apache-2.0"``.
            default_branch: ``"main"`` where not given.
            space: what a space runs with, and on.

        Returns:
            The address of its page.

        Raises:
            InvalidInput: the name is not allowed.
            Conflict: it exists already.
            Forbidden: you may not make repositories in that namespace.
            NotFound: there is no such namespace.

        Example:
            >>> api.create_repo("wanda/gpt", private=True, license="apache-2.0")
            'https://hub.opencsg.com/models/wanda/gpt'
            >>> api.create_repo("wanda/reviews", repo_type="dataset", exist_ok=True).repo_id
            'wanda/reviews'
        """
        return repositories.create(
            self._hub,
            self._hub.repo(repo_id, repo_type),
            private=private,
            exist_ok=exist_ok,
            space=space,
            nickname=nickname,
            description=description,
            license=license,
            default_branch=default_branch,
        )

    def delete_repo(
        self, repo_id: str, *, repo_type: str | RepoType | None = None, missing_ok: bool = False
    ) -> None:
        """Delete a repository, its history and its large files (``DELETE /api/v1/models/…``).

        There is no way back. It is asked for once: where the answer was lost, `repo_exists` tells
        what came of it.

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            repo_type: what it holds; a model where not given.
            missing_ok: take it for success that there is none.

        Raises:
            NotFound: there is none, unless `missing_ok`.
            Forbidden: it is not yours.

        Example:
            >>> api.delete_repo("wanda/bert")
            >>> api.delete_repo("wanda/bert", missing_ok=True)
        """
        repositories.delete(self._hub, self._hub.repo(repo_id, repo_type), missing_ok=missing_ok)

    def repo_exists(self, repo_id: str, *, repo_type: str | RepoType | None = None) -> bool:
        """Tell whether there is such a repository (``GET /api/v1/models/…``).

        It is there, too, if you may not read it.

        Raises:
            Unauthorized: the hub does not know the token, or wants one before it tells.

        Example:
            >>> api.repo_exists("wanda/bert"), api.repo_exists("wanda/bart")
            (True, False)
        """
        return repositories.exists(self._hub, self._hub.repo(repo_id, repo_type))

    def repo_info(
        self,
        repo_id: str,
        *,
        repo_type: str | RepoType | None = None,
        revision: str | None = None,
        files_metadata: bool = False,
    ) -> RepoInfo:
        """Return what the hub knows about a repository (``GET /api/v1/models/…``).

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            repo_type: what it holds; a model where not given.
            revision: the branch, tag or commit whose commit id is wanted; the default branch
                where not given.
            files_metadata: list its files too, with sizes, ids and digests, as `siblings`.

        Raises:
            NotFound: no such repository or revision.
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> info = api.repo_info("wanda/bert", files_metadata=True)
            >>> info.private, info.likes, len(info.sha)
            (False, 0, 40)
            >>> [(file.path, file.size) for file in info.siblings]
            [('.gitattributes', ...), ('README.md', ...)]
        """
        repo = self._hub.repo(repo_id, repo_type)
        return repositories.info(self._hub, repo, revision, files_metadata=files_metadata)

    def model_info(
        self, repo_id: str, *, revision: str | None = None, files_metadata: bool = False
    ) -> RepoInfo:
        """Return `repo_info` of a model."""
        return self.repo_info(
            repo_id, repo_type=RepoType.MODEL, revision=revision, files_metadata=files_metadata
        )

    def dataset_info(
        self, repo_id: str, *, revision: str | None = None, files_metadata: bool = False
    ) -> RepoInfo:
        """Return `repo_info` of a dataset."""
        return self.repo_info(
            repo_id, repo_type=RepoType.DATASET, revision=revision, files_metadata=files_metadata
        )

    def space_info(
        self, repo_id: str, *, revision: str | None = None, files_metadata: bool = False
    ) -> RepoInfo:
        """Return `repo_info` of a space; the hub wants a token for that."""
        return self.repo_info(
            repo_id, repo_type=RepoType.SPACE, revision=revision, files_metadata=files_metadata
        )

    def update_repo_settings(
        self,
        repo_id: str,
        *,
        repo_type: str | RepoType | None = None,
        private: bool | None = None,
        description: str | None = None,
        nickname: str | None = None,
        default_branch: str | None = None,
        base_model: str | None = None,
    ) -> None:
        """Change what is named, and leave the rest (``PUT /api/v1/models/…``).

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            repo_type: what it holds; a model where not given.
            private: whether only those who may write can read it; in an organization only the
                hub's administrators may change that.
            description: up to 999 characters.
            nickname: the name to be shown.
            default_branch: a branch that exists.
            base_model: the model that this one was trained from; only models have it.

        Raises:
            InvalidInput: nothing was named, or a text cannot be sent.
            Forbidden: you may not change that.
            NotFound: no such repository.

        Example:
            >>> api.update_repo_settings("wanda/bert", private=True, description="for tests")
            >>> api.repo_info("wanda/bert").description
            'for tests'
        """
        changes = {
            "private": private,
            "description": description,
            "nickname": nickname,
            "default_branch": default_branch,
            "base_model": base_model,
        }
        repositories.update(self._hub, self._hub.repo(repo_id, repo_type), changes)

    def transfer_repo(
        self, repo_id: str, namespace: str, *, repo_type: str | RepoType | None = None
    ) -> RepoUrl:
        """Give a repository to another namespace (``POST …/transfer``), and return its new page.

        You need the right to write in both. The hub does not transfer spaces.

        Raises:
            Forbidden: you may not write in one of them.
            Conflict: the namespace has one of that name.
            BadRequest: it is in that namespace already, or something depends on its address.
            NotFound: no such repository or namespace.

        Example:
            >>> api.transfer_repo("wanda/bert", "acme")
            'https://hub.opencsg.com/models/acme/bert'
        """
        return repositories.transfer(self._hub, self._hub.repo(repo_id, repo_type), namespace)

    def like(self, repo_id: str, *, repo_type: str | RepoType | None = None) -> None:
        """Like a repository (``PUT /api/v1/user/…/likes/{id}``); twice is as good as once.

        Raises:
            Unauthorized: there is no token.
            NotFound: no such repository.

        Example:
            >>> api.like("wanda/bert")
            >>> api.repo_info("wanda/bert").likes
            1
        """
        repositories.liked(self._hub, self._hub.repo(repo_id, repo_type), like=True)

    def unlike(self, repo_id: str, *, repo_type: str | RepoType | None = None) -> None:
        """Like a repository no more (``DELETE /api/v1/user/…/likes/{id}``).

        Raises:
            Unauthorized: there is no token.
            NotFound: no such repository.

        Example:
            >>> api.unlike("wanda/bert")
            >>> [repo.id for repo in api.list_liked_repos()]
            []
        """
        repositories.liked(self._hub, self._hub.repo(repo_id, repo_type), like=False)
