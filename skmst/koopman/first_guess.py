"""First guesses of the rates of exponentials, near enough for a fit to go on from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skmst.koopman.exponentials import Exponentials, from_rates
from skmst.koopman.variable_projection import Series, misfit
from skmst.utils.linalg import ridge_regression

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Runs = list[tuple[Array, Array]]

#: Rows of the matrices of delayed states.
_N_ROWS = 100
#: Least modulus of an eigenvalue over a step: what decays faster leaves one sample.
_SMALLEST = 1e-6


def first_guess(series: Series, constant: bool) -> tuple[Exponentials, Array]:
    """Guess as many rates as series have components, in several ways, and take the guess that fits best.

    Steps at equal distances are stacked to delays, whose leading directions are invariant under a shift (ESPRIT: Roy &
    Kailath 1989), which holds up in noise; other steps are first interpolated to equal distances. And differences
    between steps are regressed on the states half-way, which works for short runs, too.

    Parameters
    ----------
    series : Series
        The data.
    constant : bool
        Whether series have a constant, which is no rate.

    Returns
    -------
    functions : Exponentials
        What is to be fitted.
    parameters : ndarray of shape (1, n_rates)
        Its parameters.
    """
    runs = [(t[w > 0], z[w > 0]) for t, z, w in zip(series.times, series.values, series.weights[0], strict=True)]
    steps = np.concatenate([np.diff(t) for t, _ in runs])
    step = float(np.median(steps))
    even = bool(np.all(np.abs(steps - step) < 1e-9 * step))
    guesses = []
    for z in _eigenvalues(runs if even else _at_equal_distances(runs, step), runs, step, constant):
        z = np.where(np.abs(z) < _SMALLEST, _SMALLEST, z)
        rates = np.where(z.imag == 0, np.log(np.abs(z)) + 1j * np.pi * even * (z.real < 0), np.log(z)) / step
        functions, parameters = from_rates(np.asarray(rates, dtype=complex), step if even else None, constant)
        guesses.append((functions, parameters[None]))
    return min(guesses, key=lambda guess: misfit(guess[0], guess[1], series)[0])


def _eigenvalues(even: Runs, runs: Runs, step: float, constant: bool) -> Iterator[ComplexArray]:
    """Give guesses of the eigenvalues over a step."""
    yield _half_way(runs, step, constant)
    n = even[0][1].shape[1]
    still = [z - z.mean(axis=0) for _, z in even] if constant else [z for _, z in even]
    if (z := _shift_invariance(still, n)) is not None:
        yield z
    if constant and (z := _shift_invariance([z for _, z in even], n + 1)) is not None:
        yield np.delete(z, np.argmin(np.abs(z - 1)))


def _shift_invariance(runs: list[Array], n: int) -> ComplexArray | None:
    """Find n eigenvalues by the invariance of delayed states under a shift; None where runs are too short."""
    k, longest = runs[0].shape[1], max(map(len, runs))
    n_delays = min(max(3, _N_ROWS // k), (longest + 1) // 2)
    columns = [
        np.stack([z[j : len(z) - n_delays + j + 1] for j in range(n_delays)], axis=1).reshape(-1, n_delays * k)
        for z in runs
        if len(z) >= n_delays
    ]
    if (n_delays - 1) * k < n or sum(map(len, columns)) < n:
        return None
    delayed = np.concatenate(columns)
    leading = linalg.eigh(delayed.T @ delayed)[1][:, ::-1][:, :n]
    return np.linalg.eigvals(linalg.lstsq(leading[:-k], leading[k:])[0]).astype(complex)


def _half_way(runs: Runs, step: float, constant: bool) -> ComplexArray:
    """Eigenvalues from the regression of velocities on states half-way between steps."""
    middle = np.concatenate([(z[1:] + z[:-1]) / 2 for _, z in runs])
    velocity = np.concatenate([np.diff(z, axis=0) / np.diff(t)[:, None] for t, z in runs])
    if constant:
        middle, velocity = middle - middle.mean(axis=0), velocity - velocity.mean(axis=0)
    generator = ridge_regression(velocity.T @ middle, middle.T @ middle)
    # For equal steps the regression gives (2 / step) (z - 1) / (z + 1).
    half = np.linalg.eigvals(generator).astype(complex) * step / 2
    return np.asarray((1 + half) / np.where(half == 1, np.finfo(float).eps, 1 - half))


def _at_equal_distances(runs: Runs, step: float) -> Runs:
    grids = [np.arange(t[0], t[-1] + step / 2, step) for t, _ in runs]
    return [
        (grid, np.stack([np.interp(grid, t, column) for column in z.T], axis=-1))
        for grid, (t, z) in zip(grids, runs, strict=True)
    ]
