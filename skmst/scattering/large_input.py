"""Fields that do not fit into memory: read and transformed a chunk at a time, here or on the workers of joblib or dask.

A chunk is as large as scikit-learn's ``working_memory`` allows. Workers receive the parameters of the transform, which
are a few hundred bytes, and make their own plan.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from joblib.parallel import get_active_backend
from sklearn import get_config
from sklearn.utils import gen_batches

from skmst.scattering.engines.namespaces import is_foreign, to_numpy

COPIES = 4  # of a field that checks, conversions and derived channels may need at a time
CHUNKS_PER_WORKER = 4  # so that the last ones end at about the same time


def is_dask(X: Any) -> bool:
    """Whether X is a dask array."""
    return "dask.array" in sys.modules and isinstance(X, sys.modules["dask.array"].Array)


def is_chunked(X: Any) -> bool:
    """Whether X is on disk, and larger than the working memory: a memory map, or an array of h5py or zarr."""
    on_disk = isinstance(X, np.memmap) or (
        not isinstance(X, np.ndarray) and all(hasattr(X, name) for name in ("shape", "dtype", "chunks", "__getitem__"))
    )
    return on_disk and not is_dask(X) and math.prod(X.shape) * X.dtype.itemsize > _working_memory() // COPIES


def is_elsewhere(X: Any) -> bool:
    """Whether X is not an array in memory that numpy can use: of dask, on disk, or of another library."""
    return is_dask(X) or is_chunked(X) or is_foreign(X)


def n_field_axes(shape: tuple[int, ...], grid_shape: tuple[int, ...] | None, n_channels: int | None) -> int:
    """How many of the last axes belong to one field, which may be flat."""
    grid = shape[-1:] if grid_shape is None else grid_shape
    wanted = grid if n_channels is None else (n_channels, *grid)
    return len(wanted) if tuple(shape[-len(wanted) :]) == wanted else 1


def sample(X: Any, n_axes: int, most: int) -> np.ndarray:
    """At most so many of all fields, spread evenly over them, in memory; `n_axes` axes belong to one field."""
    leading = tuple(X.shape[: len(X.shape) - n_axes])
    n = math.prod(leading)
    picks = np.linspace(0, n - 1, min(most, n)).round().astype(int)
    chosen = [X[(*(int(i) for i in np.unravel_index(pick, leading)), ...)] for pick in picks]
    return np.stack([to_numpy(field) for field in chosen])


def pieces(X: Any, n_axes: int) -> Iterator[tuple[Any, np.ndarray]]:
    """Where a chunk of the leading axes is, and its fields in memory."""
    leading = tuple(X.shape[: len(X.shape) - n_axes])
    itemsize = max(np.dtype(X.dtype).itemsize, 8)
    inner = math.prod(X.shape[1:]) * itemsize * COPIES
    if len(leading) == 1 or inner <= _working_memory():
        for part in gen_batches(leading[0], max(1, _working_memory() // max(1, inner))):
            yield part, np.asarray(X[part])
    else:
        for first in range(leading[0]):
            for where, fields in pieces(_Row(X, first), n_axes):
                yield (first, *(where if isinstance(where, tuple) else (where,))), fields


class _Row:
    """One entry along the first axis of an array, which is not read before it is indexed."""

    def __init__(self, X: Any, first: int):
        self._X, self._first = X, first
        self.shape, self.dtype = tuple(X.shape[1:]), X.dtype

    def __getitem__(self, where: Any) -> Any:
        return self._X[(self._first, *(where if isinstance(where, tuple) else (where,)))]


def mapped(
    X: Any, n_axes: int, function: Callable[[np.ndarray], np.ndarray], tail: tuple[int, ...], dtype: np.dtype
) -> Any:
    """What a function of fields gives for all of X, chunk by chunk.

    Parameters
    ----------
    X : array
        Of dask, or on disk.
    n_axes : int
        Last axes of X that belong to one field.
    function : callable
        Results ``(*leading, *tail)`` of fields ``(*leading, *field)``.
    tail : tuple of int
        Shape of the result of one field.
    dtype : dtype
        Of the results.

    Returns
    -------
    ndarray of shape (*leading, *tail)
        A dask array, nothing of it computed, if X is one.
    """
    n_leading = len(X.shape) - n_axes
    if not is_dask(X):
        out = np.empty((*X.shape[:n_leading], *tail), dtype)
        for where, fields in pieces(X, n_axes):
            out[where] = function(fields)
        return out
    return X.rechunk(dict.fromkeys(range(n_leading, X.ndim), -1)).map_blocks(
        function,
        dtype=dtype,
        drop_axis=list(range(n_leading, X.ndim)),
        new_axis=list(range(n_leading, n_leading + len(tail))),
        chunks=(*X.chunks[:n_leading], *((size,) for size in tail)),
        meta=np.empty((0,) * (n_leading + len(tail)), dtype),
    )


def forward(
    call: Callable[..., np.ndarray], fields: np.ndarray, encoding: Any, bytes_out: int, n_jobs: int | None
) -> np.ndarray:
    """Coefficients of fields in chunks, on the workers of joblib's active backend if these are processes.

    Parameters
    ----------
    call : callable
        ``call(fields, encoding, n_jobs=...)``, the transform.
    fields : ndarray of shape (n, *field)
        Fields; a memory map is read a chunk at a time.
    encoding : Encoding
        What to compute.
    bytes_out : int
        Size of the coefficients of one field, an estimate.
    n_jobs : int or None
        Threads of the transform, or processes that transform chunks, after `joblib.parallel_config`.

    Returns
    -------
    ndarray of shape (n, n_paths, *output_grid)
    """
    n = len(fields)
    rows = max(1, _working_memory() // max(1, COPIES * fields[:1].nbytes + 2 * bytes_out))
    backend, _ = get_active_backend(prefer="threads")
    processes = not getattr(backend, "supports_sharedmem", False)
    workers = effective_n_jobs(n_jobs) if processes else 1
    if workers > 1 and n > workers:
        parts = list(gen_batches(n, min(rows, -(-n // (CHUNKS_PER_WORKER * workers)))))
        return np.concatenate(Parallel(n_jobs=n_jobs)(delayed(_alone)(call, fields[part], encoding) for part in parts))
    if processes:
        call = partial(_alone, call)
    first = call(fields[:rows], encoding, n_jobs=n_jobs)
    if n <= rows:
        return first
    out = np.empty((n, *first.shape[1:]), first.dtype)
    out[:rows] = first
    for part in list(gen_batches(n, rows))[1:]:
        out[part] = call(fields[part], encoding, n_jobs=n_jobs)
    return out


def _alone(call: Callable[..., np.ndarray], fields: np.ndarray, encoding: Any, n_jobs: int | None = None) -> np.ndarray:
    """The transform without workers: those of the active backend would not share its memory."""
    with parallel_config(backend="threading", n_jobs=1):
        return call(fields, encoding, n_jobs=1)


def _working_memory() -> int:
    return int(get_config()["working_memory"] * 2**20)
