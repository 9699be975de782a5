"""What a memory model does with its noise: ensembles, samples, residuals."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skmst.master_equation.simulation import (
    JumpStep,
    NoiseSource,
    ensemble,
    gaussian_noise,
    no_noise,
    propagator_ensemble,
    residual_noise,
)
from skmst.trajectories import check_step_count, check_trajectories, parse_layout
from skmst.utils.delay_model import DelayModel
from skmst.utils.propagator_model import PropagatorModel

Array = NDArray[np.float64]


class EnsembleMixin:
    """Adds noise to a regressor of trajectories; stand left of `TrajectoryRegressor`."""

    method: str
    constraint: str | None
    _model: DelayModel
    # What makes probabilities of X, if anything does.
    _lift: Any
    # Whether the noise is known to be correlated in time, by how the kernels are made.
    _noise_remembers: bool
    noise_cov_: Array

    def forecast(
        self,
        X: Any,
        n_steps: int,
        *,
        state: bool = False,
        n_ensemble: int | None = None,
        noise: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Continue trajectories of which the start was observed, by the conditional mean or by an ensemble.

        Parameters
        ----------
        X : array-like of shape (n_steps_observed, n_features) or (n_trajectories, n_steps_observed, \
n_features), or list
            Observed starts, of at least `lag` steps; what is missing of the full history is completed.
        n_steps : int
            Number of data steps to forecast, at least 1, whatever `lag` is.
        state : bool, default=False
            Whether to forecast the state X instead of the observables y.
        n_ensemble : int or None, default=None
            Members for each trajectory, each with its own noise in every step. None forecasts the mean, without noise.
        noise : array-like of shape (n_runs, n_steps_noise, n_features), or list of 2-D arrays, default=None
            Residuals to draw the noise from, in the order in which they were: what `orthogonal_noise` gives for the
            training data, or for others. None draws normal noise of the covariance `noise_cov_`, independent from step
            to step: right where the noise is white (`skmst.master_equation.whiteness`).
        random_state : int, RandomState instance or None, default=None
            Seed of the noise.

        Returns
        -------
        ndarray of shape ([n_ensemble,] n_steps, ...) or ([n_ensemble,] n_trajectories, n_steps, ...)
            The continuation: of one trajectory for 2-D X, else of all.

        Raises
        ------
        ValueError
            If X is not valid or too short, a number is below 1, or `noise` does not fit the model.
        OverflowError
            If the forecast leaves the range of floating-point numbers; the message names the step.

        Notes
        -----
        The spread of members is that of the state: what the observables y have beyond the state does not enter.
        `skmst.metrics.conformal_radius` gives intervals that hold all that goes wrong. At ``lag`` above 1 every lead
        has the right spread, but normal noise of the steps within a lag is drawn independently; residuals keep its
        order.
        """
        if n_ensemble is None:
            if noise is not None:
                raise ValueError("noise is for ensembles: give n_ensemble, the number of members, with it.")
            mean: Array = super().forecast(X, n_steps, state=state)  # type: ignore[misc]
            return mean
        check_is_fitted(self, "_model")
        return self._ensemble(self._model, X, n_steps, state, n_ensemble, noise, random_state)

    def sample(
        self,
        n_trajectories: int = 1,
        n_steps: int = 100,
        *,
        burn_in: int = 0,
        noise: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Draw trajectories of the model itself.

        They start from windows of history that are normal with the mean and covariance of the training data, which for
        a linear model of stationary data is its stationary law. Models of probabilities start from the mean of the
        training data, draw one state after the other, and leave out as many as they remember.

        Parameters
        ----------
        n_trajectories : int, default=1
            Number of trajectories.
        n_steps : int, default=100
            Number of states of each; they are `lag` data steps apart.
        burn_in : int, default=0
            Number of states that are drawn before and thrown away; needed where the model is not linear, or its data
            were not stationary.
        noise : array-like of shape (n_runs, n_steps_noise, n_features), or list of 2-D arrays, default=None
            As for `forecast`; of a model with `lag` above 1, one in `lag` residuals is used.
        random_state : int, RandomState instance or None, default=None
            Seed.

        Returns
        -------
        ndarray of shape (n_trajectories, n_steps, n_features)
            The trajectories.

        Raises
        ------
        ValueError
            If a number is out of range or `noise` does not fit the model.
        OverflowError
            If the model is unstable and a trajectory leaves the range of floating-point numbers.
        """
        check_is_fitted(self, "_model")
        n_trajectories = check_step_count(n_trajectories, "n_trajectories")
        n_steps = check_step_count(n_steps, "n_steps")
        if not isinstance(burn_in, Integral) or isinstance(burn_in, bool) or burn_in < 0:
            raise ValueError(f"burn_in must be a whole number of steps, at least 0; got {burn_in!r}.")
        source, rng = self._noise_source(noise, stride=self._model.lag), _generator(random_state)
        model = replace(self._model, lag=1)
        factor = model.history_factor
        if self._lift is None:
            windows = model.history_mean + rng.standard_normal((n_trajectories, len(factor))) @ factor.T
        else:
            windows = np.tile(model.history_mean, (n_trajectories, 1))
            burn_in += model.n_terms
        latent = windows.reshape(n_trajectories, model.n_terms, -1)[:, ::-1]  # a window has the newest state first
        out = self._members(model, latent, n_steps + int(burn_in), 1, source, rng, True)[0]
        if not np.isfinite(out).all():
            raise OverflowError("a trajectory leaves the range of floating-point numbers: the model is unstable.")
        return out[:, burn_in:]

    def orthogonal_noise(self, X: Any) -> Any:
        """Residuals of one-lag forecasts: the noise that the past of X does not know.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories, held out from the fit where the noise is to be judged.

        Returns
        -------
        ndarray of shape (n_noise, n_features) or (n_trajectories, n_noise, n_features), or list
            ``x(t + lag)`` minus its forecast from the full history up to t, at every t that has both; in the form of X.

        Raises
        ------
        ValueError
            If X is not valid, or a run is shorter than the memory and its successor.
        """
        check_is_fitted(self, "_model")
        runs = check_trajectories(X, estimator=self, reset=False)
        model, first = self._model, (self._model.n_terms - 1) * self._model.lag
        if runs.lengths.min() <= first + model.lag:
            raise ValueError(
                f"X has a run of {runs.lengths.min()} steps, but noise needs the whole memory and its successor, "
                f"{first + model.lag + 1} steps."
            )
        blocks = []
        for block, numbers in zip(runs.blocks, runs.members, strict=True):
            x = self._latent(block, numbers)  # type: ignore[attr-defined]
            windows = model.history(x, np.arange(first, x.shape[1] - model.lag))
            newest = model.advance(windows)[..., : model.n_latent]
            blocks.append(x[:, first + model.lag :] - newest)
        return runs.restore(blocks)

    def _ensemble(
        self,
        model: DelayModel,
        X: Any,
        n_steps: int,
        state: bool,
        n_ensemble: Any,
        noise: Any,
        random_state: Any,
        *,
        in_units: bool = True,
    ) -> Array:
        """Members ahead of X, of shape (n_ensemble, [n_runs,] n_steps, ...)."""
        if not isinstance(n_ensemble, Integral) or isinstance(n_ensemble, bool) or n_ensemble < 1:
            raise ValueError(f"n_ensemble must be a whole number of members, at least 1, or None; got {n_ensemble!r}.")
        source, rng = self._noise_source(noise), _generator(random_state)

        def members(latent: Array, n_steps: int, as_state: bool) -> Array:
            return self._members(model, latent, n_steps, int(n_ensemble), source, rng, as_state).swapaxes(0, 1)

        out: Array = self._continue(X, n_steps, state, members, in_units=in_units)  # type: ignore[attr-defined]
        return out if parse_layout(X)[0] == "rows" else out.swapaxes(0, 1)

    def _members(
        self,
        model: DelayModel,
        latent: Array,
        n_steps: int,
        n_ensemble: int,
        source: NoiseSource | None,
        rng: np.random.Generator,
        as_state: bool,
    ) -> Array:
        """Members of shape (n_ensemble, n_runs, n_steps, n_outputs)."""
        last = latent.shape[1] - 1
        if self._lift is not None:
            model = replace(model, advance=JumpStep(model.advance, model.n_latent, rng))
        if source is not None:
            ends = np.arange(last - model.lag + 1, last + 1)
            starts = list(model.history(latent, ends[: min(model.lag, n_steps)]).swapaxes(0, 1))
            return ensemble(model, starts, n_steps, n_ensemble, source, rng, as_state=as_state)
        assert isinstance(model, PropagatorModel)
        mean = model.forecast(latent, np.array([last]), n_steps, lambda states: states, as_state=as_state)[:, 0]
        return propagator_ensemble(model, mean, n_ensemble, rng, as_state=as_state)

    def _check_jumps(self, noise: Any) -> None:
        if noise is not None:
            raise ValueError("noise would lead off the probabilities: members of this model draw states, leave it out.")
        if self.constraint is None or not self._lift.has_members:
            raise ValueError(
                "members draw one state after the other, which takes a constraint that keeps probabilities, and states "
                "that one can be in (not state='energy', of which all bands have a share): forecast without n_ensemble."
            )

    def _noise_source(self, noise: Any, stride: int = 1) -> NoiseSource | None:
        """Where noise comes from; None for models of propagators, which make their own."""
        if self._lift is not None:
            self._check_jumps(noise)
            return no_noise
        of_propagators = isinstance(self._model, PropagatorModel)
        if noise is None and self._noise_remembers:
            raise ValueError(
                f"kernels of method={self.method!r} leave noise that is not white, and independent normal noise would "
                "make the spread wrong: give noise=model.orthogonal_noise(X) of the training data, or use "
                "method='regression'."
            )
        if noise is None:
            return None if of_propagators else gaussian_noise(self.noise_cov_)
        if of_propagators:
            raise ValueError(
                "noise is drawn from residuals where every step adds some; this method forecasts from the origin and "
                "makes normal errors of its own: leave noise out, or use another method."
            )
        runs = check_trajectories(noise, input_name="noise")
        if runs.n_features != self._model.n_latent:
            raise ValueError(f"noise has {runs.n_features} features where the model has {self._model.n_latent}.")
        parts = [run[phase::stride] for block in runs.blocks for run in block for phase in range(stride)]
        return residual_noise([part for part in parts if len(part)])


def _generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    """Seed numpy's newer generator, which draws normal numbers several times faster."""
    return np.random.default_rng(check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4))
