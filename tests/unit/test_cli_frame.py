"""What every command of the command line has in common; a new command is held to it at once."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import click
import jsonschema
import pytest

from csgrepo.cli import boundary
from csgrepo.cli.command import Command, Group, first_sentence
from csgrepo.cli.commands import HIDDEN, SECTIONS
from csgrepo.cli.failure import KINDS
from csgrepo.cli.help import HelpContext, wrap
from csgrepo.cli.output import plain
from csgrepo.cli.root import csgrepo
from csgrepo.cli.table import table
from csgrepo.cli.words import catalogue, paragraphs, tr
from csgrepo.doctor import CODES
from csgrepo.progress.label import width
from csgrepo.redact import Secret

FOLDER = Path(inspect.getfile(boundary)).parent
SCHEMAS = FOLDER / "schemas"
HEAVY = ("git", "requests", "tqdm", "numpy", "uvicorn", "starlette", "sqlite3", "filelock")

# What prints no result that a program could want as JSON.
WITHOUT_JSON = {"completion", "schema"}


def walk(
    command: click.Command, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(words), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from walk(below, (*words, name))


COMMANDS = dict(walk(csgrepo))
LEAVES = {name: each for name, each in COMMANDS.items() if not isinstance(each, click.Group)}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name])
def test_command_has_help_and_an_example_that_is_a_command(name: str) -> None:
    command = COMMANDS[name]
    assert isinstance(command, Command | Group)
    assert command.help
    assert command.examples
    for line in command.examples:
        words = line.split("csgrepo ", 1)[1].split()
        found = [end for end in range(len(words), 0, -1) if " ".join(words[:end]) in COMMANDS]
        assert found, f"{line} calls no command"
        assert " ".join(words[: found[0]]).startswith(name)
        options = {
            opt for each in COMMANDS[" ".join(words[: found[0]])].params for opt in each.opts
        }
        used = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
        assert used <= options


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("columns", [40, 80])
def test_help_fits_the_terminal(
    columns: int, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("CSGHUB_LANG", language)
    for name in ("login", "logout", "track", "jobs"):
        text = COMMANDS[name].get_help(HelpContext(COMMANDS[name], info_name=f"csgrepo {name}"))
        wide = [line for line in text.splitlines() if width(line) > columns]

        assert not [line for line in wide if "  csgrepo " not in line], name


@pytest.mark.parametrize("name", LEAVES)
def test_help_lists_options_each_with_what_it_means_and_no_arguments(name: str) -> None:
    command = LEAVES[name]
    context = click.Context(command, info_name=name, terminal_width=200, max_content_width=200)
    listed = command.get_help(context).partition("\nOptions:\n")[2].partition("\n\n")[0]

    assert listed
    for line in listed.splitlines():
        assert re.fullmatch(r"  (-.+?  +|-\S.*|  +)[^ ].*", line), line


def test_list_of_commands_says_what_they_say_of_themselves() -> None:
    listed = {name: text for each in SECTIONS.values() for name, (_, text) in each.items()}

    assert listed == {name: first_sentence(COMMANDS[name].help or "") for name in listed}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_git_calls_is_there_and_listed_nowhere(name: str) -> None:
    command = csgrepo.get_command(click.Context(csgrepo), name)

    assert command is not None
    assert command.name == name
    assert command.hidden


@pytest.mark.parametrize("name", sorted(LEAVES.keys() - WITHOUT_JSON))
def test_command_prints_json_by_a_schema(name: str) -> None:
    assert any("--json" in each.opts for each in LEAVES[name].params)
    schema = json.loads((SCHEMAS / f"{name.replace(' ', '-')}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"]


def test_every_schema_belongs_to_a_command_or_to_a_schema() -> None:
    used = {f"{name.replace(' ', '-')}.json" for name in LEAVES}
    for path in SCHEMAS.iterdir():
        used.update(re.findall(r'"\$ref": "([^"]+)"', path.read_text("utf-8")))

    assert {path.name for path in SCHEMAS.iterdir()} <= used


def test_help_of_every_command_loads_nothing_heavy() -> None:
    code = (
        "import sys; from csgrepo.cli import main\n"
        f"for words in {[name.split() for name in COMMANDS]}: main([*words, '--help'])\n"
        f"sys.exit(' '.join(m for m in {HEAVY} if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)

    assert (done.returncode, done.stderr) == (0, "")


# Chinese


def _is_call_of(node: ast.AST, names: set[str]) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def calls_of(names: set[str]) -> Iterator[tuple[str, ast.Call]]:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if _is_call_of(node, names) and path.stem not in {"words", "output", "help", "table"}:
                yield f"{path.name}:{node.lineno}", node


def messages() -> Iterator[tuple[str, str]]:
    """Yield all that is to be translated, and where it is."""
    for where, call in calls_of({"tr", "note"}):
        text = call.args[0]
        if isinstance(text, ast.Constant):
            yield where, text.value
    for where, call in calls_of({"print_table"}):
        heads = getattr(call.args[0], "elts", [])  # others are translated where they are made
        yield from ((where, head.value) for head in heads if isinstance(head, ast.Constant))
    for name, command in COMMANDS.items():
        yield from ((name, text.removesuffix(".")) for text in paragraphs(command.help or ""))
        yield name, first_sentence(command.help or "")
        for parameter in command.params:
            if text := getattr(parameter, "help", None):
                yield f"{name} {parameter.opts}", " ".join(text.split())
    yield from (("a section", section) for section in SECTIONS)
    yield from (("a kind of failure", text) for text in KINDS.values())
    yield from (("the doctor", code.title) for code in CODES.values())
    words = ("Usage: ", "Options", "Commands", "Example", "Examples", "default: ", "required]")
    yield from (("a word of help", word) for word in words)
    yield "click", "Show this message and exit."


MESSAGES = {text: where for where, text in messages() if text}


def test_every_message_has_a_chinese_one() -> None:
    chinese = catalogue("zh")

    missing = [
        f'#: {where}\nmsgid {json.dumps(text)}\nmsgstr ""\n'
        for text, where in MESSAGES.items()
        if not chinese.get(text)
    ]
    assert not missing, "write their Chinese into csgrepo/cli/zh/*.po:\n" + "\n".join(missing)


def test_no_chinese_message_is_left_over() -> None:
    assert not catalogue("zh").keys() - MESSAGES.keys()


def test_chinese_messages_name_the_same_facts() -> None:
    def facts(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    wrong = [text for text, said in catalogue("zh").items() if facts(text) != facts(said)]
    assert not wrong


def test_what_is_translated_is_written_out_where_it_is_said() -> None:
    computed = {
        where
        for where, call in calls_of({"tr", "note"})
        if not (isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str))
    }
    allowed = {
        "command.py",
        "doctor.py",
        "failure.py",
        "root.py",
    }  # what they say is among the messages

    assert not {where for where in computed if where.partition(":")[0] not in allowed}


@pytest.mark.parametrize(
    ("variables", "chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "zh_CN.UTF-8", "CSGHUB_LANG": "en"}, False),
        ({"LANG": "C.UTF-8", "CSGHUB_LANG": "zh"}, True),
        ({"LANG": "de_DE.UTF-8"}, False),
    ],
)
def test_language_is_that_of_the_locale(
    variables: dict[str, str], chinese: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert (tr("interrupted") != "interrupted") is chinese


# Layout


def test_table_counts_wide_letters_twice_and_fits() -> None:
    rows = [[1, "wanda/一个名字很长的模型仓库", "Running"], [12, "a/b", None]]

    whole = table(["ID", "MODEL", "STATUS"], rows)
    narrow = table(["ID", "MODEL", "STATUS"], rows, 32)

    assert whole[1] == "1   wanda/一个名字很长的模型仓库  Running"
    assert whole[2] == "12  a/b"
    assert max(map(width, narrow)) <= 32
    assert narrow[1].endswith("Running")
    assert "…" in narrow[1]


def test_table_when_a_name_could_move_the_cursor_then_escaped() -> None:
    assert table(["N"], [["a\x1b[2J\nb"]])[1] == r"a\x1b[2J\nb"


@pytest.mark.parametrize("columns", [10, 17, 40])
def test_wrap_when_text_is_chinese_then_no_line_is_too_wide(columns: int) -> None:
    text = "把访问令牌保存下来,供以后的会话使用;`csgrepo login` 之后,不必再输入。"

    lines = wrap(text, columns)

    assert max(map(width, lines)) <= max(columns + 2, len("`csgrepo"))  # a full stop may hang over
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line[0] in "，。；" for line in lines)


def test_json_when_value_holds_a_secret_then_refused() -> None:
    with pytest.raises(TypeError, match="Secret"):
        plain({"token": Secret("0123456789abcdef")})
