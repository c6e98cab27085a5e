"""All commands: where they are, and what they do, so that a list of them loads none.

The name is that of a function in the module, with dashes for underscores. A test holds the
sentences to those that the commands say of themselves.
"""

from __future__ import annotations

__all__ = ["ALIASES", "HIDDEN", "SECTIONS"]

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Account": {
        "login": ("account", "Keep an access token for later sessions"),
        "logout": (
            "account",
            "Forget the token that login kept; it stays valid on the hub until revoked there",
        ),
        "whoami": ("account", "Print the name of the account that the token belongs to"),
        "keys": ("keys", "List, add and delete your SSH keys on the hub"),
        "tokens": ("keys", "List, make, renew and revoke your access tokens on the hub"),
    },
    "On the hub": {
        "repo": ("repo", "Make, show, list, change and delete repositories on the hub"),
        "instances": ("instances", "Set models to work on the hub, and look after them"),
        "finetunes": (
            "finetunes",
            "Finetune models on the hub: in a notebook, or by a job that ends by itself",
        ),
        "infer": ("infer", "Ask a model that runs on the hub, and print the answer"),
    },
    "Large files": {
        "lfs-enable-largefiles": (
            "large_files",
            "Let git and git-lfs push files of more than 5 GB from the clone at PATH",
        ),
    },
    "Downloads and uploads": {
        "download": ("downloading", "Fetch a repository, or files of it, and print where they are"),
        "upload": ("uploading", "Put a file or a folder into a repository"),
    },
    "Working copies": {
        "clone": ("cloning", "Make a working copy of a repository"),
        "status": ("changes", "Show what is to be added, committed, fetched and pushed"),
        "add": ("changes", "Stage what is new, changed or deleted, large and binary files in LFS"),
        "commit": ("changes", "Commit what is staged"),
        "push": ("exchange", "Push the current branch, and have the remote confirm all of it"),
        "pull": ("exchange", "Bring in what is new on the remote"),
        "checkout": ("changes", "Check out a branch, a tag or a commit"),
        "tag": ("tags", "List, add and delete tags"),
        "track": ("tracking", "Keep matching files in LFS from now on"),
        "untrack": ("tracking", "Keep matching files in git itself from now on"),
        "prune": ("tracking", "Free disk: remove LFS objects that the server confirms to have"),
        "verify": ("exchange", "Check that nothing is missing, here and on the remote"),
        "jobs": ("jobs", "See, resume, retry, cancel and await background pushes"),
    },
    "This machine": {
        "doctor": ("doctor", "Find what may keep a push from succeeding, before a run begins"),
        "env": ("doctor", "Show versions, folders and settings in force, fit for a bug report"),
        "cache": ("cache", "Look after what was downloaded"),
        "hub": ("hub", "Run a hub on this machine"),
        "completion": (
            "completion",
            "Print the script that lets a shell complete commands, options and values",
        ),
        "schema": ("completion", "Print the JSON schema of what a command prints with --json"),
        "demo": ("demo", "Train, save, push, clone, download and compare a model"),
    },
}

# What git calls, and no person.
HIDDEN = {
    "git-credential": "plumbing",
    "lfs-filter": "plumbing",
    "lfs-multipart-upload": "large_files",
    "lfs-pre-push": "plumbing",
}

# Names that the command lines people come from have for the same.
ALIASES = {
    "finetune": "finetunes",
    "inference": "instances",
    "upload-large-folder": "upload",
}
