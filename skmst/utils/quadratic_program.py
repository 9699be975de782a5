"""Convex quadratic programs with non-negative variables, by an interior-point method with a certificate.

``minimise x.P x / 2 - q.x  subject to  A x = b, x >= 0``. The Hessian P is an object that multiplies and factorises, so
that programs whose P has equal blocks cost what the blocks cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

Array = NDArray[np.float64]
Solve = Callable[[Array], Array]
Step = tuple[Array, Array, Array]

_MAX_ITERATIONS = 100
#: Mean product of a variable and its multiplier at which to stop, for a Hessian of size one.
_GAP = 1e-22
#: Fraction of the gap to aim at, and smallest product of a pair relative to the mean, for steps that surely converge.
_CENTRING, _NEAR = 0.3, 1e-4
#: Largest violation of the optimality conditions that passes.
_CERTIFIED = 1e-8
# : Added to the Hessian where it is factorised, not where it is multiplied: steps change a little, the solution does
# not.
_PROXIMAL = 1e-13
#: Steps of refinement with the zero variables held.
_REFINEMENTS = 6


class Hessian(Protocol):
    """What `minimise` asks of P."""

    def __matmul__(self, x: Array) -> Array:
        """Give ``P x``."""

    def factor(self, diagonal: Array) -> Solve:
        """Give the function that solves ``(P + diag(diagonal)) x = r`` for the columns of r."""


class DenseHessian:
    """Any symmetric positive semi-definite P.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        P.
    """

    def __init__(self, matrix: Array) -> None:
        self.matrix = matrix

    def __matmul__(self, x: Array) -> Array:
        """Give ``P x``."""
        return np.asarray(self.matrix @ x)

    def factor(self, diagonal: Array) -> Solve:
        """Give the function that solves ``(P + diag(diagonal)) x = r`` for the columns of r."""
        factor = linalg.cho_factor(self.matrix + np.diag(diagonal))
        return lambda r: np.asarray(linalg.cho_solve(factor, r))


class BlockHessian:
    """Blocks ``weights[i] * block`` down the diagonal, then zeros.

    Parameters
    ----------
    block : ndarray of shape (n, n)
        Symmetric, positive semi-definite.
    weights : ndarray of shape (n_blocks,)
        Not negative.
    n_free : int
        Number of variables without curvature, after the blocks.
    """

    def __init__(self, block: Array, weights: Array, n_free: int = 0) -> None:
        self.block, self.weights, self.n_free = block, weights, n_free

    def __matmul__(self, x: Array) -> Array:
        """Give ``P x``."""
        n = len(self.block) * len(self.weights)
        rows = x[:n].reshape(len(self.weights), -1) @ self.block * self.weights[:, None]
        return np.concatenate([rows.ravel(), np.zeros(self.n_free)])

    def factor(self, diagonal: Array) -> Solve:
        """Give the function that solves ``(P + diag(diagonal)) x = r`` for the columns of r."""
        n = len(self.block)
        parts = diagonal[: n * len(self.weights)].reshape(-1, n)
        factors = [linalg.cho_factor(w * self.block + np.diag(d)) for w, d in zip(self.weights, parts, strict=True)]
        rest = diagonal[n * len(self.weights) :]

        def solve(r: Array) -> Array:
            out = np.empty_like(r)
            for i, factor in enumerate(factors):
                out[i * n : (i + 1) * n] = linalg.cho_solve(factor, r[i * n : (i + 1) * n])
            tail = r[n * len(factors) :]
            out[n * len(factors) :] = tail / rest.reshape(-1, *[1] * (r.ndim - 1))
            return out

        return solve


def minimise(P: Hessian, q: Array, A: sparse.csr_array, b: Array, start: Array) -> Array:
    """Solve a convex quadratic program with non-negative variables.

    Parameters
    ----------
    P : Hessian
        Positive semi-definite, with diagonal entries of at most about one: scale P and q together.
    q : ndarray of shape (n,)
        Linear term.
    A : sparse array of shape (m, n)
        Constraints, linearly independent.
    b : ndarray of shape (m,)
        Their values.
    start : ndarray of shape (n,)
        Positive; best if ``A start = b``.

    Returns
    -------
    ndarray of shape (n,)
        The minimum: not negative, with exact zeros where constraints hold the solution.

    Raises
    ------
    RuntimeError
        If the conditions of optimality (which certify a minimum, the program being convex) are not met within 1e-8.

    Notes
    -----
    Mehrotra's predictor-corrector method; where its step is too bold (it can cycle), a short step along the central
    path, which always converges. What it finds to be zero is then held at zero and the rest is refined as a
    least-squares problem with equality constraints, which brings the accuracy of a direct solution.

    References
    ----------
    Mehrotra (1992), SIAM J. Optim. 2, 575. Wright (1997), Primal-Dual Interior-Point Methods, SIAM. Nocedal & Wright
    (2006), Numerical Optimization, Springer, algorithm 16.4.
    """
    At = A.T.toarray()
    x, y = start.copy(), np.zeros(len(b))
    z = np.full(len(x), max(1.0, float(np.abs(P @ x - q).max())))
    best = (np.inf, x, y, z)
    for _ in range(_MAX_ITERATIONS):
        dual, primal, gap = q - P @ x + At @ y + z, b - A @ x, float(x @ z) / len(x)
        violation = max(float(np.abs(dual).max()), float(np.abs(primal).max(initial=0.0)), gap)
        if violation < best[0]:
            best = (violation, x, y, z)
        if gap < _GAP:
            break
        try:
            newton = _KKT(P, A, At, z / x + _PROXIMAL)
        except linalg.LinAlgError:
            break
        move = _mehrotra(newton, x, z, dual, primal, gap) or _safe(newton, x, z, dual, primal, gap)
        if move is None:
            break
        x, y, z = x + move[0], y + move[1], z + move[2]
    violation, x, y, z = best
    if violation > _CERTIFIED:
        raise RuntimeError(
            f"the constrained least squares did not converge (optimality violated by {violation:.1e}): the second "
            "moments are too badly scaled. Raise alpha, or rescale the states."
        )
    return _refined(P, q, A, At, b, x, y, z)


class _KKT:
    """Newton steps of the optimality conditions, for one factorisation."""

    def __init__(self, P: Hessian, A: sparse.csr_array, At: Array, diagonal: Array) -> None:
        self.A, self.At = A, At
        self.solve = P.factor(diagonal)
        self.lifted = self.solve(At) if At.size else At
        self.schur = linalg.cho_factor(A @ self.lifted) if At.size else None

    def step(self, gradient: Array, primal: Array) -> tuple[Array, Array]:
        """Solve ``(P + D) dx - A.T dy = gradient``, ``A dx = primal``."""
        dx = self.solve(gradient)
        if self.schur is None:
            return dx, np.zeros(0)
        dy = np.asarray(linalg.cho_solve(self.schur, primal - self.A @ dx))
        return dx + self.lifted @ dy, dy


def _mehrotra(newton: _KKT, x: Array, z: Array, dual: Array, primal: Array, gap: float) -> Step | None:
    """The predictor-corrector step; None where it would not bring the gap down or would leave the central path."""
    dx, _ = newton.step(dual - z, primal)
    dz = -z - z / x * dx
    expected = float((x + _reach(x, dx) * dx) @ (z + _reach(z, dz) * dz)) / len(x)
    # The target of the products counts what the step adds to them in second order.
    dx, dy, dz = _towards(newton, x, z, dual, primal, (expected / gap) ** 3 * gap - dx * dz)
    # One length for both: with a Hessian, the dual residual depends on x.
    length = 0.995 * min(_reach(x, dx), _reach(z, dz))
    return _accepted(length, x, z, (dx, dy, dz), 0.9 * gap)


def _safe(newton: _KKT, x: Array, z: Array, dual: Array, primal: Array, gap: float) -> Step | None:
    """A step along the central path that always brings the gap down, if by little (Wright 1997, chapter 6)."""
    step = _towards(newton, x, z, dual, primal, np.full(len(x), _CENTRING * gap))
    length = 0.995 * min(_reach(x, step[0]), _reach(z, step[2]))
    while length > 1e-10:
        move = _accepted(length, x, z, step, (1 - 0.01 * length) * gap)
        if move is not None:
            return move
        length *= 0.7
    return None


def _towards(newton: _KKT, x: Array, z: Array, dual: Array, primal: Array, target: Array) -> Step:
    """The Newton step towards products ``x z = target``."""
    dx, dy = newton.step(dual - z + target / x, primal)
    return dx, dy, target / x - z - z / x * dx


def _accepted(length: float, x: Array, z: Array, step: Step, largest_gap: float) -> Step | None:
    """The step at that length, if it ends near the central path with a gap that is small enough."""
    move = length * step[0], length * step[1], length * step[2]
    products = (x + move[0]) * (z + move[2])
    gap = float(products.mean())
    return move if products.min() >= _NEAR * gap and gap <= largest_gap else None


def _reach(v: Array, dv: Array) -> float:
    """How far one may go along dv before an entry of v is negative, at most 1."""
    shrinking = dv < 0
    return min(1.0, float(np.min(-v[shrinking] / dv[shrinking], initial=1.0)))


def _refined(P: Hessian, q: Array, A: sparse.csr_array, At: Array, b: Array, x: Array, y: Array, z: Array) -> Array:
    """The solution with the zero variables held at zero, where it is one; else x as it is."""
    held = x < np.maximum(z, 1e-8)
    point, multipliers = np.where(held, 0.0, x), y.copy()
    try:
        newton = _KKT(P, A, At, np.where(held, 1e12, 1e-10))
    except linalg.LinAlgError:
        return np.where(held & (x < 1e-12), 0.0, x)
    for _ in range(_REFINEMENTS):
        dual = np.where(held, 0.0, q - P @ point + At @ multipliers)
        dx, dy = newton.step(dual, b - A @ point)
        point, multipliers = point + np.where(held, 0.0, dx), multipliers + dy
    pull = P @ point - q - At @ multipliers
    sound = (
        np.isfinite(point).all()
        and point.min() >= -1e-9
        and float(np.abs(pull[~held]).max(initial=0.0)) < _CERTIFIED
        and float(pull[held].min(initial=0.0)) > -_CERTIFIED
        and float(np.abs(b - A @ point).max(initial=0.0)) < 1e-10
    )
    return np.maximum(point, 0.0) if sound else np.where(held & (x < 1e-12), 0.0, x)
