"""Sparsity-promoting selection of modes (Jovanovic, Schmid & Nichols 2014): few modes that carry whole runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmst.koopman.pairs import as_runs

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: Proximal gradient steps at most, and the relative change at which they end.
_MAX_ITER, _TOLERANCE = 20000, 1e-10


@dataclass(frozen=True)
class ModeSelection:
    """Amplitudes of modes, most of them zero.

    Attributes
    ----------
    amplitudes : ndarray of complex of shape (n_modes,)
        Amplitudes at the first step: the best for the selected modes, zero for the others.
    selected : ndarray of bool of shape (n_modes,)
        Which modes are kept.
    loss : float
        Norm of what the selected modes leave unexplained, relative to that of the data.
    """

    amplitudes: ComplexArray
    selected: NDArray[np.bool_]
    loss: float


def select_modes(X: Any, eigenvalues: ArrayLike, modes: ArrayLike, penalty: float) -> ModeSelection:
    """Choose the modes that explain a run, by a penalty on the sum of moduli of their amplitudes.

    Minimises ``|X - modes diag(b) V|^2 / |X|^2 + penalty * sum |b_j| s_j / |X|`` with the Vandermonde matrix V of the
    eigenvalues and s_j the norm of what mode j contributes at amplitude one, so that modes compete by what they
    explain, then fits the amplitudes of the selected modes again without the penalty. Complex amplitudes are groups
    of two real ones, and modes come in conjugate pairs: an accelerated proximal gradient shrinks their moduli.

    Parameters
    ----------
    X : array-like of shape (n_steps, n_features)
        A run of real states, as deviations from the mean where modes are of these.
    eigenvalues : array-like of complex of shape (n_modes,)
        Eigenvalues over one step, closed under conjugation.
    modes : array-like of complex of shape (n_features, n_modes)
        Their modes.
    penalty : float
        Weight of the penalty; 0 keeps all modes, 2 and above none.

    Returns
    -------
    ModeSelection
        Amplitudes.

    Raises
    ------
    ValueError
        If X is no single run, or its modes are of other states.

    References
    ----------
    Jovanovic, Schmid & Nichols (2014), Phys. Fluids 26, 024103. Beck & Teboulle (2009), SIAM J. Imaging Sci. 2, 183.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.sparse_modes import select_modes
    >>> z = np.array([0.9, 0.5, -0.7])
    >>> X = np.outer(0.9 ** np.arange(20), [1.0, 2.0])
    >>> select_modes(X, z, np.array([[1.0, 1.0, 0.0], [2.0, 0.0, 1.0]]), 0.1).selected
    array([ True, False, False])
    """
    runs = as_runs(X)
    modes, z = np.asarray(modes, dtype=complex), np.asarray(eigenvalues, dtype=complex)
    if len(runs) != 1 or modes.shape != (np.shape(runs[0])[1], len(z)):
        raise ValueError(
            "X must be one run (n_steps, n_features) and modes of shape (n_features, n_eigenvalues), but they have "
            f"{len(runs)} runs of {np.shape(runs[0])[1]} features and shape {modes.shape}."
        )
    X = np.asarray(runs[0], dtype=np.float64)
    powers = z ** np.arange(len(X))[:, None]
    size = np.linalg.norm(modes, axis=0) * np.linalg.norm(powers, axis=0)
    size = np.where(size > 0, size, 1.0)
    total = np.linalg.norm(X) or 1.0
    # The quadratic form b* P b - 2 Re q* b + 1, in amplitudes relative to what modes contribute.
    P = (modes.conj().T @ modes) * (powers.conj().T @ powers) / size[:, None] / size
    q = np.einsum("nj,tn,tj->j", modes.conj(), X, powers.conj(), optimize=True) / size / total
    b = _proximal_gradient(P, q, penalty)
    selected = b != 0
    b[selected] = np.linalg.lstsq(P[np.ix_(selected, selected)], q[selected], rcond=None)[0]
    unexplained = 1 - 2 * (q.conj() @ b).real + (b.conj() @ P @ b).real
    return ModeSelection(np.asarray(b * total / size, dtype=complex), selected, float(np.sqrt(max(unexplained, 0.0))))


def _proximal_gradient(P: ComplexArray, q: ComplexArray, penalty: float) -> ComplexArray:
    """Minimise ``b* P b - 2 Re q* b + penalty sum |b|`` by accelerated steps that start over where they overshoot."""
    largest = float(np.linalg.eigvalsh(P)[-1])
    b = np.zeros(len(q), dtype=complex)
    ahead, momentum = b, 1.0
    for _ in range(_MAX_ITER):
        moved = ahead - (P @ ahead - q) / largest
        modulus = np.abs(moved)
        shrink = np.maximum(modulus - penalty / (2 * largest), 0) / np.where(modulus > 0, modulus, 1)
        new = moved * shrink
        change = new - b
        if np.linalg.norm(change) <= _TOLERANCE * np.linalg.norm(new):
            return new
        if ((ahead - new).conj() @ change).real > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead, b, momentum = new + (momentum - 1) / following * change, new, following
    return b
