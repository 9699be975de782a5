"""Second moments of windows of history: all that a linear model needs to know of the data.

Chunks of data are summed up one by one and added, so a model of any number of them costs one pass. Means and
scatter matrices are kept apart (Chan, Golub & LeVeque 1983), so nothing cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from sklearn import get_config

Array = NDArray[np.float64]

#: Cap on the memory for windows, in MiB, where scikit-learn's `working_memory` allows more.
_WINDOW_MEMORY = 64
#: Dimension of states from which on products of matrices are worth saving.
_WIDE = 128


@dataclass(frozen=True)
class WindowMoments:
    """Moments of windows ``[x_{t+lag}, x_t, x_{t-lag}, ..., x_{t-(n_terms-1)lag}]`` and outputs ``y_t``.

    Every block of every moment comes from the same windows, so the operators made of them are consistent
    on transients, too.

    Attributes
    ----------
    n_windows : int
        Number of windows.
    n_terms : int
        Number of steps of history in a window.
    mean : ndarray of shape ((n_terms + 1) * n_latent,)
        Mean window.
    scatter : ndarray of shape ((n_terms + 1) * n_latent, (n_terms + 1) * n_latent)
        Sum over windows of the outer product of the deviation from the mean with itself.
    output_mean : ndarray of shape (n_outputs,)
        Mean output.
    output_scatter : ndarray of shape (n_outputs,)
        Sum of squared deviations of each output.
    cross : ndarray of shape (n_outputs, (n_terms + 1) * n_latent)
        Sum of outer products of the deviations of outputs and windows.
    """

    n_windows: int
    n_terms: int
    mean: Array
    scatter: Array
    output_mean: Array
    output_scatter: Array
    cross: Array

    def __add__(self, other: WindowMoments) -> WindowMoments:
        """Give the moments of both sets of windows together."""
        n = self.n_windows + other.n_windows
        part = other.n_windows / n
        weight = self.n_windows * part
        step, output_step = other.mean - self.mean, other.output_mean - self.output_mean
        return WindowMoments(
            n,
            self.n_terms,
            self.mean + part * step,
            _with_outer(self.scatter + other.scatter, weight, step),
            self.output_mean + part * output_step,
            self.output_scatter + other.output_scatter + weight * output_step**2,
            self.cross + other.cross + weight * np.outer(output_step, step),
        )

    @property
    def n_latent(self) -> int:
        """Dimension of one step's state."""
        return len(self.mean) // (self.n_terms + 1)

    @property
    def history(self) -> slice:
        """Where the history ``[x_t, ..., x_{t-(n_terms-1)lag}]`` stands in a window."""
        return slice(self.n_latent, None)

    @property
    def successor(self) -> slice:
        """Where the history one lag later, ``[x_{t+lag}, ..., x_{t-(n_terms-2)lag}]``, stands in a window."""
        return slice(0, self.n_terms * self.n_latent)

    def covariance(self) -> Array:
        """Covariance of a window; exactly zero for features that are constant but for rounding."""
        variance = np.diag(self.scatter) / self.n_windows
        constant = variance <= (64 * np.finfo(float).eps * np.abs(self.mean)) ** 2
        covariance = self.scatter / self.n_windows
        covariance[constant] = 0.0
        covariance[:, constant] = 0.0
        return covariance


def window_moments(latent: Array, outputs: Array, n_terms: int, lag: int) -> WindowMoments:
    """Sum up runs of equal length that fit in memory with all their windows.

    Parameters
    ----------
    latent : ndarray of shape (n_runs, n_steps, n_latent)
        States.
    outputs : ndarray of shape (n_runs, n_steps, n_outputs)
        Outputs at the same steps; `n_outputs` may be 0.
    n_terms, lag : int
        Steps of history in a window and the distance between them; ``n_steps > n_terms * lag``.

    Returns
    -------
    WindowMoments
        The moments of all ``n_runs * (n_steps - n_terms * lag)`` windows.
    """
    n_windows = latent.shape[1] - n_terms * lag
    if _as_pairs(n_terms, latent.shape[-1]) and n_windows >= 4 * lag:
        found = _moments_of_pairs(latent, outputs, lag)
        if found is not None:
            return found
    starts = [(n_terms - j) * lag for j in range(n_terms + 1)]
    stacked = np.concatenate([latent[:, s : s + n_windows] for s in starts], axis=-1, dtype=np.float64)
    W = stacked.reshape(-1, stacked.shape[-1])
    Y = outputs[:, starts[1] : starts[1] + n_windows].reshape(len(W), -1).astype(np.float64)
    mean, output_mean = W.mean(axis=0), Y.mean(axis=0)
    W -= mean
    Y -= output_mean
    return WindowMoments(len(W), n_terms, mean, W.T @ W, output_mean, np.einsum("ti,ti->i", Y, Y), Y.T @ W)


def _as_pairs(n_terms: int, n_latent: int) -> bool:
    """Whether windows are pairs of states that are wide enough for products of them to be worth saving."""
    return n_terms == 1 and n_latent >= _WIDE


def _moments_of_pairs(latent: Array, outputs: Array, lag: int) -> WindowMoments | None:
    """Sum up pairs of wide states: all but the ends of runs are both a state and a successor, and summed up once.

    None where the ends, or the differences of means, outweigh the rest, which would cancel.
    """
    d = latent.shape[-1]
    centre = latent.mean(axis=(0, 1), dtype=np.float64)
    deviation = latent - centre
    now, later, first, last = (
        deviation[:, part].reshape(-1, d)
        for part in (slice(None, -lag), slice(lag, None), slice(None, lag), slice(-lag, None))
    )
    n, scatter = len(now), np.empty((2 * d, 2 * d))
    mean = np.concatenate([later.mean(axis=0), now.mean(axis=0)])
    before = now.T @ now
    scatter[d:, d:], scatter[:d, :d] = before, before + last.T @ last - first.T @ first
    rounding = n * (64 * np.finfo(float).eps * centre) ** 2
    if np.any(np.diag(scatter) + np.tile(rounding, 2) < np.maximum(0.5 * np.tile(np.diag(before), 2), 2 * n * mean**2)):
        return None
    np.matmul(later.T, now, out=scatter[:d, d:])
    scatter[d:, :d] = scatter[:d, d:].T
    scatter = _with_outer(scatter, -n, mean)
    Y = outputs[:, :-lag].reshape(n, -1).astype(np.float64)
    output_mean = Y.mean(axis=0)
    Y -= output_mean
    cross = np.concatenate([Y.T @ later, Y.T @ now], axis=1)
    spread = np.einsum("ti,ti->i", Y, Y)
    return WindowMoments(n, 1, mean + np.tile(centre, 2), scatter, output_mean, spread, cross)


def _with_outer(symmetric: Array, weight: float, vector: Array) -> Array:
    """Give ``symmetric + weight vector vector.T`` in its memory."""
    return np.asarray(linalg.blas.dger(weight, vector, vector, a=symmetric.T, overwrite_a=True)).T


def sum_windows(
    blocks: Sequence[NDArray[Any]],
    outputs: Sequence[NDArray[Any]],
    n_terms: int,
    lag: int,
    lift: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> WindowMoments:
    """Sum up runs in pieces whose windows take little memory, however long the runs are.

    Parameters
    ----------
    blocks : sequence of ndarray of shape (n_runs, n_steps, n_features)
        States, all runs of one length in a block.
    outputs : sequence of ndarray of shape (n_runs, n_steps, n_outputs)
        Outputs at the same steps.
    n_terms, lag : int
        As for `window_moments`.
    lift : callable or None
        From states to latent states. A lifted state becomes an output, in front of the others: it has to be
        read off the latent one.

    Returns
    -------
    WindowMoments
        The moments of all windows.

    Raises
    ------
    ValueError
        If a moment is beyond the range of floating-point numbers.
    """
    n_latent = blocks[0].shape[-1] if lift is None else lift(blocks[0][:1, :1]).shape[-1]
    megabytes = min(get_config()["working_memory"], _WINDOW_MEMORY)
    n_copies = 1 if _as_pairs(n_terms, n_latent) else n_terms + 1
    budget = int(megabytes * 2**20) // (8 * n_copies * n_latent)

    def parts() -> Iterator[WindowMoments]:
        for block, output in zip(blocks, outputs, strict=True):
            for at in pieces(len(block), block.shape[1], n_terms * lag, budget):
                if lift is None:
                    yield window_moments(block[at], output[at], n_terms, lag)
                else:
                    joined = np.concatenate([block[at], output[at]], axis=-1)
                    yield window_moments(lift(block[at]), joined, n_terms, lag)

    with np.errstate(over="ignore", invalid="ignore"):
        total = reduce(add, parts())
    if not (np.isfinite(total.scatter).all() and np.isfinite(total.cross).all()):
        raise ValueError("X or y holds values so large that their squares overflow: rescale the data.")
    return total


def pieces(n_runs: int, n_steps: int, span: int, budget: int) -> Iterator[tuple[slice, slice]]:
    """Cut equal runs into pieces that hold every window of ``span + 1`` steps exactly once.

    Parameters
    ----------
    n_runs, n_steps : int
        Number and length of the runs.
    span : int
        Steps between the first and the last of a window.
    budget : int
        Largest number of windows in a piece, if at least 1.

    Yields
    ------
    runs, steps : slice
        A piece; pieces of one run overlap by `span` steps.
    """
    n_windows = n_steps - span
    width = min(n_windows, max(1, budget))
    n_together = max(1, budget // n_windows)
    for run in range(0, n_runs, n_together):
        for start in range(0, n_windows, width):
            yield slice(run, run + n_together), slice(start, min(start + width, n_windows) + span)
