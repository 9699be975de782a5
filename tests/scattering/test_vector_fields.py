"""Divergence and vorticity: flows that are known, identities of vector calculus, and transposes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.datasets import make_navier_stokes
from skmst.scattering.vector_fields import (
    divergence,
    divergence_transpose,
    velocity_of_vorticity,
    vorticity,
    vorticity_transpose,
    with_derived,
    with_derived_transpose,
)

GRIDS = [(12,), (9,), (8, 8), (9, 10), (7, 9), (8, 9, 10), (7, 7, 7)]
BOUNDARIES = ["periodic", "reflect"]


def circle(n, length=2 * np.pi):
    return length * np.arange(n) / n


def steps_of(grid):
    """A period of 2 pi, 4 pi, 6 pi along the axes."""
    return [2 * np.pi * (axis + 1) / n for axis, n in enumerate(grid)]


def spectral_slopes(potential, grid):
    """Gradient (d, *grid) by a matrix of derivatives along each axis, column by column."""
    slopes = []
    for axis, (n, h) in enumerate(zip(grid, steps_of(grid), strict=True)):
        k = np.arange(1, (n - 1) // 2 + 1)
        gap = circle(n)[:, np.newaxis, np.newaxis] - circle(n)[np.newaxis, :, np.newaxis]
        matrix = -2 / n * 2 * np.pi / (n * h) * (k * np.sin(k * gap)).sum(axis=-1)
        slopes.append(np.moveaxis(np.tensordot(matrix, potential, axes=(1, axis)), 0, axis))
    return np.stack(slopes)


def test_taylor_green_vortices_turn_and_do_not_spread():
    x, y = np.meshgrid(circle(16), circle(15), indexing="ij")
    u = np.stack([np.cos(x) * np.sin(y), -np.sin(x) * np.cos(y)])[np.newaxis]
    spacing = (2 * np.pi / 16, 2 * np.pi / 15)
    assert_allclose(vorticity(u, spacing)[0], -2 * np.cos(x) * np.cos(y), atol=1e-13)
    assert_allclose(divergence(u, spacing), 0, atol=1e-13)


@pytest.mark.parametrize("n", [9, 12])
def test_the_abc_flow_is_its_own_curl(n):
    # Beltrami: Arnold 1965; Dombre et al. 1986, J. Fluid Mech. 167, 353.
    A, B, C = 1.0, np.sqrt(2 / 3), np.sqrt(1 / 3)
    x, y, z = np.meshgrid(*[circle(n)] * 3, indexing="ij")
    u = np.stack([A * np.sin(z) + C * np.cos(y), B * np.sin(x) + A * np.cos(z), C * np.sin(y) + B * np.cos(x)])
    u = u[np.newaxis]
    assert_allclose(vorticity(u, 2 * np.pi / n), u, atol=1e-13)
    assert_allclose(divergence(u, 2 * np.pi / n), 0, atol=1e-13)


@pytest.mark.parametrize("grid", [g for g in GRIDS if len(g) > 1])
def test_gradients_have_no_vorticity_and_curls_no_divergence(grid, rng):
    spacing = steps_of(grid)
    gradient = spectral_slopes(rng.standard_normal(grid), grid)[np.newaxis]
    assert np.abs(divergence(gradient, spacing)).max() > 1
    assert_allclose(vorticity(gradient, spacing), 0, atol=1e-12 * np.abs(gradient).max() * max(grid))
    if len(grid) == 3:
        curl = vorticity(rng.standard_normal((1, 3, *grid)), spacing)
    else:
        curl = velocity_of_vorticity(rng.standard_normal((1, *grid)), spacing)
    assert_allclose(divergence(curl, spacing), 0, atol=1e-12 * np.abs(curl).max() * max(grid))


@pytest.mark.parametrize("grid", GRIDS)
def test_the_divergence_of_each_component_is_its_slope(grid, rng):
    potential = rng.standard_normal(grid)
    slopes = spectral_slopes(potential, grid)
    for axis in range(len(grid)):
        u = np.zeros((1, len(grid), *grid))
        u[0, axis] = potential
        assert_allclose(divergence(u, steps_of(grid))[0], slopes[axis], atol=1e-11)


def test_the_wave_at_the_nyquist_frequency_has_no_slope():
    u = np.where(np.arange(10) % 2, 1.0, -1.0).reshape(1, 1, 10)
    assert_allclose(divergence(u), 0, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_kinds_of_numbers_are_kept(dtype, boundary, rng):
    u = (rng.standard_normal((2, 2, 6, 7)) * (1 + (1j if np.iscomplexobj(dtype(0)) else 0))).astype(dtype)
    out = with_derived(u, 0.5, boundary)
    assert out.dtype == dtype
    assert with_derived_transpose(out, 0.5, boundary).dtype == dtype
    assert_allclose(out.real, with_derived(u.real, 0.5, boundary), rtol=1e-4, atol=1e-5)


def test_differences_on_a_grid_that_ends_are_exact_for_parabolas_and_of_second_order():
    errors = []
    for n in (20, 40):
        x = np.linspace(0, 1, n)
        X, Y = np.meshgrid(x, x, indexing="ij")
        parabola = np.stack([X**2 + 3 * X * Y, 2 * Y**2 - X])[np.newaxis]
        assert_allclose(divergence(parabola, x[1], "reflect")[0], 2 * X + 7 * Y, atol=1e-12)
        assert_allclose(vorticity(parabola, x[1], "reflect")[0], -1 - 3 * X, atol=1e-12)
        u = np.stack([np.sin(3 * X), np.cos(2 * Y)])[np.newaxis]
        errors.append(np.abs(divergence(u, x[1], "reflect")[0] - 3 * np.cos(3 * X) + 2 * np.sin(2 * Y)).max())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)


@given(grid=st.sampled_from(GRIDS), boundary=st.sampled_from(BOUNDARIES), seed=st.integers(0, 999))
def test_transposes_pass_products_on(grid, boundary, seed):
    rng, d, spacing = np.random.default_rng(seed), len(grid), steps_of(grid)
    u = rng.standard_normal((2, d, *grid)) + 1j * rng.standard_normal((2, d, *grid))
    pairs = [(divergence, divergence_transpose), (with_derived, with_derived_transpose)]
    for forward, transpose in [*pairs, (vorticity, vorticity_transpose)] if d > 1 else pairs:
        image = forward(u, spacing, boundary)
        g = rng.standard_normal(image.shape) + 1j * rng.standard_normal(image.shape)
        back = transpose(g, spacing, boundary)
        assert back.shape == u.shape
        assert np.sum(g * image) == pytest.approx(np.sum(back * u), rel=1e-10, abs=1e-9)


@pytest.mark.parametrize(("grid", "n_channels"), [((8,), 2), ((8, 9), 4), ((5, 6, 7), 7)])
def test_channels_are_velocity_divergence_vorticity(grid, n_channels, rng):
    u = rng.standard_normal((3, len(grid), *grid))
    given = u.copy()
    channels = with_derived(u, 0.1)
    assert channels.shape == (3, n_channels, *grid)
    d = len(grid)
    assert_allclose(channels[:, :d], given)
    assert_allclose(channels[:, d], divergence(u, 0.1))
    if d > 1:
        assert_allclose(channels[:, d + 1 :].reshape(vorticity(u, 0.1).shape), vorticity(u, 0.1))
    assert_allclose(u, given, rtol=0)


def test_velocity_of_vorticity_and_back():
    w = make_navier_stokes(2, 3, n_x=32, random_state=0).reshape(6, 32, 32)
    u = velocity_of_vorticity(w, spacing=2 * np.pi / 32)
    assert_allclose(vorticity(u, 2 * np.pi / 32), w, atol=1e-12)
    assert_allclose(divergence(u, 2 * np.pi / 32), 0, atol=1e-12)
    assert_allclose(u.mean(axis=(2, 3)), 0, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: divergence(np.zeros((2, 3, 8, 8))), r"must have shape \(n_samples, 2, \*grid\)"),
        (lambda: vorticity(np.zeros((2, 1, 8))), "with 2 to 3 axes of the grid"),
        (lambda: divergence(np.zeros((2, 1, 8)), boundary="zero"), "boundary must be 'periodic' or 'reflect'"),
        (lambda: divergence(np.zeros((2, 1, 2)), boundary="reflect"), "needs three points on each axis"),
        (lambda: divergence(np.zeros((2, 2, 4, 4)), (1.0, 2.0, 3.0)), "one number or one for each of 2 axes"),
        (lambda: divergence(np.zeros((2, 2, 4, 4)), 0.0), "spacing must be positive"),
        (lambda: velocity_of_vorticity(np.zeros((2, 4, 4, 4))), r"omega must have shape \(n_samples, n_1, n_2\)"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
