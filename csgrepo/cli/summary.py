"""What a demo proved, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass

from csgrepo.progress.label import duration, size

__all__ = ["Summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one demo in which everything was as it should be.

    Attributes:
        repository: the repository's id.
        url: the page of the last commit.
        commits: the commits that were pushed, oldest first.
        receipts: how many pushes the hub confirmed.
        files_saved: how many files the training wrote, every rewriting counted.
        bytes_saved: their size together.
        steps: how many training steps were made.
        first_loss: the loss before anything was learned.
        last_loss: the loss at the end.
        training_s: seconds from the first step until the last save returned.
        held_up_s: for each save, the seconds during which training waited for csgrepo.
        pushing_s: seconds from the first save until the last push was confirmed.
        files_cloned: files in the fresh clone, each with the SHA-256 it should have.
        files_downloaded: files fetched over HTTP, each with the SHA-256 it should have.
        bytes_verified: the size of all files whose SHA-256 was compared.
        total_s: seconds for everything.
    """

    repository: str
    url: str
    commits: tuple[str, ...]
    receipts: int
    files_saved: int
    bytes_saved: int
    steps: int
    first_loss: float
    last_loss: float
    training_s: float
    held_up_s: tuple[float, ...]
    pushing_s: float
    files_cloned: int
    files_downloaded: int
    bytes_verified: int
    total_s: float

    def __str__(self) -> str:
        held = sum(self.held_up_s)
        share = held / self.training_s
        rows = [
            (
                "saved",
                f"{self.files_saved} files, {size(self.bytes_saved)}, in {len(self.commits)} "
                f"commits of {self.repository}",
            ),
            (
                "training",
                f"{self.steps} steps in {duration(self.training_s)}, "
                f"loss {self.first_loss:.2f} -> {self.last_loss:.2f}",
            ),
            (
                "held up",
                f"{duration(held)} of it ({share:.0%}), {duration(max(self.held_up_s))} at most "
                "for one save",
            ),
            (
                "pushed",
                f"{self.receipts} of {len(self.commits)} pushes confirmed by the hub, "
                f"{duration(self.pushing_s)} after the first save",
            ),
            ("cloned", f"{self.files_cloned} files, every SHA-256 as it should be"),
            ("downloaded", f"{self.files_downloaded} files, every SHA-256 as it should be"),
            ("in all", f"{size(self.bytes_verified)} compared, {duration(self.total_s)}"),
        ]
        lines = [f"  {name:<11}{text}" for name, text in rows]
        return "\n".join(["Every byte that was saved came back.", *lines])
