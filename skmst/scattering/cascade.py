"""The scattering cascade: convolve, take the modulus, recurse, average. Planned once, then applied to any batch.

A `Plan` is immutable, made from a hashable `Setting`, cached by it, shared by clones and threads, and never
pickled. Every layer is sampled no finer than its band asks for: a product with a filter touches only the blocks of
the spectrum where the filter lives and folds them onto the coarser grid (sampling in space is folding in frequency).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import scipy.fft
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import gen_even_slices

from skmst.scattering.filter_bank import BANKS, Wavelet
from skmst.scattering.paths import Path, scattering_paths

CHUNK_BYTES = 4 * 2**20  # workspace of one thread: larger ones leave the caches and gain nothing
NEGLIGIBLE = 1e-9  # of a filter's maximum; smaller values are taken as zero


@dataclass(frozen=True)
class Setting:
    """Everything that determines a transform.

    Attributes
    ----------
    grid_shape : tuple of int
        Grid of the fields.
    J, L : int
        Octaves and orientations.
    Q : tuple of (int, int)
        Wavelets per octave of the two orders.
    T : int or None
        Averaging scale in grid steps; None averages over the whole grid.
    max_order : int
        0, 1 or 2.
    wavelet : {"morlet", "tight"}
        Filter bank.
    boundary : {"periodic", "reflect"}
        How the field goes on beyond its edges; "reflect" repeats the edge point (period 2 N).
    oversampling : int or None
        Octaves by which inner layers are sampled finer than critically; None samples them on the full grid.
    output_step : int
        Grid steps between output points of local coefficients.
    rule : {"decreasing", "all"}
        Second-order paths.
    """

    grid_shape: tuple[int, ...]
    J: int
    Q: tuple[int, int] = (1, 1)
    L: int = 8
    T: int | None = None
    max_order: int = 2
    wavelet: str = "morlet"
    boundary: str = "periodic"
    oversampling: int | None = None
    output_step: int = 1
    rule: str = "decreasing"

    @property
    def output_grid(self) -> tuple[int, ...]:
        """Grid of the coefficients of one path, () for global averages."""
        return () if self.T is None else tuple(-(-n // self.output_step) for n in self.grid_shape)

    def wavelets(self) -> tuple[tuple[Wavelet, ...], tuple[Wavelet, ...]]:
        """The wavelets of the first and of the second order."""
        first, second = (BANKS[self.wavelet](self.grid_shape, self.J, q, self.L).wavelets() for q in self.Q)
        return first, second

    def paths(self) -> list[Path]:
        """The scattering paths, in the order of the output."""
        return scattering_paths(*self.wavelets(), self.max_order, self.rule)


@dataclass(frozen=True)
class _Filters:
    """Wavelets of one resolution, ready for spectra of one size: nonzero blocks, and the size to fold them to."""

    indices: np.ndarray
    resolution: int
    stride: tuple[int, ...]  # of the filtered signal, in steps of the full grid
    grid: tuple[int, ...]
    blocks: tuple[tuple[int, tuple[slice, ...], np.ndarray], ...]  # filter, bins, values: each bin twice, see convolve

    def convolve(self, spectrum: np.ndarray) -> np.ndarray:
        """Filtered signals (..., n_wavelets, *grid), complex, from spectra (..., *finer grid).

        Products run over real and imaginary parts as one real array: numpy would first turn the real filter complex.
        """
        leading = spectrum.shape[: -len(self.grid)]
        folded = np.zeros((*leading, len(self.indices), *self.grid), spectrum.dtype)
        parts, buffer = _as_real(spectrum), np.empty((*leading, *self.grid), spectrum.dtype)
        for index, where, hat in self.blocks:
            target = _as_real(folded[(..., index) + (slice(None),) * len(self.grid)])
            target += np.multiply(parts[(...,) + where], hat, out=_as_real(buffer))
        return scipy.fft.ifftn(folded, axes=tuple(range(-len(self.grid), 0)), overwrite_x=True)


def _as_real(z: np.ndarray) -> np.ndarray:
    return z.view(z.real.dtype)


@dataclass(frozen=True)
class _Pooling:
    """The last average, for signals of one size: weights over the grid (global) or a low-pass (local)."""

    weights: tuple[np.ndarray, ...] | None
    low_pass: _Filters | None
    every: tuple[slice, ...]

    def __call__(self, signal: np.ndarray, spectrum: np.ndarray | None = None) -> np.ndarray:
        """(..., *grid) -> (..., *output grid); `spectrum` saves a transform where the caller has it."""
        if self.weights is not None:
            for weight in reversed(self.weights):
                signal = signal @ weight
            return signal
        if self.low_pass is not None:
            if spectrum is None:
                spectrum = _spectrum(signal, len(self.every))
            signal = self.low_pass.convolve(spectrum).real[(..., 0) + (slice(None),) * len(self.every)]
        return signal[(...,) + self.every]


@dataclass(frozen=True)
class _Branch:
    """First-order wavelets of one resolution, how they are averaged, and the second-order wavelets after them."""

    filters: _Filters
    pooling: _Pooling
    rows: np.ndarray
    children: tuple[tuple[_Filters, _Pooling, np.ndarray], ...]


@dataclass(frozen=True)
class Plan:
    """A transform that is ready to run.

    Attributes
    ----------
    setting : Setting
        What was planned.
    n_paths : int
        Number of paths.
    extension : tuple of ndarray of int
        For each axis, the grid point that every point of the padded grid repeats; empty for periodic fields.
    """

    setting: Setting
    dtype: np.dtype
    n_paths: int
    extension: tuple[np.ndarray, ...]
    mean: _Pooling
    branches: tuple[_Branch, ...]
    chunk: int

    def __call__(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Scattering coefficients of a batch of fields.

        Parameters
        ----------
        x : ndarray of shape (n_samples, *grid_shape), real
        out : ndarray of shape (n_samples, n_paths, *output_grid), optional

        Returns
        -------
        ndarray of shape (n_samples, n_paths, *output_grid), of the plan's dtype
        """
        if out is None:
            out = np.empty((len(x), self.n_paths, *self.setting.output_grid), self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # the caller checks the output
            for start in range(0, len(x), self.chunk):
                self._scatter(x[start : start + self.chunk], out[start : start + self.chunk])
        return out

    def _scatter(self, x: np.ndarray, out: np.ndarray) -> None:
        ndim = len(self.setting.grid_shape)
        x = np.asarray(x, self.dtype)
        for axis, index in enumerate(self.extension, start=1):
            x = np.take(x, index, axis=axis)
        # Only order 0 sees the mean: taken out first, it costs the other orders no digits.
        axes, each = tuple(range(1, ndim + 1)), (-1, *(1,) * (out.ndim - 2))
        roundoff = 4 * np.finfo(self.dtype).eps * np.abs(x).max(axis=axes).reshape(each)
        mean = x.mean(axis=axes, keepdims=True)
        x = x - mean
        spectrum = _spectrum(x, ndim)
        order_0 = self.mean(x, spectrum) + mean.reshape(each)
        out[:, 0] = np.where(np.abs(order_0) <= roundoff, 0.0, order_0)
        for branch in self.branches:
            u1 = np.abs(branch.filters.convolve(spectrum))
            needed = branch.children or branch.pooling.low_pass is not None
            spectrum_1 = _spectrum(u1, ndim) if needed else None
            out[:, branch.rows] = branch.pooling(u1, spectrum_1)
            for filters, pooling, rows in branch.children:
                assert spectrum_1 is not None
                size = len(x) * len(filters.indices) * math.prod(filters.grid) * spectrum_1.itemsize
                width = max(1, CHUNK_BYTES // size)
                for start in range(0, len(rows), width):
                    u2 = np.abs(filters.convolve(spectrum_1[:, start : start + width]))
                    out[:, rows[start : start + width]] = pooling(u2)


def _spectrum(signal: np.ndarray, ndim: int) -> np.ndarray:
    return scipy.fft.fftn(signal, axes=tuple(range(-ndim, 0)))


def crop(hat: np.ndarray, grid: Sequence[int]) -> np.ndarray:
    """The lowest frequencies of a transform (..., *finer grid) on a coarser grid; Nyquist counts as negative."""
    for axis, m in zip(range(-len(grid), 0), grid, strict=True):
        keep = np.r_[0 : (m + 1) // 2, hat.shape[axis] - m // 2 : hat.shape[axis]]
        hat = np.take(hat, keep, axis=axis)
    return hat


def _stride(parent: int, target: int, limit: int) -> int:
    """Largest multiple of `parent` that divides `limit` and does not exceed `target`."""
    return max(s for s in range(parent, max(parent, target) + 1, parent) if limit % s == 0)


def _filters(
    hats: np.ndarray,
    indices: Sequence[int],
    resolution: int,
    parent: Sequence[int],
    stride: Sequence[int],
    dtype: np.dtype,
) -> _Filters:
    """Blocks of `hats` (n, *parent's grid) for signals that go from sampling `parent` to `stride`."""
    ratios = tuple(s // p for s, p in zip(stride, parent, strict=True))
    grid = tuple(m // r for m, r in zip(hats.shape[1:], ratios, strict=True))
    hats = np.where(np.abs(hats) > NEGLIGIBLE * np.abs(hats).max(initial=0.0), hats, 0.0) / math.prod(ratios)
    blocks = []
    for index, hat in enumerate(hats):
        for corner in product(*(range(r) for r in ratios)):
            block = hat[tuple(slice(c * m, (c + 1) * m) for c, m in zip(corner, grid, strict=True))]
            if block.any():
                widths = (*grid[:-1], 2 * grid[-1])
                where = tuple(slice(c * m, (c + 1) * m) for c, m in zip(corner, widths, strict=True))
                blocks.append((index, where, np.repeat(block, 2, axis=-1).astype(dtype)))
    return _Filters(np.asarray(indices), resolution, tuple(stride), grid, tuple(blocks))


class _Builder:
    """Builds the parts of one plan: padded grid, samplings, filters and averages for each of them."""

    def __init__(self, setting: Setting, dtype: np.dtype):
        self.setting, self.dtype = setting, dtype
        banks = [BANKS[setting.wavelet](setting.grid_shape, setting.J, q, setting.L) for q in setting.Q]
        reach = sum(bank.reach() for bank in banks[: setting.max_order])
        reach += 0.0 if setting.T in (None, 1) else banks[0].low_pass_reach(setting.T)
        self.grid = tuple(self._padded(n, reach) for n in setting.grid_shape)
        self.banks = [BANKS[setting.wavelet](self.grid, setting.J, q, setting.L) for q in setting.Q]

    def _padded(self, n: int, reach: float) -> int:
        if self.setting.boundary == "periodic":
            return n
        if n + 2 * reach >= 2 * n:
            return 2 * n  # the whole period of the reflected field: exact
        block = math.lcm(2**self.setting.J, self.setting.output_step)
        return min(2 * n, block * scipy.fft.next_fast_len(math.ceil((n + 2 * reach) / block), real=True))

    def extension(self) -> tuple[np.ndarray, ...]:
        """Grid points that the padded grid repeats; half the padding follows the field, half wraps before it."""
        if self.setting.boundary == "periodic":
            return ()
        indices = []
        for n, padded in zip(self.setting.grid_shape, self.grid, strict=True):
            t = np.arange(padded)
            t = np.where(t < n + (padded - n + 1) // 2, t, t - padded) % (2 * n)
            indices.append(np.minimum(t, 2 * n - 1 - t))
        return tuple(indices)

    def stride(self, resolution: int, parent: Sequence[int]) -> tuple[int, ...]:
        """Sampling of signals of one resolution, in steps of the full grid."""
        extra, T = self.setting.oversampling, self.setting.T
        target = 1 if extra is None else 2 ** max(0, resolution - extra)
        limits = self.grid if T is None else [math.gcd(n, self.setting.output_step) for n in self.grid]
        return tuple(_stride(p, target, limit) for p, limit in zip(parent, limits, strict=True))

    def sampled(self, stride: Sequence[int]) -> tuple[int, ...]:
        return tuple(n // s for n, s in zip(self.grid, stride, strict=True))

    def pooling(self, stride: Sequence[int]) -> _Pooling:
        """The average of signals sampled at `stride`."""
        setting, grid = self.setting, self.sampled(stride)
        everything = (slice(None),) * len(grid)
        if setting.T is None:
            return _Pooling(tuple(self._box(axis, m) for axis, m in enumerate(grid)), None, everything)
        smooth = setting.T > 1
        steps = [math.gcd(n, setting.output_step) for n in self.grid] if smooth else stride
        every = tuple(
            slice(0, -(-n // s), setting.output_step // s) for n, s in zip(setting.grid_shape, steps, strict=True)
        )
        phi = crop(self.banks[0].phi(setting.T)[None], grid)
        return _Pooling(None, _filters(phi, [0], 0, stride, steps, self.dtype) if smooth else None, every)

    def _box(self, axis: int, m: int) -> np.ndarray:
        """Weights of m samples whose sum with a band-limited signal is its mean over the unpadded axis."""
        n, padded = self.setting.grid_shape[axis], self.grid[axis]
        box = (np.arange(padded) < n) / n
        weights = np.fft.ifft(crop(np.fft.fft(box), (m,))).real
        return np.asarray(weights, self.dtype)

    def layer(self, order: int, parent: Sequence[int], after: int) -> list[_Filters]:
        """The wavelets of one order, grouped by resolution, that may follow resolution `after`."""
        wavelets, hats = self._hats(order)
        hats = crop(hats, self.sampled(parent))
        groups = []
        for resolution in sorted({w.resolution for w in wavelets}):
            if order == 2 and self.setting.rule == "decreasing" and resolution <= after:
                continue
            indices = [n for n, w in enumerate(wavelets) if w.resolution == resolution]
            stride = self.stride(resolution, parent)
            groups.append(_filters(hats[indices], indices, resolution, parent, stride, self.dtype))
        return groups

    @lru_cache(maxsize=2)  # noqa: B019 - the builder dies with the plan's making
    def _hats(self, order: int) -> tuple[tuple[Wavelet, ...], np.ndarray]:
        bank = self.banks[order - 1]
        return bank.wavelets(), bank.psi()


@lru_cache(maxsize=16)
def plan(setting: Setting, dtype: np.dtype) -> Plan:
    """The plan of a setting for float32 or float64 fields, from the cache where it was made before."""
    builder = _Builder(setting, dtype)
    paths = setting.paths()
    row = {path: index for index, path in enumerate(paths)}
    whole = (1,) * len(setting.grid_shape)
    branches = []
    largest = math.prod(builder.grid)
    for filters in builder.layer(1, whole, -1) if setting.max_order >= 1 else []:
        rows = np.array([row[(n,)] for n in filters.indices])
        largest = max(largest, len(rows) * math.prod(filters.grid))
        children = []
        for following in builder.layer(2, filters.stride, filters.resolution) if setting.max_order >= 2 else []:
            pairs = np.array([[row[(n1, n2)] for n2 in following.indices] for n1 in filters.indices])
            children.append((following, builder.pooling(following.stride), pairs))
        branches.append(_Branch(filters, builder.pooling(filters.stride), rows, tuple(children)))
    itemsize = 2 * dtype.itemsize
    return Plan(
        setting=setting,
        dtype=dtype,
        n_paths=len(paths),
        extension=builder.extension(),
        mean=builder.pooling(whole),
        branches=tuple(branches),
        chunk=max(1, CHUNK_BYTES // (largest * itemsize)),
    )


def scatter(x: np.ndarray, setting: Setting, *, n_jobs: int | None = None) -> np.ndarray:
    """Scattering coefficients of a batch of fields.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Real fields, float32 or float64. A memory map is read in chunks.
    setting : Setting
        What to compute.
    n_jobs : int, default=None
        Threads over samples, through joblib.

    Returns
    -------
    ndarray of shape (n_samples, n_paths, *output_grid), dtype of x
        Order 0 is zero where it is below the round-off of its field.

    Raises
    ------
    ValueError
        If coefficients overflow.
    """
    transform = plan(setting, x.dtype)
    out = np.empty((len(x), transform.n_paths, *setting.output_grid), x.dtype)
    parts = gen_even_slices(len(x), min(effective_n_jobs(n_jobs), -(-len(x) // transform.chunk)))
    Parallel(n_jobs=n_jobs, prefer="threads")(delayed(transform)(x[part], out[part]) for part in parts)
    if not np.isfinite(out).all():
        raise ValueError(f"Scattering coefficients overflow {x.dtype}: scale the fields to smaller values.")
    return out
