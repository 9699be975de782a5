"""From coefficients to features: names, flattening, the logarithm and what keeps it finite."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

FLOOR = 0.01  # a path's floor under the logarithm: this quantile of its fitted coefficients, this part of their mean
ROUNDOFF = 100  # and at least this many roundings of the largest path


def real_parts(table: dict[str, np.ndarray], is_complex: bool) -> np.ndarray:
    """Which of real and imaginary part of each path are features.

    Parameters
    ----------
    table : dict of ndarray
        One row per path; a column ``complex`` tells which have an imaginary part, without it all have.
    is_complex : bool
        Whether coefficients are complex.

    Returns
    -------
    ndarray of bool of shape (n_paths, 1), or (n_paths, 2) for complex coefficients
    """
    n_paths = len(table["name"])
    if not is_complex:
        return np.ones((n_paths, 1), bool)
    return np.stack([np.ones(n_paths, bool), table.get("complex", np.ones(n_paths, bool))], axis=1)


def feature_names(
    paths: Iterable[str], output_grid: tuple[int, ...], output_step: int, n_channels: int | None, parts: np.ndarray
) -> np.ndarray:
    """Names of the features of one field, in the order of `flatten`.

    Parameters
    ----------
    paths : iterable of str
        Names of the paths.
    output_grid : tuple of int
        Grid of the coefficients of a path.
    output_step : int
        Grid steps between its points.
    n_channels : int or None
        Channels that are transformed one by one; None has no prefix.
    parts : ndarray of bool of shape (n_paths, 1 or 2)
        From `real_parts`.

    Returns
    -------
    ndarray of str objects
    """
    channels = [f"c{c}_" for c in range(n_channels)] if n_channels else [""]
    points = [
        "".join(f"_{axis}{index * output_step}" for axis, index in zip("xyz", point, strict=False))
        for point in np.ndindex(output_grid)
    ]
    suffixes = [["_re", "_im"] if sum(row) == 2 else [""] for row in parts]
    own = [
        f"{path}{point}{end}" for path, ends in zip(paths, suffixes, strict=True) for point in points for end in ends
    ]
    return np.asarray([channel + name for channel in channels for name in own], dtype=object)


def flatten(coefficients: np.ndarray, parts: np.ndarray, output_grid: tuple[int, ...]) -> np.ndarray:
    """Coefficients as one axis of real features; complex ones become two, real and imaginary part.

    Parameters
    ----------
    coefficients : ndarray of shape (*leading, n_channels, n_paths, *output_grid)
        Real or complex numbers.
    parts : ndarray of bool of shape (n_paths, 1 or 2)
        From `real_parts`.
    output_grid : tuple of int
        Grid of the coefficients of a path.

    Returns
    -------
    ndarray of shape (*leading, n_features), real
    """
    leading = coefficients.shape[: coefficients.ndim - 2 - len(output_grid)]
    flat = np.ascontiguousarray(coefficients).reshape(*leading, -1).view(coefficients.real.dtype)
    return flat if parts.all() else flat[..., kept(parts, output_grid, coefficients.shape[len(leading)])]


def unflatten(features: np.ndarray, parts: np.ndarray, output_grid: tuple[int, ...], n_channels: int) -> np.ndarray:
    """The coefficients (*leading, n_channels, n_paths, *output_grid) that `flatten` made features of."""
    leading, present = features.shape[:-1], kept(parts, output_grid, n_channels)
    flat = np.zeros((*leading, len(present)), features.dtype)
    flat[..., present] = features
    if parts.shape[1] == 2:
        flat = flat.view(np.result_type(features.dtype, np.complex64))
    return flat.reshape(*leading, n_channels, len(parts), *output_grid)


def kept(parts: np.ndarray, output_grid: tuple[int, ...], n_channels: int) -> np.ndarray:
    """Which of all real numbers of a field's coefficients are features, in the order of `flatten`."""
    n_paths, n_parts = parts.shape
    shape = (n_channels, n_paths, math.prod(output_grid), n_parts)
    return np.broadcast_to(parts[:, None], shape).reshape(-1)


def log_floor(values: np.ndarray, higher: np.ndarray) -> np.ndarray:
    """What is added to every path before the logarithm; 1 where all coefficients are zero.

    Parameters
    ----------
    values : ndarray of shape (n_fields, n_channels, n_paths, n_points)
        Fitted coefficients.
    higher : ndarray of bool of shape (n_paths,)
        The paths whose logarithm is taken; the others have floor 0.

    Returns
    -------
    ndarray of shape (n_channels, n_paths), float64
    """
    typical = np.abs(values).mean(axis=(0, 3), dtype=np.float64)
    largest = typical[:, higher].max(axis=1, initial=0.0, keepdims=True)
    roundoff = ROUNDOFF * np.finfo(values.dtype).eps * largest
    quantile = np.quantile(values, FLOOR, axis=(0, 3)).astype(np.float64)
    floor = np.maximum.reduce([quantile, FLOOR * typical, np.broadcast_to(roundoff, typical.shape)])
    floor[floor == 0.0] = 1.0
    floor[:, ~higher] = 0.0
    return floor


def take_log(values: np.ndarray, floor: np.ndarray, higher: np.ndarray) -> None:
    """``log(values + floor)`` of the paths `higher`, in place; shapes as for `log_floor`."""
    # Local averages can undershoot zero: the low-pass of the tight bank has side lobes.
    values[:, :, higher] = np.log(np.maximum(values[:, :, higher], 0.0) + floor[:, higher, None])


def undo_log(values: np.ndarray, floor: np.ndarray, higher: np.ndarray) -> None:
    """What `take_log` made logarithms of, in place; zero where a logarithm is below that of the floor."""
    with np.errstate(over="ignore"):  # the caller checks
        values[:, :, higher] = np.maximum(np.exp(values[:, :, higher]) - floor[:, higher, None], 0.0)
