"""Every wavelet, rectifier and statistic through ScatteringTransformer: values, names, logarithms, contradictions."""

import inspect
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skmst import ScatteringTransformer
from skmst.scattering import (
    DerivedChannels,
    Energies,
    HarmonicMoments,
    Inversion,
    Multiresolution,
    Orthonormal,
    PhaseHarmonics,
    RotationAverage,
    ScatteringSpectra,
    Setting,
    SolidHarmonic,
    SolidHarmonics,
    Spectra,
    branching_matrix,
    noise_level,
    normalised_ratios,
    order_energies,
    white_noise_floor,
)
from skmst.scattering.choices import DEFAULTS, STATISTICS, WAVELETS
from skmst.scattering.rectifiers import Heisenberg, Modulus, PhaseHarmonic
from skmst.scattering.vector_fields import divergence, vorticity

LINE, PLANE, SPACE = (64,), (16, 16), (8, 8, 8)
TIGHT = dict(J=3, wavelet="tight")
FLAT = dict(J=2, L=2, wavelet="tight", grid_shape=PLANE)
CASES = {
    "mean": (LINE, {}, dict(TIGHT, log=True)),
    "order 3": (LINE, {}, dict(TIGHT, max_order=3, paths="all")),
    "heisenberg": (LINE, {}, dict(TIGHT, T=8, rectifier=Heisenberg())),
    "harmonic": (LINE, {}, dict(TIGHT, rectifier=PhaseHarmonic(3))),
    "noise": (LINE, {}, dict(TIGHT, max_order=1, noise_floor="auto", log=True)),
    "orthonormal": (LINE, {}, dict(J=3, wavelet="orthonormal", rectifier="heisenberg")),
    "orthonormal plane": (PLANE, {}, dict(J=2, wavelet=Orthonormal(3, symmetric=True), grid_shape=PLANE)),
    "solid harmonics": (SPACE, {}, dict(J=1, L=2, wavelet="solid_harmonics", grid_shape=SPACE, log=True)),
    "local solid": (SPACE, {}, dict(J=1, L=1, T=4, wavelet=SolidHarmonic(powers=(0.5, 2)), grid_shape=SPACE)),
    "energy": (LINE, {}, dict(TIGHT, statistics="energy", log=True)),
    "energy plane": (PLANE, {}, dict(FLAT, statistics="energy", isotropic=True)),
    "branching": (LINE, {}, dict(TIGHT, statistics="branching")),
    "ratios": (LINE, {}, dict(TIGHT, statistics="ratios", log=True)),
    "spectra": (LINE, {}, dict(TIGHT, statistics="spectra")),
    "spectra plane": (PLANE, {}, dict(FLAT, statistics="spectra", isotropic=True)),
    "flatness": (LINE, {}, dict(TIGHT, statistics=Spectra(normalise=False, flatness=True))),
    "self-similar": (LINE, {}, dict(TIGHT, statistics="self_similar_spectra")),
    "phase harmonics": (LINE, {}, dict(TIGHT, statistics=HarmonicMoments(n_shifts=1))),
    "isotropic": (PLANE, {}, dict(FLAT, isotropic=True, T=4)),
    "cross spectra": (LINE, dict(n_channels=2), dict(TIGHT, statistics="spectra", cross_channels=True)),
    "cross harmonics": (LINE, dict(n_channels=2), dict(TIGHT, statistics="phase_harmonics", cross_channels=True)),
    "vector": (PLANE, dict(n_channels=2), dict(FLAT, vector_field=True, log=True)),
    "vector spectra": (
        PLANE,
        dict(n_channels=2),
        dict(FLAT, vector_field=True, cross_channels=True, statistics="spectra"),
    ),
    "vector orthonormal": (
        PLANE,
        dict(n_channels=2),
        dict(J=2, wavelet="orthonormal", rectifier="heisenberg", vector_field=True, grid_shape=PLANE),
    ),
}


@pytest.fixture(params=CASES)
def case(request, rng):
    grid, channels, params = CASES[request.param]
    fields = rng.standard_normal((2, 3, *((channels["n_channels"],) if channels else ()), *grid)) + 0.5
    return ScatteringTransformer(**params, **channels, inversion=Inversion(n_starts=1, max_iter=2)), fields


def test_every_setting_keeps_the_contract_of_an_estimator(case, tmp_path):
    scatter, fields = case
    before = fields.copy()
    features = scatter.fit_transform(fields)
    names = scatter.get_feature_names_out()
    assert features.shape == (2, 3, len(names))
    assert len(set(names)) == len(names) == scatter._n_features_out
    assert features.dtype == np.float64
    assert np.isfinite(features).all()
    assert_array_equal(scatter.fit(fields).transform(fields), features)
    stored = pickle.dumps(scatter)
    assert len(stored) < 10_000
    assert_array_equal(pickle.loads(stored).transform(fields), features)
    assert_array_equal(clone(scatter).fit_transform(fields), features)
    assert_allclose(clone(scatter).set_params(n_jobs=2).fit_transform(fields), features, rtol=1e-9, atol=1e-12)
    listed = scatter.transform([fields[0], fields[1, :2]])
    assert_allclose(listed[1], features[1, :2], rtol=1e-9, atol=1e-12)
    assert len(pd.DataFrame(scatter.paths_)) == len(scatter.paths_["name"])
    assert "order" in scatter.paths_
    assert_array_equal(fields, before)
    frame = scatter.set_output(transform="pandas").transform(fields[0])
    assert list(frame.columns) == list(names)


@pytest.mark.filterwarnings("ignore:.* did not converge in max_iter:sklearn.exceptions.ConvergenceWarning")
def test_every_setting_has_single_precision_and_a_way_back(case):
    scatter, fields = case
    features = scatter.fit(fields).transform(fields.astype(np.float32))
    assert features.dtype == np.float32
    back = scatter.inverse_transform(features)
    assert back.shape == fields.shape
    assert back.dtype == np.float32


def test_every_setting_is_computed_once_with_a_cache(case, tmp_path, monkeypatch):
    scatter, fields = case
    plain = scatter.fit_transform(fields)
    cached = clone(scatter).set_params(memory=joblib.Memory(tmp_path, verbose=0))
    first = cached.fit_transform(fields)
    assert_allclose(first, plain, rtol=1e-11, atol=1e-12)  # trajectory by trajectory sums round otherwise
    monkeypatch.setattr(type(cached._encoding), "forward", lambda *a, **k: pytest.fail("computed again"))
    assert_array_equal(clone(cached).fit_transform(fields), first)


def test_names_stand_for_the_objects_of_the_library(rng):
    x = rng.standard_normal((4, 64))
    plane, space = rng.standard_normal((2, 16, 16)), rng.random((2, 8, 8, 8))
    bank = dict(wavelet="tight")

    def found(fields, **params):
        return ScatteringTransformer(**params).fit(fields).coefficients(fields)

    assert_allclose(found(x, **TIGHT, statistics="energy"), Energies(LINE, 3).forward(x))
    setting = Setting(LINE, 3, **bank)
    assert_allclose(found(x, **TIGHT, statistics="branching"), branching_matrix(x, setting).reshape(4, -1))
    assert_allclose(found(x, **TIGHT, statistics="ratios", oversampling="full"), normalised_ratios(x, setting))
    assert_allclose(found(x, **TIGHT, statistics="spectra"), ScatteringSpectra(LINE, 3).forward(x))
    assert_allclose(
        found(x, **TIGHT, statistics="self_similar_spectra"), ScatteringSpectra(LINE, 3, compressed=True).forward(x)
    )
    assert_allclose(found(x, **TIGHT, statistics="phase_harmonics"), PhaseHarmonics(LINE, 3).forward(x))
    assert_allclose(found(x, J=2, wavelet="orthonormal"), Multiresolution(LINE, 2, rectifier=Modulus()).forward(x))
    harmonics = SolidHarmonics(SPACE, 1, L=2, sigma_0=1.5, T=4)
    assert_allclose(
        found(space, J=1, L=2, T=4, wavelet=SolidHarmonic(sigma=1.5), grid_shape=SPACE), harmonics.forward(space)
    )
    average = RotationAverage(Setting(PLANE, 2, L=2, **bank))
    assert_allclose(found(plane, **FLAT, isotropic=True, oversampling="full"), average.forward(plane))


def test_defaults_of_the_table_are_those_of_the_constructor():
    signature = inspect.signature(ScatteringTransformer).parameters
    assert {name: signature[name].default for name in DEFAULTS} == DEFAULTS
    for choice in (*WAVELETS.values(), *STATISTICS.values()):
        assert choice is None or set(choice.unused) <= set(DEFAULTS)


def test_moments_that_are_real_make_one_feature_and_complex_ones_two(rng):
    x = rng.standard_normal((3, 64))
    scatter = ScatteringTransformer(**TIGHT, statistics="spectra").fit(x)
    names = list(scatter.get_feature_names_out())
    assert {"mean", "S2_j0", "S3_j1_j0_re", "S3_j1_j0_im", "S4_j0_j0_j1"} <= set(names)
    features, coefficients = scatter.transform(x), scatter.coefficients(x)
    row = list(scatter.paths_["name"]).index("S3_j1_j0")
    assert_array_equal(features[:, names.index("S3_j1_j0_im")], coefficients[:, row].imag)
    assert features.std(axis=0).min() > 0  # no column of zeros
    # Averages over rotations have no imaginary parts left.
    flat = ScatteringTransformer(**FLAT, statistics="spectra", isotropic=True).fit(rng.standard_normal((2, 16, 16)))
    assert not [name for name in flat.get_feature_names_out() if name.endswith("_im")]


def test_rotating_the_field_changes_no_isotropic_feature(rng):
    x = rng.standard_normal((2, 16, 16))
    for statistics in ("mean", "energy", "ratios", "spectra"):
        scatter = ScatteringTransformer(
            J=2, L=4, wavelet="tight", statistics=statistics, isotropic=True, grid_shape=PLANE
        ).fit(x)
        turned = np.roll(np.rot90(x, axes=(1, 2)), 1, axis=1)
        assert_allclose(scatter.transform(turned), scatter.transform(x), rtol=2e-3, atol=1e-9)


def test_channels_are_coupled_where_asked(rng):
    x = rng.standard_normal((3, 64))
    pair = np.stack([x, np.roll(x, 1, axis=1)], axis=1)
    scatter = ScatteringTransformer(**TIGHT, statistics="spectra", n_channels=2, cross_channels=True).fit(pair)
    names = list(scatter.get_feature_names_out())
    assert "S2_c0_c1_j0_im" in names
    # A step of one grid point turns the phase of a band at frequency f by 2 pi f.
    coefficient = scatter.coefficients(pair)[:, list(scatter.paths_["name"]).index("S2_c0_c1_j2")]
    frequency = Setting(LINE, 3, wavelet="tight").wavelets()[0][2].frequency
    assert_allclose(np.abs(np.angle(coefficient)), 2 * np.pi * frequency, rtol=0.25)


def test_divergence_and_vorticity_are_channels(rng):
    x = rng.standard_normal((3, 2, 16, 16))
    scatter = ScatteringTransformer(**FLAT, T=4, vector_field=True, n_channels=2).fit(x)
    names = scatter.get_feature_names_out()
    assert [name for name in names if "_s0_x0_y0" in name] == [f"{c}_s0_x0_y0" for c in ("u", "v", "div", "vort")]
    alone = ScatteringTransformer(**FLAT, T=4).fit(x[:, 0])
    by_channel = scatter.coefficients(x).reshape(3, 4, -1, 16, 16)
    for channel, field in enumerate([x[:, 0], x[:, 1], divergence(x), vorticity(x)]):
        assert_allclose(by_channel[:, channel], alone.coefficients(field), rtol=1e-9, atol=1e-12)


def test_the_gradient_of_derived_channels_is_that_of_differences(rng):
    x, d = rng.standard_normal((2, 1, 2, 12, 10))
    for inner in (Setting((12, 10), 1, L=2, wavelet="tight"), ScatteringSpectra((12, 10), 1, L=2, n_channels=4)):
        for boundary in ("periodic", "reflect"):
            encoding = DerivedChannels(inner, boundary)
            weights = rng.standard_normal(encoding.forward(x).shape)
            slope = np.sum(encoding.pullback(x, weights) * d)
            h = 1e-5
            change = encoding.forward(x + h * d) - encoding.forward(x - h * d)
            assert_allclose(np.sum(weights * change.real) / (2 * h), slope, rtol=1e-6)


def test_all_of_energies_and_ratios_are_logarithms(rng):
    x = rng.standard_normal((50, 64))
    for statistics in ("energy", "ratios"):
        plain = ScatteringTransformer(**TIGHT, statistics=statistics).fit_transform(x)
        scatter = ScatteringTransformer(**TIGHT, statistics=statistics, log=True).fit(x)
        assert_allclose(scatter.transform(x), np.log(plain + scatter.log_floor_[0]))


def test_noise_is_taken_off_the_first_order(rng):
    wave = np.cos(2 * np.pi * np.outer(rng.integers(1, 4, 400), np.arange(256)) / 256)
    noisy = wave + 0.2 * rng.standard_normal(wave.shape)
    scatter = ScatteringTransformer(J=4, wavelet="tight", max_order=1, noise_floor="auto").fit(noisy)
    assert_allclose(scatter.noise_level_, 0.2, rtol=0.02)
    assert_allclose(scatter.noise_level_, np.median(noise_level(noisy)), rtol=0.02)
    plain = ScatteringTransformer(J=4, wavelet="tight", max_order=1).fit(noisy)
    raw, cleaned, floor = plain.transform(noisy), scatter.transform(noisy), white_noise_floor(scatter._encoding)
    assert_array_equal(cleaned[:, 0], raw[:, 0])
    assert_allclose(raw[:, 1].mean(), 0.2 * floor[1], rtol=0.01)  # the finest scale holds noise alone
    assert cleaned[:, 1].mean() < 0.45 * raw[:, 1].mean()
    given = ScatteringTransformer(J=4, wavelet="tight", max_order=1, noise_floor=0.2, n_channels=2)
    pair = np.stack([noisy, wave], axis=1)
    assert_array_equal(given.fit(pair).noise_level_, [0.2, 0.2])
    rough = given.set_params(noise_floor="auto").fit(pair).noise_level_
    assert rough[1] < 1e-10 < rough[0]


def test_the_noise_floor_of_rotation_averages_is_the_average_floor(rng):
    x = rng.standard_normal((60, 32, 32))
    params = dict(J=2, L=4, max_order=1, grid_shape=(32, 32), isotropic=True)
    raw = ScatteringTransformer(**params).fit_transform(x)[:, 1:]
    cleaned = ScatteringTransformer(**params, noise_floor=1.0).fit_transform(x)[:, 1:]
    floor = np.sqrt(raw**2 - cleaned**2)[cleaned > 0.31 * raw.mean(axis=0)]
    assert len(floor)
    assert_allclose(floor, np.broadcast_to(raw.mean(axis=0), raw.shape)[cleaned > 0.31 * raw.mean(axis=0)], rtol=0.03)


def test_fine_tuning_corrects_a_bias_on_unseen_fields(rng):
    x = rng.standard_normal((200, 64)) * rng.uniform(0.5, 2, (200, 1))
    for log in (False, True):
        scatter = ScatteringTransformer(**TIGHT, log=log).fit(x)
        plain = ScatteringTransformer(**TIGHT).fit(x)
        true = plain.coefficients(x)
        true = np.where(scatter.paths_["order"] > 0, 1.3 * np.abs(true) ** 0.9, true)
        before = scatter.transform(x[150:])
        assert scatter.fine_tune(x[:150], true[:150]) is scatter
        assert_array_equal(scatter.transform(x)[:, 0], true[:, 0])
        expected = np.log(true[150:, 1:] + scatter.log_floor_[0, 1:]) if log else true[150:, 1:]
        found = scatter.transform(x[150:])[:, 1:]
        assert np.abs(found - expected).max() < 0.05 * np.abs(before[:, 1:] - expected).max()
        assert_array_equal(pickle.loads(pickle.dumps(scatter)).transform(x), scatter.transform(x))
        assert not hasattr(scatter.fit(x), "fine_tuning_")


def test_a_reference_of_another_shape_is_refused(rng):
    x = rng.standard_normal((5, 64))
    scatter = ScatteringTransformer(**TIGHT).fit(x)
    with pytest.raises(ValueError, match="reference must be finite"):
        scatter.fine_tune(x, np.ones((5, 3)))
    logged = ScatteringTransformer(**TIGHT, log=True).fit(x)
    with pytest.raises(ValueError, match="before any logarithm"):
        logged.fine_tune(x, logged.coefficients(x))
    with pytest.raises(ValueError, match="ridge must be positive"):
        scatter.fine_tune(x, scatter.coefficients(x), ridge=0)
    with pytest.raises(ValueError, match="signs or phases"):
        ScatteringTransformer(**TIGHT, statistics="spectra").fit(x).fine_tune(x, x)


def test_shares_of_the_orders(rng):
    x = np.cumsum(rng.standard_normal((2, 256)), axis=1)  # more fields would not all be looked at
    x -= x.mean(axis=1, keepdims=True)
    scatter = ScatteringTransformer(J=6, wavelet="tight", T=64, output_step=1, oversampling="full").fit(x)
    exact = order_energies(x, scatter._encoding).sum(axis=0) / np.mean(x**2, axis=1).sum()
    assert_allclose(scatter.order_energy_, exact[:3], rtol=1e-9)
    assert_allclose(ScatteringTransformer(J=6, wavelet="tight", T=64).fit(x).order_energy_, exact[:3], rtol=0.05)
    both = ScatteringTransformer(J=6, wavelet="tight", T=64, n_channels=2)
    both.fit_transform(np.stack([x, 2 * x], axis=1))
    assert_allclose(both.order_energy_, exact[:3], rtol=0.05)
    assert np.isnan(ScatteringTransformer(J=6).fit(np.zeros((2, 256))).order_energy_).all()
    assert not hasattr(ScatteringTransformer(J=6, statistics="energy").fit(x), "order_energy_")


def test_harmonics_beyond_the_second_keep_the_accuracy_of_the_default_sampling(rng):
    for grid in (dict(), dict(grid_shape=(32, 32), L=4)):
        x = rng.standard_normal((2, *grid.get("grid_shape", (256,))))
        for wavelet in ("morlet", "tight"):
            for k in (-1, 3, 4):
                params = dict(J=3, T=8, wavelet=wavelet, rectifier=PhaseHarmonic(k), **grid)
                exact = ScatteringTransformer(**params, oversampling="full").fit_transform(x)
                error = ScatteringTransformer(**params).fit_transform(x) - exact
                assert np.linalg.norm(error) <= 1e-3 * np.linalg.norm(exact)


def test_constant_fields_have_energies_but_no_shares():
    constant = np.full((3, 64), 2.0)
    energies = ScatteringTransformer(**TIGHT, statistics="energy", log=True).fit(constant)
    assert_allclose(energies.coefficients(constant)[:, 0], np.log(4 + energies.log_floor_[0, 0]))
    plain = ScatteringTransformer(wavelet=Orthonormal(), J=2).fit_transform(constant)
    assert np.isfinite(plain).all()
    for statistics in ("branching", "ratios", "spectra", "phase_harmonics"):
        with pytest.raises(ValueError, match="no energy in the band"):
            ScatteringTransformer(**TIGHT, statistics=statistics).fit_transform(constant)


BAD = [
    (dict(statistics="energy", max_order=1), "max_order=1 has no meaning with statistics='energy'"),
    (dict(statistics="spectra", T=16), "T=16 has no meaning"),
    (dict(statistics="ratios", output_step=2), "output_step=2 has no meaning"),
    (dict(statistics="ratios", J=1, wavelet="tight"), "J=1 leaves no pair"),
    (dict(statistics="branching"), "wavelet='tight'"),
    (dict(statistics="energy", wavelet="orthonormal"), "is computed with a bank"),
    (dict(statistics="covariance"), "'statistics' parameter"),
    (dict(L=4), "L=4 has no meaning in 1-D"),
    (dict(statistics=Orthonormal()), "'statistics' parameter"),
    (dict(statistics=HarmonicMoments(classes=("S12",))), "classes="),
    (dict(statistics=Spectra(normalise=False, compressed=True)), "compressed=True"),
    (dict(wavelet="orthonormal", Q=2), "Q=2 has no meaning with wavelet='orthonormal'"),
    (dict(wavelet="orthonormal", J=6, grid_shape=(96,)), "divisible by"),
    (dict(wavelet="orthonormal", grid_shape=(63,)), "odd axis"),
    (dict(wavelet=Orthonormal(vanishing_moments=11)), "vanishing_moments"),
    (dict(wavelet="orthonormal", boundary="reflect"), "symmetric"),
    (dict(wavelet="solid_harmonics"), "harmonics live in 3-D"),
    (dict(wavelet="solid_harmonics", rectifier="heisenberg"), "rectifier='heisenberg' has no meaning"),
    (dict(boundary="zeros"), "boundary='zeros'"),
    (dict(isotropic=True), "isotropic=True"),
    (dict(isotropic=True, grid_shape=(8, 8), rectifier="heisenberg"), "isotropic=True"),
    (dict(isotropic=True, grid_shape=(8, 8), wavelet="orthonormal"), "isotropic=True"),
    (dict(cross_channels=True, n_channels=2), "cross_channels=True takes moments between channels"),
    (dict(cross_channels=True, statistics="spectra"), "needs two channels"),
    (dict(vector_field=True), "use n_channels=1"),
    (dict(vector_field=True, n_channels=3, grid_shape=(8, 8)), "use n_channels=2"),
    (dict(log=True, statistics="spectra"), "log=True needs"),
    (dict(log=True, wavelet=Orthonormal(3, symmetric=True)), "log=True needs"),
    (dict(noise_floor=0.1, statistics="energy"), "noise_floor is known for"),
    (dict(noise_floor=0.1, rectifier="log_modulus"), "noise_floor is known for"),
    (dict(noise_floor=-1), "'noise_floor' parameter"),
    (dict(rectifier=np.tanh), "'rectifier' parameter"),
    (dict(inversion="fast"), "'inversion' parameter"),
]


@pytest.mark.parametrize(("params", "message"), BAD, ids=[str(p) for p, _ in BAD])
def test_contradictions_are_named(params, message):
    channels = (params["n_channels"],) if "n_channels" in params else ()
    fields = np.ones((2, *channels, *params.get("grid_shape", (64,))))
    with pytest.raises(ValueError, match=message):
        ScatteringTransformer(**params).fit(fields)


def test_complex_fields_are_refused_by_what_has_no_meaning_for_them(rng):
    x = rng.standard_normal((2, 64)) + 1j
    for params in (dict(statistics="energy"), dict(wavelet="orthonormal"), dict()):
        with pytest.raises(ValueError, match=r"Complex data not supported.* rectifier='phase_harmonics'"):
            ScatteringTransformer(**params).fit(x)
    whole = ScatteringTransformer(wavelet="orthonormal", rectifier="heisenberg").fit(x)
    assert_allclose(whole.inverse_transform(whole.transform(x)), x, atol=1e-12)
