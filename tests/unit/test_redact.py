"""What must never be readable, and what must stay so."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest

from csgrepo.redact import Secret, redact


@pytest.mark.parametrize(
    "show", [str, repr, "{}".format, "{!r}".format, "{0!s:>20}".format, lambda secret: f"{secret}"]
)
def test_secret_shows_as_stars(show: Callable[[Secret], str]) -> None:
    assert "s3cr3t" not in show(Secret("s3cr3t-token"))
    assert "****" in show(Secret("s3cr3t-token"))


def test_secret_is_revealed_when_asked() -> None:
    assert Secret("s3cr3t-token").reveal() == "s3cr3t-token"


def test_secret_equals_by_value_and_hashes_alike() -> None:
    assert Secret("one-token") == Secret("one-token")
    assert Secret("one-token") != Secret("another")
    assert Secret("one-token") != "one-token"
    assert len({Secret("one-token"), Secret("one-token")}) == 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_secret_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps({"token": Secret("s3cr3t-token")}, protocol)


def test_secret_cannot_be_deep_copied_into_something_else() -> None:
    with pytest.raises(TypeError):
        copy.deepcopy(Secret("s3cr3t-token"))


def test_secret_has_no_dictionary_that_a_debugger_would_print() -> None:
    assert not hasattr(Secret("s3cr3t-token"), "__dict__")


def test_secret_does_not_show_in_a_traceback_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    token = Secret("s3cr3t-in-trace")
    error = ValueError(f"bad token {token}", token)

    logging.getLogger("csgrepo").warning("failed with %s", token, exc_info=error)
    text = "".join(traceback.format_exception(error))

    assert "s3cr3t-in-trace" not in text + caplog.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://wanda:hunter22@hub.example/a", "https://****@hub.example/a"),
        ("https://ghp_token@hub.example/a", "https://****@hub.example/a"),
        ("https://wanda:p@ss@hub.example/a", "https://****@hub.example/a"),
        ("https://wanda:it's@hub.example/a", "https://****@hub.example/a"),
        (
            "fatal: 'http://u:p@h/x' and http://v:q@i/y",
            "fatal: 'http://****@h/x' and http://****@i/y",
        ),
        ("ssh://git@host/x", "ssh://****@host/x"),
        ("Authorization: Basic d2FuZGE6cHc=", "Authorization: ****"),
        ("authorization: bearer abc.def.ghi next", "authorization: **** next"),
        ("Authorization: token abcdef", "Authorization: ****"),
        ("Authorization: abcdef", "Authorization: ****"),
        ("Proxy-Authorization: Basic abc=", "Proxy-Authorization: ****"),
        ("{'Authorization': 'Bearer abc', 'a': 1}", "{'Authorization': '****', 'a': 1}"),
        ('{"Authorization": "Basic abc="}', '{"Authorization": "****"}'),
        ("{b'Authorization': b'Basic abc='}", "{b'Authorization': b'****'}"),
        ("http.extraHeader=Authorization: Basic abc=", "http.extraHeader=Authorization: ****"),
        ("https://s3/x?X-Amz-Signature=aa&b=1", "https://s3/x?X-Amz-Signature=****&b=1"),
        ("https://s3/x?a=1&X-Amz-Credential=K%2F1", "https://s3/x?a=1&X-Amz-Credential=****"),
        ("https://s3/x?X-Amz-Security-Token=t", "https://s3/x?X-Amz-Security-Token=****"),
        ("https://gcs/x?X-Goog-Signature=ab", "https://gcs/x?X-Goog-Signature=****"),
        ("https://az/x?sv=1&sig=a%3D", "https://az/x?sv=1&sig=****"),
        ("https://lfs/x?jwt=a.b.c", "https://lfs/x?jwt=****"),
        ("https://h/x?access_token=abc&page=2", "https://h/x?access_token=****&page=2"),
        ("https://h/x?private_token=abc", "https://h/x?private_token=****"),
    ],
)
def test_redact_masks(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://hub.example/wanda/model.git",
        "wanda@example.com",
        "git@host:wanda/model.git",
        "模型 final.bin: 100%",
        "https://h/x?page=2&sort=name",
        "not authorized",
        "a signature=1 in prose",
    ],
)
def test_redact_leaves_alone(text: str) -> None:
    assert redact(text) == text


def test_redact_masks_every_secret_held_so_far_also_url_quoted() -> None:
    Secret("pa/ss wörd+1")

    assert redact("x pa/ss wörd+1 y") == "x **** y"
    assert redact("x pa%2Fss%20w%C3%B6rd%2B1 y") == "x **** y"


def test_redact_masks_the_longer_of_two_secrets_whole() -> None:
    Secret("prefix-token")
    Secret("prefix-token-and-more")

    assert redact("prefix-token-and-more") == "****"


def test_redact_does_not_mask_ordinary_words_for_a_short_secret() -> None:
    Secret("main")

    assert redact("branch main") == "branch main"
