"""Statistics of filtered fields other than the mean of their modulus: the energy in each band.

The energy of a band is a sum over frequencies (Parseval), so it takes one Fourier transform of the field and one matrix
product, without sampling or aliasing of any kind.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import scipy.fft

from skmst.scattering.cascade import CHUNK_BYTES, Setting
from skmst.scattering.filter_bank import BANKS, mirror


def band_energies(x: np.ndarray, setting: Setting) -> np.ndarray:
    """Mean squares of the low-passed and of the band-passed fields: orders 0 and 1 of the cascade, before the modulus.

    With the tight bank they add up to the mean square of the field: a share of the energy for each scale.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Real fields, float32 or float64. A memory map is read in chunks.
    setting : Setting
        Grid, bank and boundary. The averages are over the whole grid and nothing is sampled, so `T` must be None, while
        `oversampling`, `output_step`, `max_order` and the bank of the second order do not matter. The low-pass is the
        one of scale ``2**J``, which completes the wavelets.

    Returns
    -------
    ndarray of shape (n_samples, 1 + n_wavelets), dtype of x
        ``mean |x * phi_J|^2``, which holds the squared mean of the field, then ``mean |x * psi_n|^2`` in the order of
        ``setting.paths()``, finest scale first. For ``boundary="reflect"`` the mean is over the whole period of
        the mirrored field.

    Raises
    ------
    ValueError
        If `T` is not None, the fields do not have the grid of the setting, or energies overflow.

    References
    ----------
    Mallat (2012), Comm. Pure Appl. Math. 65, 1331, eq. (2.4) and the proof of proposition 2.1 (the partition of
    energy).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.cascade import Setting
    >>> from skmst.scattering.statistics import band_energies
    >>> x = np.random.default_rng(0).standard_normal((2, 128))
    >>> energies = band_energies(x, Setting((128,), J=4, wavelet="tight"))
    >>> energies.shape
    (2, 5)
    >>> bool(np.allclose(energies.sum(axis=1), np.mean(x**2, axis=1)))
    True
    """
    if setting.T is not None:
        raise ValueError(f"energies are averages over the whole grid: T must be None in the setting, got {setting.T}.")
    if x.shape[1:] != setting.grid_shape:
        raise ValueError(f"x has fields of shape {x.shape[1:]}, but the setting is for {setting.grid_shape}.")
    mirrored = setting.boundary == "reflect"
    weights = _weights(setting.grid_shape, setting.J, setting.Q[0], setting.L, setting.wavelet, mirrored)
    weights = weights.astype(x.dtype, copy=False)
    axes = tuple(range(1, x.ndim))
    out = np.empty((len(x), weights.shape[1]), x.dtype)
    chunk = max(1, CHUNK_BYTES // (len(weights) * 2 * x.dtype.itemsize))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(x), chunk):
            fields = np.asarray(x[start : start + chunk])
            for axis in axes if mirrored else ():
                fields = np.concatenate([fields, np.flip(fields, axis)], axis)
            # The transform of the mean, not of the sum: the squares stay in the range of those of the field.
            hat = scipy.fft.rfftn(fields, axes=axes, norm="forward").reshape(len(fields), -1)
            out[start : start + chunk] = (hat.real**2 + hat.imag**2) @ weights
    if not np.isfinite(out).all():
        raise ValueError(f"Energies overflow {x.dtype}: scale the fields to smaller values.")
    return out


@lru_cache(maxsize=16)
def _weights(grid_shape: tuple[int, ...], J: int, Q: int, L: int, wavelet: str, mirrored: bool) -> np.ndarray:
    """Weights (n_bins, 1 + n_wavelets) of the power in each bin of a real transform, in the energy of each band."""
    if mirrored:
        grid_shape = tuple(2 * n for n in grid_shape)
    bank = BANKS[wavelet](grid_shape, J, Q, L)
    power = np.concatenate([bank.phi(2**J)[None], bank.psi()]) ** 2
    # A bin stands for itself and for its mirror, which the real transform leaves out except on its edges.
    n_last = grid_shape[-1]
    count = np.full(n_last // 2 + 1, 2.0)
    count[0] = 1.0
    if n_last % 2 == 0:
        count[-1] = 1.0
    half = np.stack([0.5 * (p + mirror(p))[..., : n_last // 2 + 1] * count for p in power])
    weights = half.reshape(len(half), math.prod(half.shape[1:])).T.copy()
    weights.setflags(write=False)
    return weights
