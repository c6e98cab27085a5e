"""Files uploaded as a form, row by row of the contract."""

from __future__ import annotations

import hashlib

import pytest
import requests

from tests.functional.jobs_clone import until
from tests.functional.rest import Api, said
from tests.functional.test_hub_contract_write import bare_of


def upload(
    api: Api, base: str, *files: tuple[str, bytes], branch: str = "main"
) -> requests.Response:
    parts: list[object] = [("message", (None, "Upload")), ("branch", (None, branch))]
    for path, content in files:
        parts += [("file", ("any name", content)), ("file_path", (None, path.encode()))]
    return api("POST", f"{base}/upload_file", files=parts)


@pytest.mark.parametrize("plural", ["models", "datasets", "spaces", "codes", "mcps", "skills"])
def test_each_file_is_a_commit_and_existing_ones_are_changed(wanda: Api, hub, git, plural):
    base = wanda.create("form", plural)
    bare = bare_of(hub, git, base)
    answer = upload(wanda, base, ("目录/a b.txt", b"\xff\0\r\n--x"), ("README.md", b"new"))
    assert (answer.status_code, answer.json()) == (200, {"msg": "OK"})
    assert bare("log", "--format=%s", "main").split("\n") == ["Upload", "Upload", "initial commit"]
    got = wanda("GET", f"{base}/resolve/目录/a b.txt").content
    assert got == b"\xff\0\r\n--x"
    assert wanda.get(f"{base}/raw/README.md") == "new"


def test_what_belongs_in_lfs_goes_there_by_its_real_bytes(wanda: Api, hub):
    base = wanda.create("form-lfs")
    content = bytes(range(256)) * 80_000  # 20 MB
    assert upload(wanda, base, ("deep/w.bin", content)).json() == {"msg": "OK"}
    oid = hashlib.sha256(content).hexdigest()
    assert f"oid sha256:{oid}\nsize {len(content)}\n" in wanda.get(f"{base}/raw/deep/w.bin")
    assert hub.lfs_path(f"{wanda.name}/form-lfs", oid).read_bytes() == content
    until(lambda: not list((hub.root / "tmp").iterdir()), "what is in the works to go")
    over = upload(wanda, base, ("plain.txt", content))
    assert (over.status_code, "code" in over.json()) == (500, False)
    until(lambda: not list((hub.root / "tmp").iterdir()), "what is in the works to go")


def test_what_is_no_form_or_a_broken_one_is_refused(wanda: Api, stranger: Api, nobody: Api, hub):
    base = wanda.create("no-form")
    path = f"{base}/upload_file"
    assert wanda("POST", path, json={"file": "x"}).status_code == 500
    assert wanda("POST", path, data={"file": "x"}).status_code == 500
    assert wanda("POST", path).status_code == 500
    form = "multipart/form-data; boundary=x"
    for body, status in [
        (b"", 400),
        (b"--x\r\nContent-Disposition: form-data; name=branch\r\n\r\nmain", 400),
        (b"--x\r\n\r\nno name\r\n--x--\r\n", 400),
        (b"--y\r\n\r\n\r\n--y--\r\n", 400),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"0" * 1_100_000, 413),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 1100, 413),
    ]:
        answer = wanda("POST", path, data=body, headers={"Content-Type": form})
        assert answer.status_code == status, body[:100]
    for parts in (
        [("file", ("n", b"x"))],  # a file without its path
        [("file", ("n", b"x")), ("file_path", (None, "a.txt"))],  # no branch
    ):
        assert wanda("POST", path, files=parts).status_code == 500
    assert said(upload(wanda, base, ("../x", b""))) == (500, "GIT-ERR-22")
    assert said(upload(stranger, base, ("x", b""))) == (500, "AUTH-ERR-0")
    assert said(upload(nobody, base, ("x", b""))) == (401, "AUTH-ERR-1")
    until(lambda: not list((hub.root / "tmp").iterdir()), "what is in the works to go")
    assert wanda.paths(base) == [".gitattributes", "README.md"]
