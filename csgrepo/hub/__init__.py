"""The hub's REST interface: `HubApi`, and `login`, `logout`, `whoami` beside it."""

from csgrepo.credentials import Account
from csgrepo.hub.api import HubApi
from csgrepo.hub.results import RepoInfo, RepoUrl, SpaceSettings
from csgrepo.hub.sign_in import login, logout, whoami

__all__ = [
    "Account",
    "HubApi",
    "RepoInfo",
    "RepoUrl",
    "SpaceSettings",
    "login",
    "logout",
    "whoami",
]
