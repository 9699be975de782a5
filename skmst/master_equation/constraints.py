"""Least squares from second moments under the constraints that make forecasts probabilities.

Columns are states: ``p(t + lag) = sum_l K[l] p(t - l lag)``. Probabilities have no free intercept, so the moments here
are about zero, not about the mean.

Non-negative kernels whose sum is stochastic are not enough: the state now and the state before may count with weights
that differ by state, and then a history of probabilities can lead to a sum other than one. All sums stay one exactly if
the columns of each kernel have equal sums: each kernel is a weight times a stochastic matrix, and the weights sum to
one. This is the mixture transition distribution of Raftery (1985).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from skmst.master_equation.rates import stationary_distribution
from skmst.utils.quadratic_program import BlockHessian, DenseHessian, minimise

Array = NDArray[np.float64]


def stochastic_kernels(
    gram: ArrayLike,
    cross: ArrayLike,
    *,
    constraint: str = "stochastic",
    ridge: float = 0.0,
    weights: ArrayLike | None = None,
    stationary: ArrayLike | None = None,
) -> Array:
    """Kernels that take histories of probabilities to probabilities, by least squares.

    Parameters
    ----------
    gram : array-like of shape (n_terms * d, n_terms * d)
        Second moments ``E[h h.T]`` of the history ``h = [p(t), p(t - lag), ...]``, about zero.
    cross : array-like of shape (d, n_terms * d)
        ``E[p(t + lag) h.T]``, from the same windows.
    constraint : {"stochastic", "substochastic", "detailed_balance"}, default="stochastic"
        What the kernels obey, all of them non-negative. ``"stochastic"``: columns of kernel l all sum to one weight,
        and the weights sum to one, so probabilities stay probabilities. ``"substochastic"``: sums of columns are at
        most the weight, so part of the probability (or energy) may be lost for good. ``"detailed_balance"``:
        stochastic, and each kernel carries as much from i to j as from j to i under the stationary law.
    ridge : float, default=0.0
        Penalty, added to the diagonal of `gram`.
    weights : array-like of shape (d,), default=None
        Weights of the squared errors of each state. None: all one. The inverse variances make small states count as
        much as large ones.
    stationary : array-like of shape (d,), default=None
        Stationary law for ``"detailed_balance"``; None takes that of the ``"stochastic"`` solution.

    Returns
    -------
    ndarray of shape (n_terms, d, d)
        The minimum of ``E |p(t + lag) - sum_l K[l] p(t - l lag)|^2``, the kernel of the latest state first. Not
        negative; the sums are exact to rounding. What an earlier kernel would add whatever its state is, data cannot
        tell from the same in the latest kernel (except where probability is lost), and it is given to that one: the
        weights of the earlier kernels, the sums of their columns, are as small as they can be.

    Raises
    ------
    ValueError
        If the moments do not fit together, or a state never has any probability.
    RuntimeError
        If the minimum is not found within certified accuracy.

    References
    ----------
    Raftery (1985), J. R. Stat. Soc. B 47, 528 (the mixture transition distribution).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import stochastic_kernels
    >>> p = np.array([[1.0, 0.0], [0.7, 0.3], [0.55, 0.45], [0.5, 0.5]])
    >>> stochastic_kernels(p[:-1].T @ p[:-1], p[1:].T @ p[:-1]).round(3)
    array([[[0.696, 0.244],
            [0.304, 0.756]]])
    """
    if constraint not in CONSTRAINTS:
        raise ValueError(f"constraint must be one of {', '.join(map(repr, CONSTRAINTS))}; got {constraint!r}.")
    G, C, w = _check_moments(gram, cross, ridge, weights)
    if constraint == "substochastic":
        return _stochastic(G, C, w, lossy=True)
    if constraint == "stochastic":
        kernels = _stochastic(G, C, w, lossy=False)
        return _latest(kernels, kernels.min(axis=2, keepdims=True))
    if stationary is None:
        law = stationary_distribution(_stochastic(G, C, w, lossy=False).sum(axis=0))
        if law.min() <= 0:
            raise ValueError(
                f"state {int(np.argmin(law))} has no probability in the stationary law of the stochastic kernels, so "
                "detailed balance cannot be fitted: leave it out, or give the law as stationary."
            )
    else:
        law = np.asarray(stationary, dtype=np.float64)
    if law.shape != (len(C),) or not np.isfinite(law).all() or law.min() <= 0:
        raise ValueError(f"stationary must hold {len(C)} positive probabilities, got {law}.")
    kernels, law = _detailed_balance(G, C, w, law / law.sum()), law[:, None] / law.sum()
    return _latest(kernels, law * (kernels / law).min(axis=(1, 2), keepdims=True))


def with_dissipated_state(kernels: ArrayLike) -> Array:
    """Add the state that takes up what sub-stochastic kernels lose, and keeps it.

    Parameters
    ----------
    kernels : array-like of shape (n_terms, d, d)
        Non-negative; columns of kernel l sum to at most ``c_l``, and the ``c_l`` to one.

    Returns
    -------
    ndarray of shape (n_terms, d + 1, d + 1)
        Stochastic kernels with the new state last. For the weights ``c_l``, which losses leave free, the smallest
        possible are taken, and the latest kernel has what is missing to one.

    Raises
    ------
    ValueError
        If an entry is negative or the kernels' largest columns sum to more than one.
    """
    K = np.array(kernels, dtype=np.float64)
    if K.ndim != 3 or K.shape[1] != K.shape[2]:
        raise ValueError(f"kernels must have shape (n_terms, d, d), got {K.shape}.")
    shares = K.sum(axis=1).max(axis=1)
    if K.min() < 0 or shares.sum() > 1 + 1e-10:
        raise ValueError("kernels are not sub-stochastic: fit them with constraint='substochastic'.")
    shares[0] += 1 - shares.sum()
    n_terms, d, _ = K.shape
    whole = np.zeros((n_terms, d + 1, d + 1))
    whole[:, :d, :d] = K
    whole[:, d, :d] = np.maximum(shares[:, None] - K.sum(axis=1), 0.0)
    whole[:, d, d] = shares
    return whole


def _check_moments(
    gram: ArrayLike, cross: ArrayLike, ridge: float, weights: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Moments and weights, scaled so that the largest curvature is one."""
    G, C = np.array(gram, dtype=np.float64), np.asarray(cross, dtype=np.float64)
    d = len(C)
    if G.ndim != 2 or G.shape[0] != G.shape[1] or C.shape != (d, len(G)) or not d or len(G) % d:
        raise ValueError(
            f"gram must have shape (n_terms * d, n_terms * d) and cross (d, n_terms * d); got {G.shape} and {C.shape}."
        )
    if not (np.isfinite(G).all() and np.isfinite(C).all()):
        raise ValueError("gram and cross must be finite.")
    w = np.ones(d) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (d,) or not np.isfinite(w).all() or w.min() <= 0:
        raise ValueError(f"weights must hold {d} positive numbers, got {w}.")
    empty = np.flatnonzero(np.diag(G).reshape(-1, d).sum(axis=0) <= 0)
    if len(empty):
        raise ValueError(f"state {empty[0]} has no probability in any step: leave it out.")
    G[np.diag_indices_from(G)] += ridge
    w = w / w.max()
    size = float(np.diag(G).max())
    return 0.5 * (G + G.T) / size, C / size, w


def _stochastic(G: Array, C: Array, w: Array, *, lossy: bool) -> Array:
    """The stochastic or (lossy) sub-stochastic kernels.

    Variables are the rows of ``[K[0], K[1], ...]``, then, if lossy, what each column loses, then the weights of the
    kernels.
    """
    d, n = C.shape
    n_terms, n_rows = n // d, d + lossy
    sums = sparse.hstack([sparse.eye_array(n)] * n_rows)
    shares = sparse.kron(sparse.eye_array(n_terms), np.ones((d, 1)))
    total = sparse.hstack([sparse.csr_array((1, n * n_rows)), np.ones((1, n_terms))])
    A = sparse.csr_array(sparse.vstack([sparse.hstack([sums, -shares]), total]))
    b = np.append(np.zeros(n), 1.0)
    q = np.concatenate([(w[:, None] * C).ravel(), np.zeros(n * lossy + n_terms)])
    start = np.append(np.full(n * n_rows, 1 / (n_terms * n_rows)), np.full(n_terms, 1 / n_terms))
    x = minimise(BlockHessian(G, w, n * lossy + n_terms), q, A, b, start)
    kernels = x[: n * n_rows].reshape(n_rows, n_terms, d).transpose(1, 0, 2)
    return _with_exact_sums(kernels, x[-n_terms:])[:, :d]


def _detailed_balance(G: Array, C: Array, w: Array, law: Array) -> Array:
    """The stochastic kernels ``K[l] = F[l] / law`` with symmetric fluxes F.

    Variables are ``F[l, i, j] / sqrt(law[i] law[j])`` for i <= j, which are all of about one size, then the weights.
    """
    d, n = C.shape
    n_terms, root = n // d, np.sqrt(law)
    i, j = np.triu_indices(d)
    pair, off = np.arange(len(i)), i != j
    # From the variables of one kernel to its entries K[i, j] (row by row of the matrix).
    entries = sparse.csr_array(
        (
            np.concatenate([root[i] / root[j], (root[j] / root[i])[off]]),
            (np.concatenate([i * d + j, (j * d + i)[off]]), np.concatenate([pair, pair[off]])),
        ),
        shape=(d * d, len(i)),
    )
    # The same for all kernels, with entries in the order of cross.
    order = np.arange(n_terms * d * d).reshape(n_terms, d, d).transpose(1, 0, 2).ravel()
    lift = sparse.csr_array(sparse.kron(sparse.eye_array(n_terms), entries))[order]
    P = (lift.T @ sparse.kron(sparse.diags_array(w), G) @ lift).toarray()
    q = lift.T @ (w[:, None] * C).ravel()
    sums = sparse.kron(sparse.eye_array(n_terms), sparse.kron(np.ones((1, d)), sparse.eye_array(d)) @ entries)
    shares = sparse.kron(sparse.eye_array(n_terms), np.ones((d, 1)))
    total = sparse.hstack([sparse.csr_array((1, n_terms * len(i))), np.ones((1, n_terms))])
    A = sparse.csr_array(sparse.vstack([sparse.hstack([sums, -shares]), total]))
    b = np.append(np.zeros(n), 1.0)
    size = float(P.diagonal().max())
    hessian = np.pad(P / size, (0, n_terms))
    start = np.append(np.tile(root[i] * root[j] / n_terms, n_terms), np.full(n_terms, 1 / n_terms))
    x = minimise(DenseHessian(hessian), np.append(q / size, np.zeros(n_terms)), A, b, start)
    fluxes = np.zeros((n_terms, d, d))
    fluxes[:, i, j] = x[:-n_terms].reshape(n_terms, -1) * root[i] * root[j]
    fluxes[:, j, i] = fluxes[:, i, j]
    kernels, shares, each = fluxes / law, x[-n_terms:] / x[-n_terms:].sum(), np.arange(d)
    # The diagonal takes up rounding without harm to the balance.
    kernels[:, each, each] = np.maximum(kernels[:, each, each] + shares[:, None] - kernels.sum(axis=1), 0.0)
    return _with_exact_sums(kernels, shares)


def _latest(kernels: Array, common: Array) -> Array:
    """Move to the latest kernel what an earlier one adds whatever its state is: ``common``, the same in all columns.

    Probabilities sum to one at every step, so this part is the same for all of them, and data cannot tell whose it is.
    """
    moved = kernels.copy()
    moved[1:] = np.maximum(kernels[1:] - common[1:], 0.0)
    moved[0] += common[1:].sum(axis=0)
    return moved


def _with_exact_sums(kernels: Array, shares: Array) -> Array:
    """Make the columns of each kernel sum to its share, and the shares to one, to rounding."""
    shares = shares / shares.sum()
    sums = kernels.sum(axis=1, keepdims=True)
    scale = np.divide(shares[:, None, None], sums, out=np.ones_like(sums), where=sums > 0)
    kernels = kernels * scale
    # A kernel of weight zero has no column to scale.
    return np.where((shares > 0)[:, None, None], kernels, 0.0)


CONSTRAINTS = ("stochastic", "substochastic", "detailed_balance")
