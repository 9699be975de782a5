"""How the energy of a field spreads over the orders of the cascade."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skmst.scattering.cascade import descend, extend, field_spectrum, plan_for
from skmst.scattering.filter_bank import BANKS
from skmst.scattering.filtering import transform
from skmst.scattering.plan import Branch, Plan
from skmst.scattering.setting import Setting


def order_energies(x: np.ndarray, setting: Setting) -> np.ndarray:
    """Energy that each order of the cascade holds in its averages, and what is left for deeper orders.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Fields, as for ``setting.forward``. A memory map is read in chunks.
    setting : Setting
        Grid, bank, boundary, orders, paths and rectifier. Averages are those with the low-pass of scale ``2**J``, which
        completes the wavelets, and nothing is sampled: `T`, `oversampling`, `tol`, `output_step` and `upsample` do not
        matter.

    Returns
    -------
    ndarray of shape (n_samples, max_order + 2), real, precision of x
        ``sum mean |U[p] * phi_J|^2`` over the paths of each order, then ``sum mean |U[p]|^2 - |U[p] * phi_J|^2`` over
        the paths of the highest order: what all deeper orders would hold. For the tight bank, all paths
        (``rule="all"``) and the modulus (or, at order zero, any rectifier) they add up to ``mean |x|^2``; what is
        missing from that sum with another rule is the energy of the paths left out. Rectifiers other than the modulus
        do not conserve energy. For ``boundary="reflect"`` means are over the whole period of the mirrored field.

    Raises
    ------
    ValueError
        If the bank is not tight.

    References
    ----------
    Mallat (2012), Comm. Pure Appl. Math. 65, 1331, proposition 2.1 (the partition of energy).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering import Setting
    >>> from skmst.scattering.order_energy import order_energies
    >>> x = np.random.default_rng(0).standard_normal((2, 128))
    >>> energies = order_energies(x, Setting((128,), J=4, wavelet="tight", rule="all"))
    >>> energies.shape
    (2, 4)
    >>> bool(np.allclose(energies.sum(axis=1), np.mean(x**2, axis=1)))
    True
    """
    if setting.wavelet != "tight":
        raise ValueError(
            f"energies add up only for the bank that loses none: take wavelet='tight', not {setting.wavelet!r}."
        )
    # A local average makes every branch transform its signals; full sampling makes its spectra the exact ones.
    setting = replace(setting, T=max(2, 2**setting.J), oversampling=None, tol=None, output_step=1, upsample=1)
    ready = plan_for(x, setting)
    orders = np.array([len(path) for path in setting.paths()])
    out = np.empty((len(x), setting.max_order + 2), ready.dtype)
    for start in range(0, len(x), ready.chunk):
        total, low = _path_energies(ready, np.asarray(x[start : start + ready.chunk], ready.field_dtype))
        part = out[start : start + ready.chunk]
        for order in range(setting.max_order + 1):
            part[:, order] = low[:, orders == order].sum(axis=1)
        part[:, -1] = (total - low)[:, orders == setting.max_order].sum(axis=1)
    return out


def _path_energies(ready: Plan, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``mean |U[p]|^2`` and ``mean |U[p] * phi|^2`` of every path, each of shape (n_samples, n_paths)."""
    setting, ndim = ready.setting, x.ndim - 1
    x = extend(x, ready)
    grid = x.shape[1:]
    bank = BANKS[setting.wavelet](grid, setting.J, setting.Q[0], setting.L)
    # Parseval: the square of a transform without its division, over the number of points twice.
    weight = (bank.phi(2**setting.J) ** 2 / x[0].size ** 2).astype(ready.dtype)
    total, low = np.empty((2, len(x), ready.n_paths), ready.dtype)
    axes = tuple(range(-ndim, 0))

    def measure(rows: np.ndarray | int, signal: np.ndarray, spectrum: np.ndarray) -> None:
        total[:, rows] = (signal.real**2 + signal.imag**2).mean(axis=axes)
        low[:, rows] = ((spectrum.real**2 + spectrum.imag**2) * weight).sum(axis=axes)

    def visit(branch: Branch, rows: np.ndarray, signal: np.ndarray, spectrum: np.ndarray | None) -> None:
        assert spectrum is not None
        measure(rows, signal, spectrum)

    spectrum = transform(x, ndim)
    measure(0, x, spectrum)
    for branch in ready.branches:
        descend(ready, branch, field_spectrum(spectrum, ready), visit)
    return total, low
