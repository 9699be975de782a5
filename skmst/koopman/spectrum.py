"""Eigenvalues, eigenfunctions, modes, residuals and time scales of a linear operator learned from data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True)
class Spectrum:
    """Eigenpairs of an operator K that acts on columns.

    Attributes
    ----------
    eigenvalues : ndarray of complex of shape (n_modes,)
        The eigenvalues other than zero, by falling modulus, the one with positive imaginary part first.
    left : ndarray of complex of shape (n_modes, n)
        Rows u with ``u K = lambda u``: the eigenfunction is ``u z``, of variance one in the training data.
    right : ndarray of complex of shape (n, n_modes)
        Columns v with ``K v = lambda v`` and ``left @ right = I``.
    residuals : ndarray of float of shape (n_modes,)
        How far each eigenfunction is from obeying its eigenvalue, between 0 and about ``1 + |lambda|``.
    """

    eigenvalues: ComplexArray
    left: ComplexArray
    right: ComplexArray
    residuals: Array


def spectrum(left: Array, right: Array, covariance: Array, cross: Array, successor: Array) -> Spectrum:
    """Compute the spectrum of the operator ``left @ right``.

    Parameters
    ----------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of the operator.
    covariance, cross, successor : ndarray of shape (n, n)
        ``G = E[z_t z_t.T]``, ``A = E[z_{t+lag} z_t.T]`` and ``L = E[z_{t+lag} z_{t+lag}.T]``, centred and
        from the same pairs.

    Returns
    -------
    Spectrum
        Its `residuals` are those of residual dynamic mode decomposition (Colbrook & Townsend 2024),
        ``E|u z_{t+lag} - lambda u z_t|^2 / E|u z_t|^2``, square root, for deviations from the means.
    """
    if not len(right):  # nothing varies in the data
        return Spectrum(np.zeros(0, complex), right.astype(complex), left.astype(complex), np.zeros(0))
    values, left_vectors, right_vectors = linalg.eig(right @ left, left=True, right=True)
    largest = np.abs(values).max(initial=0.0)
    keep = np.abs(values) > len(values) * np.finfo(float).eps * largest
    order = np.lexsort((-values.imag, -np.abs(values)))
    order = order[keep[order]]
    values = values[order].astype(complex)
    U = mixed_product(left_vectors[:, order].conj().T, right)
    V = mixed_product(left, right_vectors[:, order])

    variance = _forms(U, covariance).real
    U = U / np.sqrt(np.where(variance > 0, variance, 1.0))[:, None]
    # A defective pair has no dual vector: its mode comes out huge, not infinite.
    overlap = np.einsum("ki,ik->k", U, V)
    smallest = np.finfo(float).eps * np.linalg.norm(U, axis=1) * np.linalg.norm(V, axis=0)
    V = V / np.where(np.abs(overlap) > smallest, overlap, smallest)
    # An eigenvector has a free phase: let the largest entry of the mode be real and positive.
    if V.size:
        top = V[np.abs(V).argmax(axis=0), np.arange(V.shape[1])]
        phase = top / np.abs(top)
        U, V = U * phase[:, None], V / phase
    return Spectrum(values, U, V, residuals(values, U, covariance, cross, successor))


def residuals(
    eigenvalues: ComplexArray, functions: ComplexArray, covariance: Array, cross: Array, successor: Array
) -> Array:
    """Relative errors with which functions obey their eigenvalues, on the pairs that the moments are of.

    On pairs that the operator was not learned from, they are free of overfitting.

    Parameters
    ----------
    eigenvalues : ndarray of complex of shape (n_modes,)
        Numbers lambda, of this or another operator.
    functions : ndarray of complex of shape (n_modes, n)
        Rows u: the functions ``u z``.
    covariance, cross, successor : ndarray of shape (n, n)
        As for `spectrum`.

    Returns
    -------
    ndarray of float of shape (n_modes,)
        ``sqrt(E|u z_{t+lag} - lambda u z_t|^2 / E|u z_t|^2)`` for deviations from the means (Colbrook & Townsend 2024);
        infinite where a function does not vary, but its successor does. Exact pairs bottom out near 3e-8: a square of
        rounding.
    """
    before, after = _forms(functions, covariance).real, _forms(functions, successor).real
    square = after - 2 * (eigenvalues.conj() * _forms(functions, cross)).real + np.abs(eigenvalues) ** 2 * before
    square = np.maximum(square, 0.0)
    nothing = np.where(square > 0, np.inf, 0.0)
    return np.sqrt(np.divide(square, before, out=nothing, where=before > 0))


def verified(pairs: Spectrum, tolerance: float, measured: Array | None = None) -> Spectrum:
    """Keep the eigenpairs that the data confirm, and leave the spurious ones out.

    Parameters
    ----------
    pairs : Spectrum
        Eigenpairs.
    tolerance : float
        Largest residual to keep. The residual is the distance within which the Koopman operator has approximate
        spectrum: for a normal operator (as on an attractor, where it is unitary) the error of the eigenvalue is below
        it. Eigenpairs of noise have residuals of ``sqrt(1 - |lambda|^2)`` or more.
    measured : ndarray of shape (n_modes,), default=None
        Residuals on other data (see `residuals`); None takes those of the training data.

    Returns
    -------
    Spectrum
        What is left of it.

    Raises
    ------
    ValueError
        If the tolerance is not positive.

    References
    ----------
    Colbrook & Townsend (2024), Commun. Pure Appl. Math. 77, 221, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.spectrum import spectrum, verified
    >>> K, noise = np.diag([0.9, 0.5]), np.diag([0.0, 0.75])  # the second component is noisy
    >>> pairs = spectrum(K, np.eye(2), np.eye(2), K, K @ K + noise)
    >>> verified(pairs, 0.1).eigenvalues
    array([0.9+0.j])
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive, got {tolerance!r}.")
    keep = (pairs.residuals if measured is None else measured) <= tolerance
    return Spectrum(pairs.eigenvalues[keep], pairs.left[keep], pairs.right[:, keep], pairs.residuals[keep])


def mode_table(pairs: Spectrum, modes: ComplexArray, interval: float = 1.0) -> dict[str, NDArray[Any]]:
    """Lay out what is known of each mode, in columns (a data frame takes it as it is).

    Parameters
    ----------
    pairs : Spectrum
        Eigenpairs of K.
    modes : ndarray of complex of shape (n_outputs, n_modes)
        What each eigenfunction, at variance one, contributes to the observables.
    interval : float, default=1.0
        Time over which the operator steps.

    Returns
    -------
    dict of str to ndarray of shape (n_modes,)
        ``"eigenvalue"``; ``"growth"`` (per unit of time, negative for decay); ``"frequency"`` (cycles per unit of
        time); ``"half_life"`` (time to halve; infinite without decay, minus the time to double for growth);
        ``"energy"`` (mean square contribution to the observables: conjugate modes have a part each, and parts do not
        add up where modes are correlated); ``"residual"``.

    Raises
    ------
    ValueError
        If there is not one column of `modes` for each eigenvalue, or the interval is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.spectrum import mode_table, spectrum
    >>> K = np.diag([0.5, 0.25])
    >>> pairs = spectrum(K, np.eye(2), np.eye(2), K, K @ K)
    >>> mode_table(pairs, pairs.right)["half_life"]
    array([1. , 0.5])
    """
    if modes.ndim != 2 or modes.shape[1] != len(pairs.eigenvalues):
        raise ValueError(
            f"modes has shape {modes.shape}: it needs a column for each of {len(pairs.eigenvalues)} modes."
        )
    if not interval > 0:
        raise ValueError(f"interval must be positive, got {interval!r}.")
    rate = rates(pairs.eigenvalues, interval)
    return {
        "eigenvalue": pairs.eigenvalues,
        "growth": rate.real,
        "frequency": rate.imag / (2 * np.pi),
        "half_life": np.log(2) * timescales(rate),
        "energy": np.sum(np.abs(modes) ** 2, axis=0),
        "residual": pairs.residuals,
    }


def rates(eigenvalues: ComplexArray, interval: float) -> ComplexArray:
    """Continuous-time rates ``log(lambda) / interval``, per unit of time.

    Parameters
    ----------
    eigenvalues : ndarray of complex of shape (n_modes,)
        Eigenvalues over one interval.
    interval : float
        Time over which the operator steps.

    Returns
    -------
    ndarray of complex of shape (n_modes,)
        Growth (real part; negative for decay) and angular frequency (imaginary part, known modulo
        ``2 pi / interval``).
    """
    return np.asarray(np.log(eigenvalues) / interval, dtype=complex)


def timescales(rates: ComplexArray) -> Array:
    """Times of decay by e, ``-1 / Re(rate)``.

    Parameters
    ----------
    rates : ndarray of complex of shape (n_modes,)
        Continuous-time rates.

    Returns
    -------
    ndarray of float of shape (n_modes,)
        Infinite for a rate without decay, negative for growth.
    """
    return np.divide(-1.0, rates.real, out=np.full(len(rates), np.inf), where=rates.real != 0)


def eigenfunctions(states: Array, pairs: Spectrum, intercept: Array, mean: Array) -> ComplexArray:
    """Evaluate eigenfunctions, each with the constant that makes it obey its eigenvalue exactly.

    Parameters
    ----------
    states : ndarray of shape (..., n)
        States z.
    pairs : Spectrum
        Eigenpairs of K.
    intercept : ndarray of shape (n,)
        b of ``z(t + lag) = K z(t) + b``.
    mean : ndarray of shape (n,)
        Mean state, where the eigenfunctions of eigenvalue 1 are zero (no constant makes them exact).

    Returns
    -------
    ndarray of complex of shape (..., n_modes)
        ``u z + u b / (lambda - 1)``.
    """
    gap = pairs.eigenvalues - 1
    neutral = np.abs(gap) < np.sqrt(np.finfo(float).eps)
    constant = np.where(neutral, -pairs.left @ mean, pairs.left @ intercept / np.where(neutral, 1, gap))
    return states @ pairs.left.T + constant


def _forms(U: ComplexArray, matrix: Array) -> ComplexArray:
    """Values ``u matrix u*`` of a sesquilinear form for each row u."""
    values: ComplexArray = np.einsum("ki,ki->k", mixed_product(U, matrix), U.conj())
    return values


def mixed_product(A: NDArray[Any], B: NDArray[Any]) -> ComplexArray:
    """Multiply a complex and a real matrix, at half the cost of two complex ones.

    Parameters
    ----------
    A, B : ndarray of shape (k, m), (m, n)
        The matrices, either of them complex and the other one real.

    Returns
    -------
    ndarray of complex of shape (k, n)
        Their product.
    """
    product = np.empty((A.shape[0], B.shape[1]), dtype=complex)
    if np.iscomplexobj(A):
        product.real, product.imag = A.real @ B, A.imag @ B
    else:
        product.real, product.imag = A @ B.real, A @ B.imag
    return product
