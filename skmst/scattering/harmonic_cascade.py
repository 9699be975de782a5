"""The cascade of solid harmonic scattering and its adjoint: real transforms throughout, one filter at a time.

Filters factor into a polynomial that does not depend on scale and a Gaussian that does not depend on the harmonic:
few arrays serve all wavelets. What is kept beside them is one chunk of samples at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
from joblib import effective_n_jobs
from sklearn.utils import gen_even_slices

from skmst.scattering.engines import compiled_harmonics, compiled_module
from skmst.scattering.solid_harmonic_filters import gaussian_hat, harmonic_polynomials, harmonic_reach
from skmst.scattering.threads import Step
from skmst.scattering.threads import in_threads as steps_in_threads

if TYPE_CHECKING:
    from skmst.scattering.solid_harmonics import SolidHarmonics

CHUNK_BYTES = 2**19  # fields of one thread at a time: several arrays of that size stay in the caches
CALL_POINTS = 2**20  # points in one call of the compiled engine, after which an interrupt is noticed
AXES = (-3, -2, -1)


class HarmonicCascade:
    """Filters of a setting, ready for float32 or float64 fields.

    Parameters
    ----------
    setting : SolidHarmonics
        What to compute.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    grid : tuple of int
        Grid of the field and what follows beyond its edges.
    chunk : int
        Samples that numpy transforms together.
    """

    def __init__(self, setting: SolidHarmonics, dtype: np.dtype):
        self.setting, self.dtype = setting, dtype
        self.grid = extended_grid(setting)
        self.chunk = max(1, CHUNK_BYTES // (math.prod(self.grid) * dtype.itemsize))

    # Products run over real and imaginary parts as one real array: every bin of a filter comes twice.
    @cached_property
    def _harmonics(self) -> list[np.ndarray]:
        return [_twice(h, self.dtype) for h in harmonic_polynomials(self.grid, self.setting.L)]

    @cached_property
    def _gaussians(self) -> list[np.ndarray]:
        sigmas = [self._sigma(j) for j in range(self.setting.J + 1)]
        return [_twice(gaussian_hat(self.grid, sigma), self.dtype) for sigma in sigmas]

    @cached_property
    def _low_pass(self) -> np.ndarray | None:
        T = self.setting.T or 1
        return _twice(gaussian_hat(self.grid, 0.4 * T), self.dtype) if T > 1 else None

    @cached_property
    def _program(self) -> Any:
        return compiled_harmonics.harmonic_program(self.setting, self.grid, self._extension(), self.dtype)

    def _sigma(self, j: int) -> float:
        return self.setting.sigma_0 * 2**j

    def forward(self, x: np.ndarray, out: np.ndarray, *, compiled: bool, n_jobs: int | None) -> None:
        """Write the coefficients of fields (n, *grid_shape) to `out` (n, n_paths, *output_grid), C-contiguous."""
        if not compiled:
            return in_threads(self.scatter, n_jobs, self.chunk, x, out)
        program = self._program  # made before threads share it

        def call(x: np.ndarray, out: np.ndarray) -> None:
            program.forward(np.require(x, self.dtype, ["C", "A"]), out)

        return in_threads(call, n_jobs, max(1, CALL_POINTS // math.prod(self.grid)), x, out)

    def scatter(self, x: np.ndarray, out: np.ndarray) -> None:
        """What `forward` does, with numpy for all samples at once."""
        setting, x = self.setting, self._extend(np.asarray(x, self.dtype))
        out[:, setting.rows(())] = self._pool(x)
        spectrum = scipy.fft.rfftn(x, axes=AXES)
        for j1, l in self._first():
            u1 = self._modulus(self._filtered(spectrum, j1, l))
            out[:, setting.rows((j1,), l)] = self._pool(u1)
            if self._after(j1):
                spectrum_1 = scipy.fft.rfftn(u1, axes=AXES)
            for j2 in self._after(j1):
                u2 = self._modulus(self._filtered(spectrum_1, j2, l))
                out[:, setting.rows((j1, j2), l)] = self._pool(u2)

    def gather(self, x: np.ndarray, gradient: np.ndarray, out: np.ndarray) -> None:
        """Write the gradient with respect to fields `x` of the sum of gradient * coefficients to `out`."""
        setting, x = self.setting, self._extend(np.asarray(x, self.dtype))
        spectrum = scipy.fft.rfftn(x, axes=AXES)
        total = np.zeros_like(spectrum)
        for j1, l in self._first():
            z1 = list(self._filtered(spectrum, j1, l))
            u1 = self._modulus(z1)
            slope = self._pool_adjoint(u1, gradient[:, setting.rows((j1,), l)])
            if self._after(j1):
                slope += self._gather_second(u1, gradient, j1, l)
            total += self._filtered_adjoint(_along(z1, u1, slope), j1, l)
        result = scipy.fft.irfftn(total, self.grid, axes=AXES)
        result += self._pool_adjoint(x, gradient[:, setting.rows(())])
        out[...] = self._extend_adjoint(result)

    def _gather_second(self, u1: np.ndarray, gradient: np.ndarray, j1: int, l: int) -> np.ndarray:
        spectrum = scipy.fft.rfftn(u1, axes=AXES)
        total = np.zeros_like(spectrum)
        for j2 in self._after(j1):
            z2 = list(self._filtered(spectrum, j2, l))
            u2 = self._modulus(z2)
            slope = self._pool_adjoint(u2, gradient[:, self.setting.rows((j1, j2), l)])
            total += self._filtered_adjoint(_along(z2, u2, slope), j2, l)
        return np.asarray(scipy.fft.irfftn(total, self.grid, axes=AXES))

    def _first(self) -> list[tuple[int, int]]:
        """Scale and degree of every first-order modulus."""
        setting = self.setting
        return [(j, l) for j in range(setting.J + 1) for l in range(setting.L + 1)] if setting.max_order else []

    def _after(self, j1: int) -> range:
        """The scales that follow in the second order."""
        return range(j1 + 1, self.setting.J + 1 if self.setting.max_order == 2 else 0)

    def _filtered(self, spectrum: np.ndarray, j: int, l: int) -> Iterator[np.ndarray]:
        """The signals x * psi_jlm, real, for all m."""
        band = self._band(spectrum, j, l, (-1j) ** l)
        for harmonic in self._harmonics[l]:
            product = np.multiply(_as_real(band), harmonic).view(band.dtype)
            yield scipy.fft.irfftn(product, self.grid, axes=AXES, overwrite_x=True)

    def _filtered_adjoint(self, signals: Iterator[np.ndarray], j: int, l: int) -> np.ndarray:
        """Spectrum of the sum over m of signals correlated with psi_jlm."""
        total: np.ndarray | None = None
        for signal, harmonic in zip(signals, self._harmonics[l], strict=True):
            spectrum = scipy.fft.rfftn(signal, axes=AXES)
            product = np.multiply(_as_real(spectrum), harmonic, out=_as_real(spectrum)).view(spectrum.dtype)
            total = product if total is None else np.add(total, product, out=total)
        assert total is not None
        return self._band(total, j, l, 1j**l)

    def _band(self, spectrum: np.ndarray, j: int, l: int, phase: complex) -> np.ndarray:
        """Spectrum times what the 2 l + 1 filters of a scale and degree have in common."""
        band = np.multiply(_as_real(spectrum), self._gaussians[j]).view(spectrum.dtype)
        band *= spectrum.dtype.type(phase * self._sigma(j) ** l)
        return band

    @staticmethod
    def _modulus(signals: Iterator[np.ndarray] | list[np.ndarray]) -> np.ndarray:
        """Root of the sum of squares."""
        total: np.ndarray | None = None
        for signal in signals:
            square = signal**2
            total = square if total is None else np.add(total, square, out=total)
        assert total is not None
        return np.sqrt(total, out=total)

    def _pool(self, u: np.ndarray) -> np.ndarray:
        """Sums or local averages of every power, (n, n_powers, *output_grid)."""
        return np.stack([self._average(power(u, q)) for q in self.setting.powers], axis=1)

    def _pool_adjoint(self, u: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        parts = zip(self.setting.powers, np.moveaxis(gradient, 1, 0), strict=True)
        return np.asarray(sum(power_slope(u, q) * self._average_adjoint(part) for q, part in parts))

    def _average(self, signal: np.ndarray) -> np.ndarray:
        if self.setting.T is None:
            return np.asarray(self._inside(signal).sum(axis=AXES))
        return self._inside(self._smooth(signal))[self._every()]

    def _average_adjoint(self, gradient: np.ndarray) -> np.ndarray:
        """Gradient (n, *output_grid) spread over the extended grid; the low-pass is symmetric."""
        spread = np.zeros((len(gradient), *self.grid), self.dtype)
        if self.setting.T is None:
            self._inside(spread)[...] = gradient[:, None, None, None]
            return spread
        self._inside(spread)[self._every()] = gradient
        return self._smooth(spread)

    def _smooth(self, signal: np.ndarray) -> np.ndarray:
        if self._low_pass is None:
            return signal
        spectrum = scipy.fft.rfftn(signal, axes=AXES)
        np.multiply(_as_real(spectrum), self._low_pass, out=_as_real(spectrum))
        return np.asarray(scipy.fft.irfftn(spectrum, self.grid, axes=AXES, overwrite_x=True))

    def _every(self) -> tuple[slice, ...]:
        return (slice(None), *(slice(None, None, self.setting.output_step),) * 3)

    def _inside(self, signal: np.ndarray) -> np.ndarray:
        """The part that is pooled: all of space for sums of a field in empty space, else the field's own grid."""
        if self.setting.boundary == "zeros" and self.setting.T is None:
            return signal
        return signal[(slice(None), *(slice(n) for n in self.setting.grid_shape))]

    def _extension(self) -> list[np.ndarray]:
        """For each axis of the grid the points of the field, -1 in empty space."""
        mirror = self.setting.boundary == "reflect"
        mode: dict[str, Any] = {"mode": "symmetric"} if mirror else {"constant_values": -1}
        sizes = zip(self.setting.grid_shape, self.grid, strict=True)
        return [np.pad(np.arange(n), (0, m - n), **mode) for n, m in sizes]

    def _extend(self, x: np.ndarray) -> np.ndarray:
        if self.setting.boundary == "zeros":
            return np.pad(x, [(0, 0), *((0, m - n) for n, m in zip(x.shape[1:], self.grid, strict=True))])
        if self.setting.boundary == "reflect":
            return np.pad(x, [(0, 0), *((0, n) for n in x.shape[1:])], mode="symmetric")
        return x

    def _extend_adjoint(self, gradient: np.ndarray) -> np.ndarray:
        for axis, n in enumerate(self.setting.grid_shape, start=1):
            inner, beyond = np.split(gradient, [n], axis=axis)
            gradient = inner + np.flip(beyond, axis=axis) if self.setting.boundary == "reflect" else inner
        return gradient


def _twice(filters: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.repeat(filters, 2, axis=-1).astype(dtype)


def _as_real(spectrum: np.ndarray) -> np.ndarray:
    return spectrum.view(spectrum.real.dtype)


def _along(signals: list[np.ndarray], modulus: np.ndarray, slope: np.ndarray) -> Iterator[np.ndarray]:
    """Gradients with respect to the signals from the one with respect to the root of their sum of squares."""
    scale = np.divide(slope, modulus, out=np.zeros_like(slope), where=modulus > 0)
    return (signal * scale for signal in signals)


def power(u: np.ndarray, q: float) -> np.ndarray:
    """u**q, |u|**q where q is not an integer."""
    return np.asarray(u ** int(q) if q == int(q) else np.abs(u) ** q)


def power_slope(u: np.ndarray, q: float) -> np.ndarray:
    """Derivative of `power`; 0 where it is infinite."""
    if q == int(q):
        return np.asarray(q * u ** (int(q) - 1))
    size = np.abs(u)
    steep = np.power(size, q - 1, out=np.zeros_like(size), where=size > 0)
    return np.asarray(q * np.sign(u) * steep)


def extended_grid(setting: SolidHarmonics) -> tuple[int, int, int]:
    """Size of the grid with what follows beyond its edges.

    In empty space all wavelets end before they meet the field again. Sums over all of it need more: that what reaches
    out of the field on one side ends before it meets what reaches out on the other, up to 1e-6 of the sums.
    """
    if setting.boundary == "periodic":
        return setting.grid_shape
    if setting.boundary == "reflect":
        n0, n1, n2 = setting.grid_shape
        return 2 * n0, 2 * n1, 2 * n2
    widths = [setting.sigma_0 * 2.0**j for j in (setting.J, setting.J - 1)[: setting.max_order]]
    if setting.T is None:
        reach = 2 * harmonic_reach(setting.L, 1e-4) * sum(widths)
    else:
        reach = harmonic_reach(setting.L) * sum(widths) + harmonic_reach(0) * 0.4 * setting.T
    n0, n1, n2 = (scipy.fft.next_fast_len(n + math.ceil(reach), real=True) for n in setting.grid_shape)
    return n0, n1, n2


@lru_cache(maxsize=4)
def harmonic_cascade(setting: SolidHarmonics, dtype: np.dtype) -> HarmonicCascade:
    """The cascade of a setting, from the cache where it was made before."""
    return HarmonicCascade(setting, dtype)


def runs_compiled(engine: str) -> bool:
    """Whether fields are scattered by the compiled engine.

    Raises
    ------
    ValueError
        If it is asked for and not there.
    """
    if engine == "numpy":
        return False
    able = compiled_module() is not None
    if engine == "compiled" and not able:
        raise ValueError(
            "engine='compiled' cannot run here: it was not built on this machine. engine='auto' takes numpy instead."
        )
    return able


def in_threads(function: Callable, n_jobs: int | None, chunk: int, *arrays: np.ndarray) -> None:
    """Apply a function to chunks of arrays that share their first axis; samples are dealt out to threads."""

    def work(piece: slice) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # the caller checks the output
            function(*(array[piece] for array in arrays))

    def steps(part: slice) -> Iterator[Step]:
        for start in range(part.start, part.stop, chunk):
            yield partial(work, slice(start, min(start + chunk, part.stop)))

    n = len(arrays[0])
    parts = gen_even_slices(n, min(effective_n_jobs(n_jobs), n)) if n else ()
    steps_in_threads([steps(part) for part in parts], n_jobs)
