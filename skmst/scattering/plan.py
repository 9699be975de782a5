"""Plans of scattering transforms: a tree of filters and averages, each for signals of the sampling that they need.

A `Plan` is immutable, made from a hashable `Setting`, cached by it, shared by clones and threads, and never pickled.
Every layer is sampled no finer than its own band and those of its successors ask for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft

from skmst.scattering import tolerance
from skmst.scattering.filter_bank import BANKS, MorletBank, TightBank, mirror
from skmst.scattering.filtering import Filters, Pooling, crop, embed, make_filters
from skmst.scattering.paths import Layer, Path, successors
from skmst.scattering.rectifiers import Rectifier, rectifier_of
from skmst.scattering.setting import Setting

CHUNK_BYTES = 2 * 2**20  # of one array in one thread: larger ones leave the caches and gain nothing


@dataclass(frozen=True)
class Branch:
    """Wavelets of one sampling after wavelets of another, how they are averaged, and what follows them.

    Attributes
    ----------
    parents : slice or ndarray of int
        Which of the signals of the branch before are filtered.
    rows : ndarray of int of shape (n_before, n_filters)
        Where the averages go: for every path through `parents`, the row of each of its continuations.
    """

    parents: slice | np.ndarray
    filters: Filters
    pooling: Pooling
    rows: np.ndarray
    children: tuple[Branch, ...]

    @property
    def needs_spectrum(self) -> bool:
        """Whether rectified signals have to be transformed."""
        return bool(self.children) or self.pooling.low_pass is not None

    def width(self, n_samples: int, itemsize: int) -> int:
        """Signals of the branch before that may be filtered at once."""
        size = n_samples * len(self.filters.indices) * math.prod(self.filters.grid) * itemsize
        return max(1, CHUNK_BYTES // size)

    def parts(self, spectrum: np.ndarray) -> list[slice]:
        """Equal shares of the signals (n_samples, n_before, *grid) of the branch before, not too large to filter."""
        n, most = spectrum.shape[1], self.width(len(spectrum), spectrum.itemsize)
        count = -(-n // most)
        return [slice(k * n // count, (k + 1) * n // count) for k in range(count)]


@dataclass(frozen=True, eq=False)
class Plan:
    """A transform that is ready to run.

    Attributes
    ----------
    setting : Setting
        What was planned.
    dtype : dtype
        Of the real numbers in it.
    n_paths : int
        Number of paths.
    extension : tuple of ndarray of int
        For each axis, the grid point that every point of the padded grid repeats; empty for periodic fields.
    mean : Pooling
        The average of order zero, for the field on its own (padded) grid.
    branches : tuple of Branch
        The first order.
    chunk : int
        Fields to transform at once.
    """

    setting: Setting
    dtype: np.dtype
    n_paths: int
    extension: tuple[np.ndarray, ...]
    mean: Pooling
    branches: tuple[Branch, ...]
    chunk: int

    @property
    def rectifier(self) -> Rectifier:
        """The nonlinearity."""
        return rectifier_of(self.setting.rectifier)

    @property
    def field_dtype(self) -> np.dtype:
        """Of the fields."""
        return np.result_type(self.dtype, np.complex64) if self.setting.complex_fields else self.dtype

    @property
    def output_dtype(self) -> np.dtype:
        """Of the coefficients."""
        return np.result_type(self.dtype, np.complex64) if self.setting.is_complex else self.dtype


class _Builder:
    """Builds the parts of one plan: padded grid, samplings, filters and averages for each of them."""

    def __init__(self, setting: Setting, dtype: np.dtype):
        self.setting, self.dtype = setting, dtype
        banks = [BANKS[setting.wavelet](setting.grid_shape, setting.J, q, setting.L) for q in setting.Q]
        reach = sum(banks[min(order, 1)].reach() for order in range(setting.max_order))
        reach += 0.0 if setting.T in (None, 1) else banks[0].low_pass_reach(setting.T)
        padded = tuple(self._padded(n, reach) for n in setting.grid_shape)
        self.banks = [BANKS[setting.wavelet](padded, setting.J, q, setting.L) for q in setting.Q]
        self.step = setting.output_step * setting.upsample
        self.grid = tuple(n * setting.upsample for n in padded)  # the finest in use; strides count its steps
        self.paths = setting.paths()
        self.row = {path: index for index, path in enumerate(self.paths)}
        wavelets, rule, phase = setting.wavelets(), setting.rule, setting.is_complex
        self.n_wavelets = [len(layer) for layer in wavelets]
        self.follow = [successors(layer, wavelets[1], rule, keeps_phase=phase) for layer in wavelets]
        self.levels = self._levels(wavelets)
        self._psi: dict[MorletBank | TightBank, np.ndarray] = {}
        self._hats: dict[int, np.ndarray] = {}
        self._filters: dict[tuple, Filters] = {}
        self._poolings: dict[tuple[int, ...], Pooling] = {}

    def _padded(self, n: int, reach: float) -> int:
        if self.setting.boundary == "periodic":
            return n
        if n + 2 * reach >= 2 * n:
            return 2 * n  # the whole period of the reflected field: exact
        block = math.lcm(2**self.setting.J, self.setting.output_step)
        return min(2 * n, block * scipy.fft.next_fast_len(math.ceil((n + 2 * reach) / block), real=True))

    def _levels(self, wavelets: tuple[Layer, Layer]) -> dict[int, list[int]]:
        """For each order, the log2 of the subsampling that the signals of its wavelets bear.

        Their own band asks for one, or with a tolerance its width, and the bands of all that follows them.
        """
        tol, levels = self.setting.tol, dict[int, list[int]]()
        own = band = [[w.resolution for w in layer] for layer in wavelets]
        if tol is not None:
            own = [tolerance.levels(layer, self.setting) for layer in wavelets]
            band = [[max(0, level - tolerance.headroom(tol)) for level in layer] for layer in band]
        for order in range(self.setting.max_order, 0, -1):
            layer, after = min(order, 2) - 1, levels.get(order + 1, [])
            follow = self.follow[layer] if after else [[]] * len(own[layer])
            after = [min(pair) for pair in zip(after, band[1], strict=True)] if after else []
            levels[order] = [min([o, *(after[m] for m in f)]) for o, f in zip(own[layer], follow, strict=True)]
        return levels

    def plan(self) -> Plan:
        whole = (1,) * len(self.grid)
        branches = tuple(self.branches(1, whole, [range(self.n_wavelets[0])], [[()]])) if self.levels else ()
        largest = max(math.prod(self.grid), *map(_signals, branches)) if branches else math.prod(self.grid)
        return Plan(
            setting=self.setting,
            dtype=self.dtype,
            n_paths=len(self.paths),
            extension=self.extension(),
            mean=self.pooling((self.setting.upsample,) * len(self.grid)),
            branches=branches,
            chunk=-(-CHUNK_BYTES // (largest * 2 * self.dtype.itemsize)),
        )

    def extension(self) -> tuple[np.ndarray, ...]:
        """Grid points that the padded grid repeats; half the padding follows the field, half wraps before it."""
        if self.setting.boundary == "periodic":
            return ()
        indices = []
        for n, padded in zip(self.setting.grid_shape, self.banks[0].grid_shape, strict=True):
            t = np.arange(padded)
            t = np.where(t < n + (padded - n + 1) // 2, t, t - padded) % (2 * n)
            indices.append(np.minimum(t, 2 * n - 1 - t))
        return tuple(indices)

    def branches(
        self, order: int, parent: tuple[int, ...], following: list[Sequence[int]], before: list[list[Path]]
    ) -> Iterator[Branch]:
        """The wavelets `following` each of several signals that are sampled at `parent`.

        `before` has a row of paths for every batch of signals, one path for each signal in it.
        """
        groups: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for signal, candidates in enumerate(following):
            for level in {self.levels[order][n] for n in candidates}:
                together = tuple(n for n in candidates if self.levels[order][n] == level)
                groups.setdefault((level, together), []).append(signal)
        layer = min(order, 2) - 1
        for (level, indices), signals in sorted(groups.items()):
            stride = self.stride(level, parent)
            paths = [[(*line[s], n) for n in indices] for line in before for s in signals]
            deeper: tuple[Branch, ...] = ()
            if order < self.setting.max_order:
                deeper = tuple(self.branches(order + 1, stride, [self.follow[layer][n] for n in indices], paths))
            yield Branch(
                parents=_as_slice(signals),
                filters=self.filters(layer, indices, parent, stride),
                pooling=self.pooling(stride),
                rows=np.array([[self.row[path] for path in line] for line in paths]),
                children=deeper,
            )

    def stride(self, level: int, parent: Sequence[int]) -> tuple[int, ...]:
        """Sampling of signals of one level, in steps of the finest grid."""
        extra = self.setting.oversampling if self.setting.tol is None else 0
        target = 1 if extra is None else 2 ** max(0, level - extra)
        limits = self.grid if self.setting.T is None else [math.gcd(n, self.step) for n in self.grid]
        return tuple(_stride(p, target, limit) for p, limit in zip(parent, limits, strict=True))

    def sampled(self, stride: Sequence[int]) -> tuple[int, ...]:
        return tuple(n // s for n, s in zip(self.grid, stride, strict=True))

    def filters(
        self, layer: int, indices: tuple[int, ...], parent: tuple[int, ...], stride: tuple[int, ...]
    ) -> Filters:
        """Wavelets of the first (0) or of all later orders (1), for signals that go from `parent` to `stride`."""
        key = (layer, indices, parent, stride)
        if key not in self._filters:
            hats = crop(self.hats(layer)[list(indices)], self.sampled(parent))
            self._filters[key] = make_filters(hats, indices, parent, stride, self.dtype)
        return self._filters[key]

    def psi(self, bank: MorletBank | TightBank) -> np.ndarray:
        """The wavelets of a bank, made once where both layers have the same."""
        if bank not in self._psi:
            self._psi[bank] = bank.psi()
        return self._psi[bank]

    def hats(self, layer: int) -> np.ndarray:
        """Fourier transforms of the wavelets of the first or of all later orders, on the finest grid."""
        if layer not in self._hats:
            psi = self.psi(self.banks[layer])
            if len(psi) < self.n_wavelets[layer]:
                psi = np.concatenate([psi, [mirror(hat) for hat in psi]]) / math.sqrt(2)
            self._hats[layer] = embed(psi, self.setting.upsample)
        return self._hats[layer]

    def pooling(self, stride: tuple[int, ...]) -> Pooling:
        """The average of signals sampled at `stride`."""
        if stride not in self._poolings:
            T = self.setting.T
            self._poolings[stride] = self._weighted(stride) if T is None else self._smooth(stride, T)
        return self._poolings[stride]

    def _weighted(self, stride: tuple[int, ...]) -> Pooling:
        grid = self.sampled(stride)
        return Pooling(grid, tuple(self._box(axis, m) for axis, m in enumerate(grid)), None, (slice(None),) * len(grid))

    def _smooth(self, stride: tuple[int, ...], T: int) -> Pooling:
        setting, grid = self.setting, self.sampled(stride)
        steps = stride if T == 1 else tuple(math.gcd(n, self.step) for n in self.grid)
        every = tuple(
            slice(0, -(-n * setting.upsample // s), self.step // s)
            for n, s in zip(setting.grid_shape, steps, strict=True)
        )
        if T == 1:
            return Pooling(grid, None, None, every)
        phi = crop(embed(self.banks[0].phi(T)[None], setting.upsample), grid)
        low_pass = make_filters(phi, [0], stride, steps, self.dtype, negligible=0.0)
        return Pooling(grid, None, low_pass, every, float(phi.flat[0]), phi[0])

    def _box(self, axis: int, m: int) -> np.ndarray:
        """Weights of m samples whose sum with a band-limited signal is its mean over the unpadded axis."""
        n, padded = self.setting.grid_shape[axis], self.banks[0].grid_shape[axis]
        box = np.fft.fft((np.arange(padded) < n) / n)
        weights = np.fft.ifft(crop(embed(box[None], self.setting.upsample, 0.5), (m,))[0]).real
        return np.asarray(weights, self.dtype)


def _signals(branch: Branch) -> int:
    """Points of all signals of one field in the largest of a branch and those after it."""
    return max(branch.rows.size * math.prod(branch.filters.grid), *(_signals(child) for child in branch.children), 0)


def _stride(parent: int, target: int, limit: int) -> int:
    """Largest multiple of `parent` that divides `limit` and does not exceed `target`."""
    return max(s for s in range(parent, max(parent, target) + 1, parent) if limit % s == 0)


def _as_slice(positions: list[int]) -> slice | np.ndarray:
    """Consecutive positions as a slice, which takes no copy."""
    if positions == list(range(positions[0], positions[-1] + 1)):
        return slice(positions[0], positions[-1] + 1)
    return np.array(positions)


@lru_cache(maxsize=8)
def plan(setting: Setting, dtype: np.dtype) -> Plan:
    """The plan of a setting for fields of float32 or float64 numbers, from the cache where it was made before."""
    return _Builder(setting, dtype).plan()
