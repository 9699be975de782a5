"""Forecasts through Pipelines and fitted searches, and back to what went in."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmst._hindcast import Hindcast
from skmst.trajectories import PerSnapshot, check_step_count


def forecast(model: Any, X: Any, n_steps: int, *, inverse: bool = False, **forecast_params: Any) -> Any:
    """Continue trajectories with any fitted model: an estimator, a Pipeline that ends in one, or a search.

    X is sent through the earlier steps of a Pipeline, and the last step continues it.

    Parameters
    ----------
    model : estimator
        A fitted dynamics estimator (`KoopmanRegressor`, `MasterEquationPredictor`), a `Pipeline` that ends in
        one, or a search over either, of which the best estimator is taken.
    X : array-like or list
        Observed starts of trajectories, as the first step takes them.
    n_steps : int
        Number of data steps to forecast, at least 1.
    inverse : bool, default=False
        False forecasts what the model was fitted to forecast (y). True forecasts the state of the last step
        and sends it back through the inverses of the earlier steps, to what X is. A step whose inverse is a search
        (`ScatteringTransformer`) starts it from the last observed field.
    **forecast_params : dict
        Given to the last step's `forecast`.

    Returns
    -------
    ndarray of shape (n_trajectories, n_steps, ...) or, for one trajectory, (n_steps, ...)
        The continuation; with ``n_ensemble=`` there is an axis of members before these.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model cannot forecast, or a step has no inverse and `inverse` is True.
    ValueError
        If `n_steps` is below 1 or X is not valid or too short; with `inverse`, if a step keeps coefficients of
        the whole grid only, which determine no field.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmst.forecasting import forecast
    >>> from skmst.koopman import KoopmanRegressor
    >>> from skmst.trajectories import PerSnapshot
    >>> X = np.stack([np.cos(0.1 * np.arange(60)), np.sin(0.1 * np.arange(60))], axis=-1)
    >>> model = make_pipeline(PerSnapshot(StandardScaler()), KoopmanRegressor()).fit(X[:40])
    >>> bool(np.allclose(forecast(model, X[:40], n_steps=20, inverse=True), X[40:]))
    True
    """
    n_steps = check_step_count(n_steps, "n_steps")
    earlier, last = _unwrap(model, "forecast")
    if inverse:
        for step in earlier:
            _check_inverse(step)
        forecast_params["state"] = True
    observed = [X]
    for step in earlier:
        observed.append(step.transform(observed[-1]))
    out = last.forecast(observed.pop(), n_steps, **forecast_params)
    if inverse:
        # Transformers know trajectories; an ensemble has one more axis.
        of_ensemble = forecast_params.get("n_ensemble") is not None
        for step, seen in zip(reversed(earlier), reversed(observed), strict=True):
            out = np.stack([_undo(step, member, seen) for member in out]) if of_ensemble else _undo(step, out, seen)
    return out


def hindcast(model: Any, X: Any, y: Any = None, *, horizon: int | None = None, **hindcast_params: Any) -> Hindcast:
    """Forecast known trajectories from every step that leaves `horizon` steps of truth after it.

    X is sent through the earlier steps of a Pipeline, and the last step forecasts from rolling origins: what
    `skmst.metrics` needs to judge a model by.

    Parameters
    ----------
    model : estimator
        As for `forecast`.
    X : array-like or list
        Trajectories, as the first step takes them; held out from the fit, if the forecasts are to judge it.
    y : array-like or list, default=None
        Their observables; None where the model was fitted without y.
    horizon : int, default=None
        Number of data steps to forecast. None takes the last step's own.
    **hindcast_params : dict
        Given to the last step's `hindcast`, such as `inputs`.

    Returns
    -------
    Hindcast
        Truth and forecasts, of shape (n_forecasts, horizon, n_outputs), and each forecast's trajectory and origin.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model cannot forecast.
    ValueError
        If X, y or `horizon` is not valid, or no run is long enough.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmst import KoopmanRegressor, PerSnapshot, hindcast
    >>> from skmst.datasets import make_ornstein_uhlenbeck
    >>> from skmst.metrics import skill_by_lead
    >>> X = make_ornstein_uhlenbeck(40, 200, theta=1.0, dt=0.1, random_state=0)
    >>> model = make_pipeline(PerSnapshot(StandardScaler()), KoopmanRegressor()).fit(X[:20], X[:20])
    >>> past = hindcast(model, X[20:], X[20:], horizon=10)
    >>> past.y_pred.shape
    (3800, 10, 1)
    >>> skill = skill_by_lead(past.y_true, past.y_pred)  # exp(-2 theta t) in theory
    >>> float(skill[0].round(1)), float(skill[9].round(1))
    (0.8, 0.1)
    """
    earlier, last = _unwrap(model, "hindcast")
    for step in earlier:
        X = step.transform(X)
    found: Hindcast = last.hindcast(X, y, horizon=horizon, **hindcast_params)
    return found


def _unwrap(model: Any, method: str) -> tuple[list[Any], Any]:
    """Split a fitted model into the steps before the last, and the last, which must have `method`."""
    if hasattr(model, "estimator") and hasattr(model, "fit") and not hasattr(model, method):
        check_is_fitted(model, "best_estimator_", msg=_UNFITTED_SEARCH)
        model = model.best_estimator_
    check_is_fitted(model)
    if _is_pipeline(model):
        *earlier, last = _steps(model)
        inner, last = _unwrap(last, method)
        return earlier + inner, last
    if not hasattr(model, method):
        raise TypeError(
            f"{type(model).__name__} cannot forecast: the model must be, or end in, a dynamics estimator such "
            "as KoopmanRegressor or MasterEquationPredictor."
        )
    return [], model


_UNFITTED_SEARCH = "This %(name)s has no best estimator: fit it first, with refit on (or naming the score to refit on)."


def _is_pipeline(model: Any) -> bool:
    from sklearn.pipeline import Pipeline  # imports too much for `import skmst`

    return isinstance(model, Pipeline)


def _steps(pipeline: Any) -> list[Any]:
    return [step for _, step in pipeline.steps if step is not None and step != "passthrough"]


def _undo(step: Any, out: Any, seen: Any) -> Any:
    """What a step made `out` of; a search for it starts from the end of what the step saw."""
    if "start" not in signature(step.inverse_transform).parameters:
        return step.inverse_transform(out)
    if np.ndim(out) == 2:  # one trajectory: with an axis of its own, its steps are taken one after the other
        return step.inverse_transform(out[None], start=np.asarray(seen)[-1:])[0]
    return step.inverse_transform(out, start=np.stack([np.asarray(run)[-1] for run in seen]))


def _check_inverse(step: Any) -> None:
    """Raise if a fitted step cannot be undone; look into what wraps other transformers."""
    if isinstance(step, PerSnapshot):
        _check_inverse(step.transformer_)
        return
    if _is_pipeline(step):
        for inner in _steps(step):
            _check_inverse(inner)
        return
    name = type(step).__name__
    if not getattr(step, "determines_fields", True):
        raise ValueError(
            f"{name} keeps coefficients of the whole grid, which determine no field: many share them, and to draw "
            "one of those would be synthesis (its inverse_transform does that). Forecast the field from local "
            "coefficients instead, with an integer T, or as y."
        )
    # FunctionTransformer without inverse_func has an inverse_transform that does nothing.
    one_way = hasattr(step, "inverse_func") and step.func is not None and step.inverse_func is None
    if one_way or not hasattr(step, "inverse_transform"):
        raise TypeError(
            f"inverse=True needs inverse_transform in every step, and {name} has none: fit with what you want to "
            "forecast as y (y=X for the field itself) and use inverse=False, or a step that can be undone."
        )
