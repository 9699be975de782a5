"""What every transform of fields offers to the estimator: names, numbers, and the way gradients go back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Protocol

import numpy as np


class Encoding(Protocol):
    """A transform of fields, described by an immutable, hashable object.

    The estimator chooses one from its parameters; inverses and synthesis ask nothing more of it.
    """

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Grid of the fields."""

    @property
    def output_grid(self) -> tuple[int, ...]:
        """Grid of the coefficients of one path, () for averages over the whole grid."""

    @property
    def J(self) -> int:
        """Number of octaves."""

    @property
    def is_complex(self) -> bool:
        """Whether coefficients are complex."""

    @property
    def couples_channels(self) -> bool:
        """Whether all channels of a field are transformed together."""

    def table(self) -> dict[str, np.ndarray]:
        """One row per path, one column per key; ``name`` and ``order`` are always there."""

    def forward(self, x: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Coefficients ``(n_samples, n_paths, *output_grid)`` of fields ``(n_samples, [n_channels,] *grid_shape)``."""

    def pullback(self, x: np.ndarray, gradient: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Gradient with respect to x of the sum of ``Re(conj(gradient) forward(x))``: shape and dtype of x.

        For complex fields it is the complex number ``d/dRe + i d/dIm``.
        """


class WithoutCaches:
    """Dataclasses whose pickles, and so their keys in caches on disk, hold fields but nothing derived from them."""

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


def innermost(encoding: Any) -> Any:
    """What is left of an encoding without averages over rotations and derived channels around it."""
    while hasattr(encoding, "encoding"):
        encoding = encoding.encoding
    return encoding


def is_local(encoding: Encoding) -> bool:
    """Whether coefficients belong to places: those of all paths to a grid, or each to its own."""
    return bool(encoding.output_grid) or "x" in encoding.table()


def has_inverse(encoding: Encoding) -> bool:
    """Whether ``encoding.inverse`` leads back exactly."""
    return bool(getattr(encoding, "invertible", False))
