"""The LFS server of a repository: does it answer, and how does it take uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.doctor.asking import trouble
from csgrepo.doctor.report import Check, Finding
from csgrepo.errors import NotFound
from csgrepo.http.address import shown
from csgrepo.lfs.reply import MEDIA_TYPE

if TYPE_CHECKING:
    from csgrepo.doctor.asking import Answer, Asker

__all__ = ["ask_lfs", "lfs_check"]

_NOBODYS_OBJECT = {"oid": "0" * 64, "size": 1}
_LINE = "git config lfs.url https://host/path  # where the LFS server is"


def ask_lfs(asker: Asker, url: str) -> tuple[Answer, Answer | None]:
    """Ask an LFS server for an object that nobody has, and then what uploads it would take.

    The second question names no object, so that the server begins no upload.
    """
    here = _batch(asker, url, "download", [_NOBODYS_OBJECT], ["basic"])
    if here.status != 200 and not _knows_no_object(here):
        return here, None
    return here, _batch(asker, url, "upload", [], ["multipart", "basic"])


def _batch(
    asker: Asker, url: str, operation: str, objects: list[object], transfers: list[str]
) -> Answer:
    body = {
        "operation": operation,
        "transfers": transfers,
        "objects": objects,
        "hash_algo": "sha256",
    }
    headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
    return asker.ask("POST", f"{url.rstrip('/')}/objects/batch", json=body, headers=headers)


def lfs_check(url: str, answers: tuple[Answer, Answer | None], *, is_hub: bool) -> Check:
    """Judge the LFS server.

    Args:
        url: its address.
        answers: what `ask_lfs` got.
        is_hub: whether it is a CSGHub's, which takes 5 GB at most in one piece.
    """
    here, upload = answers
    if wrong := _wrong(url, here):
        return Check("lfs", findings=(wrong,))
    if here.error is not None and not _knows_no_object(here):
        return Check("lfs", "not asked: the repository does not let this token read")
    if upload is None or upload.error is not None:
        return Check("lfs", f"{shown(url)} answers")
    if (upload.fields() or {}).get("transfer") == "multipart":
        return Check("lfs", f"{shown(url)} answers, uploads in parts")
    words = f"{shown(url)} takes no uploads in parts"
    line = "keep files below 5 GB" if is_hub else ""
    return Check("lfs", f"{shown(url)} answers", (Finding("CSG603", words, line),))


def _wrong(url: str, answer: Answer) -> Finding | None:
    if _knows_no_object(answer):
        return None
    if isinstance(answer.error, NotFound) and answer.status == 404:
        return Finding("CSG601", f"there is no LFS server at {shown(url)}", _LINE)
    if found := trouble(answer, "LFS server"):
        return found
    if answer.error is None and "objects" not in (answer.fields() or {}):
        words = f"{shown(url)} answers, but not as an LFS server does"
        return Finding("CSG602", words, _LINE)
    return None


def _knows_no_object(answer: Answer) -> bool:
    """Tell whether a 404 is an LFS server's word for the object, as some of them say it."""
    return answer.status == 404 and answer.content_type.startswith(MEDIA_TYPE)
