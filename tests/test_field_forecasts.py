"""Forecasts of whole fields: features forward in time, then back through PCA, scaler and scattering."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmst import KoopmanRegressor, PerSnapshot, ScatteringTransformer, forecast
from skmst.datasets import make_advection, make_heat
from skmst.scattering import Inversion, Orthonormal

HEAT = make_heat(20, 12, n_x=32, dt=0.05, random_state=0)
WAVES = make_advection(20, 12, n_x=32, random_state=0)
# In units much larger than the fields the Heisenberg code is linear, as these systems are.
AUTOENCODER = ScatteringTransformer(J=3, wavelet=Orthonormal(scale=100.0), rectifier="heisenberg")


def local(T, **params):
    return ScatteringTransformer(J=3, wavelet="tight", T=T, max_order=1, inversion=Inversion(3, 300), **params)


def model(scatter, variance, alpha=0.0):
    return make_pipeline(
        scatter, PerSnapshot(StandardScaler()), PerSnapshot(PCA(variance)), KoopmanRegressor(alpha=alpha)
    )


@pytest.mark.parametrize(
    ("runs", "scatter", "variance", "alpha", "tolerance"),
    [
        (HEAT, AUTOENCODER, 1 - 1e-12, 0.0, 1e-5),
        (WAVES, AUTOENCODER, 1 - 1e-12, 0.0, 1e-4),
        (HEAT, local(1), 1 - 1e-5, 1e-6, 0.02),
        (WAVES, local(1), 1 - 1e-5, 1e-6, 0.05),
    ],
    ids=["heat, exact inverse", "waves, exact inverse", "heat, sought", "waves, sought"],
)
def test_fields_of_linear_systems_are_forecast(runs, scatter, variance, alpha, tolerance):
    pipe = model(scatter, variance, alpha).fit(runs[:16])
    found = forecast(pipe, runs[16:, :6], 6, inverse=True)
    truth = runs[16:, 6:]
    assert found.shape == truth.shape
    assert np.linalg.norm(found - truth) < tolerance * np.linalg.norm(truth)
    single = forecast(pipe, runs[16, :6], 6, inverse=True)
    assert np.linalg.norm(single - found[0]) < 0.02 * np.linalg.norm(found[0])


def test_a_search_starts_from_the_last_observed_field(monkeypatch):
    pipe = model(local(4), 0.99999, 1e-6).fit(HEAT[:16])
    starts = []
    monkeypatch.setattr(
        ScatteringTransformer,
        "inverse_transform",
        lambda self, X, *, start=None: starts.append((X.shape, start)) or np.zeros((*X.shape[:-1], 32)),
    )
    forecast(pipe, HEAT[16:, :6], 3, inverse=True)
    forecast(pipe, [HEAT[16, :6], HEAT[17, :8]], 3, inverse=True)
    assert forecast(pipe, HEAT[16, :6], 3, inverse=True).shape == (3, 32)
    shapes, fields = zip(*starts, strict=True)
    assert [shape[:2] for shape in shapes] == [(4, 3), (2, 3), (1, 3)]
    np.testing.assert_array_equal(fields[0], HEAT[16:, 5])
    np.testing.assert_array_equal(fields[1], [HEAT[16, 5], HEAT[17, 7]])
    np.testing.assert_array_equal(fields[2], HEAT[16:17, 5])


@pytest.mark.parametrize("params", [dict(), dict(statistics="energy")])
def test_averages_over_the_grid_are_not_forecast_as_fields(params):
    pipe = model(ScatteringTransformer(J=3, wavelet="tight", **params), 0.999).fit(HEAT[:16])
    with pytest.raises(ValueError, match="synthesis"):
        forecast(pipe, HEAT[16:, :6], 3, inverse=True)
