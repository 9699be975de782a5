"""What a model of probabilities has beyond other memory models: a form that keeps them, and the chain it ends in."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmst.master_equation._methods import Form, KernelForm, leading
from skmst.master_equation._transitions import transitions_of
from skmst.master_equation.constraints import stochastic_kernels, with_dissipated_state
from skmst.master_equation.generators import Generator, generator_of
from skmst.master_equation.kernels import regression
from skmst.master_equation.rates import decay_times, mean_first_passage_times
from skmst.master_equation.time_local import long_run_law, nearest_probabilities
from skmst.trajectories import check_step_count, check_trajectories
from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.linalg import whitening
from skmst.utils.moments import WindowMoments, sum_windows

Array = NDArray[np.float64]

#: Mean squares of a band's fraction below this, relative to the largest, are rounding: the band is empty.
_EMPTY = 1e-28


@dataclass(frozen=True)
class StochasticStep:
    """From windows of probabilities to the next ones; what rounding adds to their sum is taken off.

    Attributes
    ----------
    coefficients : ndarray of shape (d, n_terms * d)
        Kernels side by side.
    """

    coefficients: Array

    def __call__(self, Z: Array) -> Array:
        """Apply the step to the rows of Z."""
        p = np.maximum(Z @ self.coefficients.T, 0.0)
        return np.asarray(p / p.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class ChainModel(DelayModel):
    """A model of windows of probabilities: what completes a window is made of probabilities, too."""

    def history(self, latent: Array, times: NDArray[np.intp]) -> Array:
        """Collect the windows that end at given times; see `DelayModel.history`."""
        windows = super().history(latent, times).reshape(len(latent), len(times), self.n_terms, -1)
        for term in range(1, self.n_terms):
            missing = np.flatnonzero(times < term * self.lag)
            if len(missing):
                windows[:, missing, term] = nearest_probabilities(windows[:, missing, term])
        return windows.reshape(len(latent), len(times), -1)


@dataclass(frozen=True)
class ChainForm(KernelForm):
    """Kernels that take histories of probabilities to probabilities; they need no intercept."""

    def intercept(self, mean: Array) -> Array:
        """See `KernelForm`."""
        return np.zeros(len(self.kernels[0]))

    def level(self, mean: Array) -> Array:
        """See `KernelForm`; zero, since nothing is constant."""
        return np.zeros(len(self.matrix))

    def drift(self, mean: Array) -> Array:
        """See `KernelForm`; zero, since nothing is constant."""
        return np.zeros(len(self.matrix))

    def rest(self, mean: Array) -> Array:
        """Law where forecasts end, given the mean window."""
        d = len(self.kernels[0])
        return long_run_law(self.kernels.sum(axis=0), nearest_probabilities(mean[d : 2 * d]))

    def model(self, mean: Array, **parts: Any) -> DelayModel:
        """See `KernelForm`."""
        n_terms, d, _ = self.kernels.shape
        advance = StochasticStep(self.matrix[:d])
        return ChainModel(advance=advance, n_terms=n_terms, **leading(parts, n_terms * d))


def constrained_form(moments: WindowMoments, constraint: str, ridge: float, *, lossy: bool) -> Form:
    """Fit kernels under a constraint.

    Parameters
    ----------
    moments : WindowMoments
        Of windows of probabilities.
    constraint : str
        As for `stochastic_kernels`.
    ridge : float
        Penalty.
    lossy : bool
        Whether the last state takes up what the others lose, and keeps it.

    Returns
    -------
    ChainForm
        The form.
    """
    d, n_terms = moments.n_latent, moments.n_terms
    # Probabilities have no intercept, so the moments are those about zero.
    second = moments.scatter / moments.n_windows + np.outer(moments.mean, moments.mean)
    if not lossy:
        return ChainForm(stochastic_kernels(second[d:, d:], second[:d, d:], constraint=constraint, ridge=ridge))
    squares = np.diag(second).reshape(-1, d)[:, :-1].sum(axis=0)
    kept = np.flatnonzero(squares > _EMPTY * squares.max(initial=0.0))
    if not len(kept):
        raise ValueError("no state has any probability in any step: there is nothing to step.")
    later, now = kept, (d * np.arange(1, n_terms + 1)[:, None] + kept).ravel()
    fitted = with_dissipated_state(
        stochastic_kernels(
            second[np.ix_(now, now)], second[np.ix_(later, now)], constraint="substochastic", ridge=ridge
        )
    )
    # What is empty stays as it is.
    kernels = np.zeros((n_terms, d, d))
    kernels[0] = np.eye(d)
    whole = np.append(kept, d - 1)
    kernels[:, whole[:, None], whole] = fitted
    return ChainForm(kernels)


def chain_of(form: Form, mean: Array, stationary: Array, interval: float) -> tuple[dict[str, Any], str | None]:
    """Fitted attributes of a model of probabilities.

    Parameters
    ----------
    form : Form
        The form.
    mean : ndarray of shape ((n_terms + 1) * d,)
        Its mean window.
    stationary : ndarray of shape (d,)
        Where its forecasts end.
    interval : float
        Time of a lag.

    Returns
    -------
    attributes : dict
        The attributes.
    message : str or None
        What the user should know.
    """
    d = form.kernels.shape[1]
    step = form.time_local(mean)
    if step is None:
        step = form.kernels_about_zero(mean).sum(axis=0)
    empty = _never_left(mean, d)  # bands without energy keep what they have
    step[:, empty] = np.eye(d)[:, empty]
    n_lags, T, message = transitions_of(step, constrained=isinstance(form, ChainForm))
    law = stationary if isinstance(form, ChainForm) else long_run_law(T, nearest_probabilities(mean[d : 2 * d]))
    found = {"transition_matrix_": T, "transition_time_": n_lags * interval, "stationary_distribution_": law}
    return found, message


def _never_left(mean: Array, d: int) -> NDArray[np.intp]:
    """States without probability in all of the history: not even their mean is above zero."""
    return np.flatnonzero(mean[d:].reshape(-1, d).max(axis=0) == 0)


def check_visited(mean: Array, d: int) -> None:
    """Raise if a state has no probability wherever a step begins: data say nothing of where it leads.

    Parameters
    ----------
    mean : ndarray of shape ((n_terms + 1) * d,)
        Mean window of probabilities.
    d : int
        Number of states.

    Raises
    ------
    ValueError
        If there is such a state; the message names it.
    """
    never = _never_left(mean, d)
    if len(never):
        raise ValueError(
            f"state {never[0]} has no probability in any step that another follows: leave it out, or give data that "
            "visit it (and go on from there)."
        )


def _has_chain(model: Any) -> bool:
    if model.state is None and model.constraint is None:
        raise AttributeError("a model of features that are no probabilities has no chain: give state or constraint.")
    return True


class ChainMixin:
    """Adds what models of probabilities have; stand left of `TrajectoryRegressor`."""

    state: Any
    constraint: str | None
    lag: int
    dt: float
    transition_matrix_: Array
    transition_time_: float
    _model: DelayModel

    @available_if(_has_chain)
    def probabilities(self, X: Any) -> Any:
        """Give the probabilities of the states along trajectories.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories.

        Returns
        -------
        ndarray of shape (n_steps, n_states) or (n_trajectories, n_steps, n_states), or list
            Rows that sum to one, in the form of X. The last state of ``state="energy"``, and of
            ``constraint="substochastic"``, is what is lost.

        Raises
        ------
        ValueError
            If X is not valid.
        """
        check_is_fitted(self, "_model")
        runs = check_trajectories(X, estimator=self, reset=False)
        return runs.restore([self._latent(b, m) for b, m in zip(runs.blocks, runs.members, strict=True)])  # type: ignore[attr-defined]

    @available_if(_has_chain)
    def forecast_probabilities(
        self,
        X: Any,
        n_steps: int,
        *,
        n_ensemble: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Forecast the probabilities of the states, or draw the states from them.

        Parameters
        ----------
        X : array-like of shape (n_steps_observed, n_features) or (n_trajectories, n_steps_observed, \
n_features), or list
            Observed starts, as for `forecast`.
        n_steps : int
            Number of data steps to forecast, at least 1.
        n_ensemble : int or None, default=None
            Members for each trajectory, each of which is in one state at a time, drawn from what its own past makes
            probable; for models with a `constraint` whose state is not ``"energy"``. None forecasts the probabilities.
        random_state : int, RandomState instance or None, default=None
            Seed of the members.

        Returns
        -------
        ndarray of shape ([n_ensemble,] n_steps, n_states) or ([n_ensemble,] n_trajectories, n_steps, n_states)
            Rows sum to one; with a `constraint` they are probabilities at any lead. Rows of members have a one at their
            state, and their mean over members has the probabilities for its expectation.

        Raises
        ------
        ValueError
            If X is not valid or too short, a number is below 1, or members cannot be drawn from the model.
        """
        check_is_fitted(self, "_model")
        d = self._model.n_latent
        model = replace(self._model, read_state=AffineMap(np.eye(d), np.zeros(d)))
        if n_ensemble is not None:
            return self._ensemble(model, X, n_steps, True, n_ensemble, None, random_state, in_units=False)  # type: ignore[attr-defined]

        def advance(latent: Array, n_steps: int, _: bool) -> Array:
            last = np.array([latent.shape[1] - 1])
            return model.forecast(latent, last, n_steps, self._relift, as_state=True)[:, 0]  # type: ignore[attr-defined]

        out: Array = self._continue(X, n_steps, True, advance, in_units=False)  # type: ignore[attr-defined]
        return out

    @available_if(_has_chain)
    def mean_first_passage_times(self, target: ArrayLike | None = None) -> Array:
        """Mean time until the chain of `transition_matrix_` first is in a target, in units of `dt`.

        Parameters
        ----------
        target : int or array-like of int, default=None
            The states of the target. None takes every state by itself.

        Returns
        -------
        ndarray of shape (n_states,) or, for ``target=None``, (n_states, n_states)
            From each state (the column) to the target (for None: the row); see
            `skmst.master_equation.mean_first_passage_times`.

        Raises
        ------
        ValueError
            If the target has no state, or one that does not exist.
        """
        check_is_fitted(self, "_model")
        return mean_first_passage_times(self.transition_matrix_, target, interval=self.transition_time_)

    @property
    def generator_(self) -> Generator:
        """Rates in continuous time behind `transition_matrix_`, per unit of `dt`."""
        _has_chain(self)
        check_is_fitted(self, "_model")
        found = generator_of(self.transition_matrix_, self.transition_time_)
        if not found.embeddable:
            warnings.warn(
                "no rates give the transition matrix (the embedding problem): the nearest that were found miss it by "
                f"{found.distance:.2g} (Frobenius norm). Change lag or n_memory, or give more data.",
                UserWarning,
                stacklevel=2,
            )
        return found

    @available_if(_has_chain)
    def timescales_by_lag(self, X: Any, lags: Sequence[int], n_timescales: int = 3) -> Array:
        """Timescales of models without memory at several lags: they level off where the states are Markovian.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories, longer than the longest lag.
        lags : sequence of int
            Lags, in data steps.
        n_timescales : int, default=3
            How many, the longest first.

        Returns
        -------
        ndarray of shape (n_lags, n_timescales)
            In units of `dt`; NaN where a model has fewer. `timescales_` are those of the model itself.

        Raises
        ------
        ValueError
            If X or lags are not valid.
        """
        n_timescales = check_step_count(n_timescales, "n_timescales")
        lags = [check_step_count(lag, "lags") for lag in lags]
        runs = check_trajectories(self.probabilities(X), input_name="X")
        if runs.lengths.min() <= max(lags, default=0):
            raise ValueError(
                f"trajectory {int(np.argmin(runs.lengths))} has {runs.lengths.min()} steps: lags must be shorter."
            )
        found = np.full((len(lags), n_timescales), np.nan)
        for row, lag in zip(found, lags, strict=True):
            covariance = sum_windows(runs.blocks, [b[..., :0] for b in runs.blocks], 1, lag).covariance()
            step = regression(covariance, 1, 0.0)[0]
            present = covariance[len(step) :, len(step) :]
            W = whitening(present)
            moduli = np.sort(np.abs(np.linalg.eigvals(W @ step @ present @ W.T)))[::-1][:n_timescales]
            row[: len(moduli)] = decay_times(moduli, lag * self.dt)
        return found
