"""Trajectories that are too large for memory, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import get_config

#: Copies of a chunk that may exist at once: as it was read, as float64, lifted.
_COPIES = 3


def chunks(X: Any, y: Any = None) -> Iterator[tuple[int, Any, Any]]:
    """Cut trajectories that are not in memory into chunks of whole trajectories that fit there.

    Parameters
    ----------
    X : array-like of shape (n_trajectories, n_steps, n_features), or list of arrays (n_steps, n_features)
        Trajectories. What is read piece by piece, dask arrays and what is mapped from files (`numpy.memmap`, HDF5,
        zarr), is cut if it is larger than scikit-learn's `working_memory`; all else is passed on as it is.
    y : array-like or list, default=None
        Observables of the same trajectories.

    Yields
    ------
    start : int
        Number of the chunk's first trajectory.
    X, y : object
        The chunk, in memory or mapped; y is None where there is none.

    Raises
    ------
    ValueError
        If y has another number of trajectories.

    Examples
    --------
    >>> import numpy as np
    >>> [(start, part.shape) for start, part, _ in chunks(np.zeros((4, 10, 2)))]
    [(0, (4, 10, 2))]
    """
    n_together = _trajectories_together(X)
    if n_together is None:
        yield 0, X, y
        return
    if y is not None and len(y) != len(X):
        raise ValueError(f"y has {len(y)} trajectories where X has {len(X)}: inconsistent numbers of samples.")
    for start in range(0, len(X), n_together):
        part = slice(start, start + n_together)
        yield start, _read(X[part]), None if y is None else _read(y[part])


def _trajectories_together(X: Any) -> int | None:
    """How many trajectories fit in memory; None where X is in memory as it is, or fits as a whole."""
    runs = X if isinstance(X, list | tuple) else [X]
    n_axes = 2 if isinstance(X, list | tuple) else 3
    if not runs or not any(_is_lazy(run) for run in runs):
        return None
    if any(len(getattr(run, "shape", ())) != n_axes for run in runs):
        return None  # one trajectory, or nothing that trajectories look like: for the checks to judge
    n_trajectories = len(X)
    largest = max(int(np.prod(run.shape)) for run in runs) // (1 if n_axes == 2 else max(n_trajectories, 1))
    budget = int(get_config()["working_memory"] * 2**20) // (8 * _COPIES)
    n_together = max(1, budget // max(largest, 1))
    return n_together if n_together < n_trajectories else None


def _is_lazy(values: Any) -> bool:
    # dask, HDF5 and zarr arrays all say how they are cut.
    return isinstance(values, np.memmap) or (not isinstance(values, np.ndarray) and hasattr(values, "chunks"))


def _read(part: Any) -> Any:
    return [np.asarray(run) for run in part] if isinstance(part, list | tuple) else np.asarray(part)
