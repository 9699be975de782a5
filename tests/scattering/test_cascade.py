"""The planned transform against its definition, kymatio's published output and exact identities."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.scattering.cascade import Setting, crop, plan, scatter
from skmst.scattering.filter_bank import BANKS, TightBank
from skmst.scattering.rectifiers import RECTIFIERS
from skmst.scattering.settings import auto_oversampling
from tests.scattering.reference import definition

GRIDS = [
    dict(grid_shape=(256,), J=6),
    dict(grid_shape=(1024,), J=7, Q=(8, 1)),
    dict(grid_shape=(96,), J=4),
    dict(grid_shape=(101,), J=5),
    dict(grid_shape=(64, 64), J=4),
    dict(grid_shape=(48, 36), J=3, L=4),
    dict(grid_shape=(32, 32), J=4, L=2),
    dict(grid_shape=(40, 24), J=3, L=1),
    dict(grid_shape=(256,), J=5, max_order=3),
    dict(grid_shape=(256,), J=5, rule="all"),
    dict(grid_shape=(512,), J=6, Q=(8, 1), rule="kymatio"),
    dict(grid_shape=(20, 24, 16), J=3, L=3),
]


def grid_name(grid):
    return " ".join(map(str, grid.values()))


def relative_error(found, true):
    return np.linalg.norm(found - true) / np.linalg.norm(true)


def signals(grid_shape, rng):
    """Rough, smooth and sparse fields: aliasing of the modulus differs between them."""
    white = rng.standard_normal((2, *grid_shape))
    axes = tuple(range(1, white.ndim))
    size = np.sqrt(sum(np.square(f) for f in np.meshgrid(*map(np.fft.fftfreq, grid_shape), indexing="ij")))
    size.flat[0] = np.inf
    smooth = np.fft.ifftn(np.fft.fftn(white, axes=axes) / size, axes=axes).real
    sparse = (white > 2.0).astype(float)
    return {"white": white, "smooth": smooth, "sparse": sparse}


@pytest.mark.parametrize("wavelet", ["morlet", "tight"])
@pytest.mark.parametrize("grid", GRIDS, ids=grid_name)
@pytest.mark.parametrize("local", [False, True])
def test_default_sampling_is_within_1e3_and_full_sampling_within_1e6_of_the_definition(grid, wavelet, local, rng):
    T = 2 ** grid["J"] if local else None
    common = dict(grid, T=T, wavelet=wavelet, output_step=T // 4 if local else 1)
    auto = auto_oversampling(wavelet, len(grid["grid_shape"]), grid.get("L", 8))
    for name, x in signals(grid["grid_shape"], rng).items():
        full = Setting(**common, oversampling=None)
        true = definition(x, full)
        assert relative_error(scatter(x, full), true) <= 1e-6, name
        assert relative_error(scatter(x, Setting(**common, oversampling=auto)), true) <= 1e-3, name


RECTIFIED = [
    (dict(grid_shape=(256,), J=5, max_order=3), "log_modulus"),
    (dict(grid_shape=(32, 32), J=4, L=2), "log_modulus"),
    (dict(grid_shape=(256,), J=5, max_order=3), "phase_harmonics"),
    (dict(grid_shape=(48, 36), J=4, L=4), "phase_harmonics"),
    (dict(grid_shape=(64,), J=4, max_order=3), "heisenberg"),
    (dict(grid_shape=(24, 20), J=2, L=3), "heisenberg"),
    (dict(grid_shape=(64,), J=4), "heisenberg_v4"),
]


@pytest.mark.parametrize("wavelet", ["morlet", "tight"])
@pytest.mark.parametrize(("grid", "rectifier"), RECTIFIED, ids=str)
@pytest.mark.parametrize("T", [None, 1, 16])
def test_default_sampling_is_within_1e3_of_the_definition_for_every_rectifier(grid, rectifier, wavelet, T, rng):
    auto = auto_oversampling(wavelet, len(grid["grid_shape"]), grid.get("L", 8), rectifier)
    setting = Setting(**grid, T=T, wavelet=wavelet, rectifier=rectifier, oversampling=auto, output_step=4 if T else 1)
    white = rng.standard_normal((2, *grid["grid_shape"]))
    for x in (white, 10 * white) if rectifier != "heisenberg_v4" else (white,):
        assert relative_error(scatter(x, setting), definition(x, setting)) <= 1e-3


@pytest.mark.parametrize("rectifier", [name for name, r in RECTIFIERS.items() if r.keeps_phase])
@pytest.mark.parametrize("grid", [dict(grid_shape=(48,), J=3), dict(grid_shape=(12, 15), J=2, L=2)], ids=grid_name)
@pytest.mark.parametrize("T", [None, 4])
def test_complex_fields_follow_the_definition(grid, rectifier, T, rng):
    x = np.pi + 1j * rng.standard_normal((2, *grid["grid_shape"]))  # Glinsky's pi + i f
    setting = Setting(**grid, T=T, wavelet="tight", rectifier=rectifier, complex_fields=True)
    assert relative_error(scatter(x, setting), definition(x, setting)) <= 1e-12


def test_a_real_field_as_a_complex_one_gives_each_coefficient_twice(rng):
    # Both halves of the spectrum are seen, each with half the energy.
    x = rng.standard_normal((2, 64))
    setting = Setting((64,), 4, wavelet="tight", rectifier="phase_harmonics", max_order=1)
    one_sided = scatter(x, setting)[:, 1:]
    both = scatter(x + 0j, replace(setting, complex_fields=True))[:, 1:]
    assert_allclose(both[:, :4] * np.sqrt(2), one_sided, atol=1e-14)
    assert_allclose(both[:, 4:], both[:, :4].conj(), atol=1e-14)


def test_complex_fields_need_a_setting_for_them():
    with pytest.raises(ValueError, match="complex_fields=True"):
        scatter(np.zeros((1, 16), complex), Setting((16,), 2, rectifier="heisenberg"))
    with pytest.raises(ValueError, match="keeps the phase"):
        Setting((16,), 2, complex_fields=True)


@pytest.mark.parametrize("wrong", [dict(rule="decreasing"), dict(rectifier="relu"), dict(upsample=3)])
def test_what_does_not_exist_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Setting((16,), 2, **wrong)


def shifted(x, steps):
    return np.fft.irfft(np.fft.rfft(x) * np.exp(-2j * np.pi * steps * np.fft.rfftfreq(x.shape[1])), x.shape[1])


@pytest.mark.parametrize(("wavelet", "without"), [("tight", 1e-4), ("morlet", 3e-4)])
def test_upsampling_makes_coefficients_blind_to_shifts_by_part_of_a_step(wavelet, without, rng):
    n = 256
    hat = np.fft.rfft(rng.standard_normal((10, n)))
    hat[:, n // 4 :] = 0  # at most half the Nyquist frequency
    x = np.fft.irfft(hat, n)

    def change(upsample):
        setting = Setting((n,), 5, wavelet=wavelet, max_order=1, upsample=upsample)
        return np.abs(scatter(shifted(x, 0.37), setting) / scatter(x, setting) - 1)[:, 1:].max()

    assert change(1) > without
    assert change(16) <= 1e-6


@pytest.mark.parametrize("wavelet", ["tight", "morlet"])
def test_without_upsampling_white_noise_changes_by_up_to_a_few_percent(wavelet, rng):
    # Moduli of signals up to the Nyquist frequency have near-zeros, whose kinks alias on finer
    # grids as well: the change falls with the square of the step until the step resolves them.
    hat = np.fft.rfft(rng.standard_normal((20, 128)))
    hat[:, -1] = 0
    x = np.fft.irfft(hat, 128)
    change = []
    for upsample in (1, 4, 32):
        setting = Setting((128,), 5, wavelet=wavelet, max_order=1, upsample=upsample)
        change.append(np.median(np.abs(scatter(shifted(x, 0.37), setting) / scatter(x, setting) - 1)[:, 1]))
    assert 5e-4 < change[0] < 2e-2
    assert change[1] < change[0] / 15
    assert change[2] <= 1e-6


@pytest.mark.parametrize("grid_shape", [(64,), (45,), (20, 15)])
def test_upsampling_leaves_first_order_signals_on_the_grid_what_they_are(grid_shape, rng):
    # At full resolution the interpolated signals are looked at on the original points.
    x = rng.standard_normal((2, *grid_shape))
    setting = Setting(grid_shape, 2, L=2, T=1, max_order=1, wavelet="tight")
    assert relative_error(scatter(x, replace(setting, upsample=4)), scatter(x, setting)) <= 1e-12


def test_critical_sampling_in_two_dimensions_is_as_far_off_as_kymatio(rng):
    # Shows that the bound above can fail: without oversampling the modulus aliases.
    x = rng.standard_normal((2, 64, 64))
    setting = Setting((64, 64), 4, T=16, output_step=4)
    critical = Setting((64, 64), 4, T=16, output_step=4, oversampling=0)
    assert 1e-3 < relative_error(scatter(x, critical), definition(x, setting)) < 2e-2


def test_kymatio_published_2d(data_path):
    with np.load(data_path("kymatio/test_data_2d_v0.3.0.npz")) as data:
        x, published = data["x"].reshape(6, 32, 32).astype(float), data["Sx"].reshape(6, 417, 2, 2)
    padded = np.pad(x, ((0, 0), (16, 16), (16, 16)), mode="reflect")  # kymatio's padding
    setting = Setting((64, 64), 4, T=16, oversampling=0, output_step=16)
    found = scatter(padded, setting)[:, :, 1:3, 1:3]
    order = np.array([len(path) for path in setting.paths()])
    found *= ((np.pi / 3.1415) ** (order + 1))[:, None, None]  # kymatio's value of pi, once per filter
    assert relative_error(found, published) <= 1e-6


def test_kymatio_published_1d(data_path):
    with np.load(data_path("kymatio/test_data_1d_v0.3.0.npz")) as data:
        x, published = data["x"].astype(float), data["Sx"]
    padded = np.pad(x, ((0, 0), (256, 256)), mode="reflect")  # kymatio's padding
    setting = Setting((1024,), 6, (16, 1), T=64, oversampling=0, output_step=64, rule="kymatio")
    found = scatter(padded, setting)[:, :, 4:12]
    first, second = setting.wavelets()
    # kymatio 0.3.0 averages where sub-sampling must sum: S1 is 2**-j1 and S2 2**-(j1 + j2) too small.
    octaves = [sum(bank[n].resolution for bank, n in zip((first, second), p, strict=False)) for p in setting.paths()]
    found *= 2.0 ** -np.array(octaves)[:, None]
    for order in (0, 1, 2):
        rows = [i for i, path in enumerate(setting.paths()) if len(path) == order]
        assert relative_error(found[:, rows], published[:, rows]) <= 1e-6


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shift=st.integers(0, 100),
    wavelet=st.sampled_from(["morlet", "tight"]),
    grid=st.sampled_from([((90,), 4), ((64,), 5), ((24, 20), 2)]),
)
def test_global_averages_are_invariant_to_translation_and_reflection(seed, shift, wavelet, grid):
    grid_shape, J = grid
    x = np.random.default_rng(seed).standard_normal((1, *grid_shape))
    setting = Setting(grid_shape, J, wavelet=wavelet, L=4)
    moved = np.roll(x, (shift, 2 * shift)[: len(grid_shape)], axis=tuple(range(1, x.ndim)))
    mirrored = x[(slice(None), *(slice(None, None, -1),) * len(grid_shape))]
    original = scatter(x, setting)
    assert relative_error(scatter(moved, setting), original) <= 1e-12
    assert relative_error(scatter(mirrored, setting), original) <= 1e-12


@pytest.mark.parametrize("wavelet", ["morlet", "tight"])
@pytest.mark.parametrize("grid", GRIDS, ids=grid_name)
def test_translation_at_the_default_sampling_changes_less_than_1e3(grid, wavelet, rng):
    auto = auto_oversampling(wavelet, len(grid["grid_shape"]), grid.get("L", 8))
    setting = Setting(**grid, wavelet=wavelet, oversampling=auto)
    for name, x in signals(grid["grid_shape"], rng).items():
        moved = np.roll(x, 1, axis=-1)
        assert relative_error(scatter(moved, setting), scatter(x, setting)) <= 1e-3, name


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(1e-30, 1e30) | st.floats(-1e30, -1e-30),
    wavelet=st.sampled_from(["morlet", "tight"]),
    oversampling=st.sampled_from([None, 0, 1]),
)
def test_homogeneous_of_degree_one_and_even(scale, wavelet, oversampling):
    x = np.random.default_rng(0).standard_normal((2, 96))
    setting = Setting((96,), 4, wavelet=wavelet, oversampling=oversampling)
    scaled, original = scatter(scale * x, setting), scatter(x, setting)
    assert_allclose(scaled[:, 1:], abs(scale) * original[:, 1:], rtol=1e-12)
    assert_allclose(scaled[:, 0], scale * original[:, 0], rtol=1e-11)


@pytest.mark.parametrize("grid_shape", [(128,), (90,), (32, 24)])
def test_tight_bank_conserves_energy_layer_by_layer(grid_shape, rng):
    x = rng.standard_normal((3, *grid_shape))
    u = Setting(grid_shape, 3, L=4, T=1, wavelet="tight", rule="all")
    s = Setting(grid_shape, 3, L=4, T=8, wavelet="tight", rule="all")
    axes = tuple(range(2, 2 + len(grid_shape)))
    energy_u, energy_s = (np.sum(scatter(x, setting) ** 2, axis=axes) for setting in (u, s))
    paths = u.paths()
    for i, path in enumerate(paths):
        if len(path) < 2:
            following = [
                k for k, other in enumerate(paths) if len(other) == len(path) + 1 and other[: len(path)] == path
            ]
            assert_allclose(energy_u[:, i], energy_s[:, i] + energy_u[:, following].sum(1), rtol=1e-10)


@given(seed=st.integers(0, 10**6), wavelet=st.sampled_from(["morlet", "tight"]))
@settings(max_examples=20, deadline=None)
def test_the_transform_does_not_expand_distances(seed, wavelet):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 1, 64))
    setting = Setting((64,), 3, T=8, wavelet=wavelet)
    # Littlewood-Paley sum at most one (the Morlet bank stays below, tests of the filters).
    assert np.linalg.norm(scatter(x, setting) - scatter(y, setting)) <= np.linalg.norm(x - y) * (1 + 1e-12)


REFLECTED = [
    dict(grid_shape=(60,), J=3),
    dict(grid_shape=(300,), J=3),  # padded to less than the whole period
    dict(grid_shape=(1000,), J=3, Q=(4, 1)),
    dict(grid_shape=(24, 30), J=2, L=4),
    dict(grid_shape=(150, 100), J=2, L=4),  # padded to less than the whole period
]


@pytest.mark.parametrize("wavelet", ["morlet", "tight"])
@pytest.mark.parametrize("grid", REFLECTED, ids=lambda g: str(g["grid_shape"]))
@pytest.mark.parametrize("T", [None, 1, 8])
def test_reflection_equals_the_periodic_transform_of_the_mirrored_field(grid, wavelet, T, rng):
    grid_shape = grid["grid_shape"]
    smooth = sum(np.sin(3.3 * t) for t in np.meshgrid(*(np.linspace(0, 6, n) for n in grid_shape), indexing="ij"))
    x = np.stack([rng.standard_normal(grid_shape), smooth])
    mirrored = x
    for axis in range(1, x.ndim):
        mirrored = np.concatenate([mirrored, np.flip(mirrored, axis)], axis)
    step = 2 if T == 8 else 1
    common = dict(grid, wavelet=wavelet)
    doubled = dict(common, grid_shape=tuple(2 * n for n in grid_shape))
    inside = (Ellipsis, *(slice(-(-n // step)) for n in grid_shape))
    found = scatter(x, Setting(**common, T=T, boundary="reflect", output_step=step))
    if T is None:
        u = definition(mirrored, Setting(**doubled, T=1))[inside]
        true = u.mean(axis=tuple(range(2, u.ndim)))
    else:
        true = definition(mirrored, Setting(**doubled, T=T, output_step=step))[inside]
    order = np.array([len(path) for path in Setting(**common).paths()])
    for field in range(2):
        for m in (0, 1, 2):
            assert relative_error(found[field, order == m], true[field, order == m]) <= 1e-6


def test_uneven_output_steps_sample_the_full_resolution_average(rng):
    x = rng.standard_normal((2, 50))
    every = scatter(x, Setting((50,), 3, T=8, output_step=1))
    for T, full in ((8, every), (1, scatter(x, Setting((50,), 3, T=1)))):
        for step in (3, 4, 7):
            setting = Setting((50,), 3, T=T, output_step=step, oversampling=0)
            assert scatter(x, setting).shape[2:] == (-(-50 // step),)
            assert relative_error(scatter(x, setting), full[..., ::step]) <= 1e-3


def test_single_precision_keeps_six_digits(rng):
    x = rng.standard_normal((2, 65536))
    setting = Setting((65536,), 8, (4, 1), oversampling=0)
    single = scatter(x.astype(np.float32), setting)
    assert single.dtype == np.float32
    assert_allclose(single[:, 1:], scatter(x, setting)[:, 1:], rtol=1e-5)


def test_plans_are_shared_and_batches_do_not_matter(rng):
    setting = Setting((64,), 4)
    assert plan(setting, np.dtype(float)) is plan(Setting((64,), 4), np.dtype(float))
    x = rng.standard_normal((5000, 64))
    whole = scatter(x, setting)
    assert_allclose(scatter(x[17:19], setting), whole[17:19], rtol=1e-13)
    assert_allclose(scatter(x, setting, n_jobs=2), whole, rtol=1e-13)


def test_path_counts_are_the_known_ones():
    for J in (1, 3, 6):
        assert len(Setting((256,), J, wavelet="tight").paths()) == 1 + J + J * (J - 1) // 2
        for wavelet in ("morlet", "tight"):
            L = 4
            assert len(Setting((64, 64), J, L=L, wavelet=wavelet).paths()) == 1 + J * L + L**2 * J * (J - 1) // 2


def test_crop_keeps_the_lowest_frequencies():
    hat = np.arange(8.0)
    assert_allclose(crop(hat, (4,)), [0, 1, 6, 7])
    assert_allclose(crop(hat, (5,)), [0, 1, 2, 6, 7])
    assert_allclose(crop(hat, (8,)), hat)


def test_overflow_is_refused():
    x = np.full((1, 16), 1e308) * np.sign(np.arange(16) - 7.5)
    with pytest.raises(ValueError, match="overflow"):
        scatter(x, Setting((16,), 2, engine="numpy"))


def test_constant_and_zero_fields_have_no_fluctuations():
    for value in (0.0, 3.0):
        found = scatter(np.full((1, 32), value), Setting((32,), 3, wavelet="tight"))
        assert found[0, 0] == value
        assert_allclose(found[0, 1:], 0.0, atol=1e-15)


def test_wavelet_marginals_of_a_pure_wave():
    # A cosine at the centre of band j: |x * psi_j| is constant, half the amplitude times the filter's peak sqrt(2).
    n, j = 128, 2
    k = n // 4 // 2**j
    x = 3.0 * np.cos(2 * np.pi * k * np.arange(n) / n)[None]
    setting = Setting((n,), 4, wavelet="tight")
    found = scatter(x, setting)[0]
    hat = TightBank((n,), 4).psi()
    assert_allclose(found[1:5], [1.5 * np.sqrt(2) if i == j else 1.5 * hat[i][k] for i in range(4)], atol=1e-12)


def test_order_zero_is_the_convolution_even_where_the_low_pass_does_not_sum_to_one(rng):
    # The Gaussian of scale 2 is so narrow that its samples sum to 1 + 1e-5.
    x = 5.0 + rng.standard_normal((2, 9, 8))
    setting = Setting((9, 8), 2, L=2, T=2)
    assert abs(BANKS["morlet"]((9, 8), 2).phi(2)[0, 0] - 1) > 1e-6
    assert_allclose(scatter(x, setting), definition(x, setting), atol=1e-13)


def test_no_fields_have_no_coefficients():
    setting = Setting((16,), 2, wavelet="tight")
    none = setting.forward(np.empty((0, 16)))
    assert none.shape == (0, 4)
    assert setting.pullback(np.empty((0, 16)), none).shape == (0, 16)
