"""Koopman operators in the feature space of a kernel (Williams et al. 2015; Kostic et al. 2022), exact, for few pairs.

For many pairs take `sklearn.kernel_approximation.Nystroem` (or `RBFSampler`) as the `observables` of a
`KoopmanRegressor`: the same operator on landmarks, from second moments, in one pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: Largest number of pairs: three matrices of pairs by pairs are decomposed.
MAX_PAIRS = 5000


@dataclass(frozen=True)
class KernelKoopman:
    """Koopman operator ``f -> k(., X) left right.T f(Y)`` learned from pairs (X, Y).

    Attributes
    ----------
    eigenvalues : ndarray of complex of shape (rank,)
        Eigenvalues, by falling modulus. Functions are not centred: the constant is among the eigenfunctions.
    states, successors : ndarray of shape (n_pairs, n_features)
        X and Y.
    left, right : ndarray of shape (n_pairs, rank)
        Factors.
    coefficients : ndarray of complex of shape (n_pairs, rank)
        Eigenfunctions are ``k(., X) coefficients``.
    kernel : str or callable
        The kernel.
    kernel_params : dict
        Its parameters.
    """

    eigenvalues: ComplexArray
    states: Array
    successors: Array
    left: Array
    right: Array
    coefficients: ComplexArray
    kernel: Any
    kernel_params: dict[str, Any]

    def eigenfunctions(self, X: ArrayLike) -> ComplexArray:
        """Evaluate the eigenfunctions.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            States.

        Returns
        -------
        ndarray of complex of shape (n, rank)
            Their values.
        """
        return np.asarray(self._kernel(X) @ self.coefficients)

    def predict(self, X: ArrayLike, values: ArrayLike | None = None) -> Array:
        """Forecast the mean of observables at the successors of states.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            States.
        values : array-like of shape (n_pairs, ...), default=None
            Values of the observables at the training successors; None means the successors themselves.

        Returns
        -------
        ndarray of shape (n, ...)
            ``E[f(y) | x]``.
        """
        f = self.successors if values is None else np.asarray(values, dtype=np.float64)
        return np.asarray(np.tensordot(self._kernel(X) @ self.left, np.tensordot(self.right, f, (0, 0)), 1))

    def _kernel(self, X: ArrayLike) -> Array:
        return _kernel_matrix(X, self.states, self.kernel, self.kernel_params)


def kernel_edmd(
    X: ArrayLike,
    Y: ArrayLike,
    rank: int,
    *,
    kernel: Any = "rbf",
    alpha: float = 1e-6,
    method: str = "reduced_rank",
    **kernel_params: Any,
) -> KernelKoopman:
    """Learn a Koopman operator of given rank in the feature space of a kernel.

    Parameters
    ----------
    X, Y : array-like of shape (n_pairs, n_features)
        States and successors, at most `MAX_PAIRS`.
    rank : int
        Rank of the operator.
    kernel : str or callable, default="rbf"
        A metric of `sklearn.metrics.pairwise.pairwise_kernels`.
    alpha : float, default=1e-6
        Ridge penalty, relative to the mean of ``k(x, x)``; above zero.
    method : {"reduced_rank", "principal"}, default="reduced_rank"
        The least-squares operator of that rank (Kostic et al. 2022), or least squares on the leading kernel principal
        components of the states (Williams, Rowley & Kevrekidis 2015).
    **kernel_params : dict
        Parameters of the kernel, such as ``gamma``.

    Returns
    -------
    KernelKoopman
        The operator.

    Raises
    ------
    ValueError
        If X and Y do not match, hold too many pairs, `alpha` is not above zero, or `method` is another one.

    References
    ----------
    Williams, Rowley & Kevrekidis (2015), J. Comput. Dyn. 2, 247. Kostic et al. (2022), NeurIPS 35, proposition 3 and
    algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.kernel import kernel_edmd
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> model = kernel_edmd(x, 0.5 * x, rank=3, kernel="polynomial", degree=2, alpha=1e-10)
    >>> np.round(model.eigenvalues.real, 5)
    array([1.  , 0.5 , 0.25])
    """
    X, Y = np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64)
    if X.ndim != 2 or X.shape != Y.shape:
        raise ValueError(f"X and Y must be 2-D and hold the same pairs, but have shapes {X.shape} and {Y.shape}.")
    if (m := len(X)) > MAX_PAIRS:
        raise ValueError(
            f"X holds {m} pairs; the exact kernel operator takes at most {MAX_PAIRS}. Take every "
            f"{-(-m // MAX_PAIRS)}th, or KoopmanRegressor(observables=Nystroem(...))."
        )
    if alpha <= 0:
        raise ValueError(f"alpha={alpha} must be above 0: a kernel can fit any pairs without a penalty.")
    if method not in _METHODS:
        raise ValueError(f"method={method!r} is none of {sorted(_METHODS)}.")

    def gram(A: Array, B: Array) -> Array:
        return _kernel_matrix(A, B, kernel, kernel_params) / m

    G, A = gram(X, X), gram(Y, X)
    left, right = _METHODS[method](G, gram(Y, Y), alpha * float(np.trace(G)), min(rank, m))
    # f = k(., X) left w is an eigenfunction where right.T f(Y) = lambda w.
    eigenvalues, vectors = linalg.eig(right.T @ A @ left)
    order = np.lexsort((-eigenvalues.imag, -np.abs(eigenvalues)))
    coefficients = (left @ vectors[:, order]).astype(complex)
    return KernelKoopman(eigenvalues[order].astype(complex), X, Y, left / m, right, coefficients, kernel, kernel_params)


def _kernel_matrix(A: ArrayLike, B: ArrayLike, kernel: Any, parameters: dict[str, Any]) -> Array:
    from sklearn.metrics.pairwise import pairwise_kernels  # imports too much for `import skmst`

    return np.asarray(pairwise_kernels(A, B, metric=kernel, **parameters))


def _reduced_rank(G: Array, L: Array, ridge: float, rank: int) -> tuple[Array, Array]:
    """Factors by the generalised eigenvalue problem ``G L G u = sigma^2 G (G + ridge) u`` in the range of G."""
    values, vectors = linalg.eigh(G)
    keep = values > len(values) * np.finfo(float).eps * values[-1]
    values, vectors = values[keep], vectors[:, keep]
    root = np.sqrt(values / (values + ridge))
    leading = linalg.eigh(root[:, None] * (vectors.T @ L @ vectors) * root)[1][:, ::-1][:, :rank]
    return vectors @ (leading / np.sqrt(values * (values + ridge))[:, None]), vectors @ (root[:, None] * leading)


def _principal(G: Array, L: Array, ridge: float, rank: int) -> tuple[Array, Array]:
    """Factors on the leading kernel principal components of the states."""
    values, vectors = linalg.eigh(G)
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    return vectors / (values + ridge), vectors


_METHODS = {"reduced_rank": _reduced_rank, "principal": _principal}
