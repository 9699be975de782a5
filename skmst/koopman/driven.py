"""Operators of windows of observables and inputs: what is left of the dynamics where the inputs are at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.of_windows import operator_of_windows
from skmst.koopman.operators import SOLVERS
from skmst.koopman.pairs import PairMoments
from skmst.utils.delay_model import AffineMap
from skmst.utils.linalg import companion, ridge_regression, whitening
from skmst.utils.moments import WindowMoments

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DrivenDynamics:
    """Dynamics ``z_{t+lag} = sum_k A_k z_{t-k lag} + B_k u_{t-k lag} + sum_i u_{i,t-k lag} N_{ki} z_{t-k lag} + b``.

    Attributes
    ----------
    advance : AffineMap
        From windows of ``[z, u]`` or ``[z, u, u_1 z, ..., u_m z]`` to the next z, or to the next window, where the
        newest inputs are zero.
    unforced : PairMoments
        Of windows of z, (n_terms * n, n_terms * n) each, and of what would have followed had all inputs been zero.
    left, right : ndarray of shape (n_terms * n, k), (k, n_terms * n)
        Factors of the operator on windows of z.
    intercept : ndarray of shape (n_terms * n,)
        What the operator leaves of the unforced mean.
    inputs : ndarray of shape (n, n_terms * m)
        The B_k, side by side.
    bilinear : ndarray of shape (n_terms, m, n, n)
        The N_ki; of shape (n_terms, 0, n, n) where the dynamics are linear.
    unforced_windows : ndarray of shape (2 * n_terms * n, (n_terms + 1) * d)
        From whole windows, newest first, to windows of z and to their unforced successors.
    """

    advance: AffineMap
    unforced: PairMoments
    left: Array
    right: Array
    intercept: Array
    inputs: Array
    bilinear: Array
    unforced_windows: Array


def driven_dynamics(
    moments: WindowMoments, n: int, m: int, *, solver: str = "edmd", ridge: float = 0.0, rank: int | None = None
) -> DrivenDynamics:
    """Learn dynamics with inputs (dynamic mode decomposition with control, Proctor et al. 2016).

    Only z is regressed: nothing is assumed of how inputs go on. Spectra are those of the unforced dynamics, and so are
    their residuals: what inputs did is subtracted from the successors.

    Least squares with a penalty regresses on observables and inputs together. All else takes what the inputs do not
    explain of states and successors. For least squares that is the same regression (Frisch & Waugh 1933); where a
    history of inputs and observables says the same twice over, the operator is that of dynamics without inputs. The
    theory of other solvers applies to what is left: known inputs are columns without noise, as the mean is (mixed least
    squares and total least squares: Van Huffel & Vandewalle 1991, section 3.5).

    Parameters
    ----------
    moments : WindowMoments
        Of windows of ``[z, u]`` or ``[z, u, u_1 z, ..., u_m z]``; products are taken for inputs that are known.
    n, m : int
        Number of observables z and of inputs u.
    solver : str, default="edmd"
        A key of `skmst.koopman.operators.SOLVERS`.
    ridge : float, default=0.0
        Penalty, added to the diagonal of the second moments of windows: of z and of inputs in least squares, of z in
        other solvers.
    rank : int, default=None
        Largest rank of the operator on z.

    Returns
    -------
    DrivenDynamics
        The dynamics.
    """
    if ridge and rank is None and SOLVERS[solver].is_least_squares:
        return _least_squares(moments, n, m, ridge)
    return _partialled_out(moments, n, m, solver, ridge, rank)


def _least_squares(moments: WindowMoments, n: int, m: int, ridge: float) -> DrivenDynamics:
    covariance, past, n_terms = moments.covariance(), moments.history, moments.n_terms
    before, after, everything = _windows(moments, n)
    solution = ridge_regression(covariance[:n, past], covariance[past, past], ridge)
    terms = solution.reshape(n, n_terms, moments.n_latent)
    K = companion(terms[..., :n].reshape(n, -1))
    after[:n] -= np.tensordot(terms[..., n:], everything[1:, n:], axes=([1, 2], [0, 1]))
    pairs = _pairs(before, after, covariance)
    right = whitening(pairs.before)
    return DrivenDynamics(
        advance=AffineMap.between_means(solution, moments.mean[past], moments.mean[:n]),
        unforced=pairs,
        left=K @ pairs.before @ right.T,
        right=right,
        intercept=after @ moments.mean - K @ (before @ moments.mean),
        inputs=terms[..., n : n + m].reshape(n, -1),
        bilinear=terms[..., n + m :].reshape(n, n_terms, -1, n).transpose(1, 2, 0, 3),
        unforced_windows=np.concatenate([before, after]),
    )


def _partialled_out(
    moments: WindowMoments, n: int, m: int, solver: str, ridge: float, rank: int | None
) -> DrivenDynamics:
    covariance, n_terms = moments.covariance(), moments.n_terms
    before, after, everything = _windows(moments, n)
    given = everything[1:, n:].reshape(-1, len(covariance))
    gram = given @ covariance @ given.T

    def explained(maps: Array) -> Array:
        """Coefficients of what is given in the regression of linear functions of the window."""
        return ridge_regression(maps @ covariance @ given.T, gram)

    states = np.concatenate([after[:n], before])
    rest = states - explained(states) @ given
    left, right = operator_of_windows(rest @ covariance @ rest.T, n_terms, solver, ridge=ridge, rank=rank)
    B = explained(after - left @ (right @ before))
    after = after - B @ given
    intercept = after @ moments.mean - left @ (right @ (before @ moments.mean))
    terms = B[:n].reshape(n, n_terms, -1)
    return DrivenDynamics(
        advance=_whole_step(left @ right, B, intercept, n, n_terms),
        unforced=_pairs(before, after, covariance),
        left=left,
        right=right,
        intercept=intercept,
        inputs=terms[..., :m].reshape(n, -1),
        bilinear=terms[..., m:].reshape(n, n_terms, -1, n).transpose(1, 2, 0, 3),
        unforced_windows=np.concatenate([before, after]),
    )


def _windows(moments: WindowMoments, n: int) -> tuple[Array, Array, Array]:
    """Windows of z, and those one lag later, as linear maps of whole windows; and each part of these."""
    n_terms = moments.n_terms
    everything = np.eye(len(moments.mean)).reshape(n_terms + 1, moments.n_latent, -1)
    before, after = (everything[part, :n].reshape(n_terms * n, -1) for part in (slice(1, None), slice(None, -1)))
    return before, after.copy(), everything


def _pairs(before: Array, after: Array, covariance: Array) -> PairMoments:
    return PairMoments(before @ covariance @ before.T, after @ covariance @ before.T, after @ covariance @ after.T)


def _whole_step(K: Array, B: Array, intercept: Array, n: int, n_terms: int) -> AffineMap:
    """From windows of z and what is given to the next ones: K and B for z, a shift for the rest, its newest zero."""
    m = B.shape[1] // n_terms
    step, constant = np.zeros((n_terms, n + m, n_terms, n + m)), np.zeros((n_terms, n + m))
    step[:, :n, :, :n] = K.reshape(n_terms, n, n_terms, n)
    step[:, :n, :, n:] = B.reshape(n_terms, n, n_terms, m)
    later = np.arange(1, n_terms)
    step[later, n:, later - 1, n:] = np.eye(m)
    constant[:, :n] = intercept.reshape(n_terms, n)
    return AffineMap(step.reshape(n_terms * (n + m), -1), constant.ravel())
