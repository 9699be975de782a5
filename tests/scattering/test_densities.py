"""Densities of points: against the direct sum, and what they integrate to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.scattering.densities import gaussian_density


@pytest.mark.parametrize("grid_shape", [(20,), (12, 9), (8, 7, 10)])
def test_density_is_the_direct_sum_over_points_and_images(grid_shape, rng):
    ndim, sigma = len(grid_shape), 1.1
    positions = rng.uniform(-5, 15, (2, 4, ndim))
    charges = rng.integers(0, 9, (2, 4)).astype(float)
    steps = np.stack(np.meshgrid(*(np.arange(n) for n in grid_shape), indexing="ij"), axis=-1)
    expected = np.zeros((2, *grid_shape))
    for sample in range(2):
        for position, charge in zip(positions[sample], charges[sample], strict=True):
            for image in np.ndindex(*(9,) * ndim):
                u = steps - position + (np.array(image) - 4) * grid_shape
                gauss = np.exp(-(u**2).sum(-1) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma) ** ndim
                expected[sample] += charge * gauss
    assert_allclose(gaussian_density(positions, charges, grid_shape, sigma), expected, rtol=1e-11, atol=1e-15)


@given(sigma=st.floats(1.0, 4.0), x=st.floats(-30, 30), charge=st.floats(0.1, 50))
def test_density_integrates_to_the_charge_wherever_the_point_is(sigma, x, charge):
    density = gaussian_density([[[x, 0.3, -x]]], [[charge]], (9, 8, 7), sigma)
    assert density.sum() == pytest.approx(charge, rel=2e-8)


def test_no_points_no_density():
    assert not gaussian_density(np.zeros((1, 2, 3)), np.zeros((1, 2)), (4, 4, 4), 1.0).any()


@pytest.mark.parametrize(
    ("positions", "charges", "sigma", "message"),
    [
        (np.zeros((2, 3)), np.ones((2, 3)), 1.0, "positions of shape"),
        (np.zeros((1, 2, 2)), np.ones((1, 2)), 1.0, "one coordinate for each axis"),
        (np.zeros((1, 2, 3)), np.ones((1, 3)), 1.0, "one for each point"),
        (np.full((1, 2, 3), np.nan), np.ones((1, 2)), 1.0, "must be finite"),
        (np.zeros((1, 2, 3)), np.ones((1, 2)), 0.0, "sigma=0.0 must be positive"),
    ],
)
def test_density_refuses_what_does_not_fit(positions, charges, sigma, message):
    with pytest.raises(ValueError, match=message):
        gaussian_density(positions, charges, (4, 4, 4), sigma)
