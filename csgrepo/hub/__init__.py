"""The hub's REST interface: `HubApi`, `InferenceApi`, and `login`, `logout`, `whoami`."""

from csgrepo.credentials import Account
from csgrepo.hub.account_results import AccessToken, Member, Organization, SshKey
from csgrepo.hub.api import HubApi
from csgrepo.hub.commits.operation import CommitOperationAdd, CommitOperationDelete
from csgrepo.hub.commits.receipt import CommitInfo
from csgrepo.hub.deploy_results import FinetuneJob, Framework, Instance, Resource
from csgrepo.hub.event_stream import LogStream
from csgrepo.hub.file_results import (
    CommitDetails,
    GitRef,
    LfsDetails,
    RepoCommit,
    RepoDiff,
    RepoObject,
    RepoRefs,
)
from csgrepo.hub.inference import InferenceApi
from csgrepo.hub.listing import Listing
from csgrepo.hub.results import RepoInfo, RepoUrl, SpaceSettings, Topic
from csgrepo.hub.sign_in import login, logout, whoami

__all__ = [
    "AccessToken",
    "Account",
    "CommitDetails",
    "CommitInfo",
    "CommitOperationAdd",
    "CommitOperationDelete",
    "FinetuneJob",
    "Framework",
    "GitRef",
    "HubApi",
    "InferenceApi",
    "Instance",
    "LfsDetails",
    "Listing",
    "LogStream",
    "Member",
    "Organization",
    "RepoCommit",
    "RepoDiff",
    "RepoInfo",
    "RepoObject",
    "RepoRefs",
    "RepoUrl",
    "Resource",
    "SpaceSettings",
    "SshKey",
    "Topic",
    "login",
    "logout",
    "whoami",
]
