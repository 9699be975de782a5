"""Checks of parameters that the makers share: one message per wrong thing, before any work."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """Return `value` as an int, or say that it must be a whole number of at least `minimum`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < minimum:
        raise ValueError(f"{name} must be a whole number of at least {minimum}, got {value!r}.")
    return int(value)


def check_real(name: str, value: Any) -> float:
    """Return `value` as a float, or say that it must be a finite real number."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not np.isfinite(float(value)):
        raise ValueError(f"{name} must be a finite real number, got {value!r}.")
    return float(value)


def check_positive(name: str, value: Any, *, or_zero: bool = False) -> float:
    """Return `value` as a float, or say that it must be positive (or zero, if allowed)."""
    number = check_real(name, value)
    if number < 0 or (number == 0 and not or_zero):
        raise ValueError(f"{name} must be {'at least zero' if or_zero else 'positive'}, got {value!r}.")
    return number


def check_substeps(dt: float, time_step: Any) -> tuple[int, float]:
    """Cut `dt` into the fewest equal steps no longer than `time_step`; return their number and length."""
    longest = check_positive("time_step", time_step)
    # The slack keeps a divisor of dt, such as .1 / .005, from costing one step more by round-off.
    n_substeps = max(1, int(np.ceil(dt / longest * (1 - 1e-12))))
    return n_substeps, dt / n_substeps


def check_initial_fields(value: Any, n_trajectories: int, n_x: int, kinds: str) -> NDArray[np.float64]:
    """Return given initial fields as float64 (n_trajectories, n_x); `kinds` names the other options."""
    if isinstance(value, str):
        raise ValueError(f"initial_condition must be {kinds} or an array of fields, got {value!r}.")
    if np.iscomplexobj(value):
        raise ValueError("initial_condition must be real, got complex numbers: pass its real part.")
    fields = np.asarray(value, dtype=np.float64)
    if fields.shape not in ((n_x,), (n_trajectories, n_x)):
        raise ValueError(
            f"initial_condition must have shape (n_x,) = ({n_x},) or (n_trajectories, n_x) = "
            f"({n_trajectories}, {n_x}), got {fields.shape}: set n_x and n_trajectories to match it."
        )
    if not np.isfinite(fields).all():
        raise ValueError("initial_condition contains NaN or infinity: replace or drop those fields.")
    return np.broadcast_to(fields, (n_trajectories, n_x))


def check_integrated(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `states`, or say that the integration overflowed."""
    if not np.isfinite(states).all():
        raise ValueError("the integration overflowed: make time_step smaller (or the grid finer).")
    return states
