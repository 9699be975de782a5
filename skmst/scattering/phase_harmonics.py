"""Moments of wavelet phase harmonics: covariances of bands whose phases are first brought to a common frequency."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from skmst.scattering.filter_bank import BANKS
from skmst.scattering.global_statistics import (
    GlobalStatistic,
    check_energy,
    filtered,
    filtered_pullback,
    transform,
    transform_pullback,
)
from skmst.scattering.harmonic_covariances import (
    Harmonics,
    Moment,
    Plan,
    covariance_blocks,
    is_real,
    mean_square,
    mean_square_pullback,
    scaling_moments,
    scaling_moments_pullback,
)
from skmst.scattering.relative import Division

CLASSES = ("S11", "S00", "S01", "C01", "Cphase", "L")
POWERS = (0, 1, 2, 3)  # of the low-passed field in the scaling moments


@dataclass(frozen=True)
class PhaseHarmonics(GlobalStatistic):
    """Moments of wavelet phase harmonics of fields, in the six classes of pywph, and between fields.

    With ``W_n = x * psi_n``, n = (j, l), and ``[z]^k = |z| exp(i k arg z)``, covariances over the grid

    - ``S11 = Cov(W_n, W_n)``: the power in the band;
    - ``S00 = Cov(|W_n|, |W_n|)``: its variations, and so its sparsity;
    - ``S01 = Cov(|W_n|, W_n)``;
    - ``C01 = Cov(|W_n1|, W_n2)`` for j1 < j2 and all directions, complex;
    - ``Cphase = Cov(W_n1, [W_n2]^(2^(j2 - j1)))`` for j1 < j2 in one direction, complex: whether scales an octave or
      more apart have aligned phases;
    - ``L``: the variances of ``|y|``, ``y``, ``y^2`` and ``y^3`` (p = 0 to 3) of the low-passed ``y = x * phi_j - <x>``
      for j = 1 to J - 1.

    For Gaussian fields C01 and Cphase vanish, S11 is the power spectrum, S00 is (1 - pi / 4) of it. A covariance
    between two fields takes the first factor from one and the second from the other.

    Parameters
    ----------
    grid_shape, J, Q, L, wavelet, boundary
        As in `GlobalStatistic`, with Q = (1, 1).
    classes : tuple of str, default=("S11", "S00", "S01", "C01", "Cphase", "L")
        Which moments, in this order.
    n_shifts : int, default=0
        All but S01, L and the pairs of unequal directions are taken at the translations ``0, 2^j, ..., n_shifts 2^j``
        grid steps along each axis too, j the coarser scale, as far as they are shorter than half the period.
    normalise : bool, default=True
        Divide by the square root of the product of the two mean squares ``<|W_n|^2>``: correlations without the
        spectrum of the field. S11 without translation and the scaling moment p = 1 remain as they are and hold it;
        other scaling moments are divided by ``<y^2>^max(p, 1)``.
    n_channels : int, optional
        Number of channels of each field; all ordered pairs of channels are then taken (for L, each channel).

    References
    ----------
    Mallat, Zhang & Rochette (2020), Information and Inference 9, 721 (phase harmonics).
    Zhang & Mallat (2021), Appl. Comput. Harmon. Anal. 53, 199, arXiv:1911.10017.
    Allys et al. (2020), Phys. Rev. D 102, 103506, arXiv:2006.06298 (the classes of moments).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.phase_harmonics import PhaseHarmonics
    >>> moments = PhaseHarmonics((256,), J=4)
    >>> table = moments.table()
    >>> [(kind, int((table["kind"] == kind).sum())) for kind in moments.classes]
    [('S11', 4), ('S00', 4), ('S01', 4), ('C01', 6), ('Cphase', 6), ('L', 12)]
    >>> x = np.random.default_rng(0).standard_normal((5, 256))
    >>> moments.forward(x).shape
    (5, 36)
    """

    classes: tuple[str, ...] = CLASSES
    n_shifts: int = 0
    normalise: bool = True
    n_channels: int | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.classes if name not in CLASSES]
        if unknown or not self.classes:
            raise ValueError(f"classes={self.classes} must be some of {', '.join(CLASSES)}.")
        if self.Q != (1, 1):
            raise ValueError(f"Q={self.Q} must be (1, 1): harmonics double frequencies from octave to octave.")
        if self.n_shifts < 0:
            raise ValueError(f"n_shifts={self.n_shifts} must not be negative.")

    @property
    def is_complex(self) -> bool:
        """True."""
        return True

    @property
    def couples_channels(self) -> bool:
        """Whether all channels of a field are transformed together."""
        return self.n_channels is not None

    def table(self) -> dict[str, np.ndarray]:
        """One row per moment.

        Columns: ``name``, ``order`` (2 if both factors are of different scales, else 1, and 0 for L), ``kind`` (the
        class), ``complex`` (whether it has an imaginary part), ``channel1``, ``channel2``, ``j1``, ``l1``, ``k1``
        (harmonic; for L the power), ``j2``, ``l2``, ``k2``, ``shift_axis`` (-1: none) and ``shift`` (grid steps).
        """
        moments, waves = plan_of(self).moments, self._wavelets()
        found = [[(m.first[0], 0), (m.second[0], 0)] if m.kind == "L" else
                 [(waves[m.first[0]].j, waves[m.first[0]].l), (waves[m.second[0]].j, waves[m.second[0]].l)]
                 for m in moments]  # fmt: skip
        shifts = [m.shift or (-1, 0) for m in moments]
        columns: dict[str, list] = {
            "name": [self._name(m) for m in moments],
            "order": [0 if m.kind == "L" else 1 if m.kind.startswith("S") else 2 for m in moments],
            "kind": [m.kind for m in moments],
            "complex": [not is_real(m) for m in moments],
            "channel1": [m.channels[0] for m in moments],
            "channel2": [m.channels[1] for m in moments],
        }
        for i, factor in enumerate(("first", "second")):
            columns[f"j{i + 1}"] = [pair[i][0] for pair in found]
            columns[f"l{i + 1}"] = [pair[i][1] for pair in found]
            columns[f"k{i + 1}"] = [getattr(m, factor)[1] for m in moments]
        columns |= {"shift_axis": [axis for axis, _ in shifts], "shift": [steps for _, steps in shifts]}
        return {key: np.array(column) for key, column in columns.items()}

    def _name(self, moment: Moment) -> str:
        name = moment.kind
        if self.couples_channels:
            name += f"_c{moment.channels[0]}" + ("" if moment.kind == "L" else f"_c{moment.channels[1]}")
        if moment.kind == "L":
            return f"{name}_j{moment.first[0]}_p{moment.first[1]}"
        waves = self._wavelets()
        name += self._label(waves[moment.first[0]])
        name += self._label(waves[moment.second[0]]) if moment.kind.startswith("C") else ""
        return name + ("" if moment.shift is None else f"_d{moment.shift[0]}_{moment.shift[1]}")

    @property
    def _degrees(self) -> np.ndarray:
        plan = plan_of(self)
        degrees = np.array([2 * max(m.first[1], 1) if m.kind == "L" else 2 for m in plan.moments])
        return degrees - (4 * plan.division.exponents).astype(int) if self.normalise else degrees

    @property
    def _n_signals(self) -> int:
        return 3 * self._n_channels * (len(plan_of(self).signals) + len(self._wavelets()))

    @property
    def _n_channels(self) -> int:
        return 1 if self.n_channels is None else self.n_channels

    def _phi(self, dtype: np.dtype) -> np.ndarray:
        """Low-passes (J - 1, *period), coarsest last, without the mean."""
        bank = BANKS[self.wavelet](self.period, self.J, 1, self.L)
        phi = np.stack([bank.phi(2**j) for j in range(1, self.J)]).astype(dtype)
        phi.reshape(len(phi), -1)[:, 0] = 0.0
        return phi

    def _forward(self, fields: np.ndarray) -> np.ndarray:
        return self._evaluate(fields).values

    def _pullback(self, fields: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        plan, found, ndim = plan_of(self), self._evaluate(fields), len(self.period)
        back = np.where(plan.real, gradient.real, gradient) / found.divisor
        powers = np.zeros_like(found.powers)
        if self.normalise:
            powers = plan.division.powers_pullback(found.raw, back, found.powers)
        n_bands, n_waves = self._n_channels * len(self._wavelets()), len(plan.moments) - plan.n_scaling
        inner = plan.covariances_pullback(found.harmonics.values, back[:, :n_waves])
        bands = found.harmonics.pullback(inner, powers[:, :n_bands])
        hat = filtered_pullback(bands, self._psi(fields.dtype))
        if plan.n_scaling:
            low = scaling_moments_pullback(found.low, back[:, n_waves:].real, POWERS)
            low += mean_square_pullback(found.low, powers[:, n_bands:])
            hat += filtered_pullback(low, self._phi(fields.dtype))
        return transform_pullback(hat, ndim)

    def _evaluate(self, fields: np.ndarray) -> _Evaluation:
        plan = plan_of(self)
        hat = transform(fields, len(self.period))
        harmonics = Harmonics.of(filtered(hat, self._psi(fields.dtype)), plan.signals)
        raw, powers = [plan.covariances(harmonics.values)], [harmonics.power]
        low = filtered(hat, self._phi(fields.dtype)).real if plan.n_scaling else np.empty(0)
        if plan.n_scaling:
            raw.append(scaling_moments(low, POWERS))
            powers.append(mean_square(low))
        all_raw, all_powers = np.concatenate(raw, axis=1), np.concatenate(powers, axis=1)
        if not self.normalise:
            return _Evaluation(harmonics, low, all_raw, all_powers, np.ones_like(all_raw.real))
        check_energy(np.sqrt(all_powers), fields, plan.bands)
        return _Evaluation(harmonics, low, all_raw, all_powers, plan.division.divisor(all_powers))


@dataclass(frozen=True, eq=False)
class _Evaluation:
    """What is known of a chunk of fields."""

    harmonics: Harmonics
    low: np.ndarray  # low-passed fields
    raw: np.ndarray  # moments before division
    powers: np.ndarray  # mean squares of bands and low-passed fields
    divisor: np.ndarray

    @property
    def values(self) -> np.ndarray:
        return self.raw / self.divisor


@lru_cache(maxsize=8)
def plan_of(statistic: PhaseHarmonics) -> Plan:
    """The plan of a statistic, from the cache where it was made before."""
    moments = list(_moments(statistic))
    waves, channels = statistic._wavelets(), range(statistic._n_channels)
    octaves = range(1, statistic.J) if "L" in statistic.classes else ()
    n_bands = len(channels) * len(waves)

    def factor(moment: Moment, which: int) -> int:
        channel, (n, _) = moment.channels[which], (moment.first, moment.second)[which]
        return n_bands + channel * (statistic.J - 1) + n - 1 if moment.kind == "L" else channel * len(waves) + n

    exponents = [_exponent(moment) for moment in moments]
    signals = sorted({s for m in moments if m.kind != "L" for s in (m.first, m.second)}, key=lambda s: (s[1], s[0]))
    return Plan(
        moments=moments,
        signals=signals,
        blocks=covariance_blocks([m for m in moments if m.kind != "L"], signals),
        n_scaling=sum(m.kind == "L" for m in moments),
        real=np.array([is_real(m) for m in moments]),
        division=Division(np.array([[factor(m, 0), factor(m, 1)] for m in moments]), np.array(exponents)),
        bands=[statistic._label(w).removeprefix("_") for _ in channels for w in waves]
        + [f"below j{j - 1}" for _ in channels for j in octaves],
        grid=statistic.period,
    )


def _exponent(moment: Moment) -> float:
    """Of both mean squares, in what the moment is divided by."""
    same = moment.channels[0] == moment.channels[1] and moment.shift is None
    if moment.kind == "L":
        return 0.0 if moment.first[1] == 1 else 0.5 * max(moment.first[1], 1)
    return 0.0 if moment.kind == "S11" and same else 0.5


def _moments(statistic: PhaseHarmonics) -> Iterator[Moment]:
    """All moments, class by class."""
    channels = range(statistic._n_channels)
    for kind in sorted(statistic.classes, key=CLASSES.index):
        for c in channels:
            for d in channels if kind != "L" else (c,):
                yield from _moments_of(statistic, kind, (c, d))


def _moments_of(statistic: PhaseHarmonics, kind: str, channels: tuple[int, int]) -> Iterator[Moment]:
    if kind == "L":
        for j in range(1, statistic.J):
            for p in POWERS:
                yield Moment(kind, channels, (j, p), (j, p))
        return
    waves = statistic._wavelets()
    for n1, first in enumerate(waves):
        for n2, second in enumerate(waves):
            octaves, parallel = second.j - first.j, first.l == second.l
            if (n1 == n2) if kind.startswith("S") else (octaves > 0 and (parallel or kind == "C01")):
                k1, k2 = {"S11": (1, 1), "S00": (0, 0), "S01": (0, 1), "C01": (0, 1)}.get(kind, (1, 2**octaves))
                shifts = _shifts(statistic, second.j) if parallel and kind != "S01" else [None]
                for shift in shifts:
                    yield Moment(kind, channels, (n1, k1), (n2, k2), shift)


def _shifts(statistic: PhaseHarmonics, j: int) -> list[tuple[int, int] | None]:
    """No translation, then those along each axis that are shorter than half the period."""
    steps = [n * 2**j for n in range(1, statistic.n_shifts + 1)]
    return [None] + [(axis, s) for axis, size in enumerate(statistic.period) for s in steps if 2 * s < size]
