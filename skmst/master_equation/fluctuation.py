"""The generalised fluctuation-dissipation relation of discrete time, and a test of it.

With Mori's kernels, ``W_l = x_{l+1} - sum_{m<=l} Omega_m x_{l-m}`` is the noise that the present x_0 does not know at
all. In a stationary state its correlation with the first noise is a kernel:

    Omega_l E[x_0 x_1^T] = -E[W_l W_0^T],    l = 1, 2, ...

(Lin, Tian, Livescu & Anghel 2021, SIAM J. Appl. Dyn. Syst. 20, 2558). What comes back as memory is what was lost as
noise. Kernels that are not Mori's break it, and so do correlations that change along the runs (unless all of them
change by one factor).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.master_equation.kernels import correlations, mori
from skmst.trajectories._moments import trajectory_moments
from skmst.utils.linalg import whitening

Array = NDArray[np.float64]


def fluctuation_dissipation(covariance: Array, kernels: Array) -> tuple[Array, Array]:
    """Both sides of the relation, from second moments of windows.

    Parameters
    ----------
    covariance : ndarray of shape ((n_terms + 1) * d, (n_terms + 1) * d)
        Centred second moments of windows of ``n_terms + 1`` states, the latest first.
    kernels : ndarray of shape (n_terms, d, d)
        ``Omega_0, Omega_1, ...``, acting on columns.

    Returns
    -------
    dissipation : ndarray of shape (n_terms - 1, d, d)
        ``-Omega_l E[x_0 x_1^T]`` for l = 1, 2, ...
    fluctuation : ndarray of shape (n_terms - 1, d, d)
        ``E[W_l W_0^T]``.

    Examples
    --------
    One component of a linear system in two dimensions with white noise in the stationary state:

    >>> import numpy as np
    >>> from scipy.linalg import solve_discrete_lyapunov
    >>> from skmst.master_equation import fluctuation_dissipation, mori_kernels
    >>> A = np.array([[0.6, 0.5], [-0.4, 0.7]])
    >>> S = solve_discrete_lyapunov(A, np.eye(2))
    >>> C = [(np.linalg.matrix_power(A, n) @ S)[0, 0] for n in range(4)]
    >>> covariance = np.array([[C[abs(i - j)] for j in range(4)] for i in range(4)])
    >>> left, right = fluctuation_dissipation(covariance, mori_kernels(np.reshape(C, (4, 1, 1))))
    >>> bool(np.allclose(left, right)), bool(abs(left[0, 0, 0]) > 0.1)
    (True, True)
    """
    n_terms, d, _ = kernels.shape
    C = correlations(covariance, n_terms)
    # The window is [x_n, ..., x_0]: a state x_k stands at n_terms - k.
    noise = np.zeros((n_terms, d, n_terms + 1, d))
    for n in range(n_terms):
        noise[n, :, n_terms - n - 1] = np.eye(d)
        for m in range(n + 1):
            noise[n, :, n_terms - n + m] -= kernels[m]
    rows = noise.reshape(n_terms, d, -1)
    return -kernels[1:] @ C[1].T, np.asarray(rows[1:] @ covariance @ rows[0].T)


@dataclass(frozen=True)
class FluctuationDissipation:
    """The relation on data.

    Attributes
    ----------
    dissipation, fluctuation : ndarray of shape (n_terms - 1, d, d)
        The two sides, of units in which the states have unit covariance: both are at most of order one.
    mismatch : ndarray of shape (n_terms - 1,)
        Root mean square of their difference over the entries, for each l.
    chance : ndarray of shape (n_terms - 1,)
        The mismatch to expect of a finite number of trajectories, by the bootstrap.
    p_value : float
        Probability of a mismatch this large, over all l, where the relation holds.
    """

    dissipation: Array
    fluctuation: Array
    mismatch: Array
    chance: Array
    p_value: float


def fluctuation_dissipation_test(
    X: Any,
    n_terms: int,
    *,
    kernels: Callable[[Array, int, float], Array] = mori,
    lag: int = 1,
    alpha: float = 0.0,
    n_resamples: int = 500,
    random_state: int | np.random.RandomState | None = None,
) -> FluctuationDissipation:
    """Test the relation, with chance judged by resampling whole trajectories.

    Parameters
    ----------
    X : array-like of shape (n_trajectories, n_steps, n_features), or list of 2-D arrays
        Independent trajectories; some tens are needed for a useful p-value.
    n_terms : int
        Number of kernels, at least 2.
    kernels : callable, default=mori
        From ``(covariance, n_terms, ridge)`` to the kernels, as `skmst.master_equation.kernels.mori` or `regression`.
    lag : int, default=1
        Steps between the terms.
    alpha : float, default=0.0
        Ridge penalty, relative to the mean variance of the components.
    n_resamples : int, default=500
        Number of resamples, of moments only.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    FluctuationDissipation
        Both sides and the test.

    Raises
    ------
    ValueError
        If `n_terms` is below 2, there are fewer than two trajectories, or one is too short.

    Examples
    --------
    >>> from skmst.datasets import make_ornstein_uhlenbeck
    >>> from skmst.master_equation import fluctuation_dissipation_test
    >>> X = make_ornstein_uhlenbeck(40, 200, random_state=0)
    >>> fluctuation_dissipation_test(X, 4, n_resamples=200, random_state=0).p_value > 0.05
    True
    """
    if n_terms < 2:
        raise ValueError(f"n_terms must be at least 2, since the relation is one of memory; got {n_terms!r}.")
    moments = trajectory_moments(X, n_terms, lag)
    d = moments.offset.shape[1] // (n_terms + 1)
    whole = moments.covariance
    W = whitening(whole[-d:, -d:])

    def sides(covariance: Array) -> tuple[Array, Array]:
        ridge = alpha * float(np.mean(np.diag(covariance)[d:]))
        left, right = fluctuation_dissipation(covariance, kernels(covariance, n_terms, ridge))
        return W @ left @ W.T, W @ right @ W.T

    dissipation, fluctuation = sides(whole)
    difference = dissipation - fluctuation
    rng = check_random_state(random_state)
    drawn = np.array([np.subtract(*sides(C)) - difference for C in moments.resampled(n_resamples, rng)])
    chance = np.mean(drawn**2, axis=(2, 3))
    found = np.mean(difference**2, axis=(1, 2))
    exceeded = np.sum(chance.sum(axis=1) >= found.sum())
    return FluctuationDissipation(
        dissipation,
        fluctuation,
        np.sqrt(found),
        np.sqrt(chance.mean(axis=0)),
        float((1 + exceeded) / (1 + n_resamples)),
    )
