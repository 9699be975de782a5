"""Two-dimensional flow: exact solutions, conservation laws, and convergence of the scheme."""

import numpy as np
import pytest

from skmst.datasets import make_navier_stokes
from skmst.datasets.navier_stokes import _Plane, _random_vorticity


@pytest.fixture
def plane():
    return _Plane(48, 3.0)


@pytest.fixture
def flow(plane):
    return _random_vorticity(np.random.RandomState(0), 2, plane, 4)


@pytest.mark.parametrize("length", [2 * np.pi, 3.0])
def test_taylor_green_vortices_decay_by_their_wavenumber(length):
    viscosity, dt = 0.02, 0.1
    w = make_navier_stokes(
        3, 8, viscosity=viscosity, length=length, n_x=24, dt=dt, initial_condition="taylor_green", peak_wavenumber=3,
        random_state=0,
    )  # fmt: skip
    k = 3 * 2 * np.pi / length
    expected = w[:, :1] * np.exp(-2 * viscosity * k**2 * dt * np.arange(8))[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(w, expected, atol=1e-11 * k)
    # Unit velocity: mean square of the vorticity is (2 k)^2 / 4, with energy (2 k)^2 / 4 / (2 k^2) = 1 / 2.
    np.testing.assert_allclose((w[:, 0] ** 2).mean(axis=(1, 2)), k**2 * 2 / 2, rtol=1e-12)


def test_a_shear_flow_diffuses_and_does_nothing_else():
    x = 2 * np.pi * np.arange(32) / 32
    start = np.broadcast_to(np.cos(3 * x), (32, 32))
    w = make_navier_stokes(1, 5, viscosity=0.1, n_x=32, initial_condition=start)[0]
    t = 0.2 * np.arange(5)[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(w, start * np.exp(-0.1 * 9 * t), atol=1e-12)


def test_advection_is_minus_velocity_times_the_gradient(plane, flow):
    along, across = (plane.to_field(part) for part in plane.velocity(flow))
    gradient = plane.to_field(1j * plane.k_x * flow), plane.to_field(1j * plane.k_y * flow)
    expected = plane.to_spectrum(-(along * gradient[0] + across * gradient[1]))
    np.testing.assert_allclose(plane.advection(flow), expected, atol=1e-12 * np.abs(expected).max())


def test_advection_keeps_energy_enstrophy_and_circulation(plane, flow):
    change = plane.to_field(plane.advection(flow))
    vorticity, stream = plane.to_field(flow), plane.to_field(flow * plane.inverse)
    size = np.abs(change).mean()
    assert abs((change * stream).mean()) < 1e-13 * size * np.abs(stream).mean()
    assert abs((change * vorticity).mean()) < 1e-13 * size * np.abs(vorticity).mean()
    assert np.abs(plane.advection(flow)[:, 0, 0]).max() == 0


def test_energy_decays_by_enstrophy_and_enstrophy_faster():
    w = make_navier_stokes(2, 41, n_x=48, viscosity=0.01, dt=0.025, random_state=0)
    k = np.fft.fftfreq(48, 1 / 48)
    k_squared = k[:, np.newaxis] ** 2 + k**2
    inverse = np.divide(1.0, k_squared, out=np.zeros_like(k_squared), where=k_squared > 0)
    power = np.abs(np.fft.fft2(w, norm="forward")) ** 2
    energy, enstrophy = 0.5 * (power * inverse).sum(axis=(2, 3)), (power.sum(axis=(2, 3)))
    np.testing.assert_allclose(energy[:, 0], 0.5, rtol=1e-12)
    # dE/dt = -nu <omega^2>; Simpson's rule over the saved steps.
    weights = 0.025 / 3 * np.r_[1, np.tile([4, 2], 19), 4, 1]
    np.testing.assert_allclose(energy[:, -1] - energy[:, 0], -0.01 * enstrophy @ weights, rtol=1e-6)
    assert (enstrophy[:, -1] / enstrophy[:, 0] < 0.9 * energy[:, -1] / energy[:, 0]).all()


def test_the_scheme_is_of_fourth_order():
    common = dict(n_x=32, dt=0.5, viscosity=0.01, random_state=0)
    reference = make_navier_stokes(1, 2, time_step=0.5 / 160, **common)[0, 1]
    errors = [np.abs(make_navier_stokes(1, 2, time_step=0.5 / n, **common)[0, 1] - reference).max() for n in (10, 20)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.4)
    assert errors[1] < 1e-3


def test_default_fields_agree_with_those_of_a_finer_grid():
    coarse = make_navier_stokes(1, 6, random_state=3)
    whole = np.zeros((144, 144), complex)
    k = np.r_[0:32, -31:0]
    whole[np.ix_(k % 144, k % 144)] = np.fft.fft2(coarse[0, 0])[np.ix_(k % 96, k % 96)] * 1.5**2
    start = np.fft.ifft2(whole).real
    fine = make_navier_stokes(1, 6, n_x=144, time_step=0.01, initial_condition=start)[:, :, ::3, ::3]
    coarse = coarse[:, :, ::2, ::2]
    np.testing.assert_allclose(fine[:, 0], coarse[:, 0], atol=1e-11)
    assert np.linalg.norm(fine[:, -1] - coarse[:, -1]) < 0.03 * np.linalg.norm(fine[:, -1])
