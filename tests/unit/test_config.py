"""Settings from the environment: names, order, defaults, odd values."""

from __future__ import annotations

from pathlib import Path

import pytest

from csgrepo.config import DEFAULT_ENDPOINT, LARGE_FILE_BYTES, settings


def test_defaults_when_the_environment_says_nothing(home: Path) -> None:
    found = settings()

    assert found.endpoint == DEFAULT_ENDPOINT == "https://hub.opencsg.com"
    assert found.token is None
    assert found.home == home / ".csghub"
    assert found.token_path == home / ".csghub" / "token"
    assert found.cache == home / ".cache" / "csghub"
    assert found.offline is False
    assert found.progress is True
    assert found.large_file_bytes == LARGE_FILE_BYTES == 10 * 1024 * 1024


def test_asking_creates_nothing(home: Path) -> None:
    settings()

    assert [path.name for path in home.iterdir()] == [".gitconfig"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CSGHUB_TOKEN": "first"}, "first"),
        ({"CSG_TOKEN": "second"}, "second"),
        ({"CSGHUB_TOKEN": "first", "CSG_TOKEN": "second"}, "first"),
        ({"CSGHUB_TOKEN": "", "CSG_TOKEN": "second"}, "second"),
        ({"CSGHUB_TOKEN": "  ", "CSG_TOKEN": "second"}, "second"),
        ({"CSGHUB_TOKEN": " first\n"}, "first"),
        ({"CSGHUB_TOKEN": ""}, None),
    ],
)
def test_token(
    variables: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    token = settings().token

    assert (token.reveal() if token else None) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CSGHUB_ENDPOINT": "https://a.example"}, "https://a.example"),
        ({"CSGHUB_ENDPOINT": "https://a.example/"}, "https://a.example"),
        ({"CSGHUB_ENDPOINT": "https://a.example/hub//"}, "https://a.example/hub"),
        ({"CSGHUB_ENDPOINT": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080"),
        ({"CSGHUB_DOMAIN": "b.example"}, "https://b.example"),
        ({"CSGHUB_DOMAIN": "https://b.example"}, "https://b.example"),
        (
            {"CSGHUB_ENDPOINT": "https://a.example", "CSGHUB_DOMAIN": "b.example"},
            "https://a.example",
        ),
        ({"CSGHUB_ENDPOINT": "  "}, DEFAULT_ENDPOINT),
    ],
)
def test_endpoint(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert settings().endpoint == expected


@pytest.mark.parametrize("word", ["1", "true", "TRUE", "yes", "on", " On "])
def test_switch_on(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSGHUB_OFFLINE", word)
    monkeypatch.setenv("CSGHUB_DISABLE_PROGRESS", word)

    assert settings().offline is True
    assert settings().progress is False


@pytest.mark.parametrize("word", ["0", "false", "no", "off", "", "perhaps"])
def test_switch_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSGHUB_OFFLINE", word)

    assert settings().offline is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("1048576", 1048576),
        ("0", LARGE_FILE_BYTES),
        ("-5", LARGE_FILE_BYTES),
        ("10MB", LARGE_FILE_BYTES),
        ("²", LARGE_FILE_BYTES),
        ("", LARGE_FILE_BYTES),
    ],
)
def test_large_file_size_when_it_is_no_number_is_the_default(
    text: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_LARGE_FILE_BYTES", text)

    assert settings().large_file_bytes == expected


def test_folders_follow_their_variables_and_tilde(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_HOME", "~/设置")
    monkeypatch.setenv("CSGHUB_CACHE", "~/cache")

    assert settings().home == home / "设置"
    assert settings().token_path == home / "设置" / "token"
    assert settings().cache == home / "cache"

    monkeypatch.setenv("CSGHUB_TOKEN_PATH", "/run/secrets/token")
    assert settings().token_path == Path("/run/secrets/token")


def test_the_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings()
    monkeypatch.setenv("CSGHUB_ENDPOINT", "https://later.example")

    assert settings().endpoint == "https://later.example"
    assert before.endpoint == DEFAULT_ENDPOINT


def test_settings_never_show_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", "s3cr3t-token")

    assert "s3cr3t" not in f"{settings()!r}{settings()}"


def test_without_home_and_without_an_account_there_is_still_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a container that runs under a number nobody has a name for."""

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)

    assert settings().home.name == ".csghub"
