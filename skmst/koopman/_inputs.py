"""What `KoopmanRegressor` does with inputs: they are checked, joined to the observables, and given along forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skmst._base import TrajectoryRegressor
from skmst._hindcast import Hindcast
from skmst.koopman.driven import driven_dynamics
from skmst.koopman.spectrum import rates, spectrum, timescales
from skmst.trajectories import Trajectories, check_outputs
from skmst.utils._sklearn import fit_context
from skmst.utils.delay_model import DelayModel, with_inputs
from skmst.utils.linalg import jittered_cholesky
from skmst.utils.readout import fit_readout

Array = NDArray[np.float64]
Blocks = tuple[NDArray[Any], ...]


class DrivenRegressor(TrajectoryRegressor):
    """Methods of `KoopmanRegressor` that take inputs."""

    # With scikit-learn's metadata routing switched on, searches and Pipelines pass inputs without being asked to.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"inputs": True}
    __metadata_request__partial_fit: ClassVar[dict[str, bool]] = {"inputs": True}
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"inputs": True}
    __metadata_request__score: ClassVar[dict[str, bool]] = {"inputs": True}

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, *, inputs: Any = None) -> Any:
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
            Known inputs (controls, forcing) at the steps of X: that of a step acts until the next one.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or `inputs` is not valid, a run is shorter than a window of history and its successor, or inputs do
            not go with the other parameters.
        """
        return self._accumulate(X, y, None, inputs)

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
            Their inputs, for models that were fitted with such.

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

    def hindcast(self, X: Any, y: Any = None, *, horizon: int | None = None, inputs: Any = None) -> Hindcast:
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
        return self._rolling(X, y, horizon, inputs)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, inputs: Any = None) -> float:
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
        return self._score_of(self.hindcast(X, y, inputs=inputs), X, sample_weight)

    # Fitting ------------------------------------------------------------------------------------

    def _driven(self, runs: Trajectories, targets: Blocks, lift: Any, inputs: Any) -> tuple[Trajectories, Blocks, int]:
        settings: dict[str, Any] = self.get_params(deep=False)
        if settings["lag"] != 1:
            raise ValueError(f"inputs act from one step to the next, but lag={settings['lag']}: set lag=1.")
        if settings["solver"] != "edmd" or settings["rank"] is not None:
            raise ValueError(
                f"inputs go with solver='edmd' and rank=None, not with solver={settings['solver']!r} and "
                f"rank={settings['rank']}: reduce the features instead."
            )
        given, _ = check_outputs(inputs, runs, input_name="inputs")
        lifted = [self._lifted(lift, block) for block in runs.blocks]
        latent = tuple(with_inputs(z, u, settings["bilinear"]) for z, u in zip(lifted, given, strict=True))
        if lift is not None:
            targets = tuple(np.concatenate(pair, axis=-1) for pair in zip(runs.blocks, targets, strict=True))
        return replace(runs, blocks=latent), targets, given[0].shape[-1]

    def _build(self, latent: Trajectories, gathered: Any) -> dict[str, Any]:
        m = gathered.n_inputs
        return self._build_driven(gathered, m) if m else super()._build(latent, gathered)

    def _build_driven(self, gathered: Any, m: int) -> dict[str, Any]:
        moments, settings = gathered.moments, self.get_params(deep=False)
        n = (moments.n_latent - m) // (1 + m) if settings["bilinear"] else moments.n_latent - m
        covariance = moments.covariance()
        history = covariance[moments.history, moments.history]
        ridge = settings["alpha"] * float(np.mean(np.diag(history)))
        n_state = None if gathered.lift is None else gathered.n_features
        readout = fit_readout(moments, history, ridge, n_state, n, gathered.output_shape is not None, n_newest=n)
        found = driven_dynamics(moments, n, m, ridge=ridge)
        pairs = spectrum(found.left, found.right, found.unforced.before, found.unforced.cross, found.unforced.after)
        rate = rates(pairs.eigenvalues, settings["dt"])
        model = DelayModel(
            n_terms=moments.n_terms,
            lag=1,
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
            "_model": model,
        }
        return {**fitted, "bilinear_matrices_": found.bilinear} if settings["bilinear"] else fitted

    # Checks -------------------------------------------------------------------------------------

    def _inputs_along(self, inputs: Any, runs: Trajectories, n_ahead: int = 0) -> Sequence[NDArray[Any] | None]:
        m = self._model.n_inputs
        if (inputs is None) != (m == 0):
            raise ValueError(
                f"this model was fitted with {m} inputs: pass inputs=, at the steps of X and of the forecast."
                if m
                else "this model was fitted without inputs, so it takes none."
            )
        if inputs is None:
            return [None] * len(runs.blocks)
        if n_ahead:
            runs, inputs = _ahead(runs, inputs, n_ahead - 1)
        blocks, _ = check_outputs(inputs, runs, input_name="inputs")
        if blocks[0].shape[-1] != m:
            raise ValueError(f"inputs has {blocks[0].shape[-1]} inputs where the model was fitted with {m}.")
        # The input at the last step that is forecast acts on nothing.
        return [np.pad(block, ((0, 0), (0, 1), (0, 0))) for block in blocks] if n_ahead else list(blocks)

    def _refuse_inputs(self, what: str) -> None:
        if self._model.n_inputs:
            raise ValueError(f"{what} of other data is not defined for a model with inputs: they move the states, too.")


def _ahead(runs: Trajectories, inputs: Any, n_more: int) -> tuple[Trajectories, Any]:
    """Stretch runs by some steps that were not observed, and cut inputs to that length if they go on."""
    stretched = tuple(np.empty((len(b), b.shape[1] + n_more, 0)) for b in runs.blocks)
    if runs.layout == "list":
        if isinstance(inputs, list | tuple) and len(inputs) == runs.n_trajectories:
            needed = runs.lengths + n_more
            inputs = [np.asarray(u)[:n] for u, n in zip(inputs, needed, strict=True)]
    else:
        n_needed = stretched[0].shape[1]
        axis = (slice(n_needed),) if runs.layout == "rows" else (slice(None), slice(n_needed))
        inputs = np.asarray(inputs)
        inputs = inputs[axis] if inputs.ndim >= len(axis) else inputs
    return replace(runs, blocks=stretched), inputs
