"""What the regressors of trajectories share: checks, moments, forecasts, score.

How second moments become a model is all that a subclass says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skmst._hindcast import Hindcast, join, truth_after
from skmst.metrics import variance_weighted_r2
from skmst.trajectories import Trajectories, check_outputs, check_step_count, check_trajectories, parse_layout
from skmst.utils._sklearn import Interval, fit_context, store_fitted
from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.linalg import jittered_cholesky
from skmst.utils.moments import WindowMoments, sum_windows
from skmst.utils.persistence import VersionStampMixin
from skmst.utils.readout import fit_readout

Array = NDArray[np.float64]

#: Steps over which `score` forecasts where `horizon` is None.
DEFAULT_HORIZON = 10
#: Forecast states beyond this have exploded and are not lifted again.
_EXPLODED = 1e100


class TrajectoryRegressor(VersionStampMixin, MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Base of the regressors that learn linear dynamics of windows of history from second moments."""

    # The parameter that counts the terms of a window.
    _terms_parameter: ClassVar[str]
    # Whether the observables are read off the whole window or off its newest state.
    _reads_window: ClassVar[bool]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "lag": [Interval(Integral, 1, None, closed="left")],
        "dt": [Interval(Real, 0, None, closed="neither")],
        "horizon": [Interval(Integral, 1, None, closed="left"), None],
        "n_context": [Interval(Integral, 1, None, closed="left"), None],
    }

    # What a subclass supplies -------------------------------------------------------------------

    def _fit_lift(self, runs: Trajectories) -> Any:
        """Fit the transformer from states to latent states; None where they are the same."""
        return None

    def _solve(
        self, runs: Trajectories, moments: WindowMoments, covariance: Array, ridge: float, output: AffineMap
    ) -> tuple[Callable[..., DelayModel], dict[str, Any]]:
        """Turn moments into what makes the model of the other parts, and the fitted attributes to store."""
        raise NotImplementedError

    def _steps_linearly(self, readable: bool) -> bool:
        """Whether the latent state is advanced without going back to the user's state."""
        return True

    # Fitting ------------------------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn the dynamics from trajectories.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            One trajectory, many of equal length, or a list of 2-D arrays for runs of unequal length.
        y : array-like of shape (n_steps, ...) or (n_trajectories, n_steps, ...), or list, default=None
            Observables to forecast, at the steps of X. None means X itself.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is not valid, or a run is shorter than a window of history and its successor.
        """
        return self._accumulate(X, y, first=True)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any = None) -> Any:
        """Learn from one more chunk of trajectories; any chunking gives the model of all the data.

        A trajectory must not be split between chunks: the windows across the cut would be missing.
        Parameters must not change between chunks. Where the model has observables that are fitted, they are
        fitted on the first chunk.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            More trajectories.
        y : array-like of shape (n_steps, ...) or (n_trajectories, n_steps, ...), or list, default=None
            Their observables, in every chunk or in none.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is not valid or does not fit the earlier chunks.
        """
        return self._accumulate(X, y, first=not hasattr(self, "_moments"))

    def _accumulate(self, X: Any, y: Any, *, first: bool) -> TrajectoryRegressor:
        runs = check_trajectories(X, estimator=self, reset=first)
        shape: tuple[int, ...] | None = None
        targets: tuple[NDArray[Any], ...] = tuple(block[..., :0] for block in runs.blocks)
        if y is not None:
            targets, shape = check_outputs(y, runs)
        n_terms, span = self._n_terms, self._n_terms * self.lag
        if runs.lengths.min() <= span:
            raise ValueError(
                f"a trajectory of n_samples={runs.lengths.min()} steps is too short: {self._terms_parameter}="
                f"{getattr(self, self._terms_parameter)} at lag={self.lag} needs at least {span + 1} steps. "
                "Lower them, or leave short runs out."
            )
        if not first:
            self._check_continuation(shape)
        lift = self._fit_lift(runs) if first else self._lift
        part = sum_windows(
            runs.blocks, targets, n_terms, self.lag, None if lift is None else partial(self._lifted, lift)
        )
        moments = part if first else self._moments + part
        fitted = self._build(runs, moments, None if lift is None else runs.n_features, shape is not None)
        store_fitted(self, **fitted, **runs.columns, _lift=lift, _output_shape=shape, _moments=moments)
        return self

    def _check_continuation(self, shape: tuple[int, ...] | None) -> None:
        if shape != self._output_shape:
            raise ValueError(
                "y must have the same observables in every chunk (or be None in all): earlier chunks had "
                f"shape {self._output_shape} per step, this one has {shape}."
            )
        if (self._moments.n_terms, self._model.lag) != (self._n_terms, self.lag):
            raise ValueError(f"{self._terms_parameter} and lag must not change between calls of partial_fit; call fit.")

    def _build(
        self, runs: Trajectories, moments: WindowMoments, n_state: int | None, has_output: bool
    ) -> dict[str, Any]:
        covariance = moments.covariance()
        history = covariance[moments.history, moments.history]
        ridge = self.alpha * float(np.mean(np.diag(history)))
        n_read = len(history) if self._reads_window else moments.n_latent
        readout = fit_readout(moments, history, ridge, n_state, n_read, has_output)
        make_model, attributes = self._solve(runs, moments, covariance, ridge, readout.output)
        model = make_model(
            n_terms=moments.n_terms,
            lag=self.lag,
            read_state=readout.state,
            read_output=readout.output,
            state_of_latent=None if self._steps_linearly(readout.readable) else readout.state_of_latent,
            history_mean=moments.mean[moments.history],
            history_factor=jittered_cholesky(history, ridge),
        )
        return {**attributes, "_model": model}

    # Forecasting --------------------------------------------------------------------------------

    def predict(self, X: Any) -> Any:
        """Forecast one lag ahead of every step.

        A step with less than the full history before it is forecast from what there is, by the
        shorter-memory model of the same second moments.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories.

        Returns
        -------
        ndarray of shape (n_steps, ...) or (n_trajectories, n_steps, ...), or list
            Row t is the forecast of the observables at step ``t + lag``, in the form of X.

        Raises
        ------
        ValueError
            If X is not valid.
        OverflowError
            If a prediction is not a finite number.
        """
        check_is_fitted(self, "_model")
        runs = check_trajectories(X, estimator=self, reset=False)
        blocks = []
        with np.errstate(over="ignore", invalid="ignore"):
            for block in runs.blocks:
                latent = self._lifted(self._lift, block)
                Z = self._model.history(latent, np.arange(block.shape[1]))
                Z, state = self._model.step(Z, self._relift)
                out = self._model.read(Z, state, as_state=self._output_shape is None)
                if not np.isfinite(out).all():
                    raise OverflowError("a prediction left the range of floating-point numbers: rescale X.")
                blocks.append(self._shaped(out, as_state=False))
        return runs.restore(blocks)

    def forecast(self, X: Any, n_steps: int, *, state: bool = False) -> Array:
        """Continue trajectories of which the start was observed.

        Parameters
        ----------
        X : array-like of shape (n_steps_observed, n_features) or (n_trajectories, n_steps_observed, \
n_features), or list
            Observed starts, of at least `lag` steps; what is missing of the full history is completed.
        n_steps : int
            Number of data steps to forecast, at least 1, whatever `lag` is.
        state : bool, default=False
            Whether to forecast the state X instead of the observables y.

        Returns
        -------
        ndarray of shape (n_steps, ...) or (n_trajectories, n_steps, ...)
            The continuation: of one trajectory for 2-D X, else of all.

        Raises
        ------
        ValueError
            If X is not valid or too short, or `n_steps` is below 1.
        OverflowError
            If the forecast leaves the range of floating-point numbers; the message names the step.
        """
        return self._continue(X, n_steps, state, self._mean_continuation)

    def _mean_continuation(self, latent: Array, n_steps: int, as_state: bool) -> Array:
        last = np.array([latent.shape[1] - 1])
        return self._model.forecast(latent, last, n_steps, self._relift, as_state=as_state)[:, 0]

    def _continue(self, X: Any, n_steps: int, state: bool, advance: Callable[[Array, int, bool], Array]) -> Array:
        """Check starts and continue them by ``advance``, which gives (n_runs, ..., n_steps, n_outputs)."""
        check_is_fitted(self, "_model")
        n_steps = check_step_count(n_steps, "n_steps")
        runs = check_trajectories(X, estimator=self, reset=False)
        lag = self._model.lag
        if (shortest := runs.lengths.min()) < lag:
            raise ValueError(
                f"X has a run of {shortest} steps, but at lag={lag} a forecast needs at least {lag} observed steps."
            )
        as_state, reach = state or self._output_shape is None, self._model.n_terms * lag
        blocks = [advance(self._lifted(self._lift, block[:, -reach:]), n_steps, as_state) for block in runs.blocks]
        out = runs.stack(blocks)
        finite = np.isfinite(out).all(axis=(*range(out.ndim - 2), -1))
        if not finite.all():
            raise OverflowError(
                f"the forecast leaves the range of floating-point numbers at step {np.argmin(finite) + 1} of "
                f"{n_steps}: the model is unstable. Forecast fewer steps, raise alpha, use fewer terms or "
                "a lower rank."
            )
        out = self._shaped(out, as_state=state)
        return out[0] if runs.layout == "rows" else out

    def hindcast(self, X: Any, y: Any = None, *, horizon: int | None = None) -> Hindcast:
        """Forecast known trajectories from every step that leaves `horizon` steps of truth after it.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories.
        y : array-like of shape (n_steps, ...) or (n_trajectories, n_steps, ...), or list, default=None
            Their observables; None means X itself and is for models that were fitted so.
        horizon : int, default=None
            Number of data steps to forecast. None means the parameter `horizon`, and where that is None, 10
            or what the shortest run allows.

        Returns
        -------
        Hindcast
            Truth and forecasts. The first origin is the step ``n_context - 1``, where the default
            `n_context` is the model's full memory; runs too short for one forecast give none.

        Raises
        ------
        ValueError
            If X or y is not valid, or no run is long enough.
        """
        check_is_fitted(self, "_model")
        runs = check_trajectories(X, estimator=self, reset=False)
        truth = self._truth(y, runs)
        lengths, n_context = runs.lengths, self._context()
        if horizon is None:
            horizon = self.horizon
        if horizon is None:
            horizon = min(DEFAULT_HORIZON, max(1, lengths.min() - n_context))
        horizon = check_step_count(horizon, "horizon")
        if lengths.max() < n_context + horizon:
            raise ValueError(
                f"no trajectory is long enough: the longest has n_samples={lengths.max()} steps, but a "
                f"context of {n_context} and a horizon of {horizon} need {n_context + horizon}."
            )
        parts = []
        for block, known, members in zip(runs.blocks, truth, runs.members, strict=True):
            origins = np.arange(n_context - 1, block.shape[1] - horizon)
            if len(origins):
                latent, as_state = self._lifted(self._lift, block), self._output_shape is None
                pred = self._model.forecast(latent, origins, horizon, self._relift, as_state=as_state)
                parts.append((truth_after(known, origins, horizon), pred, members, origins))
        return join(parts)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Score free-running forecasts of held-out trajectories by their variance-weighted R2.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories.
        y : array-like of shape (n_steps, ...) or (n_trajectories, n_steps, ...), or list, default=None
            Their observables; None means X itself and is for models that were fitted so.
        sample_weight : array-like, default=None
            A weight for each trajectory; for one trajectory (2-D X) a weight for each step, which counts
            for the forecast that starts there.

        Returns
        -------
        float
            1 minus the squared error of all forecasts over `horizon` data steps (the parameter; None means
            10 steps or what the shortest run allows) relative to the variance of the truth; see
            `skmst.metrics.variance_weighted_r2`. A forecast that explodes makes it -inf.

        Raises
        ------
        ValueError
            If the data are not valid, no run is long enough, or the truth does not vary.
        """
        past = self.hindcast(X, y)
        weights = None
        if sample_weight is not None:
            weights = past.weights(sample_weight, len(X), by_step=parse_layout(X)[0] == "rows")
        return float(variance_weighted_r2(past.y_true, past.y_pred, sample_weight=weights))

    # Helpers ------------------------------------------------------------------------------------

    @property
    def _n_terms(self) -> int:
        return int(getattr(self, self._terms_parameter))

    @staticmethod
    def _lifted(lift: Any, states: NDArray[Any]) -> NDArray[Any]:
        """Lift states (..., n_features) to latent states (..., n_latent)."""
        if lift is None:
            return states
        rows = np.asarray(lift.transform(states.reshape(-1, states.shape[-1])))
        if rows.ndim != 2 or rows.dtype.kind not in "biuf":
            raise ValueError("observables must return a dense 2-D array of real numbers.")
        if not np.isfinite(rows).all():
            raise ValueError("observables returned NaN or infinity for finite states.")
        return rows.reshape(*states.shape[:-1], rows.shape[1])

    def _relift(self, states: Array) -> Array:
        """Lift forecast states again; those that exploded stay so, since a transformer would refuse them."""
        rows = states.reshape(-1, states.shape[-1])
        lifted = np.full((len(rows), self._model.n_latent), np.nan)
        sound = (np.abs(rows) < _EXPLODED).all(axis=1)
        if sound.any():
            lifted[sound] = self._lift.transform(rows[sound])
        return lifted.reshape(*states.shape[:-1], -1)

    def _shaped(self, out: Array, *, as_state: bool) -> Array:
        if as_state or self._output_shape is None:
            return out
        return out.reshape(*out.shape[:-1], *self._output_shape)

    def _context(self) -> int:
        lag = self._model.lag
        n_context = self._model.n_terms * lag if self.n_context is None else self.n_context
        if n_context < lag:
            raise ValueError(f"n_context={n_context} is shorter than lag={lag}: raise it to lag or more.")
        return int(n_context)

    def _truth(self, y: Any, runs: Trajectories) -> tuple[NDArray[Any], ...]:
        expected = (runs.n_features,) if self._output_shape is None else self._output_shape
        if y is None:
            if self._output_shape is not None:
                raise ValueError("this model was fitted to forecast y: y is needed to judge its forecasts.")
            return runs.blocks
        truth, shape = check_outputs(y, runs)
        if shape != expected:
            raise ValueError(f"y has shape {shape} per step where the model forecasts {expected}.")
        return truth

    def __sklearn_tags__(self) -> Any:
        """Set the tags of a regressor of sequences."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.regressor_tags.poor_score = True
        return tags
