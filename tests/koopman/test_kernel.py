"""Kernel operators against kernel ridge regression, explicit features and known spectra."""

import numpy as np
import pytest
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import PolynomialFeatures

from skmst.koopman import KoopmanRegressor
from skmst.koopman.kernel import MAX_PAIRS, kernel_edmd
from skmst.koopman.operators import reduced_rank
from skmst.koopman.pairs import PairMoments

LAMBDAS = np.array([0.9, 0.6])


def pairs(n, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 2))
    return X, X * LAMBDAS + noise * rng.normal(size=X.shape)


@pytest.mark.parametrize("method", ["reduced_rank", "principal"])
def test_full_rank_forecasts_are_those_of_kernel_ridge_regression(method):
    X, Y = pairs(60, noise=0.1)
    model = kernel_edmd(X, Y, 60, gamma=2.0, alpha=1e-3, method=method)
    peer = KernelRidge(kernel="rbf", gamma=2.0, alpha=1e-3 * 60).fit(X, Y)
    at = pairs(20, seed=1)[0]
    np.testing.assert_allclose(model.predict(at), peer.predict(at), atol=1e-8)
    values = np.sin(Y[:, 0])
    np.testing.assert_allclose(model.predict(at, values), peer.fit(X, values).predict(at), atol=1e-8)


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_a_polynomial_kernel_is_reduced_rank_regression_on_monomials(rank):
    X, Y = pairs(80, noise=0.2)
    model = kernel_edmd(X, Y, rank, kernel="polynomial", degree=2, gamma=1.0, coef0=1.0, alpha=1e-3)
    scale = np.sqrt([1, 2, 2, 1, 2, 1])  # features of the kernel (1 + x.y)^2
    lift = PolynomialFeatures(2)
    before, after = lift.fit_transform(X) * scale, lift.fit_transform(Y) * scale
    ridge = 1e-3 * np.mean(np.sum(before**2, axis=1))
    left, right = reduced_rank(PairMoments.of(before, after), ridge=ridge, rank=rank)
    expected = np.linalg.eigvals(right @ left)
    expected = expected[np.argsort(-np.abs(expected))][:rank]
    np.testing.assert_allclose(np.abs(model.eigenvalues), np.abs(expected), atol=1e-8)


def test_eigenvalues_of_a_linear_map_are_products_of_its_own():
    model = kernel_edmd(*pairs(100), 6, kernel="polynomial", degree=2, gamma=1.0, coef0=1.0, alpha=1e-12)
    np.testing.assert_allclose(model.eigenvalues, [1, 0.9, 0.81, 0.6, 0.54, 0.36], atol=1e-6)


def test_eigenfunctions_obey_their_eigenvalues():
    model = kernel_edmd(*pairs(100), 6, kernel="polynomial", degree=2, gamma=1.0, coef0=1.0, alpha=1e-12)
    X, Y = pairs(20, seed=1)
    before, after = model.eigenfunctions(X), model.eigenfunctions(Y)
    np.testing.assert_allclose(after, model.eigenvalues * before, atol=1e-5 * np.abs(before).max())


def test_ornstein_uhlenbeck_with_all_landmarks_or_some():
    """x(t + .5) of dX = -X dt + sqrt(2) dW: eigenvalues exp(-n / 2)."""
    rng, n = np.random.default_rng(0), 4000
    x = rng.normal(size=(n, 1))
    y = np.exp(-0.5) * x + np.sqrt(1 - np.exp(-1.0)) * rng.normal(size=(n, 1))
    exact = kernel_edmd(x[:1500], y[:1500], 3, gamma=0.1, alpha=1e-5)
    np.testing.assert_allclose(exact.eigenvalues.real, np.exp([0, -0.5, -1.0]), atol=0.06)
    lift = Nystroem(gamma=0.1, n_components=50, random_state=0)
    landmarks = KoopmanRegressor(2, solver="reduced_rank", alpha=1e-5, observables=lift).fit(np.stack([x, y], axis=1))
    np.testing.assert_allclose(landmarks.eigenvalues_.real, np.exp([-0.5, -1.0]), atol=0.06)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Y": np.ones((4, 2))}, "hold the same pairs"),
        (
            {"X": np.ones((MAX_PAIRS + 1, 1)), "Y": np.ones((MAX_PAIRS + 1, 1))},
            "takes at most 5000.*every 2th.*Nystroem",
        ),
        ({"alpha": 0.0}, "must be above 0"),
        ({"method": "other"}, "method='other' is none of"),
    ],
)
def test_errors(change, message):
    with pytest.raises(ValueError, match=message):
        kernel_edmd(**{"X": np.ones((5, 2)), "Y": np.ones((5, 2)), "rank": 2, **change})
