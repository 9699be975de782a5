"""Which paths the rules select, how much energy they keep, and what they are called."""

import math

import numpy as np
import pytest

from skmst.datasets import make_fractional_brownian_motion, make_kuramoto_sivashinsky
from skmst.scattering.filter_bank import BANKS, mirror
from skmst.scattering.paths import successors
from skmst.scattering.setting import Setting

GRIDS = [dict(grid_shape=(256,)), dict(grid_shape=(64, 64), L=4), dict(grid_shape=(16, 16, 16), L=3)]


@pytest.mark.parametrize("wavelet", ["morlet", "tight"])
@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: str(g["grid_shape"]))
def test_with_one_wavelet_per_octave_paths_go_to_larger_scales(grid, wavelet):
    setting = Setting(**grid, J=4, wavelet=wavelet, max_order=3)
    first, later = setting.wavelets()
    L = setting.L if len(setting.grid_shape) > 1 else 1
    n_octaves = len(first) // L
    expected = [math.comb(n_octaves, order) * L**order for order in range(4)]
    paths = setting.paths()
    assert [sum(len(path) == order for path in paths) for order in range(4)] == expected
    for path in paths:
        octaves = [bank[n].j for n, bank in zip(path, (first, later, later), strict=False)]
        assert octaves == sorted(set(octaves))


def share(x, bank, Q, rule):
    """Part of the fluctuations of |x * psi_1| that the selected wavelets psi_2 keep, on all scales together."""
    n = x.shape[-1]
    first, then = BANKS[bank]((n,), 6, Q), BANKS[bank]((n,), 6, 1)
    power = np.mean(np.abs(np.fft.fft(np.abs(np.fft.ifft(np.fft.fft(x)[:, None] * first.psi())))) ** 2, axis=0)
    energy = power @ np.stack([0.5 * (hat**2 + mirror(hat**2)) for hat in then.psi()]).T
    follow = successors(first.wavelets(), then.wavelets(), rule)
    kept = sum(energy[n1, follow[n1]].sum() for n1 in range(len(follow)))
    return kept / energy.sum(), sum(map(len, follow))


@pytest.fixture(scope="module")
def fields():
    waves = make_kuramoto_sivashinsky(1, 60, length=88.0, n_x=256, dt=5.0, random_state=0)
    return {
        "white": np.random.default_rng(0).standard_normal((16, 1024)),
        "Brownian": make_fractional_brownian_motion(16, 1024, random_state=0),
        "waves": waves.reshape(-1, waves.shape[-1]),
    }


@pytest.mark.parametrize("Q", [1, 2, 4, 8])
def test_by_bandwidth_more_energy_is_kept_than_by_kymatio_s_rule(fields, Q):
    for x in fields.values():
        assert share(x, "morlet", Q, "bandwidth")[0] > share(x, "morlet", Q, "kymatio")[0]


def test_by_bandwidth_half_the_paths_of_the_tight_bank_keep_nearly_all_that_kymatio_s_rule_does(fields):
    for x in fields.values():
        one, kymatio = share(x, "tight", 1, "bandwidth"), share(x, "tight", 1, "kymatio")
        assert one == kymatio
        kept, n_pairs = share(x, "tight", 8, "bandwidth")
        kept_by_kymatio, n_pairs_of_kymatio = share(x, "tight", 8, "kymatio")
        assert n_pairs < 0.5 * n_pairs_of_kymatio
        assert kept > kept_by_kymatio - 0.06


def test_every_pair_keeps_all(fields):
    assert share(fields["white"], "tight", 8, "all")[0] == pytest.approx(1.0, abs=1e-12)


def test_after_a_rectifier_that_keeps_the_phase_the_width_of_a_band_does_not_limit_what_follows():
    bank = BANKS["tight"]
    first, then = bank((512,), 5, 8).wavelets(), bank((512,), 5, 1).wavelets()
    for w, follow in zip(first, successors(first, then, keeps_phase=True), strict=True):
        assert [n for n, other in enumerate(then) if other.frequency < w.frequency * (1 - 1e-9)] == follow


def test_names_and_columns_of_higher_orders_and_mirror_images():
    table = Setting((32,), 4, wavelet="tight", max_order=3).table()
    assert table["name"][-1] == "s3_j1_j2_j3"
    assert table["j3"][-1] == 3
    assert table["j3"][0] == -1
    signed = Setting((32,), 2, wavelet="tight", rectifier="heisenberg").table()
    assert list(signed["name"]) == ["s0", "s1_j0", "s1_j1", "s2_j0_j1", "s2_j0_j1m"]
    assert list(signed["sign2"]) == [0, 0, 0, 1, -1]
    assert signed["angle2"][-1] == pytest.approx(np.pi)
    both = Setting((32,), 2, wavelet="tight", rectifier="heisenberg", complex_fields=True, max_order=1).table()
    assert list(both["name"]) == ["s0", "s1_j0", "s1_j1", "s1_j0m", "s1_j1m"]


def test_in_space_the_table_has_directions():
    table = Setting((8, 8, 8), 2, L=3, wavelet="tight", rectifier="heisenberg").table()
    last = np.array([table[f"direction2_{axis}"][-1] for axis in "xyz"])
    assert np.linalg.norm(last) == pytest.approx(1.0)
    assert table["name"][-1].endswith("m")
    assert np.isnan(table["direction2_x"][0])


def test_the_table_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        Setting((32,), 2).table()["order"][0] = 5
