"""Signals beside each other at every point: views, and products along the axes of the grid."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmst.scattering.lanes import along_axes, as_real, grid_first, grid_last

GRIDS = [(7,), (5, 6), (4, 3, 5)]
SUBSCRIPTS = {1: "...x,ax->...a", 2: "...xy,ax,by->...ab", 3: "...xyz,ax,by,cz->...abc"}


def draw(rng, shape, dtype):
    signals = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    return (signals if np.issubdtype(dtype, np.complexfloating) else signals.real).astype(dtype)


def in_layout(signals, ndim, layout):
    """The same numbers, the last axis or the signals fastest in memory, or neither."""
    if layout == "every other":
        return np.repeat(signals, 2, axis=-1)[..., ::2]
    return signals if layout == "grid last" else grid_last(np.ascontiguousarray(grid_first(signals, ndim)), ndim)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("layout", ["grid last", "grid first", "every other"])
@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_matrices_along_the_axes_are_an_einsum(grid, leading, layout, dtype, rng):
    signals = in_layout(draw(rng, (*leading, *grid), dtype), len(grid), layout)
    matrices = [rng.standard_normal((n - 2, n)).astype(signals.real.dtype) for n in grid]
    found = along_axes(matrices, signals)
    assert found.dtype == dtype
    expected = np.einsum(SUBSCRIPTS[len(grid)], signals.astype(np.complex128), *matrices)
    assert_allclose(found, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


def test_signals_are_left_as_they_were(rng):
    signals = rng.standard_normal((3, 5, 6))
    before = signals.copy()
    along_axes([np.eye(5), np.zeros((2, 6))], signals)
    assert_array_equal(signals, before)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_the_grid_first_is_a_view_that_the_grid_last_undoes(grid, rng):
    signals = rng.standard_normal((2, 3, *grid))
    lanes = grid_first(signals, len(grid))
    assert lanes.shape == (*grid, 3, 2)
    assert np.shares_memory(lanes, signals)
    assert_array_equal(grid_last(lanes, len(grid)), signals)


def test_complex_numbers_are_pairs_of_real_ones():
    assert_array_equal(as_real(np.array([1 + 2j, 3 - 4j])), [1, 2, 3, -4])
