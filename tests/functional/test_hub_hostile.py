"""Every route of the hub is given what nobody should send; none of them may stumble.

The answer to a stumble is a 500 with the code SYS-ERR-0, and its traceback in the log.
"""

from __future__ import annotations

import logging
import re
from urllib.parse import quote

import pytest
import requests

from csgrepo.server import Hub
from csgrepo.server.app import route_table
from tests.functional.rest import Api

HOSTILE = [
    "..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a%00b", "-x", "%ff%fe", "' OR 1=1 --", "9" * 30,
    "模型", "x" * 5000, ".git", "%0d%0aSet-Cookie:%20a", "１２",
]  # fmt: skip
BODIES = [
    b"", b"{", b"[]", b"null", b"\xff", b"[" * 20_000,
    b'{"name": {"a": 1}, "files": "x", "operation": "upload", "objects": [[]], "path": 7}',
    b'{"name": "\\ud800", "message": "\\u0000", "branch": "..", "files": [{"path": "../x"}]}',
    b'{"operation": "download", "objects": [{"oid": "../../x", "size": -1}], "limit": 1e999}',
]  # fmt: skip
LEFT_OUT = re.compile(
    r"/(status|logs)$"  # would go on for ever
    r"|^/_static/|^/(hf|ms)/"  # the latter are answered by what answers for csg
    r"|/(datasets|spaces|codes|skills)/"  # answered by what answers for models
    r"|/likes/\{number\}$"  # a word where a number belongs is that very 500, by the contract
)


def filled(path: str, owner: str, odd: str) -> str:
    """Return a route's path with something odd in its places, but for the repository's name.

    So it gets past the search for the repository.
    """
    known = {"namespace": owner, "name": "target"}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: known.get(found[1], odd), path)


def test_no_route_stumbles_over_hostile_words_or_bodies(hub: Hub, wanda: Api, caplog):
    for plural in ("models", "mcps", "prompts"):
        wanda.create("target", plural)
    caplog.set_level(logging.ERROR, "csgrepo.server")
    session = requests.Session()
    session.headers.update(wanda.headers)
    stumbled = []
    table = [found for found in route_table(hub._backend) if not LEFT_OUT.search(found[1])]
    for number, (methods, path) in enumerate(table):
        odd, body = HOSTILE[number % len(HOSTILE)], BODIES[number % len(BODIES)]
        address = hub.url + filled(path, wanda.name, quote(odd, safe="%"))
        for method in methods:
            sent = None if method in {"GET", "HEAD"} else body
            answer = session.request(method, address, data=sent, timeout=60, allow_redirects=False)
            if "SYS-ERR-0" in answer.text or answer.status_code > 500:
                stumbled.append(f"{method} {path} {odd[:20]!r} {sent!r:.60}")
    assert len(table) > 100
    assert stumbled == []
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "PROPFIND", "CONNECT", "ge7"])
def test_methods_that_no_route_has_are_unknown_everywhere(hub: Hub, wanda: Api, method: str):
    base = wanda.create("target")
    for path in (base, f"{base}/raw/README.md", f"/models/{wanda.name}/target.git/info/refs",
                 f"/models/{wanda.name}/target.git/info/lfs/objects/batch", "/healthz", "/",
                 f"/csg/{wanda.name}/target/resolve/main/README.md"):  # fmt: skip
        answer = wanda(method, path)
        assert answer.status_code in {400, 404}, (path, answer.status_code)
    assert wanda.get(f"{base}/raw/README.md").startswith("\n---")
