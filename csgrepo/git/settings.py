"""Git's settings for one repository, as git itself reads them: all files, includes and scopes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from csgrepo.git.runner import DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from csgrepo.git.runner import Git

__all__ = ["GitSettings"]


class GitSettings:
    """The values of ``git config --list``, asked once.

    Example:
        >>> GitSettings.of(Git(".")).get("core.bare")  # doctest: +SKIP
        'false'
    """

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    @classmethod
    def of(cls, git: Git, *source: str, timeout: float = DEFAULT_TIMEOUT_S) -> GitSettings:
        """Ask git.

        Args:
            git: git in the repository.
            source: where to read, such as ``--local`` or ``--file=.lfsconfig``; all if not given.
            timeout: seconds after which git is stopped.
        """
        asked = ("config", *source, "-z", "--list")
        output = git.run(*asked, ok=(0, 1, 128), timeout=timeout).stdout
        values: dict[str, list[str]] = {}
        for record in output.split(b"\0"):
            if record:
                key, newline, value = record.partition(b"\n")
                values.setdefault(os.fsdecode(key), []).append(
                    os.fsdecode(value) if newline else "true"
                )
        return cls(values)

    def get(self, key: str, default: str = "") -> str:
        """Return the value that wins; section and option in lower case, a subsection as it is."""
        return self._values.get(key, [default])[-1]

    def is_off(self, key: str, default: str = "false") -> bool:
        """Tell whether a value means "no" to git (git-config(1), "Values")."""
        return self.get(key, default).lower() in {"false", "no", "off", "0", ""}

    def rewritten(self, url: str, option: str = "insteadof") -> str | None:
        """Return what git puts in an address's place; ``None`` if that is the address itself.

        The longest beginning that a ``url.<base>.insteadOf`` names is replaced by that base
        (git-config(1)).

        Args:
            url: the address.
            option: ``"insteadof"`` or ``"pushinsteadof"``.
        """
        start, end = "url.", "." + option
        found = [
            (len(beginning), key[len(start) : -len(end)])
            for key, values in self._values.items()
            if key.startswith(start) and key.endswith(end)
            for beginning in values
            if beginning and url.startswith(beginning)
        ]
        if not found:
            return None
        length, base = max(found, key=lambda item: item[0])
        return base + url[length:]

    def sections(self, prefix: str, suffix: str) -> dict[str, str]:
        """Return subsection → value of every ``prefix.<subsection>.suffix``."""
        start, end = prefix + ".", "." + suffix
        return {
            key[len(start) : -len(end)]: values[-1]
            for key, values in self._values.items()
            if key.startswith(start) and key.endswith(end) and len(key) > len(start) + len(end)
        }
