"""Linear maps that read what a user gave, or wants to know, off a window of latent states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skmst.utils.delay_model import AffineMap
from skmst.utils.linalg import ridge_regression
from skmst.utils.moments import WindowMoments

Array = NDArray[np.float64]

#: Variance of the state, relative, that may be missing where it can be read off the lifted state.
_READABLE = 1e-12


@dataclass(frozen=True)
class Readout:
    """How to read a window.

    Attributes
    ----------
    state : AffineMap
        To the state that the user gave.
    output : AffineMap
        To the observables to forecast.
    state_of_latent : AffineMap or None
        From the newest latent state to the state, where they differ; unpenalised.
    readable : bool
        Whether `state_of_latent` is exact on the training data, to 1e-6 relative.
    """

    state: AffineMap
    output: AffineMap
    state_of_latent: AffineMap | None
    readable: bool


def fit_readout(
    moments: WindowMoments,
    history: Array,
    ridge: float,
    n_state: int | None,
    n_read: int,
    has_output: bool,
    *,
    n_newest: int | None = None,
) -> Readout:
    """Fit the maps by least squares on the moments of windows and outputs.

    Parameters
    ----------
    moments : WindowMoments
        Its outputs are the state (where it was lifted), then the observables.
    history : ndarray of shape (n_terms * n_latent, n_terms * n_latent)
        Covariance of the window of history.
    ridge : float
        Penalty, added to the diagonal of `history`.
    n_state : int or None
        Dimension of the state among the outputs; None where latent states are the states.
    n_read : int
        How many leading entries of the window are read.
    has_output : bool
        Whether there are observables other than the state.
    n_newest : int, default=None
        How many leading entries of the newest latent state tell the state; None for all.

    Returns
    -------
    Readout
        The maps.
    """
    d, mean = n_newest or moments.n_latent, moments.mean[moments.history]
    cross = moments.cross[:, moments.history] / moments.n_windows

    def regress(rows: slice, n_known: int, penalty: float) -> AffineMap:
        coefficients = ridge_regression(cross[rows, :n_known], history[:n_known, :n_known], penalty)
        return AffineMap.between_means(coefficients, mean, moments.output_mean[rows])

    if n_state is None:
        state, exact, readable = AffineMap(np.eye(d), np.zeros(d)), None, True
    else:
        rows = slice(0, n_state)
        exact = regress(rows, d, 0.0)
        # Each feature by itself: in pooled units a large one would hide another that cannot be read.
        total = moments.output_scatter[rows] / moments.n_windows
        missing = total - np.sum(exact.coefficients * cross[rows, :d], axis=1)
        readable = bool(np.all(missing <= _READABLE * total))
        # A relation that is exact needs no penalty.
        state = exact if readable else regress(rows, n_read, ridge)
    output = regress(slice(n_state, None), n_read, ridge) if has_output else state
    return Readout(state, output, exact, readable)
