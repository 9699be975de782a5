"""What the regressors of trajectories share once fitted: forecasts and their score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skmst._fitting import TrajectoryFitter
from skmst._hindcast import Hindcast, join, truth_after
from skmst.metrics import variance_weighted_r2
from skmst.trajectories import Trajectories, check_outputs, check_step_count, check_trajectories, parse_layout
from skmst.utils.delay_model import with_inputs

Array = NDArray[np.float64]

#: Steps over which `score` forecasts where `horizon` is None.
DEFAULT_HORIZON = 10
#: Forecast states beyond this have exploded and are not lifted again.
_EXPLODED = 1e100


class TrajectoryRegressor(TrajectoryFitter):
    """Base of the regressors that learn linear dynamics of windows of history from second moments."""

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
        return self._one_lag_ahead(X)

    def _one_lag_ahead(self, X: Any, inputs: Any = None) -> Any:
        check_is_fitted(self, "_model")
        runs = check_trajectories(X, estimator=self, reset=False)
        blocks, driven = [], self._inputs_along(inputs, runs)
        with np.errstate(over="ignore", invalid="ignore"):
            for block, numbers, u in zip(runs.blocks, runs.members, driven, strict=True):
                Z = self._model.history(self._with(u, self._latent(block, numbers)), np.arange(block.shape[1]))
                Z, state = self._model.step(Z, self._relift)
                out = self._model.read(Z, state, as_state=self._output_shape is None)
                if self._output_shape is None:
                    out = self._in_units(out, block)
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

    def _mean_continuation(self, latent: Array, n_steps: int, as_state: bool, **driven: Any) -> Array:
        last = np.array([latent.shape[1] - 1])
        return self._model.forecast(latent, last, n_steps, self._relift, as_state=as_state, **driven)[:, 0]

    def _continue(
        self,
        X: Any,
        n_steps: int,
        state: bool,
        advance: Callable[..., Array],
        *,
        in_units: bool = True,
        inputs: Any = None,
    ) -> Array:
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
        blocks, driven = [], self._inputs_along(inputs, runs, n_steps)
        for block, numbers, u in zip(runs.blocks, runs.members, driven, strict=True):
            latent, future = self._latent(block, numbers, reach), {}
            if u is not None:
                n_known = block.shape[1]
                latent = self._with(u[:, max(n_known - reach, 0) : n_known], latent)
                future = {"inputs": u[:, None, n_known:]}
            out = advance(latent, n_steps, as_state, **future)
            blocks.append(self._in_units(out, block) if as_state and in_units else out)
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
        return self._rolling(X, y, horizon)

    def _rolling(self, X: Any, y: Any, horizon: int | None, inputs: Any = None, times: Any = None) -> Hindcast:
        check_is_fitted(self, "_model")
        runs = check_trajectories(X, estimator=self, reset=False)
        truth, driven, stamps = self._truth(y, runs), self._inputs_along(inputs, runs), self._times_along(times, runs)
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
        for block, known, members, u, t in zip(runs.blocks, truth, runs.members, driven, stamps, strict=True):
            origins = np.arange(n_context - 1, block.shape[1] - horizon)
            if len(origins):
                latent, as_state = self._with(u, self._latent(block, members)), self._output_shape is None
                future = {} if u is None else {"inputs": truth_after(u, origins, horizon)}
                pred = self._from_origins(latent, origins, horizon, t, as_state=as_state, **future)
                if as_state:
                    pred = self._in_units(pred, block)
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
        return self._score_of(self.hindcast(X, y), X, sample_weight)

    @staticmethod
    def _score_of(past: Hindcast, X: Any, sample_weight: Any) -> float:
        weights = None
        if sample_weight is not None:
            weights = past.weights(sample_weight, len(X), by_step=parse_layout(X)[0] == "rows")
        return float(variance_weighted_r2(past.y_true, past.y_pred, sample_weight=weights))

    # Helpers ------------------------------------------------------------------------------------

    def _latent(self, block: NDArray[Any], numbers: NDArray[np.intp], reach: int | None = None) -> Array:
        """Latent states along runs of those numbers; of the last `reach` steps only, where that is given."""
        return self._lifted(self._lift, block if reach is None else block[:, -reach:])

    def _inputs_along(self, inputs: Any, runs: Trajectories, n_ahead: int = 0) -> Sequence[NDArray[Any] | None]:
        """Check the inputs of runs, and of `n_ahead` steps after them; None for each block where there are none."""
        return [None] * len(runs.blocks)

    def _times_along(self, times: Any, runs: Trajectories) -> Sequence[NDArray[Any] | None]:
        """Check the times of the steps of runs; None for each block where steps are at equal distances."""
        return [None] * len(runs.blocks)

    def _from_origins(
        self,
        latent: Array,
        origins: NDArray[np.intp],
        horizon: int,
        times: Array | None,
        *,
        as_state: bool,
        **driven: Any,
    ) -> Array:
        """Forecast from each origin to the steps that follow; shape (n_runs, n_origins, horizon, n_outputs)."""
        return self._model.forecast(latent, origins, horizon, self._relift, as_state=as_state, **driven)

    def _with(self, u: NDArray[Any] | None, latent: Array) -> Array:
        return latent if u is None else with_inputs(latent, u, self._model.bilinear)

    def _in_units(self, out: Array, block: NDArray[Any]) -> Array:
        """Give states that were read off latent ones, (n_runs, ..., n_features), in the units of their runs."""
        return out

    def _relift(self, states: Array) -> Array:
        """Lift forecast states again; those that exploded stay so, since a transformer would refuse them."""
        rows = states.reshape(-1, states.shape[-1])
        lifted = np.full((len(rows), self._model.n_lifted), np.nan)
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
