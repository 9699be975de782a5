"""A scorer of free-running forecasts for scikit-learn's searches."""

from collections.abc import Callable
from typing import Any

from sklearn.utils.metadata_routing import MetadataRequest

from skmst.metrics._checks import check_count
from skmst.metrics._skill import variance_weighted_r2


def forecast_scorer(horizon: int) -> Callable[..., float]:
    """Make a scorer of free-running forecasts over `horizon` steps, for ``scoring=`` of searches.

    The scorer serves the estimators of skmst, Pipelines that end in one, and fitted searches over either. It
    lets the estimator forecast held-out trajectories from rolling origins and returns the
    :func:`variance_weighted_r2`. A larger score is better.

    Parameters
    ----------
    horizon : int
        Number of data steps to forecast.

    Returns
    -------
    callable
        ``scorer(estimator, X, y=None, *, inputs=None)``; it can be pickled. Searches pass inputs on where
        scikit-learn's metadata routing is switched on.

    Raises
    ------
    ValueError
        If `horizon` is not a positive whole number.

    Examples
    --------
    >>> from skmst.metrics import forecast_scorer
    >>> {"h1": forecast_scorer(1), "h20": forecast_scorer(20)}  # scoring=; refit="h20" picks the model
    {'h1': forecast_scorer(1), 'h20': forecast_scorer(20)}
    """
    return _ForecastScorer(check_count("horizon", horizon))


class _ForecastScorer:
    """Callable with the signature that scikit-learn asks of a scorer."""

    def __init__(self, horizon: int):
        self.horizon = horizon

    def __repr__(self) -> str:
        return f"forecast_scorer({self.horizon})"

    def get_metadata_routing(self) -> MetadataRequest:
        """Ask searches to pass inputs on, where scikit-learn's metadata routing is switched on."""
        request = MetadataRequest(owner=type(self).__name__)
        request.score.add_request(param="inputs", alias=True)
        return request

    def __call__(self, estimator: Any, X: Any, y: Any = None, *, inputs: Any = None) -> float:
        from sklearn.pipeline import Pipeline  # imports too much for `import skmst`

        if hasattr(estimator, "best_estimator_"):
            return self(estimator.best_estimator_, X, y, inputs=inputs)
        if isinstance(estimator, Pipeline):
            features = estimator[:-1].transform(X) if len(estimator) > 1 else X
            return self(estimator[-1], features, y, inputs=inputs)
        if not hasattr(estimator, "hindcast"):
            raise TypeError(
                f"{type(estimator).__name__} cannot forecast held-out trajectories (it has no method "
                "hindcast): end the pipeline in a dynamics estimator, or use another scoring."
            )
        given = {} if inputs is None else {"inputs": inputs}
        past = estimator.hindcast(X, y, horizon=self.horizon, **given)
        return variance_weighted_r2(past.y_true, past.y_pred)
