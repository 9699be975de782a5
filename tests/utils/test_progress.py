"""The progress bar appears where scikit-learn has callbacks, and nothing breaks where it has none."""

import builtins

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skmst.utils.progress import show_progress


def fitted(capsys):
    X = np.random.default_rng(0).standard_normal((20, 2))
    search = show_progress(GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2))
    assert search.fit(X, X[:, 0]).best_params_
    return capsys.readouterr().out


def test_a_search_shows_a_bar(capsys):
    pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has no callbacks")
    assert "GridSearchCV" in fitted(capsys)


def test_without_rich_nothing_is_shown_and_the_fit_works(capsys, monkeypatch):
    real = builtins.__import__

    def without_rich(name, *args, **kwargs):
        if name == "rich":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_rich)
    assert fitted(capsys) == ""


def test_estimators_without_callbacks_are_left_alone():
    ridge = Ridge()
    assert show_progress(ridge) is ridge
