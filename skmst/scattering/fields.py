"""Fields at the door: which axes are grid, which are leading, and whether the numbers can be used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from skmst.trajectories import refuse_text
from skmst.utils._sklearn import validate_data

DTYPES = (np.float64, np.float32)
COMPLEX = (
    "Complex data not supported here: the modulus loses the phase, and statistics are those of real fields. Fit "
    "complex fields with statistics='mean' and rectifier='phase_harmonics' or 'heisenberg', or take real and imaginary "
    "part as two channels (n_channels=2)."
)
RAGGED = (
    "X is ragged: pass one array, or for runs of unequal length a list with one array of shape (n_steps, *grid_shape) "
    "per trajectory."
)


@dataclass(frozen=True)
class Fields:
    """Checked fields of one or several runs.

    Attributes
    ----------
    runs : list of ndarray of shape (*leading, n_channels, *grid_shape)
        One array per run; one run unless a list came in.
    grid_shape : tuple of int
        Grid of the fields.
    is_list : bool
        Whether the caller passed a list of runs.
    """

    runs: list[np.ndarray]
    grid_shape: tuple[int, ...]
    is_list: bool

    def restore(self, results: list[np.ndarray]) -> Any:
        """One result per run, in the form in which the fields came."""
        return results if self.is_list else results[0]


def check_fields(
    estimator: Any,
    X: Any,
    grid_shape: tuple[int, ...] | None,
    n_channels: int | None,
    *,
    reset: bool,
    allow_complex: bool = False,
) -> Fields:
    """Check fields and split their axes into leading axes, channels and grid.

    Parameters
    ----------
    estimator : estimator
        Receives `n_features_in_` and, from a dataframe, `feature_names_in_` with ``reset=True``; compared otherwise.
    X : array-like of shape (..., [n_channels,] *grid_shape), or list of ndarray
        Fields; grid and channels may be flattened into the last axis.
    grid_shape : tuple of int or None
        Grid; None is a 1-D grid, the last axis.
    n_channels : int or None
        Fields on the same grid.
    reset : bool
        Whether this is a fit.
    allow_complex : bool, default=False
        Whether complex fields are taken.

    Returns
    -------
    Fields

    Raises
    ------
    ValueError
        If X is not finite, real (unless `allow_complex`) and of a fitting shape.
    """
    is_list = isinstance(X, (list, tuple)) and len(X) > 0 and all(_is_run(run) for run in X)
    check = _check_complex_run if allow_complex else _check_run
    if not is_list:
        runs = [check(estimator, X, grid_shape, n_channels, reset=reset)]
    else:
        runs = [check(estimator, X[0], grid_shape, n_channels, reset=reset)]
        runs += [check(estimator, run, grid_shape, n_channels, reset=False) for run in X[1:]]
    return Fields(runs, runs[0].shape[_n_leading(runs[0], grid_shape) + 1 :], is_list)


def _is_run(run: Any) -> bool:
    return isinstance(run, np.ndarray) and run.ndim >= 2


def _n_leading(run: np.ndarray, grid_shape: tuple[int, ...] | None) -> int:
    return run.ndim - 1 - (1 if grid_shape is None else len(grid_shape))


def _check_complex_run(
    estimator: Any, X: Any, grid_shape: tuple[int, ...] | None, n_channels: int | None, *, reset: bool
) -> np.ndarray:
    """Real fields as they are; complex ones in their two parts, because scikit-learn's checks refuse them."""
    if isinstance(X, (list, tuple)):
        X = _from_sequence(X)
    if not isinstance(X, np.ndarray) or X.dtype.kind != "c" or np.ma.isMaskedArray(X):
        return _check_run(estimator, X, grid_shape, n_channels, reset=reset)
    real = _check_run(estimator, X.real, grid_shape, n_channels, reset=reset)
    imaginary = _check_run(estimator, X.imag, grid_shape, n_channels, reset=False)
    return real + 1j * imaginary


def _check_run(
    estimator: Any, X: Any, grid_shape: tuple[int, ...] | None, n_channels: int | None, *, reset: bool
) -> np.ndarray:
    if np.ma.isMaskedArray(X):
        raise ValueError("X is a masked array; fill or cut the masked values first, masks are not used.")
    if isinstance(X, (list, tuple)):
        X = _from_sequence(X)
    if isinstance(X, np.ndarray) and X.dtype == object and any(np.ndim(value) for value in X.flat):
        raise ValueError(RAGGED)
    refuse_text(X, "X")
    if isinstance(X, np.ndarray) and X.dtype.kind == "c":
        raise ValueError(COMPLEX)
    if getattr(X, "ndim", 2) <= 2:
        X = validate_data(estimator, X, dtype=DTYPES, reset=reset)
        return _split(X, grid_shape, n_channels)
    X = check_array(X, dtype=DTYPES, allow_nd=True, estimator=estimator, input_name="X")
    if X.size == 0:
        raise ValueError(f"X holds no fields: its shape is {X.shape} (0 sample(s)).")
    fields = _split(X, grid_shape, n_channels)
    width = math.prod(fields.shape[_n_leading(fields, grid_shape) :])
    if reset:
        estimator.n_features_in_ = width
        vars(estimator).pop("feature_names_in_", None)
    elif width != estimator.n_features_in_:
        raise ValueError(
            f"X has fields of {width} values, shape {fields.shape[_n_leading(fields, grid_shape) :]}, but "
            f"{type(estimator).__name__} was fitted to fields of {estimator.n_features_in_} values."
        )
    return fields


def _from_sequence(X: Any) -> np.ndarray:
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(RAGGED) from error


def _split(X: np.ndarray, grid_shape: tuple[int, ...] | None, n_channels: int | None) -> np.ndarray:
    """X with a channel axis before its grid."""
    return X.reshape(split_shape(X.shape, grid_shape, n_channels))


def split_shape(shape: tuple[int, ...], grid_shape: tuple[int, ...] | None, n_channels: int | None) -> tuple[int, ...]:
    """The shape (*leading, n_channels, *grid_shape) of fields that come in another one; ValueError if they cannot."""
    channels = n_channels or 1
    if grid_shape is None:
        if n_channels is None:
            return (*shape[:-1], 1, shape[-1])
        if len(shape) >= 3 and shape[-2] == channels:
            return shape
        raise ValueError(
            f"X has shape {shape}, which does not hold n_channels={channels} on the axis before the 1-D grid (the "
            "last axis). Channels that are flattened with the grid need grid_shape."
        )
    wanted = grid_shape if n_channels is None else (channels, *grid_shape)
    if len(shape) > len(wanted) and shape[len(shape) - len(wanted) :] == wanted:
        return (*shape[: len(shape) - len(wanted)], channels, *grid_shape)
    if shape[-1] == math.prod(wanted):
        return (*shape[:-1], channels, *grid_shape)
    if shape == wanted:
        raise ValueError(f"X of shape {shape} is a single field: pass X[None], a batch of one.")
    raise ValueError(
        f"The trailing axes of X, shape {shape}, must equal grid_shape={grid_shape}"
        + (f" after n_channels={n_channels}" if n_channels else "")
        + f", or the last axis its flattened size {math.prod(wanted)}."
    )


def spread(runs: list[np.ndarray], n_last: int, most: int) -> np.ndarray:
    """At most so many of all fields, spread evenly over them.

    Parameters
    ----------
    runs : list of ndarray of shape (*leading, *last)
        Fields, or their coefficients; `n_last` axes belong to one of them.
    n_last : int
        Number of axes of one field.
    most : int
        Largest number of fields.

    Returns
    -------
    ndarray of shape (n, *last)
    """
    rows = [run.reshape(-1, *run.shape[run.ndim - n_last :]) for run in runs]
    ends = np.cumsum([len(part) for part in rows])
    picks = np.linspace(0, ends[-1] - 1, min(most, ends[-1])).round().astype(int)
    where = np.searchsorted(ends, picks, side="right")
    return np.stack([rows[run][pick - ends[run]] for run, pick in zip(where, picks, strict=True)])
