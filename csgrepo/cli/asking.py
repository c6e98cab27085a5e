"""The hub, asked with what a command's options say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csgrepo.hub import HubApi

__all__ = ["hub_api"]


def hub_api(endpoint: str | None, token: str | None) -> HubApi:
    """Return the hub; what was not given is the environment's, or what login kept."""
    from csgrepo.hub import HubApi

    return HubApi(endpoint, token)
