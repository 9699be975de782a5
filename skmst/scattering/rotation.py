"""Averages of coefficients over rotations: fewer numbers, which depend on angles between wavelets only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from skmst.scattering.averages import Groups
from skmst.scattering.encoding import Encoding, WithoutCaches
from skmst.scattering.rectifiers import rectifier_of
from skmst.scattering.wavelets import directions

#: Columns of a table that tell the direction of a wavelet, or follow from it; all others make a row what it is.
_TURNS = re.compile(r"(name|complex|(l|angle|direction)\d+\w*)$")


@dataclass(frozen=True)
class RotationAverage(WithoutCaches):
    """Coefficients of a transform with oriented wavelets, averaged over rotations of all directions together.

    What is left depends on scales and on the angles between wavelets: with L orientations about L times fewer numbers.
    In 2-D the average is over the cyclic shifts of all orientations, and rotations of the field by these angles leave
    it unchanged, as far as the grid has them: rotations by 90 degrees for even L. In 3-D paths with equal angles
    between their axes are averaged. Half a turn of a real field turns its coefficients into their conjugates, so real
    parts remain.

    Parameters
    ----------
    encoding : Encoding
        A transform of fields of two or three dimensions whose table has the columns ``l1``, ... Coefficients may be
        complex if they are averages over the whole grid.

    Raises
    ------
    ValueError
        If the transform is one-dimensional or has no orientations, is complex and local, distinguishes wavelets from
        their mirror images, has a rectifier that does not take conjugates to conjugates, or holds translations along
        grid axes: no cyclic shift maps those on each other.

    References
    ----------
    Cheng et al. (2024), PNAS Nexus 3, pgae103, arXiv:2306.17210 (average over rotations).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.rotation import RotationAverage
    >>> from skmst.scattering.scattering_spectra import ScatteringSpectra
    >>> spectra = ScatteringSpectra((33, 33), J=3, L=4)
    >>> average = RotationAverage(spectra)
    >>> len(spectra.table()["name"]), len(average.table()["name"])
    (306, 78)
    >>> x = np.random.default_rng(0).standard_normal((1, 33, 33))
    >>> bool(np.allclose(average.forward(np.rot90(x, axes=(1, 2))), average.forward(x), atol=1e-12))
    True
    """

    encoding: Encoding

    def __post_init__(self) -> None:
        table = self.encoding.table()
        if len(self.grid_shape) < 2 or "l1" not in table:
            raise ValueError(
                "rotations take fields of two or three dimensions and a transform with oriented wavelets, as of the "
                "banks 'morlet' and 'tight'."
            )
        if self.encoding.is_complex and self.output_grid:
            raise ValueError("the coefficients are complex and local, so half a turn does not only conjugate them.")
        if any(np.any(column < 0) for key, column in table.items() if re.match(r"sign\d", key)):
            raise ValueError("the transform distinguishes wavelets from their mirror images: take the modulus.")
        if not _conjugates(self.encoding):
            raise ValueError("the rectifier does not take conjugates to conjugates: half a turn changes real parts.")
        if np.any(table.get("shift", np.zeros(1)) != 0):
            raise ValueError("translations along grid axes do not turn with the wavelets: take n_shifts=0.")

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Grid of the fields."""
        return self.encoding.grid_shape

    @property
    def output_grid(self) -> tuple[int, ...]:
        """Grid of the coefficients of one path, () for averages over the whole grid."""
        return self.encoding.output_grid

    @property
    def J(self) -> int:
        """Number of octaves."""
        return self.encoding.J

    @property
    def is_complex(self) -> bool:
        """False."""
        return False

    @property
    def couples_channels(self) -> bool:
        """Whether all channels of a field are transformed together."""
        return self.encoding.couples_channels

    def table(self) -> dict[str, np.ndarray]:
        """The rows of the encoding's table that come first in each average.

        Their first orientation is that of the first member; the others count from there. Names end in ``_iso``.
        """
        table = {key: column[self._groups.first] for key, column in self.encoding.table().items()}
        table["name"] = np.array([f"{name}_iso" for name in table["name"]])
        return table | ({"complex": np.zeros(len(table["name"]), bool)} if "complex" in table else {})

    def forward(self, x: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Averages ``(n_samples, n_groups, *output_grid)``, real, of fields as the encoding takes them."""
        return self.average(self.encoding.forward(x, n_jobs=n_jobs))

    def average(self, coefficients: np.ndarray) -> np.ndarray:
        """Averages ``(n_samples, n_groups, *output_grid)`` of coefficients of the encoding."""
        return self._groups.mean(coefficients.real)

    def pullback(self, x: np.ndarray, gradient: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Gradient with respect to x of the sum of ``gradient forward(x)``."""
        return self.encoding.pullback(x, self._groups.mean_pullback(gradient.real), n_jobs=n_jobs)

    @cached_property
    def _groups(self) -> Groups:
        return orbits(self.encoding)


def _conjugates(encoding: Any) -> bool:
    """Whether half a turn of a real field conjugates its coefficients, which is up to the rectifier."""
    rectifier = getattr(getattr(encoding, "setting", encoding), "rectifier", None)
    if rectifier is None:
        return True
    z = np.array([0.6 + 0.8j, -3.0 + 0.5j])
    return np.allclose(rectifier_of(rectifier)(np.conj(z)), np.conj(rectifier_of(rectifier)(z)))


def orbits(encoding: Any) -> Groups:
    """Which rows of an encoding's table rotations map on each other."""
    table, n_axes = encoding.table(), len(encoding.grid_shape)
    turning = sorted(key for key in table if re.fullmatch(r"l\d+", key))
    fixed = [[repr(v) for v in column.tolist()] for key, column in table.items() if not _TURNS.match(key)]
    statics = list(zip(*fixed, strict=True))
    angles = [tuple(int(v) for v in row) for row in zip(*(table[key] for key in turning), strict=True)]
    L: int = encoding.L if hasattr(encoding, "L") else encoding.setting.L
    rows = list(zip(statics, angles, strict=True))
    present = set(rows)
    if n_axes == 3:
        return Groups.by([(s, _between(l, L, exchanged=(s, _exchanged(l)) not in present)) for s, l in rows])
    return Groups.by([(s, min(_turned(s, l, L, present))) for s, l in rows])


def _exchanged(angles: tuple[int, ...]) -> tuple[int, ...]:
    """The orientations after exchange of both factors, which conjugates: a table may hold only one of both."""
    return (*angles[1::-1], *angles[2:])


def _turned(
    static: tuple[str, ...], angles: tuple[int, ...], L: int, present: set[tuple[tuple[str, ...], tuple[int, ...]]]
) -> Iterable[tuple[int, ...]]:
    """The orientations of a row after each rotation in the plane; -1 stands for no wavelet."""
    for step in range(L):
        turned = tuple(l if l < 0 else (l + step) % L for l in angles)
        yield turned if (static, turned) in present else _exchanged(turned)


def _between(angles: tuple[int, ...], L: int, *, exchanged: bool) -> tuple[object, ...]:
    """Which orientations there are, and the angles between their axes, in space.

    Those to later wavelets come in no order if the row stands for its `exchanged` one too.
    """
    axes = [None if l < 0 else directions(L, 3)[l] for l in angles]

    def cosine(i: int, j: int) -> float:
        a, b = axes[i], axes[j]
        return -1.0 if a is None or b is None else round(abs(float(a @ b)), 6)

    pairs = [cosine(i, j) for i in range(len(axes)) for j in range(i)]
    return tuple(a is None for a in axes), *pairs[:1], *(sorted(pairs[1:]) if exchanged else pairs[1:])
