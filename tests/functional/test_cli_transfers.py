"""`csgrepo download` and `upload`: what people and programs read, and what failures end with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from csgrepo import HubApi
from csgrepo.cli.token_files import token_by, values
from csgrepo.errors import InvalidInput
from csgrepo.server import Answer, Hub
from tests.conftest import Account
from tests.functional.cli import as_json, check, inside
from tests.functional.copies import noise, work_files

FILES = {
    "config.json": b'{"layers": 2}\n',
    "模型 [1].bin": noise(20_000),
    "onnx/模型.bin": noise(3_000),
    "onnx/notes.txt": b"notes\n",
}


@pytest.fixture
def repo_id(signed_in: Account, tmp_path: Path) -> str:
    """A repository with `FILES` and the hub's own."""
    repo_id = f"{signed_in.name}/bert"
    write(tmp_path / "seed", FILES)
    with HubApi() as api:
        api.upload_folder(repo_id=repo_id, folder_path=tmp_path / "seed", create_repo=True)
    return repo_id


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def plain(folder: Path) -> dict[str, bytes]:
    """The files of a folder, without the record of what was downloaded."""
    return {k: v for k, v in work_files(folder).items() if not k.startswith(".csgrepo/")}


def held(repo_id: str, repo_type: str = "model", revision: str | None = None) -> set[str]:
    with HubApi() as api:
        found = api.list_repo_files(repo_id, repo_type=repo_type, revision=revision)
    return set(found) - {".gitattributes", "README.md"}


# download


def test_download_when_done_then_prints_where_and_shows_how_it_went(
    repo_id: str, here: Path
) -> None:
    done = inside("download", repo_id)
    again = inside("download", repo_id, "--quiet")

    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.removesuffix("\n"))
    assert FILES.items() <= work_files(folder).items()
    assert re.search(r"^download: .* started$", done.stderr, re.MULTILINE)
    assert re.search(r"^download: \d+ done", done.stderr, re.MULTILINE)
    assert (again.stdout, again.stderr) == (done.stdout, "")
    assert plain(here) == {}


def test_download_when_files_are_named_then_those_and_their_paths(repo_id: str, here: Path) -> None:
    one = inside("download", repo_id, "onnx/模型.bin", "-q")
    two = inside("download", repo_id, "config.json", "模型 [1].bin", "-ld", "two", "-q")
    facts = as_json("download", repo_id, "config.json", "--local-dir", "two", "-q")

    assert Path(one.stdout.strip()).read_bytes() == FILES["onnx/模型.bin"], one.stderr
    assert two.stdout.splitlines() == [
        str(here / "two" / "config.json"),
        str(here / "two" / "模型 [1].bin"),
    ]
    assert plain(here / "two") == {k: FILES[k] for k in ("config.json", "模型 [1].bin")}
    assert facts == {
        "repo_id": repo_id,
        "repo_type": "model",
        "paths": [str(here / "two" / "config.json")],
        "plan": None,
    }


@pytest.mark.parametrize("words", [("include", "exclude"), ("allow-patterns", "ignore_patterns")])
def test_download_when_patterns_are_given_then_what_matches(
    repo_id: str, here: Path, words: tuple[str, str]
) -> None:
    allow, ignore = words
    line = ("download", repo_id, "-ld", "out", "-q", f"--{ignore}", "onnx/*")
    done = inside(*line, f"--{allow}", "*.bin", f"--{allow}=*.json")

    assert done.returncode == 0, done.stderr
    assert plain(here / "out").keys() == {"config.json", "模型 [1].bin"}


def test_download_when_dry_then_told_and_nothing_is_written(repo_id: str, here: Path) -> None:
    inside("download", repo_id, "config.json", "--local-dir", "out", "-q")
    line = ("download", repo_id, "--local-dir", "out", "--dry-run", "--include", "*.*n")
    done = inside(*line)
    plan = as_json(*line)["plan"]

    assert done.returncode == 0, done.stderr
    rows = [line.split("  ") for line in done.stdout.splitlines()]
    assert [row[0].strip() for row in rows[1:]] == ["config.json", "onnx/模型.bin", "模型 [1].bin"]
    assert re.search(r"^onnx/模型.bin +3.0 kB +yes$", done.stdout, re.MULTILINE)
    assert re.search(r"^config.json +14 B$", done.stdout, re.MULTILINE)
    assert done.stderr == f"to fetch: 2 of 3 files, 23.0 kB, to {here / 'out'}\n"
    assert {file["path"]: file["missing"] for file in plan["files"]} == {
        "config.json": False,
        "onnx/模型.bin": True,
        "模型 [1].bin": True,
    }
    assert plain(here / "out").keys() == {"config.json"}


def test_download_when_the_cache_cannot_be_written_then_says_what_names_another(
    repo_id: str, here: Path
) -> None:
    write(here, {"file": b""})
    done = inside("download", repo_id, "-q", CSGHUB_CACHE=str(here / "file" / "cache"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "set CSGHUB_CACHE to a folder" in done.stderr


def test_download_when_nothing_matches_then_said(repo_id: str, here: Path) -> None:
    done = inside("download", repo_id, "--include", "*.safetensor", "-q")

    assert (done.returncode, done.stderr) == (0, "no file matches the patterns\n")


def test_download_when_revision_is_named_in_any_way_then_that(repo_id: str, here: Path) -> None:
    with HubApi() as api:
        api.create_tag(repo_id, tag="v1")
        api.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id=repo_id)
    lines = [
        (repo_id, "-r", "v1"),
        (repo_id, "--revision", "v1"),
        ("-r", repo_id, "--revision", "v1"),
        ("--repo_id", repo_id, "-r", "v1", "--include", "config.json"),
    ]
    for number, line in enumerate(lines):
        done = inside("download", *line, "-ld", str(number), "-q")
        assert done.returncode == 0, done.stderr
        assert (here / str(number) / "config.json").read_bytes() == FILES["config.json"]


def test_download_when_a_file_is_meant_then_the_longest_end_of_its_path(
    repo_id: str, here: Path
) -> None:
    line = ("download", "-r", repo_id, "-q", "-f")
    deep = inside(*line, "-p", "models/bert/onnx/模型.bin")
    top = inside(*line, "-p", "config.json", "-d")
    none = inside(*line, "-p", "models/none.bin")

    assert deep.stdout == f"{here / 'models/bert/onnx/模型.bin'}\n", deep.stderr
    assert plain(here / "models" / "bert") == {"onnx/模型.bin": FILES["onnx/模型.bin"]}
    assert (here / "config.json").read_bytes() == FILES["config.json"], top.stderr
    assert none.returncode == 4, none.stderr


def test_download_when_not_to_resume_then_fetched_anew(repo_id: str, here: Path, hub: Hub) -> None:
    line = ("download", "-r", repo_id, "-p", "out", "--include", "config.json", "-q")

    def fetched(*more: str) -> int:
        count = len(hub.requests)
        assert inside(*line, *more).returncode == 0
        mine = [request.path for request in hub.requests[count:] if repo_id in request.path]
        return len([path for path in mine if "resolve" in path or "_objects" in path])

    assert fetched() > 0
    assert fetched("-d") == 0
    assert fetched("--no-resume") > 0
    assert fetched("--force-download") > 0


def test_download_when_hub_is_away_then_from_the_mirrors_in_turn(
    repo_id: str, here: Path, signed_in: Account
) -> None:
    nobody = "http://127.0.0.1:9"
    line = ("download", repo_id, "config.json", "-q", "-e", nobody, "--mirror", nobody)
    away = inside(*line)
    facts = as_json(*line, "--mirror", signed_in.endpoint, "--local-dir", "out")
    wrong = inside("download", repo_id, "-q", "--mirror", "ftp://mirror.example")

    assert (away.returncode, away.stdout) == (6, "")
    assert facts["paths"] == [str(here / "out" / "config.json")]
    assert plain(here / "out") == {"config.json": FILES["config.json"]}
    assert wrong.returncode == 2, wrong.stderr


FAILING_DOWNLOADS = [
    ([], 2, "REPO_ID"),
    (["no-slash/at/all/here"], 2, "namespace/name"),
    (["{repo}", "-r", "v1", "--revision", "v2"], 2, "different revisions"),
    (["{repo}", "config.json", "--include", "*"], 2, "not both"),
    (["{repo}", "-ld", "a", "-p", "b"], 2, "--local-path"),
    (["{repo}", "-f"], 2, "--local-path"),
    (["{repo}", "-t", "movie"], 2, "--repo-type"),
    (["{repo}", "-c", "none.json"], 2, "none.json"),
    (["{repo}", "--no-such"], 2, "--no-such"),
    (["{repo}", "none.txt"], 4, "none.txt"),
    (["{repo}", "-r", "none"], 4, "none"),
    (["{repo}-none"], 4, "-none"),
    (["{repo}", "-e", "http://127.0.0.1:9"], 6, "127.0.0.1:9"),
]


def test_download_when_it_fails_then_code_by_kind_and_nothing_is_printed(
    repo_id: str, here: Path
) -> None:
    for line, code, said in FAILING_DOWNLOADS:
        done = inside("download", *(word.format(repo=repo_id) for word in line), "-q")

        assert (done.returncode, done.stdout) == (code, ""), (line, done.stderr)
        assert said in done.stderr
    assert plain(here) == {}


def test_download_when_files_are_in_the_way_then_2_and_they_stay(repo_id: str, here: Path) -> None:
    (here / "config.json").write_text("mine")
    done = inside("download", repo_id, "--local-dir", ".", "-q")

    assert (done.returncode, done.stdout) == (2, "")
    assert "config.json" in done.stderr
    assert plain(here) == {"config.json": b"mine"}


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [(b"{{{{{{{}}}}}}\n", 7, "its content hashes to"), (b"{}\n", 7, "the server has 3 bytes")],
    ids=["others", "fewer"],
)
def test_download_when_bytes_are_wrong_then_said_and_the_file_does_not_appear(
    repo_id: str, here: Path, hub: Hub, signed_in: Account, content: bytes, code: int, said: str
) -> None:
    where = f"/{signed_in.name}/bert/.*config.json"
    fault = hub.faults.add("GET", where, Answer(200, body=content), times=None)
    try:
        done = inside("download", repo_id, "config.json", "--local-dir", "out", "-q")
    finally:
        hub.faults.remove(fault)

    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
    assert plain(here / "out") == {}


def test_download_when_several_files_are_damaged_then_7_and_the_others_are_there(
    repo_id: str, here: Path, hub: Hub, signed_in: Account
) -> None:
    where = f"/{signed_in.name}/bert/resolve/.*(config|bin)"
    fault = hub.faults.add("GET", where, Answer(200, body=b"wrong"), times=None)
    try:
        done = inside("download", repo_id, "--local-dir", "out", "-q")
    finally:
        hub.faults.remove(fault)

    assert (done.returncode, done.stdout) == (7, ""), done.stderr
    assert "3 of 6 files could not be downloaded" in done.stderr
    assert (here / "out/onnx/notes.txt").exists()


# tokens


def test_token_when_config_names_the_env_file_then_used(
    signed_in: Account, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo_id = f"{signed_in.name}/secret"
    with HubApi() as api:
        api.create_repo(repo_id, private=True)
    monkeypatch.delenv("CSGHUB_TOKEN")
    (here / "conf").mkdir()
    (here / "conf" / ".env").write_text(f"export HUGGINGFACE_READ_API='{signed_in.token}'\n")
    (here / "conf" / "config.json").write_text(json.dumps({"app": {"env": {"path": ".env"}}}))
    without = inside("download", repo_id, "-ld", "a", "-q")
    done = inside("download", "-c", "conf/config.json", "-r", repo_id, "-p", "a", "-q")
    write(here / "up", {"a.txt": b"a"})
    denied = inside("upload", repo_id, "up", "-c", "conf/config.json", "-q")
    by_hand = inside("upload", repo_id, "up", "--api_token", signed_in.token, "-q")

    assert without.returncode == 3, without.stderr
    assert done.returncode == 0, done.stderr
    assert denied.returncode == 2
    assert "HUGGINGFACE_WRITE_API" in denied.stderr
    assert by_hand.returncode == 0, by_hand.stderr
    said = "".join(one.stdout + one.stderr for one in (without, done, denied, by_hand))
    assert signed_in.token not in said


def test_env_file_when_lines_are_odd_then_read_as_shells_do() -> None:
    text = (
        "# tokens\n"
        "HUGGINGFACE_READ_API=abc (Optional for public content)\n"
        '  export HUGGINGFACE_WRITE_API = "d e#f"  # mine\n'
        "EMPTY=\nno line\nOTHER='x'\r\n"
    )
    assert values(text) == {
        "HUGGINGFACE_READ_API": "abc",
        "HUGGINGFACE_WRITE_API": "d e#f",
        "EMPTY": "",
        "OTHER": "x",
    }


@pytest.mark.parametrize(
    ("config", "said"),
    [("{", "no JSON"), ('{"app": {"env": {"path": "none.env"}}}', "none.env"), ("[]", ".env")],
)
def test_config_when_it_leads_nowhere_then_says_what_is_missing(
    here: Path, config: str, said: str
) -> None:
    (here / "config.json").write_text(config)
    with pytest.raises(InvalidInput, match=re.escape(said)):
        token_by("config.json", writing=True)


def test_config_when_it_says_nothing_then_env_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / ".env").write_text("CSGHUB_TOKEN=0123456789\n")

    found = token_by(tmp_path / "config.json", writing=True)
    assert found is not None
    assert found.reveal() == "0123456789"


# upload


def test_upload_when_a_folder_then_counted_and_made_where_there_was_none(
    signed_in: Account, here: Path
) -> None:
    repo_id = f"{signed_in.name}/new"
    write(here / "out", FILES)
    done = inside("upload", repo_id, "out")
    again = inside("upload", repo_id, "out", "-q")

    assert done.returncode == 0, done.stderr
    first, url = done.stdout.splitlines()
    assert first == "added: 4, updated: 0, deleted: 0; as they were: 0; sent to LFS: 23.0 kB"
    assert url.startswith(f"{signed_in.endpoint}/models/{repo_id}/commit/")
    assert re.search(r"^upload: 2 done", done.stderr, re.MULTILINE), done.stderr
    assert held(repo_id) == FILES.keys()
    assert again.stderr == "nothing to upload: all of it is there\n"
    assert "as they were: 4" in again.stdout
    (here / "empty").mkdir()
    assert inside("upload", repo_id, "empty", "-q").stderr == "nothing to upload: no files\n"


def test_upload_when_json_then_the_commit(signed_in: Account, here: Path) -> None:
    repo_id = f"{signed_in.name}/reviews"
    write(here / "out", FILES)
    line = ("upload", repo_id, "out", "data", "-t", "dataset", "--revision", "v2", "-q")
    dry = inside(*line, "--dry-run")
    with HubApi() as api:
        is_made = api.repo_exists(repo_id, repo_type="dataset")
    facts = as_json(*line, "--commit-message", "第一", "--commit-description", "more")

    assert (dry.returncode, dry.stderr) == (0, f"{repo_id} would be made\n")
    assert dry.stdout == "would be added: 4, updated: 0, deleted: 0; as they are: 0\n"
    assert not is_made
    assert facts["branch"] == "v2"
    assert (facts["message"], facts["description"]) == ("第一", "more")
    assert set(facts["added"]) == {f"data/{name}" for name in FILES}
    assert held(repo_id, "dataset", "v2") == {f"data/{name}" for name in FILES}
    assert as_json(*line)["commits"] == []


def test_upload_when_patterns_are_given_then_sent_and_deleted_by_them(
    repo_id: str, here: Path
) -> None:
    write(here / "out", {"a.bin": b"\0a", "b.txt": b"b", "c.tmp": b"c"})
    line = ("upload", repo_id, "out", "--delete", "onnx/*", "--exclude", "*.tmp", "-q")
    dry = inside(*line, "--include", "a*", "--include", "c*", "--dry-run")
    before = held(repo_id)
    done = inside(*line, "--include", "a*", "--include", "c*")

    assert dry.stdout.startswith("would be added: 1, updated: 0, deleted: 2"), dry.stderr
    assert before == FILES.keys()
    assert done.stdout.startswith("added: 1, updated: 0, deleted: 2;"), done.stderr
    assert held(repo_id) == {"a.bin", "config.json", "模型 [1].bin"}


FILE_PLACES = [
    ((), "3.txt"),
    (("folder1",), "folder1/3.txt"),
    (("folder2/",), "folder2/3.txt"),
    (("data/4.txt",), "data/4.txt"),
    (("--path-in-repo", "v1.0/"), "v1.0/3.txt"),
]


def test_upload_when_a_file_then_under_the_name_that_is_meant(repo_id: str, here: Path) -> None:
    write(here, {"abc/3.txt": b"3"})
    for words, there in FILE_PLACES:
        before = held(repo_id)
        done = inside("upload", repo_id, "abc/3.txt", *words, "-q")

        assert done.returncode == 0, done.stderr
        assert held(repo_id) - before == {there}


FAILING_UPLOADS = [
    ([], 2, "REPO_ID"),
    (["{repo}"], 2, "PATH"),
    (["{repo}", "none"], 2, "does not exist"),
    (["out", "{repo}"], 2, "the repository first"),
    (["{repo}", "out", "a", "b"], 2, "one file or folder"),
    (["{repo}", "out/a.txt", "--delete", "*"], 2, "is a file"),
    (["{repo}", "out", "-u", "somebody"], 2, "somebody's"),
    (["{repo}", "out", "-k", "0123456789abcdef"], 3, ""),
    (["stranger/bert", "out"], 4, "namespace"),
    (["stranger/bert", "out", "--dry-run"], 4, ""),
    (["{repo}", "out", "../up"], 7, ".."),
    (["{repo}", "out", "-e", "http://127.0.0.1:9"], 6, "127.0.0.1:9"),
]


def test_upload_when_a_file_for_a_repository_to_be_made_then_planned_and_made(
    signed_in: Account, here: Path
) -> None:
    write(here, {"a.txt": b"a"})
    repo_id = f"{signed_in.name}/of-one-file"
    line = ("upload", repo_id, "a.txt", "-q", "--private")
    dry = as_json(*line, "--dry-run")
    made = as_json(*line)

    assert (dry["added"], dry["oid"], made["added"]) == (["a.txt"], "", ["a.txt"])
    with HubApi() as api:
        assert api.repo_info(repo_id).private


def test_upload_when_it_fails_then_code_by_kind_and_nothing_is_there(
    repo_id: str, here: Path
) -> None:
    write(here, {"out/a.txt": b"a"})
    for line, code, said in FAILING_UPLOADS:
        done = inside("upload", *(word.format(repo=repo_id) for word in line), "-q")

        assert (done.returncode, done.stdout) == (code, ""), (line, done.stderr)
        assert said in done.stderr
        assert "0123456789abcdef" not in done.stderr
        assert "would be made" not in done.stderr
    assert held(repo_id) == FILES.keys()


def test_upload_when_the_token_is_the_users_then_done(repo_id: str, here: Path) -> None:
    write(here, {"out/a.txt": b"a"})
    done = inside("upload", repo_id, "out", "-u", repo_id.partition("/")[0], "-q")

    assert done.returncode == 0, done.stderr


def test_upload_large_folder_when_done_then_all_is_there(signed_in: Account, here: Path) -> None:
    repo_id = f"{signed_in.name}/large"
    write(here / "out", FILES)
    done = inside(
        "upload_large_folder", repo_id, "out", "--ignore-patterns", "*.txt", "-q", "--json"
    )
    facts = json.loads(done.stdout)

    check(facts, "upload")
    assert set(facts["added"]) == held(repo_id) == FILES.keys() - {"onnx/notes.txt"}
