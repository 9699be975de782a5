"""Eigenvalues, eigenfunctions, modes, residuals and time scales of a linear operator learned from data."""

from __future__ import annotations

from dataclasses import dataclass

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
    U = left_vectors[:, order].conj().T @ right
    V = left @ right_vectors[:, order]

    variance = _forms(U, covariance).real
    U = U / np.sqrt(np.where(variance > 0, variance, 1.0))[:, None]
    square = _forms(U, successor).real - 2 * (values.conj() * _forms(U, cross)).real + np.abs(values) ** 2
    # A defective pair has no dual vector: its mode comes out huge, not infinite.
    overlap = np.einsum("ki,ik->k", U, V)
    smallest = np.finfo(float).eps * np.linalg.norm(U, axis=1) * np.linalg.norm(V, axis=0)
    V = V / np.where(np.abs(overlap) > smallest, overlap, smallest)
    # An eigenvector has a free phase: let the largest entry of the mode be real and positive.
    if V.size:
        top = V[np.abs(V).argmax(axis=0), np.arange(V.shape[1])]
        phase = top / np.abs(top)
        U, V = U * phase[:, None], V / phase
    return Spectrum(values, U, V, np.sqrt(np.maximum(square, 0.0)))


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
    values: ComplexArray = ((U @ matrix) * U.conj()).sum(axis=1)
    return values
