"""The energy in each band of a field: an exact partition with the tight bank.

The energy of a band is a sum over frequencies (Parseval), so it takes one Fourier transform of the field and one matrix
product, without sampling or aliasing of any kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.fft

from skmst.scattering.cascade import Setting
from skmst.scattering.filter_bank import BANKS, mirror
from skmst.scattering.global_statistics import GlobalStatistic


@dataclass(frozen=True)
class Energies(GlobalStatistic):
    """Mean squares of the low-passed and of the band-passed fields, which the tight bank makes add up to that of x.

    ``mean |x * phi_J|^2``, which holds the squared mean of the field, comes first, then ``mean |x * psi_n|^2``, finest
    scale first. They are energies, not fractions: their sum tells how much is left.

    Parameters
    ----------
    grid_shape, J, Q, L, wavelet, boundary
        As in `GlobalStatistic`; the second number of Q does not matter.
    reference : tuple of float, optional
        Energies to divide by, see :meth:`referred_to`; a band for which it is zero remains as it is.

    References
    ----------
    Mallat (2012), Comm. Pure Appl. Math. 65, 1331, eq. (2.4) and the proof of proposition 2.1 (the partition of
    energy).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.statistics import Energies
    >>> x = np.random.default_rng(0).standard_normal((2, 128))
    >>> encoding = Energies((128,), J=4)
    >>> energies = encoding.forward(x)
    >>> energies.shape
    (2, 5)
    >>> bool(np.allclose(energies.sum(axis=1), np.mean(x**2, axis=1)))
    True
    >>> encoding.table()["name"].tolist()
    ['e0', 'e1_j0', 'e1_j1', 'e1_j2', 'e1_j3']
    """

    reference: tuple[float, ...] | None = None

    def referred_to(self, x: np.ndarray) -> Energies:
        """The same energies, divided by those of some fields x ``(n_samples, *grid_shape)``, averaged over them.

        Bands whose share there is round-off are not divided.
        """
        mean = replace(self, reference=None).forward(x).mean(axis=0)
        present = mean > 64 * np.finfo(mean.dtype).eps * mean.sum()
        return replace(self, reference=tuple(np.where(present, mean, 0.0).tolist()))

    def table(self) -> dict[str, np.ndarray]:
        """Columns ``name``, ``order``, ``j1``, ``l1`` and ``frequency1`` (cycles per grid step; -1, NaN: low-pass)."""
        bands = self._wavelets()
        return {
            "name": np.array(["e0"] + [f"e1{self._label(w)}" for w in bands]),
            "order": np.array([0] + [1] * len(bands)),
            "j1": np.array([-1] + [w.j for w in bands]),
            "l1": np.array([-1] + [w.l for w in bands]),
            "frequency1": np.array([np.nan] + [w.frequency for w in bands]),
        }

    @property
    def _degrees(self) -> np.ndarray:
        return np.full(self._n_paths, 2)

    @property
    def _n_signals(self) -> int:
        return 2

    @property
    def _shares(self) -> np.ndarray:
        shares = bin_shares(self.wavelet, self.period, self.J, self.Q[0], self.L)
        if self.reference is None:
            return shares
        reference = np.array(self.reference)
        return np.asarray(shares / np.where(reference > 0, reference, 1.0))

    def _forward(self, fields: np.ndarray) -> np.ndarray:
        return partition(fields[:, 0], self._shares)

    def _pullback(self, fields: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        return partition_pullback(fields[:, 0], gradient, self._shares)[:, None]


def partition(fields: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Band energies (n, n_bands) of periodic real fields ``(n, *grid)``, shares (n_bins, n_bands) by `bin_shares`."""
    axes = tuple(range(1, fields.ndim))
    mean = fields.mean(axis=axes, keepdims=True)  # taken out first, it costs the other bins no digits
    hat = scipy.fft.rfftn(fields - mean, axes=axes, norm="forward").reshape(len(fields), -1)
    hat[:, 0] += mean.reshape(-1)
    return np.asarray((hat.real**2 + hat.imag**2) @ shares.astype(fields.dtype, copy=False))


def partition_pullback(fields: np.ndarray, gradient: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Gradient with respect to the fields from the one with respect to their `partition`."""
    axes, grid = tuple(range(1, fields.ndim)), fields.shape[1:]
    mean = fields.mean(axis=axes, keepdims=True)
    hat = scipy.fft.rfftn(fields - mean, axes=axes)
    hat[(slice(None), *(slice(1),) * len(grid))] += mean * math.prod(grid)
    weights = (gradient @ shares.astype(fields.dtype, copy=False).T).reshape(hat.shape)
    # A bin that stands for two comes back twice from the inverse transform already.
    weights /= _multiplicity(grid[-1]).astype(fields.dtype)
    return np.asarray(scipy.fft.irfftn(hat * weights, s=grid, axes=axes)) * (2 / math.prod(grid))


@lru_cache(maxsize=8)
def bin_shares(wavelet: str, grid: tuple[int, ...], J: int, Q: int, L: int) -> np.ndarray:
    """Shares (n_bins, 1 + n_wavelets) of the power in each bin of a real transform in the energy of each band."""
    bank = BANKS[wavelet](grid, J, Q, L)
    power = np.concatenate([bank.phi(2**J)[None], bank.psi()]) ** 2
    half = np.stack([0.5 * (p + mirror(p))[..., : grid[-1] // 2 + 1] * _multiplicity(grid[-1]) for p in power])
    shares = half.reshape(len(half), -1).T.copy()
    shares.setflags(write=False)
    return shares


def _multiplicity(n: int) -> np.ndarray:
    """Bins for which each one of a real transform stands: itself, and its mirror where that is left out."""
    count = np.full(n // 2 + 1, 2.0)
    count[0] = 1.0
    if n % 2 == 0:
        count[-1] = 1.0
    return count


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

    See Also
    --------
    Energies : The same as an object, with names and gradient.

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
    s = setting
    return Energies(s.grid_shape, s.J, Q=s.Q, L=s.L, wavelet=s.wavelet, boundary=s.boundary).forward(x)
