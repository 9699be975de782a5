"""The energy in each scale as the state of a true master equation: what leaves the scales is dissipated."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst import MasterEquationPredictor
from skmst.datasets import make_advection, make_burgers, make_heat, make_kuramoto_sivashinsky, make_navier_stokes
from skmst.master_equation.constraints import stochastic_kernels, with_dissipated_state
from skmst.master_equation.generators import generator_of
from skmst.master_equation.rates import mean_first_passage_times
from skmst.master_equation.states import energy_fractions
from skmst.scattering.cascade import Setting
from skmst.scattering.statistics import band_energies

N_STEPS = 10_000


def energies(fields, J):
    """Energies (n_trajectories, n_steps, J + 1): mean and coarsest scales, then finest to coarser scales."""
    grid = fields.shape[2:]
    found = band_energies(fields.reshape(-1, *grid), Setting(grid, J, L=1, wavelet="tight"))
    return found.reshape(*fields.shape[:2], -1)


def fractions(fields, J):
    """Fractions of energy (n_trajectories, n_steps, J + 2), the last of them dissipated."""
    return energy_fractions(energies(fields, J))


def window_moments(p, n_terms):
    n = p.shape[1] - n_terms
    history = np.concatenate([p[:, n_terms - 1 - l : n_terms - 1 - l + n] for l in range(n_terms)], axis=-1)
    history, later = history.reshape(-1, history.shape[-1]), p[:, n_terms:].reshape(-1, p.shape[-1])
    return history.T @ history / len(history), later.T @ history / len(history)


def fit(p, n_terms=1):
    """Kernels of the bands, with the dissipated state as the last."""
    return with_dissipated_state(stochastic_kernels(*window_moments(p[..., :-1], n_terms), constraint="substochastic"))


def free_run(kernels, history, n_steps):
    window, step = history[::-1].ravel(), kernels.transpose(1, 0, 2).reshape(kernels.shape[1], -1)
    states = np.empty((n_steps, len(step)))
    for t in range(n_steps):
        window = np.concatenate([step @ window, window[: -len(step)]])
        states[t] = window[: len(step)]
    return states


def test_advection_keeps_every_fraction():
    p = fractions(make_advection(40, 20, random_state=0), 6)
    assert_allclose(p, np.broadcast_to(p[:, :1], p.shape), atol=1e-12)
    kernels = fit(p)
    assert_allclose(kernels[0], np.eye(8), atol=1e-12)
    assert_allclose(free_run(kernels, p[0, :1], N_STEPS), np.broadcast_to(p[0, 0], (N_STEPS, 8)), atol=1e-12)
    found = generator_of(kernels[0])
    assert found.embeddable
    assert_allclose(found.matrix, 0, atol=1e-12)


def test_diffusion_is_loss_only_at_twice_the_diffusivity_times_the_squared_wavenumber(rng):
    # One wave at the centre of each octave: each band holds one wavenumber, so its energy decays as one exponential.
    k, nu, dt = 64 / 2.0 ** np.arange(6), 0.7, 1e-4
    x = 2 * np.pi * np.arange(256) / 256
    waves = np.cos(k[:, np.newaxis] * x + rng.uniform(0, 2 * np.pi, (40, 6, 1)))
    start = np.einsum("tk,tkx->tx", rng.uniform(0.5, 1, (40, 6)), waves) + 0.3
    u = make_heat(40, 30, diffusivity=nu, dt=dt, initial_condition=start)
    p = fractions(u, 6)
    kernels = fit(p)
    found = generator_of(kernels[0], dt)
    assert found.embeddable
    rates = np.r_[0, 2 * nu * k**2]
    expected = np.diag(np.r_[-rates, 0])
    expected[-1] += np.r_[rates, 0]
    assert_allclose(found.matrix, expected, atol=1e-3 * rates.max(), rtol=1e-3)
    assert_allclose(np.diag(found.matrix)[1:-1], -rates[1:], rtol=1e-9)
    between = found.matrix[:-1, :-1] - np.diag(np.diag(found.matrix)[:-1])
    assert np.abs(between).max() < 1e-9  # loss only
    # A wave is dissipated after the mean life 1 / (2 nu k^2); the mean of the field, never.
    assert_allclose(mean_first_passage_times(found.matrix, 7, interval=None), [np.inf, *(1 / rates[1:]), 0], rtol=1e-9)


def test_fractions_of_burgers_stay_probabilities_for_ten_thousand_steps():
    E = energies(make_burgers(60, 31, viscosity=0.03, n_x=256, dt=0.1, random_state=0), 7)
    p = energy_fractions(E[40:])
    size = np.linalg.norm(p[:, 5:], axis=(1, 2))
    persistence = np.median(np.linalg.norm(p[:, 4:5] - p[:, 5:], axis=(1, 2)) / size)
    errors = {}
    for n_terms in (1, 5):
        model = MasterEquationPredictor(n_terms, state="energy", constraint="stochastic").fit(E[:40])
        misses = model.forecast_probabilities(E[40:, :5], 26) - p[:, 5:]
        errors[n_terms] = np.median(np.linalg.norm(misses, axis=(1, 2)) / size)
        states = model.forecast_probabilities(E[40:42, :5], N_STEPS)
        assert states.min() >= 0
        assert states.max() <= 1 + 1e-12
        assert_allclose(states.sum(axis=-1), 1, atol=1e-12)
        assert np.diff(states[..., -1], axis=1).min() >= -1e-12  # what is dissipated does not come back
        assert states[:, -1, -1].min() > 0.999
        assert_allclose(model.stationary_distribution_, np.eye(9)[-1], atol=0)
    assert errors[5] < errors[1] < 0.15 * persistence


def test_enstrophy_in_two_dimensions_goes_to_finer_scales_and_is_lost_the_faster_the_finer():
    w = make_navier_stokes(6, 11, n_x=48, viscosity=0.01, dt=0.1, random_state=0)
    p = fractions(w, 4)
    kernels = fit(p)
    states = free_run(kernels, p[0, :1], 1000)
    assert states.min() >= 0
    assert_allclose(states.sum(axis=1), 1, atol=1e-13)
    # Columns: the low-pass, then octaves from the finest on; the last row is what is lost in a step.
    assert (np.diff(kernels[0, -1, 1:5]) < 0).all()
    assert kernels[0, 1, 2] > 0.01 > 10 * kernels[0, 2, 1]


def test_a_system_with_sources_of_energy_is_refused():
    u = make_kuramoto_sivashinsky(2, 200, burn_in=0.0, random_state=0)
    with pytest.raises(ValueError, match=r"the total energy of trajectory \d grows at step \d+"):
        fractions(u, 4)
