"""What the parameters of a transform amount to on a given grid, and whether they fit it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from numbers import Integral

import numpy as np

from skmst.scattering.cascade import Setting
from skmst.scattering.paths import path_table

TINY = 16  # grids up to this size are sampled in full by default: it costs nothing, and filters do not fit such grids


def resolve_setting(
    grid_shape: tuple[int, ...],
    *,
    J: int | None,
    Q: int | Iterable[int],
    L: int,
    T: str | int | None,
    max_order: int,
    wavelet: str,
    boundary: str,
    oversampling: str | int,
    output_step: int | None,
) -> Setting:
    """Settle defaults and refuse what does not fit the grid.

    Parameters
    ----------
    grid_shape : tuple of int
        Grid of the fields.
    J, Q, L, T, max_order, wavelet, boundary, oversampling, output_step
        As in `ScatteringTransformer`.

    Returns
    -------
    Setting

    Raises
    ------
    ValueError
        If the grid does not hold J octaves, T or `output_step`, or parameters contradict each other.
    """
    octaves, smallest = _octaves(J, grid_shape), min(grid_shape)
    scale = None if T == "global" else 2**octaves if T is None else int(T)
    if scale is not None and scale > smallest:
        raise ValueError(f"T={scale} is larger than the grid {grid_shape}; use T <= {smallest} or T='global'.")
    if scale is None and output_step is not None:
        raise ValueError("output_step has no meaning with T='global'; leave it None or choose a local T.")
    step = 1 if scale is None else output_step or max(1, scale // 4)
    if step > smallest:
        raise ValueError(f"output_step={step} is larger than the grid {grid_shape}.")
    per_octave = _wavelets_per_octave(Q)
    if len(grid_shape) > 1 and per_octave != (1, 1):
        raise ValueError(f"Q={Q!r} concerns 1-D fields; in 2-D there is one wavelet per octave and angle.")
    if oversampling == "auto":
        extra = None if max(grid_shape) <= TINY else auto_oversampling(wavelet, len(grid_shape), L)
    else:
        extra = None if oversampling == "full" else int(oversampling)
    return Setting(
        grid_shape=grid_shape,
        J=octaves,
        Q=per_octave,
        L=int(L),
        T=scale,
        max_order=int(max_order),
        wavelet=wavelet,
        boundary=boundary,
        oversampling=extra,
        output_step=int(step),
    )


def auto_oversampling(wavelet: str, ndim: int, L: int) -> int:
    """Octaves of oversampling that keep coefficients within 1e-3 of the definition (tests/scattering).

    The critical rate of the 1-D Morlet filters is kymatio's, conservative enough as it is. In 2-D, filters grow wider
    with fewer than four orientations.
    """
    if ndim == 1:
        return 0 if wavelet == "morlet" else 1
    return 1 + max(0, math.ceil(math.log2(4 / L)))


def grid_axes(grid_shape: Iterable[int] | None) -> tuple[int, ...] | None:
    """The parameter `grid_shape` as a tuple of one or two positive ints, or None."""
    if grid_shape is None:
        return None
    axes = tuple(grid_shape)
    if len(axes) not in (1, 2) or not all(isinstance(n, Integral) and int(n) >= 1 for n in axes):
        raise ValueError(f"grid_shape={grid_shape!r} must hold one or two positive integers.")
    return tuple(int(n) for n in axes)


def _octaves(J: int | None, grid_shape: tuple[int, ...]) -> int:
    most = math.floor(math.log2(min(grid_shape)))
    if most < 1:
        raise ValueError(
            f"A grid of shape {grid_shape} (n_features={math.prod(grid_shape)}) is too small to scatter: the "
            "smallest scale spans two points on each axis."
        )
    if J is None:
        return max(1, most - 1)
    if most < J:
        raise ValueError(
            f"J={J} needs 2**J = {2**J} grid points on each axis, but the grid is {grid_shape}; use J <= {most}."
        )
    return int(J)


def _wavelets_per_octave(Q: int | Iterable[int]) -> tuple[int, int]:
    """Numbers of both orders; a single number concerns the first."""
    if isinstance(Q, Integral):
        return int(Q), 1
    pair = tuple(Q)  # type: ignore[arg-type]
    if len(pair) != 2 or not all(isinstance(q, Integral) and int(q) >= 1 for q in pair):
        raise ValueError(f"Q={Q!r} must be a positive integer or two of them, one for each order.")
    return int(pair[0]), int(pair[1])


@lru_cache(maxsize=64)
def path_columns(setting: Setting) -> dict[str, np.ndarray]:
    """The path table of a setting; its columns are shared, and read-only."""
    first, second = setting.wavelets()
    table = path_table(setting.paths(), first, second, len(setting.grid_shape))
    for column in table.values():
        column.setflags(write=False)
    return table
