"""Stuart-Landau and the slow manifold against an independent integrator and their known limits."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skmst.datasets import make_slow_manifold, make_stuart_landau


def integrated(field, start, t):
    solution = solve_ivp(field, (0, t[-1]), start, t_eval=t, method="DOP853", rtol=1e-11, atol=1e-12)
    return solution.y.T


@pytest.mark.parametrize("mu", [0.7, -0.4, 0.0])
def test_stuart_landau_solves_its_equation(mu):
    omega, shear, t = 1.3, 0.6, 0.25 * np.arange(20)

    def field(_, xy):
        z = complex(*xy)
        rate = (mu + 1j * omega) * z - (1 + 1j * shear) * abs(z) ** 2 * z
        return [rate.real, rate.imag]

    x = make_stuart_landau(2, 20, mu=mu, omega=omega, shear=shear, dt=0.25, random_state=0)
    for run in x:
        np.testing.assert_allclose(run, integrated(field, run[0], t), atol=1e-9)


def test_stuart_landau_ends_on_its_limit_cycle():
    mu, omega, shear, dt = 0.5, 2.0, 0.8, 0.1
    x = make_stuart_landau(5, 400, mu=mu, omega=omega, shear=shear, dt=dt, random_state=0)[:, 200:]
    z = x[..., 0] + 1j * x[..., 1]
    np.testing.assert_allclose(np.abs(z), np.sqrt(mu), rtol=1e-8)
    np.testing.assert_allclose(np.angle(z[:, 1:] / z[:, :-1]) / dt, omega - shear * mu, rtol=1e-7)


def test_stuart_landau_can_start_on_the_limit_cycle_and_stay():
    x = make_stuart_landau(3, 2000, mu=4.0, dt=1.0, initial_radius=(2.0, 2.0), random_state=0)
    np.testing.assert_allclose(np.hypot(x[..., 0], x[..., 1]), 2.0, rtol=1e-12)


def test_stuart_landau_stays_at_the_unstable_point():
    x = make_stuart_landau(2, 5, initial_radius=(0, 0), dt=500.0, random_state=0)
    np.testing.assert_array_equal(x, 0.0)


@pytest.mark.parametrize(("mu", "lambda_"), [(-0.05, -1.0), (-0.5, -1.0), (0.1, -2.0), (-1.0, -0.3)])
def test_slow_manifold_solves_its_equation_also_at_resonance(mu, lambda_):
    t = 0.1 * np.arange(30)
    x = make_slow_manifold(2, 30, mu=mu, lambda_=lambda_, random_state=0)
    for run in x:
        exact = integrated(lambda _, xy: [mu * xy[0], lambda_ * (xy[1] - xy[0] ** 2)], run[0], t)
        np.testing.assert_allclose(run, exact, atol=1e-9)


def test_slow_manifold_has_three_eigenfunctions():
    mu, lambda_, dt = -0.05, -1.0, 0.1
    x, y = np.moveaxis(make_slow_manifold(50, 80, mu=mu, lambda_=lambda_, dt=dt, random_state=0), -1, 0)
    b = lambda_ / (lambda_ - 2 * mu)
    for function, rate in ((x, mu), (y - b * x**2, lambda_), (x**2, 2 * mu)):
        np.testing.assert_allclose(function[:, 1:], np.exp(rate * dt) * function[:, :-1], atol=1e-15)


def test_slow_manifold_is_finite_at_late_times():
    assert np.isfinite(make_slow_manifold(2, 100, lambda_=-50.0, dt=10.0, random_state=0)).all()
