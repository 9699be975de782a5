"""Operators of windows of observables and inputs: what is left of the dynamics where the inputs are at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.pairs import PairMoments
from skmst.utils.delay_model import AffineMap
from skmst.utils.linalg import companion, ridge_regression, whitening
from skmst.utils.moments import WindowMoments

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DrivenDynamics:
    """Dynamics ``z_{t+1} = sum_k A_k z_{t-k} + B_k u_{t-k} + sum_i u_{i,t-k} N_{ki} z_{t-k} + b``.

    Attributes
    ----------
    advance : AffineMap
        From windows of ``[z, u]`` or ``[z, u, u_1 z, ..., u_m z]`` to the next z.
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
    """

    advance: AffineMap
    unforced: PairMoments
    left: Array
    right: Array
    intercept: Array
    inputs: Array
    bilinear: Array


def driven_dynamics(moments: WindowMoments, n: int, m: int, *, ridge: float = 0.0) -> DrivenDynamics:
    """Learn dynamics with inputs by least squares (dynamic mode decomposition with control, Proctor et al. 2016).

    Only z is regressed: nothing is assumed of how inputs go on. Spectra are those of the unforced dynamics, and so are
    their residuals: what inputs did is subtracted from the successors.

    Parameters
    ----------
    moments : WindowMoments
        Of windows of ``[z, u]`` or ``[z, u, u_1 z, ..., u_m z]``.
    n, m : int
        Number of observables z and of inputs u.
    ridge : float, default=0.0
        Penalty, added to the diagonal of the windows' second moments.

    Returns
    -------
    DrivenDynamics
        The dynamics.
    """
    covariance, past, d, n_terms = moments.covariance(), moments.history, moments.n_latent, moments.n_terms
    solution = ridge_regression(covariance[:n, past], covariance[past, past], ridge)
    terms = solution.reshape(n, n_terms, d)
    K = companion(terms[..., :n].reshape(n, -1))
    # Windows of z, and of their unforced successors, as linear maps of whole windows.
    everything = np.eye(len(covariance)).reshape(n_terms + 1, d, -1)
    before = everything[1:, :n].reshape(n_terms * n, -1)
    after = everything[:-1, :n].reshape(n_terms * n, -1).copy()
    after[:n] -= np.tensordot(terms[..., n:], everything[1:, n:], axes=([1, 2], [0, 1]))
    pairs = PairMoments(before @ covariance @ before.T, after @ covariance @ before.T, after @ covariance @ after.T)
    right = whitening(pairs.before)
    return DrivenDynamics(
        advance=AffineMap.between_means(solution, moments.mean[past], moments.mean[:n]),
        unforced=pairs,
        left=K @ pairs.before @ right.T,
        right=right,
        intercept=after @ moments.mean - K @ (before @ moments.mean),
        inputs=terms[..., n : n + m].reshape(n, -1),
        bilinear=terms[..., n + m :].reshape(n, n_terms, -1, n).transpose(1, 2, 0, 3),
    )
