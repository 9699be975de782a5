"""The exponential integrator against closed forms."""

import numpy as np
import pytest

from skmst.datasets._etdrk4 import ETDRK4, advance, self_advection, to_spectrum, wavenumbers


def test_linear_equations_are_solved_exactly_however_stiff():
    rates = np.array([0.0, -1.0, 0.5, -1e6])
    stepper = ETDRK4(rates, np.zeros_like, step=0.3)
    v = np.ones(4, dtype=complex)
    np.testing.assert_allclose(advance(stepper, v, 3), np.exp(0.9 * rates), rtol=1e-14)


def test_without_a_linear_term_the_scheme_is_classical_runge_kutta():
    stepper = ETDRK4(np.zeros(1), np.zeros_like, step=0.2)
    coefficients = [stepper.q[0], stepper.f1[0], stepper.f2[0], stepper.f3[0]]
    np.testing.assert_allclose(coefficients, 0.2 * np.array([1 / 2, 1 / 6, 1 / 6, 1 / 6]), rtol=1e-13)


@pytest.mark.parametrize("rate", [-3.0, -1e-9, 1.0, -0.5 + 4j])
def test_error_falls_with_the_fourth_power_of_the_step(rate):
    def error(n_steps):
        stepper = ETDRK4(np.array([rate]), lambda v: v**2, step=1 / n_steps)
        bernoulli = 0.3 * np.exp(rate) / (1 - 0.3 * np.expm1(rate) / rate)  # v' = rate v + v^2, v(0) = 0.3
        return abs(advance(stepper, np.array([0.3 + 0j]), n_steps)[0] - bernoulli)

    order = np.log2(error(32) / error(64))
    assert 3.8 < order < 4.2


def test_self_advection_is_free_of_aliasing():
    n_x, length = 48, 5.0
    k = wavenumbers(n_x, length)
    x = length * np.arange(n_x) / n_x
    # The square of the highest kept wave aliases onto wavenumber 48 - 30 = 18, which is not kept.
    assert len(k) == 16
    u = np.cos(k[15] * x) + np.sin(k[2] * x)
    # -u u_x = -(u^2/2)_x; of the products only wavenumbers 4, 13 (and 17, 30) arise.
    expected = -0.25 * k[4] * np.sin(k[4] * x) + 0.5 * (k[15] - k[2]) * np.cos((k[15] - k[2]) * x)
    np.testing.assert_allclose(self_advection(k, n_x)(to_spectrum(u)), to_spectrum(expected), atol=1e-11)
