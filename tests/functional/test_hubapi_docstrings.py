"""What a newcomer reads: every call names its endpoint, its errors, and an example that works."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import pytest

from csgrepo import CommitOperationAdd, errors
from csgrepo import hub as shown
from csgrepo.hub import HubApi, InferenceApi, LogStream, login, logout, whoami
from csgrepo.hub.finetunes import Finetunes
from csgrepo.hub.instances import Instances
from csgrepo.server import Hub
from tests.functional.test_hubapi_failures import KEY

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ENDPOINT = re.compile(r"``(?:GET|HEAD|POST|PUT|DELETE) [^`\n]+``")
RAISES = re.compile(r"\nRaises:\n((?: {4}.+\n)+)")
CLASSES = (HubApi, Instances, Finetunes, InferenceApi)
FUNCTIONS = (login, logout, whoami)
ASK_NOBODY = {"HubApi.close", "InferenceApi.close", "logout", "HubApi.endpoint"}
GROUPS = {"HubApi.instances", "HubApi.finetunes"}  # documented as classes of their own


def documented() -> dict[str, object]:
    """Return all public calls and properties, by the name a reader knows them by."""
    found: dict[str, object] = {call.__name__: call for call in FUNCTIONS}
    for kind in CLASSES:
        for name in dir(kind):
            what = inspect.getattr_static(kind, name)
            if (not name.startswith("_") or name == "__call__") and (
                callable(what) or (hasattr(what, "__doc__") and not isinstance(what, str | int))
            ):
                found[f"{kind.__name__}.{name}"] = getattr(what, "fget", None) or what
    return found


DOCUMENTED = documented()
ASK = sorted(DOCUMENTED.keys() - ASK_NOBODY - GROUPS)


def text_of(name: str) -> str:
    return inspect.cleandoc(DOCUMENTED[name].__doc__ or "") + "\n"


def sends_on_to(name: str) -> str | None:
    """Return the call that a docstring leaves the rest to, if all it has is one sentence."""
    text = text_of(name).strip()
    other = re.search(r"(?:see|Return|as for) `(\w+)`", text)
    return f"{name.partition('.')[0]}.{other[1]}" if other and "Raises:" not in text else None


def test_there_are_as_many_calls_as_there_should_be() -> None:
    assert len(ASK) >= 80


@pytest.mark.parametrize("name", ASK)
def test_call_names_its_endpoint_its_errors_and_an_example(name: str) -> None:
    """The rule: all three, or one sentence that sends the reader on to a call that has them."""
    other = sends_on_to(name)
    if other:
        assert other in ASK
        assert sends_on_to(other) is None
        return
    text = text_of(name)
    assert ENDPOINT.search(text), "no endpoint"
    assert ">>> " in text.partition("Example:")[2], "no example"
    named = RAISES.search(text)
    assert named, "no errors"
    kinds = re.findall(r"^ {4}(\w+(?:, \w+)*):", named[1], re.MULTILINE)
    assert kinds
    for kind in ", ".join(kinds).split(", "):
        assert hasattr(errors, kind) or kind in {"FileNotFoundError", "StopIteration"}, kind


# --- the examples ------------------------------------------------------------------------------


class Example(NamedTuple):
    name: str
    text: str


def examples() -> Iterator[Example]:
    seen: set[str] = set()
    for kind in (*CLASSES, LogStream):
        yield Example(kind.__name__, kind.__doc__ or "")
    for name in DOCUMENTED:
        text = text_of(name)
        if ">>> " in text and text not in seen:  # what both kinds of deploys inherit is run once
            seen.add(text)
            yield Example(name, text)


EXAMPLES = {found.name: found.text for found in examples()}


def test_no_example_is_left_out() -> None:
    assert not [name for name, text in EXAMPLES.items() if "doctest:" in text]


@pytest.fixture
def taken_for_granted(
    quick: Hub,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[str], tuple[str, dict[str, object]]]]:
    """Make what an example speaks of, in a namespace of its own; return it with its names."""
    (tmp_path / "work" / "out").mkdir(parents=True)
    (tmp_path / "work" / "out" / "model.safetensors").write_bytes(b"\0weights")
    monkeypatch.chdir(tmp_path / "work")
    number = abs(hash(request.node.name)) % 10**9
    names = {word: f"{word}-{number}" for word in ("wanda", "acme", "zoe")}
    token = quick.add_user(names["wanda"])
    with HubApi(quick.url, token) as api:

        def make(text: str) -> tuple[str, dict[str, object]]:
            if "wanda/bert" in text or 'author="wanda"' in text:
                api.create_repo("bert")
            if ("wanda/reviews" in text and "create_repo" not in text) or '"review"' in text:
                api.create_repo("reviews", repo_type="dataset")
            if "acme" in text and "create_organization" not in text:
                api.create_organization(names["acme"])
            if "zoe" in text:
                quick.add_user(names["zoe"])
            if "id_ed25519.pub" in text:
                (home / ".ssh").mkdir()
                (home / ".ssh" / "id_ed25519.pub").write_text(f"{KEY}\n")
            if 'list("wanda/bert")' in text or "InferenceApi(" in text:
                made = api.instances.create("bert", "bert-1", resource_id=1, framework_id=1)
                api.instances.wait_until_running(made, timeout=60)
            if '"old' in text:
                old = [CommitOperationAdd(path, b"old") for path in ("old.bin", "old/a.txt")]
                api.create_commit("bert", old, commit_message="Add what is old")
            monkeypatch.setenv("CSGHUB_ENDPOINT", quick.url)
            if "login" not in text:
                monkeypatch.setenv("CSGHUB_TOKEN", token)
            for word, unique in {
                **names,
                "0123456789abcdef": token,
                "https://hub.opencsg.com": quick.url,
            }.items():
                text = re.sub(rf"(?<!-){word}\b", unique, text)
            return text, {**vars(shown), "api": api}

        yield make


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_works_as_it_stands(
    taken_for_granted: Callable[[str], tuple[str, dict[str, object]]], name: str
) -> None:
    text, names = taken_for_granted(EXAMPLES[name])
    test = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    assert test.examples
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(test, out=said.append, clear_globs=False)
    for value in names.values():
        if isinstance(value, HubApi | InferenceApi):
            value.close()

    assert not runner.summarize(verbose=False).failed, "".join(said)
