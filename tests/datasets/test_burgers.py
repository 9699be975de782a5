"""Burgers runs against the Cole-Hopf solution and a published run."""

import numpy as np
import pytest

from skmst.datasets import make_burgers


def potential(u, n_fine):
    """Integral over x of mean-free 2 pi-periodic fields, on a finer grid."""
    spectrum = np.fft.rfft(u) * n_fine / u.shape[-1]
    k = np.arange(spectrum.shape[-1])
    spectrum[..., 1:] /= 1j * k[1:]
    spectrum[..., 0] = 0
    return np.fft.irfft(spectrum, n_fine)


def hopf(u0, viscosity, t, n_fine=2048):
    """The exact solution at time t by quadrature (Hopf 1950, eq. 9)."""
    x = 2 * np.pi * np.arange(len(u0)) / len(u0)
    y = 2 * np.pi * np.arange(-2 * n_fine, 3 * n_fine) / n_fine
    slope = (x[:, np.newaxis] - y) / t
    exponent = -(np.tile(potential(u0, n_fine), 5) + slope**2 * t / 2) / (2 * viscosity)
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return (weight * slope).sum(axis=1) / weight.sum(axis=1)


@pytest.mark.parametrize("t", [0.3, 1.0, 3.0])
def test_resolved_shocks_follow_the_exact_solution(t):
    u = make_burgers(4, 31, amplitude=0.5, n_x=512, time_step=0.00125, random_state=0)
    for run in u:
        np.testing.assert_allclose(run[round(t / 0.1)], hopf(run[0], 0.03, t), atol=1e-6)


def test_the_default_grid_is_within_a_part_in_five_hundred():
    u = make_burgers(6, 31, random_state=0)
    for step in (3, 10, 30):
        exact = np.array([hopf(run[0], 0.03, 0.1 * step) for run in u])
        error = np.linalg.norm(u[:, step] - exact, axis=1) / np.linalg.norm(exact, axis=1)
        assert error.max() < 2e-3


def test_cole_hopf_modes_decay_at_the_rates_of_the_heat_equation():
    viscosity = 0.03
    u = make_burgers(3, 31, viscosity=viscosity, amplitude=0.5, random_state=1)
    phi = potential(u, 2048)
    v = np.fft.rfft(np.exp(-(phi - phi.min(axis=-1, keepdims=True)) / (2 * viscosity)))
    ratio = np.abs(v[..., 1:4] / v[..., :1])
    k = np.array([1, 2, 3])
    for step in (5, 15, 30):
        rate = np.log(ratio[:, step] / ratio[:, 0]) / (0.1 * step)
        np.testing.assert_allclose(rate, np.broadcast_to(-viscosity * k**2, rate.shape), rtol=1e-6)


def test_a_published_run_is_reproduced(data_path):
    with np.load(data_path("burgers_nu0.1.npz")) as data:
        published, viscosity = data["u"], float(data["nu"])
    u = make_burgers(1, 101, viscosity=viscosity, length=16.0, time_step=0.01, initial_condition=published[0])
    np.testing.assert_allclose(u[0], published, atol=1e-7)


def test_a_mean_flow_carries_the_solution_along():
    # Galilean invariance: a mean of c shifts the field by c t; here by 8 grid points per saved step.
    n_x, c = 256, 1.0
    dt = 8 * 2 * np.pi / n_x / c
    still = make_burgers(2, 4, viscosity=0.1, amplitude=0.5, dt=dt, random_state=0)
    carried = make_burgers(2, 4, viscosity=0.1, dt=dt, initial_condition=c + still[:, 0])
    for step in range(4):
        np.testing.assert_allclose(carried[:, step], c + np.roll(still[:, step], 8 * step, axis=-1), atol=1e-7)


@pytest.mark.parametrize(
    ("family", "highest"),
    [
        ({}, 4),
        ({"amplitude": 0.5}, 4),
        ({"max_wavenumber": 8}, 8),
        ({"initial_condition": "sine", "amplitude": 2.0}, 1),
    ],
)
def test_initial_conditions_have_the_amplitude_and_wavenumbers_asked_for(family, highest):
    start = make_burgers(10, 1, random_state=0, **family)[:, 0]
    np.testing.assert_allclose(np.sqrt((start**2).mean(axis=1)), family.get("amplitude", 1.0), rtol=1e-12)
    power = np.abs(np.fft.rfft(start)) ** 2
    assert (power[:, 1 : highest + 1] > 0).all()
    assert power[:, 0].max() < 1e-20
    assert power[:, highest + 1 :].max() < 1e-20
    assert len(np.unique(start[:, 0])) == 10  # each trajectory has its own start


def test_a_step_that_is_too_long_says_so():
    with pytest.raises(ValueError, match="overflowed: make time_step smaller"):
        make_burgers(2, 31, amplitude=10.0, time_step=0.1, random_state=0)
