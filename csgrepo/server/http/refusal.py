"""Saying no: the contract's codes, their English words, and the status they travel with."""

from __future__ import annotations

__all__ = ["WORDS", "Refusal"]

WORDS = {
    "AUTH-ERR-0": "Unauthorized",
    "AUTH-ERR-1": "User not found, please login first",
    "AUTH-ERR-2": "Access forbidden, insufficient permissions",
    "AUTH-ERR-5": "Invalid authorization header",
    "AUTH-ERR-6": "Only admin user can access",
    "AUTH-ERR-7": "User not match, try to query user account not owned",
    "AUTH-ERR-14": "Users do not have permission to transfer repo from this namespace",
    "AUTH-ERR-15": "Users do not have permission to transfer repo to this namespace",
    "COLL-ERR-0": "The repo was already in this collection",
    "DEPLOY-ERR-0": "Deploy name already exists for this deploy type.",
    "DEPLOY-ERR-1": "The deploy is still running, please stop it first before updating.",
    "GIT-ERR-4": "Failed to find commit",
    "GIT-ERR-6": "Commit not found",
    "GIT-ERR-15": "File not found in repository",
    "GIT-ERR-20": "File is too large",
    "GIT-ERR-22": "Commit git files failed",
    "MIRROR-ERR-0": "The target repository already has another mirror source.",
    "MIRROR-ERR-5": "Source repository authentication information is invalid.",
    "REPO-ERR-1": "The repository name is invalid.",
    "REPO-ERR-2": "The namespace does not exist.",
    "REPO-ERR-5": "Failed to download code zip archive",
    "REPO-ERR-9": "Failed to download repository zip archive",
    "REQ-ERR-0": "Bad request",
    "REQ-ERR-1": "Invalid request body format",
    "REQ-ERR-3": "Request body too large",
    "REQ-ERR-6": "Invalid request parameter",
    "REQ-ERR-13": "Target namespace not found",
    "REQ-ERR-14": "New namespace must be different from current namespace",
    "REQ-ERR-15": "A repository with the same name already exists in the target namespace",
    "RUNNER-ERR-0": "The max revision number exceeds the max replica number.",
    "RUNNER-ERR-2": "The revision with commit already exists.",
    "RUNNER-ERR-3": "The revision is not ready.",
    "RUNNER-ERR-4": "The traffic percent is not zero.",
    "SERVERLESS-ERR-2": "The deploy status not match.",
    "SERVERLESS-ERR-4": "The revision not found.",
    "SERVERLESS-ERR-5": "The percent not match.",
    "SERVERLESS-ERR-6": "The commit id is empty.",
    "SERVERLESS-ERR-7": "The traffic percent is invalid.",
    "SERVERLESS-ERR-8": "The commit id is invalid.",
    "SPACE-ERR-1": "The space name already exists.",
    "SYS-ERR-0": "Internal Server Error",
    "SYS-ERR-1": "Remote service call failed",
    "SYS-ERR-3": "Record not found in database",
    "SYS-ERR-4": "Duplicate entry for key",
    "SYS-ERR-6": "Cannot remove the last administrator of the organization",
    "TASK-ERR-0": "Task entry file not found",
    "TASK-ERR-4": "Not enough resource to run the task",
    "USER-ERR-13": "Email already exists",
    "USER-ERR-18": "User email is empty",
    "USER-ERR-20": "Namespace already exists",
}


class Refusal(Exception):
    """A request that is answered with an error.

    Attributes:
        status: the HTTP status.
        code: the contract's code, or ``""`` for an answer that has only words.
        words: what is said; for a code, its English text where nothing else is given.
        context: facts for the envelope's ``context``.
        headers: what the answer carries beside the body.
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        words: str = "",
        *,
        context: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.words = words or f"{code}: {WORDS[code]}"
        self.context = context
        self.headers = headers
        super().__init__(self.words)

    def envelope(self) -> dict[str, object]:
        """Return the answer's body."""
        body: dict[str, object] = {"code": self.code} if self.code else {}
        body["msg"] = self.words
        if self.context:
            body["context"] = self.context
        return body
