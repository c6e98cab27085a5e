"""What a model's own files say of it: its configuration, and the headers of its weights."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from csgrepo.server.git.gitstore import GitStore
    from csgrepo.server.git.told import Entry
    from csgrepo.server.lfs.storage import ObjectStore
    from csgrepo.server.records.database import Database
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["UNKNOWN", "Models", "model_facts", "tensors"]

_MOST_HEADER_BYTES = 4 * 1024 * 1024
_MOST_CONFIG_BYTES = 1024 * 1024
_MOST_FILES = 200
_MOST_PARAMETERS = 10**15  # in one tensor; a header may say anything
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"), 8),
}
_ROOM = 1.2  # beside the weights, what a model that answers needs
UNKNOWN: dict[str, object] = {
    "model_params": 0,
    "tensor_type": "",
    "architecture": "",
    "mini_gpu_memory_gb": 0,
    "mini_gpu_finetune_gb": 0,
    "model_type": "",
    "class_name": "",
}


def tensors(head: bytes) -> Iterator[tuple[str, int]]:
    """Yield type and number of parameters of each tensor that a safetensors file begins with.

    Nothing for what is no such file, or whose header is longer than what is read of it.

    Example:
        >>> header = b'{"w":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}'
        >>> list(tensors(len(header).to_bytes(8, "little") + header))
        [('F16', 6)]
    """
    length = int.from_bytes(head[:8], "little")
    found = _object(head[8 : 8 + length]) if 8 + length <= len(head) else {}
    for tensor in found.values():
        if not isinstance(tensor, dict):
            continue
        kind, shape = tensor.get("dtype"), tensor.get("shape")
        if kind in _BITS and isinstance(shape, list) and all(type(n) is int for n in shape):
            yield kind, math.prod(shape)


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def model_facts(config: bytes, heads: Iterable[bytes]) -> tuple[int, dict[str, object]]:
    """Return a model's number of parameters, and what is told of it.

    Args:
        config: its ``config.json``, empty where it has none.
        heads: the beginnings of its safetensors files.
    """
    counted: Counter[str] = Counter()
    for head in heads:
        for kind, number in tensors(head):
            counted[kind] += min(max(0, number), _MOST_PARAMETERS)
    params = sum(counted.values())
    size = sum(_BITS[kind] // 8 * number for kind, number in counted.items())
    said = _object(config)
    named = said.get("architectures")
    first = named[0] if isinstance(named, list) and named and isinstance(named[0], str) else ""
    family = said.get("model_type")
    return params, {
        "model_params": round(params / 1e9, 6),
        "tensor_type": counted.most_common(1)[0][0] if counted else "",
        "architecture": first,
        "mini_gpu_memory_gb": round(size * _ROOM / 1024**3, 3),
        "mini_gpu_finetune_gb": 0,  # follows from how it is finetuned
        "model_type": family if isinstance(family, str) else "",
        "class_name": first,
    }


class Models:
    """What is known of one hub's models, read once for each commit.

    Args:
        database: where it is kept.
        store: the repositories.
        objects: the large files.
    """

    def __init__(self, database: Database, store: GitStore, objects: ObjectStore) -> None:
        self._database = database
        self._store = store
        self._objects = objects

    def facts(self, repository: Repository) -> dict[str, object]:
        """Return what the files of a model's default branch say."""
        sha = self._store.resolve(repository.id, f"refs/heads/{repository.default_branch}")
        if sha is None:
            return dict(UNKNOWN)
        row = self._database.row(
            "SELECT facts FROM models WHERE repository_id = ? AND sha = ?", repository.id, sha
        )
        if row:
            known: dict[str, object] = json.loads(row["facts"])
            return known
        return self._read(repository, sha)

    def unread(self, limit: int) -> list[int]:
        """Return the numbers of models that changed since their files were read, if they were."""
        rows = self._database.rows(
            "SELECT id FROM repositories WHERE type = 'model' AND NOT EXISTS (SELECT 1 FROM models "
            "WHERE repository_id = repositories.id AND read_at >= updated_at) LIMIT ?",
            limit,
        )
        return [row["id"] for row in rows]

    def _read(self, repository: Repository, sha: str) -> dict[str, object]:
        number, began = repository.id, time.time()
        listed = self._store.tree(number, sha)
        config = next((e for e in listed if e.name == "config.json" and not e.pointer), None)
        said = b""
        if config and config.kind == "blob" and config.size <= _MOST_CONFIG_BYTES:
            said = self._store.blob(number, config.sha)
        weights = [e for e in listed if e.name.endswith(".safetensors")][:_MOST_FILES]
        params, facts = model_facts(said, (self._head(number, entry) for entry in weights))
        with self._database.note() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO models "
                "SELECT id, ?, ?, ?, ? FROM repositories WHERE id = ?",  # if it still exists
                (sha, params / 1e9, json.dumps(facts), began, number),
            )
        return facts

    def _head(self, number: int, entry: Entry) -> bytes:
        """Return the beginning of a file; nothing of one whose bytes are kept elsewhere."""
        if entry.pointer is None:
            return self._store.blob(number, entry.sha) if entry.kind == "blob" else b""
        path = self._objects.path(number, entry.pointer.oid)
        if path is None or not path.is_file():
            return b""
        with path.open("rb") as file:
            return _beginning(file)


def _beginning(file: BinaryIO) -> bytes:
    length = file.read(8)
    wanted = int.from_bytes(length, "little")
    return length + file.read(wanted) if wanted <= _MOST_HEADER_BYTES else length
