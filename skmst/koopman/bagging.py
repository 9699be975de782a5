"""Fits to many parts of the data at once: what the rates of exponentials are worth (Sashidhar & Kutz 2022)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.exponentials import Exponentials
from skmst.koopman.variable_projection import Series, fit_rates

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: Gauss-Newton steps from the fit to all data to the fit to a bag of it.
_N_STEPS = 2
#: Numbers in the stack of matrices of bags that are fitted together.
_TOGETHER = 2**20
#: Runs from which on bags are drawn of runs, not of steps.
_MANY_RUNS = 10


@dataclass(frozen=True)
class Bags:
    """Random parts of the data.

    Attributes
    ----------
    n_bags : int
        Number of parts.
    size : float
        Share of the steps in a part; of the runs, where there are at least 10, since errors of dynamics (other than
        those of observations) differ from run to run.
    rng : RandomState
        Where they are drawn from.
    """

    n_bags: int
    size: float
    rng: np.random.RandomState

    def fit(self, functions: Exponentials, parameters: Array, series: Series, stable: bool) -> ComplexArray:
        """Fit to each part, starting from the fit to all data.

        Parameters
        ----------
        functions : Exponentials
            What is fitted.
        parameters : ndarray of shape (1, n_rates)
            The fit to all data.
        series : Series
            The data.
        stable : bool
            Whether rates are kept from growing.

        Returns
        -------
        ndarray of complex of shape (n_bags, n_rates)
            Rates of each part. Parts drawn without replacement vary less than new data would: deviations from the mean
            are scaled by ``sqrt(size / (1 - size))`` (Politis, Romano & Wolf 1999).
        """
        found = np.concatenate(
            [
                functions.rates(
                    fit_rates(
                        functions,
                        parameters,
                        Series(series.times, series.values, weights),
                        stable=stable,
                        max_iter=_N_STEPS,
                    )
                )
                for weights in self._weights(series.weights[0], functions.n_functions)
            ]
        )
        mean = found.mean(axis=0)
        return np.asarray(mean + np.sqrt(self.size / (1 - self.size)) * (found - mean))

    def _weights(self, whole: Array, n_functions: int) -> Iterator[Array]:
        """Draw weights (n, n_runs, n_steps) of some bags at a time."""
        by_run = len(whole) >= _MANY_RUNS
        pool = np.arange(len(whole)) if by_run else np.flatnonzero(whole)
        n_drawn = max(1, round(self.size * len(pool)))
        n_together = max(1, _TOGETHER // (whole.size * n_functions))
        for start in range(0, self.n_bags, n_together):
            n = min(n_together, self.n_bags - start)
            drawn = self.rng.random_sample((n, len(pool))).argpartition(n_drawn - 1, axis=1)[:, :n_drawn]
            chosen = np.zeros((n, len(whole) if by_run else whole.size))
            chosen[np.arange(n)[:, None], pool[drawn]] = 1.0
            yield chosen[..., None] * whole if by_run else chosen.reshape(n, *whole.shape)
