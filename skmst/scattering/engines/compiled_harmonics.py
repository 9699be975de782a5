"""Solid harmonic scattering on the compiled engine: what a setting comes to as arrays of weights.

The C++ program takes the polar axis of the harmonics along the first axis of the grid. A solid harmonic is then a sum
of ``w0**p |w1, w2|**(l - m - p) Re, Im (w1 + i w2)**m``, and transforms along the first axis depend on p alone.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from skmst.scattering.engines import compiled_module
from skmst.scattering.solid_harmonic_filters import harmonic_norm, harmonic_reach
from skmst.scattering.wavelets import frequencies

if TYPE_CHECKING:
    from skmst.scattering.solid_harmonics import SolidHarmonics

SUMS, POINTS, AVERAGES = range(3)  # as the C++ numbers them


def harmonic_program(
    setting: SolidHarmonics, grid: tuple[int, int, int], extension: list[np.ndarray], dtype: np.dtype
) -> Any:
    """The C++ program of a setting; the compiled engine has to be there.

    Parameters
    ----------
    setting : SolidHarmonics
        What to compute.
    grid : tuple of int
        Grid of the field and what follows beyond its edges.
    extension : list of ndarray
        For each axis of that grid the points of the field that are there, -1 for empty space.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    Program
        With a method ``forward(x, out)`` of contiguous arrays of `dtype`.
    """
    module = compiled_module()
    assert module is not None
    everywhere = setting.boundary == "zeros" and setting.T is None
    pool = SUMS if setting.T is None else POINTS if setting.T == 1 else AVERAGES
    program = getattr(module, "Harmonics32" if dtype == np.float32 else "Harmonics64")(
        grid=grid,
        own=setting.grid_shape,
        extension=[index.tolist() for index in extension],
        inside=grid if everywhere else setting.grid_shape,
        pool=pool,
        step=setting.output_step,
        powers=[float(q) for q in setting.powers],
        degrees=setting.L + 1,
    )
    _add_terms(program, grid, setting.L)
    tiny = float(np.finfo(dtype).eps) / 16
    for j in range(setting.J + 1):
        _add_scale(program, grid, setting.sigma_0 * 2.0**j, setting.L, tiny)
    if pool == AVERAGES:
        assert setting.T is not None
        _add_scale(program, grid, 0.4 * setting.T, 0, tiny)
    _add_paths(program, setting)
    return program


def polar_coefficients(L: int) -> dict[tuple[int, int], np.ndarray]:
    """Real solid harmonics as polynomials of the polar coordinate z and the distance rho from the polar axis.

    Parameters
    ----------
    L : int
        Highest degree.

    Returns
    -------
    dict
        For each degree l and order m >= 0 the numbers c with which the harmonics of orders m and -m are
        ``sum_k c[k] rho**(2 k) z**(l - m - 2 k)`` times real and imaginary part of ``(x + i y)**m``.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.engines.compiled_harmonics import polar_coefficients
    >>> c = polar_coefficients(2)[2, 0]  # (2 z**2 - rho**2) / 2
    >>> (c / c[0]).round(12).tolist()
    [1.0, -0.5]
    """
    found = {}
    sectoral = 1 / math.sqrt(4 * math.pi)
    for m in range(L + 1):
        if m > 0:
            sectoral *= math.sqrt((2 * m + 1) / (2 * m)) * (math.sqrt(2) if m == 1 else 1)
        lower, polar = np.zeros(0), np.array([sectoral])
        for l in range(m, L + 1):
            found[l, m] = polar
            lower, polar = polar, _raise_degree(l + 1, m, polar, lower)
    return found


def _raise_degree(l: int, m: int, polar: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """The recurrence of `skmst.scattering.solid_harmonic_filters.real_solid_harmonics`, in z and rho."""
    before = math.sqrt(((l - 1) ** 2 - m**2) / (4 * (l - 1) ** 2 - 1)) if l - 1 > m else 0.0
    raised = np.zeros((l - m) // 2 + 1)
    raised[: len(polar)] = polar  # z times it
    raised[: len(lower)] -= before * lower  # r**2 is z**2 ...
    raised[1 : len(lower) + 1] -= before * lower  # ... and rho**2
    return np.asarray(math.sqrt((4 * l**2 - 1) / (l**2 - m**2)) * raised)


def _add_terms(program: Any, grid: tuple[int, int, int], L: int) -> None:
    rho_2 = sum(w**2 for w in _half_plane(grid))
    for (l, m), coefficients in polar_coefficients(L).items():
        azimuthal = (2 * np.pi) ** 1.5 * harmonic_norm(l) * _azimuthal(grid, m)
        for k, coefficient in enumerate(coefficients):
            weights = coefficient * rho_2**k * azimuthal
            program.add_term(l, m, l - m - 2 * k, weights.real.ravel(), weights.imag.ravel())


def _azimuthal(grid: tuple[int, int, int], m: int) -> np.ndarray:
    """(w1 + i w2)**m on half a plane; a Nyquist bin takes the mean of both signs of its frequency."""
    planes = []
    for signs in product((1, -1), repeat=2):
        y, z = (np.where(w == np.pi, sign * w, w) for sign, w in zip(signs, _half_plane(grid), strict=True))
        planes.append((y + 1j * z) ** m)
    return np.asarray(np.mean(planes, axis=0))


def _half_plane(grid: tuple[int, int, int]) -> list[np.ndarray]:
    """Frequencies along the last two axes, half of those along the last."""
    y, z = frequencies(grid[1:])
    return [y, np.abs(z[:, : grid[2] // 2 + 1])]


def _add_scale(program: Any, grid: tuple[int, int, int], sigma: float, L: int, tiny: float) -> None:
    """A Gaussian, and where filters are above `tiny` of their maximum: what is below is below round-off."""
    x = frequencies(grid[:1])[0]
    even = np.where(x == np.pi, 0.0, x)  # odd powers of a Nyquist frequency
    along = np.exp(-0.5 * (sigma * x) ** 2) / math.prod(grid)
    rho = np.sqrt(sum(w**2 for w in _half_plane(grid)))
    reach = harmonic_reach(L, tiny) / sigma
    program.add_scale(
        along_a=np.concatenate([along * (even if p % 2 else x) ** p for p in range(L + 1)]),
        across=np.exp(-0.5 * (sigma * rho) ** 2).ravel(),
        lengths=(rho <= reach).sum(axis=1).tolist(),
        gains=[sigma**l for l in range(L + 1)],
    )


def _add_paths(program: Any, setting: SolidHarmonics) -> None:
    degrees = range(setting.L + 1)

    def rows(*scales: int) -> list[int]:
        return [setting.rows(scales, l).start // len(setting.powers) for l in degrees]

    for j1 in range(setting.J + 1) if setting.max_order else ():
        after = list(range(j1 + 1, setting.J + 1)) if setting.max_order == 2 else []
        program.add_path(j1, rows(j1), after, [rows(j1, j2) for j2 in after])
