"""The linear equations against their symbols."""

import numpy as np
import pytest

from skmst.datasets import make_advection, make_heat


@pytest.mark.parametrize("n_x", [64, 81])
def test_every_wave_of_the_heat_equation_decays_by_its_symbol(n_x):
    length, diffusivity, dt = 3.0, 0.7, 0.01
    u = make_heat(3, 6, diffusivity=diffusivity, length=length, n_x=n_x, dt=dt, random_state=0)
    k = 2 * np.pi / length * np.arange(n_x // 2 + 1)
    t = dt * np.arange(6)
    expected = np.fft.rfft(u[:, :1]) * np.exp(-diffusivity * k**2 * t[:, np.newaxis])
    np.testing.assert_allclose(np.fft.rfft(u), expected, atol=1e-12)


def test_heat_spreads_a_bump_as_a_gaussian():
    x = 2 * np.pi * np.arange(256) / 256 - np.pi
    u = make_heat(1, 4, diffusivity=0.05, dt=0.1, initial_condition=np.exp(-(x**2) / 0.1))[0]
    t = 0.1 * np.arange(4)[:, np.newaxis]
    width = 0.1 + 4 * 0.05 * t
    np.testing.assert_allclose(u, np.sqrt(0.1 / width) * np.exp(-(x**2) / width), atol=1e-12)


@pytest.mark.parametrize("speed", [1.0, -2.5])
def test_advection_translates(speed):
    x = 2 * np.pi * np.arange(33) / 33

    def wave(x):
        return 1.5 + np.sin(x) - 0.3 * np.cos(7 * x)

    u = make_advection(1, 5, speed=speed, n_x=33, dt=0.17, initial_condition=wave(x))[0]
    t = 0.17 * np.arange(5)[:, np.newaxis]
    np.testing.assert_allclose(u, wave(x - speed * t), atol=1e-13)


def test_advection_keeps_the_power_of_every_wave():
    u = make_advection(2, 50, random_state=0)
    power = np.abs(np.fft.rfft(u)) ** 2
    np.testing.assert_allclose(power, np.broadcast_to(power[:, :1], power.shape), atol=1e-9)


@pytest.mark.parametrize(("maker", "exponent"), [(make_heat, 0.0), (make_advection, 2.0)])
def test_random_starts_have_unit_variance_and_the_spectrum_asked_for(maker, exponent):
    u = maker(4000, 1, n_x=64, random_state=0)[:, 0]
    k = np.arange(1, 32)
    power = 2 * np.abs(np.fft.rfft(u)[:, 1:32] / 64) ** 2
    expected = k**-exponent / (k**-exponent).sum()
    # A power is exponentially distributed, so its standard error is its mean over sqrt(4000).
    np.testing.assert_allclose(power.mean(axis=0), expected, rtol=4 / np.sqrt(4000))
    assert power.sum(axis=1).mean() == pytest.approx(1.0, abs=3 * power.sum(axis=1).std() / np.sqrt(4000))
    assert np.abs(u.mean(axis=1)).max() < 1e-13
