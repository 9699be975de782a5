"""What a fitted Koopman model says about itself: residuals, scores, pseudospectra, intervals, the generator."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skmst.koopman.canonical import singular_functions, vamp_score
from skmst.koopman.generator import OperatorLogarithm, operator_logarithm
from skmst.koopman.intervals import EigenvalueIntervals, eigenvalue_intervals
from skmst.koopman.of_windows import pairs_of_windows
from skmst.koopman.pairs import PairMoments
from skmst.koopman.pseudospectra import pseudospectrum
from skmst.koopman.spectrum import mode_table, residuals
from skmst.trajectories import Trajectories, check_trajectories
from skmst.utils.moments import WindowMoments, sum_windows

Array = NDArray[np.float64]


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
    _refuse_inputs: Any

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

    def residuals(self, X: Any) -> Array:
        """Relative error with which each eigenfunction obeys its eigenvalue on other data.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories, best such that the model was not fitted to: `residuals_` is free of noise, but not of
            overfitting.

        Returns
        -------
        ndarray of shape (n_modes,)
            As `residuals_`.

        Raises
        ------
        ValueError
            If X is not valid or a run is too short.
        """
        pairs = self._pairs(X)
        found = self._spectrum
        return residuals(found.eigenvalues, found.left, pairs.before, pairs.cross, pairs.after)

    def vamp_score(self, X: Any, *, kind: str = "2") -> float:
        """Score the observables by how much of the dynamics of other data they see.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Held-out trajectories.
        kind : {"1", "2", "E"}, default="2"
            As for `skmst.koopman.canonical.vamp_score`; the singular functions are those of the training data, as many
            as `rank` allows.

        Returns
        -------
        float
            The score, the larger the better. It compares observables of any units, at one `lag`.

        Raises
        ------
        ValueError
            If X is not valid or `kind` is another one.
        """
        held_out = self._pairs(X)
        learned = self._training_pairs()
        ridge = self.alpha * float(np.mean(np.diag(learned.before)))
        return vamp_score(singular_functions(learned, ridge=ridge, rank=self.rank), held_out, kind)

    def pseudospectrum(self, points: ArrayLike, X: Any = None) -> Array:
        """Smallest residual of any function of the observables at given numbers.

        Parameters
        ----------
        points : array-like of complex, any shape
            Where to look, such as a grid around the unit circle.
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list, default=None
            Trajectories to measure it on; None takes the training data.

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
        return pseudospectrum(self._training_pairs() if X is None else self._pairs(X), points)

    def eigenvalue_intervals(
        self,
        X: Any,
        *,
        n_resamples: int = 200,
        level: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
    ) -> EigenvalueIntervals:
        """Intervals of the eigenvalues by resampling whole trajectories.

        Parameters
        ----------
        X : array-like of shape (n_trajectories, n_steps, n_features), or list of 2-D arrays
            The trajectories that the model was fitted to. Observables stay as they were fitted.
        n_resamples, level, random_state
            As for `skmst.koopman.intervals.eigenvalue_intervals`.

        Returns
        -------
        EigenvalueIntervals
            Eigenvalues of these trajectories and of the resamples.

        Raises
        ------
        ValueError
            If X is not valid, is one trajectory, or the solver needs more than second moments.
        """
        runs = self._checked(X)
        lifted = [run for block in runs.blocks for run in self._lifted(self._lift, block)]
        return eigenvalue_intervals(
            lifted,
            solver=self.solver,
            rank=self.rank,
            alpha=self.alpha,
            lag=self.lag,
            n_delays=self.n_delays,
            n_resamples=n_resamples,
            level=level,
            random_state=random_state,
        )

    def _checked(self, X: Any) -> Trajectories:
        check_is_fitted(self, "_moments")
        self._refuse_inputs("the spectrum")
        runs = check_trajectories(X, estimator=self, reset=False)
        if runs.lengths.min() <= self.n_delays * self.lag:
            raise ValueError(
                f"a trajectory of {runs.lengths.min()} steps is too short: n_delays={self.n_delays} at lag={self.lag} "
                f"needs at least {self.n_delays * self.lag + 1}."
            )
        return runs

    def _pairs(self, X: Any) -> PairMoments:
        runs = self._checked(X)
        lift = None if self._lift is None else partial(self._lifted, self._lift)
        moments = sum_windows(runs.blocks, [b[..., :0] for b in runs.blocks], self.n_delays, self.lag, lift)
        return pairs_of_windows(moments.covariance(), self.n_delays)

    def _training_pairs(self) -> PairMoments:
        if self._model.n_inputs:
            found: PairMoments = self._unforced
            return found
        return pairs_of_windows(self._moments.covariance(), self._moments.n_terms)
