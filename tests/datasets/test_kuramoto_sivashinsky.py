"""Kuramoto-Sivashinsky runs against linear theory, identities of the attractor and a published run."""

import numpy as np
import pytest

from skmst.datasets import make_kuramoto_sivashinsky

LENGTH = 22.0


@pytest.fixture(scope="module")
def attractor():
    return make_kuramoto_sivashinsky(24, 1000, random_state=0)


def relative(difference, reference):
    return np.linalg.norm(difference) / np.linalg.norm(reference)


def test_small_waves_grow_and_decay_as_linear_theory_says():
    x = LENGTH * np.arange(64) / 64
    q = 2 * np.pi / LENGTH * np.array([1, 2, 3, 4, 6])
    waves = 1e-9 * np.cos(q[:, np.newaxis] * x)
    u = make_kuramoto_sivashinsky(5, 2, dt=2.0, burn_in=0.0, initial_condition=waves)
    growth = np.log(u[:, 1, 0] / u[:, 0, 0]) / 2.0
    np.testing.assert_allclose(growth, q**2 - q**4, rtol=1e-6)


def test_the_mean_stays_zero_to_the_last_digit(attractor):
    assert np.abs(attractor.mean(axis=-1)).max() < 1e-15


def test_production_balances_dissipation_on_the_attractor(attractor):
    # d/dt <u^2>/2 = <u_x^2> - <u_xx^2> averages to zero.
    power = np.mean(np.abs(np.fft.rfft(attractor)) ** 2, axis=(0, 1))
    k = 2 * np.pi / LENGTH * np.arange(33)
    assert (k**4 * power).sum() == pytest.approx((k**2 * power).sum(), rel=0.01)


def test_every_trajectory_has_the_same_amplitude(attractor):
    rms = np.sqrt((attractor**2).mean(axis=(1, 2)))
    assert rms.mean() == pytest.approx(1.19, abs=0.02)
    assert rms.std() < 0.05


def test_translated_starts_give_translated_runs(attractor):
    start = attractor[:3, 0]
    u = make_kuramoto_sivashinsky(3, 41, burn_in=0.0, initial_condition=start)
    shifted = make_kuramoto_sivashinsky(3, 41, burn_in=0.0, initial_condition=np.roll(start, 5, axis=-1))
    np.testing.assert_allclose(shifted, np.roll(u, 5, axis=-1), atol=1e-11)


def test_error_of_the_step_is_of_fourth_order_and_small_at_the_default(attractor):
    start = attractor[:, 0]

    def after_two_time_units(**time_step):
        return make_kuramoto_sivashinsky(24, 2, dt=2.0, burn_in=0.0, initial_condition=start, **time_step)[:, 1]

    exact = after_two_time_units(time_step=2.0 / 1024)
    errors = [relative(after_two_time_units(time_step=2.0 / n) - exact, exact) for n in (64, 128)]
    assert 3.5 < np.log2(errors[0] / errors[1]) < 4.5
    assert relative(after_two_time_units() - exact, exact) < 3e-6


def test_a_finer_grid_changes_nothing_that_the_coarse_one_resolves(attractor):
    spectrum = np.fft.rfft(attractor[:4, 0])
    fine_start = 2 * np.fft.irfft(spectrum, 128)
    coarse = make_kuramoto_sivashinsky(4, 9, burn_in=0.0, initial_condition=attractor[:4, 0])
    fine = make_kuramoto_sivashinsky(4, 9, n_x=128, burn_in=0.0, initial_condition=fine_start)
    assert relative(fine[..., ::2] - coarse, coarse) < 1e-6


def test_a_published_run_is_reproduced_step_by_step(data_path):
    with np.load(data_path("ks_L32pi.npz")) as data:
        u, length = data["u"][::5].astype(float), float(data["L"])
        after = data["u"][1::5].astype(float)
    u = u[: len(after)]
    ours = make_kuramoto_sivashinsky(
        len(u), 2, length=length, n_x=1024, dt=0.4, burn_in=0.0, time_step=0.025, initial_condition=u
    )
    assert relative(ours[:, 1] - after, after) < 5e-8  # the published values are in single precision


def test_burn_in_is_a_stretch_of_time_before_the_first_step(attractor):
    start = attractor[:2, 0]
    u = make_kuramoto_sivashinsky(2, 9, burn_in=0.0, initial_condition=start)
    later = make_kuramoto_sivashinsky(2, 5, burn_in=1.0, initial_condition=start)
    np.testing.assert_allclose(later, u[:, 4:], atol=1e-13)
