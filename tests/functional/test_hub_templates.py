"""Repositories of templates: the contract gives them to git and Git LFS, and to nothing else."""

from __future__ import annotations

import re

import pytest
import requests

from csgrepo.errors import InvalidInput
from csgrepo.server import Hub
from tests.stock import StockGit


def test_git_clones_and_fills_a_template(tmp_path, stock_lfs: StockGit):
    with Hub(tmp_path / "root") as hub:
        token = hub.add_user("wanda")
        url = hub.add_template("wanda/start")
        assert url == f"{hub.url}/templates/wanda/start.git"
        signed = url.replace("://", f"://wanda:{token}@")
        stock_lfs("clone", "--quiet", signed, "clone")
        clone = stock_lfs.at("clone")
        (clone.cwd / "app.py").write_text("print('go')\n")
        (clone.cwd / "w.bin").write_bytes(b"weights" * 1000)
        clone("lfs", "install", "--local")
        clone("add", ".")
        clone("commit", "--quiet", "-m", "Begin")
        clone("push", "--quiet", "origin", "main")
        oid = re.search(r"oid sha256:(\w+)", clone("show", "HEAD:w.bin"))[1]
        assert hub.lfs_path("wanda/start", oid, "template").read_bytes() == b"weights" * 1000
        stock_lfs("clone", "--quiet", url, "again")  # by anybody
        assert (stock_lfs.cwd / "again" / "app.py").is_file()
        assert stock_lfs.run("push", "--quiet", url).returncode != 0

        page = requests.get(f"{hub.url}/templates/wanda/start", timeout=30)
        assert (page.status_code, "app.py" in page.text) == (200, True)
        for path in ("templates", "templates/wanda/start", "user/wanda/templates"):
            answer = requests.get(f"{hub.url}/api/v1/{path}", timeout=30)
            assert (answer.status_code, answer.text) == (404, "404 page not found")
        missing = requests.get(
            f"{hub.url}/templates/wanda/no/info/refs?service=git-upload-pack", timeout=30
        )
        assert (missing.status_code, missing.json()["code"]) == (500, "SYS-ERR-3")


def test_a_template_needs_a_namespace_and_a_name_of_its_own(tmp_path):
    with Hub(tmp_path) as hub:
        hub.add_user("wanda")
        hub.add_organization("team", {"wanda": "write"})
        hub.add_template("wanda/start")
        hub.add_template("team/start", creator="wanda")
        for repo_id, creator in (
            ("wanda/start", None), ("team/other", None), ("no/start", "wanda"), ("wanda", None)
        ):  # fmt: skip
            with pytest.raises(InvalidInput):
                hub.add_template(repo_id, creator)
        assert hub.git_dir("team/start", "template").is_dir()
        assert list((tmp_path / "tmp").iterdir()) == []
