"""The command lines that the documents of other tools print, run as they stand.

What changes is the program's name, and what stands for something of the reader's own: a token, and
the home folder of whoever wrote the line.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import HubApi
from csgrepo.hub import SpaceSettings
from csgrepo.server import Hub
from tests import machine
from tests.functional.cli import inside
from tests.functional.copies import work_files
from tests.stock import StockGit

PROGRAMS = ("huggingface-cli", "csghub-cli", "python -m pygptprompt.huggingface.cli.hub")

HUGGINGFACE = r"""
huggingface-cli whoami
huggingface-cli logout
$ huggingface-cli lfs-enable-largefiles .
"""

PYGPTPROMPT = r"""
python -m pygptprompt.huggingface.cli.hub download -r smallcloudai/Refact-1_6B-fim -p models/smallcloudai/Refact-1_6B-fim
python -m pygptprompt.huggingface.cli.hub download -r smallcloudai/Refact-1_6B-fim -p models/smallcloudai/Refact-1_6B-fim/model.safetensors -f
python -m pygptprompt.huggingface.cli.hub download -r smallcloudai/Refact-1_6B-fim -p models/smallcloudai/Refact-1_6B-fim/model.safetensors -f -d
python -m pygptprompt.huggingface.cli.hub upload -c tests/config.dev.json -r teleprint-me/refact-1.6B-fim-gguf -p models/smallcloudai/Refact-1_6B-fim/refact-1.6B-fim-q8_0.gguf
"""  # noqa: E501 - as they stand

CSGHUB = r"""
csghub-cli download OpenCSG/csg-wukong-1B
csghub-cli download OpenCSG/csg-wukong-1B --allow-patterns "*.json" --ignore-patterns "tokenizer.json"
csghub-cli download OpenCSG/csg-wukong-1B --allow-patterns "*.json" --ignore-patterns "tokenizer.json" --local-dir /Users/hhwang/temp/wukong
csghub-cli download OpenCSG/GitLab-DataSets-V1 -t dataset
csghub-cli download OpenCSG/csg-wukong-1B -t space
csghub-cli upload-large-folder wanghh2000/model05 /Users/hhwang/temp/abc
csghub-cli upload wanghh2000/myprivate1 abc/3.txt folder1
csghub-cli upload wanghh2000/m01 /Users/hhwang/temp/jsonl
csghub-cli upload wanghh2000/m04 /Users/hhwang/temp/jsonl -k xxxxxx --revision v2
csghub-cli upload wanghh2000/m01 /Users/hhwang/temp/jsonl test/files --revision v1
csghub-cli upload wanghh2000/m01 /Users/hhwang/temp/jsonl test/files -k xxxxxx
csghub-cli lfs-enable-largefiles ./
csghub-cli download wanghh2000/MyMind-0.05B --allow-patterns="*.json" --ignore-patterns="*_config.json"
csghub-cli download wanghh2000/data-refine2 -t dataset
"""  # noqa: E501 - as they stand

# What each line of csghub-cli leaves: for a download the files it fetches, for an upload the branch
# and what is on it.
AFTER_CSGHUB: list[set[str] | tuple[str, set[str]] | None] = [
    {"config.json", "tokenizer.json", "model.bin"},
    {"config.json"},
    {"config.json"},
    {"data.parquet"},
    {"app.py"},
    ("main", {"big.bin", "deep/small.txt"}),
    ("main", {"folder1/3.txt"}),
    ("main", {"1.jsonl", "2.jsonl"}),
    ("v2", {"1.jsonl", "2.jsonl"}),
    ("v1", {"test/files/1.jsonl", "test/files/2.jsonl"}),
    ("main", {"test/files/1.jsonl", "test/files/2.jsonl"}),
    None,
    {"a.json"},
    {"data.parquet"},
]
HOME_OF_THE_AUTHOR = "/Users/hhwang/temp"
OF_THE_HUB = {".gitattributes", "README.md"}
SPACE = SpaceSettings(sdk="gradio", resource_id=1, cluster_id="local")

# What the lines download is there before: type, id, files.
THERE = [
    ("model", "smallcloudai/Refact-1_6B-fim", ("model.safetensors", "config.json")),
    ("model", "OpenCSG/csg-wukong-1B", ("config.json", "tokenizer.json", "model.bin")),
    ("dataset", "OpenCSG/GitLab-DataSets-V1", ("data.parquet",)),
    ("space", "OpenCSG/csg-wukong-1B", ("app.py",)),
    ("model", "wanghh2000/MyMind-0.05B", ("a.json", "a_config.json", "b.bin")),
    ("dataset", "wanghh2000/data-refine2", ("data.parquet",)),
    ("model", "teleprint-me/refact-1.6B-fim-gguf", ()),
]


def commands(text: str) -> list[str]:
    """The lines of a document that call one of the programs, without the program's name."""
    found = []
    for line in text.splitlines():
        line = line.removeprefix("$ ")  # noqa: PLW2901
        found += [line[len(name) + 1 :] for name in PROGRAMS if line.startswith(f"{name} ")]
    assert len(found) == len(text.split("\n")) - 2, "a line calls none of the programs"
    return found


@pytest.fixture(scope="module")
def own_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, dict[str, str]]]:
    """A hub with the accounts that the documents name, and their tokens."""
    from csgrepo.server import Hub

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(machine.MARK, raising=False)  # what it starts is no test's own
        with Hub() as hub:
            patch.undo()
            tokens = {
                name: hub.add_user(name)
                for name in ("smallcloudai", "teleprint-me", "OpenCSG", "wanghh2000")
            }
            for repo_type, repo_id, files in THERE:
                seed(hub, tokens, repo_type, repo_id, files)
            yield hub, tokens


def seed(
    hub: Hub, tokens: dict[str, str], repo_type: str, repo_id: str, files: tuple[str, ...]
) -> None:
    with HubApi(hub.url, tokens[repo_id.partition("/")[0]]) as api:
        space = SPACE if repo_type == "space" else None
        api.create_repo(repo_id, repo_type=repo_type, space=space)
        for name in files:
            api.upload_file(
                path_or_fileobj=content(name),
                path_in_repo=name,
                repo_id=repo_id,
                repo_type=repo_type,
            )


def content(name: str) -> bytes:
    return f'{{"name": "{name}"}}\n'.encode()


@pytest.fixture
def here(
    own_hub: tuple[Hub, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A current folder with the files that the lines speak of."""
    hub, tokens = own_hub
    folder = tmp_path / "here"
    files = {
        "here/abc/3.txt": b"3\n",
        "here/models/smallcloudai/Refact-1_6B-fim/refact-1.6B-fim-q8_0.gguf": b"\0GGUF",
        "here/tests/config.dev.json": b'{"app": {"env": {"path": ".env", "type": "file"}}}',
        "here/.env": f"HUGGINGFACE_WRITE_API={tokens['teleprint-me']}\n".encode(),
        "temp/abc/big.bin": b"\0" * 5000,
        "temp/abc/deep/small.txt": b"small\n",
        "temp/jsonl/1.jsonl": b"{}\n",
        "temp/jsonl/2.jsonl": b"[]\n",
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    StockGit(folder)("init", "--quiet")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CSGHUB_ENDPOINT", hub.url)
    return folder


def without_git(folder: Path) -> set[str]:
    return set(work_files(folder)) - OF_THE_HUB


@pytest.mark.parametrize("line", commands(HUGGINGFACE))
def test_line_of_huggingface_cli(
    line: str, here: Path, own_hub: tuple[Hub, dict[str, str]]
) -> None:
    done = inside(*shlex.split(line), CSGHUB_TOKEN=own_hub[1]["OpenCSG"])

    assert done.returncode == 0, done.stderr
    if line == "whoami":
        assert done.stdout == "OpenCSG\n"
    elif line.startswith("lfs-enable"):
        assert "lfs-multipart-upload" in (here / ".git" / "config").read_text()


@pytest.mark.parametrize("line", commands(PYGPTPROMPT))
def test_line_of_pygptprompt(line: str, here: Path, own_hub: tuple[Hub, dict[str, str]]) -> None:
    done = inside(*shlex.split(line))
    target = here / "models" / "smallcloudai" / "Refact-1_6B-fim"

    assert done.returncode == 0, done.stderr
    if line.startswith("upload"):
        hub, _ = own_hub
        with HubApi(hub.url) as api:
            assert target.joinpath("refact-1.6B-fim-q8_0.gguf").name in api.list_repo_files(
                "teleprint-me/refact-1.6B-fim-gguf"
            )
    else:
        assert (target / "model.safetensors").read_bytes() == content("model.safetensors")
        assert (target / "config.json").exists() is (" -f" not in line)


@pytest.mark.parametrize(
    ("line", "after"), list(zip(commands(CSGHUB), AFTER_CSGHUB, strict=True)), ids=commands(CSGHUB)
)
def test_line_of_csghub_cli(
    line: str,
    after: set[str] | tuple[str, set[str]] | None,
    here: Path,
    own_hub: tuple[Hub, dict[str, str]],
) -> None:
    hub, tokens = own_hub
    token = tokens["wanghh2000"]
    own = line.replace(HOME_OF_THE_AUTHOR, str(here.parent / "temp")).replace("xxxxxx", token)
    words = shlex.split(own)
    with HubApi(hub.url, token) as api:
        if words[0] == "upload":
            api.delete_repo(words[1], missing_ok=True)
        done = inside(*words, CSGHUB_TOKEN="" if "-k" in words else token)

        assert done.returncode == 0, done.stderr
        if isinstance(after, tuple):
            branch, names = after
            found = set(api.list_repo_files(words[1], revision=branch))
            assert found - OF_THE_HUB == names
        elif after is not None:
            folder = Path(done.stdout.removesuffix("\n"))
            own = {".csgrepo/lock", ".csgrepo/written.json"}
            assert without_git(folder) - own == after
