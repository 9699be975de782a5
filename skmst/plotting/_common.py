"""What the displays share: axes, colours, labels, checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

Array = NDArray[np.float64]

#: Colours that stay apart under colour blindness (Okabe & Ito 2008), the most different first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SIGNED, POSITIVE = "RdBu_r", "viridis"
TRUTH, FAINT = "black", "0.5"
#: A legend that hides nothing and stays readable where it must lie over curves.
LEGEND: dict[str, Any] = {"framealpha": 0.75, "edgecolor": "none"}


def get_axes(ax: Any, width: float = 6.4, height: float = 4.0) -> Any:
    """Return `ax`, or the axes of a new figure of `width` times `height` inches."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('plotting needs matplotlib: pip install "skmst[plot]".') from error
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def clean(ax: Any) -> None:
    """Take the frame's upper and right side away."""
    ax.spines[["top", "right"]].set_visible(False)


def draw_image(ax: Any, values: Array, horizontal: Array, vertical: Array, image_kw: dict[str, Any]) -> Any:
    """Draw rows of `values` along the vertical axis, each value centred on its coordinates."""
    left, right = _edges(horizontal)
    bottom, top = _edges(vertical)
    defaults = {"aspect": "auto", "origin": "lower", "extent": (left, right, bottom, top)}
    return ax.imshow(values, **{**defaults, **image_kw})


def _edges(centres: Array) -> tuple[float, float]:
    step = float(centres[-1] - centres[0]) / (len(centres) - 1) if len(centres) > 1 else 1.0
    return float(centres[0]) - step / 2, float(centres[-1]) + step / 2


def with_unit(quantity: str, unit: str | None) -> str:
    """Label of an axis."""
    return quantity if unit is None else f"{quantity} ({unit})"


def time_axis(n_steps: int, dt: float | None, unit: str | None, start: int = 0) -> tuple[Array, str | None]:
    """Times of `n_steps` steps, the first being step `start`, and their unit; without `dt` they are counted."""
    steps = np.arange(start, start + n_steps, dtype=np.float64)
    if dt is None:
        return steps, unit or "steps"
    check_positive("dt", dt)
    return dt * steps, unit


def check_positive(name: str, value: float) -> None:
    """Raise unless `value` is positive and finite."""
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}.")


def check_level(level: float) -> None:
    """Raise unless `level` can be the coverage of an interval."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}.")


def check_real(name: str, values: ArrayLike, shape: tuple[int | str, ...]) -> Array:
    """Return finite, real `values` as float64 of `shape`, in which names stand for any length."""
    array = np.asarray(values)
    fits = array.ndim == len(shape) and all(
        isinstance(n, str) or n == m for n, m in zip(shape, array.shape, strict=True)
    )
    if not fits or array.size == 0:
        wanted = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name} must have shape ({wanted}) and not be empty, got {array.shape}.")
    masked = isinstance(values, np.ma.MaskedArray)
    if masked or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite real numbers: leave out or fill in what is missing.")
    return array.astype(np.float64)


def check_even(name: str, values: Array) -> Array:
    """Raise unless coordinates increase by equal steps, as an image needs."""
    steps = np.diff(values)
    if len(steps) and not (steps.min() > 0 and np.ptp(steps) <= 1e-3 * steps.max()):
        raise ValueError(f"{name} must increase by equal steps: interpolate to such a grid first.")
    return values


def known_before(y: Any, hindcast: Any, index: int, n_known: int) -> Array:
    """Observables (n_known or fewer, n_outputs) up to the step from which a forecast started, from the runs y."""
    truth = hindcast.y_true[index, 0]
    origin = int(hindcast.origin[index])
    try:
        run = np.asarray(y[hindcast.trajectory[index]], dtype=np.float64)
        run = run.reshape(len(run), len(truth))
        same = np.allclose(run[origin + 1], truth)
    except (IndexError, KeyError, TypeError, ValueError):
        same = False
    if not same:
        raise ValueError("y must hold the observables that were given to hindcast, (n_trajectories, n_steps, ...).")
    return run[max(0, origin + 1 - n_known) : origin + 1]


def scattering_step(model: Any) -> Any:
    """The scattering transformer that a fitted estimator, Pipeline or search is or contains."""
    if hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    for step in model if isinstance(model, Pipeline) else [model]:
        if hasattr(type(step), "paths_"):
            check_is_fitted(step)
            return step
    raise TypeError(f"{type(model).__name__} is no ScatteringTransformer, nor a Pipeline or search that contains one.")


def last_step(model: Any, attribute: str) -> Any:
    """The estimator that ends a Pipeline, or the best one of a search; it must have the fitted attribute."""
    if hasattr(model, "estimator") and hasattr(model, "fit") and not hasattr(model, attribute):
        check_is_fitted(model, "best_estimator_")
        model = model.best_estimator_
    check_is_fitted(model)
    last = model[-1] if isinstance(model, Pipeline) else model
    if not hasattr(last, attribute):
        raise TypeError(
            f"{type(last).__name__} has no {attribute}: pass a fitted estimator that has, or a Pipeline "
            "that ends in one."
        )
    return last
