"""Kernels that are sums of exponentials: long memory at the cost of a short one, by a Markov embedding.

``Omega_l = sum_k B_k phi_k(l)`` for l >= 1, where the phi_k are powers of shared poles (in pairs of conjugates,
the real and imaginary part of one). Each phi_k needs one memory variable per component,
``m_k(t) = sum_{l>=1} phi_k(l) x_{t-l}``, which obeys an equation without memory: [x, m_1, m_2, ...] is Markov.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from skmst.master_equation.kernels import mori, regression
from skmst.utils.linalg import ridge_regression

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: Decay times of memory variables that a window must hold at least: slower memory would be an extrapolation.
_DECAYS = 2.0
#: Part of a memory variable's variance that counts as determined by the state.
_DETERMINED = 1e-11
#: Unexplained variance above that of free kernels, relative, that is not worth a search.
_GOOD_ENOUGH = 1e-9


@dataclass(frozen=True)
class Embedding:
    """The Markov embedding of kernels that are sums of exponentials.

    Attributes
    ----------
    poles : ndarray of complex of shape (n_exponentials,)
        The factors by which the exponentials decay per step; complex ones come as pairs of conjugates.
    basis : ndarray of shape (1 + n_exponentials, n_terms)
        What the state and each memory variable sum up of a window: 1 for the present state, then phi_k(l).
    coefficients : ndarray of shape (d, (1 + n_exponentials) * d)
        ``[Omega_0, B_1, B_2, ...]``.
    matrix : ndarray of shape ((1 + n_exponentials) * d, (1 + n_exponentials) * d)
        One step of ``[x, m_1, m_2, ...]``, acting on columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import Embedding
    >>> embedding = Embedding.from_coefficients(np.array([0.5 + 0j]), 4, np.array([[0.6, 0.2]]))
    >>> embedding.kernels.ravel()  # .6, then .2 * .5^(l - 1)
    array([0.6 , 0.2 , 0.1 , 0.05])
    >>> embedding.matrix  # x' = .6 x + .2 m, m' = x + .5 m
    array([[0.6, 0.2],
           [1. , 0.5]])
    """

    poles: ComplexArray
    basis: Array
    coefficients: Array
    matrix: Array

    @classmethod
    def from_coefficients(cls, poles: ComplexArray, n_terms: int, coefficients: Array) -> Embedding:
        """Write kernels with given poles and coefficients as an embedding."""
        rotation, entry = _realisation(poles)
        d = len(coefficients)
        memory = np.kron(np.column_stack([entry, rotation]), np.eye(d))
        return cls(poles, _basis(poles, n_terms), coefficients, np.vstack([coefficients, memory]))

    @property
    def encoder(self) -> Array:
        """The matrix that takes a window to ``[x, m_1, m_2, ...]``: what lies before the window counts as zero."""
        return np.asarray(np.kron(self.basis, np.eye(len(self.coefficients))))

    @property
    def kernels(self) -> Array:
        """The kernels within a window, of shape (n_terms, d, d); beyond it they go on as exponentials."""
        d = len(self.coefficients)
        return np.asarray(np.einsum("ikj,kl->lij", self.coefficients.reshape(d, -1, d), self.basis))


def exponential_poles(kernels: Array, n_exponentials: int) -> ComplexArray:
    """Find the poles shared by all entries of a series of kernels (matrix pencil; Hua & Sarkar 1990).

    Parameters
    ----------
    kernels : ndarray of shape (n, d, d)
        ``Omega_1, Omega_2, ...``, the kernels beyond the Markov term.
    n_exponentials : int
        Largest number of exponentials.

    Returns
    -------
    ndarray of complex of shape (n_found,)
        Poles, by falling modulus, conjugates next to each other. There are fewer than asked for where the
        series is too short to tell them, or holds fewer.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import exponential_poles
    >>> kernels = np.array([3 * 0.5**n - 0.8**n for n in range(8)])[:, None, None]
    >>> np.round(exponential_poles(kernels, 2).real, 10)
    array([0.8, 0.5])
    """
    n = len(kernels)
    count = min(n_exponentials, n // 2)
    if count < 1:
        return np.zeros(0, complex)
    rows = n // 2
    series = kernels.reshape(n, -1)
    hankel = np.stack([series[i : n - rows + i].ravel() for i in range(rows + 1)])
    left, values, _ = linalg.svd(hankel, full_matrices=False)
    count = min(count, int(np.sum(values > 1e-12 * values[0])))
    if count < 1:
        return np.zeros(0, complex)
    subspace = left[:, :count]
    poles = linalg.eigvals(np.linalg.lstsq(subspace[:-1], subspace[1:], rcond=None)[0]).astype(complex)
    return np.asarray(poles[np.lexsort((poles.imag, -np.round(np.abs(poles), 12)))])


def embedding_regression(covariance: Array, n_terms: int, n_exponentials: int, ridge: float = 0.0) -> Embedding:
    """Fit kernels that are sums of exponentials by least squares: coefficients in closed form, poles searched.

    Poles start from those of free kernels (by regression, and by Mori's recursion) and from a grid of decay
    times; the best start is refined by the Nelder-Mead method on the unexplained variance (variable
    projection; Golub & Pereyra 1973).

    Parameters
    ----------
    covariance : ndarray of shape ((n_terms + 1) * d, (n_terms + 1) * d)
        Centred second moments of the windows ``[x_{t+lag}, x_t, ..., x_{t-(n_terms-1)lag}]``.
    n_terms : int
        Number of terms in a window. Memory beyond it is known by extrapolation only, so poles are searched
        among those that decay at least by ``exp(-2)`` within the window.
    n_exponentials : int
        Number of exponentials, at most ``n_terms - 1``; more are not used.
    ridge : float, default=0.0
        Penalty, added to the diagonal of the covariance of the state and the memory variables.

    Returns
    -------
    Embedding
        The fitted embedding.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import embedding_regression
    >>> white = np.eye(5)  # windows of a process that has no memory at all
    >>> bool(np.allclose(embedding_regression(white, n_terms=4, n_exponentials=2).kernels, 0))
    True
    """
    d = len(covariance) // (n_terms + 1)
    n_exponentials = min(n_exponentials, n_terms - 1)
    largest = float(np.exp(-_DECAYS / n_terms))
    blocks = covariance.reshape(n_terms + 1, d, n_terms + 1, d)
    variance = np.diag(covariance)[:d]
    weight = np.divide(1.0, variance, out=np.zeros(d), where=variance > 0)

    def solve(poles: ComplexArray) -> tuple[Array, float]:
        basis = _basis(poles, n_terms)
        half = np.tensordot(basis, blocks[1:, :, 1:], (1, 0))
        G = np.tensordot(half, basis, (2, 1)).swapaxes(2, 3).reshape(len(basis) * d, -1)
        A = np.einsum("ibj,lb->ilj", blocks[0, :, 1:], basis).reshape(d, -1)
        coefficients = _nested_regression(A, G, d, ridge)
        return coefficients, -float(weight @ np.einsum("ij,ij->i", coefficients, A))

    free = regression(covariance, n_terms, ridge)
    both = (exponential_poles(k[1:], n_exponentials) for k in (free, mori(covariance, n_terms, ridge)))
    starts = [_bounded(poles, largest) for poles in both]
    spread = largest * (1 + np.arange(n_exponentials)) / (1 + n_exponentials)
    poles = min([*starts, spread.astype(complex)], key=lambda p: solve(p)[1])
    best = -float(weight @ np.einsum("lij,ilj->i", free, blocks[0, :, 1:].reshape(d, n_terms, d)))
    if len(poles) and solve(poles)[1] > best + _GOOD_ENOUGH * abs(best):
        shape = poles[poles.imag >= 0]
        start = _coordinates(shape, largest)
        options = {"maxiter": 50 * len(start), "xatol": 1e-4, "fatol": 1e-9}
        found = optimize.minimize(
            lambda c: solve(_poles(c, shape, largest))[1], start, method="Nelder-Mead", options=options
        )
        poles = _poles(found.x, shape, largest)
    return Embedding.from_coefficients(poles, n_terms, solve(poles)[0])


def _nested_regression(cross: Array, covariance: Array, d: int, ridge: float) -> Array:
    """Regress on the state, and on memory variables as far as the state does not determine them.

    Where it does (data without noise), the pseudo-inverse would share what is known between both, but beyond its
    window a memory variable is an extrapolation.
    """
    n_memory = len(covariance) - d
    present = ridge_regression(np.vstack([cross[:, :d], covariance[d:, :d]]), covariance[:d, :d], ridge)
    markov, known = np.split(present, [len(cross)])
    left = covariance[d:, d:] + ridge * np.eye(n_memory) - known @ covariance[:d, d:]
    diagonal = np.diag(covariance)[d:] + ridge
    scale = np.divide(1.0, np.sqrt(diagonal, where=diagonal > 0, out=np.ones(n_memory)))
    values, vectors = linalg.eigh(left * scale[:, None] * scale) if n_memory else (np.zeros(0), np.zeros((0, 0)))
    keep = values > _DETERMINED
    W = (vectors[:, keep] / np.sqrt(values[keep])).T * scale
    memory = ((cross[:, d:] - markov @ covariance[:d, d:]) @ W.T) @ W
    return np.hstack([markov - memory @ known, memory])


def _realisation(poles: ComplexArray) -> tuple[Array, Array]:
    """Real matrix P with these eigenvalues and a vector b, so that phi(l) = P^(l-1) b."""
    upper = poles[poles.imag >= 0]
    parts = [np.array([[p.real]]) if p.imag == 0 else np.array([[p.real, -p.imag], [p.imag, p.real]]) for p in upper]
    entry = [np.eye(len(part))[0] for part in parts]
    return (linalg.block_diag(*parts), np.concatenate(entry)) if parts else (np.zeros((0, 0)), np.zeros(0))


def _basis(poles: ComplexArray, n_terms: int) -> Array:
    rotation, vector = _realisation(poles)
    basis = np.zeros((1 + len(vector), n_terms))
    basis[0, 0] = 1.0
    for term in range(1, n_terms):
        basis[1:, term] = vector
        vector = rotation @ vector
    return basis


def _bounded(poles: ComplexArray, largest: float) -> ComplexArray:
    """Move poles that grow to their inverse, and those that decay too slowly to the largest modulus allowed."""
    modulus = np.maximum(np.abs(poles), 1e-300)
    inside = np.where(modulus > 1, 1 / modulus, modulus)
    return poles * (np.minimum(inside, largest) / modulus)


def _coordinates(upper: ComplexArray, largest: float) -> Array:
    """Unbounded coordinates of poles inside the circle: of a real one its artanh, of a pair modulus and angle."""
    scaled = np.clip(np.abs(upper) / largest, 1e-6, 1 - 1e-6)
    moduli = np.arctanh(scaled) * np.where((upper.imag == 0) & (upper.real < 0), -1, 1)
    return np.concatenate([moduli, np.angle(upper[upper.imag > 0])])


def _poles(coordinates: Array, shape: ComplexArray, largest: float) -> ComplexArray:
    poles = (largest * np.tanh(coordinates[: len(shape)])).astype(complex)
    paired = shape.imag > 0
    poles[paired] *= np.exp(1j * coordinates[len(shape) :])
    poles[paired] = np.where(poles[paired].imag < 0, poles[paired].conj(), poles[paired])
    return np.concatenate([[p] if not pair else [p, p.conjugate()] for p, pair in zip(poles, paired, strict=True)])
