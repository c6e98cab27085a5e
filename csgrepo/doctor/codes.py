"""What the doctor can find: one table of codes, from which the pages about them are made too.

The hundreds tell where: 1 programs, 2 disk, 3 network, 4 token, 5 repository, 6 large files,
7 working copy, 9 the doctor itself. A code keeps its meaning; a new meaning gets a new one. Of
several errors the lowest code decides how the process exits: it is the one to mend first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CODES", "Code", "Severity"]

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding.

    Attributes:
        id: such as ``CSG101``.
        severity: ``"error"``: a push will fail; ``"warning"``: something may be lost or go wrong;
            ``"note"``: good to know.
        exit_code: what `csgrepo doctor` exits with; 0 for all but errors.
        title: what is the matter, without the facts of a case.
        why: what comes of it, and what mends it.
    """

    id: str
    severity: Severity
    exit_code: int
    title: str
    why: str


_TABLE = (
    Code("CSG101", "error", 9, "git is not there", "Nothing works without it; git-lfs may lack."),
    Code("CSG102", "error", 9, "git is too old", "csgrepo needs git 2.30 or later."),
    Code(
        "CSG103",
        "warning",
        0,
        "This version of git is known to damage files",
        "Git for Windows before 2.34 cuts files of 4 GiB and more that a filter such as git-lfs "
        "writes. csgrepo writes them itself, plain `git checkout` does not.",
    ),
    Code(
        "CSG104",
        "note",
        0,
        "git-lfs is not installed",
        "csgrepo does without it. Others who clone with plain git need it.",
    ),
    Code(
        "CSG105",
        "warning",
        0,
        "This version of git-lfs is known to lose data",
        "Before 2.12 `git lfs prune` removes what stashes need, before 3.5 also what is staged and "
        "not committed. Before 2.14 `git lfs migrate` overwrites uncommitted changes unless told "
        "otherwise. Before 3.7.1 `git lfs checkout` and `pull` write through symbolic links to "
        "files outside the working copy (CVE-2025-26625). csgrepo's own commands use none of "
        "them.",
    ),
    Code(
        "CSG106",
        "warning",
        0,
        "git does not know who commits",
        "A commit would fail, or bear a made-up address.",
    ),
    Code("CSG201", "error", 9, "The disk is full", "Nothing can be added, fetched or committed."),
    Code(
        "CSG202",
        "error",
        9,
        "There is less room on the disk than needed",
        "The amount is what was asked for with `--need` or `preflight(need=…)`.",
    ),
    Code("CSG203", "warning", 0, "There is little room on the disk", "Under 1 GiB is left."),
    Code(
        "CSG204",
        "error",
        9,
        "The folder may not be written",
        "A working copy belongs to somebody else, or the disk is mounted read-only.",
    ),
    Code(
        "CSG301",
        "error",
        6,
        "The server cannot be reached",
        "Its name is not known, or nothing listens there.",
    ),
    Code(
        "CSG302",
        "error",
        6,
        "The server does not answer",
        "It takes a connection or swallows it, and says nothing in time.",
    ),
    Code(
        "CSG303",
        "error",
        6,
        "The proxy refuses, or cannot be reached",
        "HTTPS_PROXY and its like name it; NO_PROXY lists what is reached without.",
    ),
    Code(
        "CSG304",
        "error",
        6,
        "The server's certificate is not trusted",
        "It is self-signed, out of date or for another name, or somebody sits in between. "
        "REQUESTS_CA_BUNDLE names the file of your own authority; git wants it as "
        "http.sslCAInfo.",
    ),
    Code(
        "CSG305",
        "error",
        6,
        "The clock is wrong",
        "Here and on the server it differs by five minutes or more. Signed addresses of large "
        "files, and tokens, are refused.",
    ),
    Code(
        "CSG306",
        "error",
        6,
        "Something else answers than a hub",
        "A login page, a proxy's notice, or an address that is not the hub's.",
    ),
    Code("CSG307", "error", 6, "The server fails", "It answers with a fault of its own."),
    Code(
        "CSG308",
        "warning",
        0,
        "git does not check certificates",
        "http.sslVerify is off: whoever is in between gets the token.",
    ),
    Code(
        "CSG309",
        "warning",
        0,
        "The token would travel in the clear",
        "The address begins with http and is not on this machine.",
    ),
    Code("CSG401", "warning", 0, "There is no token", "Public repositories can be read without."),
    Code(
        "CSG402",
        "error",
        3,
        "The server does not know the token",
        "It was revoked, has expired, or belongs to another hub.",
    ),
    Code("CSG403", "error", 3, "The token may read and not write", "Pushes will be refused."),
    Code(
        "CSG404",
        "error",
        3,
        "A push needs a token, and there is none",
        "The server asks who is there before it takes anything.",
    ),
    Code(
        "CSG405",
        "error",
        3,
        "What was given cannot be a token",
        "It holds a blank, a line break or letters that no token has.",
    ),
    Code("CSG406", "warning", 0, "Other users can read the token", "Its file is open to them."),
    Code("CSG501", "error", 4, "There is no such repository", "Or it is not shown to this token."),
    Code("CSG502", "error", 3, "The repository may not be read", "It is private."),
    Code(
        "CSG503",
        "error",
        4,
        "The repository is of another type",
        "A name may be taken by a model, a dataset and a space, which are different repositories.",
    ),
    Code(
        "CSG504",
        "error",
        5,
        "The branch is protected",
        "The host lets this account push to other branches only.",
    ),
    Code(
        "CSG505",
        "error",
        5,
        "The repository takes no pushes",
        "It says so itself, as a mirror does while it is brought up to date.",
    ),
    Code("CSG506", "error", 4, "The working copy has no remote", "There is nowhere to push to."),
    Code(
        "CSG507",
        "error",
        5,
        "The branch is checked out over there",
        "The remote is a working "
        "copy itself, and git refuses to move the branch beneath its files.",
    ),
    Code("CSG601", "error", 7, "There is no LFS server", "Large files cannot be sent."),
    Code(
        "CSG602",
        "error",
        7,
        "Something else answers than an LFS server",
        "Large files cannot be sent: what came is no answer of the batch API.",
    ),
    Code(
        "CSG603",
        "note",
        0,
        "No uploads in parts",
        "Large files go in one piece each, which "
        "begins anew when it breaks; hubs take 5 GB at most that way.",
    ),
    Code(
        "CSG701",
        "warning",
        0,
        "Plain git would not keep large files in LFS",
        "No filter is "
        "set: `git add` puts the whole file into git. csgrepo's own commands are not affected.",
    ),
    Code(
        "CSG702",
        "warning",
        0,
        "Plain git would not send large files",
        "The pre-push hook is "
        "not there: `git push` sends commits whose files nobody has. csgrepo's own commands are "
        "not affected.",
    ),
    Code(
        "CSG703",
        "warning",
        0,
        "The filter for large files is not installed",
        "Plain git commands fail in this working copy.",
    ),
    Code(
        "CSG711",
        "warning",
        0,
        "A lock was left behind",
        "Its owner was killed. csgrepo takes it away when it needs to, plain git stops at it.",
    ),
    Code(
        "CSG712",
        "warning",
        0,
        "Somebody works on the repository",
        "Commands that change it have to wait.",
    ),
    Code(
        "CSG721",
        "error",
        8,
        "Background pushes failed",
        "Their commits are safe here, and not on the server.",
    ),
    Code("CSG722", "warning", 0, "A background push is held up", "Its process was suspended."),
    Code(
        "CSG731",
        "warning",
        0,
        "A merge or rebase is not finished",
        "The next commit would become part of it.",
    ),
    Code(
        "CSG732",
        "warning",
        0,
        "No branch is checked out",
        "Commits made now are on no branch, and a push does not know where to.",
    ),
    Code(
        "CSG901",
        "warning",
        0,
        "A check did not end in time",
        "What it would have found is not known.",
    ),
    Code(
        "CSG902",
        "warning",
        0,
        "A check could not be made",
        "What it would have found is not known.",
    ),
)

CODES = {code.id: code for code in _TABLE}
