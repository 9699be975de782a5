"""Corrections of coefficients at small scales: the floor of white noise, and a fit to coefficients known better.

The finest scales of a measured field hold its noise and the traces of its sampling. Three remedies, in this order: take
the first modulus on a finer grid (``Setting.upsample``); read the level of white noise off the finest band and take off
what coefficients it has by itself, which is known; learn what bias remains, path by path, from fields that are known
better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from scipy.special import ellipe

from skmst.scattering.filter_bank import BANKS, TightBank
from skmst.scattering.setting import Setting
from skmst.scattering.wavelets import frequencies, mirror

POINTS = 2**19  # grid points of noise behind the floors that have no formula
_SEED = 20261122


def noise_level(x: np.ndarray, boundary: str = "periodic") -> np.ndarray:
    """Standard deviation of the white noise in each field, from the median modulus of the finest scales.

    The band is the last third below the Nyquist frequency, which a well resolved field leaves to the noise. The median
    looks at the quiet part of the field, so that a few fronts and bursts matter little. Where the field itself fills
    the band, the level is too high. Fields with the same noise know its level better together: take the median.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Real fields on one to three axes.
    boundary : {"periodic", "reflect"}, default="periodic"
        How the fields go on beyond their edges. Mirrored noise is not white about the edges, so that its median comes
        from noise of a fixed seed.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        In units of x.

    Raises
    ------
    ValueError
        If the fields are complex or have no grid, or one too small for a finest band, or the boundary does not exist.

    References
    ----------
    Donoho & Johnstone 1994, Biometrika 81, 425 (the median of the finest band; here of a modulus, whose median under
    a Rayleigh law is the root of ``ln 2`` times its root mean square).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.small_scales import noise_level
    >>> wave = np.sin(2 * np.pi * 3 * np.arange(4096) / 4096)
    >>> noise = np.random.default_rng(0).standard_normal((1, 4096))
    >>> noise_level(wave + 0.1 * noise).round(2)
    array([0.1])
    """
    if np.iscomplexobj(x) or x.ndim < 2:
        raise ValueError(f"x must hold real fields (n_samples, *grid_shape), got {x.dtype} of shape {x.shape}.")
    if boundary not in ("periodic", "reflect"):
        raise ValueError(f"boundary must be 'periodic' or 'reflect', got {boundary!r}.")
    if boundary == "periodic" and not all(psi.any() for psi in _finest(x.shape[1:])):
        raise ValueError(f"a grid of {x.shape[1:]} holds nothing in the last third below the Nyquist frequency.")
    expected = np.sqrt(np.log(2)) if boundary == "periodic" else _mirrored_median(x.shape[1:])
    return _finest_median(x, boundary) / expected


def white_noise_floor(setting: Setting) -> np.ndarray:
    """Expected coefficients of white noise of unit variance.

    Filtered noise is normal in the complex plane, so that on a periodic grid the first order is a formula:
    ``sqrt(pi) / 2`` times the norm of the wavelet where it is analytic, and an elliptic integral else. What has no
    formula is the mean over noise of a fixed seed, made once for each setting.

    Parameters
    ----------
    setting : Setting
        Any transform with the modulus of real fields.

    Returns
    -------
    ndarray of shape (n_paths, *output_grid), float64, read-only
        Order zero, which noise does not shift, is zero.

    Raises
    ------
    ValueError
        If the setting has no modulus of real fields.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering import Setting
    >>> from skmst.scattering.small_scales import white_noise_floor
    >>> setting = Setting((1024,), J=4, max_order=1, wavelet="tight")
    >>> white_noise_floor(setting).round(3)
    array([0.   , 0.71 , 0.375, 0.265, 0.187])
    """
    _check_setting(setting)
    return _floor(setting)


def noise_floor(x: np.ndarray, setting: Setting) -> np.ndarray:
    """Coefficients that the white noise in each field would have by itself.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Real fields.
    setting : Setting
        Any transform with the modulus of real fields.

    Returns
    -------
    ndarray of shape (n_samples, n_paths, *output_grid), float64
        The :func:`noise_level` of each field times the :func:`white_noise_floor`, as coefficients are homogeneous of
        degree one.

    Raises
    ------
    ValueError
        If the fields do not have the grid of the setting, or it has no modulus of real fields.
    """
    floor = white_noise_floor(setting)
    if x.shape[1:] != setting.grid_shape:
        raise ValueError(f"x has fields of shape {x.shape[1:]}, but the setting is for {setting.grid_shape}.")
    level = noise_level(x, setting.boundary)
    return level.reshape((-1,) + (1,) * floor.ndim) * floor


def remove_floor(S: np.ndarray, floor: np.ndarray, resolution: float = 0.3) -> np.ndarray:
    """Coefficients without the noise: ``sqrt(S**2 - floor**2)``.

    Variances of independent signals add up, and first-order coefficients of Gaussian fields are proportional to
    standard deviations, so for them this is exact in expectation; for others it is an approximation. It is meant for
    the first order. Of later orders it takes too much wherever the field is stronger than the noise, because then the
    noise does not pass the first modulus as it would by itself: give them a floor of zero and leave them to
    :func:`fine_tune`.

    Parameters
    ----------
    S : ndarray of shape (n_samples, n_paths, *output_grid)
        Coefficients of noisy fields.
    floor : ndarray that broadcasts to the shape of S
        Coefficients of the noise, as of :func:`noise_floor`. Where it is zero nothing is changed, as at order zero.
    resolution : float, default=0.3
        The smallest result, as a part of the floor: what lies below cannot be told from zero.

    Returns
    -------
    ndarray of the shape and dtype of S

    Raises
    ------
    ValueError
        If `resolution` is not positive.

    References
    ----------
    Boll 1979, IEEE Trans. Acoust. Speech Signal Process. 27, 113, and Berouti, Schwartz & Makhoul 1979 (subtraction of
    noise power, with a floor).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.small_scales import remove_floor
    >>> remove_floor(np.array([5.0, 3.0, -1.0]), np.array([3.0, 4.0, 0.0]))
    array([ 4. ,  1.2, -1. ])
    """
    if not resolution > 0:
        raise ValueError(f"resolution must be positive, got {resolution!r}.")
    rest = np.sqrt(np.maximum(S**2 - floor**2, (resolution * floor) ** 2))
    return np.where(floor > 0, rest, S).astype(S.dtype, copy=False)


@dataclass(frozen=True)
class AffineCorrection:
    """A correction ``log S -> log S + slope * (log S - centre) + offset`` of each path.

    Attributes
    ----------
    slope, offset, centre : ndarray of shape (n_paths,)
        Zero slope and offset leave a path alone, whatever its sign.
    """

    slope: np.ndarray
    offset: np.ndarray
    centre: np.ndarray

    def apply(self, S: np.ndarray) -> np.ndarray:
        """Corrected coefficients.

        Parameters
        ----------
        S : ndarray of shape (n_samples, n_paths, *output_grid)
            Coefficients. Those that are not positive stay as they are.

        Returns
        -------
        ndarray of the shape and dtype of S
        """
        slope, offset, centre = self._columns(S)
        positive = S > 0
        log = np.log(np.where(positive, S, 1.0))
        return np.where(positive, S * np.exp(slope * (log - centre) + offset), S).astype(S.dtype, copy=False)

    def inverse(self, S: np.ndarray) -> np.ndarray:
        """The coefficients that `apply` corrects to given ones.

        Parameters
        ----------
        S : ndarray of shape (n_samples, n_paths, *output_grid)
            Corrected coefficients.

        Returns
        -------
        ndarray of the shape and dtype of S

        Raises
        ------
        ValueError
            If a slope is -1 or below: different coefficients were then corrected to the same.
        """
        slope, offset, centre = self._columns(S)
        if (slope <= -1).any():
            raise ValueError(f"a correction with slope {slope.min():.3g} has no inverse: fit it with a larger ridge.")
        positive = S > 0
        log = np.log(np.where(positive, S, 1.0))
        return np.where(positive, np.exp((log + slope * centre - offset) / (1 + slope)), S).astype(S.dtype, copy=False)

    def pullback(self, S: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Gradient with respect to S of ``sum(gradient * apply(S))``.

        Parameters
        ----------
        S, gradient : ndarray of shape (n_samples, n_paths, *output_grid)

        Returns
        -------
        ndarray of the shape and dtype of S
        """
        slope, _, _ = self._columns(S)
        positive = S > 0
        ratio = np.where(positive, self.apply(S) / np.where(positive, S, 1.0), 1.0)
        return (gradient * np.where(positive, (1 + slope) * ratio, 1.0)).astype(S.dtype, copy=False)

    def _columns(self, S: np.ndarray) -> tuple[np.ndarray, ...]:
        shape = (1, -1) + (1,) * (S.ndim - 2)
        return tuple(column.reshape(shape) for column in (self.slope, self.offset, self.centre))


def fine_tune(S: np.ndarray, S_reference: np.ndarray, ridge: float = 1.0) -> AffineCorrection:
    """Fit an affine correction of the logarithm of each path to coefficients that are known better.

    Parameters
    ----------
    S : ndarray of shape (n_samples, n_paths, *output_grid)
        Coefficients to be corrected, of training fields.
    S_reference : ndarray of the shape of S
        What they should be.
    ridge : float, default=1.0
        Weight of the prior that there is nothing to correct: as of so many further samples, at one logarithmic unit
        from the mean.

    Returns
    -------
    AffineCorrection
        Paths with a coefficient that is not positive in S or in S_reference are left alone, such as order zero, which
        is signed.

    Raises
    ------
    ValueError
        If the shapes differ, there are no samples, or `ridge` is not positive.

    Notes
    -----
    Per path, slope a and offset b minimise ``sum((log S_ref - log S - a (log S - m) - b)**2) + ridge * (a**2 + b**2)``
    with m the mean of log S: ridge regression (Hoerl & Kennard 1970, Technometrics 12, 55) of the error.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.small_scales import fine_tune
    >>> S = np.exp(np.random.default_rng(0).standard_normal((500, 2)))
    >>> correction = fine_tune(S, np.stack([S[:, 0], 2 * S[:, 1] ** 0.9], axis=1))
    >>> correction.slope.round(2), np.exp(correction.offset).round(2)
    (array([ 0. , -0.1]), array([1., 2.]))
    """
    if S.shape != S_reference.shape or S.ndim < 2 or len(S) == 0:
        raise ValueError(
            "S and S_reference must have the same shape (n_samples, n_paths, *output_grid) with at least one sample, "
            f"got {S.shape} and {S_reference.shape}."
        )
    if not 0 < ridge < np.inf:
        raise ValueError(f"ridge must be positive and finite, got {ridge!r}.")
    rows, reference = (np.moveaxis(c, 1, 0).reshape(S.shape[1], -1).astype(np.float64) for c in (S, S_reference))
    known = np.minimum(rows, reference).min(axis=1, keepdims=True) > 0
    log = np.log(np.where(known, rows, 1.0))
    missing = np.log(np.where(known, reference, 1.0)) - log
    centre = log.mean(axis=1)
    log -= centre[:, np.newaxis]
    slope = (log * missing).sum(axis=1) / ((log**2).sum(axis=1) + ridge)
    return AffineCorrection(slope, missing.sum(axis=1) / (log.shape[1] + ridge), centre)


def _check_setting(setting: Setting) -> None:
    if setting.rectifier != "modulus" or setting.complex_fields:
        raise ValueError(
            "the floor of white noise is known for the modulus of real fields, not for "
            f"rectifier={setting.rectifier!r}, complex_fields={setting.complex_fields}."
        )


def _psi(grid: tuple[int, ...], setting: Setting) -> np.ndarray:
    return BANKS[setting.wavelet](grid, setting.J, setting.Q[0], setting.L).psi()


def _finest_median(x: np.ndarray, boundary: str) -> np.ndarray:
    """Median over space and orientations of the modulus in the finest band, over the norm of its filter."""
    axes = tuple(range(1, x.ndim))
    for axis in axes if boundary == "reflect" else ():
        x = np.concatenate([x, np.flip(x, axis)], axis)
    spectrum = scipy.fft.fftn(x, axes=axes)
    bands = [
        np.abs(scipy.fft.ifftn(spectrum * psi, axes=axes)).reshape(len(x), -1) / np.sqrt(np.mean(psi**2))
        for psi in _finest(x.shape[1:])
    ]
    return np.median(np.concatenate(bands, axis=1), axis=1).astype(np.float64)


@lru_cache(maxsize=16)
def _mirrored_median(grid: tuple[int, ...]) -> float:
    """Mean of `_finest_median` for mirrored unit noise."""
    n_samples, rng = max(8, POINTS // 2 ** (len(grid) + 1) // math.prod(grid)), np.random.default_rng(_SEED)
    return float(np.mean([_finest_median(rng.standard_normal((1, *grid)), "reflect") for _ in range(n_samples)]))


def _finest(grid: tuple[int, ...]) -> np.ndarray:
    """Transforms of analytic filters, one per orientation, from two thirds of the Nyquist frequency on."""
    radius = np.sqrt(sum(omega**2 for omega in frequencies(grid)))
    rise = np.sin(np.pi / 2 * np.clip(3 * radius / np.pi - 2, 0.0, 1.0)) ** 2
    return TightBank(grid, J=1, L=4).psi() * rise


def _deviations(psi: np.ndarray) -> tuple[float, float]:
    """Standard deviations of real and imaginary part of unit white noise through a filter with a real transform."""
    even, odd = (psi + mirror(psi)) / 2, (psi - mirror(psi)) / 2
    return float(np.sqrt(np.mean(even**2))), float(np.sqrt(np.mean(odd**2)))


def _mean_modulus(psi: np.ndarray) -> float:
    """E |n * psi| for unit white noise n: the mean distance from the origin under a normal law in the plane."""
    short, long = sorted(_deviations(psi))
    return float(np.sqrt(2 / np.pi) * long * ellipe(1 - (short / long) ** 2))


@lru_cache(maxsize=16)
def _floor(setting: Setting) -> np.ndarray:
    order = setting.table()["order"]
    periodic = setting.boundary == "periodic"
    floor = np.zeros((len(order), *setting.output_grid))
    if not periodic or setting.max_order > 1:
        floor[:] = _sampled_floor(setting)
    if periodic and setting.max_order > 0:
        first = np.flatnonzero(order == 1)
        exact = [_mean_modulus(psi) for psi in _psi(setting.grid_shape, setting)]
        floor[first] = np.reshape(exact, (-1,) + (1,) * len(setting.output_grid))
    floor[order == 0] = 0.0
    floor.setflags(write=False)
    return floor


def _sampled_floor(setting: Setting) -> np.ndarray:
    """Mean coefficients of noise of a fixed seed; on a periodic grid all places are alike."""
    n_samples = max(8, POINTS // math.prod(setting.grid_shape))
    total, rng = 0.0, np.random.default_rng(_SEED)
    for start in range(0, n_samples, 64):
        noise = rng.standard_normal((min(64, n_samples - start), *setting.grid_shape))
        total = total + setting.forward(noise).sum(axis=0)
    mean = np.asarray(total) / n_samples
    if setting.boundary == "periodic" and mean.ndim > 1:
        mean = np.broadcast_to(mean.mean(axis=tuple(range(1, mean.ndim)), keepdims=True), mean.shape)
    return mean
