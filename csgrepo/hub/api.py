"""`HubApi`: what can be asked of a hub; each group of calls has its own module."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from csgrepo.http.call import SILENCE_TIMEOUT_S
from csgrepo.hub.account_calls import AccountCalls
from csgrepo.hub.connection import HubConnection
from csgrepo.hub.file_calls import FileCalls
from csgrepo.hub.list_calls import ListCalls
from csgrepo.hub.organization_calls import OrganizationCalls
from csgrepo.hub.ref_calls import RefCalls
from csgrepo.hub.repository_calls import RepositoryCalls
from csgrepo.hub.upload_calls import UploadCalls
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from csgrepo.hub.finetunes import Finetunes
    from csgrepo.hub.instances import Instances

__all__ = ["HubApi"]


class HubApi(
    RepositoryCalls,
    ListCalls,
    FileCalls,
    UploadCalls,
    RefCalls,
    AccountCalls,
    OrganizationCalls,
):
    """A hub, asked as somebody; threads may share it.

    Each call names the endpoint that it asks and what it raises. Beside that, any call that asks
    may raise `HubUnreachable` (no answer), `RateLimited` (with `retry_after`, in seconds),
    `ServerError` and `HubError` (an answer that cannot be understood). Questions are asked again
    where that may help and does no harm. Sizes are in bytes; moments are `datetime` with a time
    zone. A `Listing` asks when it is read, and that is when it raises.

    Args:
        endpoint: the hub's address; the environment's where not given.
        token: an access token; ``None`` for the environment's or the one that `login` kept,
            ``False`` to be nobody in particular.
        timeout: the longest silence of the hub, in seconds, before an attempt counts as failed.

    Attributes:
        token: the token that was passed, ``None`` where it is looked up.

    Raises:
        InvalidInput: the address or the token cannot be used.

    Example:
        >>> api = HubApi(token="0123456789abcdef")
        >>> api.create_repo("wanda/gpt", private=True)
        'https://hub.opencsg.com/models/wanda/gpt'
        >>> [model.id for model in api.list_models(author="wanda")]
        ['wanda/gpt', 'wanda/bert']
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | Secret | bool | None = None,
        *,
        timeout: float = SILENCE_TIMEOUT_S,
    ) -> None:
        self._hub = HubConnection(endpoint, token, timeout_s=timeout)
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

    @functools.cached_property
    def instances(self) -> Instances:
        """Models set to work on the hub; see `Instances`."""
        from csgrepo.hub.instances import Instances

        return Instances(self._hub)

    @functools.cached_property
    def finetunes(self) -> Finetunes:
        """Notebooks and jobs for finetuning; see `Finetunes`."""
        from csgrepo.hub.finetunes import Finetunes

        return Finetunes(self._hub)
