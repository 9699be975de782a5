"""Runs and hindcasts to draw; figures are closed after each test."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skmst import KoopmanRegressor, MasterEquationPredictor


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def runs():
    """Eight noisy oscillators: what a linear model can forecast, but not perfectly."""
    rng = np.random.default_rng(7)
    step = 0.95 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    X = np.zeros((8, 80, 2))
    X[:, 0] = rng.standard_normal((8, 2))
    for k in range(1, 80):
        X[:, k] = X[:, k - 1] @ step.T + 0.2 * rng.standard_normal((8, 2))
    return X


@pytest.fixture(scope="module")
def hindcasts(runs):
    models = {"one": KoopmanRegressor(), "three": MasterEquationPredictor(n_memory=3)}
    return {name: model.fit(runs[:4]).hindcast(runs[4:], horizon=12) for name, model in models.items()}
