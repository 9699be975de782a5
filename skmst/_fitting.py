"""What the regressors of trajectories share when they fit: checks, chunks, second moments.

How second moments become a model is all that a subclass says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin

from skmst.trajectories import Trajectories, check_outputs, check_trajectories
from skmst.trajectories._chunks import chunks
from skmst.utils._sklearn import Interval, fit_context, store_fitted
from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.linalg import jittered_cholesky
from skmst.utils.moments import WindowMoments, sum_windows
from skmst.utils.persistence import VersionStampMixin
from skmst.utils.readout import Readout, fit_readout

Array = NDArray[np.float64]
Blocks = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class _Gathered:
    """What the chunks of data so far have given."""

    lift: Any
    output_shape: tuple[int, ...] | None
    n_features: int
    lag: int
    moments: WindowMoments
    n_inputs: int = 0
    times: Any = None


class TrajectoryFitter(VersionStampMixin, MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Base of what learns dynamics of windows of history from second moments of trajectories."""

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

    def _prepared(self, runs: Trajectories, targets: Blocks, lift: Any) -> tuple[Trajectories, Blocks, Any]:
        """Give trajectories and outputs to sum up, and the function that lifts rows of the first (or None)."""
        return runs, targets, None if lift is None else partial(self._lifted, lift)

    def _driven(self, runs: Trajectories, targets: Blocks, lift: Any, inputs: Any) -> tuple[Trajectories, Blocks, int]:
        """Give latent trajectories with their inputs, outputs to sum up, and the number of inputs."""
        raise NotImplementedError

    def _readout(
        self, moments: WindowMoments, history: Array, ridge: float, gathered: _Gathered, n_read: int
    ) -> Readout:
        """Fit the maps that read the user's state and the observables off the window."""
        n_state = None if gathered.lift is None else gathered.n_features
        return fit_readout(moments, history, ridge, n_state, n_read, gathered.output_shape is not None)

    def _solve(
        self, runs: Trajectories, moments: WindowMoments, covariance: Array, ridge: float, output: AffineMap, lift: Any
    ) -> tuple[Callable[..., DelayModel], dict[str, Any]]:
        """Turn moments into what makes the model of the other parts, and the fitted attributes to store.

        The trajectories are prepared ones, those of the latest chunk.
        """
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
            One trajectory, many of equal length, or a list of 2-D arrays for runs of unequal length. Dask arrays and
            arrays mapped from files (`numpy.memmap`, HDF5, zarr) that are larger than scikit-learn's
            `working_memory` are read once, a chunk of trajectories at a time, as `partial_fit` would be given them.
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
        return self._accumulate(X, y, None)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any = None) -> Any:
        """Learn from one more chunk of trajectories; any chunking gives the model of all the data.

        A trajectory must not be split between chunks: the windows across the cut would be missing.
        Parameters must not change between chunks. Where the model has observables or states that are fitted, they are
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
        return self._accumulate(X, y, self._earlier())

    def _earlier(self) -> _Gathered | None:
        """What earlier calls of `partial_fit` or `fit` gathered."""
        if not hasattr(self, "_moments"):
            return None
        model = self._model
        return _Gathered(
            self._lift, self._output_shape, self.n_features_in_, model.lag, self._moments, getattr(model, "n_inputs", 0)
        )

    def _accumulate(
        self, X: Any, y: Any, earlier: _Gathered | None, inputs: Any = None, times: Any = None
    ) -> TrajectoryFitter:
        gathered, first = earlier, earlier is None
        # What needs all data at once gets all data at once.
        for start, part, y_part in chunks(X, y) if hasattr(self, "partial_fit") else [(0, X, y)]:
            runs = check_trajectories(part, estimator=self, reset=first)
            runs = replace(runs, members=tuple(numbers + start for numbers in runs.members))
            u_part = inputs if inputs is None or part is X else inputs[start : start + len(part)]
            latent, gathered = self._gather(runs, y_part, gathered, u_part)
        assert gathered is not None
        fitted = self._build(latent, replace(gathered, times=times))
        store_fitted(
            self,
            **fitted,
            **runs.columns,
            _lift=gathered.lift,
            _output_shape=gathered.output_shape,
            _moments=gathered.moments,
        )
        return self

    def _gather(
        self, runs: Trajectories, y: Any, earlier: _Gathered | None, inputs: Any
    ) -> tuple[Trajectories, _Gathered]:
        """Add the moments of checked trajectories to the earlier ones; also give the trajectories as prepared."""
        shape: tuple[int, ...] | None = None
        targets: Blocks = tuple(block[..., :0] for block in runs.blocks)
        if y is not None:
            targets, shape = check_outputs(y, runs)
        self._check_lengths(runs)
        if earlier is not None:
            self._check_continuation(earlier, runs, shape)
        lift = self._fit_lift(runs) if earlier is None else earlier.lift
        latent, outputs, lifted = self._prepared(runs, targets, lift)
        n_inputs = 0
        if inputs is not None:
            latent, outputs, n_inputs = self._driven(runs, targets, lift, inputs)
            lifted = None
        moments = sum_windows(latent.blocks, outputs, self._n_terms, self.lag, lifted)
        if earlier is not None:
            if (moments.n_latent, n_inputs) != (earlier.moments.n_latent, earlier.n_inputs):
                raise ValueError("inputs, and whether they are bilinear, must be the same in every chunk.")
            moments = earlier.moments + moments
        return latent, _Gathered(lift, shape, runs.n_features, self.lag, moments, n_inputs)

    def _check_lengths(self, runs: Trajectories) -> None:
        span, shortest = self._n_terms * self.lag, int(np.argmin(runs.lengths))
        if runs.lengths[shortest] <= span:
            raise ValueError(
                f"a trajectory of n_samples={runs.lengths[shortest]} steps is too short (trajectory "
                f"{shortest + min(int(m.min()) for m in runs.members)}): {self._terms_parameter}="
                f"{getattr(self, self._terms_parameter)} at lag={self.lag} needs at least {span + 1} steps. "
                "Lower them, or leave short runs out."
            )

    def _check_continuation(self, earlier: _Gathered, runs: Trajectories, shape: tuple[int, ...] | None) -> None:
        if shape != earlier.output_shape:
            raise ValueError(
                "y must have the same observables in every chunk (or be None in all): earlier chunks had "
                f"shape {earlier.output_shape} per step, this one has {shape}."
            )
        if runs.n_features != earlier.n_features:
            raise ValueError(f"X has {runs.n_features} features in one chunk and {earlier.n_features} in another.")
        if (earlier.moments.n_terms, earlier.lag) != (self._n_terms, self.lag):
            raise ValueError(f"{self._terms_parameter} and lag must not change between calls of partial_fit; call fit.")

    def _build(self, latent: Trajectories, gathered: _Gathered) -> dict[str, Any]:
        moments = gathered.moments
        covariance = moments.covariance()
        history = covariance[moments.history, moments.history]
        ridge = self.alpha * float(np.mean(np.diag(history)))
        n_read = len(history) if self._reads_window else moments.n_latent
        readout = self._readout(moments, history, ridge, gathered, n_read)
        make_model, attributes = self._solve(latent, moments, covariance, ridge, readout.output, gathered.lift)
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

    def __sklearn_tags__(self) -> Any:
        """Set the tags of a regressor of sequences."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.regressor_tags.poor_score = True
        return tags
