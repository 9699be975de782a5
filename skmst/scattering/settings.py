"""What the parameters of a transform amount to on a given grid, and whether they fit it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral

from skmst.scattering.rectifiers import LogModulus, Modulus, PhaseHarmonic, Rectifier, known_as, rectifier_of
from skmst.scattering.setting import Setting

#: Parameters of `ScatteringTransformer` that a `Setting` depends on.
SETTING_PARAMETERS = (
    "J",
    "Q",
    "L",
    "T",
    "max_order",
    "wavelet",
    "boundary",
    "oversampling",
    "output_step",
    "paths",
    "rectifier",
    "upsampling",
    "tol",
    "engine",
)
TINY = 24  # grids up to this size are sampled in full by default: it costs nothing, and filters do not fit such grids


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
    paths: str = "bandwidth",
    rectifier: str | Rectifier = "modulus",
    upsampling: int = 1,
    tol: float | None = None,
    engine: str = "auto",
    complex_fields: bool = False,
) -> Setting:
    """Settle defaults and refuse what does not fit the grid.

    Parameters
    ----------
    grid_shape : tuple of int
        Grid of the fields.
    J, Q, L, T, max_order, wavelet, boundary, oversampling, output_step, paths, rectifier, upsampling, tol, engine
        As in `ScatteringTransformer`.
    complex_fields : bool
        Whether the fields are complex.

    Returns
    -------
    Setting

    Raises
    ------
    ValueError
        If the grid does not hold J octaves, T or `output_step`, or parameters contradict each other.
    """
    n_octaves, smallest = octaves(J, grid_shape), min(grid_shape)
    scale = None if T == "global" else 2**n_octaves if T is None else int(T)
    if scale is not None and scale > smallest:
        raise ValueError(f"T={scale} is larger than the grid {grid_shape}; use T <= {smallest} or T='global'.")
    if scale is None and output_step is not None:
        raise ValueError("output_step has no meaning with T='global'; leave it None or choose a local T.")
    step = 1 if scale is None else output_step or max(1, scale // 4)
    if step > smallest:
        raise ValueError(f"output_step={step} is larger than the grid {grid_shape}.")
    if upsampling & (upsampling - 1):
        raise ValueError(f"upsampling={upsampling} must be a power of two: 1, 2, 4, ...")
    if tol is not None and oversampling != "auto":
        raise ValueError(f"tol={tol} decides on the sampling: leave oversampling={oversampling!r} at 'auto'.")
    if tol is not None:
        extra = None
    elif oversampling == "auto":
        extra = None if max(grid_shape) <= TINY else auto_oversampling(wavelet, len(grid_shape), L, rectifier)
    else:
        extra = None if oversampling == "full" else int(oversampling)
    return Setting(
        grid_shape=grid_shape,
        J=n_octaves,
        Q=per_octave(Q, grid_shape),
        L=int(L),
        T=scale,
        max_order=int(max_order),
        wavelet=wavelet,
        boundary=boundary,
        oversampling=extra,
        output_step=int(step),
        rule=paths,
        rectifier=known_as(rectifier),
        complex_fields=complex_fields,
        upsample=int(upsampling),
        tol=tol,
        engine=engine,
    )


def auto_oversampling(wavelet: str, ndim: int, L: int, rectifier: str | Rectifier = "modulus") -> int | None:
    """Octaves of oversampling that typically keep coefficients within 1e-3 of the definition (tests/scattering).

    The critical rate of the 1-D Morlet filters is kymatio's, conservative enough as it is. In 2-D, filters grow wider
    with fewer than four orientations. A logarithm sharpens the modulus near its zeros, a phase harmonic doubles
    frequencies. The Heisenberg rectifiers jump where a signal crosses their branch cut: no sampling short of the full
    grid (None) is enough for them; nor is it known to be for rectifiers that are not ours.
    """
    wide = 0 if ndim == 1 else max(0, math.ceil(math.log2(4 / L)))
    modulus = 0 if ndim == 1 and wavelet == "morlet" else 1 + wide
    rho = rectifier_of(rectifier)
    if isinstance(rho, PhaseHarmonic):
        return modulus + 1 + math.ceil(math.log2(max(2, abs(rho.k))))
    return {Modulus: modulus, LogModulus: max(2, modulus)}.get(type(rho))


def grid_axes(grid_shape: Iterable[int] | None) -> tuple[int, ...] | None:
    """The parameter `grid_shape` as a tuple of one to three positive ints, or None."""
    if grid_shape is None:
        return None
    axes = tuple(grid_shape)
    if len(axes) not in (1, 2, 3) or not all(isinstance(n, Integral) and int(n) >= 1 for n in axes):
        raise ValueError(f"grid_shape={grid_shape!r} must hold one to three positive integers.")
    return tuple(int(n) for n in axes)


def octaves(J: int | None, grid_shape: tuple[int, ...]) -> int:
    """Number of octaves, settled if None; ValueError where the grid does not hold them."""
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


def per_octave(Q: int | Iterable[int], grid_shape: tuple[int, ...]) -> tuple[int, int]:
    """Wavelets per octave of both orders; a single number concerns the first. ValueError where there is but one."""
    pair = (int(Q), 1) if isinstance(Q, Integral) else tuple(Q)  # type: ignore[arg-type]
    if len(pair) != 2 or not all(isinstance(q, Integral) and int(q) >= 1 for q in pair):
        raise ValueError(f"Q={Q!r} must be a positive integer or two of them, one for each order.")
    if len(grid_shape) > 1 and pair != (1, 1):
        raise ValueError(f"Q={Q!r} concerns 1-D fields; in 2-D and 3-D there is one wavelet per octave and angle.")
    return int(pair[0]), int(pair[1])
