"""Scattering spectra: how scales depend on each other, by covariances of wavelet coefficients and of their moduli."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from skmst.scattering.averages import Groups
from skmst.scattering.filter_bank import Wavelet
from skmst.scattering.global_statistics import GlobalStatistic, check_energy
from skmst.scattering.modulus_covariances import Block, Spectra, covariances, covariances_pullback, support
from skmst.scattering.relative import Division

#: A wavelet is coarser than another if its centre frequency is this much lower; one octave for one wavelet per octave.
_COARSER = 0.75
#: Powers of the two mean squares that numbers of each kind are divided by.
_EXPONENT = {"mean": 0.25, "variance": 0.5, "S1": 0.25, "S2": 0.5, "F": 1.0, "S3": 0.5, "S4": 0.5}
_DEGREE = {"mean": 1, "variance": 2, "S1": 1, "S2": 2, "F": 4, "S3": 2, "S4": 2}
_ORDER = {"mean": 0, "variance": 0, "S1": 1, "S2": 1, "F": 1, "S3": 2, "S4": 2}
_WAVES = (("first", "1", 0), ("second", "2", 0), ("through", "3", 1))


@dataclass(frozen=True)
class Row:
    """One number: its kind, the channels and wavelets of both factors, the wavelet through which they are seen."""

    kind: str
    channels: tuple[int, int]
    first: int = -1
    second: int = -1
    through: int = -1


@dataclass(frozen=True)
class ScatteringSpectra(GlobalStatistic):
    """Mean, variance and scattering spectra of fields: moments of order one to four, scale by scale.

    With ``W_n = x * psi_n``, n = (j, l), and averages < > over the grid:

    - ``S1[n] = <|W_n|>`` and ``S2[n] = <|W_n|^2>``; small ``S1 / sqrt(S2)`` means sparse;
    - ``S3[n1, n2] = <W_n1 |W_n2|>`` for n2 no coarser than n1, complex. It vanishes for fields with the law of their
      opposite; its imaginary part, for those with the law of their mirror image;
    - ``S4[n1, n2, n3] = <(|W_n1| * psi_n3) conj(|W_n2| * psi_n3)>`` for n1 no coarser than n2, and n3 coarser than
      both; real for n1 = n2. Without dependence between the bands it vanishes off that diagonal.

    Gaussian fields have S3 = 0, and S4 = 0 for bands without common frequencies.

    Parameters
    ----------
    grid_shape, J, Q, L, wavelet, boundary
        As in `GlobalStatistic`; the second number of Q is for ``psi_n3``.
    normalise : bool, default=True
        Divide S1 by ``sqrt(S2[n])``, and S3, S4 by ``sqrt(S2[n1] S2[n2])``, so that the spectrum of the field is in S2
        alone. Mean, variance and S2 remain as they are.
    reference : tuple of float, optional
        Fixed mean squares to divide by instead, see :meth:`referred_to`; S2, mean and variance are then divided as
        well. Synthesis and comparisons between fields need them fixed.
    compressed : bool, default=False
        For self-similar fields: averages of the normalised S1, S3, S4 and F over j1, at given j2 - j1 and j3 - j1.
    flatness : bool, default=False
        Add ``F[n] = <|W_n|^4>``, divided by ``S2[n]^2``: 2 for Gaussian fields, large for rare events. They are not
        among the published numbers; fields whose increments have heavy tails are not synthesised well without them.
    n_channels : int, optional
        Number of channels of each field. Covariances then run over all pairs of channels too: those of S2 with the
        same wavelet, ``W`` from one and ``|W|`` from the other in S3, and every pair of moduli in S4.

    References
    ----------
    Morel, Rochette, Leonarduzzi, Bouchaud & Mallat (2022), arXiv:2204.10177 (1-D, self-similar form).
    Cheng, Morel, Allys, Menard & Mallat (2024), PNAS Nexus 3, pgae103, arXiv:2306.17210 (2-D).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.scattering_spectra import ScatteringSpectra
    >>> x = np.random.default_rng(0).standard_normal((3, 256))
    >>> spectra = ScatteringSpectra((256,), J=4)
    >>> numbers, table = spectra.forward(x), spectra.table()
    >>> numbers.shape, numbers.dtype
    ((3, 30), dtype('complex128'))
    >>> table["name"][[2, 6, 11, 20]].tolist()
    ['S1_j0', 'S2_j0', 'S3_j1_j0', 'S4_j0_j0_j1']
    >>> sparsity = numbers[:, table["kind"] == "S1"].real.mean(axis=0)
    >>> bool(np.allclose(sparsity, np.sqrt(np.pi) / 2, atol=0.1))  # Gaussian: <|W|> / sqrt(<|W|^2>)
    True
    """

    normalise: bool = True
    reference: tuple[float, ...] | None = None
    compressed: bool = False
    flatness: bool = False
    n_channels: int | None = None

    def __post_init__(self) -> None:
        if self.reference is not None and not self.normalise:
            raise ValueError("reference has no use with normalise=False: leave one of them at its default.")
        if self.compressed and not self.normalise:
            raise ValueError("compressed=True averages over scales, which takes normalise=True.")
        expected = self._n_channels * (1 + len(self._wavelets()))
        if self.reference is not None and len(self.reference) != expected:
            raise ValueError(f"reference has {len(self.reference)} numbers, but must have {expected}: see referred_to.")

    @property
    def is_complex(self) -> bool:
        """True."""
        return True

    @property
    def couples_channels(self) -> bool:
        """Whether all channels of a field are transformed together."""
        return self.n_channels is not None

    def referred_to(self, x: np.ndarray) -> ScatteringSpectra:
        """The same statistic, divided by the mean squares of some fields.

        Parameters
        ----------
        x : ndarray of shape (n_samples, [n_channels,] *grid_shape)
            Fields whose variance and S2, averaged over them, become the reference.

        Returns
        -------
        ScatteringSpectra
        """
        plain = replace(self, normalise=False, reference=None, compressed=False)
        rows = plan_of(plain).powers
        return replace(self, reference=tuple(float(p) for p in plain.forward(x)[:, rows].real.mean(axis=0)))

    def table(self) -> dict[str, np.ndarray]:
        """One row per number.

        Columns: ``name``, ``order`` (of the cascade), ``kind`` ("mean", "variance", "F", "S1" to "S4"), ``complex``
        (whether it has an imaginary part), ``channel1``, ``channel2``, ``j1``, ``l1``, ..., ``l3``, with ``q1`` where
        octaves hold several wavelets; -1 where there is none. In the compressed form the j are those of the finest
        member of the average.
        """
        plan = plan_of(self)
        rows = plan.rows if plan.groups is None else [plan.rows[first] for first in plan.groups.first]
        names = [self._name(row) for row in rows]
        table: dict[str, np.ndarray] = {
            "name": np.array(names),
            "order": np.array([_ORDER[row.kind] for row in rows]),
            "kind": np.array([row.kind for row in rows]),
            "complex": np.array([_has_phase(row) for row in rows]),
            "channel1": np.array([row.channels[0] for row in rows]),
            "channel2": np.array([row.channels[1] for row in rows]),
        }
        for attribute, number, which in _WAVES:
            wavelets = [*self._wavelets(which), None]
            found = [wavelets[getattr(row, attribute)] for row in rows]
            for column in ("j", "q", "l") if self.Q != (1, 1) else ("j", "l"):
                table[column + number] = np.array([-1 if w is None else getattr(w, column) for w in found])
        return table

    def _name(self, row: Row) -> str:
        name = row.kind if not self.compressed or row.kind in ("mean", "variance", "S2") else f"{row.kind}c"
        if self.couples_channels:
            both = row.channels if row.kind in ("S3", "S4") or len(set(row.channels)) == 2 else row.channels[:1]
            name += "".join(f"_c{c}" for c in both)
        indices = [row.first, row.second if row.kind in ("S3", "S4") else -1]
        name += "".join(self._label(self._wavelets()[n]) for n in indices if n >= 0)
        return name + (self._label(self._wavelets(1)[row.through], 1) if row.through >= 0 else "")

    @property
    def _degrees(self) -> np.ndarray:
        return plan_of(self).degrees

    @property
    def _n_signals(self) -> int:
        return 3 * self._n_channels * len(self._wavelets())

    @property
    def _n_channels(self) -> int:
        return 1 if self.n_channels is None else self.n_channels

    def _forward(self, fields: np.ndarray) -> np.ndarray:
        plan = plan_of(self)
        raw = plan.raw(Spectra.of(fields, self._psi(fields.dtype)))
        if self.normalise:
            raw = raw / plan.division.divisor(self._powers(raw, fields))
        return raw if plan.groups is None else plan.groups.mean(raw)

    def _pullback(self, fields: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        plan = plan_of(self)
        spectra = Spectra.of(fields, self._psi(fields.dtype))
        raw = plan.raw(spectra)
        back = np.asarray(gradient if plan.groups is None else plan.groups.mean_pullback(gradient), raw.dtype)
        if self.normalise:
            powers = self._powers(raw, fields)
            back = back / plan.division.divisor(powers)
            if self.reference is None:
                back[:, plan.powers] += plan.division.powers_pullback(raw, back, powers)
        return plan.raw_pullback(spectra, back)

    def _powers(self, raw: np.ndarray, fields: np.ndarray) -> np.ndarray:
        """Mean squares to divide by: (n, n_powers), or (1, n_powers) for a reference."""
        if self.reference is not None:
            return np.array([self.reference], fields.dtype)
        powers = raw[:, plan_of(self).powers].real
        bands = [self._label(w).removeprefix("_") for w in self._wavelets()] * self._n_channels
        check_energy(np.sqrt(powers[:, self._n_channels :]), fields, bands)
        return powers


def _has_phase(row: Row) -> bool:
    if row.kind in ("S2", "S4"):
        return row.first != row.second or row.channels[0] != row.channels[1]
    return row.kind == "S3"


@dataclass(frozen=True, eq=False)
class Plan:
    """Rows of a statistic, how to get them, and what they are divided by.

    Attributes
    ----------
    rows : list of Row
    blocks : tuple of Block
        The covariances among them.
    powers : ndarray of int
        Rows of the mean squares: the variance of each channel, then S2 of each channel and wavelet.
    division : Division
        Which of them each row is divided by; with the field's own ones, S2, mean and variance by none.
    groups : Groups or None
        Rows to average in the end.
    degrees : ndarray of int
        Degrees of homogeneity of what comes out.
    """

    rows: list[Row]
    blocks: tuple[Block, ...]
    powers: np.ndarray
    division: Division
    groups: Groups | None
    degrees: np.ndarray

    def _rows(self, kind: str) -> np.ndarray:
        return np.array([i for i, row in enumerate(self.rows) if row.kind == kind], int)

    @cached_property
    def _phases(self) -> np.ndarray:
        return np.array([_has_phase(row) for row in self.rows])

    def raw(self, spectra: Spectra) -> np.ndarray:
        """Numbers (n, n_rows) before any division."""
        out = np.empty((len(spectra.fields), len(self.rows)), spectra.fields.dtype)
        out[:, self._rows("mean")] = spectra.flat[:, :, 0]
        out[:, self._rows("variance")] = (np.abs(spectra.flat[:, :, 1:]) ** 2).sum(axis=2)
        out[:, self._rows("S1")] = spectra.moduli_hat[:, :, 0]
        if len(flatness := self._rows("F")):
            out[:, flatness] = spectra.fourth_moments
        for rows, values in covariances(spectra, self.blocks):
            out[:, rows] = values
        return out

    def raw_pullback(self, spectra: Spectra, gradient: np.ndarray) -> np.ndarray:
        """Gradient with respect to real fields from the one with respect to `raw`."""
        # Numbers that are real whatever the field do not see the imaginary part.
        gradient = np.where(self._phases, gradient, gradient.real)
        fields_hat, moduli_hat = covariances_pullback(spectra, self.blocks, gradient)
        fields_hat[:, :, 0] += gradient[:, self._rows("mean")]
        fields_hat[:, :, 1:] += 2 * gradient[:, self._rows("variance"), None] * spectra.flat[:, :, 1:]
        moduli_hat[:, :, 0] += gradient[:, self._rows("S1")]
        return spectra.back(fields_hat, moduli_hat, gradient[:, self._rows("F")].real)


@lru_cache(maxsize=8)
def plan_of(statistic: ScatteringSpectra) -> Plan:
    """The plan of a statistic, from the cache where it was made before."""
    builder = _Builder(statistic)
    rows = builder.rows()
    powers = [i for i, row in enumerate(rows) if row.kind == "variance"]
    powers += [i for i, row in enumerate(rows) if row.kind == "S2" and row.channels[0] == row.channels[1]]
    exponents = np.array([_EXPONENT[row.kind] for row in rows])
    if statistic.reference is None:
        exponents[powers + [i for i, row in enumerate(rows) if row.kind == "mean"]] = 0.0
    degrees = np.array([_DEGREE[row.kind] for row in rows])
    if statistic.normalise and statistic.reference is None:
        degrees -= (4 * exponents).astype(int)
    groups = Groups.by([builder.label(row) for row in rows]) if statistic.compressed else None
    return Plan(
        rows=rows,
        blocks=tuple(builder.blocks(rows)),
        powers=np.array(powers),
        division=Division(np.array([builder.factors(row) for row in rows]), exponents),
        groups=groups,
        degrees=degrees if groups is None else degrees[groups.first],
    )


class _Builder:
    """Lists the rows of a statistic, and groups them into blocks of covariances."""

    def __init__(self, statistic: ScatteringSpectra):
        self.statistic = statistic
        self.channels = range(statistic._n_channels)
        self.first, self.last = statistic._wavelets(0), statistic._wavelets(1)

    def rows(self) -> list[Row]:
        """All numbers, kind by kind."""
        n_first, both = range(len(self.first)), [(c, d) for c in self.channels for d in self.channels]
        rows = [Row("mean", (c, c)) for c in self.channels] + [Row("variance", (c, c)) for c in self.channels]
        rows += [Row("S1", (c, c), n, n) for c in self.channels for n in n_first]
        rows += [Row("S2", (c, c), n, n) for c in self.channels for n in n_first]
        rows += [Row("S2", (c, d), n, n) for c, d in both if c < d for n in n_first]
        rows += [Row("F", (c, c), n, n) for c in self.channels for n in n_first if self.statistic.flatness]
        rows += [
            Row("S3", pair, n1, n2)
            for pair in both
            for n1 in n_first
            for n2 in n_first
            if self.first[n2].frequency >= self.first[n1].frequency
        ]
        signals = [(c, n) for c in self.channels for n in n_first]
        rows += [
            Row("S4", (c, d), n1, n2, n3)
            for n3 in range(len(self.last))
            for i, (c, n1) in enumerate(signals)
            for d, n2 in signals[i:]
            if self._sees(n3, n1) and self._sees(n3, n2)
        ]
        return rows

    def _sees(self, n3: int, n: int) -> bool:
        return self.last[n3].frequency <= _COARSER * self.first[n].frequency

    def _signal(self, channel: int, n: int) -> int:
        return channel * len(self.first) + n

    def factors(self, row: Row) -> tuple[int, int]:
        """Positions of a row's two mean squares: variances come first, then those of the bands."""
        c, d = row.channels
        if row.first < 0:
            return c, d
        return len(self.channels) + self._signal(c, row.first), len(self.channels) + self._signal(d, row.second)

    def blocks(self, rows: list[Row]) -> list[Block]:
        """Rows with one kind and one wavelet to be seen through, together."""
        together: dict[tuple[str, int], list[int]] = {}
        for i, row in enumerate(rows):
            if row.kind in ("S2", "S3", "S4"):
                together.setdefault((row.kind, row.through if row.kind == "S4" else row.first), []).append(i)
        return [self._block(kind, n, [rows[i] for i in which], which) for (kind, n), which in together.items()]

    def _block(self, kind: str, n: int, rows: list[Row], which: list[int]) -> Block:
        psi = self.statistic._psi(np.dtype(float), 1 if kind == "S4" else 0)
        bins, gain = support(psi[n])
        right = np.array([self._signal(row.channels[1], row.second) for row in rows])
        left = np.array([row.channels[0] for row in rows])
        if kind == "S2":
            members, place = None, np.array([row.channels[1] for row in rows])
        else:
            if kind == "S4":
                left = np.array([self._signal(row.channels[0], row.first) for row in rows])
                members = np.unique(np.concatenate([left, right]))
                left = np.searchsorted(members, left)
            else:
                members = np.unique(right)
            place = np.searchsorted(members, right)
        return Block(kind != "S4", members, bins, gain, np.array(which), left, place)

    def label(self, row: Row) -> tuple[object, ...]:
        """What rows have in common that self-similarity makes equal."""
        if row.kind in ("mean", "variance", "S2"):
            return (row,)
        waves: list[Wavelet] = [self.first[row.first], self.first[row.second]]
        waves += [self.last[row.through]] if row.through >= 0 else []
        steps = tuple(w.j - waves[0].j for w in waves[1:])
        return (row.kind, row.channels, steps, tuple((w.q, w.l) for w in waves))
