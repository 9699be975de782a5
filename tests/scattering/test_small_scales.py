"""Noise floors against noise, and corrections against known ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad

from skmst.scattering.setting import Setting
from skmst.scattering.small_scales import (
    AffineCorrection,
    fine_tune,
    noise_floor,
    noise_level,
    remove_floor,
    white_noise_floor,
)

SETTINGS = [
    Setting((512,), 5),
    Setting((512,), 5, wavelet="tight"),
    Setting((512,), 4, Q=(3, 1)),
    Setting((500,), 4, boundary="reflect"),
    Setting((512,), 5, T=32, output_step=8, wavelet="tight"),
    Setting((512,), 3, wavelet="tight", upsample=2),
    Setting((32, 32), 2, L=4),
    Setting((32, 32), 3, L=3, wavelet="tight", max_order=1),
]


def describe(setting):
    dimensions = f"{len(setting.grid_shape)}d"
    return f"{setting.wavelet}-{dimensions}-{setting.boundary}-Q{setting.Q[0]}-T{setting.T}-{setting.upsample}"


@pytest.mark.parametrize("setting", SETTINGS, ids=describe)
def test_white_noise_has_the_coefficients_of_its_floor(setting, rng):
    sigma = 0.3
    x = sigma * rng.standard_normal((150, *setting.grid_shape))
    S = setting.forward(x)
    expected = sigma * white_noise_floor(setting)
    assert expected.shape == S.shape[1:]
    # Some of many paths lie outside of 3 standard errors by chance; none lies outside of 4.5.
    if setting.output_grid:
        S, expected = S.mean(axis=2), expected.mean(axis=1)
    deviation = np.abs(S.mean(axis=0) - expected) / (S.std(axis=0, ddof=1) / np.sqrt(len(S)))
    assert (deviation < 3).mean() > 0.97
    assert deviation.max() < 4.5


@pytest.mark.parametrize("setting", SETTINGS, ids=describe)
def test_the_floor_that_is_read_off_white_noise_is_its_coefficients(setting, rng):
    x = rng.uniform(0.5, 2, (200,) + (1,) * len(setting.grid_shape)) * rng.standard_normal((200, *setting.grid_shape))
    first = setting.table()["order"] == 1
    S, floor = setting.forward(x)[:, first], noise_floor(x, setting)[:, first]
    ratio = (S / floor).reshape(200, first.sum(), -1).mean(axis=2)
    # The median is drawn from the same field; that makes half a per cent at most on these grids.
    error = ratio.std(axis=0, ddof=1) / np.sqrt(200)
    assert (np.abs(ratio.mean(axis=0) - 1) < 3.5 * error + 0.005).all()
    assert error.max() < 0.03


@pytest.mark.parametrize("boundary", ["periodic", "reflect"])
@pytest.mark.parametrize("grid", [(512,), (501,), (32, 32), (10, 12, 14)])
def test_the_level_of_noise_does_not_see_smooth_waves(grid, boundary, rng):
    wave = np.cos(2 * np.pi * (np.arange(grid[0]) + 0.5) / grid[0]).reshape([-1] + [1] * (len(grid) - 1))
    x = 5 + 10 * wave + 0.2 * rng.standard_normal((50, *grid))
    given = x.copy()
    level = noise_level(x, boundary)
    assert level.shape == (50,)
    assert level.mean() == pytest.approx(0.2, rel=0.02)
    assert_allclose(x, given, rtol=0)


def test_a_few_spikes_raise_the_level_of_noise_much_less_than_the_standard_deviation(rng):
    x = 0.2 * rng.standard_normal((50, 1024))
    spiky = x.copy()
    spiky[:, ::200] += 20
    assert noise_level(spiky).mean() < 2.5 * noise_level(x).mean()
    assert spiky.std() > 7 * x.std()


def test_order_one_of_the_floor_is_a_formula_and_order_zero_nothing():
    setting = Setting((4096,), 4, wavelet="tight")
    floor, order = white_noise_floor(setting), setting.table()["order"]
    assert floor[0] == 0
    # The band |psi|^2 = 2 cos(pi/2 log2(w / c))^2 within an octave of c = (pi/2) 2^-j; E S1 = sqrt(pi)/2 norm(psi).
    power = quad(lambda u: 2 * np.cos(np.pi / 2 * u) ** 2 * 2**u * np.log(2), -1, 1)[0] / 4
    assert_allclose(floor[order == 1][1:], np.sqrt(np.pi * power * 2.0 ** -np.arange(1, 4)) / 2, rtol=1e-4)
    assert white_noise_floor(setting) is floor
    assert not floor.flags.writeable


def test_noise_is_taken_off_gaussian_fields(rng):
    # Power 1/k^2 over white noise that is much stronger at the four finest scales.
    n, sigma = 2048, 1.0
    k = np.fft.rfftfreq(n, 1 / n)
    clean = np.fft.irfft(np.fft.rfft(rng.standard_normal((300, n))) * 40 / np.maximum(k, 4), n)
    noisy = clean + sigma * rng.standard_normal(clean.shape)
    setting = Setting((n,), 8, wavelet="tight", max_order=1)
    S, S_noisy = setting.forward(clean)[:, 1:], setting.forward(noisy)[:, 1:]
    without = remove_floor(S_noisy, noise_floor(noisy, setting)[:, 1:])
    bias = np.abs(np.log(S_noisy.mean(axis=0) / S.mean(axis=0)))
    left = np.abs(np.log(np.sqrt((without**2).mean(axis=0) / (S**2).mean(axis=0))))
    assert (bias[:4] > 0.5).all()
    assert (left[3:] < 0.03).all()
    assert (left < 0.6 * bias).all()  # the finest scales are buried too deep


def test_what_lies_below_the_floor_is_a_part_of_it_and_the_rest_is_left_alone():
    S = np.array([[-2.0, 5.0, 1.0, 0.0]], dtype=np.float32)
    out = remove_floor(S, np.array([0.0, 3.0, 2.0, 0.0]), resolution=0.2)
    assert_allclose(out, [[-2, 4, 0.4, 0]], rtol=1e-6)
    assert out.dtype == np.float32
    with pytest.raises(ValueError, match="resolution must be positive"):
        remove_floor(S, S, resolution=0.0)


def affine(rng, n_samples=400, grid=()):
    """Coefficients, and what an affine law of their logarithm makes of them."""
    S = np.exp(rng.standard_normal((n_samples, 3, *grid)))
    a, b = (v.reshape(3, *(1,) * len(grid)) for v in (np.array([0.2, -0.3, 0.0]), np.array([0.5, 0.0, -1.0])))
    return S, np.exp((1 + a) * np.log(S) + b)


@pytest.mark.parametrize("grid", [(), (4,), (2, 3)])
def test_an_affine_law_of_the_logarithm_is_found(grid, rng):
    S, reference = affine(rng, grid=grid)
    held_out, truth = affine(rng, 10, grid)
    given = S.copy()
    correction = fine_tune(S, reference, ridge=1e-9)
    assert_allclose(correction.slope, [0.2, -0.3, 0.0], atol=1e-8)
    assert_allclose(correction.apply(held_out), truth, rtol=1e-7)
    assert_allclose(S, given, rtol=0)


def test_the_prior_says_that_there_is_nothing_to_correct(rng):
    S, reference = affine(rng, 20)
    sizes = [np.abs(fine_tune(S, reference, ridge).slope[0]) for ridge in (1e-3, 1, 1e2, 1e6)]
    assert np.all(np.diff(sizes) < 0)
    assert_allclose(fine_tune(S, reference, 1e9).apply(S), S, rtol=1e-6)
    # Without a spread there is no slope to be found, only the offset.
    alike = fine_tune(np.full((5, 1), 2.0), np.full((5, 1), 3.0), ridge=1e-9)
    assert alike.slope == 0
    assert_allclose(alike.apply(np.array([[4.0]])), 6.0)


def test_signed_paths_are_left_alone(rng):
    S, reference = affine(rng, 30)
    S[:, 1] -= 3
    correction = fine_tune(S, reference)
    assert correction.slope[1] == correction.offset[1] == 0
    assert_allclose(correction.apply(S)[:, 1], S[:, 1], rtol=0)
    assert correction.apply(np.zeros((2, 3))).tolist() == np.zeros((2, 3)).tolist()


@given(seed=st.integers(0, 10_000), single=st.booleans())
def test_the_pullback_is_the_derivative(seed, single):
    rng = np.random.default_rng(seed)
    correction = AffineCorrection(*rng.uniform(-0.5, 0.5, (3, 4)))
    S, gradient, direction = np.exp(rng.standard_normal((5, 4, 2))), *rng.standard_normal((2, 5, 4, 2))
    S[:, 0] *= -1
    h = 1e-6
    change = (correction.apply(S + h * direction * abs(S)) - correction.apply(S - h * direction * abs(S))) / (2 * h)
    expected = np.sum(gradient * change)
    assert np.sum(correction.pullback(S, gradient) * direction * abs(S)) == pytest.approx(expected, rel=1e-6, abs=1e-7)
    dtype = np.float32 if single else np.float64
    assert correction.pullback(S.astype(dtype), gradient).dtype == correction.apply(S.astype(dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: noise_floor(np.zeros((2, 60)), Setting((64,), 3)), r"fields of shape \(60,\)"),
        (lambda: noise_level(np.zeros(64)), r"real fields \(n_samples, \*grid_shape\)"),
        (lambda: noise_level(np.zeros((2, 64), complex)), "got complex128"),
        (lambda: noise_level(np.zeros((2, 64)), "zero"), "boundary must be 'periodic' or 'reflect'"),
        (lambda: noise_floor(np.zeros((2, 64)), Setting((64,), 3, rectifier="heisenberg")), "rectifier='heisenberg'"),
        (lambda: white_noise_floor(Setting((64,), 3, rectifier="log_modulus")), "the modulus of real fields"),
        (lambda: fine_tune(np.ones((3, 2)), np.ones((3, 3))), "must have the same shape"),
        (lambda: fine_tune(np.ones((0, 2)), np.ones((0, 2))), "at least one sample"),
        (lambda: fine_tune(np.ones((3, 2)), np.ones((3, 2)), ridge=0.0), "ridge must be positive"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
