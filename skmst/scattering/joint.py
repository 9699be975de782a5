"""Several transforms of the same fields, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skmst.scattering.encoding import Encoding, WithoutCaches


@dataclass(frozen=True)
class JointEncoding(WithoutCaches):
    """The coefficients of several transforms, one after the other, each times its weight.

    Parameters
    ----------
    encodings : tuple of Encoding
        Transforms of the same fields, to the same output grid.
    weights : tuple of float, optional
        What the coefficients of each are multiplied by; ones by default. They matter where distances do, as in
        synthesis.

    Raises
    ------
    ValueError
        If the transforms take different fields or have different output grids, or weights do not match them.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.joint import JointEncoding
    >>> from skmst.scattering.scattering_spectra import ScatteringSpectra
    >>> from skmst.scattering.statistics import Energies
    >>> joint = JointEncoding((ScatteringSpectra((64,), J=3), Energies((64,), J=3, Q=(2, 1))), weights=(1.0, 10.0))
    >>> joint.forward(np.random.default_rng(0).standard_normal((2, 64))).shape
    (2, 25)
    >>> joint.table()["name"][[0, 17, 18, 19]].tolist()
    ['mean', 'S4_j1_j1_j2', 'e0', 'e1_j0_q0']
    """

    encodings: tuple[Encoding, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for what in ("grid_shape", "output_grid", "couples_channels"):
            if len(found := {getattr(encoding, what) for encoding in self.encodings}) != 1:
                raise ValueError(f"encodings must agree in {what}, got {', '.join(map(str, sorted(found)))}.")
        if self.weights is not None and len(self.weights) != len(self.encodings):
            raise ValueError(f"weights has {len(self.weights)} numbers for {len(self.encodings)} encodings.")

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Grid of the fields."""
        return self.encodings[0].grid_shape

    @property
    def output_grid(self) -> tuple[int, ...]:
        """Grid of the coefficients of one path, () for averages over the whole grid."""
        return self.encodings[0].output_grid

    @property
    def J(self) -> int:
        """Number of octaves, the largest of all."""
        return max(encoding.J for encoding in self.encodings)

    @property
    def is_complex(self) -> bool:
        """Whether any coefficients are complex."""
        return any(encoding.is_complex for encoding in self.encodings)

    @property
    def couples_channels(self) -> bool:
        """Whether all channels of a field are transformed together."""
        return self.encodings[0].couples_channels

    def table(self) -> dict[str, np.ndarray]:
        """The rows of all tables; columns that not all have are left out, and ``encoding`` numbers the transforms."""
        tables = [encoding.table() for encoding in self.encodings]
        common = [key for key in tables[0] if all(key in table for table in tables)]
        table = {key: np.concatenate([table[key] for table in tables]) for key in common}
        return table | {"encoding": np.repeat(np.arange(len(tables)), self._sizes)}

    def forward(self, x: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Weighted coefficients ``(n_samples, n_paths, *output_grid)`` of fields ``(n_samples, ..., *grid_shape)``."""
        parts = zip(self._weights, self.encodings, strict=True)
        return np.concatenate([weight * encoding.forward(x, n_jobs=n_jobs) for weight, encoding in parts], axis=1)

    def pullback(self, x: np.ndarray, gradient: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Gradient with respect to x of the sum of ``Re(conj(gradient) forward(x))``."""
        total = np.zeros_like(x)
        parts = np.split(gradient, np.cumsum(self._sizes)[:-1], axis=1)
        for weight, encoding, part in zip(self._weights, self.encodings, parts, strict=True):
            part = weight * part
            total += encoding.pullback(x, part if encoding.is_complex else part.real, n_jobs=n_jobs)
        return total

    @cached_property
    def _sizes(self) -> list[int]:
        """Numbers of paths of the transforms."""
        return [len(encoding.table()["name"]) for encoding in self.encodings]

    @property
    def _weights(self) -> tuple[float, ...]:
        return self.weights or (1.0,) * len(self.encodings)
