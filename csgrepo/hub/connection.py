"""One hub, and who is asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import quote, urlencode

from csgrepo.config import settings
from csgrepo.credentials import Credentials, account
from csgrepo.errors import HubError, InvalidInput, NotFound
from csgrepo.http import Http
from csgrepo.http.call import SILENCE_TIMEOUT_S
from csgrepo.http.envelope import unwrap
from csgrepo.hub.listing import PER_PAGE, Listing, Page
from csgrepo.hub.reading import number, objects
from csgrepo.repo_id import RepoId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from csgrepo.credentials import Account
    from csgrepo.http import Response
    from csgrepo.redact import Secret
    from csgrepo.repo_id import RepoType

    Query = Mapping[str, str | int | bool | Sequence[str] | None]

__all__ = ["HubCalls", "HubConnection", "address", "repo_path", "segment"]

Item = TypeVar("Item")
Method = Literal["GET", "HEAD", "POST", "PUT", "DELETE"]


class HubConnection:
    """A hub's address, proof of who is asking, and connections to it.

    Attributes:
        endpoint: the hub's address, without a slash at its end.
        credentials: who is asking.
        http: the connections; threads may share them.
        timeout_s: the longest silence.

    Args:
        endpoint: the hub's address; the environment's where not given.
        token: an access token; ``False`` to be nobody in particular.
        timeout_s: the longest silence.
    """

    def __init__(
        self,
        endpoint: str | None,
        token: str | Secret | bool | None,
        *,
        timeout_s: float = SILENCE_TIMEOUT_S,
    ) -> None:
        known = True if token is None else token
        self.timeout_s = timeout_s
        self.credentials = Credentials(endpoint or settings().endpoint, known)
        self.endpoint = self.credentials.endpoint
        self.http = Http(silence_s=timeout_s)

    def ask(
        self,
        method: Method,
        path: str,
        *,
        json: object = None,
        params: Query | None = None,
        idempotent: bool | None = None,
        stream: bool = False,
    ) -> Response:
        """Ask the hub for a path below its address.

        Raises:
            HubHTTPError: it said no.
            HubUnreachable: it said nothing.
        """
        return self.http.request(
            method,
            address(f"{self.endpoint}{path}", params),
            json=json,
            auth=self.credentials.authorization,
            idempotent=idempotent,
            stream=stream,
            timeout_s=self.timeout_s,
        )

    def do(self, method: Method, path: str, *, json: object = None) -> object:
        """Ask for a change, once; return what the envelope of the answer holds.

        An answer that was lost is not asked for again: the second might say that there is no such
        thing, or that it is there already.
        """
        return unwrap(self.ask(method, path, json=json, idempotent=False)).get("data")

    def remove(self, path: str, *, missing_ok: bool) -> None:
        """Ask for something to be deleted.

        Raises:
            NotFound: it is not there, unless `missing_ok`.
        """
        try:
            self.do("DELETE", path)
        except NotFound:
            if not missing_ok:
                raise

    def made(self, method: Method, path: str, *, json: object = None) -> Mapping[str, object]:
        """Ask for a change, and return the object that the hub shows for it.

        Raises:
            HubError: it shows none.
        """
        value = self.do(method, path, json=json)
        if not isinstance(value, dict):
            raise HubError(f"{self.endpoint}{path} did as asked, and did not show what came of it")
        return value

    def data(self, path: str, *, params: Query | None = None) -> Mapping[str, object]:
        """Return the object in the envelope of an answer to GET.

        Raises:
            HubHTTPError: the hub said no, or there is no object in it.
        """
        response = self.ask("GET", path, params=params)
        value = unwrap(response).get("data")
        if not isinstance(value, dict):
            raise response.unexpected("an envelope with nothing in it")
        return value

    def entries(
        self, path: str, what: str, *, params: Query | None = None
    ) -> list[Mapping[str, object]]:
        """Return the objects of a list that has no pages.

        Raises:
            HubError: there is something else in it.
        """
        return objects(unwrap(self.ask("GET", path, params=params)).get("data"), what)

    def pages(
        self,
        path: str,
        what: str,
        read: Callable[[Mapping[str, object]], Item],
        *,
        params: Query | None = None,
        inner: str = "data",
        limit: int | None = None,
    ) -> Listing[Item]:
        """Return a list that asks for its pages while it is read.

        The hub has three envelopes for a list: in ``data`` with ``total`` beside it, with
        ``message`` for ``msg``, and with list and total one level deeper.

        Args:
            path: where the list is.
            what: what it is a list of, for messages.
            read: makes an entry of what the hub says about it.
            params: what the list is narrowed down by.
            inner: the list's name in the envelope that is one level deeper.
            limit: how many to give at most.
        """
        per = min(limit, PER_PAGE) if limit else PER_PAGE

        def fetch(page: int) -> Page:
            query = {**(params or {}), "per": per, "page": page}
            envelope = unwrap(self.ask("GET", path, params=query))
            data = envelope.get("data")
            if isinstance(data, dict) and (inner in data or "total" in data):
                return Page(objects(data.get(inner), what), number(data, "total"))
            return Page(objects(data, what), number(envelope, "total"))

        return Listing(what, fetch, read, per=per, limit=limit)

    def missing(self, words: str, path: str) -> NotFound:
        """Return the error for what the hub answered with success, and does not have."""
        url = f"{self.endpoint}{path}"
        return NotFound(status=200, code="", server_message=words, request_id="", url=url)

    def account(self) -> Account:
        """Return whose token it is.

        Raises:
            Unauthorized: nobody's.
        """
        return account(self.credentials, self.http, timeout_s=self.timeout_s)

    def user_path(self) -> str:
        """Return the path of the caller's own things.

        Raises:
            Unauthorized: nobody in particular is asking.
        """
        return f"/api/v1/user/{segment(self.account().name)}"

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


class HubCalls:
    """What every group of calls begins with: the hub they are made to."""

    _hub: HubConnection


def repo_path(repo: RepoId) -> str:
    """Return the path of a repository in the REST interface."""
    return f"/api/v1/{repo.repo_type.rest_plural}/{repo.namespace}/{repo.name}"


def segment(text: str) -> str:
    """Return a text as one part of a path, whatever is in it.

    Raises:
        InvalidInput: it is empty, or would lead elsewhere.
    """
    if text in {"", ".", ".."} or not text.isprintable():
        raise InvalidInput(f"{text!r} is not a name the hub could know")
    return quote(text, safe="")


def address(url: str, params: Query | None) -> str:
    """Return an address with its query; what is ``None`` is left out, a list is repeated.

    Example:
        >>> address("https://hub.example/x", {"a": None, "b": ["1", "2"], "c": True})
        'https://hub.example/x?b=1&b=2&c=true'
    """
    given = {name: value for name, value in (params or {}).items() if value is not None}
    plain = {name: str(v).lower() if isinstance(v, bool) else v for name, v in given.items()}
    return f"{url}?{urlencode(plain, doseq=True)}" if plain else url
