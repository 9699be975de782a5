"""Series of transition matrices T(dt), T(2 dt), ... and the master equations that continue them.

The literature on Markov state models lets matrices act on rows: ``p(t) = p(0) T(t)``, each row of T sums to
one. So do the functions of this page and of `skmst.master_equation.integrative`; their matrices are the transposes
of those elsewhere in the package, which act on columns. ``propagators[n - 1]`` is T(n dt): a series starts at
the first lag, without the identity, and so does what the functions predict.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skmst.master_equation.kernels import mori_kernels, propagate

Array = NDArray[np.float64]


def markov_propagators(transition: Array, n_steps: int) -> Array:
    """Powers ``T, T^2, ...`` of a transition matrix: what a Markov state model predicts.

    Parameters
    ----------
    transition : ndarray of shape (d, d)
        T(tau), of one lag tau.
    n_steps : int
        Number of powers.

    Returns
    -------
    ndarray of shape (n_steps, d, d)
        Predictions of T(tau), T(2 tau), ...
    """
    return propagate(transition[None], np.eye(len(transition)), n_steps)[1:]


def qmsm(propagators: Array, n_kernels: int, dt: float = 1.0, *, identity: bool = False) -> tuple[Array, Array]:
    """Rate and memory kernel of a quasi-Markov state model (Cao et al. 2020).

    ``T'(t) = T(t) rate + int_0^min(t, tau_K) T(t - s) K(s) ds`` with forward differences; the error is of
    first order in `dt`.

    Parameters
    ----------
    propagators : ndarray of shape (n, d, d)
        T(dt), T(2 dt), ..., row-stochastic, at least ``n_kernels + 2`` of them (one less with `identity`).
    n_kernels : int
        Memory time ``tau_K / dt``.
    dt : float, default=1.0
        Time between them.
    identity : bool, default=False
        Whether time starts from the identity at t = 0. By default it starts from T(dt), the convention of
        the published code: the projection of a coarse description is not resolved at t = 0.

    Returns
    -------
    rate : ndarray of shape (d, d)
        Markov term, per unit of time.
    kernel : ndarray of shape (n_kernels, d, d)
        ``K(dt), K(2 dt), ...`` counted from the start of time, per unit of time squared.

    Raises
    ------
    ValueError
        If the series is too short or its first matrix is singular.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import markov_propagators, qmsm
    >>> T = markov_propagators(np.array([[0.9, 0.1], [0.2, 0.8]]), 5)
    >>> rate, kernel = qmsm(T, 3)  # no memory in powers of one matrix
    >>> bool(np.allclose(rate, [[-0.1, 0.1], [0.2, -0.2]])), bool(np.allclose(kernel, 0))
    (True, True)
    """
    series = np.concatenate([np.eye(propagators.shape[1])[None], propagators]) if identity else propagators
    if not 0 <= n_kernels <= len(series) - 2:
        raise ValueError(
            f"n_kernels={n_kernels} needs {n_kernels + 2} matrices, but there are {len(series)}: lower n_kernels "
            "or give a longer series."
        )
    tensors = transfer_tensors(series[: n_kernels + 2])
    return (tensors[0] - np.eye(len(tensors[0]))) / dt, tensors[1:] / dt**2


def transfer_tensors(series: Array) -> Array:
    """Discrete kernels of a series that starts at any time: ``T_n = sum_l T_{n-1-l} Omega_l``.

    Parameters
    ----------
    series : ndarray of shape (n, d, d)
        ``T_0, T_1, ...``, acting on rows; T_0 is the identity or the first matrix that is trusted.

    Returns
    -------
    ndarray of shape (n - 1, d, d)
        The kernels (Cerrillo & Cao 2014), acting on rows.

    Raises
    ------
    ValueError
        If T_0 is singular.
    """
    if np.linalg.cond(series[0]) > 1 / np.finfo(float).eps:
        raise ValueError("the first matrix of the series is singular: start from another lag or from the identity.")
    scaled = series @ np.linalg.inv(series[0])
    kernels = mori_kernels(scaled.transpose(0, 2, 1)).transpose(0, 2, 1)
    # T_n T_0^{-1} starts from the identity; its kernels are those of T_n, seen through T_0.
    return np.asarray(np.linalg.solve(series[0], kernels @ series[0]))


def predict_qmsm(start: Array, rate: Array, kernel: Array, n_steps: int, dt: float = 1.0) -> Array:
    """Continue a series by the quasi-Markov master equation.

    Parameters
    ----------
    start : ndarray of shape (d, d)
        The matrix from which time starts, as in `qmsm`: T(dt), or the identity.
    rate : ndarray of shape (d, d)
        Markov term.
    kernel : ndarray of shape (n_kernels, d, d)
        Memory kernel.
    n_steps : int
        Number of matrices.
    dt : float, default=1.0
        Time between them.

    Returns
    -------
    ndarray of shape (n_steps, d, d)
        The start and what follows: ``T(dt), ..., T(n_steps dt)`` from T(dt). The first ``n_kernels + 2``
        are those from which the kernel was made.
    """
    tensors = np.concatenate([(np.eye(len(rate)) + dt * rate)[None], dt**2 * kernel])
    columns = propagate(tensors.transpose(0, 2, 1), start.T, n_steps - 1)
    return columns.transpose(0, 2, 1)


def mean_integral_kernel(kernel: Array, dt: float = 1.0) -> Array:
    """Mean integral kernel, whose plateau tells the memory time (Cao et al. 2020).

    Parameters
    ----------
    kernel : ndarray of shape (n, d, d)
        Memory kernel, per unit of time squared.
    dt : float, default=1.0
        Time step.

    Returns
    -------
    ndarray of shape (n,)
        Frobenius norm over d of the kernel's integral up to each time.
    """
    integral = dt * np.cumsum(kernel, axis=0)
    return np.asarray(np.linalg.norm(integral, axis=(1, 2)) / kernel.shape[1])


def tcl(propagators: Array) -> Array:
    """Time-local propagators of the time-convolutionless master equation (Dominic et al. 2023).

    Parameters
    ----------
    propagators : ndarray of shape (n, d, d)
        T(dt), T(2 dt), ..., acting on rows.

    Returns
    -------
    ndarray of shape (n, d, d)
        ``U_1, ..., U_n`` with ``T(n dt) = T((n - 1) dt) U_n``; U becomes constant where memory has decayed.
        Directions that have decayed to nothing (1e-10) get zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import markov_propagators, tcl
    >>> T = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> bool(np.allclose(tcl(markov_propagators(T, 4)), T))
    True
    """
    before = np.concatenate([np.eye(propagators.shape[1])[None], propagators[:-1]])
    return np.asarray(np.linalg.pinv(before, rcond=1e-10) @ propagators)


def predict_tcl(propagators: Array, local: Array, n_steps: int) -> Array:
    """Continue a series with its last time-local propagator.

    Parameters
    ----------
    propagators : ndarray of shape (n, d, d)
        The series up to the memory time.
    local : ndarray of shape (d, d)
        The propagator of every later step, usually ``tcl(propagators)[-1]``.
    n_steps : int
        Number of matrices, of which the first n are the series itself.

    Returns
    -------
    ndarray of shape (n_steps, d, d)
        T(dt), ..., T(n_steps dt).
    """
    out = list(propagators[:n_steps])
    while len(out) < n_steps:
        out.append(out[-1] @ local)
    return np.array(out)


def propagator_rmse(predicted: Array, reference: Array, stationary: Array | None = None) -> float:
    """Root mean square difference of two series of transition matrices.

    Parameters
    ----------
    predicted, reference : ndarray of shape (n, d, d)
        The series, at the same times, acting on rows.
    stationary : ndarray of shape (d,), default=None
        Stationary law that weights the rows, so the error is that of populations (Cao et al. 2020).

    Returns
    -------
    float
        The root of the mean square over times and entries.

    Raises
    ------
    ValueError
        If the series differ in shape.
    """
    if predicted.shape != reference.shape:
        raise ValueError(f"predicted has shape {predicted.shape} where reference has {reference.shape}.")
    difference = predicted - reference
    if stationary is not None:
        difference = stationary[:, None] * difference
    return float(np.sqrt(np.mean(difference**2)))
