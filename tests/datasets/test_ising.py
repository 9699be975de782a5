"""The Ising model against its exact solution."""

import numpy as np
import pytest
from scipy.integrate import quad

from skmst.datasets import make_ising
from skmst.datasets.ising import CRITICAL_TEMPERATURE
from tests.sampling import assert_mean_within_errors


def energy_per_site(spins):
    return -(spins * np.roll(spins, 1, 1) + spins * np.roll(spins, 1, 2)).mean(axis=(1, 2))


def log_partition_function(K, n):
    """Kaufman 1949, Phys. Rev. 76, 1232, eq. (35), on the n x n torus, in logarithms; K is 1 / temperature."""
    l = np.arange(2 * n)
    gamma = np.arccosh(np.cosh(2 * K) / np.tanh(2 * K) - np.cos(np.pi * l / n))
    gamma[0] = 2 * K + np.log(np.tanh(K))
    odd, even = n / 2 * gamma[1::2], n / 2 * gamma[0::2]
    half = [np.log(2 * np.cosh(odd)).sum(), np.log(2 * np.sinh(odd)).sum(), np.log(2 * np.cosh(even)).sum()]
    signs, last = [1.0, 1.0, 1.0], 2 * np.sinh(even)
    half.append(np.log(np.maximum(np.abs(last), np.finfo(float).tiny)).sum())
    signs.append(np.sign(last).prod())  # negative above the critical point, zero at it
    top = max(half)
    total = sum(sign * np.exp(h - top) for sign, h in zip(signs, half, strict=True))
    return n * n / 2 * np.log(2 * np.sinh(2 * K)) + top + np.log(total / 2)


def torus_energy(temperature, n):
    """Exact energy per site of the n x n torus, at a temperature in units of the critical one."""
    K, h = 1 / (temperature * CRITICAL_TEMPERATURE), 1e-4
    return -(log_partition_function(K + h, n) - log_partition_function(K - h, n)) / (2 * h * n * n)


def onsager_energy(temperature):
    """Energy per site of the infinite lattice: Onsager 1944, as in McCoy & Wu 1973, chapter 5."""
    K = 1 / (temperature * CRITICAL_TEMPERATURE)
    modulus = 2 * np.sinh(2 * K) / np.cosh(2 * K) ** 2
    integral = quad(lambda angle: 1 / np.sqrt(1 - (modulus * np.sin(angle)) ** 2), 0, np.pi / 2, points=[np.pi / 2])[0]
    return -(1 + 2 / np.pi * (2 * np.tanh(2 * K) ** 2 - 1) * integral) / np.tanh(2 * K)


def test_the_partition_function_of_the_torus_counts_all_configurations():
    spins = 1 - 2.0 * ((np.arange(2**9)[:, np.newaxis] >> np.arange(9)) & 1).reshape(-1, 3, 3)
    for K in (0.2, 0.5):
        weights = np.exp(-9 * K * energy_per_site(spins))
        assert log_partition_function(K, 3) == pytest.approx(np.log(weights.sum()), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.8, 1.0, 1.3])
def test_the_energy_is_that_of_the_torus(temperature):
    assert_mean_within_errors(
        energy_per_site(make_ising(40, 32, temperature=temperature, random_state=0)), torus_energy(temperature, 32)
    )


def test_the_critical_energy_tends_to_minus_the_root_of_two_as_one_over_the_size():
    # Ferdinand & Fisher 1969, Phys. Rev. 185, 832: the amplitude of 1 / n is .622 on the square torus.
    excess = -np.sqrt(2) - torus_energy(1.0, 64)
    assert 64 * excess == pytest.approx(0.622, abs=2e-3)
    energy = energy_per_site(make_ising(16, 96, n_sweeps=60, random_state=3))
    assert_mean_within_errors(energy, -np.sqrt(2) - excess * 64 / 96)


@pytest.mark.parametrize("temperature", [0.8, 1.3, 2.0])
def test_off_the_critical_point_the_energy_is_onsagers(temperature):
    assert torus_energy(temperature, 64) == pytest.approx(onsager_energy(temperature), abs=1e-5)
    spins = make_ising(40, 64, temperature=temperature, n_sweeps=30, random_state=1)
    assert_mean_within_errors(energy_per_site(spins), onsager_energy(temperature))


@pytest.mark.parametrize("temperature", [0.7, 0.9])
def test_the_magnetisation_below_the_critical_point_is_yangs(temperature):
    # Yang 1952, Phys. Rev. 85, 808.
    magnetisation = make_ising(40, 64, n_sweeps=40, temperature=temperature, random_state=2).mean(axis=(1, 2))
    expected = (1 - np.sinh(2 / (temperature * CRITICAL_TEMPERATURE)) ** -4) ** 0.125
    assert_mean_within_errors(np.abs(magnetisation), expected)
    assert 8 < (magnetisation > 0).sum() < 32  # no sign is preferred


def test_spins_are_plus_or_minus_one_and_unordered_above_the_critical_point():
    spins = make_ising(40, 48, temperature=3.0, n_sweeps=20, random_state=0)
    assert set(np.unique(spins)) == {-1.0, 1.0}
    assert_mean_within_errors(spins.mean(axis=(1, 2)), 0.0)
