"""Low-passes as matrices along the axes against the same filters by Fourier transforms."""

from functools import reduce

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst.scattering import separable
from skmst.scattering.filter_bank import BANKS
from skmst.scattering.lanes import along_axes
from skmst.scattering.separable import factors, matrices

GRIDS = [(64,), (45,), (32, 24), (15, 21), (8, 12, 16), (7, 9, 5)]
DOUBLE = np.dtype(np.float64)


def gaussian_low_pass(grid):
    return BANKS["morlet"](grid, 2, 1, 4).phi(4)


def divisor(n):
    """The number of samples that are left where every second, third, fifth or seventh is kept."""
    return n // next(p for p in (2, 3, 5, 7) if n % p == 0)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_matrices_filter_and_sample(grid, rng):
    hat, axes = gaussian_low_pass(grid), tuple(range(-len(grid), 0))
    coarse = tuple(map(divisor, grid))
    every = tuple(slice(0, m, 1 + axis) for axis, m in enumerate(coarse))
    x = rng.standard_normal((3, *grid))
    smooth = np.fft.ifftn(np.fft.fftn(x, axes=axes) * hat, axes=axes).real
    sampled = smooth[(...,) + tuple(slice(None, None, n // m) for n, m in zip(grid, coarse, strict=True))]
    found = along_axes(matrices(hat, coarse, every, DOUBLE), x)
    assert_allclose(found, sampled[(...,) + every], rtol=0, atol=1e-14)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_the_product_of_the_factors_is_the_filter(grid):
    hat = 0.3 * gaussian_low_pass(grid)
    found = factors(hat)
    assert [len(factor) for factor in found] == list(grid)
    assert_allclose(reduce(np.multiply.outer, found), hat, rtol=0, atol=1e-15)


@pytest.mark.parametrize("grid", [(32, 24), (8, 12, 16)], ids=str)
def test_a_filter_that_is_no_product_has_no_factors(grid):
    frequency = np.sqrt(sum(np.square(f) for f in np.meshgrid(*map(np.fft.fftfreq, grid), indexing="ij")))
    hat = np.exp(-frequency)  # round, but no Gaussian
    assert factors(hat) is None
    assert matrices(hat, grid, (slice(None),) * len(grid), DOUBLE) is None


def test_a_filter_that_takes_out_the_mean_has_no_factors():
    assert factors(np.array([0.0, 1.0, 1.0])) is None


def test_no_matrices_where_transforms_are_faster(monkeypatch):
    hat, whole = gaussian_low_pass((64,)), (slice(None),)
    assert matrices(hat, (64,), whole, DOUBLE) is not None
    monkeypatch.setattr(separable, "COLUMNS", 63)
    assert matrices(hat, (64,), whole, DOUBLE) is None
    assert matrices(hat, (64,), (slice(0, 64, 2),), DOUBLE) is not None
    monkeypatch.setattr(separable, "ENTRIES", 32 * 64 - 1)
    assert matrices(hat, (64,), (slice(0, 64, 2),), DOUBLE) is None


def test_matrices_have_the_precision_that_is_asked_for():
    (matrix,) = matrices(gaussian_low_pass((64,)), (64,), (slice(None),), np.dtype(np.float32))
    assert matrix.dtype == np.float32
