"""Second order as branching between scales: where the energy of a band's modulus goes, and ratios of coefficients.

With a tight frame each modulus ``U[n1] = |x * psi_n1|`` is split without loss between the wavelets of the second
order and the low-pass, so the shares are probabilities: from scale n1, to scale n2 or, for good, to the average that
is the first-order coefficient. They belong to a field at one time; rates of change in time are another matrix
(`skmst.master_equation.fit_rates`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from skmst.scattering.cascade import Setting
from skmst.scattering.global_statistics import (
    CHUNK_BYTES,
    GlobalStatistic,
    NoEnergyError,
    check_energy,
    filtered,
    filtered_pullback,
    modulus_pullback,
    no_energy,
    transform,
    transform_pullback,
)
from skmst.scattering.statistics import bin_shares, partition, partition_pullback


@dataclass(frozen=True)
class Branching(GlobalStatistic):
    """Shares of the energy of each band's modulus that go to each band of the second order, and to the average.

    ``B[n1, n2] = |U[n1] * psi_n2|^2 / |U[n1]|^2`` for every pair of wavelets, then the absorbing channel
    ``|U[n1] * phi|^2 / |U[n1]|^2``, row by row. Not negative; each row sums to one to rounding. Translations,
    reflections and factors of the field leave it as it is.

    Parameters
    ----------
    grid_shape, J, Q, L, wavelet, boundary
        As in `GlobalStatistic`; only the tight bank loses no energy, so `wavelet` must be "tight".
    normalise : bool, default=True
        Shares. Otherwise the energies themselves: summed over fields and divided once, they give the branching of an
        average, and bands without energy do no harm.

    Raises
    ------
    ValueError
        By `forward`, where a field has no energy in a band: its shares are not defined. The message names both.

    See Also
    --------
    branching_energies : The energies, to be summed over fields before division.

    References
    ----------
    Glinsky et al. (2019), arXiv:1911.02359 (second order as transition rates).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.branching import Branching
    >>> x = np.random.default_rng(0).standard_normal((2, 128))
    >>> shares = Branching((128,), J=4).forward(x).reshape(2, 4, 5)
    >>> bool(np.allclose(shares.sum(axis=2), 1))
    True
    """

    normalise: bool = True

    def __post_init__(self) -> None:
        if self.wavelet != "tight":
            raise ValueError(
                f"branching needs a bank that loses no energy: take wavelet='tight', not {self.wavelet!r}."
            )

    def table(self) -> dict[str, np.ndarray]:
        """Columns ``name``, ``order`` (2), ``j1``, ``l1``, ``j2``, ``l2`` (-1 for the absorbing channel)."""
        first, second = self._wavelets(0), [*self._wavelets(1), None]
        pairs = [(w1, w2) for w1 in first for w2 in second]
        names = [f"b{self._label(w1)}" + ("_absorbed" if w2 is None else self._label(w2, 1)) for w1, w2 in pairs]
        return {
            "name": np.array(names),
            "order": np.full(len(pairs), 2),
            "j1": np.array([w1.j for w1, _ in pairs]),
            "l1": np.array([w1.l for w1, _ in pairs]),
            "j2": np.array([-1 if w2 is None else w2.j for _, w2 in pairs]),
            "l2": np.array([-1 if w2 is None else w2.l for _, w2 in pairs]),
        }

    @property
    def _degrees(self) -> np.ndarray:
        return np.full(self._n_paths, 0 if self.normalise else 2)

    @property
    def _n_signals(self) -> int:
        return 4

    @property
    def _shares(self) -> np.ndarray:
        """Shares of the second bank, the low-pass last."""
        return np.roll(bin_shares(self.wavelet, self.period, self.J, self.Q[1], self.L), -1, axis=1)

    def _moduli(self, fields: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Blocks of bands with their signals and moduli (n, n_block, *period)."""
        ndim, psi = len(self.period), self._psi(fields.dtype)
        hat = transform(fields[:, 0], ndim)
        width = max(1, CHUNK_BYTES // (hat.nbytes * self._n_signals))
        for start in range(0, len(psi), width):
            block = slice(start, min(start + width, len(psi)))
            signal = filtered(hat, psi[block])
            yield block, signal, np.abs(signal)

    def _energies(self, fields: np.ndarray) -> np.ndarray:
        """Energies (n, n_first, n_second + 1) before division."""
        shares, parts = self._shares, []
        for _, _, modulus in self._moduli(fields):
            flat = partition(modulus.reshape(-1, *self.period), shares)
            parts.append(flat.reshape(*modulus.shape[:2], -1))
        return np.concatenate(parts, axis=1)

    def _total(self, found: np.ndarray, fields: np.ndarray) -> np.ndarray:
        total = found.sum(axis=2)
        check_energy(np.sqrt(total), fields, [self._label(w).removeprefix("_") for w in self._wavelets()])
        return np.asarray(total[:, :, None])

    def _forward(self, fields: np.ndarray) -> np.ndarray:
        found = self._energies(fields)
        if self.normalise:
            found /= self._total(found, fields)
        return found.reshape(len(fields), -1)

    def _pullback(self, fields: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        shares, psi = self._shares, self._psi(fields.dtype)
        gradient = gradient.reshape(len(fields), len(psi), -1)
        if self.normalise:
            found = self._energies(fields)
            total = self._total(found, fields)
            # The quotient rule: what raises all shares of a row alike raises none.
            gradient = (gradient - (gradient * found).sum(axis=2, keepdims=True) / total) / total
        back = np.zeros((len(fields), *self.period), np.result_type(fields.dtype, np.complex64))
        for block, signal, modulus in self._moduli(fields):
            flat, part = modulus.reshape(-1, *self.period), gradient[:, block]
            inner = partition_pullback(flat, part.reshape(len(flat), -1), shares).reshape(modulus.shape)
            back += filtered_pullback(modulus_pullback(signal, modulus, inner), psi[block])
        return transform_pullback(back, len(self.period))[:, None]


@dataclass(frozen=True)
class Ratios:
    """Ratios of second- to first-order coefficients, ``S[n1, n2] / S[n1]``, of global scattering.

    Parameters
    ----------
    setting : Setting
        What to compute, with ``max_order >= 2`` and ``T=None``.

    Raises
    ------
    ValueError
        If the setting has no second order or is local. By `forward` and `pullback`: if a field has no energy in a
        band, so its ratios are not defined.

    References
    ----------
    Bruna, Mallat, Bacry & Muzy (2015), Ann. Stat. 43, 323 (normalised scattering moments).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.branching import Ratios
    >>> from skmst.scattering.cascade import Setting
    >>> x = np.random.default_rng(0).standard_normal((2, 128))
    >>> ratios = Ratios(Setting((128,), J=3, wavelet="tight"))
    >>> ratios.forward(x).shape
    (2, 3)
    >>> ratios.table()["name"].tolist()  # pairs j1 < j2
    ['r2_j0_j1', 'r2_j0_j2', 'r2_j1_j2']
    """

    setting: Setting

    def __post_init__(self) -> None:
        if self.setting.max_order < 2 or self.setting.T is not None:
            raise ValueError(
                "ratios need averages of order two over the whole grid: take max_order=2 and T='global' (None in a "
                f"Setting), not max_order={self.setting.max_order} and T={self.setting.T}."
            )

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Grid of the fields."""
        return self.setting.grid_shape

    @property
    def output_grid(self) -> tuple[int, ...]:
        """(): the averages are over the whole grid."""
        return ()

    @property
    def J(self) -> int:
        """Number of octaves."""
        return self.setting.J

    @property
    def is_complex(self) -> bool:
        """Whether coefficients are complex, as those of the setting."""
        return self.setting.is_complex

    @property
    def couples_channels(self) -> bool:
        """False: one field at a time."""
        return False

    def table(self) -> dict[str, np.ndarray]:
        """The rows of order two of the setting's table, with names ``r2_...``."""
        table = self.setting.table()
        rows = {key: column[table["order"] == 2] for key, column in table.items()}
        return rows | {"name": np.array([name.replace("s", "r", 1) for name in rows["name"]])}

    def forward(self, x: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Ratios (n_samples, n_pairs) of fields ``(n_samples, *grid_shape)``, dtype of x."""
        below, pairs = self._rows
        coefficients = self._checked(self.setting.forward(x, n_jobs=n_jobs), x)
        return np.asarray(coefficients[:, pairs] / coefficients[:, below])

    def pullback(self, x: np.ndarray, gradient: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Gradient with respect to x of the sum of ``Re(conj(gradient) forward(x))``."""
        below, pairs = self._rows
        coefficients = self._checked(self.setting.forward(x, n_jobs=n_jobs), x)
        scaled = gradient / np.conj(coefficients[:, below])
        back = np.zeros_like(coefficients)
        back[:, pairs] = scaled
        ratio = coefficients[:, pairs] / coefficients[:, below]
        np.add.at(back.T, np.array(below), (-np.conj(ratio) * scaled).T)
        return self.setting.pullback(x, back, n_jobs=n_jobs)

    @property
    def _rows(self) -> tuple[list[int], list[int]]:
        """Rows of the first- and of the second-order coefficient of each pair."""
        paths = self.setting.paths()
        row = {path: index for index, path in enumerate(paths)}
        pairs = [path for path in paths if len(path) == 2]
        return [row[path[:1]] for path in pairs], [row[path] for path in pairs]

    def _checked(self, coefficients: np.ndarray, x: np.ndarray) -> np.ndarray:
        rows, names = sorted(set(self._rows[0])), self.setting.table()["name"]
        bands = [str(names[row]).removeprefix("s1_") for row in rows]
        try:
            check_energy(np.abs(coefficients[:, rows]), x, bands)
        except NoEnergyError as error:
            raise no_energy(*error.args) from None
        return coefficients


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
    return _shaped(_branching(setting, normalise=False).forward(x), setting)


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
    return _shaped(_branching(setting, normalise=True).forward(x), setting)


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
    >>> normalised_ratios(x, Setting((128,), J=3, wavelet="tight")).shape  # pairs j1 < j2
    (2, 3)
    """
    return Ratios(setting).forward(x)


def _branching(setting: Setting, normalise: bool) -> Branching:
    if setting.T is not None:
        raise ValueError(
            f"branching is an average over the whole grid: T must be None in the setting, got {setting.T}."
        )
    s = setting
    return Branching(s.grid_shape, s.J, Q=s.Q, L=s.L, wavelet=s.wavelet, boundary=s.boundary, normalise=normalise)


def _shaped(shares: np.ndarray, setting: Setting) -> np.ndarray:
    n_second = len(_branching(setting, normalise=True)._wavelets(1)) + 1
    return shares.reshape(len(shares), -1, n_second)
