"""``csgrepo completion`` and ``csgrepo schema``: bash itself, and what zsh and fish ask."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.functional.cli import inside
from tests.stock import StockGit

HEAVY = ("git", "requests", "tqdm", "sqlite3", "filelock", "csgrepo.repository", "csgrepo.hub")

BASH = """
eval "$(csgrepo completion bash)"
complete -p csgrepo
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_csgrepo_completion csgrepo
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(*words: str, cwd: Path) -> list[str]:
    """Return what bash offers for the last of the words, in a folder."""
    script = BASH.format(words=" ".join(f"'{word}'" for word in ("csgrepo", *words)))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        check=True,
        cwd=cwd,
        encoding="utf-8",
        env=os.environ | {"PATH": path},
        timeout=60,
    )
    assert done.stderr == ""
    registered, *offered = done.stdout.splitlines()
    assert "_csgrepo_completion csgrepo" in registered
    return [word for word in offered if word]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("rep",), ["repo"]),
        (("repo", "de"), ["delete"]),
        (("finetunes", "jobs", "sh"), ["show"]),
        (("repo", "info", "--rev"), ["--revision"]),
        (("repo", "info", "-t", "da"), ["dataset"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("no-such-command", "x"), []),
        (("git-cred",), []),
    ],
    ids=str,
)
def test_bash_completes(words: tuple[str, ...], offered: list[str], tmp_path: Path) -> None:
    assert completed(*words, cwd=tmp_path) == offered


def test_bash_completes_branches_and_tags_of_the_working_copy(git: StockGit) -> None:
    git("init", "--quiet", "work")
    there = StockGit(git.cwd / "work")
    there("commit", "--quiet", "--allow-empty", "-m", "first")
    for name in ("feature/模型", "feature-2", "other"):
        there("branch", name)
    there("pack-refs", "--all")
    there("tag", "feature-tag")
    there("worktree", "add", "--quiet", "../linked", "other")
    (git.cwd / "work" / "sub").mkdir()

    expected = ["feature-2", "feature-tag", "feature/模型"]
    assert completed("repo", "info", "-r", "feat", cwd=git.cwd / "work" / "sub") == expected
    assert completed("repo", "info", "-r", "feat", cwd=git.cwd / "linked") == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_for_a_shell_names_the_program_and_its_variable(shell: str) -> None:
    done = inside("completion", shell)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"_CSGREPO_COMPLETE={shell}_complete" in done.stdout
    assert inside("completion", "tcsh").returncode == 2


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("zsh", {"COMP_WORDS": "csgrepo who", "COMP_CWORD": "1"}),
        ("fish", {"COMP_WORDS": "csgrepo who", "COMP_CWORD": "who"}),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_other_shells_get_the_command_and_what_it_does(
    shell: str, asked: dict[str, str], language: str
) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "csgrepo"],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env=os.environ
        | asked
        | {"_CSGREPO_COMPLETE": f"{shell}_complete", "CSGHUB_LANG": language},
    )

    assert "whoami" in done.stdout
    assert ("Print the name" in done.stdout) is (language == "en")
    assert ("显示令牌所属账号的名称" in done.stdout) is (language == "zh")


# What zsh's completion system does with the answers stands in for it: that needs a terminal.
ZSH = """
compdef() {{ registered=$1 }}
_describe() {{ print -rl -- "${{(@P)3}}" }}
_path_files() {{ print -r -- "files $1" }}
compadd() {{ print -rl -- "${{(@P)@[-1]}}" }}
eval "$(csgrepo completion zsh)"
words=({words})
CURRENT=$#words
$registered
"""
FISH = 'csgrepo completion fish | source; complete -C "csgrepo {words}"'


@pytest.mark.parametrize(
    ("shell", "words", "offered"),
    [
        ("zsh", "repo li", ["list:List repositories: yours, a user's, an"]),
        ("zsh", "repo info -t da", ["dataset"]),
        ("zsh", "upload wanda/bert no", ["files -f"]),
        ("zsh", "download wanda/bert -ld no", ["files -/"]),
        ("fish", "repo li", ["list\tList repositories: yours, a user's, an"]),
        ("fish", "repo info -t da", ["dataset"]),
        ("fish", "upload wanda/bert no", ["notes, all.txt"]),
        ("fish", "download wanda/bert -ld no", []),
    ],
)
def test_zsh_and_fish_complete(shell: str, words: str, offered: list[str], tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "notes, all.txt").touch()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = FISH.format(words=words) if shell == "fish" else ZSH.format(words=f"csgrepo {words}")
    plain = {"zsh": "-f", "fish": "--no-config"}
    done = subprocess.run(
        [shell, plain[shell], "-c", script],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        encoding="utf-8",
        env=os.environ | {"PATH": path, "TERM": "dumb"},
        timeout=60,
    )

    assert done.stderr == ""
    shown = [line.removesuffix("...") for line in done.stdout.splitlines()]
    assert len(shown) == len(offered), shown
    assert all(line.startswith(start) for line, start in zip(shown, offered, strict=True)), shown


def test_bash_leaves_names_of_files_to_itself(tmp_path: Path) -> None:
    asked = {"COMP_WORDS": "csgrepo upload wanda/bert no", "COMP_CWORD": "3"}
    done = subprocess.run(
        [Path(sys.executable).parent / "csgrepo"],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env=os.environ | asked | {"_CSGREPO_COMPLETE": "bash_complete"},
    )

    assert done.stdout == "file,no\n"


def test_completion_loads_nothing_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; from csgrepo.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"sys.exit(' '.join(m for m in {HEAVY} if m in sys.modules) or 0)"
    )
    asked = {"COMP_WORDS": "csgrepo repo info -r ", "COMP_CWORD": "4"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env=os.environ | asked | {"_CSGREPO_COMPLETE": "bash_complete"},
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_schema_is_whole() -> None:
    done = inside("schema", "repo", "list")
    schema = json.loads(done.stdout)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert "$ref" not in done.stdout
    assert schema["title"] == "csgrepo repo list --json"
    assert "sha" in schema["items"]["properties"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{"id": "wanda/bert"}], schema)


@pytest.mark.parametrize("words", [("repo",), ("../../../errors",), ("repo", "lst")])
def test_schema_of_no_command_then_2(words: tuple[str, ...]) -> None:
    assert inside("schema", *words).returncode == 2
