"""What `KoopmanRegressor` does with inputs: they are checked, joined to the observables, and given along forecasts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skmst._base import TrajectoryRegressor
from skmst._hindcast import Hindcast
from skmst.koopman._given import ahead, check_input_settings, n_given_after, until_successor
from skmst.koopman._timed import build_timed, check_time_settings, check_times, states_ahead
from skmst.koopman.driven import DrivenDynamics, driven_dynamics
from skmst.koopman.of_windows import pairs_of_windows
from skmst.koopman.spectrum import rates, spectrum, timescales
from skmst.koopman.stability import grows_without_cause
from skmst.trajectories import Trajectories, check_outputs
from skmst.utils._sklearn import fit_context
from skmst.utils.delay_model import DelayModel, with_inputs
from skmst.utils.linalg import jittered_cholesky
from skmst.utils.moments import WindowMoments
from skmst.utils.readout import fit_readout

Array = NDArray[np.float64]
Blocks = tuple[NDArray[Any], ...]


class DrivenRegressor(TrajectoryRegressor):
    """Methods of `KoopmanRegressor` that take inputs."""

    # With scikit-learn's metadata routing switched on, searches and Pipelines pass these without being asked to.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"inputs": True, "times": True}
    __metadata_request__partial_fit: ClassVar[dict[str, bool]] = {"inputs": True}
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"inputs": True}
    __metadata_request__score: ClassVar[dict[str, bool]] = {"inputs": True, "times": True}

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, *, inputs: Any = None, times: Any = None) -> Any:
        """Learn the dynamics from trajectories.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            One trajectory, many of equal length, or a list of 2-D arrays for runs of unequal length; cut runs with
            gaps by `skmst.trajectories.cut_gaps`. Dask arrays and arrays mapped from files (`numpy.memmap`, HDF5,
            zarr) that are larger than scikit-learn's `working_memory` are read once, a chunk of trajectories at a
            time, as `partial_fit` would be given them.
        y : array-like of shape (n_steps, ...) or (n_trajectories, n_steps, ...), or list, default=None
            Observables to forecast, at the steps of X. None means X itself.
        inputs : array-like of shape (n_steps, n_inputs) or (n_trajectories, n_steps, n_inputs), or list, default=None
            Known inputs (controls, forcing) at the steps of X: that of a step acts until the next one. With `lag` above
            1, the inputs of all steps from a state to its successor act on it, each with coefficients of its own.
        times : array-like of shape (n_steps,) or (n_trajectories, n_steps), or list, default=None
            Times of the steps, increasing, at any distances, in the unit of `dt`; for ``solver="optdmd"`` of one state.
            The operator then advances by ``lag * dt``, whatever the distances were, and `predict` and `forecast` take
            steps of `dt`. None means that steps are `dt` apart.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, `inputs` or `times` is not valid, a run is shorter than a window of history and its successor, or
            inputs or times do not go with the other parameters.

        Warns
        -----
        UserWarning
            If the operator grows where the data do not, so that long forecasts explode.
        """
        if times is not None:
            check_time_settings(self.get_params(deep=False))
        return self._accumulate(X, y, None, inputs, times)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any = None, *, inputs: Any = None) -> Any:
        """Learn from one more chunk of trajectories; any chunking gives the model of all the data.

        A trajectory must not be split between chunks: the windows across the cut would be missing.
        Parameters must not change between chunks. Where the model has observables that are fitted, they are fitted on
        the first chunk.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            More trajectories.
        y : array-like of shape (n_steps, ...) or (n_trajectories, n_steps, ...), or list, default=None
            Their observables, in every chunk or in none.
        inputs : array-like of shape (n_steps, n_inputs) or (n_trajectories, n_steps, n_inputs), or list, default=None
            Their inputs, in every chunk or in none.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or `inputs` is not valid or does not fit the earlier chunks.
        """
        return self._accumulate(X, y, self._earlier(), inputs)

    def predict(self, X: Any, *, inputs: Any = None) -> Any:
        """Forecast one lag ahead of every step.

        A step with less than the full history before it is forecast from what there is, by the
        shorter-memory model of the same second moments.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories.
        inputs : array-like of shape (n_steps, n_inputs) or (n_trajectories, n_steps, n_inputs), or list, default=None
            Their inputs, for models that were fitted with such. With `lag` above 1, the last rows depend on inputs
            after X: give ``lag - 1`` steps more, or the last input is taken to be held.

        Returns
        -------
        ndarray of shape (n_steps, ...) or (n_trajectories, n_steps, ...), or list
            Row t is the forecast of the observables at step ``t + lag``, in the form of X.

        Raises
        ------
        ValueError
            If X or `inputs` is not valid.
        OverflowError
            If a prediction is not a finite number.
        """
        return self._one_lag_ahead(X, inputs)

    def forecast(self, X: Any, n_steps: int, *, state: bool = False, inputs: Any = None) -> Array:
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
        inputs : array-like of shape (n_steps_observed + n_steps - 1, n_inputs) or (n_trajectories, ..., n_inputs), \
or list, default=None
            Inputs at the steps of X and, after them, of the forecast, for models that were fitted with such; that at
            the last step, and what follows, may be there and does not matter.

        Returns
        -------
        ndarray of shape (n_steps, ...) or (n_trajectories, n_steps, ...)
            The continuation: of one trajectory for 2-D X, else of all.

        Raises
        ------
        ValueError
            If X or `inputs` is not valid or too short, or `n_steps` is below 1.
        OverflowError
            If the forecast leaves the range of floating-point numbers; the message names the step.
        """
        return self._continue(X, n_steps, state, self._mean_continuation, inputs=inputs)

    def hindcast(
        self, X: Any, y: Any = None, *, horizon: int | None = None, inputs: Any = None, times: Any = None
    ) -> Hindcast:
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
        inputs : array-like of shape (n_steps, n_inputs) or (n_trajectories, n_steps, n_inputs), or list, default=None
            Their inputs, for models that were fitted with such; forecasts are given those of the steps they pass.
        times : array-like of shape (n_steps,) or (n_trajectories, n_steps), or list, default=None
            Times of their steps, for models that were fitted with such; forecasts are for the times of steps.

        Returns
        -------
        Hindcast
            Truth and forecasts. The first origin is the step ``n_context - 1``, where the default
            `n_context` is the model's full memory; runs too short for one forecast give none.

        Raises
        ------
        ValueError
            If X, y or `inputs` is not valid, or no run is long enough.
        """
        return self._rolling(X, y, horizon, inputs, times)

    def score(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, inputs: Any = None, times: Any = None
    ) -> float:
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
        inputs : array-like of shape (n_steps, n_inputs) or (n_trajectories, n_steps, n_inputs), or list, default=None
            Their inputs, for models that were fitted with such.
        times : array-like of shape (n_steps,) or (n_trajectories, n_steps), or list, default=None
            Times of their steps, for models that were fitted with such.

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
        return self._score_of(self.hindcast(X, y, inputs=inputs, times=times), X, sample_weight)

    # Fitting ------------------------------------------------------------------------------------

    def _driven(self, runs: Trajectories, targets: Blocks, lift: Any, inputs: Any) -> tuple[Trajectories, Blocks, int]:
        settings: dict[str, Any] = self.get_params(deep=False)
        check_input_settings(settings)
        given, _ = check_outputs(inputs, runs, input_name="inputs")
        lifted = [self._lifted(lift, block) for block in runs.blocks]
        acting = [until_successor(u, settings["lag"]) for u in given]
        latent = tuple(with_inputs(z, u, settings["bilinear"]) for z, u in zip(lifted, acting, strict=True))
        if lift is not None:
            targets = tuple(np.concatenate(pair, axis=-1) for pair in zip(runs.blocks, targets, strict=True))
        return replace(runs, blocks=latent), targets, acting[0].shape[-1]

    def _build(self, latent: Trajectories, gathered: Any) -> dict[str, Any]:
        m = gathered.n_inputs
        if gathered.times is not None:
            lifted = tuple(self._lifted(gathered.lift, block) for block in latent.blocks)
            return build_timed(lifted, check_times(gathered.times, latent), gathered, self.get_params(deep=False))
        fitted = self._build_driven(gathered, m) if m else super()._build(latent, gathered)
        self._warn_of_growth(fitted, gathered, latent.lengths.max())
        return {**fitted, "_is_timed": False}

    def _warn_of_growth(self, fitted: dict[str, Any], gathered: Any, n_steps: int) -> None:
        model, found = fitted["_model"], fitted["_spectrum"]
        if model.state_of_latent is not None:  # what is lifted again is no power of an operator
            return
        pairs = fitted.get("_unforced")
        if pairs is None:
            pairs = pairs_of_windows(gathered.moments.covariance(), model.n_terms)
        spurious = grows_without_cause(found, pairs, n_steps / model.lag)
        if spurious.any():
            worst = np.abs(found.eigenvalues[spurious]).max()
            warnings.warn(
                f"the model is unstable: a pattern grows by a factor of {worst:.3g} in each lag, which nothing in the "
                "data does, so long forecasts explode. Give a lower rank, raise alpha, take fewer delays, or choose "
                "another solver.",
                stacklevel=5,
            )

    def _build_driven(self, gathered: Any, m: int) -> dict[str, Any]:
        moments, settings = gathered.moments, self.get_params(deep=False)
        n = (moments.n_latent - m) // (1 + m) if settings["bilinear"] else moments.n_latent - m
        covariance = moments.covariance()
        history = covariance[moments.history, moments.history]
        ridge = settings["alpha"] * float(np.mean(np.diag(history)))
        n_state = None if gathered.lift is None else gathered.n_features
        readout = fit_readout(moments, history, ridge, n_state, n, gathered.output_shape is not None, n_newest=n)
        found = self._driven_dynamics(moments, n, m, ridge)
        pairs = spectrum(found.left, found.right, found.unforced.before, found.unforced.cross, found.unforced.after)
        rate = rates(pairs.eigenvalues, settings["lag"] * settings["dt"])
        model = DelayModel(
            n_terms=moments.n_terms,
            lag=settings["lag"],
            advance=found.advance,
            read_state=readout.state,
            read_output=readout.output,
            state_of_latent=None if self._steps_linearly(readout.readable) else readout.state_of_latent,
            history_mean=moments.mean[moments.history],
            history_factor=jittered_cholesky(history, ridge),
            n_inputs=m,
            bilinear=settings["bilinear"],
        )
        fitted = {
            "koopman_matrix_": found.left @ found.right,
            "intercept_": found.intercept,
            "input_matrix_": found.inputs,
            "eigenvalues_": pairs.eigenvalues,
            "rates_": rate,
            "timescales_": timescales(rate),
            "residuals_": pairs.residuals,
            "modes_": readout.output.coefficients @ pairs.right[:n],
            "_spectrum": pairs,
            "_unforced": found.unforced,
            "_unforced_windows": found.unforced_windows,
            "_model": model,
        }
        return {**fitted, "bilinear_matrices_": found.bilinear} if settings["bilinear"] else fitted

    def _driven_dynamics(self, moments: WindowMoments, n: int, m: int, ridge: float) -> DrivenDynamics:
        settings: dict[str, Any] = self.get_params(deep=False)
        return driven_dynamics(moments, n, m, solver=settings["solver"], ridge=ridge, rank=settings["rank"])

    # Checks -------------------------------------------------------------------------------------

    def _inputs_along(self, inputs: Any, runs: Trajectories, n_ahead: int = 0) -> Sequence[NDArray[Any] | None]:
        lag = self._model.lag
        m = self._model.n_inputs // lag
        if (inputs is None) != (m == 0):
            raise ValueError(
                f"this model was fitted with {m} inputs: pass inputs=, at the steps of X and of the forecast."
                if m
                else "this model was fitted without inputs, so it takes none."
            )
        if inputs is None:
            return [None] * len(runs.blocks)
        n_more = n_ahead - 1 if n_ahead else n_given_after(runs, inputs, lag - 1)
        if n_more:
            runs, inputs = ahead(runs, inputs, n_more)
        blocks, _ = check_outputs(inputs, runs, input_name="inputs")
        if blocks[0].shape[-1] != m:
            raise ValueError(f"inputs has {blocks[0].shape[-1]} inputs where the model was fitted with {m}.")
        if n_ahead:
            # The input at the last step that is forecast acts on nothing.
            return [until_successor(np.pad(block, ((0, 0), (0, 1), (0, 0))), lag) for block in blocks]
        return [until_successor(u, lag)[:, : u.shape[1] - n_more] for u in blocks]

    def _times_along(self, times: Any, runs: Trajectories) -> Sequence[NDArray[Any] | None]:
        is_timed = self._is_timed
        if (times is not None) != is_timed:
            raise ValueError(
                "this model was fitted with times: pass times=, one for each step of X."
                if is_timed
                else "this model was fitted without times, so it takes none: its steps are dt apart."
            )
        return super()._times_along(None, runs) if times is None else check_times(times, runs)

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
        if times is None:
            return super()._from_origins(latent, origins, horizon, None, as_state=as_state, **driven)
        model, dt = self._model, self.get_params(deep=False)["dt"]
        fitted: Any = self
        Z = states_ahead(latent, times, origins, horizon, model.lag * dt, fitted._spectrum, fitted.intercept_)
        return model.read(Z, None, as_state=as_state)
