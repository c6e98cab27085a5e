"""The command lines by which git, and detached processes, call back into csgrepo."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

__all__ = ["python_command", "shell_command"]

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])

# Git runs hooks and filters in the work tree. Python would look for modules there first, and a
# cloned repository that holds a folder `csgrepo` would be run: the current folder is taken out.
_START = (
    "import sys; "
    "sys.path[:] = [{parent!r}, *(p for p in sys.path if p not in ('', '.', {parent!r}))]; "
    "import runpy; "
    "sys.argv[0] = {module!r}; "
    "runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
)


def python_command(module: str, *args: str) -> list[str]:
    """Return the arguments that run a module of this csgrepo, from whatever folder.

    The same interpreter is used, and the package is found where this one was, installed or not.

    Example:
        >>> python_command("csgrepo", "--version")[-1]
        '--version'
    """
    return [sys.executable, "-c", _START.format(parent=_PACKAGE_PARENT, module=module), *args]


def shell_command(module: str, *args: str) -> str:
    """Return the same as one line for ``sh``, as git's settings and hooks want it."""
    command = shlex.join(python_command(module, *args))
    return command.replace("\\", "/") if sys.platform == "win32" else command
