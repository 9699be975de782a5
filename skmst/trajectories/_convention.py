"""One convention: features last, time before them, the trajectory before that; checked here and only here.

``(n_steps, n_features)`` is one trajectory, ``(n_trajectories, n_steps, n_features)`` are many of equal
length, and a list of 2-D arrays holds runs of unequal length. Nested plain lists of numbers are arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_array

from skmst.utils._sklearn import check_rows

Layout = Literal["rows", "array", "list"]


@dataclass(frozen=True)
class Trajectories:
    """Checked trajectories, packed so that runs of equal length are worked on together.

    Attributes
    ----------
    blocks : tuple of ndarray of shape (n_i, n_steps_i, n_features)
        All runs of one length each.
    members : tuple of ndarray of shape (n_i,)
        The caller's numbers of the runs in each block.
    layout : {"rows", "array", "list"}
        The form in which the caller gave them.
    columns : dict
        `n_features_in_` and perhaps `feature_names_in_`, for an estimator to store.

    See Also
    --------
    check_trajectories : Makes this from what a caller gives.
    """

    blocks: tuple[NDArray[Any], ...]
    members: tuple[NDArray[np.intp], ...]
    layout: Layout
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def n_features(self) -> int:
        """Number of features of a snapshot."""
        return int(self.blocks[0].shape[-1])

    @property
    def n_trajectories(self) -> int:
        """Number of runs."""
        return sum(len(block) for block in self.blocks)

    @property
    def lengths(self) -> NDArray[np.intp]:
        """Number of steps of each run, in the caller's order; shape (n_trajectories,)."""
        steps = np.concatenate([np.full(len(block), block.shape[1]) for block in self.blocks])
        return steps[np.argsort(np.concatenate(self.members))]

    def rows(self) -> NDArray[Any]:
        """Stack all snapshots; shape (n_snapshots, n_features), block after block."""
        stacked = [block.reshape(-1, block.shape[-1]) for block in self.blocks]
        return stacked[0] if len(stacked) == 1 else np.concatenate(stacked)

    def stack(self, blocks: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Put results of one shape per run, given per block, in the caller's order."""
        if len(blocks) == 1:
            return blocks[0]
        return np.concatenate(blocks)[np.argsort(np.concatenate(self.members))]

    def restore(self, blocks: Sequence[NDArray[Any]]) -> Any:
        """Give results per step, one array per block, the form in which the trajectories came."""
        if self.layout == "rows":
            return blocks[0][0]
        if self.layout == "array":
            return blocks[0]
        runs = [run for block in blocks for run in block]
        return [runs[i] for i in np.argsort(np.concatenate(self.members))]


def parse_layout(X: Any, input_name: str = "X") -> tuple[Layout, Any]:
    """Tell which form of trajectories X has; its numbers are not looked at.

    Parameters
    ----------
    X : array-like or list of 2-D arrays
        See the module.
    input_name : str
        How messages call X.

    Returns
    -------
    layout : {"rows", "array", "list"}
        Two axes (or fewer: for scikit-learn to refuse), three axes, or a list of runs.
    X : object
        The same data: unchanged for rows, an ndarray of three axes, or the list.

    Raises
    ------
    ValueError
        If X is masked or ragged, has more than three axes, or is a list of runs that are not 2-D.
    """
    if isinstance(X, list | tuple) and any(len(getattr(run, "shape", ())) >= 2 for run in X):
        for i, run in enumerate(X):
            _refuse_masked(run, f"{input_name}[{i}]")
            n_axes = len(getattr(run, "shape", ()))
            if n_axes != 2:
                raise ValueError(
                    f"{input_name} is a list of runs, so each must be an array of shape (n_steps, "
                    f"n_features); {input_name}[{i}] has {n_axes} axes."
                )
        return "list", list(X)
    _refuse_masked(X, input_name)
    if not hasattr(X, "shape"):
        try:
            X = np.asarray(X)
        except ValueError as error:
            raise ValueError(
                f"{input_name} is ragged. Give runs of unequal length as a list of 2-D arrays, one of shape "
                "(n_steps, n_features) for each run."
            ) from error
    if len(X.shape) == 3:
        return "array", np.asarray(X)
    if len(X.shape) > 3:
        raise ValueError(
            f"{input_name} has shape {tuple(X.shape)}; trajectories have at most three axes: "
            "(n_trajectories, n_steps, n_features). Flatten the grid of fields into the last axis, and give "
            "grid_shape= to the steps that need to know it."
        )
    return "rows", X


def check_trajectories(
    X: Any, *, estimator: BaseEstimator | None = None, reset: bool = True, input_name: str = "X"
) -> Trajectories:
    """Check trajectories and pack them; nothing of the caller's is changed.

    Parameters
    ----------
    X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
        One trajectory, many of equal length, or a list of 2-D arrays, one for each run. A data frame is one
        trajectory. float32 stays; other numbers become float64.
    estimator : estimator or None
        Whose number and names of features X must have (``reset=False``) or defines (``reset=True``).
        It is not written to: what it has to store is in `columns` of the result.
    reset : bool
        See `estimator`.
    input_name : str
        How messages call X.

    Returns
    -------
    Trajectories
        The checked data.

    Raises
    ------
    ValueError
        If X is not numeric, finite and real, is masked, ragged or empty, has more than three axes, or has
        another number of features than the estimator was fitted on.
    TypeError
        If X is sparse.

    Examples
    --------
    >>> import numpy as np
    >>> runs = check_trajectories([np.zeros((5, 2)), np.ones((3, 2)), np.ones((5, 2))])
    >>> runs.lengths
    array([5, 3, 5])
    >>> [block.shape for block in runs.blocks]
    [(2, 5, 2), (1, 3, 2)]
    """
    layout, X = parse_layout(X, input_name)
    if layout == "list":
        return _pack_runs(X, estimator, reset, input_name)
    refuse_text(X, input_name)
    shape = (1, *X.shape) if layout == "rows" else X.shape
    if layout == "array":
        X = X.reshape(shape[0] * shape[1], shape[2])
    rows, columns = check_rows(X, estimator=estimator, reset=reset, input_name=input_name)
    block = rows.reshape(shape)
    return Trajectories((block,), (np.arange(shape[0]),), layout, columns)


def _pack_runs(X: list[Any], estimator: BaseEstimator | None, reset: bool, input_name: str) -> Trajectories:
    columns: dict[str, Any] = {}
    runs: list[NDArray[Any]] = []
    for i, run in enumerate(X):
        name = f"{input_name}[{i}]"
        refuse_text(run, name)
        owner = estimator if i == 0 or not reset else None
        checked, found = check_rows(run, estimator=owner, reset=reset, input_name=name)
        columns = columns or found
        runs.append(checked)
        if checked.shape[1] != runs[0].shape[1]:
            raise ValueError(
                f"{name} has {checked.shape[1]} features but {input_name}[0] has {runs[0].shape[1]}; all "
                "runs must have the same."
            )
    lengths = np.array([len(run) for run in runs])
    members = tuple(np.flatnonzero(lengths == length) for length in dict.fromkeys(lengths.tolist()))
    blocks = tuple(runs[m[0]][None] if len(m) == 1 else np.stack([runs[i] for i in m]) for m in members)
    return Trajectories(blocks, members, "list", columns)


def check_outputs(
    y: Any, runs: Trajectories, *, input_name: str = "y"
) -> tuple[tuple[NDArray[Any], ...], tuple[int, ...]]:
    """Check observables given at the steps of trajectories.

    Parameters
    ----------
    y : array-like or list
        In the form of the trajectories: ``(n_steps, ...)``, ``(n_trajectories, n_steps, ...)``, or a list
        with one array of shape ``(n_steps, ...)`` for each run.
    runs : Trajectories
        The checked trajectories.
    input_name : str
        How messages call y.

    Returns
    -------
    blocks : tuple of ndarray of shape (n_i, n_steps_i, n_outputs)
        The observables in the packing of `runs`, whatever axes they had flattened into one.
    shape : tuple of int
        The shape of one step's observables: ``()`` where y has no axis for them.

    Raises
    ------
    ValueError
        If y is not numeric and finite or has other trajectories or steps than X.
    """
    _refuse_masked(y, input_name)
    if runs.layout == "list":
        if not isinstance(y, list | tuple) or len(y) != runs.n_trajectories:
            raise ValueError(
                f"X is a list of {runs.n_trajectories} runs, so {input_name} must be a list with one array for each, "
                "of the same numbers of steps."
            )
        parts = [_check_values(run, f"{input_name}[{i}]") for i, run in enumerate(y)]
        lengths = runs.lengths
        for i, part in enumerate(parts):
            if len(part) != lengths[i] or part.shape[1:] != parts[0].shape[1:]:
                raise ValueError(
                    f"{input_name}[{i}] has shape {part.shape} where {(int(lengths[i]), *parts[0].shape[1:])} is "
                    f"needed: the steps of X, the last axes of {input_name}[0]."
                )
        shape = parts[0].shape[1:]
        blocks = tuple(np.stack([parts[i] for i in m]) for m in runs.members)
    else:
        values = _check_values(y, input_name)
        block = values[None] if runs.layout == "rows" else values
        expected = runs.blocks[0].shape[:2]
        if block.shape[:2] != expected:
            steps = expected[1:] if runs.layout == "rows" else expected
            raise ValueError(
                f"{input_name} has shape {values.shape} where {steps} is needed before the axis of observables: X and "
                f"{input_name} have inconsistent numbers of samples or steps."
            )
        shape, blocks = block.shape[2:], (block,)
    n_outputs = int(np.prod(shape))
    return tuple(b.reshape(*b.shape[:2], n_outputs) for b in blocks), tuple(int(n) for n in shape)


def check_step_count(value: Any, name: str) -> int:
    """Check a number of data steps, at least 1.

    Parameters
    ----------
    value : int
        The number.
    name : str
        How messages call it.

    Returns
    -------
    int
        The number.

    Raises
    ------
    ValueError
        If it is not a whole number or below 1.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of data steps, at least 1; got {value!r}.")
    return int(value)


def refuse_text(X: Any, input_name: str) -> None:
    """Raise for text and dates, which numpy would otherwise turn into numbers where it can."""
    if sparse.issparse(X):  # for scikit-learn to refuse
        return
    values = np.asarray(X)
    if values.dtype.kind in "USVMm" or (
        values.dtype.kind == "O" and any(isinstance(v, str | bytes) for v in values.flat)
    ):
        raise ValueError(f"{input_name} must hold numbers; it holds text or dates (dtype {values.dtype}).")


def _refuse_masked(X: Any, input_name: str) -> None:
    if np.ma.isMaskedArray(X):
        raise ValueError(
            f"{input_name} is a masked array and its mask would be ignored. Fill the gaps, or cut the run at "
            "them into a list of runs."
        )


def _check_values(y: Any, input_name: str) -> NDArray[Any]:
    _refuse_masked(y, input_name)
    refuse_text(y, input_name)
    return check_array(y, dtype=[np.float64, np.float32], ensure_2d=False, allow_nd=True, input_name=input_name)
