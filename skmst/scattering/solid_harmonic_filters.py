"""Solid harmonics times Gaussians: the wavelets of rotation-invariant scattering in three dimensions.

A solid harmonic is a homogeneous harmonic polynomial, ``|r|**l Y_lm(r/|r|)``. Times a Gaussian it is, up to a factor,
its own Fourier transform, so that the filters are known in closed form:

    psi_lm(r) = c_l sigma**-3 (|r|/sigma)**l exp(-|r|**2 / (2 sigma**2)) Y_lm(r/|r|)
    psi_lm_hat(w) = (2 pi)**1.5 c_l (-i)**l (sigma |w|)**l exp(-sigma**2 |w|**2 / 2) Y_lm(w/|w|)

(Eickenberg, Exarchakis, Hirn & Mallat 2017). Real harmonics are used; sums of squares over m are the same.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from skmst.scattering.wavelets import frequencies


def real_solid_harmonics(x: np.ndarray, y: np.ndarray, z: np.ndarray, L: int) -> list[np.ndarray]:
    """Orthonormal real solid harmonics |r|**l Y_lm up to degree L, by the stable recurrence in l at fixed m.

    Parameters
    ----------
    x, y, z : ndarray
        Coordinates, broadcast against each other.
    L : int
        Highest degree.

    Returns
    -------
    list of ndarray
        For each degree l an array (2 l + 1, ...), m from -l (sines of m times the azimuth) to l (cosines). On the
        unit sphere they are orthonormal, and their squares sum to (2 l + 1) / (4 pi).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.solid_harmonic_filters import real_solid_harmonics
    >>> values = real_solid_harmonics(np.array(0.0), np.array(0.6), np.array(0.8), L=2)
    >>> [round(float(np.sum(h**2) * 4 * np.pi), 12) for h in values]
    [1.0, 3.0, 5.0]
    """
    x, y, z = np.broadcast_arrays(x, y, z)
    square = x**2 + y**2 + z**2
    harmonics = [np.empty((2 * l + 1, *x.shape)) for l in range(L + 1)]
    cosine, sine, sectoral = np.ones_like(x), np.zeros_like(x), 1 / math.sqrt(4 * math.pi)
    for m in range(L + 1):
        if m > 0:
            cosine, sine = x * cosine - y * sine, x * sine + y * cosine
            sectoral *= math.sqrt((2 * m + 1) / (2 * m)) * (math.sqrt(2) if m == 1 else 1)
        lower, polar = np.zeros_like(x), np.full_like(x, sectoral)
        for l in range(m, L + 1):
            harmonics[l][l - m] = polar * sine
            harmonics[l][l + m] = polar * cosine
            lower, polar = polar, _raise_degree(l + 1, m, z, square, polar, lower)
    return harmonics


def _raise_degree(
    l: int, m: int, z: np.ndarray, square: np.ndarray, polar: np.ndarray, lower: np.ndarray
) -> np.ndarray:
    """Normalised associated Legendre polynomial of degree l (times |r|**(l-m)) from those of l - 1 and l - 2."""
    before = math.sqrt(((l - 1) ** 2 - m**2) / (4 * (l - 1) ** 2 - 1)) if l - 1 > m else 0.0
    return np.asarray(math.sqrt((4 * l**2 - 1) / (l**2 - m**2)) * (z * polar - before * square * lower))


def harmonic_norm(l: int) -> float:
    """The factor c_l with which sqrt(sum over m of psi_lm**2) integrates to one over space."""
    radial = 2 ** ((l + 1) / 2) * math.gamma((l + 3) / 2)  # integral of r**(l+2) exp(-r**2/2)
    return 1 / (math.sqrt(4 * math.pi * (2 * l + 1)) * radial)


def harmonic_polynomials(grid_shape: tuple[int, int, int], L: int) -> list[np.ndarray]:
    """The factors of psi_hat that do not depend on scale, on the half-spectrum of a real field.

    A Nyquist bin stands for both signs of its frequency and takes the mean of their values, so that each filter is
    the transform of a real function: what is odd in that frequency vanishes there.

    Parameters
    ----------
    grid_shape : tuple of int
        Periodic grid of three axes.
    L : int
        Highest degree.

    Returns
    -------
    list of ndarray
        For each degree l, ``(2 pi)**1.5 c_l |w|**l Y_lm`` of shape (2 l + 1, n0, n1, n2 // 2 + 1), float64.
    """
    omega = half_spectrum(grid_shape)
    total = [np.zeros((2 * l + 1, *np.broadcast_shapes(*(w.shape for w in omega)))) for l in range(L + 1)]
    choices = list(product(*((1, -1) if n % 2 == 0 else (1,) for n in grid_shape)))
    for signs in choices:
        x, y, z = (np.where(w == np.pi, sign * w, w) for sign, w in zip(signs, omega, strict=True))
        for l, harmonics in enumerate(real_solid_harmonics(x, y, z, L)):
            total[l] += (2 * np.pi) ** 1.5 * harmonic_norm(l) / len(choices) * harmonics
    return total


def half_spectrum(grid_shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Angular frequencies of the bins of `rfftn`, one broadcastable array per axis; Nyquist is +pi."""
    omega = frequencies(grid_shape)
    return [*omega[:-1], np.abs(omega[-1][..., : grid_shape[-1] // 2 + 1])]


def gaussian_hat(grid_shape: tuple[int, int, int], sigma: float) -> np.ndarray:
    """exp(-sigma**2 |w|**2 / 2) on the half-spectrum of a real field, shape (n0, n1, n2 // 2 + 1)."""
    return np.asarray(np.exp(-0.5 * sigma**2 * sum(w**2 for w in half_spectrum(grid_shape))))


def harmonic_reach(L: int, smallest: float = 1e-8) -> float:
    """Distance in units of sigma beyond which wavelets up to degree L are below `smallest` of their maximum."""
    r = np.linspace(0.0, 40.0, 4001)[1:]
    log = [l * np.log(r) - 0.5 * r**2 for l in range(L + 1)]
    return max(float(r[values > values.max() + math.log(smallest)][-1]) for values in log)
