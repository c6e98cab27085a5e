"""The hub's limits, as the contract states them."""

from __future__ import annotations

__all__ = [
    "GIT_PROCESSES",
    "MAX_ARCHIVE_BYTES",
    "MAX_BASIC_UPLOAD_BYTES",
    "MAX_COMMIT_BYTES",
    "MAX_GIT_FILE_BYTES",
    "MAX_JSON_BYTES",
    "MAX_PARTS",
    "MAX_PUSH_BYTES",
    "MAX_SILENCE_SECONDS",
    "MIN_PART_BYTES",
    "SIGNED_URL_SECONDS",
]

MAX_GIT_FILE_BYTES = 20 * 1024 * 1024
MAX_PUSH_BYTES = 10 * MAX_GIT_FILE_BYTES
MAX_ARCHIVE_BYTES = 50 * 1024 * 1024
MAX_BASIC_UPLOAD_BYTES = 5 * 1024 * 1024 * 1024
MIN_PART_BYTES = 50 * 1024 * 1024
MAX_PARTS = 1000
SIGNED_URL_SECONDS = 72 * 3600

# The contract leaves these to memory; a request that is read whole needs an end.
MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_COMMIT_BYTES = 2 * MAX_JSON_BYTES
GIT_PROCESSES = 32
# Git compresses before it sends, and a laptop may lose its network for a while.
MAX_SILENCE_SECONDS = 300
