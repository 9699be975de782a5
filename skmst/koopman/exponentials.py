"""Sums of exponentials in real arithmetic: a basis in time, its derivatives, and the rates it stands for.

Two rates a +- sqrt(d) share the basis ``exp(a t) cosh(sqrt(d) t)`` and ``exp(a t) sinh(sqrt(d) t) / sqrt(d)``, which
is real and smooth in a and d whether the rates are a conjugate pair (d < 0), two real ones (d > 0) or equal (d = 0):
a fit may pass from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: Squares of sqrt(d) t, for the longest t, below which a series replaces differences that cancel.
_SERIES = 0.1


@dataclass(frozen=True)
class Exponentials:
    """Which functions of time are fitted. Parameters are listed as all a, all d, all single rates.

    Attributes
    ----------
    n_pairs : int
        Number of pairs of rates.
    frequencies : ndarray of shape (n_singles,)
        Angular frequency of each single rate, which is not fitted: zero, or half the sampling rate for what changes
        its sign at every sample, where the basis is ``exp(a t) cos(frequency t)``.
    constant : bool
        Whether a constant is among the functions.
    """

    n_pairs: int
    frequencies: Array
    constant: bool = False

    @property
    def n_rates(self) -> int:
        """Number of rates, and of parameters."""
        return 2 * self.n_pairs + len(self.frequencies)

    @property
    def n_functions(self) -> int:
        """Number of functions of time."""
        return self.n_rates + self.constant

    def split(self, parameters: Array) -> tuple[Array, Array, Array]:
        """Give the parameters a, d and the single rates, on the last axis."""
        n = self.n_pairs
        return parameters[..., :n], parameters[..., n : 2 * n], parameters[..., 2 * n :]

    def basis(self, parameters: Array, times: Array) -> tuple[Array, Array]:
        """Evaluate the functions and what their derivatives are made of.

        Parameters
        ----------
        parameters : ndarray of shape (..., n_rates)
            Parameters.
        times : ndarray of shape (..., n_times)
            Times, broadcast against the parameters.

        Returns
        -------
        functions : ndarray of shape (..., n_times, n_functions)
            Cosines and sines of all pairs, the singles, the constant.
        derivatives : ndarray of shape (..., n_times, 3 n_pairs + n_singles)
            ``t`` times cosine, ``t`` times sine and twice the derivative of the sine by d, of all pairs; ``t`` times
            the singles.
        """
        t = times[..., None]
        a, d, single = (part[..., None, :] for part in self.split(parameters))
        root = np.sqrt(np.abs(d))
        divisor = np.where(d == 0, 1.0, root)
        envelope, phase = np.exp(a * t), root * t
        cosine, sine = envelope * np.cos(phase), envelope * (np.sin(phase) / divisor)
        if (apart := d > 0).any():
            slow, fast = np.exp((a + root) * t), np.exp((a - root) * t)
            cosine = np.where(apart, (slow + fast) / 2, cosine)
            sine = np.where(apart, (slow - fast) / (2 * divisor), sine)
        slope = (t * cosine - sine) / np.where(d == 0, 1.0, d)
        if (near := np.abs(d) * np.max(times, initial=0.0) ** 2 < _SERIES).any():
            square = d * t**2
            short = envelope * t * (1 + square / 6 * (1 + square / 20 * (1 + square / 42)))
            sine = np.where(near, short, sine)
            series = envelope * t**3 / 3 * (1 + square / 10 * (1 + square / 28 * (1 + square / 54)))
            slope = np.where(near, series, slope)
        singles = np.exp(single * t) * np.cos(self.frequencies * t)
        columns = [cosine, sine, singles]
        if self.constant:
            columns.append(np.ones((*cosine.shape[:-1], 1)))
        return np.concatenate(columns, axis=-1), np.concatenate([t * cosine, t * sine, slope, t * singles], axis=-1)

    def chain_rule(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
        """Say how the derivative by each parameter is made: columns times coefficients, summed.

        Returns
        -------
        columns : ndarray of int of shape (n_terms,)
            Column of `derivatives` in each term.
        rows : ndarray of int of shape (n_terms,)
            The function whose coefficients it multiplies.
        weights : ndarray of shape (n_rates, n_terms)
            The derivative by parameter k is the sum over terms of ``weights[k] * derivative * coefficients``.
        """
        n, n_singles = self.n_pairs, len(self.frequencies)
        pair, single = np.arange(n), np.arange(n_singles)
        columns = np.concatenate([pair, n + pair, n + pair, 2 * n + pair, 3 * n + single])
        rows = np.concatenate([pair, n + pair, pair, n + pair, 2 * n + single])
        parameter = np.concatenate([pair, pair, n + pair, n + pair, 2 * n + single])
        weights = np.where(np.arange(self.n_rates)[:, None] == parameter, 0.5, 0.0)
        weights[:n] *= 2
        weights[2 * n :] *= 2
        return columns, rows, weights

    def rates(self, parameters: Array) -> ComplexArray:
        """Give the complex rates, (..., n_rates): of each pair one after the other, then the singles."""
        a, d, single = self.split(parameters)
        root = np.sqrt(d.astype(complex))
        pairs = np.stack([a + root, a - root], axis=-1).reshape(*a.shape[:-1], -1)
        return np.concatenate([pairs, single + 1j * self.frequencies], axis=-1)

    def bounded(self, parameters: Array, largest: float) -> Array:
        """Move parameters to where no rate grows faster than `largest`."""
        a, d, single = self.split(parameters)
        a = np.minimum(a, largest)
        return np.concatenate([a, np.minimum(d, (largest - a) ** 2), np.minimum(single, largest)], axis=-1)


def from_rates(rates: ComplexArray, step: float | None, constant: bool = False) -> tuple[Exponentials, Array]:
    """Find the functions, and the parameters, for given rates of real data.

    Parameters
    ----------
    rates : ndarray of complex of shape (n_rates,)
        Closed under conjugation, but for real rates of what changes sign at every sample, whose imaginary part is
        half the sampling rate.
    step : float or None
        Time between samples, if they are equally far apart; otherwise nothing is taken to change sign at every one.
    constant : bool, default=False
        Whether the functions have a constant.

    Returns
    -------
    functions : Exponentials
        The functions; real rates are paired as far as possible.
    parameters : ndarray of shape (n_rates,)
        Their parameters.
    """
    highest = np.inf if step is None else np.pi / step
    alternating = np.abs(rates.imag) > (1 - 1e-9) * highest
    paired = ~alternating & (rates.imag > 0)
    real = np.sort(rates[~alternating & (rates.imag == 0)].real)[::-1]
    one, other = real[0 : len(real) // 2 * 2 : 2], real[1::2]
    a = np.concatenate([rates[paired].real, (one + other) / 2])
    d = np.concatenate([-(rates[paired].imag ** 2), (one - other) ** 2 / 4])
    single = np.concatenate([real[len(real) // 2 * 2 :], rates[alternating].real])
    frequencies = np.zeros(len(single))
    frequencies[len(single) - alternating.sum() :] = highest if alternating.any() else 0.0
    return Exponentials(len(a), frequencies, constant), np.concatenate([a, d, single])
