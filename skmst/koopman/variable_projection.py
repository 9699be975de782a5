"""Fits of exponentials by variable projection: coefficients are eliminated, rates are found by Gauss and Newton.

The normal equations for the r rates of n series over m steps need no Jacobian of m n rows: they are products of r x r
matrices, so an iteration costs what a QR decomposition of m x r does, whatever n is, and many fits (bags) go through
one stack of small matrices. A general least-squares routine can do neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.exponentials import Exponentials

Array = NDArray[np.float64]

#: A fit is over where the next step would lower its squared error by less than this part.
_TOLERANCE = 1e-13
#: Damping at the start, relative to the diagonal, and where a fit gives up.
_FIRST_DAMPING, _LAST_DAMPING = 1e-4, 1e10
#: Logarithm of the largest growth over a run: squares of more leave the range of floating-point numbers.
_LARGEST_GROWTH = 345.0
#: Logarithms of the growth over a run, and over a step, of which one may be exceeded: what grows by more than 1e15 in
#: all and doubles at every step is there in the last samples only, to fit their noise.
_RESOLVED_GROWTH, _DOUBLING = 36.0, 0.7


@dataclass(frozen=True)
class Series:
    """Runs of time series, padded to one length, as one or many fits see them.

    Attributes
    ----------
    times : ndarray of shape (n_runs, n_steps)
        Time of each step since the first of its run.
    values : ndarray of shape (n_runs, n_steps, n)
        The series.
    weights : ndarray of shape (n_fits, n_runs, n_steps)
        Square root of the weight of each step in each fit; zero for what a fit does not see, and for padding.
    """

    times: Array
    values: Array
    weights: Array

    def first(self, n_steps: int) -> Series:
        """Give the first steps of each run."""
        return Series(self.times[:, :n_steps], self.values[:, :n_steps], self.weights[..., :n_steps])


@dataclass(frozen=True)
class _Linearised:
    """A fit near given parameters: squared errors (n_fits,), gradients (n_fits, r), normal matrices (n_fits, r, r)."""

    cost: Array
    gradient: Array
    normal: Array


def fit_rates(
    functions: Exponentials, start: Array, series: Series, *, stable: bool = False, max_iter: int = 100
) -> Array:
    """Fit exponentials to series by Levenberg's and Marquardt's damped Gauss-Newton steps.

    Each fit minimises ``sum of |x_i(t) - functions(t) C_i|^2`` over its rates, which all runs i share, and over the
    coefficients C_i of each run.

    Parameters
    ----------
    functions : Exponentials
        What is fitted.
    start : ndarray of shape (n_fits, n_rates) or (1, n_rates)
        Parameters to start from, of each fit or of all.
    series : Series
        The data.
    stable : bool, default=False
        Whether rates are kept from growing.
    max_iter : int, default=100
        Largest number of iterations.

    Returns
    -------
    ndarray of shape (n_fits, n_rates)
        Parameters.

    References
    ----------
    Golub & Pereyra (1973), SIAM J. Numer. Anal. 10, 413. Kaufman (1975), BIT 15, 49: the Jacobian used here. Askham &
    Kutz (2018), SIAM J. Appl. Dyn. Syst. 17, 380: optimised dynamic mode decomposition.
    """
    largest = 0.0 if stable else _largest_rate(series.times)
    parameters = functions.bounded(start, largest)
    here = _linearise(functions, parameters, series)
    damping = np.full(len(here.cost), _FIRST_DAMPING)
    negligible = (np.finfo(float).eps * np.linalg.norm(series.values)) ** 2
    for _ in range(max_iter):
        step = _damped_step(here, damping)
        gain = np.sum(step * here.gradient, axis=-1)
        if np.all((gain <= _TOLERANCE * here.cost + negligible) | (damping > _LAST_DAMPING)):
            break
        trial = functions.bounded(parameters + step, largest)
        there = _linearise(functions, trial, series)
        better = there.cost < here.cost
        parameters = np.where(better[:, None], trial, parameters)
        here = _Linearised(
            np.where(better, there.cost, here.cost),
            np.where(better[:, None], there.gradient, here.gradient),
            np.where(better[:, None, None], there.normal, here.normal),
        )
        damping = np.where(better, damping / 10, damping * 10)
    return parameters


def _largest_rate(times: Array) -> float:
    """Fastest growth that can be told from noise in the last samples."""
    longest = max(float(times.max()), np.finfo(float).tiny)
    steps = np.diff(times, axis=1)
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else longest
    return min(_LARGEST_GROWTH / longest, max(_RESOLVED_GROWTH / longest, _DOUBLING / step))


def misfit(functions: Exponentials, parameters: Array, series: Series) -> Array:
    """Give the squared error of fits with given parameters.

    Parameters
    ----------
    functions : Exponentials
        What is fitted.
    parameters : ndarray of shape (n_fits, n_rates)
        Parameters.
    series : Series
        The data.

    Returns
    -------
    ndarray of shape (n_fits,)
        Squared errors at the best coefficients; infinite where the functions overflow.
    """
    return _linearise(functions, parameters, series).cost


def _damped_step(fit: _Linearised, damping: Array) -> Array:
    diagonal = np.einsum("fkk->fk", fit.normal)
    # What does not change the fit at all is left alone.
    floor = np.finfo(float).eps * np.abs(diagonal).max(axis=-1, keepdims=True) + np.finfo(float).tiny
    scale = 1 / np.sqrt(np.maximum(diagonal, floor))
    matrix = fit.normal * scale[:, :, None] * scale[:, None, :]
    matrix = matrix + (damping[:, None] + np.finfo(float).eps)[..., None] * np.eye(matrix.shape[-1])
    step: Array = np.linalg.solve(matrix, (fit.gradient * scale)[..., None])[..., 0] * scale
    return step


def _linearise(functions: Exponentials, parameters: Array, series: Series) -> _Linearised:
    """Eliminate the coefficients and linearise what remains (Kaufman's approximation)."""
    weights = series.weights[..., None]
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        basis, derivatives = functions.basis(parameters[:, None], series.times)
        Q, R = np.linalg.qr(basis * weights)
        values = series.values * weights
        projected = Q.swapaxes(-1, -2) @ values
        coefficients = np.linalg.solve(_regular(R), projected)
        residual = values - Q @ projected
        derivatives = derivatives * weights
        derivatives = derivatives - Q @ (Q.swapaxes(-1, -2) @ derivatives)
        cost = np.einsum("fitn,fitn->f", residual, residual)
        columns, rows, chain = functions.chain_rule()
        C = coefficients[..., rows, :]
        slopes = np.einsum("fikn,fikn->fk", (derivatives.swapaxes(-1, -2) @ residual)[..., columns, :], C)
        inner = (derivatives.swapaxes(-1, -2) @ derivatives)[..., columns[:, None], columns]
        normal = np.sum(inner * (C @ C.swapaxes(-1, -2)), axis=1)
        cost = np.where(np.isfinite(cost), cost, np.inf)
    return _Linearised(cost, slopes @ chain.T, chain @ normal @ chain.T)


def _regular(R: Array) -> Array:
    """Lift diagonal entries of triangular matrices that are zero but for rounding."""
    diagonal = np.einsum("...kk->...k", R)
    floor = np.finfo(float).eps * np.abs(diagonal).max(axis=-1, keepdims=True) + np.finfo(float).tiny
    lift = np.where(np.abs(diagonal) < floor, floor, 0.0)
    return R + lift[..., None] * np.eye(R.shape[-1])
