"""The embedded hub: CSGHub's contract on one machine, over SQLite and plain files.

It serves git (smart HTTP), Git LFS and the REST interface, for trying things out, for networks
without a way out, and for tests. It shares nothing with this library's own client beyond names,
files and the pointer format, so that the two cannot agree on a mistake.

A request comes in through `http` (the gate: counted, logged, spoiled where a fault is ordered),
finds its route in `app`, and is answered by `git`, `lfs`, `rest`, `mapping` (the clients of other
hubs) or `web` (people). They ask `accounts` who it is, and `repos` and `deploys` what there is;
`records` keeps it. `operation` is for those who run the hub, `faults` for those who test with it.

Where it is not what CSGHub's own server is, that is on purpose:

* Tokens and keys are kept as digests. They are shown once, when they are made or changed; lists
  have every field, and of the token its first four characters.
* The digest of an LFS object is checked when it arrives, and every ref of a push is looked at.
* It calls no other host: mirrors wait, and there is no remote to compare with.
* Nothing runs behind deploys but a model that echoes; states and shares of traffic are real.
* There are no sessions of a browser, no JWT, and no token that acts for everybody.

Example:
    >>> from csgrepo.server import Hub
    >>> with Hub() as hub:  # doctest: +SKIP
    ...     token = hub.add_user("wanda")
    ...     print(hub.url)
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput

if TYPE_CHECKING:
    from csgrepo.server.deploys.deploys import Pace
    from csgrepo.server.faults.faults import (
        Answer,
        Corrupt,
        Fault,
        Faults,
        NullData,
        Redirect,
        Reset,
        Stall,
        Swallow,
        Truncate,
        WrongLength,
    )
    from csgrepo.server.http.record import Request
    from csgrepo.server.hub import Hub

__all__ = [
    "Answer",
    "Corrupt",
    "Fault",
    "Faults",
    "Hub",
    "NullData",
    "Pace",
    "Redirect",
    "Request",
    "Reset",
    "Stall",
    "Swallow",
    "Truncate",
    "WrongLength",
]


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # imported and unusable: see importlib.util.find_spec
        return False


_NEEDED = (
    *("jinja2", "markdown_it", "nh3", "prometheus_client", "python_multipart", "starlette"),
    *("uvicorn", "yaml"),
)

for _needed in _NEEDED:
    if not _installed(_needed):
        raise InvalidInput(
            f"the embedded hub needs {_needed}, which is not installed; "
            "run `pip install 'csgrepo[hub]'`"
        )

_HOMES = {"Hub": "hub", "Pace": "deploys.deploys", "Request": "http.record"}


def __getattr__(name: str) -> object:
    """Load the server only when it is used: the push check starts without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'faults.faults')}")
    return getattr(module, name)
