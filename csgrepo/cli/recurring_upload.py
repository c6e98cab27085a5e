"""``csgrepo upload --every``: a folder that grows, uploaded until Ctrl-C, and then the rest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from csgrepo.cli.output import note
from csgrepo.cli.signals import until_interrupted

if TYPE_CHECKING:
    from csgrepo.hub import CommitInfo, HubApi
    from csgrepo.redact import Secret
    from csgrepo.upload import RecurringUpload

__all__ = ["run"]

_LOOK_S = 0.5


def run(
    api: HubApi,
    facts: dict[str, Any],
    endpoint: str | None,
    token: Secret | None,
    minutes: float,
) -> CommitInfo:
    """Upload what is new until Ctrl-C or a request to end, and then the rest.

    The first time is here, with bars, so that what cannot work fails at once and as itself.

    Args:
        api: the hub.
        facts: the arguments of `HubApi.upload_folder`.
        endpoint: the hub's address.
        token: the token that the line names.
        minutes: how long from one upload to the next.

    Returns:
        What came of the last upload.

    Raises:
        CsgRepoError: as for `HubApi.upload_folder`, at first and at last.
        KeyboardInterrupt: at a second Ctrl-C.
    """
    from csgrepo.upload import rounds, upload_folder

    _tell(rounds.upload(api, facts, is_last=False))
    recurring = upload_folder(every=minutes, endpoint=endpoint, token=token, **facts)
    try:
        note("uploading every {minutes} minutes; Ctrl-C ends it", minutes=f"{minutes:g}")
        with until_interrupted():
            _follow(recurring)
        note("uploading the rest")
    finally:
        made = _last_of(recurring)
    return made


def _follow(recurring: RecurringUpload) -> None:
    """Tell what came of each upload, as long as there is any to come; of failures the log tells."""
    told = recurring.last
    while not recurring.is_over:
        if recurring.last and recurring.last is not told:
            told = recurring.last
            _tell(told)
        time.sleep(_LOOK_S)


def _last_of(recurring: RecurringUpload) -> CommitInfo:
    try:
        return recurring.stop()
    except KeyboardInterrupt:
        note("the rest is uploaded in the background")
        raise


def _tell(made: CommitInfo) -> None:
    if not made.is_empty:
        count = len(made.added) + len(made.updated)
        note("uploaded files: {count}, now at {commit}", count=count, commit=made.oid[:10])
