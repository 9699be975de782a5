"""ETDRK4 for periodic equations v_t = L v + N(v), L diagonal in Fourier space; the rest is for one dimension.

Stiff linear terms are integrated exactly, the nonlinear term to fourth order in the step.
A state is the array of the Fourier coefficients (as of ``rfft``) of the wavenumbers that survive
the 2/3 rule; the others are never stored, so a quadratic term has no aliasing error at all.

References
----------
Cox & Matthews 2002, J. Comput. Phys. 176, 430, eqs. (26)-(29) (the scheme).
Kassam & Trefethen 2005, SIAM J. Sci. Comput. 26, 1214, section 2 (coefficients by contour integrals).
Orszag 1971, J. Atmos. Sci. 28, 1074 (the 2/3 rule).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

Spectrum = NDArray[np.complex128]


class ETDRK4:
    """One step of length `step` for v_t = linear * v + nonlinear(v).

    Parameters
    ----------
    linear : array-like of shape (n_modes,) or (n_modes_x, n_modes_y)
        The symbol of the linear term, real or complex.
    nonlinear : callable
        Maps states, whose trailing axes are those of `linear`, to the nonlinear term, same shape.
    step : float
        Length of the step.
    n_contour : int, default=64
        Points on the unit circle about each ``step * linear``; the integrands are entire, so the trapezoidal
        rule converges geometrically and 64 points leave round-off.
    """

    def __init__(self, linear: ArrayLike, nonlinear: Callable[[Spectrum], Spectrum], step: float, n_contour: int = 64):
        z = step * np.asarray(linear)
        # The direct formulas cancel catastrophically near z = 0; means over a circle about z do not.
        circle = np.exp(2j * np.pi * (np.arange(n_contour) + 0.5) / n_contour)
        r = z[..., np.newaxis] + circle
        exp_r = np.exp(r)

        def mean(values: Spectrum) -> NDArray:
            average = step * values.mean(axis=-1)
            return average if np.iscomplexobj(z) else average.real

        self.nonlinear = nonlinear
        self.full = np.exp(z)
        self.half = np.exp(z / 2)
        self.q = mean((np.exp(r / 2) - 1) / r)
        self.f1 = mean((-4 - r + exp_r * (4 - 3 * r + r**2)) / r**3)
        self.f2 = mean((2 + r + exp_r * (r - 2)) / r**3)
        self.f3 = mean((-4 - 3 * r - r**2 + exp_r * (4 - r)) / r**3)

    def __call__(self, v: Spectrum) -> Spectrum:
        """Return the state one step later."""
        half_v = self.half * v
        n_v = self.nonlinear(v)
        a = half_v + self.q * n_v
        n_a = self.nonlinear(a)
        n_b = self.nonlinear(half_v + self.q * n_a)
        n_c = self.nonlinear(self.half * a + self.q * (2 * n_b - n_v))
        return self.full * v + self.f1 * n_v + 2 * self.f2 * (n_a + n_b) + self.f3 * n_c


def wavenumbers(n_x: int, length: float) -> NDArray[np.float64]:
    """Wavenumbers 2 pi m / length with m < n_x / 3: those that the 2/3 rule keeps."""
    return 2 * np.pi / length * np.arange((n_x - 1) // 3 + 1, dtype=np.float64)


def to_spectrum(fields: NDArray[np.float64]) -> Spectrum:
    """Fourier coefficients of fields (..., n_x) at the kept wavenumbers."""
    return fft.rfft(fields)[..., : (fields.shape[-1] - 1) // 3 + 1]


def self_advection(k: NDArray[np.float64], n_x: int) -> Callable[[Spectrum], Spectrum]:
    """The term -u u_x = -(u^2 / 2)_x, free of aliasing for the wavenumbers `k` on a grid of `n_x` points."""
    factor = -0.5j * k

    def nonlinear(v: Spectrum) -> Spectrum:
        return factor * to_spectrum(fft.irfft(v, n_x) ** 2)

    return nonlinear


def integrate(
    stepper: Callable[[Spectrum], Spectrum], v: Spectrum, n_x: int, n_steps: int, n_substeps: int
) -> NDArray[np.float64]:
    """Fields (n_trajectories, n_steps, n_x) from the state `v` on, one in every `n_substeps` steps."""
    fields = np.empty((len(v), n_steps, n_x))
    # A step that is too long overflows; the caller reports it once, by the values.
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(n_steps):
            fields[:, i] = fft.irfft(v, n_x)
            if i < n_steps - 1:
                v = advance(stepper, v, n_substeps)
    return fields


def advance(stepper: Callable[[Spectrum], Spectrum], v: Spectrum, n_substeps: int) -> Spectrum:
    """Return the state `n_substeps` steps after `v`."""
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(n_substeps):
            v = stepper(v)
    return v
