"""A machine of a test's own: its HOME, its settings, its PATH, and nothing of yours."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MARK = "TEST_PROCESS_MARK"  # every process a test starts inherits it; see `processes`

# What a developer, a CI runner or a cluster may have set, and what would change a test's result.
_PREFIXES = (
    "CSGHUB_",
    "CSG_",
    "GIT_",
    "HF_",
    "HUGGING",
    "HUGGINGFACE_",
    "MODELSCOPE_",
    "OMPI_",
    "PMI_",
    "SLURM_",
    "SSH_",
    "XDG_",
)
_NAMES = {
    "DISPLAY",
    "EMAIL",
    "LANGUAGE",
    "LC_ALL",
    "LC_MESSAGES",
    "LOCAL_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
    "NETRC",
    "NODE_RANK",
    "RANK",
    "WORLD_SIZE",
}

GIT_CONFIG = """\
[user]
	name = Wanda
	email = wanda@example.com
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
[gc]
	autoDetach = false
[maintenance]
	autoDetach = false
"""


def isolate(patch: pytest.MonkeyPatch, root: Path) -> Path:
    """Point this process, and what it starts, at a HOME and a TMPDIR below `root`."""
    for name in list(os.environ):
        if name.upper().startswith(_PREFIXES) or name in _NAMES or "proxy" in name.lower():
            patch.delenv(name)
    home, temporary = root / "home", root / "tmp"
    for folder in (home, temporary):
        folder.mkdir(parents=True)
    config = home / ".gitconfig"
    config.write_text(GIT_CONFIG)
    set_home(patch, home)
    patch.setenv("GIT_CONFIG_GLOBAL", str(config))
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    patch.setenv("LANG", "C.UTF-8")
    for name in ("TMPDIR", "TEMP", "TMP"):
        patch.setenv(name, str(temporary))
    patch.setattr("tempfile.tempdir", None)  # it remembers the first answer
    return home


def let_children_hear() -> None:
    """Have what is started here hear signals that this process was started to ignore.

    A shell's `&` has Ctrl-C ignored, `nohup` SIGHUP, and children inherit that; a handler they do
    not inherit.
    """
    for name in ("SIGINT", "SIGHUP", "SIGQUIT"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def set_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    patch.setenv("HOME", str(home))
    patch.setenv("USERPROFILE", str(home))
    patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    patch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    patch.setenv("XDG_DATA_HOME", str(home / ".local" / "share"))
    patch.setenv("XDG_STATE_HOME", str(home / ".local" / "state"))


def lacking(what: str) -> None:
    """Skip the test for want of something; in CI fail, so that nothing goes untested unnoticed."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI must test everything")
    pytest.skip(what)


def path_without(program: str, folder: Path) -> str:
    """Return a PATH on which `program` is not, and all else is.

    A folder of PATH that holds it is replaced by one below `folder` with links to everything else.
    """
    entries = []
    for number, entry in enumerate(os.environ["PATH"].split(os.pathsep)):
        if Path(entry, program).exists():
            entry = str(_links_to_all_but(program, Path(entry), folder / str(number)))  # noqa: PLW2901
        entries.append(entry)
    return os.pathsep.join(entries)


def git_exec_path_without(program: str, folder: Path) -> str | None:
    """Return a folder for GIT_EXEC_PATH without `program`, or None where git's own lacks it."""
    answer = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, text=True)
    own = Path(answer.stdout.strip())
    if not (own / program).exists():
        return None
    return str(_links_to_all_but(program, own, folder / "git-core"))


def _links_to_all_but(program: str, source: Path, target: Path) -> Path:
    target.mkdir(parents=True)
    for entry in source.iterdir():
        if entry.name != program:
            (target / entry.name).symlink_to(entry)
    return target


def unwritable_folder(folder: Path) -> Path:
    """Return a folder in which this process really cannot write.

    An ordinary user gets one without the write permission. That does not bind root; for root it is
    a folder of the kernel's own (`/sys/kernel`), where nobody may create a file.
    """
    if not hasattr(os, "geteuid"):
        lacking("a folder that cannot be written needs POSIX permissions")
    if os.geteuid() == 0:
        folder = Path("/sys/kernel")
    else:
        folder.mkdir()
        folder.chmod(0o555)
    probe = folder / "csgrepo-probe"
    try:
        probe.touch()
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            return folder
        raise
    probe.unlink()
    lacking(f"this user can write even in {folder}")
    raise AssertionError


def find(program: str) -> str | None:
    """Find a program; servers are where an ordinary user's PATH does not lead."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return shutil.which(program, path=path)


def have(program: str) -> bool:
    return find(program) is not None


def as_ordinary_user(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python as somebody whom permissions bind, which root is only without these rights."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            lacking("setpriv is not installed")
        without = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}", *command]
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd="/", env=environment, capture_output=True, text=True, check=False
    )
