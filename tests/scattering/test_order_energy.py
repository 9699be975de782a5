"""The energy of each order: an exact partition, and the decay from order to order."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst import ScatteringTransformer
from skmst.datasets import make_fractional_brownian_motion
from skmst.scattering.order_energy import order_energies
from skmst.scattering.setting import Setting


@pytest.mark.parametrize("max_order", [0, 1, 2, 3])
@pytest.mark.parametrize("boundary", ["periodic", "reflect"])
@pytest.mark.parametrize("grid_shape", [(128,), (91,), (24, 18), (8, 7, 6)])
def test_orders_and_what_is_left_add_up_to_the_energy_of_the_field(grid_shape, boundary, max_order, rng):
    x = 3.0 + rng.standard_normal((2, *grid_shape))
    setting = Setting(grid_shape, 2, L=3, wavelet="tight", rule="all", boundary=boundary, max_order=max_order)
    energies = order_energies(x, setting)
    assert energies.shape == (2, max_order + 2)
    assert_allclose(energies.sum(axis=1), np.mean(x**2, axis=tuple(range(1, x.ndim))), rtol=1e-10)


def test_phase_harmonics_conserve_energy_too_in_real_and_complex_fields(rng):
    x = rng.standard_normal((2, 64)) + 1j * rng.standard_normal((2, 64))
    for fields in (x.real, x):
        setting = Setting(
            (64,), 3, wavelet="tight", rule="all", rectifier="phase_harmonics", complex_fields=np.iscomplexobj(fields)
        )
        energies = order_energies(fields, setting)
        assert energies.dtype == float
        assert_allclose(energies.sum(axis=1), np.mean(np.abs(fields) ** 2, axis=1), rtol=1e-10)


def test_leaving_out_paths_shows(rng):
    x = rng.standard_normal((2, 256))
    part = order_energies(x, Setting((256,), 4, wavelet="tight")).sum(axis=1) / np.mean(x**2, axis=1)
    assert (part < 0.995).all()
    assert (part > 0.9).all()


def test_energy_falls_with_the_order_for_a_brownian_path_but_not_with_the_printed_heisenberg_form():
    x = make_fractional_brownian_motion(4, 16384, random_state=0)
    x = x - x.mean(axis=1, keepdims=True)
    x /= x.std(axis=1, keepdims=True)

    def mean_energies(rectifier):
        return order_energies(x, Setting((16384,), 8, wavelet="tight", max_order=3, rectifier=rectifier)).mean(axis=0)

    modulus = mean_energies("modulus")
    assert 0.01 < modulus[1] < 0.1
    assert (modulus[2:4] < 0.15 * modulus[1:3]).all()
    assert modulus[-1] < 1e-4
    arcsin = mean_energies("heisenberg")
    assert arcsin[1] < 0.1 * modulus[1]
    assert arcsin[2:].max() < 1e-8
    printed = mean_energies("heisenberg_v4")
    assert printed[1] > 0.5
    assert printed[2] > 5
    assert printed[3] > 25
    # Every path of order three is phase noise of mean square pi^2 / 3: (8 choose 3) of them, each with four signs.
    assert printed[3] + printed[-1] == pytest.approx(56 * 4 * np.pi**2 / 3, rel=0.03)


def test_only_the_tight_bank_adds_up():
    with pytest.raises(ValueError, match="wavelet='tight'"):
        order_energies(np.zeros((1, 16)), Setting((16,), 2))


def test_the_transformer_gives_shares_over_all_its_fields(rng):
    x = rng.standard_normal((3, 4, 2, 64))
    scatter = ScatteringTransformer(J=3, wavelet="tight", paths="all", n_channels=2).fit(x)
    shares = scatter.order_energy(x)
    assert shares.shape == (4,)
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)
    assert_allclose(scatter.order_energy([x[0], 2 * x[0]]), scatter.order_energy(x[0]))
    assert np.isnan(scatter.order_energy(np.zeros((2, 2, 64)))).all()
