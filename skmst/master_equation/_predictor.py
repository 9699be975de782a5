"""MasterEquationPredictor: dynamics with memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from skmst._base import TrajectoryRegressor
from skmst.koopman.spectrum import rates, timescales
from skmst.master_equation._chain import ChainMixin, chain_of, check_visited, constrained_form
from skmst.master_equation._ensemble import EnsembleMixin
from skmst.master_equation._guard import STABLE, guarded
from skmst.master_equation._methods import METHODS, NOT_WHITE, STATIONARY, not_stationary
from skmst.master_equation._states import STATES, State, find_state, is_made_by
from skmst.master_equation.constraints import CONSTRAINTS
from skmst.master_equation.kernels import residual_variances
from skmst.master_equation.noise import noise_covariance
from skmst.master_equation.nonlinear import fit_step
from skmst.master_equation.stationarity import stationarity_test
from skmst.trajectories import Trajectories
from skmst.utils._sklearn import HasMethods, Interval, StrOptions
from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.moments import WindowMoments
from skmst.utils.readout import Readout, fit_readout

Array = NDArray[np.float64]

#: The memory is as long as terms lower the training residual's variance by this fraction.
_MEMORY_GAIN = 0.01


class MasterEquationPredictor(ChainMixin, EnsembleMixin, TrajectoryRegressor):
    """Learn dynamics with memory from trajectories, and forecast with them.

    The discrete generalized master equation ``x(t + lag) = sum_l Omega_l x(t - l * lag) + b`` describes
    observables whose own present does not determine their future: what is not observed acts as memory. By
    default the kernels Omega_l come from one joint regression on all lags, which stays right on transients.

    Parameters
    ----------
    n_memory : int, default=4
        Number of kernels, the number of past states that enter; 1 is a model without memory. For ``"igme"``
        and ``"tcl"`` the number of lags whose propagators are measured.
    method : {"regression", "mori", "qmsm", "igme", "tcl", "embedding", "nonlinear"}, default="regression"
        How memory is found; see Notes.
    state : {"energy", "clusters"}, array-like, callable or None, default=None
        What is stepped: X itself (None), or probabilities of states made of X; see Notes. An array of shape
        (n_features, n_states) holds the memberships of states in sets, for X that are probabilities; a function
        takes rows (n_rows, n_features) to probabilities (n_rows, n_states).
    constraint : {"stochastic", "substochastic", "detailed_balance"} or None, default=None
        What the kernels obey, so that probabilities stay probabilities at any lead; see
        `skmst.master_equation.stochastic_kernels`. For ``method="regression"``. With ``state=None``, X must be
        probabilities.
    alpha : float, default=0.0
        Ridge penalty, relative to the mean variance of the components. The intercept is free.
    lag : int, default=1
        Data steps between the states that enter, and from the latest to the one it is regressed on.
    dt : float, default=1.0
        Time between data steps; sets the unit of `rates_`, `timescales_` and `memory_time_`.
    horizon : int or None, default=None
        Data steps over which `score` forecasts. None means 10, or what the shortest run allows.
    n_context : int or None, default=None
        Data steps that a forecast in `score` may see at least: origins start there. None means the
        model's memory, ``n_memory * lag``. Give it where models of different memory are compared.
    stabilize : bool, default=True
        Whether a model that is unstable, or drifts away, without cause in the data is made stable, with a
        warning; see Notes. Other models are not touched.
    n_exponentials : int, default=2
        Number of exponentials of ``method="embedding"``, at most ``n_memory - 1``.
    regressor : regressor, (regressor, regressor) or None, default=None
        What ``method="nonlinear"`` projects with: one scikit-learn regressor on the whole window, or a pair for
        the Markov term and for each memory term. None is ridge regression on all monomials up to degree two
        of each state of the window.
    n_states : int, default=4
        Number of states that ``state="clusters"`` makes. Other states have the number that they have.
    n_microstates : int or None, default=None
        Number of regions that k-means finds first, which PCCA+ lumps to `n_states` sets. None finds the states at once.
    random_state : int, RandomState instance or None, default=None
        Seed of k-means.

    Attributes
    ----------
    memory_kernel_ : ndarray of shape (n_memory, d, d)
        Omega_l, acting on columns, the one of the latest state first; d is the number of states, or of features.
    intercept_ : ndarray of shape (d,)
        b.
    memory_time_ : float
        ``lag * dt`` times the smallest number of terms whose one-step residual variance on the training
        data (linear regression; each component relative to its variance, corrected for degrees of freedom) is
        within 1 % of that of all terms.
    eigenvalues_ : ndarray of complex of shape (n_modes,)
        Eigenvalues other than zero of the matrix that steps the model (of the companion matrix; for ``"igme"``
        and ``"tcl"``, of the propagator at long times), by falling modulus.
    rates_ : ndarray of complex of shape (n_modes,)
        ``log(eigenvalues_) / (lag * dt)``.
    timescales_ : ndarray of shape (n_modes,)
        ``-1 / rates_.real``.
    residuals_ : ndarray of shape (n_modes,)
        Relative error with which each eigenfunction obeys its eigenvalue on the training data (residual
        dynamic mode decomposition); see `KoopmanRegressor`.
    modes_ : ndarray of complex of shape (n_outputs, n_modes)
        What each eigenfunction, at variance one, contributes to each forecast observable.
    noise_cov_ : ndarray of shape (d, d)
        Covariance of the noise that one-lag forecasts of the training data leave, corrected for the degrees of freedom
        of linear models.
    stationary_ : ndarray of shape (d,)
        The state where forecasts end; NaN where they grow. Where something is conserved, the mean of the training data
        says how much of it there is.
    transition_matrix_ : ndarray of shape (d, d)
        With `state` or `constraint` only, like the next four: the transition probabilities, from column to row, of the
        chain that the model is once its memory has died out. It has the slowest of `timescales_`.
    transition_time_ : float
        The time of a transition: the fewest lags over which no entry is negative. Where there are none up to 256, those
        with the nearest transition matrix, with a warning if it is off by more than 0.01, or 5 % in the slowest time.
    stationary_distribution_ : ndarray of shape (d,)
        Law that forecasts approach. Where the chain never leaves some sets of states, each has the share that the
        training data end in.
    generator_ : Generator
        Rates in continuous time behind `transition_matrix_`, per unit of `dt`. Where there are none (the embedding
        problem), the nearest, with a warning.
    projection_ : NonlinearStep
        The fitted regressors of ``method="nonlinear"``, which has none of the attributes above but `memory_time_` and
        `noise_cov_`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns, where the fit saw a data frame.

    See Also
    --------
    skmst.koopman.KoopmanRegressor : An operator on observables or delays.

    Notes
    -----
    Observables y are read off the latest state alone. The methods:

    ``"regression"``
        Joint least squares over all lags [1]_. Right on transients; the default.
    ``"mori"``
        The projection recursion on correlations [2]_, exact kernels of a stationary process.
    ``"qmsm"``
        The same from the first lag on, the quasi-Markov convention [3]_: insensitive to white noise of
        observation, but more often unstable.
    ``"igme"``
        Propagators T(n) fitted by ``A B^n`` over the later half of the lags [4]_: no explicit kernel.
    ``"tcl"``
        Measured propagators, continued by the last time-local one, ``T(n) = U T(n - 1)`` [5]_.
    ``"embedding"``
        Kernels that are sums of exponentials [6]_: a few coefficients for a long window.
    ``"nonlinear"``
        Any regressor in place of linear projections [1]_. It needs all data at once (no `partial_fit`).

    The states: ``"energy"`` takes energies of bands that decay, as of ``ScatteringTransformer(statistics="energy",
    wavelet="tight")``, without scaler or PCA. The states are fractions of the energy that a run has at its first step,
    and, last, what was dissipated since, which stays so; forecasts of X are energies again. Data whose total energy
    grows are refused: a forced system has no dissipated state. A band without energy keeps what it has. ``"clusters"``
    are regions of X, and forecasts of X the mean of each. With ``"substochastic"`` a last state is what is lost.
    `probabilities` and `forecast_probabilities` give the states themselves. Observables y are read off them linearly,
    so energies are better forecast as X.

    ``"mori"``, ``"qmsm"``, ``"igme"`` and ``"tcl"`` take the data for stationary; they warn where
    `skmst.master_equation.stationarity_test` finds that they are not. ``"igme"`` and ``"tcl"`` forecast from the
    present state alone and report as `memory_kernel_` the kernels of the propagators that they measured.

    Short data can make any of the linear models unstable. Growth is taken for real, and only warned of, where
    it exceeds the residual of its eigenfunction on the data four times (`residuals_`). Otherwise, and where forecasts
    of noisy data would vary more than the data (twice their variance in some direction at some lead: a conditional
    mean varies less), the model is changed. If its terms leave less than 1 % of the variance unexplained, the modes
    that grow are moved to the unit circle, all modes staying what they are (the matrix that steps the window then
    changes as a whole, and `memory_kernel_` is its leading rows). Otherwise, or where that is not enough, the model is
    mixed with the one-lag model: half of the largest part of the memory that is stable is kept. Where
    the mean change per step is not significant (4 standard errors) but would lead far off the data (3 standard
    deviations), the model relaxes to the mean of the data instead.
    A nonlinear model is kept in the range of the training data, widened by its own width on both sides.

    Forecasts are conditional means. The noise around them has the covariance `noise_cov_`;
    ``forecast(..., n_ensemble=)`` and `sample` add it. ``"igme"`` and ``"tcl"``, which do not step, scatter members by
    the errors that a stationary process has; ``"mori"`` and ``"qmsm"`` leave noise that is not white, so that they need
    residuals to draw from. `skmst.metrics.conformal_radius` calibrates intervals,
    `skmst.model_selection.memory_curve` and `skmst.master_equation.kernel_interval` tell how much memory there is.

    References
    ----------
    .. [1] Lin, Tian, Perez & Livescu (2023), SIAM J. Appl. Dyn. Syst. 22, 2890.
    .. [2] Lin, Tian, Livescu & Anghel (2021), SIAM J. Appl. Dyn. Syst. 20, 2558.
    .. [3] Cao, Montoya-Castillo, Wang, Markland & Huang (2020), J. Chem. Phys. 153, 014105.
    .. [4] Cao, Qiu, Kalin & Huang (2023), J. Chem. Phys. 159, 134106.
    .. [5] Dominic, Cao, Montoya-Castillo & Huang (2023), J. Am. Chem. Soc. 145, 9916.
    .. [6] Ceriotti, Bussi & Parrinello (2010), J. Chem. Theory Comput. 6, 1170.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import MasterEquationPredictor
    >>> x = np.cos(0.3 * np.arange(200))[:, None]  # one observable of a rotation in the plane
    >>> model = MasterEquationPredictor(n_memory=2).fit(x)
    >>> np.round(model.memory_kernel_.ravel(), 6)  # x(t + 1) = 2 cos(0.3) x(t) - x(t - 1)
    array([ 1.910673, -1.      ])
    >>> bool(np.allclose(model.forecast(x[:100], n_steps=100), x[100:]))
    True
    """

    _terms_parameter = "n_memory"
    _reads_window = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TrajectoryRegressor._parameter_constraints,
        "n_memory": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({*METHODS, "nonlinear"})],
        "state": [StrOptions(set(STATES)), "array-like", callable, None],
        "constraint": [StrOptions(set(CONSTRAINTS)), None],
        "stabilize": ["boolean"],
        "n_exponentials": [Interval(Integral, 1, None, closed="left")],
        "regressor": [HasMethods(["fit", "predict"]), tuple, None],
        "n_states": [Interval(Integral, 1, None, closed="left")],
        "n_microstates": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_memory: int = 4,
        *,
        method: str = "regression",
        state: Any = None,
        constraint: str | None = None,
        alpha: float = 0.0,
        lag: int = 1,
        dt: float = 1.0,
        horizon: int | None = None,
        n_context: int | None = None,
        stabilize: bool = True,
        n_exponentials: int = 2,
        regressor: Any = None,
        n_states: int = 4,
        n_microstates: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_memory = n_memory
        self.method = method
        self.state = state
        self.constraint = constraint
        self.alpha = alpha
        self.lag = lag
        self.dt = dt
        self.horizon = horizon
        self.n_context = n_context
        self.stabilize = stabilize
        self.n_exponentials = n_exponentials
        self.regressor = regressor
        self.n_states = n_states
        self.n_microstates = n_microstates
        self.random_state = random_state

    def _has_moments_only(self) -> bool:
        return self.method != "nonlinear"

    # Everything but a nonlinear regression is a function of second moments, which add up.
    partial_fit = available_if(_has_moments_only)(TrajectoryRegressor.partial_fit)

    @property
    def _n_terms(self) -> int:
        return self.n_memory + (self.method == "qmsm")  # whose recursion starts one lag later

    def _fit_lift(self, runs: Trajectories) -> State | None:
        self._check_combination()
        return find_state(
            self.state,
            self.constraint,
            runs,
            n_states=self.n_states,
            n_microstates=self.n_microstates,
            lag=self.lag,
            seed=self.random_state,
        )

    def _check_continuation(self, earlier: Any, runs: Trajectories, shape: tuple[int, ...] | None) -> None:
        super()._check_continuation(earlier, runs, shape)
        self._check_combination()
        if not is_made_by(earlier.lift, self.state, self.constraint):
            raise ValueError(
                "state and constraint must not change between calls of partial_fit (but from 'stochastic' to "
                "'detailed_balance' and back); call fit."
            )

    def _check_combination(self) -> None:
        if self.constraint is not None and self.method != "regression":
            raise ValueError(
                f"constraint={self.constraint!r} is for method='regression', whose least squares it constrains; got "
                f"method={self.method!r}."
            )
        if self.constraint == "detailed_balance" and isinstance(self.state, str) and self.state == "energy":
            raise ValueError(
                "constraint='detailed_balance' is not for state='energy': what is dissipated does not come back. Take "
                "'stochastic'."
            )

    def _prepared(
        self, runs: Trajectories, targets: tuple[NDArray[Any], ...], lift: State | None
    ) -> tuple[Trajectories, tuple[NDArray[Any], ...], None]:
        if lift is None:
            return runs, targets, None
        encoded = tuple(lift.encode(b, numbers) for b, numbers in zip(runs.blocks, runs.members, strict=True))
        if not lift.keeps_features:
            targets = tuple(np.concatenate(pair, axis=-1) for pair in zip(runs.blocks, targets, strict=True))
        return replace(runs, blocks=encoded), targets, None

    def _readout(self, moments: WindowMoments, history: Array, ridge: float, gathered: Any, n_read: int) -> Readout:
        lift, n_features = gathered.lift, gathered.n_features
        if lift is None or not lift.keeps_features:
            return super()._readout(moments, history, ridge, gathered, n_read)
        state = AffineMap(np.eye(n_features, moments.n_latent), np.zeros(n_features))
        has_output = gathered.output_shape is not None
        found = fit_readout(moments, history, ridge, None, n_read, has_output)
        return replace(found, state=state, output=found.output if has_output else state)

    def _latent(self, block: NDArray[Any], numbers: NDArray[np.intp], reach: int | None = None) -> Array:
        if self._lift is None:
            return super()._latent(block, numbers, reach)
        # A run's start says what fractions of energy are of, so the whole run is encoded.
        p: Array = self._lift.encode(block, numbers)
        return p if reach is None else p[:, -reach:]

    def _in_units(self, out: Array, block: NDArray[Any]) -> Array:
        if self._lift is None or not self._lift.keeps_features:
            return out
        return out * self._lift.units(block).reshape(-1, *[1] * (out.ndim - 1))

    def _solve(
        self, runs: Trajectories, moments: WindowMoments, covariance: Array, ridge: float, output: AffineMap, lift: Any
    ) -> tuple[Callable[..., DelayModel], dict[str, Any]]:
        if self.method in STATIONARY and not (test := stationarity_test(runs.blocks)).stationary:
            _warn(not_stationary(self.method, test))
        d, n_terms = moments.n_latent, self.n_memory
        known = covariance[: (n_terms + 1) * d, : (n_terms + 1) * d]
        unexplained = residual_variances(known, n_terms, ridge)
        memory_time = self._memory_time(unexplained, moments)
        if lift is not None and not lift.lossy:
            check_visited(moments.mean, d)
        if self.method == "nonlinear":
            step, noise = fit_step(runs.blocks, n_terms, self.lag, self.regressor, self.alpha)
            step = step.within(runs.rows()) if self.stabilize else step
            attributes = {
                "memory_time_": memory_time,
                "noise_cov_": noise,
                "projection_": step,
                "_noise_remembers": False,
            }
            return partial(DelayModel, advance=step), attributes
        if self.constraint is None:
            form = METHODS[self.method](covariance, n_terms, ridge, self.n_exponentials)
        else:
            form = constrained_form(moments, self.constraint, ridge, lossy=lift.lossy)
        # Constrained kernels are stable as they are.
        guard = self.stabilize and self.constraint is None
        found = guarded(form, moments, covariance, ridge, unexplained=float(unexplained[-1]), stabilize=guard)
        for message in found.messages:
            _warn(message)
        form, pairs, mean = found.form, found.pairs, found.mean
        rate = rates(pairs.eigenvalues, self.lag * self.dt)
        rest = form.rest(mean) if (np.abs(pairs.eigenvalues) <= STABLE).all() else np.full(d, np.nan)
        chain, trouble = ({}, None) if lift is None else chain_of(form, mean, rest, self.lag * self.dt)
        if trouble:
            _warn(trouble)
        return partial(form.model, mean), {
            "_noise_remembers": self.method in NOT_WHITE,
            "memory_kernel_": form.kernels,
            "intercept_": form.intercept(mean),
            "memory_time_": memory_time,
            "noise_cov_": noise_covariance(covariance, form.one_step, moments.n_windows),
            "stationary_": rest,
            "eigenvalues_": pairs.eigenvalues,
            "rates_": rate,
            "timescales_": timescales(rate),
            "residuals_": pairs.residuals,
            "modes_": output.coefficients @ pairs.right[: output.coefficients.shape[1]],
            **chain,
        }

    def _memory_time(self, unexplained: Array, moments: WindowMoments) -> float:
        # Divided by degrees of freedom, or the noise that more terms fit would count as memory.
        freedom = moments.n_windows - 1 - moments.n_latent * np.arange(1, len(unexplained) + 1)
        unexplained = unexplained / np.maximum(freedom, 1)
        enough = unexplained <= (1 + _MEMORY_GAIN) * unexplained[-1]
        return float(self.lag * self.dt * (int(np.argmax(enough)) + 1))


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=7)  # the caller of fit
