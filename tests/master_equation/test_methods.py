"""Linear forms of models with memory, from exact second moments of the lumped chain."""

import numpy as np
import pytest

from skmst.master_equation._methods import METHODS
from skmst.utils.delay_model import AffineMap
from skmst.utils.linalg import jittered_cholesky
from tests.master_equation import lumped_chain

MARKOV = np.diag([0.5, 0.4])
DIFFERENCE = np.array([1.0, -1.0])


def form_of(method, n_terms):
    n_states = n_terms + 1 + (method == "qmsm")
    return METHODS[method](lumped_chain.window_covariance(n_states), n_terms, 0.0, 1)


def markov_covariance(n_states):
    """Exact covariance of windows of the chain whose states are all seen."""
    powers = [np.linalg.matrix_power(lumped_chain.A, n) for n in range(n_states)]
    C = powers * lumped_chain.STATIONARY - np.outer(lumped_chain.STATIONARY, lumped_chain.STATIONARY)
    return np.block([[C[j - i] if j >= i else C[i - j].T for j in range(n_states)] for i in range(n_states)])


@pytest.mark.parametrize("n_terms", [1, 2, 6])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_an_exactly_markov_chain_has_no_memory(method, n_terms):
    """Kernels beyond the first are zero and the forecast of p is T^k p, no step off."""
    n_states = n_terms + 1 + (method == "qmsm")
    covariance = markov_covariance(n_states)
    form = METHODS[method](covariance, n_terms, 0.0, 2)
    centred = np.eye(3) - np.outer(lumped_chain.STATIONARY, np.ones(3))
    np.testing.assert_allclose(form.kernels[0] @ centred, lumped_chain.A @ centred, atol=1e-10)
    np.testing.assert_allclose(form.kernels[1:] @ centred, 0, atol=1e-10)
    mean, same = np.tile(lumped_chain.STATIONARY, n_states), AffineMap(np.eye(3), np.zeros(3))
    model = form.model(
        mean,
        n_terms=n_states - 1,
        lag=1,
        read_state=same,
        read_output=same,
        state_of_latent=None,
        history_mean=mean[3:],
        history_factor=jittered_cholesky(covariance[3:, 3:]),
    )
    p = np.array([np.linalg.matrix_power(lumped_chain.A, n)[:, 0] for n in range(40)])
    out = model.forecast(p[None, :10], np.array([9]), 30, lambda states: states, as_state=False)
    np.testing.assert_allclose(out[0, 0], p[10:], atol=1e-10)


@pytest.mark.parametrize("method", ["igme", "tcl"])
def test_propagators_know_the_slow_mode_once_memory_is_over(method):
    assert np.abs(np.linalg.eigvals(form_of(method, 60).matrix)).max() == pytest.approx(0.92095, abs=1e-5)
    few = np.abs(np.linalg.eigvals(form_of(method, 4).matrix)).max()
    assert np.exp(-1 / 9.056) < few < 0.92095  # better than one lag, not as good as many


@pytest.mark.parametrize("method", ["mori", "igme", "tcl"])
def test_kernels_are_those_of_the_propagators(method):
    found = form_of(method, 8).kernels @ DIFFERENCE
    np.testing.assert_allclose(found, lumped_chain.kernels(8) @ DIFFERENCE, atol=1e-10)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_memory_can_be_kept_in_part(method):
    form = form_of(method, 5)
    np.testing.assert_allclose(form.with_memory(1.0, MARKOV).matrix, form.matrix, atol=1e-14)
    none = np.linalg.eigvals(form.with_memory(0.0, MARKOV).matrix)
    found = none[np.abs(none) > 0.39]
    # What memory variables remember decays by itself; it no longer acts on the state.
    assert {0.4, 0.5} <= set(np.round(found.real, 8))
    half = form.with_memory(0.5, MARKOV)
    assert np.abs(half.matrix - 0.5 * (form.matrix + form.with_memory(0.0, MARKOV).matrix)).max() < 1e-12


@pytest.mark.parametrize("method", sorted(METHODS))
def test_drift_of_the_mean(method):
    n_states = 6 + (method == "qmsm")
    form = form_of(method, 5)
    steady = np.tile([0.3, 0.7], n_states)
    assert not form.drift(steady).any()
    assert form.drift(np.arange(2.0 * n_states))[0] == pytest.approx(-2)
