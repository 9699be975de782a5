"""Dynamics with memory by nonlinear regression: Mori-Zwanzig models whose projection is a regressor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skmst.trajectories import stack_windows

Array = NDArray[np.float64]

#: States beyond this have exploded and are not given to a regressor, which would refuse them.
_EXPLODED = 1e100


@dataclass(frozen=True)
class NonlinearStep:
    """The step of a window to the next state, a sum of regressors.

    Attributes
    ----------
    d : int
        Dimension of a state.
    terms : tuple of (regressor, slice)
        Fitted regressors, each with the columns of the window that it sees.
    lower, upper : ndarray of shape (d,) or None
        Bounds to which states are clipped: outside the data a regressor knows nothing, and a forecast that
        leaves them seldom returns.
    """

    d: int
    terms: tuple[tuple[Any, slice], ...]
    lower: Array | None = None
    upper: Array | None = None

    def within(self, states: Array) -> NonlinearStep:
        """Clip to the range of known states of shape (n, d), widened by its own width on both sides."""
        low, high = states.min(axis=0), states.max(axis=0)
        return replace(self, lower=2 * low - high, upper=2 * high - low)

    def __call__(self, Z: Array) -> Array:
        """Step windows of shape (..., n_terms * d) to states of shape (..., d); NaN where they exploded."""
        rows = Z.reshape(-1, Z.shape[-1])
        sound = (np.abs(rows) < _EXPLODED).all(axis=1)
        out = np.full((len(rows), self.d), np.nan)
        if sound.any():
            out[sound] = np.sum([_predict(r, rows[sound][:, columns]) for r, columns in self.terms], axis=0)
        if self.lower is not None:
            out = np.clip(out, self.lower, self.upper)
        return out.reshape(*Z.shape[:-1], self.d)


def fit_step(
    blocks: Sequence[NDArray[Any]], n_terms: int, lag: int, regressor: Any, alpha: float
) -> tuple[NonlinearStep, Array]:
    """Fit the step of windows of trajectories to the next state.

    Parameters
    ----------
    blocks : sequence of ndarray of shape (n_runs, n_steps, d)
        Trajectories, all of one length in a block.
    n_terms, lag : int
        States in a window, and the steps between them.
    regressor : regressor, (regressor, regressor) or None
        For the whole window, or one for the Markov term and one for each memory term; None is `quadratic_regressor`.
    alpha : float
        Penalty of that, for each window.

    Returns
    -------
    step : NonlinearStep
        The step.
    noise : ndarray of shape (d, d)
        Covariance of what it leaves of the next states.

    Raises
    ------
    ValueError
        If `regressor` is a tuple but not a pair of regressors.
    """
    stacked = [stack_windows(block, n_terms + 1, lag) for block in blocks]
    rows = np.concatenate([W.reshape(-1, W.shape[-1]) for W in stacked]).astype(np.float64)
    d = blocks[0].shape[-1]
    successors, windows = rows[:, :d], rows[:, d:]
    if isinstance(regressor, tuple):
        if [hasattr(part, "fit") and hasattr(part, "predict") for part in regressor] != [True, True]:
            raise ValueError(
                "regressor must be a regressor, a pair of them or None: the pair is one for the Markov term and "
                f"one for each memory term; got {regressor!r}."
            )
        step = sequential_projections(windows, successors, *regressor)
    else:
        default = quadratic_regressor(n_terms, d, alpha * len(rows))
        step = joint_projection(windows, successors, default if regressor is None else regressor)
    return step, np.cov((successors - step(windows)).T).reshape(d, d)


def joint_projection(windows: Array, successors: Array, regressor: Any) -> NonlinearStep:
    """Project on all functions of the window that a regressor can learn: one regression on the whole window.

    Parameters
    ----------
    windows : ndarray of shape (n, n_terms * d)
        Windows of history, the latest state first.
    successors : ndarray of shape (n, d)
        The state after each window.
    regressor : regressor
        Any scikit-learn regressor (of several outputs, where d > 1); it is cloned.

    Returns
    -------
    NonlinearStep
        The fitted step.
    """
    fitted = _fit(regressor, windows, successors)
    return NonlinearStep(successors.shape[1], ((fitted, slice(0, windows.shape[1])),))


def sequential_projections(windows: Array, successors: Array, markov: Any, memory: Any) -> NonlinearStep:
    """Mori-Zwanzig kernels by repeated regression of what is left (Lin et al. 2023).

    The Markov term is the regression of the successor on the present state; the kernel of lag l is the
    regression of what the terms before it leave on the state l steps back alone. With linear regressors and
    stationary data this is Mori's recursion.

    Parameters
    ----------
    windows, successors
        As for `joint_projection`.
    markov, memory : regressor
        Any scikit-learn regressors, for the Markov term and for each kernel; they are cloned.

    Returns
    -------
    NonlinearStep
        The fitted terms, one for each state of the window.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skmst.master_equation import sequential_projections
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> step = sequential_projections(x, 0.5 * x[:, :1], LinearRegression(), LinearRegression())
    >>> np.round(step(np.array([[2.0, 7.0]])), 6)  # one half of the present, nothing of the past
    array([[1.]])
    """
    d = successors.shape[1]
    left, terms = successors, []
    for start in range(0, windows.shape[1], d):
        columns = slice(start, start + d)
        fitted = _fit(memory if start else markov, windows[:, columns], left)
        left = left - _predict(fitted, windows[:, columns])
        terms.append((fitted, columns))
    return NonlinearStep(d, tuple(terms))


def quadratic_regressor(n_terms: int, d: int, penalty: float) -> Any:
    """Ridge regression on all monomials up to degree two of each state of a window.

    Parameters
    ----------
    n_terms, d : int
        States in a window, and their dimension. Products of different states are left out.
    penalty : float
        Penalty on the coefficients of the standardised monomials; 0 is least squares.

    Returns
    -------
    Pipeline
        Unfitted.
    """
    # Imported here: together they would take most of the time that importing skmst takes.
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    quadratic = PolynomialFeatures(2, include_bias=False)
    each = [(f"lag{m}", quadratic, slice(m * d, (m + 1) * d)) for m in range(n_terms)]
    linear = Ridge(penalty) if penalty > 0 else LinearRegression()
    return make_pipeline(StandardScaler(), ColumnTransformer(each), StandardScaler(), linear)


def _fit(regressor: Any, X: Array, Y: Array) -> Any:
    return clone(regressor).fit(X, Y[:, 0] if Y.shape[1] == 1 else Y)


def _predict(regressor: Any, X: Array) -> Array:
    return np.asarray(regressor.predict(X), dtype=np.float64).reshape(len(X), -1)
