"""MasterEquationPredictor: dynamics with memory."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skmst._base import TrajectoryRegressor
from skmst.koopman.spectrum import rates, spectrum, timescales
from skmst.master_equation.kernels import METHODS, companion_matrix, residual_variances
from skmst.utils._sklearn import Interval, StrOptions
from skmst.utils.delay_model import AffineMap
from skmst.utils.linalg import whitening
from skmst.utils.moments import WindowMoments

Array = NDArray[np.float64]

#: Spectral radius above which a model counts as unstable; rounding moves that of a conserved quantity less.
_STABLE = 1 + 1e-6
#: The memory is as long as terms lower the training residual's variance by this fraction.
_MEMORY_GAIN = 0.01


class MasterEquationPredictor(TrajectoryRegressor):
    """Learn dynamics with memory from trajectories, and forecast with them.

    The discrete generalized master equation ``x(t + lag) = sum_l Omega_l x(t - l * lag) + b`` describes
    observables whose own present does not determine their future: what is not observed acts as memory. The
    kernels Omega_l come from one joint regression on all lags, which stays right on transients.

    Parameters
    ----------
    n_memory : int, default=4
        Number of kernels, the number of past states that enter; 1 is a model without memory.
    method : {"regression"}, default="regression"
        How kernels are found: ``"regression"`` is joint least squares over all lags.
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

    Attributes
    ----------
    memory_kernel_ : ndarray of shape (n_memory, n_features, n_features)
        Omega_l, acting on columns, the one of the latest state first.
    intercept_ : ndarray of shape (n_features,)
        b.
    memory_time_ : float
        ``lag * dt`` times the smallest number of terms whose one-step residual variance on the training
        data (each component relative to its variance, corrected for degrees of freedom) is within 1 % of
        that of all terms.
    eigenvalues_ : ndarray of complex of shape (n_modes,)
        Eigenvalues other than zero of the companion matrix, by falling modulus.
    rates_ : ndarray of complex of shape (n_modes,)
        ``log(eigenvalues_) / (lag * dt)``.
    timescales_ : ndarray of shape (n_modes,)
        ``-1 / rates_.real``.
    residuals_ : ndarray of shape (n_modes,)
        Relative error with which each eigenfunction obeys its eigenvalue on the training data (residual
        dynamic mode decomposition); see `KoopmanRegressor`.
    modes_ : ndarray of complex of shape (n_outputs, n_modes)
        What each eigenfunction, at variance one, contributes to each forecast observable.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns, where the fit saw a data frame.

    See Also
    --------
    skmst.koopman.KoopmanRegressor : An operator on observables or delays.

    Notes
    -----
    Observables y are read off the latest state alone.

    References
    ----------
    Lin, Tian, Livescu & Anghel (2021), SIAM J. Appl. Dyn. Syst. 20, 2558. Lin, Tian, Perez & Livescu (2023),
    SIAM J. Appl. Dyn. Syst. 22, 2890 (regression form).

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
        "method": [StrOptions(set(METHODS))],
        "state": [None],
        "constraint": [None],
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

    def _solve(
        self, moments: WindowMoments, covariance: Array, ridge: float, output: AffineMap
    ) -> tuple[AffineMap, dict[str, Any]]:
        now, later, d = moments.history, moments.successor, moments.n_latent
        kernels = METHODS[self.method](covariance, moments.n_terms, ridge)
        # With memory written as one step of the window, the spectrum is that of a Koopman operator in delay
        # coordinates: the same code, restricted to the directions that the data have.
        companion = companion_matrix(kernels)
        W = whitening(covariance[now, now])
        lift = covariance[now, now] @ W.T
        pairs = spectrum(companion @ lift, W, covariance[now, now], covariance[later, now], covariance[later, later])
        # Rounding can leave the directions that the data have, so the whole matrix has to be stable.
        everywhere = pairs.eigenvalues if len(W) == len(companion) else np.linalg.eigvals(companion)
        _warn_if_unstable(float(np.abs(everywhere).max(initial=0.0)))
        advance = AffineMap.between_means(companion[:d], moments.mean[now], moments.mean[:d])
        # Divided by degrees of freedom, or the noise that more terms fit would count as memory.
        freedom = moments.n_windows - 1 - d * np.arange(1, moments.n_terms + 1)
        unexplained = residual_variances(covariance, moments.n_terms, ridge) / np.maximum(freedom, 1)
        enough = unexplained <= (1 + _MEMORY_GAIN) * unexplained[-1]
        rate = rates(pairs.eigenvalues, self.lag * self.dt)
        return advance, {
            "memory_kernel_": kernels,
            "intercept_": advance.intercept,
            "memory_time_": float(self.lag * self.dt * (int(np.argmax(enough)) + 1)),
            "eigenvalues_": pairs.eigenvalues,
            "rates_": rate,
            "timescales_": timescales(rate),
            "residuals_": pairs.residuals,
            "modes_": output.coefficients @ pairs.right[: output.coefficients.shape[1]],
        }


def _warn_if_unstable(radius: float) -> None:
    if radius > _STABLE:
        warnings.warn(
            f"the model is unstable: its largest eigenvalue has modulus {radius:.4g}, so long forecasts grow "
            "without bound. Raise alpha, use fewer terms (n_memory), or give more data.",
            UserWarning,
            stacklevel=7,  # the caller of fit
        )
