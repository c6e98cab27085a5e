"""What the library advises, in the words of the command line.

Its errors name the call that mends them, because they are read in scripts. Who typed a command
reads which command does it.
"""

from __future__ import annotations

import re

__all__ = ["WORDS", "in_commands"]

# What the library says, and what is said here. The long come before the short that they hold.
WORDS = tuple(
    (re.compile(said), words)
    for said, words in (
        (
            r"git_checkout\('main'\), or a new one with create_branch_ok=True",
            "`csgrepo checkout main`, or a new one with `csgrepo checkout -b NAME`",
        ),
        (r"[Pp]ass create_branch_ok=True to start", "add -b to start"),
        (r"`?git_pull\(lfs=True\)`?", "`csgrepo pull --lfs`"),
        (r"git_add\(\)", "`csgrepo add`"),
        (r"lfs_track\((.+), filename=True\)", r"`csgrepo track --filename \1`"),
        (r"pass filename=True", "add --filename"),
        (
            r"the name and repo_type=, or create it with "
            r"HubApi\(\)\.create_repo\('(.+)', repo_type='(.+)'\)",
            r"the name and --repo-type, or create it with `csgrepo repo create \1 -t \2`",
        ),
        (r"the name and the repo_type;", "the name and --repo-type;"),
        (
            r"csgrepo\.snapshot_download, write to it with HubApi\(\)\.upload_folder or "
            r"create_commit: they need",
            "`csgrepo download`, write to it with `csgrepo upload`: they need",
        ),
        (
            r"pass space=SpaceSettings\(sdk=, resource_id=, cluster_id=\)",
            "give --space-sdk, --resource-id and --cluster-id",
        ),
        (
            r"api\.instances\.create\(…\), then api\.instances\.wait_until_running\(…\)",
            "`csgrepo instances create --wait`",
        ),
        (r"pass git_user= and git_email=, or run", "run"),
        (r"pass token= instead", "sign in with `csgrepo login` instead"),
        (r"pass token=", "give --token"),
        (r"pass clone_from= to clone one there", "clone one with `csgrepo clone`"),
        (r"pass commit_message=", "give -m"),
        (r"pass instance_url=", "give --instance-url "),
        (r"takes data=,", "takes --data,"),
        (r"\bspace= is for", "--space-sdk is for"),
        (r"\b(min|max)_replica=", r"--\1-replica "),
        (r"with upload_folder, without every=", "without --every"),
        (r"push with blocking=True", "push without --no-wait"),
        (r"without local_files_only and CSGHUB_OFFLINE", "without CSGHUB_OFFLINE"),
        (
            r"pass login\(token\), or run `csgrepo login` on a terminal",
            "run `csgrepo login` on a terminal, or give --token or --token-stdin",
        ),
        (r"the same call (again|fetches)", r"the same command \1"),
    )
)


def in_commands(text: str) -> str:
    """Return what an error says, with commands in the place of the library's calls.

    Example:
        >>> in_commands("fetch it with git_pull(lfs=True)")
        'fetch it with `csgrepo pull --lfs`'
    """
    for said, words in WORDS:
        text = said.sub(words, text)
    return text
