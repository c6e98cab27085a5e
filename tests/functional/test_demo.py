from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from csgrepo.cli.training import Training
from tests.functional.cli import csgrepo, ends_when_told, running
from tests.functional.test_cli_hub import is_free
from tests.stock import StockGit

# The demo as it is, on a hub with a fault switched on.
FAULTY = """
import sys
from csgrepo import server
from csgrepo.cli import main

class FaultyHub(server.Hub):
    def start(self):
        super().start()
        self.faults.add({fault})
        return self

server.Hub = FaultyHub
sys.exit(main(["demo"]))
"""


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def hub_of(told: str) -> str:
    return re.search(r"http://127\.0\.0\.1:\d+", told)[0]


def test_demo_when_all_goes_well_then_verified_and_no_trace_left(
    home: Path, tmp_path: Path
) -> None:
    before = everything_in(home)
    done = csgrepo("demo", "--json")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["receipts"] == len(summary["commits"]) == len(summary["held_up_s"]) == 3
    assert summary["last_loss"] < summary["first_loss"] / 5
    assert summary["bytes_saved"] > 100_000_000
    assert summary["bytes_verified"] > 2 * summary["bytes_saved"] * 0.9
    assert summary["files_downloaded"] == summary["files_saved"] == 12
    assert is_free(hub_of(done.stderr))
    assert everything_in(home) == before
    assert list((tmp_path / "tmp").iterdir()) == []


def test_demo_when_kept_then_hub_serves_until_interrupted(git: StockGit, tmp_path: Path) -> None:
    with running("demo", "--keep") as process:
        told = ""
        while "csgrepo      export" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        address = re.search(r"git clone (\S+)", told)[1]
        git("clone", "--quiet", address, "stock", GIT_LFS_SKIP_SMUDGE="1")
        token = Path(re.search(r"the token in (\S+)", told)[1])
        mode, secret = token.stat().st_mode & 0o777, token.read_text().strip()
        summary, rest = ends_when_told(process)

    assert process.returncode == 0, rest
    assert summary.startswith("Every byte that was saved came back.\n")
    assert "模型 final.bin" in os.listdir(tmp_path / "stock")
    assert (mode, len(secret)) == (0o600, 32)
    assert secret not in told + rest + summary
    assert is_free(address)
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        # One bit: of each object that the clone fetches, of the first one that is downloaded
        # after the seven of the clone, and of a file that is no object.
        ("'GET', '/_objects/', server.Corrupt(4711), times=None", 7, r"hashes to"),
        ("'GET', '/_objects/', server.Corrupt(4711), skip=7", 7, r"model\.safetensors in the down"),
        ("'GET', '/resolve/.*/metrics', server.Corrupt(0)", 7, r"metrics\.json in the download"),
        ("'POST', 'git-receive-pack', server.Answer(403), times=None", 8, r"403"),
    ],
)
def test_demo_when_hub_gives_wrong_bytes_or_refuses_then_fails_with_the_reason(
    fault: str, code: int, reason: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTY.format(fault=fault)],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=300,
    )

    assert re.search(reason, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (code, "")
    assert is_free(hub_of(done.stderr))
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_demo_when_told_to_end_in_the_middle_then_cleans_up(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with running("demo") as process:
        told = ""
        while "step  15" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        _, rest = ends_when_told(process, number)

    assert process.returncode == code, rest
    assert "Traceback" not in rest
    assert is_free(hub_of(told))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_demo_when_a_package_is_missing_then_one_line_says_how_to_install(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("numpy", "safetensors")):
            (packages / entry.name).symlink_to(entry)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-S", "-m", "csgrepo", "demo"],
        env=os.environ | {"PYTHONPATH": f"{packages}{os.pathsep}{root}"},
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == 2
    assert done.stderr == (
        "csgrepo: the demo needs numpy, safetensors; install with: pip install 'csgrepo[demo]'\n"
    )


def test_training_when_it_saves_then_files_are_what_other_programs_read(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import load_file

    training = Training()
    losses = [training.step() for _ in range(8)]
    weights, moments, metrics, export = training.save(tmp_path)

    assert losses[-1] < losses[0]
    assert load_file(weights)["hidden.weight"].shape == (256, 8192)
    assert len(load_file(moments)) == 4
    assert json.loads(metrics.read_text())["losses"] == losses
    with np.load(export) as arrays:
        assert np.array_equal(arrays["arr_0"], load_file(weights)["hidden.weight"])
