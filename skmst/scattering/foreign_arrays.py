"""Features of fields that are arrays of torch, cupy or jax: computed where they are, by their own library."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmst.scattering.choices import logged_rows
from skmst.scattering.engines.namespaces import Array, Namespace, namespace_of, on_device_of, real_dtype
from skmst.scattering.features import kept
from skmst.scattering.fields import split_shape
from skmst.scattering.setting import Setting


def check_executable(encoding: Any) -> None:
    """TypeError for transforms that run in numpy only."""
    if not isinstance(encoding, Setting):
        raise TypeError(
            f"X is not a numpy array, and {type(encoding).__name__} is computed with numpy: convert X to a numpy "
            "array, or take statistics='mean' with wavelet='morlet' or 'tight', without isotropic and vector_field."
        )


def coefficients(estimator: Any, X: Array, *, logarithm: bool = True) -> Array:
    """Coefficients (*leading, n_channels, n_paths, *output_grid) of the fields of a fitted ScatteringTransformer."""
    encoding, ns = estimator._encoding, namespace_of(X)
    assert ns is not None
    check_executable(encoding)
    for name in ("noise_level_", "fine_tuning_"):
        if hasattr(estimator, name):
            raise TypeError(f"X is not a numpy array, and {name} is a correction made with numpy: convert X to one.")
    shape = split_shape(tuple(X.shape), encoding.grid_shape, estimator.n_channels)
    real_dtype(X)
    if ns.is_known(X) and not bool(ns.xp.all(ns.xp.isfinite(X))):
        raise ValueError("Input X contains NaN or infinity.")
    found = encoding.forward(ns.xp.reshape(X, (-1, *encoding.grid_shape)))
    found = ns.xp.reshape(found, (*shape[: -len(encoding.grid_shape)], *found.shape[1:]))
    return _logarithm(ns, found, estimator) if estimator.log and logarithm else found


def features(estimator: Any, X: Array) -> Array:
    """The same as one axis of real features."""
    ns, found = namespace_of(X), coefficients(estimator, X)
    assert ns is not None
    parts, grid = estimator._parts, estimator.output_grid_
    leading = tuple(found.shape[: len(found.shape) - 2 - len(grid)])
    flat = ns.xp.reshape(ns.parts(found) if ns.is_complex(found) else found, (*leading, -1))
    if parts.all():
        return flat
    which = np.flatnonzero(kept(parts, grid, found.shape[len(leading)]))
    return ns.take(flat, on_device_of(X, which), len(leading))


def _logarithm(ns: Namespace, values: Array, estimator: Any) -> Array:
    """``log(values + floor)`` of the rows whose logarithm is taken."""
    rows = logged_rows(estimator._encoding)
    points = (1,) * len(estimator.output_grid_)
    floor = np.where(rows, estimator.log_floor_, 1.0).reshape(-1, len(rows), *points)
    taken = np.broadcast_to(rows.reshape(1, -1, *points), floor.shape)
    floor, taken = on_device_of(values, floor.astype(real_dtype(values))), on_device_of(values, taken)
    zero = ns.xp.zeros_like(values)
    # Only what is taken enters the logarithm: the derivative of the rest would be NaN where it is not used.
    positive = ns.xp.where(taken & (values > 0), values, zero)
    return ns.xp.where(taken, ns.xp.log(positive + floor), values)
