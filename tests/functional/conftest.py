"""Who asks the embedded hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import Account
from tests.functional.rest import Api

if TYPE_CHECKING:
    from csgrepo.server import Hub


@pytest.fixture
def wanda(account: Account) -> Api:
    """A user of the hub."""
    return Api(account.endpoint, account.token, account.name)


@pytest.fixture
def stranger(hub: Hub, account: Account) -> Api:
    """Another user, who has nothing to do with the first."""
    name = f"stranger-{account.name}"
    return Api(hub.url, hub.add_user(name), name)


@pytest.fixture
def nobody(account: Account) -> Api:
    """Someone who has not logged in."""
    return Api(account.endpoint)
