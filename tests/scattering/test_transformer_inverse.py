"""inverse_transform: exact where there is a formula, close where fields are sought, honest where they are drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skmst import ScatteringTransformer
from skmst.datasets import make_heat
from skmst.scattering import Inversion, Orthonormal, invert, reconstruction_report
from skmst.scattering.rectifiers import PhaseHarmonic

FAST = Inversion(n_starts=2, max_iter=400, tol=1e-4)
AUTOENCODER = dict(wavelet="orthonormal", rectifier="heisenberg")


def error(found, true):
    return np.linalg.norm(found - true) / np.linalg.norm(true)


@settings(max_examples=20, deadline=None)
@given(
    grid_shape=st.sampled_from([(64,), (16, 24), (8, 8, 16)]),
    option=st.sampled_from([Orthonormal(), Orthonormal(1), Orthonormal(3, symmetric=True), Orthonormal(6, scale=5.0)]),
    rectifier=st.sampled_from(["heisenberg", PhaseHarmonic(-1)]),
    n_channels=st.sampled_from([None, 2]),
    is_complex=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_an_invertible_rectifier_of_orthonormal_details_is_undone(
    grid_shape, option, rectifier, n_channels, is_complex, seed
):
    rng = np.random.default_rng(seed)
    shape = (2, 3, *((n_channels,) if n_channels else ()), *grid_shape)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0)
    scatter = ScatteringTransformer(wavelet=option, rectifier=rectifier, grid_shape=grid_shape, n_channels=n_channels)
    back = scatter.inverse_transform(scatter.fit_transform(x))
    assert back.shape == x.shape
    assert error(back, x) <= 1e-12
    single = scatter.inverse_transform(scatter.transform(x.astype(np.complex64 if is_complex else np.float32)))
    assert single.dtype == (np.complex64 if is_complex else np.float32)
    assert error(single, x) <= 1e-5
    assert scatter.determines_fields


def test_components_of_a_vector_field_come_back_from_their_own_coefficients(rng):
    x = rng.standard_normal((3, 2, 16, 16))
    scatter = ScatteringTransformer(**AUTOENCODER, grid_shape=(16, 16), n_channels=2, vector_field=True)
    assert error(scatter.inverse_transform(scatter.fit_transform(x)), x) <= 1e-12


def test_noise_on_the_features_reaches_the_field_at_the_same_size(rng):
    x = np.cumsum(rng.standard_normal((20, 256)), axis=1)
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    scatter = ScatteringTransformer(**AUTOENCODER).fit(x)
    features = scatter.transform(x)
    noise = rng.standard_normal(features.shape)
    noisy = features + 1e-3 * noise * np.linalg.norm(features) / np.linalg.norm(noise)
    assert error(scatter.inverse_transform(noisy), x) <= 5e-3


@pytest.mark.parametrize("params", [dict(T=1), dict(T=4, log=True), dict(T=8, J=4), dict(T=4, n_channels=2)])
def test_local_coefficients_lead_back_to_the_field(params):
    x = make_heat(4, 12, n_x=64, dt=0.02, random_state=0)[:, 10]
    x = x.reshape(2, 2, 64) if "n_channels" in params else x
    scatter = ScatteringTransformer(**{"J": 3, **params}, wavelet="tight", inversion=FAST)
    features = scatter.fit_transform(x)
    before = features.copy()
    found = scatter.inverse_transform(features)
    assert_array_equal(features, before)
    assert found.shape == x.shape
    assert reconstruction_report(x, found, grid_shape=(64,)).field_error.max() < 1e-3
    assert scatter.determines_fields


def test_the_way_back_is_that_of_invert(rng):
    x = rng.standard_normal((2, 3, 32))
    scatter = ScatteringTransformer(J=2, wavelet="tight", T=2, inversion=FAST).fit(x)
    expected = invert(scatter.coefficients(x), scatter._encoding, inversion=FAST).fields
    assert_allclose(scatter.inverse_transform(scatter.transform(x)), expected, atol=1e-12)


def test_runs_of_a_list_and_arrays_of_any_leading_axes(rng):
    x = rng.standard_normal((2, 2, 3, 16))
    scatter = ScatteringTransformer(J=1, wavelet="tight", T=1, inversion=FAST).fit(x)
    features = scatter.transform(x)
    found = scatter.inverse_transform(features)
    assert found.shape == x.shape
    runs = scatter.inverse_transform([features[0, 0], features[1, 1, :2]], start=x[[0, 1], [0, 1], 0])
    assert [run.shape for run in runs] == [(3, 16), (2, 16)]
    assert error(runs[0], x[0, 0]) < 1e-3


def test_synthesised_fields_have_the_coefficients_and_are_not_the_field(rng):
    x = np.cumsum(rng.standard_normal((2, 64)), axis=1)
    x -= x.mean(axis=1, keepdims=True)
    scatter = ScatteringTransformer(J=4, wavelet="tight", inversion=FAST).fit(x)
    assert not scatter.determines_fields
    drawn = scatter.inverse_transform(scatter.transform(x))
    assert error(scatter.transform(drawn), scatter.transform(x)) < 1e-3
    assert error(drawn, x) > 0.5
    for statistics in ("energy", "spectra"):
        scatter = ScatteringTransformer(J=3, wavelet="tight", statistics=statistics, inversion=FAST).fit(x)
        drawn = scatter.inverse_transform(scatter.transform(x))
        assert error(scatter.transform(drawn), scatter.transform(x)) < 1e-2


def test_undone_logarithms_are_not_negative(rng):
    x = rng.standard_normal((6, 32))
    scatter = ScatteringTransformer(J=2, wavelet="tight", log=True, statistics="energy", inversion=FAST).fit(x)
    features = scatter.transform(x)
    features[:, 1] -= 50.0  # less than the floor: nothing at the finest scale
    energies = np.exp(scatter.transform(scatter.inverse_transform(features))) - scatter.log_floor_[0]
    assert energies[:, 1].max() < 1e-3 * energies[:, 2].min()


def test_fine_tuning_is_undone(rng):
    x = rng.standard_normal((40, 32))
    scatter = ScatteringTransformer(J=2, wavelet="tight", T=1, log=True, inversion=FAST).fit(x)
    coefficients = ScatteringTransformer(J=2, wavelet="tight", T=1).fit(x).coefficients(x)
    plain = scatter.transform(x)
    scatter.fine_tune(x, np.where(coefficients > 0, 1.5 * np.abs(coefficients), coefficients))
    assert error(scatter.transform(x), plain) > 0.1
    assert error(scatter.inverse_transform(scatter.transform(x[:2])), x[:2]) < 1e-2


def test_a_start_is_used_and_checked(rng):
    x = rng.standard_normal((2, 3, 32))
    scatter = ScatteringTransformer(J=2, wavelet="tight", T=4, inversion=Inversion(max_iter=1, n_starts=1)).fit(x)
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        near = scatter.inverse_transform(
            scatter.transform(x[:, :1]), start=x[:, 0] + 1e-3 * rng.standard_normal((2, 32))
        )
    assert error(near, x[:, :1]) < 1e-2
    for start in (x[0], x[:1, 0], np.full((2, 32), np.nan)):
        with pytest.raises(ValueError, match=r"start must hold finite fields, shape \(2, 32\)"):
            scatter.inverse_transform(scatter.transform(x), start=start)


def test_a_start_may_have_its_grid_flattened_as_the_fields_may(rng):
    x = rng.standard_normal((2, 8, 8))
    quick = Inversion(max_iter=2, n_starts=1, tol=0.99)
    scatter = ScatteringTransformer(J=1, L=2, wavelet="tight", T=2, grid_shape=(8, 8), inversion=quick).fit(x)
    features = scatter.transform(x)
    found = [scatter.inverse_transform(features, start=start) for start in (x, x.reshape(2, 64))]
    np.testing.assert_array_equal(*found)


def test_bad_features_are_refused(rng):
    x = rng.standard_normal((3, 32))
    with pytest.raises(NotFittedError):
        ScatteringTransformer().inverse_transform(x)
    scatter = ScatteringTransformer(J=2, wavelet="tight", T=4, log=True).fit(x)
    features = scatter.transform(x)
    with pytest.raises(ValueError, match="makes 128 of a field"):
        scatter.inverse_transform(features[:, :-1])
    features[1, 40] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        scatter.inverse_transform(features)
    features[1, 40] = 1e4
    with pytest.raises(ValueError, match="overflows"):
        scatter.inverse_transform(features)
    whole = ScatteringTransformer(**AUTOENCODER).fit(x)
    with pytest.raises(ValueError, match="Fields overflow"):
        whole.inverse_transform(1e4 * whole.transform(x))
