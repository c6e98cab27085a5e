"""The Auto classes of transformers, with names of repositories on the hub in `from_pretrained`.

Every class of the installed transformers whose name begins with ``Auto`` is here under that name.

Example:
    >>> from csgrepo.integrations.transformers import AutoModelForCausalLM  # doctest: +SKIP
    >>> model = AutoModelForCausalLM.from_pretrained("wanda/tiny")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csgrepo.download import snapshot_download
from csgrepo.errors import InvalidInput

if TYPE_CHECKING:
    import os

    from csgrepo.download import Plan

__all__ = ["local_folder"]

_SAFE = ("*.safetensors", "*.safetensors.index.json")
_PICKLED = ("*.bin", "*.bin.index.json", "*.pt", "*.pth", "*.ckpt")
_FOREIGN = ("*.h5", "*.msgpack", "*.ot", "*.onnx", "*.tflite", "*.mlmodel", "*.gguf", "*.onnx_data")
_ASKED = ("cache_dir", "force_download", "local_files_only", "revision", "token")


def local_folder(
    repo_id: str | os.PathLike[str],
    *,
    weights: bool = True,
    safe: bool = True,
    gguf_file: str | None = None,
    **where: Any,
) -> str:
    """Return a folder with what transformers reads of a model.

    Weights that it would not read are not fetched: none for a tokenizer, no pickles beside
    safetensors, nothing that is for other frameworks.

    Args:
        repo_id: ``namespace/name``, or a folder, which is returned as it is.
        weights: whether any weights are wanted.
        safe: whether safetensors are preferred, where there are any.
        gguf_file: the one file in that format that is wanted.
        where: as for `snapshot_download`.
    """
    if Path(repo_id).is_dir():
        return str(repo_id)
    where = {name: value for name, value in where.items() if value is not None}
    ignored = [*_FOREIGN] if weights else [*_FOREIGN, *_SAFE, *_PICKLED]
    if weights and safe:
        plan: Plan = snapshot_download(str(repo_id), dry_run=True, **where)
        if any(path.endswith(".safetensors") for path in plan.files):
            ignored += _PICKLED
    if gguf_file:
        snapshot_download(str(repo_id), allow_patterns=gguf_file, **where)
    folder: str = snapshot_download(str(repo_id), ignore_patterns=ignored, **where)
    return folder


def __getattr__(name: str) -> Any:
    """Make the class of that name, once."""
    if not name.startswith("Auto"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = _reading(name, _found(name))
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in dir(_transformers()) if name.startswith("Auto"))])


def _transformers() -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise InvalidInput(
            "transformers is not installed; run `pip install transformers torch`"
        ) from error


def _found(name: str) -> Any:
    try:
        return getattr(_transformers(), name)
    except AttributeError:
        raise AttributeError(f"the installed transformers has no {name}") from None


def _reading(name: str, base: Any) -> Any:
    """Return a class like `base` that takes repositories of the hub."""
    has_weights = name.startswith("AutoModel") or name == "AutoBackbone"

    def from_pretrained(
        _: type, pretrained_model_name_or_path: str | os.PathLike[str], *args: Any, **more: Any
    ) -> Any:
        where = {key: more.pop(key) for key in _ASKED if key in more}
        more.pop("code_revision", None)  # the code comes with the rest of the revision
        folder = local_folder(
            pretrained_model_name_or_path,
            weights=has_weights,
            safe=more.get("use_safetensors") is not False,
            gguf_file=more.get("gguf_file"),
            **where,
        )
        return base.from_pretrained(folder, *args, **more)

    from_pretrained.__doc__ = (
        f"Read from the hub, by ``namespace/name``, what `transformers.{name}` reads from a folder."
    )
    own = {"from_pretrained": classmethod(from_pretrained), "__module__": __name__}
    return type(base)(name, (base,), {**own, "__doc__": base.__doc__})
