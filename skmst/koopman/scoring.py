"""A scorer of dictionaries for scikit-learn's searches: how much of the dynamics they see, not how they forecast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.utils.metadata_routing import MetadataRequest

KINDS = ("1", "2", "E")


def vamp_scorer(kind: str = "2") -> Callable[..., float]:
    """Make a scorer of held-out trajectories by a VAMP score, for ``scoring=`` of searches.

    Scores of different observables compare, whatever their units: the score depends on the functions that they span. It
    grows with the number of slow processes that are seen, and says nothing of forecasts of y. It serves
    `KoopmanRegressor`, Pipelines that end in one, and fitted searches over either; compare models of one `lag` only.

    Parameters
    ----------
    kind : {"1", "2", "E"}, default="2"
        As for `skmst.koopman.canonical.vamp_score`.

    Returns
    -------
    callable
        ``scorer(estimator, X, y=None, *, inputs=None)``; it can be pickled. Searches pass inputs on where
        scikit-learn's metadata routing is switched on.

    Raises
    ------
    ValueError
        If `kind` is another one.

    References
    ----------
    Wu & Noe (2020), J. Nonlinear Sci. 30, 23. McGibbon & Pande (2015), J. Chem. Phys. 142, 124105 (cross-validation).

    Examples
    --------
    >>> from skmst.koopman.scoring import vamp_scorer
    >>> {"vamp2": vamp_scorer(), "vampE": vamp_scorer("E")}  # scoring=; refit="vamp2" picks the model
    {'vamp2': vamp_scorer('2'), 'vampE': vamp_scorer('E')}
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is no VAMP score: give '1', '2' or 'E'.")
    return _VampScorer(kind)


class _VampScorer:
    """Callable with the signature that scikit-learn asks of a scorer."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"vamp_scorer({self.kind!r})"

    def get_metadata_routing(self) -> MetadataRequest:
        """Ask searches to pass inputs on, where scikit-learn's metadata routing is switched on."""
        request = MetadataRequest(owner=type(self).__name__)
        request.score.add_request(param="inputs", alias=True)
        return request

    def __call__(self, estimator: Any, X: Any, y: Any = None, *, inputs: Any = None) -> float:
        if hasattr(estimator, "best_estimator_"):
            return self(estimator.best_estimator_, X, inputs=inputs)
        if hasattr(estimator, "steps"):
            return self(estimator[-1], estimator[:-1].transform(X) if len(estimator) > 1 else X, inputs=inputs)
        if not hasattr(estimator, "vamp_score"):
            raise TypeError(
                f"{type(estimator).__name__} has no singular functions to score (no method vamp_score): end the "
                "pipeline in a KoopmanRegressor, or use another scoring."
            )
        return float(estimator.vamp_score(X, kind=self.kind, inputs=inputs))
