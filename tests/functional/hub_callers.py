"""Who asks the embedded hub through `HubApi`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.hub import HubApi
from tests.functional.rest import Api

if TYPE_CHECKING:
    from csgrepo.server import Hub
    from tests.conftest import Account

__all__ = ["Callers", "callers"]


@dataclass(frozen=True, slots=True)
class Callers:
    """The owner, another user, nobody in particular, and one with a token of nobody's."""

    name: str
    owner: HubApi
    stranger: HubApi
    anonymous: HubApi
    unknown: HubApi
    rest: Api

    def repo(self, name: str = "bert", **settings: object) -> str:
        """Make a repository of the owner's and return its id."""
        return self.owner.create_repo(name, **settings).repo_id


def callers(hub: Hub, account: Account, stack: ExitStack) -> Callers:
    """Return all of them; the stack closes their connections."""
    stranger = hub.add_user(f"stranger-of-{account.name}")
    made = [
        stack.enter_context(HubApi(hub.url, token))
        for token in (account.token, stranger, False, "f" * 32)
    ]
    return Callers(account.name, *made, Api(hub.url, account.token, account.name))
