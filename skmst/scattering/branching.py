"""Second order as branching between scales: where the energy of a band's modulus goes, and ratios of coefficients.

With a tight frame each modulus ``U[n1] = |x * psi_n1|`` is split without loss between the wavelets of the second
order and the low-pass, so the shares are probabilities: from scale n1, to scale n2 or, for good, to the average that
is the first-order coefficient. They belong to a field at one time; rates of change in time are another matrix
(`skmst.master_equation.fit_rates`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.fft

from skmst.scattering.cascade import Setting, plan, scatter
from skmst.scattering.paths import path_names
from skmst.scattering.statistics import band_energies

#: A band whose modulus is this small beside the field's largest value holds nothing but round-off.
_ROUND_OFF = 64


def branching_energies(x: np.ndarray, setting: Setting) -> np.ndarray:
    """Energies into which the modulus of each band splits: the branching matrix before division.

    Sums of these over times or fields, divided once, give the branching of an average; bands without energy then do
    no harm.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Real fields, float32 or float64. A memory map is read in chunks.
    setting : Setting
        Grid, boundary and tight bank. Averages are over the whole grid and every pair of wavelets counts, on the full
        grid, so `T` must be None, while `oversampling`, `output_step`, `max_order` and `rule` do not matter.

    Returns
    -------
    ndarray of shape (n_samples, n_first, n_second + 1), dtype of x
        ``mean |U[n1] * psi_n2|^2`` for the wavelets of both orders, finest first, then ``mean |U[n1] * phi|^2`` with
        the low-pass of scale ``2**J``. The last axis sums to ``mean |U[n1]|^2``.

    Raises
    ------
    ValueError
        If the bank is not tight, `T` is not None, the fields do not have the grid of the setting, or energies overflow.

    References
    ----------
    Mallat (2012), Comm. Pure Appl. Math. 65, 1331, proposition 2.1 (the partition of energy from order to order).
    """
    if setting.wavelet != "tight":
        raise ValueError(
            "branching needs a bank that loses no energy: take wavelet='tight' in the setting, not "
            f"{setting.wavelet!r}."
        )
    if setting.T is not None:
        raise ValueError(
            f"branching is an average over the whole grid: T must be None in the setting, got {setting.T}."
        )
    if x.shape[1:] != setting.grid_shape:
        raise ValueError(f"x has fields of shape {x.shape[1:]}, but the setting is for {setting.grid_shape}.")
    first = plan(replace(setting, max_order=1, oversampling=None, output_step=1), x.dtype)
    # A mirrored field is padded to its whole period, so its moduli are periodic on the padded grid.
    whole = tuple(len(index) for index in first.extension) or setting.grid_shape
    second = Setting(whole, setting.J, (setting.Q[1], 1), setting.L, wavelet="tight")
    n_first, n_second = (len(wavelets) for wavelets in setting.wavelets())
    out = np.empty((len(x), n_first, n_second + 1), x.dtype)
    axes = tuple(range(1, x.ndim))
    for start in range(0, len(x), first.chunk):
        fields = np.asarray(x[start : start + first.chunk])
        for axis, index in enumerate(first.extension, start=1):
            fields = np.take(fields, index, axis=axis)
        spectrum = scipy.fft.fftn(fields, axes=axes)
        for branch in first.branches:
            modulus = np.abs(branch.filters.convolve(spectrum))
            energies = band_energies(modulus.reshape(-1, *whole), second)
            shape = (len(fields), len(branch.filters.indices), n_second + 1)
            out[start : start + first.chunk, branch.filters.indices] = np.roll(energies, -1, axis=1).reshape(shape)
    return out


def branching_matrix(x: np.ndarray, setting: Setting) -> np.ndarray:
    """Shares of the energy of each band's modulus that go to each band of the second order, and to the average.

    Parameters
    ----------
    x, setting
        As for `branching_energies`.

    Returns
    -------
    ndarray of shape (n_samples, n_first, n_second + 1), dtype of x
        ``B[n1, n2] = |U[n1, n2]|^2 / |U[n1]|^2``, the absorbing channel ``|S[n1]|^2 / |U[n1]|^2`` last. Not negative;
        rows sum to one to rounding. Translations, reflections and factors of the field leave it as it is.

    Raises
    ------
    ValueError
        As `branching_energies`; or a field has no energy in a band, so the shares are not defined. The message names
        field and band.

    See Also
    --------
    branching_energies : The energies, to be summed before division.

    References
    ----------
    Glinsky et al. (2019), arXiv:1911.02359 (second order as transition rates).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.branching import branching_matrix
    >>> from skmst.scattering.cascade import Setting
    >>> x = np.random.default_rng(0).standard_normal((2, 128))
    >>> B = branching_matrix(x, Setting((128,), J=4, wavelet="tight"))
    >>> B.shape
    (2, 4, 5)
    >>> bool(np.allclose(B.sum(axis=2), 1))
    True
    """
    energies = branching_energies(x, setting)
    total = energies.sum(axis=2)
    _check_present(np.sqrt(total), x, setting)
    return np.asarray(energies / total[:, :, None])


def normalised_ratios(x: np.ndarray, setting: Setting) -> np.ndarray:
    """Ratios of second- to first-order coefficients, ``S[n1, n2] / S[n1]``.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Real fields, float32 or float64.
    setting : Setting
        What to compute, with ``max_order=2`` and ``T=None``.

    Returns
    -------
    ndarray of shape (n_samples, n_pairs), dtype of x
        One for each path of order two, in the order of ``setting.paths()``.

    Raises
    ------
    ValueError
        If the setting has no second order or is local, or a field has no energy in a band.

    References
    ----------
    Bruna, Mallat, Bacry & Muzy (2015), Ann. Stat. 43, 323 (normalised scattering moments).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.branching import normalised_ratios
    >>> from skmst.scattering.cascade import Setting
    >>> x = np.random.default_rng(0).standard_normal((2, 128))
    >>> normalised_ratios(x, Setting((128,), J=3)).shape  # pairs j1 < j2
    (2, 3)
    """
    if setting.max_order < 2 or setting.T is not None:
        raise ValueError(
            f"ratios need global coefficients of order two: max_order=2 and T=None in the setting, got "
            f"max_order={setting.max_order} and T={setting.T}."
        )
    coefficients, paths = scatter(x, setting), setting.paths()
    rows = {path: row for row, path in enumerate(paths)}
    pairs = [path for path in paths if len(path) == 2]
    used = sorted({path[0] for path in pairs})
    _check_present(coefficients[:, [rows[(n,)] for n in used]], x, setting, used)
    below = coefficients[:, [rows[path[:1]] for path in pairs]]
    return np.asarray(coefficients[:, [rows[path] for path in pairs]] / below)


def _check_present(amplitude: np.ndarray, x: np.ndarray, setting: Setting, bands: list[int] | None = None) -> None:
    """Refuse fields whose amplitude (n_samples, n_bands) in a band is round-off."""
    size = np.abs(x).max(axis=tuple(range(1, x.ndim)), initial=0.0)
    absent = amplitude <= _ROUND_OFF * np.finfo(x.dtype).eps * size[:, None]
    if absent.any():
        field, column = np.argwhere(absent)[0]
        band = int(column) if bands is None else bands[int(column)]
        name = path_names([(band,)], *setting.wavelets(), len(setting.grid_shape))[0].removeprefix("s1_")
        raise ValueError(
            f"field {field} has no energy in the band {name}, so what that band branches to is not defined: leave the "
            "field out, or take fewer octaves, or sum branching_energies over fields before dividing."
        )
