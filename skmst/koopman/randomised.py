"""Principal coordinates of runs of wide states, in four passes over the data and little memory.

Data may be arrays in memory, arrays mapped from files or dask arrays: they are read in pieces of rows. Neither a matrix
of states by states nor one of steps by steps is formed where both are many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from sklearn import get_config
from sklearn.utils import check_random_state

from skmst.koopman.operators import SOLVERS
from skmst.koopman.pairs import PairMoments, as_runs

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Found = tuple[Array, Array, Array]

#: Numbers in data that are decomposed as a whole.
_SMALL = 2**19
#: Largest state whose second moments are summed up instead of sketched.
_NARROW = 256
#: MiB of data that are read at once, if scikit-learn's `working_memory` allows as many.
_PIECE = 32
#: MiB of data that are worked on at once where they need not be copied. Few steps of wide states would cost too much.
_VIEW = 512
#: Rows of a basis that are worked on at once.
_ROWS = 2**14


@dataclass(frozen=True)
class PrincipalCoordinates:
    """Runs seen in their leading principal components: ``x = mean + basis z``.

    Attributes
    ----------
    basis : ndarray of shape (n_features, rank)
        Orthonormal, by falling variance.
    mean : ndarray of shape (n_features,)
        Mean state; zero if data were not centred.
    coordinates : tuple of ndarray of shape (n_steps, rank)
        z along each run.
    """

    basis: Array
    mean: Array
    coordinates: tuple[Array, ...]

    def leading(self, n: int) -> PrincipalCoordinates:
        """Give the first n of the components."""
        return PrincipalCoordinates(self.basis[:, :n], self.mean, tuple(z[:, :n] for z in self.coordinates))


@dataclass(frozen=True)
class ProjectedDMD:
    """Dynamic mode decomposition in principal coordinates.

    Attributes
    ----------
    eigenvalues : ndarray of complex of shape (rank,)
        Eigenvalues over one lag, by falling modulus.
    vectors : ndarray of complex of shape (rank, rank)
        Eigenvectors in principal coordinates, of unit norm.
    operator : ndarray of shape (rank, rank)
        K on principal coordinates.
    states : PrincipalCoordinates
        The coordinates.
    """

    eigenvalues: ComplexArray
    vectors: ComplexArray
    operator: Array
    states: PrincipalCoordinates

    @property
    def modes(self) -> ComplexArray:
        """Modes of unit norm, (n_features, rank): made when asked for, since they are as wide as the states."""
        return np.asarray(self.states.basis @ self.vectors)


def projected_dmd(
    X: Any,
    rank: int,
    *,
    solver: str = "edmd",
    lag: int = 1,
    center: bool = False,
    n_oversamples: int = 8,
    random_state: Any = None,
) -> ProjectedDMD:
    """Decompose the dynamics of states of any width.

    Parameters
    ----------
    X : array-like of shape (n_steps, n_features) or (n_runs, n_steps, n_features), or list
        Runs: in memory, mapped from files, or dask arrays.
    rank : int
        Number of modes.
    solver : str, default="edmd"
        A key of `skmst.koopman.operators.SOLVERS`.
    lag : int, default=1
        Steps over which K acts.
    center : bool, default=False
        Whether to take deviations from the mean.
    n_oversamples, random_state
        As for `principal_coordinates`.

    Returns
    -------
    ProjectedDMD
        Eigenvalues and modes.

    References
    ----------
    Halko, Martinsson & Tropp (2011), SIAM Rev. 53, 217. Erichson, Mathelin, Kutz & Brunton (2019), SIAM J. Appl. Dyn.
    Syst. 18, 1867.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.randomised import projected_dmd
    >>> rng, t = np.random.default_rng(0), np.arange(200)
    >>> X = np.stack([0.99**t * np.cos(t), 0.99**t * np.sin(t)], axis=-1) @ rng.normal(size=(2, 5000))
    >>> np.round(np.log(projected_dmd(X, rank=2, random_state=0).eigenvalues), 6)
    array([-0.01005+1.j, -0.01005-1.j])
    """
    states = principal_coordinates(X, rank, center=center, n_oversamples=n_oversamples, random_state=random_state)
    left, right = SOLVERS[solver](PairMoments.of_runs(list(states.coordinates), lag))
    operator = left @ right
    eigenvalues, vectors = linalg.eig(operator)
    order = np.lexsort((-eigenvalues.imag, -np.abs(eigenvalues)))
    return ProjectedDMD(eigenvalues[order], vectors[:, order], operator, states)


def principal_coordinates(
    X: Any, rank: int | None, *, center: bool = False, n_oversamples: int = 8, random_state: Any = None
) -> PrincipalCoordinates:
    """Find the leading principal components of states, and the states in them.

    Small data are decomposed exactly, and narrow ones through their second moments. Otherwise the range of the data
    is found by a randomised sketch with power iterations: with a random Omega, ``X.T (X (X.T Omega))`` spans the
    leading directions, on which the data are projected: four passes in all, and one for a mean. Beside the data this
    takes one matrix of n_features x (rank + n_oversamples), which becomes the basis, a few of n_steps x (rank +
    n_oversamples), and a piece of the data.

    Parameters
    ----------
    X : array-like of shape (n_steps, n_features) or (n_runs, n_steps, n_features), or list
        Runs: in memory, mapped from files, or dask arrays.
    rank : int or None
        Number of components; None for all in which the data vary, which decomposes them as a whole.
    center : bool, default=False
        Whether to take deviations from the mean.
    n_oversamples : int, default=8
        Columns of the sketch beyond `rank`.
    random_state : int, RandomState instance or None, default=None
        Where the sketch is drawn from.

    Returns
    -------
    PrincipalCoordinates
        Basis and coordinates.

    References
    ----------
    Halko, Martinsson & Tropp (2011), SIAM Rev. 53, 217, algorithm 4.4.
    """
    runs = as_runs(X)
    lengths, n = [len(run) for run in runs], int(runs[0].shape[1]) if hasattr(runs[0], "shape") else len(runs[0][0])
    m = sum(lengths)
    if rank is None or m * n <= _SMALL or rank + n_oversamples >= min(m, n):
        mean, basis, stacked = _exact(runs, rank, center)
    elif n <= _NARROW:
        mean, basis, stacked = _by_moments(runs, m, n, rank, center)
    else:
        rng = check_random_state(random_state)
        mean, basis, stacked = _by_sketch(runs, m, n, rank, center, n_oversamples, rng)
    return PrincipalCoordinates(basis, mean, tuple(np.split(stacked, np.cumsum(lengths)[:-1])))


def _pieces(runs: Sequence[Any]) -> Iterator[tuple[slice, Array]]:
    """Read the rows of all runs, one after the other, a piece at a time."""
    first = 0
    for run in runs:
        is_view = isinstance(run, np.ndarray) and run.dtype == np.float64
        megabytes = _VIEW if is_view else min(get_config()["working_memory"], _PIECE)
        n_rows = max(1, int(megabytes * 2**20) // (8 * max(1, len(run[0]))))
        for start in range(0, len(run), n_rows):
            piece = np.asarray(run[start : start + n_rows], dtype=np.float64)
            yield slice(first + start, first + start + len(piece)), piece
        first += len(run)


def _exact(runs: Sequence[Any], rank: int | None, center: bool) -> Found:
    X = np.concatenate([np.asarray(run, dtype=np.float64) for run in runs])
    mean = X.mean(axis=0) if center else np.zeros(X.shape[1])
    left, values, right = linalg.svd(X - mean, full_matrices=False)
    n_kept = int(np.sum(values > max(X.shape) * _precision(runs) * values[0]))
    k = max(1, n_kept if rank is None else min(rank, n_kept))
    return mean, right[:k].T, left[:, :k] * values[:k]


def _precision(runs: Sequence[Any]) -> float:
    """Relative rounding of the data: single precision leaves noise that is no direction of its own."""
    kinds = {np.dtype(getattr(run, "dtype", float)) for run in runs}
    return float(max(np.finfo(kind if kind.kind == "f" else float).eps for kind in kinds))


def _by_moments(runs: Sequence[Any], m: int, n: int, rank: int, center: bool) -> Found:
    mean = _mean(runs, m, n) if center else np.zeros(n)
    moments = np.zeros((n, n))
    for _, piece in _pieces(runs):
        deviation = piece - mean if center else piece
        moments += deviation.T @ deviation
    basis = linalg.eigh(moments, subset_by_index=[n - rank, n - 1])[1][:, ::-1]
    return mean, basis, _times(runs, mean, basis, m)


def _by_sketch(
    runs: Sequence[Any], m: int, n: int, rank: int, center: bool, n_oversamples: int, rng: np.random.RandomState
) -> Found:
    mean = _mean(runs, m, n) if center else np.zeros(n)
    omega = rng.standard_normal((m, rank + n_oversamples))
    Y = _transposed_times(runs, mean, omega)
    del omega
    Z = linalg.qr(_times(runs, mean, Y, m), mode="economic", overwrite_a=True)[0]
    del Y
    U = linalg.qr(_transposed_times(runs, mean, Z), mode="economic", overwrite_a=True)[0]
    del Z
    V, R = linalg.qr(_times(runs, mean, U, m), mode="economic", overwrite_a=True)
    left, values, right = linalg.svd(R)
    return mean, _rotated(U, right[:rank].T), _rotated(V, left[:, :rank] * values[:rank])


def _rotated(U: Array, rotation: Array) -> Array:
    """Give ``U rotation`` in the memory of U: where U is large, there is none for both."""
    k = rotation.shape[1]
    for start in range(0, len(U), _ROWS):
        rows = slice(start, start + _ROWS)
        U[rows, :k] = U[rows] @ rotation
    return U[:, :k]


def _mean(runs: Sequence[Any], m: int, n: int) -> Array:
    mean = np.zeros(n)
    for _, piece in _pieces(runs):
        mean += piece.sum(axis=0) / m
    return mean


def _times(runs: Sequence[Any], mean: Array, factor: Array, m: int) -> Array:
    """Give ``(X - mean) factor``, (m, k), in one pass."""
    product = np.empty((factor.shape[1], m)).T
    for rows, piece in _pieces(runs):
        np.matmul(factor.T, piece.T, out=product[rows].T)
    product -= mean @ factor
    return product


def _transposed_times(runs: Sequence[Any], mean: Array, factor: Array) -> Array:
    """Give ``(X - mean).T factor``, (n, k), in one pass and in place: another matrix of this size would double it."""
    product = np.zeros((len(mean), factor.shape[1]), order="F")
    for rows, piece in _pieces(runs):
        product = linalg.blas.dgemm(1.0, piece.T, factor[rows], beta=1.0, c=product, overwrite_c=True)
    return np.asarray(linalg.blas.dger(-1.0, mean, factor.sum(axis=0), a=product, overwrite_a=True))
