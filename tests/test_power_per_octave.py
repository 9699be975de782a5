"""Power per octave of the wavenumber: Parseval, octave edges, two dimensions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.metrics import power_per_octave


@given(n=st.integers(4, 80), seed=st.integers(0, 10**6))
def test_octaves_add_up_to_the_mean_square_of_the_fluctuation(n, seed):
    u = np.random.default_rng(seed).standard_normal((3, n))
    assert_allclose(power_per_octave(u).sum(axis=-1), u.var(axis=-1), rtol=1e-10)


@pytest.mark.parametrize(("k", "octave"), [(1, 0), (2, 1), (3, 1), (4, 2), (7, 2), (8, 3), (31, 4), (32, 5)])
def test_a_wave_lies_in_the_octave_of_its_wavenumber(k, octave):
    u = np.cos(2 * np.pi * k * np.arange(64) / 64)
    expected = np.zeros(6)
    expected[octave] = 1.0 if k == 32 else 0.5
    assert_allclose(power_per_octave(u), expected, atol=1e-12)


def test_the_wavenumber_of_a_plane_wave_is_its_length():
    x, y = np.meshgrid(np.arange(32), np.arange(32), indexing="ij")
    u = np.sin(2 * np.pi * (3 * x + 4 * y) / 32)[None]  # |k| = 5
    assert_allclose(power_per_octave(u, 4, grid_shape=(32, 32)), [[0, 0, 0.5, 0]], atol=1e-12)


def test_position_does_not_matter(rng):
    u = rng.standard_normal((2, 5, 64))
    assert_allclose(power_per_octave(np.roll(u, 7, axis=-1)), power_per_octave(u), rtol=1e-9)


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="between 1 and 5"):
        power_per_octave(np.zeros(32), 6)
    with pytest.raises(ValueError, match="trailing axes"):
        power_per_octave(np.zeros((3, 32)), grid_shape=(16, 2))
