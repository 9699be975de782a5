"""Rates in continuous time: the generator behind transition probabilities, or behind second moments.

Columns are states: ``dp/dt = Q p``, rates off the diagonal are not negative, and columns sum to zero (to less where
probability or energy is lost for good).

Not every transition matrix has a generator (the embedding problem, Elfving 1937), and a logarithm of a matrix estimated
from data often has small negative rates. Then the generator is sought whose transition matrix is nearest, and the
result says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, optimize, sparse

from skmst.master_equation.rates import check_transition_matrix, stationary_distribution
from skmst.utils.quadratic_program import DenseHessian, minimise

Array = NDArray[np.float64]

#: Rates this far below zero, relative to the largest, pass for rounding of the logarithm.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Generator:
    """Rates in continuous time, and how well they stand for the transition matrix they come from.

    Attributes
    ----------
    matrix : ndarray of shape (n, n)
        Q: rates from column to row, per unit of time.
    embeddable : bool
        Whether the transition matrix has a generator, which then is this one: the principal logarithm. If not, Q is the
        generator with the nearest transition matrix that was found.
    distance : float
        Frobenius norm of ``exp(interval Q) - T``.
    """

    matrix: Array
    embeddable: bool
    distance: float


def generator_of(
    transition_matrix: ArrayLike, interval: float = 1.0, *, substochastic: bool = False, detailed_balance: bool = False
) -> Generator:
    """Find the generator of a transition matrix, or the nearest one if there is none.

    Parameters
    ----------
    transition_matrix : array-like of shape (n, n)
        Probabilities over one interval, columns sum to one.
    interval : float, default=1.0
        Its duration; sets the unit of time.
    substochastic : bool, default=False
        Whether columns may sum to less than one; columns of Q then sum to at most zero.
    detailed_balance : bool, default=False
        Whether Q has to be in detailed balance with the stationary law of the transition matrix. Not with
        `substochastic`.

    Returns
    -------
    Generator
        Rates, whether they are exact, and how far their transition matrix is from the given one.

    Raises
    ------
    ValueError
        If the arguments are not valid, or there is no single stationary law to be in detailed balance with.

    Notes
    -----
    If the principal logarithm is not a generator, its negative rates are taken to zero by the least-squares projection
    (Kreinin & Sidelnikova 2001), and ``|exp(interval Q) - T|^2`` is minimised from there over non-negative rates. If
    the logarithm is not real (an eigenvalue is zero or negative: the interval is too long to see rates), the start is
    ``(T - I) / interval``. That function is not convex, so the result is a local minimum, though never worse than the
    start. A matrix with a non-principal logarithm that is a generator is possible, with eigenvalues that turn by more
    than half a circle per interval; it is not searched for.

    References
    ----------
    Kreinin & Sidelnikova (2001), Algo Res. Q. 4, 23. Israel, Rosenthal & Wei (2001), Math. Finance 11, 245.

    Examples
    --------
    >>> from skmst.master_equation import generator_of
    >>> generator_of([[0.8, 0.1], [0.2, 0.9]], interval=0.5).matrix.round(4)
    array([[-0.4756,  0.2378],
           [ 0.4756, -0.2378]])
    >>> generator_of([[0.1, 0.9], [0.9, 0.1]]).embeddable  # it swaps: no rates do that
    False
    """
    T = check_transition_matrix(transition_matrix, substochastic=substochastic, name="transition_matrix")
    if not interval > 0:
        raise ValueError(f"interval must be positive, got {interval!r}.")
    if substochastic and detailed_balance:
        raise ValueError("substochastic and detailed_balance exclude each other: what loses probability keeps no law.")
    n = len(T)
    if substochastic:  # the lost probability as one more state
        T = np.block([[T, np.zeros((n, 1))], [1 - T.sum(axis=0), 1.0]])
    law = stationary_distribution(T) if detailed_balance else None
    if law is not None and law.min() <= 0:
        raise ValueError(f"the chain leaves state {int(np.argmin(law))} for good: there is no detailed balance.")
    log = _principal_logarithm(T)
    if log is not None:
        rates = _off_diagonal(log)
        skew = 0.0 if law is None else float(np.abs(rates * law - (rates * law).T).max())
        size = max(float(np.abs(log).max()), np.finfo(float).tiny)
        if rates.min() >= -_ROUNDING * size and skew <= _ROUNDING * size:
            Q = _generator(np.maximum(rates, 0.0))
            return _result(Q, T, interval, embeddable=True, n=n)
    start = T - np.eye(len(T)) if log is None else log
    rates = _off_diagonal(nearest_generator(start)) if law is None else np.maximum(_off_diagonal(start), 0.0)
    return _result(_generator(_nearest_rates(T, rates, law)), T, interval, embeddable=False, n=n)


def nearest_generator(matrix: ArrayLike) -> Array:
    """Project a matrix on the generators, in the Frobenius norm.

    Parameters
    ----------
    matrix : array-like of shape (n, n)
        Such as a logarithm with negative rates.

    Returns
    -------
    ndarray of shape (n, n)
        Off-diagonal entries are not negative, columns sum to zero; the exact minimum of ``|Q - matrix|``.

    References
    ----------
    Kreinin & Sidelnikova (2001), Algo Res. Q. 4, 23, section 4 (quasi-optimisation of the generator).

    Examples
    --------
    >>> from skmst.master_equation import nearest_generator
    >>> nearest_generator([[-1.0, 0.5, 0.0], [1.2, -0.5, 0.3], [-0.2, 0.0, -0.3]]).round(3)
    array([[-1.1,  0.5,  0. ],
           [ 1.1, -0.5,  0.3],
           [ 0. ,  0. , -0.3]])
    """
    M = np.array(matrix, dtype=np.float64)
    if M.ndim != 2 or M.shape[0] != M.shape[1] or not np.isfinite(M).all():
        raise ValueError(f"matrix must be square and finite, got shape {M.shape}.")
    Q = np.empty_like(M)
    for j, column in enumerate(M.T):
        rest = np.sort(np.delete(column, j))[::-1]
        # Lower all entries by one shift so that they sum to zero; entries that would go below zero stay at it.
        shifts = (column[j] + np.concatenate([[0.0], np.cumsum(rest)])) / np.arange(1, len(rest) + 2)
        n_kept = np.flatnonzero(np.append(rest, -np.inf) <= shifts)[0]
        Q[:, j] = np.maximum(column - shifts[n_kept], 0.0)
        Q[j, j] = 0.0
        Q[j, j] = -Q[:, j].sum()
    return Q


def fit_generator(gram: ArrayLike, cross: ArrayLike, *, conserving: bool = True, ridge: float = 0.0) -> Array:
    """Rates from states and their time derivatives, by least squares.

    Parameters
    ----------
    gram : array-like of shape (d, d)
        Second moments ``E[p p.T]``, about zero.
    cross : array-like of shape (d, d)
        ``E[dp/dt p.T]``.
    conserving : bool, default=True
        Whether columns of Q sum to zero; else to at most zero.
    ridge : float, default=0.0
        Penalty, added to the diagonal of `gram`.

    Returns
    -------
    ndarray of shape (d, d)
        The minimum of ``E |dp/dt - Q p|^2`` over matrices whose off-diagonal entries are not negative and whose columns
        sum to zero, or at most zero.

    Raises
    ------
    ValueError
        If the moments do not fit together, or a state is never occupied.
    RuntimeError
        If the minimum is not found within certified accuracy.

    Notes
    -----
    Derivatives of sampled data are differences, right to the order of the step only. `generator_of` a transition matrix
    has no such error.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import fit_generator
    >>> Q = np.array([[-1.0, 0.2], [1.0, -0.2]])
    >>> p = np.array([[1.0, 0.0], [0.6, 0.4], [0.3, 0.7]])
    >>> np.allclose(fit_generator(p.T @ p, Q @ p.T @ p), Q)
    True
    """
    G, C = np.array(gram, dtype=np.float64), np.asarray(cross, dtype=np.float64)
    d = len(G)
    if G.shape != (d, d) or C.shape != (d, d) or not d:
        raise ValueError(f"gram and cross must both have shape (d, d), got {G.shape} and {C.shape}.")
    if not (np.isfinite(G).all() and np.isfinite(C).all()):
        raise ValueError("gram and cross must be finite.")
    if np.diag(G).min() <= 0:
        raise ValueError(f"state {int(np.argmin(np.diag(G)))} is never occupied: leave it out.")
    G[np.diag_indices(d)] += ridge
    to, start = np.nonzero(~np.eye(d, dtype=bool))
    if not conserving:
        to, start = np.append(to, np.full(d, -1)), np.append(start, np.arange(d))
    if not len(to):  # one state that keeps all it has
        return np.zeros((1, 1))
    # A rate takes from its start what it gives to its end; a loss (to = -1) only takes.
    take = sparse.csr_array((-np.ones(len(to)), (start * d + start, np.arange(len(to)))), shape=(d * d, len(to)))
    kept = to >= 0
    give = sparse.csr_array(
        (np.ones(kept.sum()), (to[kept] * d + start[kept], np.flatnonzero(kept))), shape=(d * d, len(to))
    )
    entries = sparse.csr_array(take + give)
    P = (entries.T @ sparse.kron(sparse.eye_array(d), 0.5 * (G + G.T)) @ entries).toarray()
    q = entries.T @ C.ravel()
    size, speed = float(P.diagonal().max()), max(float(np.abs(C).max() / np.diag(G).max()), np.finfo(float).tiny)
    A, b = sparse.csr_array((0, len(q))), np.zeros(0)
    rates = speed * minimise(DenseHessian(P / size), q / (size * speed), A, b, np.ones(len(q)))
    return np.asarray(entries @ rates).reshape(d, d)


def _principal_logarithm(T: Array) -> Array | None:
    """The principal logarithm, None where it is not real or does not reproduce T."""
    values = np.linalg.eigvals(T)
    cut = len(T) * np.finfo(float).eps
    if (np.abs(values) <= cut).any() or ((values.real < 0) & (np.abs(values.imag) <= cut)).any():
        return None
    log = linalg.logm(T)
    if np.abs(np.imag(log)).max() > _ROUNDING or np.abs(linalg.expm(np.real(log)) - T).max() > _ROUNDING:
        return None
    return np.real(log)


def _off_diagonal(matrix: Array) -> Array:
    return matrix * (1 - np.eye(len(matrix)))


def _generator(rates: Array) -> Array:
    """The generator with these rates (zero diagonal)."""
    return rates - np.diag(rates.sum(axis=0))


def _result(Q: Array, T: Array, interval: float, *, embeddable: bool, n: int) -> Generator:
    """The result on the first n states, for Q per interval."""
    distance = float(np.linalg.norm((linalg.expm(Q) - T)[:n, :n]))
    return Generator(Q[:n, :n] / interval, embeddable, distance)


def _nearest_rates(T: Array, rates: Array, law: Array | None) -> Array:
    """Non-negative rates at a local minimum of ``|exp(Q) - T|^2``; in detailed balance where a law is given."""
    n = len(T)
    if law is None:
        i, j = np.nonzero(~np.eye(n, dtype=bool) & (np.diag(T) < 1))  # a state that keeps all stays so
        start = rates[i, j]
    else:
        flux = rates * law
        i, j = np.triu_indices(n, 1)
        start = 0.5 * (flux + flux.T)[i, j]

    def unpack(x: Array) -> Array:
        rates = np.zeros((n, n))
        rates[i, j] = x
        if law is not None:
            rates = (rates + rates.T) / law
        return _generator(rates)

    def objective(x: Array) -> tuple[float, Array]:
        Q = unpack(x)
        E = linalg.expm(Q)
        # The gradient of |exp(Q) - T|^2 / 2 is the derivative of exp at Q.T in the direction of the residual.
        D = linalg.expm_frechet(Q.T, E - T, compute_expm=False)
        D = D - np.diag(D)  # a rate from j also lowers the diagonal entry of column j
        if law is not None:
            D = D / law
            D = D + D.T
        return 0.5 * float(np.sum((E - T) ** 2)), D[i, j]

    options = {"maxiter": 1000, "maxfun": 5000, "ftol": 1e-15, "gtol": 1e-10}
    best = optimize.minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start), options=options
    )
    found: Array = best.x if best.fun <= objective(start)[0] else start
    return _off_diagonal(unpack(found))
