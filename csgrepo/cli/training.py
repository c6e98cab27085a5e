"""A small training run, real in all that matters: it learns, and it saves what it learned.

A network with one hidden layer learns by Adam what another, smaller network computes. Weights and
moments are as incompressible as those of any model, so checkpoints weigh what they seem to weigh.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

__all__ = ["EXPORT_NAME", "Training"]

EXPORT_NAME = "模型 final.bin"

_INPUTS, _HIDDEN, _OUTPUTS = 256, 8192, 128  # 3.1 million weights, 12.6 MB
_TEACHER_HIDDEN = 16
_BATCH = 64
_RATE, _HALVED_AFTER_STEPS = 3e-4, 20
_DECAY_1, _DECAY_2 = 0.9, 0.99


class Training:
    """One training run.

    Args:
        seed: where its random numbers start.

    Attributes:
        step_count: how many steps were made.
        losses: the loss of each step, as the part of the signal that is still not explained.
    """

    def __init__(self, seed: int = 7) -> None:
        self._random = np.random.default_rng(seed)
        self._teacher = (
            self._normal(_INPUTS, _TEACHER_HIDDEN),
            self._normal(_TEACHER_HIDDEN, _OUTPUTS),
        )
        self._weights = {
            "hidden.weight": self._normal(_INPUTS, _HIDDEN),
            "output.weight": np.zeros((_HIDDEN, _OUTPUTS), np.float32),
        }
        self._first = {name: np.zeros_like(weight) for name, weight in self._weights.items()}
        self._second = {name: np.zeros_like(weight) for name, weight in self._weights.items()}
        self.step_count = 0
        self.losses: list[float] = []

    def _normal(self, rows: int, columns: int) -> Array:
        values: Array = self._random.standard_normal((rows, columns), np.float32)
        values /= np.sqrt(rows)
        return values

    def step(self) -> float:
        """Learn from one new batch, and return its loss."""
        self.step_count += 1
        inputs = self._random.standard_normal((_BATCH, _INPUTS), np.float32)
        targets = np.tanh(inputs @ self._teacher[0]) @ self._teacher[1]
        hidden = np.tanh(inputs @ self._weights["hidden.weight"])
        errors = hidden @ self._weights["output.weight"] - targets
        back = (errors @ self._weights["output.weight"].T) * (1 - hidden**2)
        self._adjust("output.weight", hidden.T @ errors * np.float32(2 / _BATCH))
        self._adjust("hidden.weight", inputs.T @ back * np.float32(2 / _BATCH))
        self.losses.append(float((errors**2).mean() / (targets**2).mean()))
        return self.losses[-1]

    def _adjust(self, name: str, gradient: Array) -> None:
        first, second, step = self._first[name], self._second[name], self.step_count
        first += (1 - _DECAY_1) * (gradient - first)
        second += (1 - _DECAY_2) * (gradient**2 - second)
        rate = _RATE / (1 + step / _HALVED_AFTER_STEPS)
        spread = np.sqrt(second / (1 - _DECAY_2**step)) + 1e-8
        self._weights[name] -= rate / (1 - _DECAY_1**step) * first / spread

    def save(self, folder: Path) -> list[Path]:
        """Write a checkpoint, and the newest weights once more under a name of their own.

        Returns:
            The files that were written: weights, optimizer state and metrics in a folder of this
            step, and `EXPORT_NAME` beside it, which every checkpoint rewrites.
        """
        here = folder / f"checkpoint-{self.step_count}"
        here.mkdir()
        weights, moments = here / "model.safetensors", here / "optimizer.safetensors"
        metrics, export = here / "metrics.json", folder / EXPORT_NAME
        save_file(self._weights, weights, {"format": "np", "step": str(self.step_count)})
        save_file(
            {f"first.{name}": moment for name, moment in self._first.items()}
            | {f"second.{name}": moment for name, moment in self._second.items()},
            moments,
        )
        facts = {"step": self.step_count, "loss": self.losses[-1], "losses": self.losses}
        metrics.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        with export.open("wb") as stream:
            np.savez(stream, *self._weights.values())
        return [weights, moments, metrics, export]
