"""`HubApi`: what can be asked of a hub, one line for each; the work is done beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.hub import repositories
from csgrepo.hub.connection import HubConnection
from csgrepo.redact import Secret
from csgrepo.repo_id import RepoType

if TYPE_CHECKING:
    from csgrepo.credentials import Account
    from csgrepo.hub.results import RepoInfo, RepoUrl, SpaceSettings

__all__ = ["HubApi"]


class HubApi:
    """A hub, asked as somebody; threads may share it.

    Args:
        endpoint: the hub's address; the environment's where not given.
        token: an access token; ``None`` for the environment's or the one that `login` kept,
            ``False`` to be nobody in particular.

    Attributes:
        token: the token that was passed, ``None`` where it is looked up.

    Raises:
        InvalidInput: the address or the token cannot be used.

    Example:
        >>> api = HubApi(token="0123456789abcdef")
        >>> api.create_repo("wanda/bert", private=True)  # doctest: +SKIP
        'https://hub.opencsg.com/models/wanda/bert'
    """

    def __init__(
        self, endpoint: str | None = None, token: str | Secret | bool | None = None
    ) -> None:
        self._hub = HubConnection(endpoint, token)
        self.token = Secret(token) if isinstance(token, str) else token

    def __enter__(self) -> HubApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"HubApi({self.endpoint!r})"

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""
        self._hub.http.close()

    @property
    def endpoint(self) -> str:
        """The hub's address."""
        return self._hub.endpoint

    def whoami(self) -> Account:
        """Return the account the token belongs to.

        Raises:
            Unauthorized: there is no token, or the hub does not know it.
        """
        return self._hub.account()

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
        """Make a repository; the hub gives it a first commit.

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
        """Delete a repository, its history and its large files. There is no way back.

        Raises:
            NotFound: there is none, unless `missing_ok`.
            Forbidden: it is not yours.
        """
        repositories.delete(self._hub, self._hub.repo(repo_id, repo_type), missing_ok=missing_ok)

    def repo_exists(self, repo_id: str, *, repo_type: str | RepoType | None = None) -> bool:
        """Tell whether there is such a repository, though you may not be allowed to read it.

        Raises:
            Unauthorized: the hub does not know the token, or wants one before it tells.
        """
        return repositories.exists(self._hub, self._hub.repo(repo_id, repo_type))

    def repo_info(
        self,
        repo_id: str,
        *,
        repo_type: str | RepoType | None = None,
        revision: str | None = None,
    ) -> RepoInfo:
        """Return what the hub knows about a repository.

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            repo_type: what it holds; a model where not given.
            revision: the branch, tag or commit whose commit id is wanted; the default branch
                where not given.

        Raises:
            NotFound: no such repository or revision.
            Unauthorized, Forbidden: it is not for you to read.
        """
        return repositories.info(self._hub, self._hub.repo(repo_id, repo_type), revision)

    def model_info(self, repo_id: str, *, revision: str | None = None) -> RepoInfo:
        """Return `repo_info` of a model."""
        return self.repo_info(repo_id, repo_type=RepoType.MODEL, revision=revision)

    def dataset_info(self, repo_id: str, *, revision: str | None = None) -> RepoInfo:
        """Return `repo_info` of a dataset."""
        return self.repo_info(repo_id, repo_type=RepoType.DATASET, revision=revision)

    def space_info(self, repo_id: str, *, revision: str | None = None) -> RepoInfo:
        """Return `repo_info` of a space; the hub wants a token for that."""
        return self.repo_info(repo_id, repo_type=RepoType.SPACE, revision=revision)
