"""What all statistics share that average over a whole grid: bank, mirrored period, chunks of memory, threads, errors.

A statistic is a subclass with three methods: a table of its numbers, their values for a chunk of fields, and the
gradient that goes back. It sees fields (n, n_channels, *period), periodic whatever the boundary.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy.fft
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import gen_even_slices

from skmst.scattering.encoding import WithoutCaches
from skmst.scattering.filter_bank import BANKS, Wavelet

CHUNK_BYTES = 16 * 2**20  # workspace of one thread

#: A band whose amplitude is this many roundings of the field's largest value holds nothing else.
_ROUND_OFF = 64


class NoEnergyError(Exception):
    """A field of a chunk (by its row) has no energy in a band (by its name)."""


@dataclass(frozen=True)
class GlobalStatistic(WithoutCaches, ABC):
    """Averages over the whole grid of what a bank of wavelets makes of a field, on the full grid.

    Parameters
    ----------
    grid_shape : tuple of int
        Grid of the fields.
    J : int
        Octaves.
    Q : tuple of (int, int), default=(1, 1)
        Wavelets per octave of the first and of the second filtering, 1-D only.
    L : int, default=8
        Orientations; no meaning in 1-D.
    wavelet : {"tight", "morlet"}, default="tight"
        Filter bank.
    boundary : {"periodic", "reflect"}, default="periodic"
        How the field goes on beyond its edges. "reflect" mirrors it first, edge points repeated, and averages over
        the period, twice the grid along each axis.
    """

    grid_shape: tuple[int, ...]
    J: int
    _: KW_ONLY
    Q: tuple[int, int] = (1, 1)
    L: int = 8
    wavelet: str = "tight"
    boundary: str = "periodic"

    @property
    def output_grid(self) -> tuple[int, ...]:
        """(): the averages are over the whole grid."""
        return ()

    @property
    def is_complex(self) -> bool:
        """Whether any number is complex."""
        return False

    @property
    def couples_channels(self) -> bool:
        """Whether all channels of a field are transformed together."""
        return False

    @property
    def period(self) -> tuple[int, ...]:
        """Grid on which the field is periodic."""
        return self.grid_shape if self.boundary == "periodic" else tuple(2 * n for n in self.grid_shape)

    @abstractmethod
    def table(self) -> dict[str, np.ndarray]:
        """One row per number, one column per key; ``name`` and ``order`` are always there."""

    @abstractmethod
    def _forward(self, fields: np.ndarray) -> np.ndarray:
        """Numbers (n, n_paths) of fields (n, n_channels, *period)."""

    @abstractmethod
    def _pullback(self, fields: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Gradient with respect to the fields from the one with respect to the numbers."""

    @property
    @abstractmethod
    def _degrees(self) -> np.ndarray:
        """Degrees of homogeneity of the numbers, int (n_paths,): ``c**degree`` times as large for a field times c."""

    @property
    @abstractmethod
    def _n_signals(self) -> int:
        """Complex signals on the period held at once for one field: what memory is counted in."""

    def forward(self, x: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Statistics of a batch of fields.

        Parameters
        ----------
        x : ndarray of shape (n_samples, [n_channels,] *grid_shape)
            Real fields, float32 or float64. A memory map is read in chunks.
        n_jobs : int, default=None
            Threads over samples, through joblib.

        Returns
        -------
        ndarray of shape (n_samples, n_paths), of the precision of x

        Raises
        ------
        ValueError
            If the fields have another shape, a number is not defined for one of them (a share of a band without
            energy), or numbers overflow.
        """
        self._check(x)
        dtype = np.result_type(x.dtype, np.complex64) if self.is_complex else x.dtype
        out = np.empty((len(x), self._n_paths), dtype)
        self._in_chunks(self._scaled_forward, out, (x,), n_jobs)
        if not np.isfinite(out).all():
            raise ValueError(f"{type(self).__name__} overflow {x.dtype}: scale the fields to smaller values.")
        return out

    def pullback(self, x: np.ndarray, gradient: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Gradient with respect to x of the sum of ``Re(conj(gradient) forward(x))``.

        Parameters
        ----------
        x : ndarray of shape (n_samples, [n_channels,] *grid_shape)
            Real fields, float32 or float64.
        gradient : ndarray of shape (n_samples, n_paths)
            Derivatives with respect to the statistics; for complex ones ``d/dRe + i d/dIm``.
        n_jobs : int, default=None
            Threads over samples, through joblib.

        Returns
        -------
        ndarray of the shape and dtype of x
            A subgradient of zero is taken where a modulus vanishes.
        """
        self._check(x)
        if gradient.shape != (len(x), self._n_paths):
            raise ValueError(f"gradient has shape {gradient.shape}, but must be {(len(x), self._n_paths)}.")
        out = np.empty(x.shape, x.dtype)
        self._in_chunks(self._scaled_pullback, out, (x, gradient), n_jobs)
        return out

    def _scaled_forward(self, x: np.ndarray) -> np.ndarray:
        fields, exponent = _of_order_one(self._extend(x))
        return _times_power_of_two(self._forward(fields), exponent[:, None] * self._degrees)

    def _scaled_pullback(self, x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        fields, exponent = _of_order_one(self._extend(x))
        back = self._fold(self._pullback(fields, _times_power_of_two(gradient, exponent[:, None] * self._degrees)))
        return _times_power_of_two(back, -exponent.reshape(-1, *(1,) * (back.ndim - 1))).reshape(x.shape)

    @property
    def _n_channels(self) -> int:
        return 1

    @cached_property
    def _n_paths(self) -> int:
        return len(self.table()["name"])

    def _check(self, x: np.ndarray) -> None:
        expected = (self._n_channels, *self.grid_shape) if self.couples_channels else self.grid_shape
        if np.iscomplexobj(x):
            raise ValueError(f"x is complex, but {type(self).__name__} takes real fields: pass its two parts.")
        if x.shape[1:] != expected:
            raise ValueError(f"x has fields of shape {x.shape[1:]}, but the setting is for {expected}.")

    def _in_chunks(
        self, kernel: Callable[..., np.ndarray], out: np.ndarray, arrays: tuple[np.ndarray, ...], n_jobs: int | None
    ) -> None:
        """out[:] = kernel(*arrays), a few samples at a time, in threads."""
        one = self._n_signals * math.prod(self.period) * 2 * arrays[0].dtype.itemsize
        step = max(1, CHUNK_BYTES // one)

        def run(part: slice) -> None:
            with np.errstate(over="ignore", invalid="ignore"):  # the caller checks the output
                for start in range(part.start, part.stop, step):
                    rows = slice(start, min(start + step, part.stop))
                    try:
                        out[rows] = kernel(*(np.asarray(array[rows]) for array in arrays))
                    except NoEnergyError as error:
                        row, band = error.args
                        raise no_energy(start + row, band) from None

        packs = max(1, min(effective_n_jobs(n_jobs), -(-len(out) // step)))
        parts = gen_even_slices(len(out), packs) if len(out) else []
        Parallel(n_jobs=n_jobs, require="sharedmem")(delayed(run)(part) for part in parts)

    def _extend(self, x: np.ndarray) -> np.ndarray:
        """Fields (n, n_channels, *period)."""
        fields = x.reshape(len(x), self._n_channels, *self.grid_shape)
        for axis in range(2, fields.ndim) if self.boundary == "reflect" else ():
            fields = np.concatenate([fields, np.flip(fields, axis)], axis)
        return fields

    def _fold(self, gradient: np.ndarray) -> np.ndarray:
        """The transpose of `_extend`: both images of a point add up."""
        for axis in range(2, gradient.ndim) if self.boundary == "reflect" else ():
            there, back = np.split(gradient, 2, axis)
            gradient = there + np.flip(back, axis)
        return gradient

    def _wavelets(self, which: int = 0) -> tuple[Wavelet, ...]:
        """What is known of the wavelets of the first (0) or second (1) filtering."""
        return BANKS[self.wavelet](self.grid_shape, self.J, self.Q[which], self.L).wavelets()

    def _psi(self, dtype: np.dtype, which: int = 0) -> np.ndarray:
        """Their Fourier transforms (n_wavelets, *period)."""
        return wavelet_transforms(self.wavelet, self.period, self.J, self.Q[which], self.L, np.dtype(dtype))

    def _label(self, wavelet: Wavelet, which: int = 0) -> str:
        """``_j2``, ``_j2_q1`` where an octave holds several wavelets, ``_j2_l3`` where there are orientations."""
        q = f"_q{wavelet.q}" if self.Q[which] > 1 and len(self.grid_shape) == 1 else ""
        return f"_j{wavelet.j}{q}" + (f"_l{wavelet.l}" if len(self.grid_shape) > 1 else "")


def _of_order_one(fields: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fields whose powers stay in the range of numbers: each over the power of two that its largest value is below.

    This rounds nothing. The second array has the exponents.
    """
    size = np.abs(fields).max(axis=tuple(range(1, fields.ndim)), initial=0.0)
    exponent = np.frexp(size)[1]
    return np.ldexp(fields, -exponent.reshape(-1, *(1,) * (fields.ndim - 1))), exponent


def _times_power_of_two(values: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """``values * 2**exponent``, which need not be a number by itself."""
    if np.iscomplexobj(values):
        parts = np.ascontiguousarray(values)[..., None].view(values.real.dtype)
        return np.ldexp(parts, exponent[..., None]).view(values.dtype)[..., 0]
    return np.ldexp(values, exponent)


def no_energy(field: int, band: str) -> ValueError:
    """The error that names a field and the band in which it has no energy."""
    return ValueError(
        f"field {field} has no energy in the band {band}, so a number relative to it is not defined: leave such "
        "fields out (constants, very smooth initial conditions), take a coarser grid if a fine band is empty or a "
        "smaller J if a coarse one is, or take statistics='mean' or 'energy', which are defined for all fields."
    )


def check_energy(amplitude: np.ndarray, fields: np.ndarray, names: list[str]) -> None:
    """Refuse fields (n, n_channels, *period) whose amplitude (n, n_bands) in a band is round-off."""
    size = np.abs(fields).max(axis=tuple(range(1, fields.ndim)), initial=0.0)
    absent = amplitude <= _ROUND_OFF * np.finfo(fields.dtype).eps * size[:, None]
    if absent.any():
        row, band = np.argwhere(absent)[0]
        raise NoEnergyError(int(row), names[int(band)])


@lru_cache(maxsize=8)
def wavelet_transforms(wavelet: str, grid: tuple[int, ...], J: int, Q: int, L: int, dtype: np.dtype) -> np.ndarray:
    """Fourier transforms of the wavelets of a bank, ``(n_wavelets, *grid)``, shared and read-only."""
    psi = BANKS[wavelet](grid, J, Q, L).psi().astype(dtype)
    psi.setflags(write=False)
    return psi


def transform(fields: np.ndarray, ndim: int) -> np.ndarray:
    """Fourier coefficients whose sum of squares is the mean square of the field."""
    axes = tuple(range(-ndim, 0))
    # The mean is one coefficient only: taken out first, it costs the others no digits.
    mean = fields.mean(axis=axes, keepdims=True)
    hat = scipy.fft.fftn(fields - mean, axes=axes, norm="forward")
    hat[(..., *(slice(1),) * ndim)] += mean
    return hat


def transform_pullback(gradient: np.ndarray, ndim: int) -> np.ndarray:
    """Gradient with respect to real fields from the one with respect to their `transform`."""
    return scipy.fft.ifftn(gradient, axes=tuple(range(-ndim, 0))).real


def filtered(hat: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """Band-passed signals ``(..., n_wavelets, *grid)`` of fields with the `transform` hat ``(..., *grid)``."""
    ndim = psi.ndim - 1
    product = np.expand_dims(hat, -ndim - 1) * psi
    return scipy.fft.ifftn(product, axes=tuple(range(-ndim, 0)), norm="forward", overwrite_x=True)


def filtered_pullback(gradient: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """Gradient with respect to hat from the one with respect to `filtered`."""
    ndim = psi.ndim - 1
    hat = scipy.fft.fftn(gradient, axes=tuple(range(-ndim, 0)))
    hat *= psi
    return np.asarray(hat.sum(axis=-ndim - 1))


def modulus_pullback(signal: np.ndarray, modulus: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Gradient with respect to a complex signal from the one with respect to its modulus; zero at zero."""
    direction = np.divide(signal, modulus, out=np.zeros_like(signal), where=modulus > 0)
    direction *= gradient
    return direction
