"""Orthonormal wavelets of fixed length: the filters, and one octave of convolving and decimating by two.

No Fourier transform is taken: an octave costs a number of operations proportional to the points, and its inverse is
its conjugate transpose, for every length of field that is even.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

MOST_MOMENTS = 10


@lru_cache(maxsize=32)
def low_pass_filter(vanishing_moments: int, symmetric: bool = False) -> np.ndarray:
    r"""The low-pass filter h of a compactly supported orthonormal wavelet.

    ``sum_k conj(h[k]) h[k + 2 n]`` is one for n = 0 and zero otherwise, ``sum_k h[k] = sqrt(2)``, and the wavelet is
    orthogonal to polynomials of degree below p.

    Parameters
    ----------
    vanishing_moments : int
        p, from 1 (Haar) to 10.
    symmetric : bool, default=False
        False: Daubechies' real filter, the spectral factor of minimum phase. True: the complex factor with
        ``h[k] = h[2 p - 1 - k]``, which exists for odd p. Of the several for p > 3, the one whose roots alternate
        between the upper and the lower half-plane, with an eighth of its energy in the imaginary part.

    Returns
    -------
    ndarray of shape (2 p,), float64, or complex128 for symmetric filters with p > 1
        Shared and read-only.

    Raises
    ------
    ValueError
        If there is no such filter.

    References
    ----------
    I. Daubechies (1988), Comm. Pure Appl. Math. 41, 909. J.-M. Lina and M. Mayrand (1995), Appl. Comput. Harmon.
    Anal. 2, 219 (complex symmetric).

    Examples
    --------
    >>> low_pass_filter(2).round(4)
    array([ 0.483 ,  0.8365,  0.2241, -0.1294])
    >>> (32 * 2**0.5 * low_pass_filter(3, symmetric=True))[:3].round(4)
    array([-3.-3.873j,  5.-3.873j, 30.+7.746j])
    """
    p = vanishing_moments
    if not 1 <= p <= MOST_MOMENTS:
        raise ValueError(f"vanishing_moments={p!r} must be an integer from 1 to {MOST_MOMENTS}.")
    if symmetric and p % 2 == 0:
        raise ValueError(f"symmetric filters need an odd number of vanishing_moments, got {p}; use {p - 1} or {p + 1}.")
    inside = _roots(p)
    if symmetric:
        upper = sorted(inside[inside.imag > 0], key=np.angle)
        chosen = [z if n % 2 == 0 else np.conj(z) for n, z in enumerate(upper)]
        inside = np.array(chosen + [1 / z for z in chosen])
    h = np.ones(1, complex)
    for root in [-1.0] * p + list(inside):
        h = np.convolve(h, [1, -root])
    h *= math.sqrt(2) / h.sum()
    h = h if symmetric and p > 1 else h.real.copy()
    h.setflags(write=False)
    return h


def _roots(p: int) -> np.ndarray:
    """Roots inside the unit disc of Daubechies' polynomial sum_k C(p - 1 + k, k) y^k, y = (2 - z - 1 / z) / 4."""
    polynomial = np.polynomial.Polynomial([float(math.comb(p - 1 + k, k)) for k in range(p)])
    y = polynomial.roots().astype(complex)
    if len(y):
        y -= polynomial(y) / polynomial.deriv()(y)
    half = 1 - 2 * y
    z = half - np.sqrt(half - 1) * np.sqrt(half + 1)
    return np.where(np.abs(z) < 1, z, 1 / z)


@dataclass(frozen=True)
class Octave:
    """One octave of an orthonormal multiresolution, along any number of axes.

    Parameters
    ----------
    vanishing_moments, symmetric
        As in `low_pass_filter`.
    boundary : {"periodic", "reflect"}, default="periodic"
        How signals go on beyond their edges. "reflect" repeats the edge point; it takes symmetric filters, with which
        it is orthonormal too: the mirror image of a signal has mirrored averages and mirrored, negated details.
    """

    vanishing_moments: int = 4
    symmetric: bool = False
    boundary: str = "periodic"

    def __post_init__(self) -> None:
        low_pass_filter(self.vanishing_moments, self.symmetric)
        if self.boundary not in ("periodic", "reflect"):
            raise ValueError(f"boundary={self.boundary!r} is unknown; use 'periodic' or 'reflect'.")
        if self.boundary == "reflect" and not (self.symmetric or self.vanishing_moments == 1):
            raise ValueError("boundary='reflect' needs filters with symmetric=True; Daubechies' filters are lopsided.")

    @property
    def is_complex(self) -> bool:
        """Whether the filters are complex."""
        return np.iscomplexobj(low_pass_filter(self.vanishing_moments, self.symmetric))

    def split(self, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """Sub-bands of signals.

        Parameters
        ----------
        x : ndarray
            Real or complex signals.
        axes : tuple of negative int
            Axes to split, each of even length.

        Returns
        -------
        ndarray of shape (2**len(axes), *x.shape with halved axes)
            Sub-band b is high-pass along ``axes[a]`` where bit a of b is set; sub-band 0 is the low-pass.
        """
        kernel, s = _polyphase(self.vanishing_moments, self.symmetric)
        bands = x[None]
        for axis in axes:
            halves = bands.reshape(*bands.shape[:axis], -1, 2, *bands.shape[axis:][1:])
            pair = np.moveaxis(halves, axis, 0)
            # Seen in a mirror behind the edge, even and odd points change places.
            pair = self._combine(pair, pair[::-1], kernel.conj(), s, axis)
            bands = pair.reshape(-1, *pair.shape[2:])
        return bands

    def merge(self, bands: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """Signals from their sub-bands: inverse and conjugate transpose of `split`.

        Parameters
        ----------
        bands : ndarray of shape (2**len(axes), ...)
            What `split` returns.
        axes : tuple of negative int
            The axes that were split.

        Returns
        -------
        ndarray of shape (..., with doubled axes)
        """
        kernel, s = _polyphase(self.vanishing_moments, self.symmetric)
        kernel = kernel.swapaxes(0, 1)[..., ::-1]
        for axis in reversed(axes):
            pair = bands.reshape(2, -1, *bands.shape[1:])
            mirrored = np.stack([pair[0], -pair[1]]) if self.boundary == "reflect" else pair
            pair = self._combine(pair, mirrored, kernel, kernel.shape[-1] - 1 - s, axis)
            halves = np.moveaxis(pair, 0, axis)
            bands = halves.reshape(*halves.shape[: axis - 1], -1, *halves.shape[axis:][1:])
        return bands[0]

    def _combine(
        self, pair: np.ndarray, mirrored: np.ndarray, kernel: np.ndarray, before: int, axis: int
    ) -> np.ndarray:
        """``y[a, n] = sum_{b, m} kernel[a, b, m] u[b, n + m - before]``, u the pair continued beyond its edges."""
        if np.iscomplexobj(pair) and not np.iscomplexobj(kernel):
            # Real filters act on real and imaginary parts alike, at half the price of complex products.
            y = self._combine(_as_real(pair), _as_real(mirrored), kernel, before, axis - 1)
            return np.asarray(y.view(pair.dtype)[..., 0])
        n, taps = pair.shape[axis], kernel.shape[-1]
        if self.boundary == "reflect":
            pair = np.concatenate([pair, np.flip(mirrored, axis)], axis)
        u = np.take(pair, np.arange(-before, n + taps - 1 - before) % pair.shape[axis], axis)
        y = np.zeros(_resized(u.shape, axis, n), np.result_type(u, 1j) if np.iscomplexobj(kernel) else u.dtype)
        product = np.empty(y.shape[1:], y.dtype)
        for a, b, m in zip(*np.nonzero(kernel), strict=True):
            shifted = u[b][(..., slice(m, m + n)) + (slice(None),) * (-1 - axis)]
            y[a] += np.multiply(shifted, kernel[a, b, m].item(), out=product)
        return y


@lru_cache(maxsize=32)
def _polyphase(vanishing_moments: int, symmetric: bool) -> tuple[np.ndarray, int]:
    """Taps [filter, parity, m] for the points ``2 (n + m - s) + parity``, and s, which centres filters on cells."""
    h = low_pass_filter(vanishing_moments, symmetric)
    k = np.arange(len(h))
    g = (-1) ** k * h[::-1].conj()
    start = round(0.5 - (k @ h).real / math.sqrt(2))
    # Against the low-pass the wavelet may move by whole cells only.
    start_high = start + 2 * round((0.5 - k @ np.abs(g) ** 2 - start) / 2)
    first = min(start, start_high) // 2 * 2
    last = max(start, start_high) + len(h)
    taps = np.zeros((2, (last - first + 1) // 2 * 2), h.dtype)
    taps[0, start - first + k] = h
    taps[1, start_high - first + k] = g
    kernel = taps.reshape(2, -1, 2).swapaxes(1, 2)
    kernel.setflags(write=False)
    return kernel, -first // 2


def _as_real(z: np.ndarray) -> np.ndarray:
    """Real and imaginary parts on a new last axis."""
    return np.ascontiguousarray(z)[..., None].view(z.real.dtype)


def _resized(shape: tuple[int, ...], axis: int, n: int) -> tuple[int, ...]:
    return tuple(n if a == axis % len(shape) else length for a, length in enumerate(shape))
