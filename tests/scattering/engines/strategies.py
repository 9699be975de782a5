"""Random transforms of every option, and fields for them: executors must agree on all."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from skmst.scattering import Setting
from skmst.scattering.rectifiers import Heisenberg, PhaseHarmonic, rectifier_of

# All but "heisenberg_v4", which jumps at real negative signals and at zero: small grids are full of those.
RECTIFIERS = (
    "modulus",
    "log_modulus",
    "phase_harmonics",
    "heisenberg",
    PhaseHarmonic(0),
    PhaseHarmonic(-1),
    PhaseHarmonic(3),
)
SIDES = {1: (2, 96), 2: (4, 24), 3: (4, 9)}  # of the grid, by its number of axes
LARGEST = 400_000  # numbers at most, paths times samples of the grid: draws stay quick


@st.composite
def settings(draw, rectifiers=RECTIFIERS, max_axes=3):
    """A valid `Setting`: any grid, bank, boundary, average, order, rule, rectifier, sampling and tolerance.

    Parameters
    ----------
    rectifiers : sequence of str or Rectifier
        The nonlinearities to draw from.
    max_axes : int
        Largest number of axes.
    """
    n_axes = draw(st.integers(1, max_axes))
    grid = draw(st.tuples(*(st.integers(*SIDES[n_axes]) for _ in range(n_axes))))
    rectifier = draw(st.sampled_from(rectifiers))
    T = draw(st.one_of(st.none(), st.just(1), st.integers(2, min(grid))))
    coarse = rectifier in ("modulus", "log_modulus") and draw(st.booleans())
    setting = Setting(
        grid_shape=grid,
        J=draw(st.integers(1, math.floor(math.log2(min(grid))))),
        Q=draw(st.tuples(st.sampled_from((1, 2, 4, 8)), st.sampled_from((1, 2)))) if n_axes == 1 else (1, 1),
        L=draw(st.integers(1, 4)),
        T=T,
        max_order=draw(st.sampled_from((2, 2, 1, 3, 0))),
        wavelet=draw(st.sampled_from(("morlet", "tight"))),
        boundary=draw(st.sampled_from(("periodic", "reflect"))),
        oversampling=None if coarse else draw(st.sampled_from((None, 0, 1, 2))),
        tol=draw(st.sampled_from((0.1, 1e-2, 1e-3))) if coarse else None,
        output_step=1 if T is None else draw(st.integers(1, min(grid))),
        rule=draw(st.sampled_from(("bandwidth", "kymatio", "all"))),
        rectifier=rectifier,
        complex_fields=rectifier_of(rectifier).keeps_phase and draw(st.booleans()),
        upsample=draw(st.sampled_from((1, 1, 2, 4))),
    )
    # Signals of a mirrored field that is interpolated are real at points of symmetry, and there on the branch cut.
    if isinstance(rectifier_of(rectifier), Heisenberg) and setting.boundary == "reflect":
        setting = replace(setting, upsample=1)
    # Fewer orders where there were too many paths to try.
    while _size(setting) > LARGEST:
        setting = _shorter(setting)
    return setting


def disagreement(found, expected):
    """Norm of the difference over the norm of what is expected; infinite where dtype or shape differ."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return math.inf
    return float(np.linalg.norm(found - expected) / max(np.linalg.norm(expected), np.finfo(float).tiny))


def tolerance(setting, dtype=np.float64):
    """How far executors may differ: 1e-12 or 1e-6, and more where rounding grows from order to order.

    The k-th phase harmonic makes differences k times as large.
    """
    factor = max(1, abs(getattr(rectifier_of(setting.rectifier), "k", 1))) ** setting.max_order
    return (1e-12 if np.dtype(dtype) == np.float64 else 1e-6) * factor


def _size(setting):
    first, later = (len(layer) for layer in setting.wavelets())
    paths = 1 + sum(first * later**m for m in range(setting.max_order))  # at most
    sampled = math.prod(setting.grid_shape) * setting.upsample ** len(setting.grid_shape)
    return paths * sampled


def _shorter(setting):
    if setting.max_order > 1:
        return replace(setting, max_order=setting.max_order - 1)
    return replace(setting, upsample=1, max_order=min(setting.max_order, 1 if setting.upsample > 1 else 0))


def fields_for(setting, n_samples=2, dtype=np.float64, seed=0):
    """White noise on the grid of a setting, complex where the setting is.

    It is small for the Heisenberg rectifier, which jumps where a large signal crosses its branch cut: there, executors
    that agree to rounding may land on either side.
    """
    rng = np.random.default_rng(seed)
    shape = (n_samples, *setting.grid_shape)
    x = rng.standard_normal(shape) + 0.5
    if setting.complex_fields:
        x = x + 1j * rng.standard_normal(shape)
    if isinstance(rectifier_of(setting.rectifier), Heisenberg):
        x = 0.1 * x
    return x.astype(np.result_type(dtype, np.complex64) if setting.complex_fields else dtype)
