"""One hub, and who is asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from csgrepo.config import settings
from csgrepo.credentials import Credentials, account
from csgrepo.http import Http
from csgrepo.http.envelope import unwrap
from csgrepo.repo_id import RepoId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.credentials import Account
    from csgrepo.http import Response
    from csgrepo.redact import Secret
    from csgrepo.repo_id import RepoType

__all__ = ["HubConnection", "repo_path"]

Method = Literal["GET", "POST", "PUT", "DELETE"]


class HubConnection:
    """A hub's address, proof of who is asking, and connections to it.

    Attributes:
        endpoint: the hub's address, without a slash at its end.
        credentials: who is asking.
        http: the connections; threads may share them.
    """

    def __init__(self, endpoint: str | None, token: str | Secret | bool | None) -> None:
        known = True if token is None else token
        self.credentials = Credentials(endpoint or settings().endpoint, known)
        self.endpoint = self.credentials.endpoint
        self.http = Http()

    def ask(
        self,
        method: Method,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        params: Mapping[str, str | int] | None = None,
        idempotent: bool | None = None,
    ) -> Response:
        """Ask the hub for a path below its address.

        Raises:
            HubHTTPError: it said no.
            HubUnreachable: it said nothing.
        """
        return self.http.request(
            method,
            f"{self.endpoint}{path}",
            json=json,
            params=params,
            auth=self.credentials.authorization,
            idempotent=idempotent,
        )

    def data(
        self, path: str, *, params: Mapping[str, str | int] | None = None
    ) -> Mapping[str, object]:
        """Return the object in the envelope of an answer to GET.

        Raises:
            HubHTTPError: the hub said no, or there is no object in it.
        """
        response = self.ask("GET", path, params=params)
        value = unwrap(response).get("data")
        if not isinstance(value, dict):
            raise response.unexpected("an envelope with nothing in it")
        return value

    def account(self) -> Account:
        """Return whose token it is.

        Raises:
            Unauthorized: nobody's.
        """
        return account(self.credentials, self.http)

    def repo(self, repo_id: str | RepoId, repo_type: str | RepoType | None = None) -> RepoId:
        """Read a repository's id; a name alone is one of the caller's own.

        Raises:
            InvalidInput: what the name breaks.
        """
        if isinstance(repo_id, RepoId):
            return repo_id
        if "/" in repo_id:
            return RepoId.parse(repo_id, repo_type)
        RepoId.parse(f"any/{repo_id}", repo_type)  # a bad name fails before anything is sent
        return RepoId.parse(f"{self.account().name}/{repo_id}", repo_type)


def repo_path(repo: RepoId) -> str:
    """Return the path of a repository in the REST interface."""
    return f"/api/v1/{repo.repo_type.rest_plural}/{repo.namespace}/{repo.name}"
