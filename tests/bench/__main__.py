"""How fast csgrepo is, beside stock git + git-lfs, huggingface_hub's Repository and the floors.

    python -m tests.bench [--quick] [--only add --only clone …] [--older PYTHON]

Everybody does the same work in turn, on the same file system and against the same server; every
result is checked (digests, `git fsck`, `git lfs fsck`) before its time counts. A full run takes
under ten minutes and 12 GB of the folder, best a tmpfs: otherwise the disk is measured.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import tempfile
from datetime import date
from pathlib import Path

import click

from tests.bench import growth, large, memory, saving, small, table
from tests.bench.contenders import Older
from tests.bench.measuring import Results
from tests.bench.serving import Server
from tests.bench.stage import Stage, settle

PARTS = (
    "large",
    "many",
    "small",
    "objects",
    "tracking",
    "saving",
    "reflinks",
    "starting",
    "growth",
)
MIB = 2**20
BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"


class Sizes:
    """How much is moved: a model of two gigabytes, a quick look, or just enough to run it all."""

    def __init__(self, scale: str) -> None:
        self.one, self.many, self.disk, self.new, self.files, self.special = {
            "full": (2048 * MIB, 100 * MIB, 300 * MIB, 16 * MIB, 10_000, 300),
            "quick": (128 * MIB, 8 * MIB, 64 * MIB, 4 * MIB, 2_000, 60),
            "tiny": (2 * MIB, MIB, 2 * MIB, MIB, 30, 15),
        }[scale]
        self.objects = {"full": 3_000, "quick": 500, "tiny": 20}[scale]
        self.unchanged, self.commits, self.shards = {
            "full": ([1_000, 10_000, 100_000], [50, 5_000], 40),
            "quick": ([100, 1_000], [10, 500], 20),
            "tiny": ([10], [5], 3),
        }[scale]


def run(stage: Stage, sizes: Sizes, only: set[str]) -> list[str]:
    """Measure the parts; returns what was left out and why."""
    left_out: list[str] = []
    if "large" in only:
        large.one(stage, sizes.one)
    if "many" in only:
        large.many(stage, 20, sizes.many)
    if "small" in only:
        small.together(stage, sizes.files)
    if "objects" in only:
        small.objects(stage, sizes.objects)
    if "tracking" in only:
        small.tracking(stage, sizes.files, sizes.special)
    if "saving" in only:
        saving.saving(stage, sizes.one)
    if "reflinks" in only:
        left_out = saving.reflinks(stage, sizes.disk)
    if "starting" in only:
        saving.starting(stage)
    if "growth" in only:
        growth.unchanged(stage, sizes.unchanged, sizes.new)
        growth.long_history(stage, sizes.commits, sizes.new)
        growth.second_push(stage, sizes.shards, sizes.new)
    return left_out


def replaced(readme: Path, text: str) -> None:
    """Put the table between the two marks of a README."""
    content = readme.read_text(encoding="utf-8")
    before, mark, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise click.ClickException(f"{readme} lacks the lines {BEGIN} and {END}")
    readme.write_text(f"{before}{mark}\n{text}{end}{after}", encoding="utf-8")


@click.command()
@click.option("--scale", default="full", type=click.Choice(["full", "quick", "tiny"]))
@click.option("--quick", is_flag=True, help="Small sizes: under a minute.")
@click.option("--mib", type=click.IntRange(1), help="The size of the one large file.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Measure only this part.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 20))
@click.option("--slow-rounds", default=2, show_default=True, type=click.IntRange(0, 20))
@click.option("--older", type=Path, help="A Python that has huggingface_hub 0.36.")
@click.option("--folder", type=Path, help="Where to work; a temporary folder if not given.")
@click.option("--output", type=Path, help="Write NAME.md and NAME.json, too.", metavar="NAME")
@click.option("--readme", type=Path, help="Put the table between the marks of this file.")
def main(
    *,
    scale: str,
    quick: bool,
    mib: int | None,
    only: tuple[str, ...],
    rounds: int,
    slow_rounds: int,
    older: Path | None,
    folder: Path | None,
    output: Path | None,
    readme: Path | None,
) -> None:
    """Measure csgrepo beside its peers, and write a table."""
    scale = "quick" if quick else scale
    root = Path(tempfile.mkdtemp(prefix="csgrepo-bench-", dir=folder))
    root.chmod(0o755)
    sizes = Sizes(scale)
    sizes.one = mib * MIB if mib else sizes.one
    results = Results(lambda line: click.echo(line, err=True))
    peer = Older(older.absolute()) if older else None
    facts: dict[str, object] = {
        "Measured on": f"{table.machine()}, {table.file_system(root)}, {date.today():%Y-%m-%d}",
        "Versions": ", ".join(f"{name} {text}" for name, text in table.versions(peer).items()),
    }
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stop the server, remove the folder
    try:
        settle(root / "home")
        with contextlib.ExitStack() as stack:
            if scale == "full":
                stack.enter_context(memory.held())
            (root / "server").mkdir()
            server = stack.enter_context(Server(root / "server"))
            stage = Stage(root, server, results, rounds, slow_rounds, peer)
            for what in run(stage, sizes, set(only or PARTS)):
                facts[f"Left out, {what.split(':')[0]}"] = what.partition(": ")[2]
    finally:
        shutil.rmtree(root, ignore_errors=True)
        text = table.markdown(results, facts)
        click.echo(text)
        if output:
            output.with_suffix(".md").write_text(text, encoding="utf-8")
            output.with_suffix(".json").write_text(table.as_json(results, facts), encoding="utf-8")
    if readme:
        replaced(readme, text)


if __name__ == "__main__":
    main()
