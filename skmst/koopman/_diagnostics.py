"""What a fitted Koopman model says about itself: residuals, scores, pseudospectra, intervals, the generator."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skmst.koopman.bagging import Bags
from skmst.koopman.canonical import singular_functions, vamp_score
from skmst.koopman.generator import OperatorLogarithm, operator_logarithm
from skmst.koopman.intervals import EigenvalueIntervals, check_level, eigenvalue_intervals, intervals_of_moments
from skmst.koopman.of_windows import pairs_of_windows
from skmst.koopman.operators import SOLVERS
from skmst.koopman.optimised import fit_exponentials
from skmst.koopman.pairs import PairMoments
from skmst.koopman.pseudospectra import pseudospectrum
from skmst.koopman.smoothed import intervals_of_bags
from skmst.koopman.spectrum import Spectrum, mode_table, residuals, spectrum
from skmst.trajectories import Trajectories, check_step_count, check_trajectories
from skmst.trajectories._moments import trajectory_moments
from skmst.utils.moments import WindowMoments, sum_windows

Array = NDArray[np.float64]

#: Share of the data in a bag.
_BAG_SIZE = 0.6


class SpectralDiagnosticsMixin:
    """Methods of `KoopmanRegressor` that judge its spectrum, on the training data or on others."""

    rank: Any
    solver: Any
    alpha: Any
    lag: Any
    n_delays: Any
    dt: Any
    koopman_matrix_: Array
    modes_: NDArray[np.complex128]
    _lift: Any
    _moments: WindowMoments
    _spectrum: Any
    _lifted: Any
    _model: Any
    _unforced: Any
    _unforced_windows: Array
    _is_timed: bool
    _times_along: Any
    _windows: Any
    _inputs_along: Any
    _with: Any
    _driven_dynamics: Any

    def generator(self) -> OperatorLogarithm:
        """Find the generator in continuous time: the logarithm of K over ``lag * dt``.

        Returns
        -------
        OperatorLogarithm
            Its `matrix`, of shape (n_latent, n_latent), and whether it exists and is unique; see
            `skmst.koopman.generator.operator_logarithm`.

        Raises
        ------
        ValueError
            If K has a defective eigenvalue zero.

        Warns
        -----
        UserWarning
            If K has no real logarithm.
        """
        check_is_fitted(self, "koopman_matrix_")
        return operator_logarithm(self.koopman_matrix_, self.lag * self.dt)

    def mode_table(self) -> dict[str, NDArray[Any]]:
        """Lay out the modes in columns.

        Returns
        -------
        dict of str to ndarray of shape (n_modes,)
            ``"eigenvalue"``, ``"growth"``, ``"frequency"``, ``"half_life"``, ``"energy"``, ``"residual"``; see
            `skmst.koopman.spectrum.mode_table`. A data frame takes it as it is.
        """
        check_is_fitted(self, "_spectrum")
        return mode_table(self._spectrum, self.modes_, self.lag * self.dt)

    def residuals(self, X: Any, *, inputs: Any = None) -> Array:
        """Relative error with which each eigenfunction obeys its eigenvalue on other data.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories, best such that the model was not fitted to: `residuals_` is free of noise, but not of
            overfitting.
        inputs : array-like or list, default=None
            Their inputs, for models that were fitted with such: what they did is subtracted from the successors.

        Returns
        -------
        ndarray of shape (n_modes,)
            As `residuals_`.

        Raises
        ------
        ValueError
            If X is not valid or a run is too short.
        """
        pairs = self._pairs(X, inputs)
        found = self._spectrum
        return residuals(found.eigenvalues, found.left, pairs.before, pairs.cross, pairs.after)

    def vamp_score(self, X: Any, *, kind: str = "2", inputs: Any = None) -> float:
        """Score the observables by how much of the dynamics of other data they see.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Held-out trajectories.
        kind : {"1", "2", "E"}, default="2"
            As for `skmst.koopman.canonical.vamp_score`; the singular functions are those of the training data, as many
            as `rank` allows.
        inputs : array-like or list, default=None
            Their inputs, for models that were fitted with such: what they did is subtracted from the successors.

        Returns
        -------
        float
            The score, the larger the better. It compares observables of any units, at one `lag`.

        Raises
        ------
        ValueError
            If X is not valid or `kind` is another one.
        """
        held_out = self._pairs(X, inputs)
        learned = self._training_pairs()
        ridge = self.alpha * float(np.mean(np.diag(learned.before)))
        return vamp_score(singular_functions(learned, ridge=ridge, rank=self.rank), held_out, kind)

    def pseudospectrum(self, points: ArrayLike, X: Any = None, *, inputs: Any = None) -> Array:
        """Smallest residual of any function of the observables at given numbers.

        Parameters
        ----------
        points : array-like of complex, any shape
            Where to look, such as a grid around the unit circle.
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list, default=None
            Trajectories to measure it on; None takes the training data.
        inputs : array-like or list, default=None
            Their inputs, for models that were fitted with such: what they did is subtracted from the successors.

        Returns
        -------
        ndarray of the shape of `points`
            See `skmst.koopman.pseudospectra.pseudospectrum`.

        Raises
        ------
        ValueError
            If X or the points are not valid.
        """
        check_is_fitted(self, "_moments")
        return pseudospectrum(self._training_pairs() if X is None else self._pairs(X, inputs), points)

    def eigenvalue_intervals(
        self,
        X: Any,
        *,
        inputs: Any = None,
        times: Any = None,
        n_resamples: int = 200,
        level: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
    ) -> EigenvalueIntervals:
        """Intervals of the eigenvalues by leaving out and resampling whole trajectories.

        Parameters
        ----------
        X : array-like of shape (n_trajectories, n_steps, n_features), or list of 2-D arrays
            The trajectories that the model was fitted to. Observables stay as they were fitted. For
            ``solver="optdmd"`` resamples are bags of their steps (of whole trajectories where there are ten or more),
            and one trajectory will do.
        inputs : array-like or list, default=None
            Their inputs, for models that were fitted with such.
        times : array-like or list, default=None
            The times of their steps, for models that were fitted with such.
        n_resamples, level, random_state
            As for `skmst.koopman.intervals.eigenvalue_intervals`.

        Returns
        -------
        EigenvalueIntervals
            Eigenvalues of these trajectories, with some left out, and of the resamples.

        Raises
        ------
        ValueError
            If X is not valid, is one trajectory, or the solver needs more than second moments.
        """
        runs, driven = self._checked(X, inputs)
        stamps = [t for block in self._times_along(times, runs) if block is not None for t in block] or None
        latent = [
            run
            for block, u in zip(runs.blocks, driven, strict=True)
            for run in self._with(u, self._lifted(self._lift, block))
        ]
        if self.solver not in SOLVERS:
            return self._bagged_intervals(latent, stamps, n_resamples, level, random_state)
        options: dict[str, Any] = {"n_resamples": n_resamples, "level": level, "random_state": random_state}
        if self._model.n_inputs:
            return intervals_of_moments(
                trajectory_moments(latent, self.n_delays, self.lag), self._unforced_spectrum, **options
            )
        return eigenvalue_intervals(
            latent,
            solver=self.solver,
            rank=self.rank,
            alpha=self.alpha,
            lag=self.lag,
            n_delays=self.n_delays,
            **options,
        )

    def _bagged_intervals(
        self, latent: list[Array], times: Any, n_resamples: int, level: float, random_state: Any
    ) -> EigenvalueIntervals:
        check_level(level)
        bags = Bags(check_step_count(n_resamples, "n_resamples"), _BAG_SIZE, check_random_state(random_state))
        windows = [self._windows(run[None])[0] for run in latent]
        unit = self.dt if self._is_timed else 1.0
        found = fit_exponentials(windows, self.rank, times=times, constant=True, bags=bags, random_state=0)
        return intervals_of_bags(found, self.lag * unit, level)

    def _unforced_spectrum(self, covariance: Array) -> Spectrum:
        """Spectrum of the dynamics without inputs, from the covariance of windows of observables and inputs."""
        nothing, p = np.zeros(0), len(covariance)
        moments = WindowMoments(1, self.n_delays, np.zeros(p), covariance, nothing, nothing, np.zeros((0, p)))
        history = covariance[moments.history, moments.history]
        ridge = self.alpha * float(np.mean(np.diag(history)))
        found = self._driven_dynamics(moments, self._model.n_lifted, self._model.n_inputs, ridge)
        pairs = found.unforced
        return spectrum(found.left, found.right, pairs.before, pairs.cross, pairs.after)

    def _checked(self, X: Any, inputs: Any) -> tuple[Trajectories, Any]:
        check_is_fitted(self, "_moments")
        runs = check_trajectories(X, estimator=self, reset=False)
        model = self._model
        if runs.lengths.min() <= model.n_terms * model.lag:
            raise ValueError(
                f"a trajectory of {runs.lengths.min()} steps is too short: n_delays={model.n_terms} at lag={model.lag} "
                f"needs at least {model.n_terms * model.lag + 1}."
            )
        return runs, self._inputs_along(inputs, runs)

    def _pairs(self, X: Any, inputs: Any) -> PairMoments:
        (runs, driven), n_terms = self._checked(X, inputs), self._model.n_terms
        blocks, lift = runs.blocks, None if self._lift is None else partial(self._lifted, self._lift)
        if self._model.n_inputs:
            blocks = tuple(self._with(u, b if lift is None else lift(b)) for b, u in zip(blocks, driven, strict=True))
            lift = None
        covariance = sum_windows(blocks, [b[..., :0] for b in blocks], n_terms, self._model.lag, lift).covariance()
        if not self._model.n_inputs:
            return pairs_of_windows(covariance, n_terms)
        maps = self._unforced_windows
        (before, _), (cross, after) = (np.split(part, 2, axis=1) for part in np.split(maps @ covariance @ maps.T, 2))
        return PairMoments(before, cross, after)

    def _training_pairs(self) -> PairMoments:
        if self._is_timed:
            raise ValueError("the steps of the training data are at different distances, so they have no common lag.")
        if self._model.n_inputs:
            found: PairMoments = self._unforced
            return found
        return pairs_of_windows(self._moments.covariance(), self._moments.n_terms)
