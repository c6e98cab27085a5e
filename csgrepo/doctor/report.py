"""What the doctor says: checks, and what they found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from csgrepo.doctor.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from csgrepo.doctor.codes import Severity

__all__ = ["SCHEMA", "Check", "Finding", "Report"]

SCHEMA = 1  # of what `as_dict` returns; grows when a field changes its meaning or goes
_ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is, or may go, wrong.

    Attributes:
        code: its kind, such as ``CSG105``; see `csgrepo.doctor.codes`.
        message: what was found, in a sentence.
        remedy: the line that mends it; ``""`` where only somebody else can.
        subject: what it was found on; the same found again there is told once.
    """

    code: str
    message: str
    remedy: str = ""
    subject: str = ""

    @property
    def severity(self) -> Severity:
        """``"error"``, ``"warning"`` or ``"note"``."""
        return CODES[self.code].severity

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was looked at.

    Attributes:
        name: what, in a word or two.
        said: what is to be known of it where all is well; ``""`` where it could not be looked at.
        findings: what is not well.
    """

    name: str
    said: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in order; false if an error is among the findings.

    Attributes:
        subject: what was looked at: a folder, a repository's address, or the hub's.
        checks: what was done.
        seconds: how long it took.
    """

    subject: str
    checks: tuple[Check, ...]
    seconds: float

    def __bool__(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def findings(self) -> list[Finding]:
        """What was found, errors first, each as it is to be mended: by code."""
        found = {(f.code, f.subject): f for c in reversed(self.checks) for f in c.findings}
        return sorted(found.values(), key=lambda f: (_ORDER[f.severity], f.code, f.message))

    @property
    def codes(self) -> list[str]:
        """The codes of the findings, in their order."""
        return [finding.code for finding in self.findings]

    @property
    def exit_code(self) -> int:
        """What `csgrepo doctor` exits with: that of the first error, 0 where there is none."""
        return next((CODES[code].exit_code for code in self.codes if CODES[code].exit_code), 0)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; ``schema`` names the version of this form.

        Example:
            >>> Report("here", (Check("git", "2.39.5"),), 0.25).as_dict()["healthy"]
            True
        """
        return {
            "schema": SCHEMA,
            "subject": self.subject,
            "healthy": bool(self),
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 3),
            "checks": [
                {"name": check.name, "said": check.said, "ok": _is_fine(check.findings)}
                for check in self.checks
            ],
            "findings": [finding.as_dict() for finding in self.findings],
        }


def _is_fine(findings: Iterable[Finding]) -> bool:
    return all(finding.severity == "note" for finding in findings)
