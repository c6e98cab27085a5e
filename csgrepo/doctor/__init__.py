"""What may keep a push from succeeding, found beforehand: `csgrepo doctor`, `Repository.preflight`.

``codes`` (what can be found), ``report`` (what was found), ``programs``, ``room``, ``account``,
``remote`` and ``workcopy`` (facts, and apart from them what they mean), ``asking`` (a question to a
server, once), ``examination`` (all of it beside each other, in time), ``environment`` (what a bug
report needs).

It stands below `csgrepo.repository` and opens none: a `Repository` takes up interrupted work when
it is opened, and a doctor changes nothing.
"""

from __future__ import annotations

from csgrepo.doctor.codes import CODES, Code
from csgrepo.doctor.examination import Subject, examine, subject_of
from csgrepo.doctor.report import Check, Finding, Report

__all__ = ["CODES", "Check", "Code", "Finding", "Report", "Subject", "examine", "subject_of"]
