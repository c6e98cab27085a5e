"""The files of a new repository's first commit."""

from __future__ import annotations

from csgrepo.server.repos.kinds import Kind

__all__ = ["first_files"]

_EVERYWHERE = """
*.7z *.arrow *.bin *.bz2 *.ckpt *.ftz *.gz *.h5 *.joblib *.lfs.* *.mlmodel *.model
*.msgpack *.npy *.npz *.onnx *.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar
*.safetensors saved_model/**/* *.tar.* *.tar *.tflite *.tgz *.wasm *.xz *.zip *.zst
*tfevents*
"""
_MODELS = "*.gguf *.ggml *.pdparams"
_DATASETS = """
*.lz4 *.pcm *.sam *.raw *.aac *.flac *.mp3 *.ogg *.wav *.bmp *.gif *.png *.tiff *.jpg
*.jpeg *.webp
"""


def first_files(kind: Kind, license_name: str) -> dict[str, bytes]:
    """Return README.md and .gitattributes; the former's odd blanks are the contract's."""
    more = _DATASETS if kind in {Kind.DATASET, Kind.PROMPT} else _MODELS
    lines = [
        f"{pattern} filter=lfs diff=lfs merge=lfs -text\n"
        for pattern in (_EVERYWHERE + more).split()
    ]
    return {
        ".gitattributes": "".join(lines).encode(),
        "README.md": f"\n---\nlicense: {license_name}\n---\n\t".encode(),
    }
