"""The command line: one module for each group of verbs, and one boundary around them all.

Results go to standard output, everything else to standard error. Modules here import click and
nothing heavier; what a command needs is imported when it runs.
"""

from __future__ import annotations

from csgrepo.cli.boundary import main

__all__ = ["main"]
