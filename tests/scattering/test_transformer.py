"""ScatteringTransformer as a scikit-learn estimator: shapes, names, logarithm, caching, pickles, bad input."""

import copy
import pickle
import tracemalloc

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import skmst
from skmst import ScatteringTransformer
from skmst.datasets import make_burgers, make_heat
from skmst.scattering import Setting


def test_leading_axes_are_kept_and_the_grid_becomes_features(rng):
    x = rng.standard_normal((2, 3, 5, 64))
    scatter = ScatteringTransformer(J=3)
    flat = scatter.fit_transform(x.reshape(-1, 64))
    assert_array_equal(scatter.fit_transform(x), flat.reshape(2, 3, 5, -1))
    assert scatter.n_features_in_ == 64
    assert scatter.grid_shape_ == (64,)


def test_a_list_of_unequal_runs_gives_a_list(rng):
    runs = [rng.standard_normal((n, 32)) for n in (4, 7)]
    scatter = ScatteringTransformer(J=3).fit(runs)
    for found, run in zip(scatter.transform(runs), runs, strict=True):
        assert_array_equal(found, scatter.transform(run))


def test_two_dimensional_fields_need_their_grid_and_may_be_flat(rng):
    x = rng.standard_normal((2, 5, 16, 12))
    scatter = ScatteringTransformer(J=2, L=4, grid_shape=(16, 12))
    found = scatter.fit_transform(x)
    assert found.shape == (2, 5, 1 + 8 + 16)
    assert_array_equal(scatter.transform(x.reshape(2, 5, -1)), found)
    assert_array_equal(scatter.transform(x[0].reshape(5, -1)), found[0])
    assert scatter.n_features_in_ == 192


def test_channels_are_scattered_one_by_one(rng):
    x = rng.standard_normal((4, 2, 32))
    scatter = ScatteringTransformer(J=3, wavelet="tight", n_channels=2, T=8)
    found = scatter.fit_transform(x)
    alone = ScatteringTransformer(J=3, wavelet="tight", T=8).fit_transform(x[:, 1])
    assert_allclose(found[:, found.shape[1] // 2 :], alone, rtol=1e-12)
    assert scatter.coefficients(x).shape == (4, 2, 7, 16)
    flat = ScatteringTransformer(J=3, wavelet="tight", n_channels=2, T=8, grid_shape=(32,)).fit(x.reshape(4, 64))
    assert_array_equal(flat.transform(x.reshape(2, 2, 64)), found.reshape(2, 2, -1))
    names = scatter.get_feature_names_out()
    assert names[0] == "c0_s0_x0"
    assert names[-1] == "c1_s2_j1_j2_x30"


@pytest.mark.parametrize("T", ["global", None, 1, 6])
def test_coefficients_are_the_features_with_axes(T, rng):
    x = rng.standard_normal((3, 20, 24))
    scatter = ScatteringTransformer(J=2, L=2, T=T, grid_shape=(20, 24), log=True).fit(x)
    coefficients, flat = scatter.coefficients(x), scatter.transform(x)
    assert coefficients.shape == (3, len(scatter.paths_["name"]), *scatter.output_grid_)
    assert_array_equal(coefficients.reshape(3, -1), flat)
    assert len(scatter.get_feature_names_out()) == flat.shape[1] == len(set(scatter.get_feature_names_out()))


def test_names_say_order_scale_and_angle():
    x = np.zeros((1, 16, 16))
    names = ScatteringTransformer(J=3, L=4, grid_shape=(16, 16)).fit(x).get_feature_names_out()
    assert "s2_j0_l3_j2_l1" in names
    names = ScatteringTransformer(J=4, wavelet="tight").fit(x[0]).get_feature_names_out()
    assert list(names[:3]) == ["s0", "s1_j0", "s1_j1"]
    assert "s2_j1_j3" in names
    names = ScatteringTransformer(J=3, Q=4, T=4).fit(np.zeros((1, 64))).get_feature_names_out()
    assert "s1_j1_q2_x8" in names
    assert len(set(names)) == len(names)


def test_the_path_table_is_a_dataframe_and_frequencies_fall_along_paths():
    scatter = ScatteringTransformer(J=4, Q=3).fit(np.zeros((1, 64)))
    table = pd.DataFrame(scatter.paths_)
    assert list(table["name"]) == list(scatter.get_feature_names_out())
    second = table[table["order"] == 2]
    assert (second["frequency2"] < second["frequency1"]).all()
    assert (table[table["order"] == 0]["frequency1"].isna()).all()
    assert (table[table["order"] == 1]["bandwidth1"] > 0).all()


def test_precision_follows_the_input(rng):
    x = rng.standard_normal((3, 32))
    for log in (False, True):
        scatter = ScatteringTransformer(J=3, log=log).fit(x)
        assert scatter.transform(x.astype(np.float32)).dtype == np.float32
        assert scatter.transform(x).dtype == np.float64
        assert scatter.transform((10 * x).astype(int)).dtype == np.float64


def test_the_floor_of_the_logarithm_is_tied_to_the_data(rng):
    x = rng.standard_normal((200, 64))
    plain = ScatteringTransformer(J=4).fit(x).transform(x)
    scatter = ScatteringTransformer(J=4, log=True).fit(x)
    higher = scatter.paths_["order"] > 0
    floor = scatter.log_floor_[0]
    assert_allclose(floor[higher], np.quantile(plain[:, higher], 0.01, axis=0))
    assert_allclose(scatter.transform(x)[:, higher], np.log(plain[:, higher] + floor[higher]))
    assert_array_equal(scatter.transform(x)[:, 0], plain[:, 0])
    # scaling the data shifts every logarithm by the same amount
    scaled = ScatteringTransformer(J=4, log=True).fit_transform(100 * x)
    assert_allclose(scaled[:, higher] - scatter.transform(x)[:, higher], np.log(100), rtol=1e-10)
    # a field far smaller than any of the fit does not run away
    tiny = scatter.transform(1e-12 * x[:1])
    assert (tiny[:, higher] >= np.log(floor[higher]) - 1e-9).all()


@pytest.mark.parametrize("wavelet", ["morlet", "tight"])
@pytest.mark.parametrize(
    "fields",
    [
        make_burgers(20, 31, random_state=0),  # starts smooth, with nothing at the finest scales
        make_heat(10, 20, n_x=128, dt=0.05, random_state=0),  # loses its finest scales
        np.sin(2 * np.pi * np.arange(1, 4)[:, None] * np.arange(64) / 64),
    ],
    ids=["burgers", "heat", "sine"],
)
def test_the_logarithm_of_smooth_fields_shows_no_round_off(fields, wavelet):
    scatter = ScatteringTransformer(log=True, wavelet=wavelet, oversampling="full").fit(fields)
    higher = scatter.paths_["order"] > 0
    found = scatter.transform(fields)[..., higher]
    moved = scatter.transform(np.roll(fields, 17, axis=-1))[..., higher]
    assert_allclose(moved, found, atol=0.02)
    # No feature spans more decades than one percent of its mean allows below it.
    assert np.ptp(found.reshape(-1, found.shape[-1]), axis=0).max() < 10


def test_the_logarithm_of_local_averages_that_undershoot_zero_is_finite():
    fields = np.zeros((2, 64))
    fields[:, 20] = 1.0
    for wavelet in ("morlet", "tight"):
        scatter = ScatteringTransformer(J=3, T=8, log=True, wavelet=wavelet)
        assert np.isfinite(scatter.fit_transform(fields)).all()
        assert np.isfinite(scatter.transform(np.zeros((1, 64), np.float32))).all()


def test_a_large_mean_costs_single_precision_no_digits(rng):
    fluctuation = 0.3 * rng.standard_normal((2, 16384))
    scatter = ScatteringTransformer(J=8, Q=4).fit(fluctuation)
    offset = (300 + fluctuation).astype(np.float32)
    exact = scatter.transform(offset.astype(float))
    assert_allclose(scatter.transform(offset)[:, 1:], exact[:, 1:], rtol=2e-4)


def test_constant_fields_are_valid_data():
    for value in (0.0, 5.0):
        found = ScatteringTransformer(J=3, log=True).fit_transform(np.full((4, 32), value))
        assert np.isfinite(found).all()
        assert_array_equal(found[:, 0], value)


def test_round_off_in_the_mean_is_zero(rng):
    x = rng.standard_normal((50, 64))
    x -= x.mean(axis=1, keepdims=True)
    assert_array_equal(ScatteringTransformer(J=3).fit_transform(x)[:, 0], 0.0)


def test_defaults_say_what_they_resolved_to():
    assert ScatteringTransformer().fit(np.zeros((1, 256))).J_ == 7
    assert ScatteringTransformer().fit(np.zeros((1, 100))).J_ == 5
    assert ScatteringTransformer(grid_shape=(64, 20)).fit(np.zeros((1, 64, 20))).J_ == 3
    assert ScatteringTransformer(T=None).fit(np.zeros((1, 256))).output_grid_ == (8,)
    assert ScatteringTransformer(T=16).fit(np.zeros((1, 256))).output_grid_ == (64,)


def test_pickles_are_small_and_exact(rng):
    x = rng.standard_normal((2, 128, 128))
    scatter = ScatteringTransformer(J=3, L=8, grid_shape=(128, 128), log=True).fit(x)
    stored = pickle.dumps(scatter)
    assert len(stored) < 100_000
    assert_array_equal(pickle.loads(stored).transform(x), scatter.transform(x))


def test_pickles_stay_small_with_thousands_of_paths():
    scatter = ScatteringTransformer(J=6, L=8, grid_shape=(64, 64), log=True).fit(np.zeros((1, 64, 64)))
    assert len(scatter.get_feature_names_out()) == 1 + 48 + 960
    assert len(pickle.dumps(scatter)) < 20_000


def test_memory_does_not_grow_with_the_batch(rng):
    scatter = ScatteringTransformer(J=4, max_order=1)
    fields = rng.standard_normal((2**16, 64))  # 32 MiB
    scatter.fit(fields).transform(fields[:10])
    tracemalloc.start()
    found = scatter.transform(fields)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < found.nbytes + 24 * 2**20


def test_a_pickle_of_another_version_warns(rng):
    scatter = ScatteringTransformer(J=2).fit(rng.standard_normal((2, 16)))
    state = scatter.__getstate__()
    state["_skmst_version"] = "0.0.0"
    with pytest.warns(UserWarning, match=r"pickled by skmst 0\.0\.0"):
        ScatteringTransformer().__setstate__(state)


def test_joblib_clone_and_copies(rng, tmp_path):
    x = rng.standard_normal((4, 32))
    scatter = ScatteringTransformer(J=3, log=True).fit(x)
    joblib.dump(scatter, tmp_path / "scatter.joblib")
    assert_array_equal(joblib.load(tmp_path / "scatter.joblib").transform(x), scatter.transform(x))
    assert_array_equal(copy.deepcopy(scatter).transform(x), scatter.transform(x))
    assert_array_equal(clone(scatter).fit(x).transform(x), scatter.transform(x))


def test_the_cache_computes_every_trajectory_once(rng, tmp_path, monkeypatch):
    x = rng.standard_normal((4, 5, 32))
    counted = []
    real = Setting.forward

    def forward(setting, flat, *, n_jobs=None):
        counted.append(len(flat))
        return real(setting, flat, n_jobs=n_jobs)

    monkeypatch.setattr(Setting, "forward", forward)
    cached = ScatteringTransformer(J=3, memory=joblib.Memory(tmp_path, verbose=0))
    first = cached.fit_transform(x)
    assert counted == [5] * 4
    assert_array_equal(cached.transform(x[[2, 0]]), first[[2, 0]])
    assert len(counted) == 4
    assert_allclose(first, ScatteringTransformer(J=3).fit_transform(x), rtol=1e-12, atol=1e-14)
    counted.clear()
    monkeypatch.setattr(skmst, "__version__", "another")
    cached.transform(x)
    assert counted == [5] * 4


def test_memory_maps_and_read_only_input(rng, tmp_path):
    x = rng.standard_normal((6, 64)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    scatter = ScatteringTransformer(J=3)
    assert_array_equal(scatter.fit_transform(mapped), scatter.fit_transform(x))


def test_pandas_output_and_columns(rng):
    frame = pd.DataFrame(rng.standard_normal((4, 16)), columns=[f"x{i}" for i in range(16)])
    scatter = ScatteringTransformer(J=2).set_output(transform="pandas").fit(frame)
    found = scatter.transform(frame)
    assert list(found.columns) == list(scatter.get_feature_names_out())
    runs = frame.to_numpy().reshape(2, 2, 16)
    assert isinstance(scatter.fit(runs).transform(runs), np.ndarray)
    assert not hasattr(scatter, "feature_names_in_")


def test_search_over_scales_in_a_pipeline(rng):
    x = rng.standard_normal((40, 32)) * np.linspace(0.5, 2.0, 40)[:, None]
    y = np.log(x.std(axis=1))
    pipeline = make_pipeline(ScatteringTransformer(), Ridge(1e-3))
    search = GridSearchCV(
        pipeline, {"scatteringtransformer__J": [2, 3], "scatteringtransformer__log": [False, True]}, n_jobs=2
    )
    search.fit(x, y)
    assert search.best_params_["scatteringtransformer__log"]
    best = clone(pipeline).set_params(**search.best_params_)
    assert search.best_score_ == pytest.approx(cross_val_score(best, x, y).mean())


@pytest.mark.parametrize("rectifier", ["phase_harmonics", "heisenberg"])
@pytest.mark.parametrize("T", ["global", 8])
def test_complex_coefficients_become_two_features_each(rectifier, T, rng):
    x = rng.standard_normal((3, 2, 32))
    scatter = ScatteringTransformer(J=3, wavelet="tight", rectifier=rectifier, T=T, n_channels=2)
    features = scatter.fit_transform(x)
    coefficients = scatter.coefficients(x)
    names = list(scatter.get_feature_names_out())
    assert features.dtype == float
    assert coefficients.dtype == complex
    assert features.shape[1] == len(names) == len(set(names))
    flat = coefficients.reshape(3, -1)
    assert_array_equal(features[:, [name.endswith("_re") for name in names]], flat.real)
    assert_array_equal(features[:, [name.endswith("_im") for name in names]], flat.imag)
    assert names[names.index("c1_s2_j0_j2m" + ("_x2" if T == 8 else "") + "_re") + 1].endswith("_im")
    assert scatter.transform(x.astype(np.float32)).dtype == np.float32


def test_complex_fields_are_taken_where_the_phase_is_kept(rng):
    x = np.pi + 1j * rng.standard_normal((2, 3, 32))
    scatter = ScatteringTransformer(J=3, wavelet="tight", rectifier="heisenberg").fit(x)
    assert "s1_j2m_im" in scatter.get_feature_names_out()
    assert_array_equal(scatter.transform(x[0]), scatter.transform(x)[0])
    assert scatter.n_features_in_ == 32
    # Real fields are complex ones without imaginary part, for a transformer that was fitted to complex ones.
    assert scatter.transform(x.real).shape == scatter.transform(x).shape
    assert scatter.transform(x.astype(np.complex64)).dtype == np.float32
    runs = scatter.fit_transform([x[0], x[1, :2]])
    assert_array_equal(runs[1], scatter.transform(x[1, :2]))
    x[0, 0, 0] = complex(0, np.nan)
    with pytest.raises(ValueError, match="NaN"):
        scatter.transform(x)


def test_a_transformer_of_real_fields_refuses_complex_ones(rng):
    scatter = ScatteringTransformer(J=3, rectifier="heisenberg").fit(rng.standard_normal((2, 32)))
    with pytest.raises(ValueError, match="Complex data not supported"):
        scatter.transform(np.zeros((2, 32), complex))


def test_the_printed_heisenberg_form_says_once_what_it_does_near_zero(rng):
    x = rng.standard_normal((2, 32))
    scatter = ScatteringTransformer(J=3, rectifier="heisenberg_v4")
    with pytest.warns(UserWarning, match="phase comes out of order one") as caught:
        scatter.fit(x)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    scatter.transform(x)


def test_only_the_modulus_and_phase_harmonics_are_homogeneous(rng):
    x = rng.standard_normal((1, 64))
    for rectifier in ("modulus", "phase_harmonics", "log_modulus", "heisenberg"):
        scatter = ScatteringTransformer(J=3, rectifier=rectifier).fit(x)
        ratio = np.linalg.norm(scatter.transform(5 * x)[:, 2:]) / np.linalg.norm(scatter.transform(x)[:, 2:])
        assert (abs(ratio - 5) < 1e-9) == (rectifier in ("modulus", "phase_harmonics"))


def test_three_dimensional_fields(rng):
    x = rng.standard_normal((2, 3, 8, 6, 8))
    scatter = ScatteringTransformer(J=2, L=3, T=4, grid_shape=(8, 6, 8), output_step=4).fit(x)
    names = scatter.get_feature_names_out()
    assert scatter.transform(x).shape == (2, 3, len(names))
    assert scatter.coefficients(x).shape == (2, 3, 1 + 6 + 9, 2, 2, 2)
    assert names[-1] == "s2_j0_l2_j1_l2_x4_y4_z4"


BAD = [
    (dict(), np.array([[np.nan, *[0.0] * 15]]), "NaN"),
    (dict(), np.array([[np.inf, *[0.0] * 15]]), "infinity"),
    (dict(), np.zeros((2, 3, 16)) * np.nan, "NaN"),
    (dict(), np.zeros((2, 16), complex), "[Cc]omplex"),
    (dict(), np.zeros((2, 3, 16), complex), "[Cc]omplex"),
    (dict(), np.array([["a"] * 16]), "must hold numbers"),
    (dict(), np.ones((2, 3, 16)).astype(str), "must hold numbers"),
    (dict(), np.ones((2, 16)).astype("S8"), "must hold numbers"),
    (dict(), np.ones((2, 16)).astype("M8[s]"), "must hold numbers"),
    (dict(), np.array([np.zeros((4, 16)), np.zeros((3, 16))], dtype=object), "ragged"),
    (dict(), np.ma.masked_array(np.zeros((2, 16)), True), "masked"),
    (dict(), [[0.0] * 16, [0.0] * 15], "ragged"),
    (dict(), np.zeros((0, 16)), "0 sample"),
    (dict(), np.zeros(16), "1D array"),
    (dict(), np.zeros((3, 1)), "too small"),
    (dict(J=5), np.zeros((2, 16)), "J=5 needs"),
    (dict(T=17), np.zeros((2, 16)), "T=17 is larger"),
    (dict(T=4, output_step=17), np.zeros((2, 16)), "output_step=17"),
    (dict(output_step=2), np.zeros((2, 16)), "no meaning"),
    (dict(Q=(1, 2, 3)), np.zeros((2, 16)), "Q="),
    (dict(Q=0), np.zeros((2, 16)), "'Q' parameter"),
    (dict(Q=2, grid_shape=(8, 8)), np.zeros((2, 64)), "Q=2 concerns"),
    (dict(grid_shape=(8, 8)), np.zeros((2, 8, 9)), "trailing axes"),
    (dict(grid_shape=(8, 8)), np.zeros((8, 8)), r"pass X\[None\]"),
    (dict(grid_shape=(2, 2, 4, 4)), np.zeros((2, 64)), "one to three"),
    (dict(grid_shape=(8.0,)), np.zeros((2, 8)), "one to three positive integers"),
    (dict(n_channels=3), np.zeros((2, 16)), "n_channels=3"),
    (dict(n_channels=2), np.zeros((2, 16)), "need grid_shape"),
    (dict(), np.zeros((3, 0, 16)), "holds no fields"),
    (dict(wavelet="haar"), np.zeros((2, 16)), "'wavelet' parameter"),
    (dict(max_order=-1), np.zeros((2, 16)), "'max_order' parameter"),
    (dict(rectifier="relu"), np.zeros((2, 16)), "'rectifier' parameter"),
    (dict(rectifier="heisenberg"), np.zeros((2, 16)), "log=True needs"),
    (dict(paths="decreasing"), np.zeros((2, 16)), "'paths' parameter"),
    (dict(upsampling=3), np.zeros((2, 16)), "upsampling=3 must be a power of two"),
]


@pytest.mark.parametrize(("params", "x", "message"), BAD)
def test_bad_input_is_refused_before_any_work(params, x, message, monkeypatch):
    monkeypatch.setattr(Setting, "forward", lambda *a, **k: pytest.fail("worked before checking"))
    before = copy.deepcopy(x)
    with pytest.raises(ValueError, match=message):
        ScatteringTransformer(**params, log=True).fit(x)
    assert repr(x) == repr(before)


def test_another_grid_at_transform_is_refused(rng):
    scatter = ScatteringTransformer(J=2).fit(rng.standard_normal((2, 3, 16)))
    with pytest.raises(ValueError, match="fitted to fields of 16"):
        scatter.transform(rng.standard_normal((2, 3, 32)))
    with pytest.raises(ValueError, match="expecting 16 features"):
        scatter.transform(rng.standard_normal((2, 32)))


def test_a_failed_or_interrupted_fit_keeps_the_earlier_one(rng, monkeypatch):
    x = rng.standard_normal((3, 32))
    scatter = ScatteringTransformer(J=3, log=True).fit(x)
    before = scatter.transform(x)
    with pytest.raises(ValueError, match="NaN"):
        scatter.fit(np.full((3, 16), np.nan))
    with monkeypatch.context() as patch:

        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        patch.setattr(Setting, "forward", interrupt)
        with pytest.raises(KeyboardInterrupt):
            scatter.fit(rng.standard_normal((3, 16)))
    assert_array_equal(scatter.transform(x), before)


def test_the_caller_s_arrays_are_left_alone(rng):
    x = rng.standard_normal((3, 32))
    before = x.copy()
    ScatteringTransformer(J=3, log=True, T=4).fit(x).transform(x)
    assert_array_equal(x, before)
