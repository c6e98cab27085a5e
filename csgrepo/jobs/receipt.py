"""What is known of a push once the remote was asked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from csgrepo.errors import InvalidInput

__all__ = ["PushReceipt"]

_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class PushReceipt:
    """Proof of a push: written only after the remote confirmed the ref and every object.

    Attributes:
        url: the page of the commit.
        remote_url: the repository that was pushed to.
        ref: the ref that was moved there.
        commit: what it points to now.
        previous: what it pointed to before, or ``None`` where it is new.
        objects: how many LFS objects the server was asked for, and has.
        size_bytes: their size together.
        uploaded_objects: how many of them had to be uploaded.
        uploaded_bytes: the size of these together.
        verified_at: when the remote confirmed it, with a time zone.
    """

    url: str
    remote_url: str
    ref: str
    commit: str
    previous: str | None
    objects: int
    size_bytes: int
    uploaded_objects: int
    uploaded_bytes: int
    verified_at: datetime

    def __post_init__(self) -> None:
        if self.verified_at.tzinfo is None:
            raise InvalidInput("verified_at needs a time zone; use datetime.now(timezone.utc)")

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        fields = asdict(self) | {"verified_at": self.verified_at.isoformat()}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> PushReceipt:
        """Read what `to_json` wrote.

        Raises:
            InvalidInput: the text is something else.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            fields["verified_at"] = datetime.fromisoformat(fields["verified_at"])
            return cls(**fields)
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInput(f"not the record of a receipt: {error}") from error

    def __str__(self) -> str:
        sent = f"{self.uploaded_objects} uploaded, {_size(self.uploaded_bytes)}"
        large = f"; {self.objects} large files ({_size(self.size_bytes)}; {sent})"
        moved = f"{self.previous[:10]}..{self.commit[:10]}" if self.previous else self.commit[:10]
        name = self.ref.removeprefix("refs/heads/").removeprefix("refs/")
        return (
            f"{name} at {self.remote_url} is {moved}{large if self.objects else ''}, "
            f"verified {self.verified_at:%Y-%m-%d %H:%M:%S %Z}: {self.url}"
        )


def _size(count: float) -> str:
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
