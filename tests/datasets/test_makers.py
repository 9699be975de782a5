"""What all makers promise: shapes, float64, seeds, and one clear message per wrong parameter."""

import numpy as np
import pytest

from skmst import datasets

MAKERS = [getattr(datasets, name) for name in datasets.__all__]
SAMPLE_MAKERS = [
    datasets.make_fractional_brownian_motion,
    datasets.make_ising,
    datasets.make_multifractal_random_walk,
    datasets.make_poisson,
]
TRAJECTORY_MAKERS = [m for m in MAKERS if m not in SAMPLE_MAKERS]
FIELD_MAKERS = [
    datasets.make_advection,
    datasets.make_burgers,
    datasets.make_heat,
    datasets.make_kuramoto_sivashinsky,
]


@pytest.mark.parametrize("maker", MAKERS)
def test_equal_seeds_give_equal_data_and_other_seeds_give_other_data(maker):
    size = 1000 if maker is datasets.make_poisson else 4  # events are rare
    first, again, other = (maker(3, size, random_state=seed) for seed in (5, np.random.RandomState(5), 6))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).all()


@pytest.mark.parametrize("maker", TRAJECTORY_MAKERS)
def test_trajectories_are_float64_with_trajectory_time_and_space_axes(maker):
    data = maker(3, 5, random_state=0)
    assert data.shape[:2] == (3, 5)
    assert data.ndim == (4 if maker is datasets.make_navier_stokes else 3)
    assert data.dtype == np.float64
    assert np.isfinite(data).all()


@pytest.mark.parametrize("maker", SAMPLE_MAKERS)
def test_samples_are_float64_with_sample_and_space_axes(maker):
    data = maker(3, 8, random_state=0)
    assert data.shape == ((3, 8, 8) if maker is datasets.make_ising else (3, 8))
    assert data.dtype == np.float64


@pytest.mark.parametrize("maker", [*FIELD_MAKERS, datasets.make_stuart_landau, datasets.make_slow_manifold])
def test_a_longer_run_begins_with_the_shorter_one(maker):
    short, long = maker(3, 4, random_state=0), maker(3, 8, random_state=0)
    np.testing.assert_allclose(long[:, :4], short, atol=1e-14)


@pytest.mark.parametrize("maker", TRAJECTORY_MAKERS)
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_trajectories": 0}, "n_trajectories must be a whole number of at least 1, got 0"),
        ({"n_steps": 2.5}, "n_steps must be a whole number of at least 1, got 2.5"),
        ({"n_steps": True}, "n_steps must be a whole number"),
        ({"dt": 0.0}, "dt must be positive, got 0.0"),
        ({"dt": np.nan}, "dt must be a finite real number, got nan"),
        ({"dt": "fast"}, "dt must be a finite real number, got 'fast'"),
    ],
)
def test_wrong_common_parameters_are_named(maker, parameters, message):
    with pytest.raises(ValueError, match=message):
        maker(**parameters)


@pytest.mark.parametrize(
    ("maker", "parameters", "message"),
    [
        ("burgers", {"viscosity": 0.0}, "viscosity must be positive"),
        ("burgers", {"time_step": -1.0}, "time_step must be positive"),
        ("burgers", {"n_x": 7}, "n_x must be a whole number of at least 8"),
        ("burgers", {"n_x": 32, "max_wavenumber": 11}, "max_wavenumber must be below n_x / 3 = 10.7"),
        ("burgers", {"initial_condition": "box"}, 'must be "random", "sine" or an array of fields'),
        ("navier_stokes", {"viscosity": -1.0}, "viscosity must be at least zero"),
        ("navier_stokes", {"peak_wavenumber": 32}, "peak_wavenumber must be below n_x / 3 = 32.0, got 32"),
        (
            "navier_stokes",
            {"time_step": 0.1},
            r"time_step=0.1 is too long for fluid that moves at .*: take at most 0.0",
        ),
        ("navier_stokes", {"initial_condition": "box"}, 'must be "random", "taylor_green" or an array of fields'),
        ("navier_stokes", {"initial_condition": np.zeros((9, 9))}, r"must have shape \(n_x, n_x\) = \(96, 96\)"),
        ("navier_stokes", {"initial_condition": np.full((96, 96), np.nan)}, "initial_condition contains NaN"),
        ("navier_stokes", {"initial_condition": np.zeros((96, 96), complex)}, "initial_condition must be real"),
        ("prinz", {"time_step": 0.0}, "time_step must be positive"),
        ("kuramoto_sivashinsky", {"burn_in": -1.0}, "burn_in must be at least zero"),
        ("kuramoto_sivashinsky", {"length": 100.0}, "n_x=64 is too coarse for length=100: take at least 100"),
        ("kuramoto_sivashinsky", {"length": np.inf}, "length must be a finite real number"),
        ("heat", {"diffusivity": -1.0}, "diffusivity must be at least zero"),
        ("heat", {"spectral_exponent": None}, "spectral_exponent must be a finite real number"),
        ("advection", {"speed": np.nan}, "speed must be a finite real number"),
        ("ornstein_uhlenbeck", {"theta": 0}, "theta must be positive"),
        ("ornstein_uhlenbeck", {"n_features": 0}, "n_features must be a whole number"),
        ("double_well", {"beta": -3.0}, "beta must be positive"),
        ("stuart_landau", {"mu": 1j}, "mu must be a finite real number"),
        ("stuart_landau", {"initial_radius": (2.0, 1.0)}, "swap them"),
        ("stuart_landau", {"initial_radius": 1.0}, "initial_radius must be a pair"),
        ("slow_manifold", {"amplitude": 0.0}, "amplitude must be positive"),
        ("fractional_brownian_motion", {"hurst": 1.0}, "hurst must lie between 0 and 1"),
        ("fractional_brownian_motion", {"n_x": 1}, "n_x must be a whole number of at least 2"),
        ("ising", {"temperature": 0.0}, "temperature must be positive"),
        ("ising", {"n_x": 2}, "n_x must be a whole number of at least 3"),
        ("ising", {"n_sweeps": 0}, "n_sweeps must be a whole number of at least 1"),
        ("multifractal_random_walk", {"intermittency": 0.5}, "intermittency must be below 0.5"),
        ("multifractal_random_walk", {"intermittency": -0.1}, "intermittency must be at least zero"),
        ("multifractal_random_walk", {"integral_scale": 0}, "integral_scale must be a whole number"),
        ("poisson", {"intensity": -1.0}, "intensity must be at least zero"),
        ("poisson", {"n_dims": 0}, "n_dims must be a whole number of at least 1"),
    ],
)
def test_wrong_physics_is_named(maker, parameters, message):
    with pytest.raises(ValueError, match=message):
        getattr(datasets, f"make_{maker}")(**parameters)


@pytest.mark.parametrize("maker", FIELD_MAKERS)
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (np.zeros(30), r"initial_condition must have shape \(n_x,\) = \(32,\)"),
        (np.zeros((3, 32)), r"= \(2, 32\), got \(3, 32\)"),
        (np.full(32, np.nan), "initial_condition contains NaN"),
        (np.zeros(32, dtype=complex), "initial_condition must be real"),
    ],
)
def test_wrong_initial_fields_are_named(maker, fields, message):
    with pytest.raises(ValueError, match=message):
        maker(2, 3, n_x=32, initial_condition=fields)


@pytest.mark.parametrize("maker", FIELD_MAKERS)
def test_initial_fields_may_be_shared_or_one_each_and_are_left_alone(maker):
    x = 2 * np.pi * np.arange(32) / 32
    shared = np.sin(x)
    each = np.stack([np.sin(x), np.cos(2 * x)])
    given = each.copy()
    burn_in = {"burn_in": 0.0} if maker is datasets.make_kuramoto_sivashinsky else {}
    first = maker(2, 3, n_x=32, initial_condition=shared, **burn_in)
    second = maker(2, 3, n_x=32, initial_condition=each, **burn_in)
    np.testing.assert_allclose(first[:, 0], [shared, shared], atol=1e-15)
    np.testing.assert_allclose(second[:, 0], given, atol=1e-15)
    np.testing.assert_allclose(second[0], first[0], atol=1e-15)
    np.testing.assert_array_equal(each, given)


@pytest.mark.parametrize("maker", FIELD_MAKERS)
def test_a_zero_field_stays_zero(maker):
    assert not maker(1, 3, n_x=32, initial_condition=np.zeros(32)).any()
