"""KoopmanRegressor: linear dynamics of observables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmst.koopman._diagnostics import SpectralDiagnosticsMixin
from skmst.koopman._inputs import DrivenRegressor
from skmst.koopman.of_windows import operator_of_windows, pairs_of_windows
from skmst.koopman.operators import SOLVERS, shrunk
from skmst.koopman.optimised import fit_exponentials
from skmst.koopman.smoothed import operator_of_exponentials
from skmst.koopman.spectrum import eigenfunctions, mixed_product, rates, spectrum, timescales
from skmst.trajectories import Trajectories, check_trajectories
from skmst.utils._sklearn import HasMethods, Interval, StrOptions
from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.moments import WindowMoments

Array = NDArray[np.float64]


def _has_moments_only(estimator: Any) -> bool:
    if estimator.solver not in SOLVERS:
        raise AttributeError(
            f"solver={estimator.solver!r} fits whole trajectories, all at once: there are no sums that a further chunk "
            "could be added to. Call fit on all of them, or choose another solver."
        )
    return True


class KoopmanRegressor(SpectralDiagnosticsMixin, DrivenRegressor):
    """Learn a Koopman operator from trajectories, and forecast with it.

    The observables of a state are taken to evolve linearly, ``z(t + lag) = K z(t) + b``. K comes from second
    moments of pairs within trajectories, so `partial_fit` is exact. Its eigenvalues are rates and time
    scales, its eigenvectors the modes of what is forecast; every eigenvalue comes with a residual that tells
    the spurious ones.

    Parameters
    ----------
    rank : int or None, default=None
        Largest rank of the operator; None does not limit it.
    solver : str, default="edmd"
        How K is found.

        - ``"edmd"``: least squares; with `rank`, on the leading principal components of the states.
        - ``"reduced_rank"``: the least-squares operator of that rank. ``"vamp"``: the same in units of the successors'
          own spread, between the leading singular functions. Without `rank` these are ``"edmd"``.
        - For noisy states, whose noise is independent and equal in all features: ``"tls"`` (total least squares) and
          ``"forward_backward"`` remove the bias of least squares; ``"optdmd"`` (optimised dynamic mode decomposition)
          fits sums of exponentials to whole trajectories, at the cost of a search, and is far more accurate. It takes
          steps at any distances (``fit(X, times=...)``) and has no `partial_fit`.
        - For known physics: ``"self_adjoint"``, ``"unitary"`` and ``"causal"`` (features listed later drive none
          before them) are the least-squares operators of their kind.
    alpha : float, default=0.0
        Ridge penalty, relative to the mean variance of the components of z. The intercept is free. The K of solvers for
        noisy states is shrunk as that of least squares would be; for ``"unitary"`` it makes no difference.
    lag : int, default=1
        Data steps from a state to the one it is regressed on.
    n_delays : int, default=1
        Number of states, `lag` steps apart, that z stacks; the latest comes first. Least squares without `rank`
        regresses the latest only and shifts the others exactly, whatever `alpha`. Solvers for known physics take
        one state.
    observables : transformer or None, default=None
        Lifts states to the observables that evolve linearly. It is cloned and fitted on the rows of X.
        None takes the features as they are.
    step : {"auto", "linear", "relift"}, default="auto"
        With `observables`, a forecast can multiply by K again and again (``"linear"``), or go back to the
        state and lift it again after every step (``"relift"``). ``"auto"`` lifts again where the state can be
        read off its observables (training error below 1e-6, relative).
    bilinear : bool, default=False
        Whether inputs, where `fit` is given such, also multiply the observables, as they do in the Koopman operator of
        a system that is affine in its inputs; for ``solver="edmd"`` without `rank`, and ``lag=1``. Inputs alone go with
        all solvers but ``"optdmd"``, and with any rank and lag; y is then read off the newest observables.
    dt : float, default=1.0
        Time between data steps; sets the unit of `rates_` and `timescales_`.
    horizon : int or None, default=None
        Data steps over which `score` forecasts. None means 10, or what the shortest run allows.
    n_context : int or None, default=None
        Data steps that a forecast in `score` may see at least: origins start there. None means the
        model's memory, ``n_delays * lag``. Give it where models of different memory are compared.

    Attributes
    ----------
    koopman_matrix_ : ndarray of shape (n_latent, n_latent)
        K, acting on columns; n_latent counts all delays. With inputs, the operator where they are zero, as all that
        follows from it.
    intercept_ : ndarray of shape (n_latent,)
        b.
    input_matrix_ : ndarray of shape (n_newest, n_delays * lag * n_inputs)
        What inputs add to the newest observables: for each state of the history, the latest first, the inputs of the
        `lag` steps from it on. Only where there are inputs.
    bilinear_matrices_ : ndarray of shape (n_delays, n_inputs, n_newest, n_newest)
        What the products of each input and the observables add. Only where there are inputs and `bilinear` is True.
    eigenvalues_ : ndarray of complex of shape (n_modes,)
        Eigenvalues of K other than zero, by falling modulus.
    rates_ : ndarray of complex of shape (n_modes,)
        ``log(eigenvalues_) / (lag * dt)``.
    timescales_ : ndarray of shape (n_modes,)
        ``-1 / rates_.real``.
    residuals_ : ndarray of shape (n_modes,)
        Relative error with which each eigenfunction obeys its eigenvalue on the training data (residual
        dynamic mode decomposition): near 0 for an eigenpair of deterministic dynamics, ``sqrt(1 - |lambda|**2)``
        for one of a stationary stochastic process, near 1 and above for noise. Exact pairs bottom out near 3e-8.
    modes_ : ndarray of complex of shape (n_outputs, n_modes)
        What each eigenfunction, at variance one, contributes to each forecast observable.
    step_ : {"linear", "relift"}
        How forecasts step.
    observables_ : transformer or None
        The fitted observables.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns, where the fit saw a data frame.

    See Also
    --------
    skmst.master_equation.MasterEquationPredictor : Memory kernels instead of an operator on delays.

    References
    ----------
    Williams, Kevrekidis & Rowley (2015), J. Nonlinear Sci. 25, 1307. Kostic et al. (2022), NeurIPS 35.
    Colbrook & Townsend (2024), Commun. Pure Appl. Math. 77, 221. Dawson et al. (2016), Exp. Fluids 57, 42. Askham &
    Kutz (2018), SIAM J. Appl. Dyn. Syst. 17, 380. Wu & Noe (2020), J. Nonlinear Sci. 30, 23. Baddoo et al. (2023),
    Proc. R. Soc. A 479, 20220576.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman import KoopmanRegressor
    >>> t = 0.1 * np.arange(100)
    >>> X = np.stack([np.exp(-t) * np.cos(2 * t), np.exp(-t) * np.sin(2 * t)], axis=-1)
    >>> model = KoopmanRegressor(dt=0.1).fit(X)
    >>> np.round(model.rates_, 6)
    array([-1.+2.j, -1.-2.j])
    >>> bool(np.allclose(model.forecast(X[:50], n_steps=50), X[50:]))
    True
    """

    _terms_parameter = "n_delays"
    _reads_window = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **DrivenRegressor._parameter_constraints,
        "rank": [Interval(Integral, 1, None, closed="left"), None],
        "solver": [StrOptions({*SOLVERS, "optdmd"})],
        "n_delays": [Interval(Integral, 1, None, closed="left")],
        "observables": [HasMethods(["fit", "transform"]), None],
        "step": [StrOptions({"auto", "linear", "relift"})],
        "bilinear": ["boolean"],
    }

    def __init__(
        self,
        rank: int | None = None,
        *,
        solver: str = "edmd",
        alpha: float = 0.0,
        lag: int = 1,
        n_delays: int = 1,
        observables: Any = None,
        step: str = "auto",
        bilinear: bool = False,
        dt: float = 1.0,
        horizon: int | None = None,
        n_context: int | None = None,
    ) -> None:
        self.rank = rank
        self.solver = solver
        self.alpha = alpha
        self.lag = lag
        self.n_delays = n_delays
        self.observables = observables
        self.step = step
        self.bilinear = bilinear
        self.dt = dt
        self.horizon = horizon
        self.n_context = n_context

    partial_fit = available_if(_has_moments_only)(DrivenRegressor.partial_fit)

    @property
    def observables_(self) -> Any:
        """The fitted observables."""
        return self._lift

    @property
    def step_(self) -> str:
        """How forecasts step."""
        return "linear" if self._model.state_of_latent is None else "relift"

    def eigenfunctions(self, X: Any, *, inputs: Any = None) -> Any:
        """Evaluate the Koopman eigenfunctions along trajectories.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories. Steps without full history have it completed, as in `predict`.
        inputs : array-like or list, default=None
            Their inputs, for models that were fitted with such.

        Returns
        -------
        ndarray of complex of shape (..., n_modes), or list
            In the form of X. Along an exact solution without inputs, column k is multiplied by ``eigenvalues_[k]``
            every `lag` steps.

        Raises
        ------
        ValueError
            If X is not valid.
        """
        check_is_fitted(self, "_model")
        runs = check_trajectories(X, estimator=self, reset=False)
        blocks, model = [], self._model
        shape, n = (model.n_terms, model.n_latent), model.n_lifted
        mean = model.history_mean.reshape(shape)[:, :n].ravel()
        for block, u in zip(runs.blocks, self._inputs_along(inputs, runs), strict=True):
            windows = model.history(self._with(u, self._lifted(self._lift, block)), np.arange(block.shape[1]))
            Z = windows.reshape(*windows.shape[:2], *shape)[..., :n].reshape(*windows.shape[:2], -1)
            blocks.append(eigenfunctions(Z, self._spectrum, self.intercept_, mean))
        return runs.restore(blocks)

    def _check_lengths(self, runs: Trajectories) -> None:
        self._check_solver()
        super()._check_lengths(runs)

    def _check_solver(self) -> None:
        solver = SOLVERS.get(self.solver)
        if solver and self.rank is not None and not solver.takes_rank:
            raise ValueError(f"solver={self.solver!r} takes no rank, but rank={self.rank}: set rank=None.")
        if solver and self.n_delays > 1 and not solver.takes_windows:
            raise ValueError(
                f"solver={self.solver!r} constrains how one state leads to the next, but n_delays={self.n_delays}: set "
                "n_delays=1."
            )

    def _fit_lift(self, runs: Trajectories) -> Any:
        return None if self.observables is None else clone(self.observables).fit(runs.rows())

    def _steps_linearly(self, readable: bool) -> bool:
        return not readable if self.step == "auto" else self.step == "linear"

    def _solve(
        self, runs: Trajectories, moments: WindowMoments, covariance: Array, ridge: float, output: AffineMap, lift: Any
    ) -> tuple[Callable[..., DelayModel], dict[str, Any]]:
        now, later = moments.history, moments.successor
        states = pairs_of_windows(covariance, moments.n_terms)
        if self.solver == "optdmd":
            windows = [window for block in runs.blocks for window in self._windows(self._lifted(lift, block))]
            fitted = fit_exponentials(windows, self.rank, constant=True, random_state=0)
            left, right = operator_of_exponentials(fitted, self.lag)
            right = shrunk(right, states.before, ridge)
        else:
            left, right = operator_of_windows(covariance, moments.n_terms, self.solver, ridge=ridge, rank=self.rank)
        pairs = spectrum(left, right, states.before, states.cross, states.after)
        advance = AffineMap.between_means(left @ right, moments.mean[now], moments.mean[later])
        rate = rates(pairs.eigenvalues, self.lag * self.dt)
        return partial(DelayModel, advance=advance), {
            "koopman_matrix_": advance.coefficients,
            "intercept_": advance.intercept,
            "eigenvalues_": pairs.eigenvalues,
            "rates_": rate,
            "timescales_": timescales(rate),
            "residuals_": pairs.residuals,
            "modes_": mixed_product(output.coefficients, pairs.right[: output.coefficients.shape[1]]),
            "_spectrum": pairs,
        }

    def _windows(self, latent: Array) -> Array:
        """Stack the delays of states (n_runs, n_steps, n_latent), the latest first."""
        n_steps = latent.shape[1] - (self.n_delays - 1) * self.lag
        starts = [(self.n_delays - 1 - j) * self.lag for j in range(self.n_delays)]
        return np.concatenate([latent[:, s : s + n_steps] for s in starts], axis=-1)
