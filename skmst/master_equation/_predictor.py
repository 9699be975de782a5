"""MasterEquationPredictor: dynamics with memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from skmst._base import TrajectoryRegressor
from skmst.koopman.spectrum import Spectrum, rates, spectrum, timescales
from skmst.master_equation._ensemble import EnsembleMixin
from skmst.master_equation._guard import STABLE, chance_drift, forecasts_vary_too_much, with_stable_memory
from skmst.master_equation._methods import METHODS, NOT_WHITE, STATIONARY, EmbeddingForm, Form
from skmst.master_equation.kernels import residual_variances
from skmst.master_equation.noise import noise_covariance
from skmst.master_equation.nonlinear import (
    NonlinearStep,
    joint_projection,
    quadratic_regressor,
    sequential_projections,
)
from skmst.master_equation.stability import spectral_radius
from skmst.master_equation.stationarity import StationarityTest, stationarity_test
from skmst.trajectories import Trajectories, stack_windows
from skmst.utils._sklearn import HasMethods, Interval, StrOptions
from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.linalg import whitening
from skmst.utils.moments import WindowMoments

Array = NDArray[np.float64]

#: Growth counts as shown by the data where it exceeds the residual of its eigenfunction by this factor.
_SHOWN = 4.0
#: Part of the variance that all terms leave unexplained in data that count as noisy.
_NOISE = 1e-6
#: The memory is as long as terms lower the training residual's variance by this fraction.
_MEMORY_GAIN = 0.01


_UNSTABLE = "the model is unstable: its largest eigenvalue has modulus {:.4g}"
_ADVICE = "Raise alpha, use fewer terms (n_memory), or give more data."


class MasterEquationPredictor(EnsembleMixin, TrajectoryRegressor):
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
    state : None
        Reserved for states that are probabilities; only None is implemented.
    constraint : None
        Reserved for stochastic kernels; only None is implemented.
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

    Attributes
    ----------
    memory_kernel_ : ndarray of shape (n_memory, n_features, n_features)
        Omega_l, acting on columns, the one of the latest state first.
    intercept_ : ndarray of shape (n_features,)
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
    noise_cov_ : ndarray of shape (n_features, n_features)
        Covariance of the noise that one-lag forecasts of the training data leave, corrected for the degrees of freedom
        of linear models.
    stationary_ : ndarray of shape (n_features,)
        The state where forecasts end; NaN where they grow. Where something is conserved, the mean of the training data
        says how much of it there is.
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

    ``"mori"``, ``"qmsm"``, ``"igme"`` and ``"tcl"`` take the data for stationary; they warn where
    `skmst.master_equation.stationarity_test` finds that they are not. ``"igme"`` and ``"tcl"`` forecast from the
    present state alone and report as `memory_kernel_` the kernels of the propagators that they measured.

    Short data can make any of the linear models unstable. Growth is taken for real, and only warned of, where
    it exceeds the residual of its eigenfunction on the data four times (`residuals_`). Otherwise, and where forecasts
    of noisy data would vary more than the data (twice their variance in some direction at some lead: a conditional
    mean varies less),
    the model is mixed with the one-lag model: half of the largest part of the memory that is stable is kept. Where
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
        "state": [None],
        "constraint": [None],
        "stabilize": ["boolean"],
        "n_exponentials": [Interval(Integral, 1, None, closed="left")],
        "regressor": [HasMethods(["fit", "predict"]), tuple, None],
    }

    def __init__(
        self,
        n_memory: int = 4,
        *,
        method: str = "regression",
        state: None = None,
        constraint: None = None,
        alpha: float = 0.0,
        lag: int = 1,
        dt: float = 1.0,
        horizon: int | None = None,
        n_context: int | None = None,
        stabilize: bool = True,
        n_exponentials: int = 2,
        regressor: Any = None,
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

    def _has_moments_only(self) -> bool:
        return self.method != "nonlinear"

    # Everything but a nonlinear regression is a function of second moments, which add up.
    partial_fit = available_if(_has_moments_only)(TrajectoryRegressor.partial_fit)

    @property
    def _n_terms(self) -> int:
        return self.n_memory + (self.method == "qmsm")  # whose recursion starts one lag later

    def _solve(
        self, runs: Trajectories, moments: WindowMoments, covariance: Array, ridge: float, output: AffineMap
    ) -> tuple[Callable[..., DelayModel], dict[str, Any]]:
        if self.method in STATIONARY:
            self._warn_if_transient(stationarity_test(runs.blocks))
        d, n_terms = moments.n_latent, self.n_memory
        known = covariance[: (n_terms + 1) * d, : (n_terms + 1) * d]
        unexplained = residual_variances(known, n_terms, ridge)
        memory_time = self._memory_time(unexplained, moments)
        if self.method == "nonlinear":
            step, noise = self._nonlinear_step(runs)
            attributes = {
                "memory_time_": memory_time,
                "noise_cov_": noise,
                "projection_": step,
                "_noise_remembers": False,
            }
            return partial(DelayModel, advance=step), attributes
        form = METHODS[self.method](covariance, n_terms, ridge, self.n_exponentials)
        noisy = bool(unexplained[-1] > _NOISE)
        form, pairs, mean = self._stabilized(form, moments, covariance, ridge, noisy)
        rate = rates(pairs.eigenvalues, self.lag * self.dt)
        kernels = form.kernels
        present = mean[d:].reshape(-1, d)[: len(kernels)]
        return partial(form.model, mean), {
            "_noise_remembers": self.method in NOT_WHITE,
            "memory_kernel_": kernels,
            "intercept_": mean[:d] - np.einsum("lij,lj->i", kernels, present),
            "memory_time_": memory_time,
            "noise_cov_": noise_covariance(covariance, form.one_step, moments.n_windows),
            "stationary_": form.rest(mean) if (np.abs(pairs.eigenvalues) <= STABLE).all() else np.full(d, np.nan),
            "eigenvalues_": pairs.eigenvalues,
            "rates_": rate,
            "timescales_": timescales(rate),
            "residuals_": pairs.residuals,
            "modes_": output.coefficients @ pairs.right[: output.coefficients.shape[1]],
        }

    def _stabilized(
        self, form: Form, moments: WindowMoments, covariance: Array, ridge: float, noisy: bool
    ) -> tuple[Form, Spectrum, Array]:
        """Give the form, its eigenpairs and the mean window, made stable where the data do not say otherwise."""
        d, mean = moments.n_latent, moments.mean
        pairs, radius = _spectrum(form, covariance, d)
        growing = np.abs(pairs.eigenvalues) - _SHOWN * pairs.residuals > STABLE
        if growing.any() or not self.stabilize:
            if radius > STABLE:
                _warn(f"{_UNSTABLE.format(radius)}, so long forecasts grow without bound. {_ADVICE}")
            return form, pairs, mean
        if radius > STABLE or (noisy and forecasts_vary_too_much(form, covariance)):
            form, fraction = with_stable_memory(form, covariance, ridge, moments.n_windows)
            _warn(
                f"{_UNSTABLE.format(radius)} or its forecasts vary more than the data, which do not show that; "
                f"{fraction:.0%} of its memory is kept, so that it is stable. {_ADVICE} stabilize=False leaves it as "
                "it is."
            )
            pairs, _ = _spectrum(form, covariance, d)
        if noisy and (far := chance_drift(form, mean, covariance, moments.n_windows)):
            _warn(
                f"the model is unstable: it drifts to {far:.2g} standard deviations off the data, which do not show "
                "that drift; it relaxes to their mean instead. Give more data; stabilize=False leaves it as it is."
            )
            mean = np.tile(mean.reshape(-1, d).mean(axis=0), len(mean) // d)
        return form, pairs, mean

    def _memory_time(self, unexplained: Array, moments: WindowMoments) -> float:
        # Divided by degrees of freedom, or the noise that more terms fit would count as memory.
        freedom = moments.n_windows - 1 - moments.n_latent * np.arange(1, len(unexplained) + 1)
        unexplained = unexplained / np.maximum(freedom, 1)
        enough = unexplained <= (1 + _MEMORY_GAIN) * unexplained[-1]
        return float(self.lag * self.dt * (int(np.argmax(enough)) + 1))

    def _nonlinear_step(self, runs: Trajectories) -> tuple[NonlinearStep, Array]:
        """Give the fitted step and the covariance of what it leaves of the successors."""
        stacked = [stack_windows(block, self.n_memory + 1, self.lag) for block in runs.blocks]
        rows = np.concatenate([W.reshape(-1, W.shape[-1]) for W in stacked]).astype(np.float64)
        d = runs.n_features
        successors, windows = rows[:, :d], rows[:, d:]
        if isinstance(self.regressor, tuple):
            if [hasattr(part, "fit") and hasattr(part, "predict") for part in self.regressor] != [True, True]:
                raise ValueError(
                    "regressor must be a regressor, a pair of them or None: the pair is one for the Markov term and "
                    f"one for each memory term; got {self.regressor!r}."
                )
            step = sequential_projections(windows, successors, *self.regressor)
        else:
            default = quadratic_regressor(self.n_memory, d, self.alpha * len(rows))
            step = joint_projection(windows, successors, default if self.regressor is None else self.regressor)
        noise = np.cov((successors - step(windows)).T).reshape(d, d)
        return step.within(runs.rows()) if self.stabilize else step, noise

    def _warn_if_transient(self, test: StationarityTest) -> None:
        if not test.stationary:
            _warn(
                f"method={self.method!r} takes the data for stationary, but between the early and the late half of "
                f"the runs a mean moves by {test.drift:.2g} standard deviations or a variance changes by a factor of "
                f"{test.variance_ratio:.2g} (skmst.master_equation.stationarity_test): use method='regression', or "
                "leave the transient out."
            )


def _spectrum(form: Form, covariance: Array, d: int) -> tuple[Spectrum, float]:
    """Eigenpairs in the directions that the data have, and the spectral radius in all of them.

    With memory written as one step of the form's variables, these are those of a Koopman operator in delay
    coordinates. Rounding can leave the directions that the data have, so the whole matrix has to be stable.
    """
    E = form.encoder
    n = E.shape[1]
    now, cross, later = (
        E @ part @ E.T for part in (covariance[d : d + n, d : d + n], covariance[:n, d : d + n], covariance[:n, :n])
    )
    # Memory variables go on beyond the window, and so out of the directions that encoded windows have.
    W = np.eye(len(E)) if isinstance(form, EmbeddingForm) else whitening(now)
    back = W if isinstance(form, EmbeddingForm) else now @ W.T
    pairs = spectrum(form.matrix @ back, W, now, cross, later)
    if len(W) == len(E):
        return pairs, float(np.abs(pairs.eigenvalues).max(initial=0.0))
    return pairs, spectral_radius(form.matrix)


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=8)  # the caller of fit
