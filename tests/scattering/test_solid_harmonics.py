"""Solid harmonic scattering: the definition, closed forms, symmetries, kymatio's published numbers, gradients."""

import math
from itertools import product

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from skmst.scattering.densities import gaussian_density
from skmst.scattering.solid_harmonic_filters import (
    gaussian_hat,
    harmonic_norm,
    harmonic_polynomials,
    real_solid_harmonics,
)
from skmst.scattering.solid_harmonics import SolidHarmonics

GRID = (10, 9, 8)


def filters(grid_shape, sigma, l):
    """Our filters on the whole spectrum, (2 l + 1, *grid_shape)."""
    half = (-1j * sigma) ** l * gaussian_hat(grid_shape, sigma) * harmonic_polynomials(grid_shape, l)[l]
    return np.fft.fftn(np.fft.irfftn(half, grid_shape, axes=(1, 2, 3)), axes=(1, 2, 3))


def definition(x, bank, powers, J, L):
    """The cascade as it is defined, on full complex spectra; bank[j][l] holds filters (2 l + 1, *grid)."""

    def modulus(u, hats):
        spectrum = np.fft.fftn(u, axes=(1, 2, 3))
        return np.sqrt(sum(np.abs(np.fft.ifftn(spectrum * hat, axes=(1, 2, 3))) ** 2 for hat in hats))

    def integrals(u):
        return [(u**q).sum(axis=(1, 2, 3)) for q in powers]

    columns = integrals(x)
    for j in range(J + 1):
        for l in range(L + 1):
            columns += integrals(modulus(x, bank[j][l]))
    for j1 in range(J + 1):
        for j2 in range(j1 + 1, J + 1):
            for l in range(L + 1):
                columns += integrals(modulus(modulus(x, bank[j1][l]), bank[j2][l]))
    return np.stack(columns, axis=1)


def molecule(rng, grid_shape, n_points=6, sigma=1.5, radius=5.0, rotation=None, shift=0.0):
    """A density about the centre of the grid, turned about it and shifted."""
    offsets = rng.uniform(-radius, radius, (1, n_points, 3))
    if rotation is not None:
        offsets = offsets @ rotation.T
    return gaussian_density(offsets + np.array(grid_shape) / 2 + shift, np.full((1, n_points), 2.0), grid_shape, sigma)


def test_harmonics_are_those_of_scipy(rng):
    points = rng.standard_normal((3, 50))
    points /= np.linalg.norm(points, axis=0)
    azimuth, polar = np.arctan2(points[1], points[0]), np.arccos(points[2])
    for l, values in enumerate(real_solid_harmonics(*points, 6)):
        assert_allclose(values[l], scipy_harmonic(l, 0, polar, azimuth).real, atol=1e-13)
        for m in range(1, l + 1):
            theirs = math.sqrt(2) * (-1) ** m * scipy_harmonic(l, m, polar, azimuth)  # the Condon-Shortley phase
            assert_allclose(values[l + m], theirs.real, atol=1e-13)
            assert_allclose(values[l - m], theirs.imag, atol=1e-13)


def scipy_harmonic(l, m, polar, azimuth):
    if hasattr(scipy.special, "sph_harm_y"):
        return scipy.special.sph_harm_y(l, m, polar, azimuth)
    return scipy.special.sph_harm(m, l, azimuth, polar)  # scipy 1.14


def test_harmonics_of_high_degree_satisfy_the_addition_theorem(rng):
    points = rng.standard_normal((3, 20))
    radius = np.linalg.norm(points, axis=0)
    for l, values in enumerate(real_solid_harmonics(*points, 40)):
        assert_allclose((values**2).sum(0), (2 * l + 1) / (4 * np.pi) * radius ** (2 * l), rtol=1e-11)


@pytest.mark.parametrize("l", [0, 1, 2, 3])
def test_filters_are_fourier_series_of_the_periodised_wavelet_in_space(l):
    # Sampled four times finer than the grid the wavelet has no aliases; of a Nyquist bin both signs are averaged.
    grid_shape, sigma, fine = (8, 7, 6), 0.9, 4
    axes = [np.arange(-2 * fine * n, 2 * fine * n) / fine for n in grid_shape]
    u = np.meshgrid(*axes, indexing="ij", sparse=True)
    radius_2 = sum(v**2 for v in u) / sigma**2
    psi = harmonic_norm(l) / sigma**3 * np.exp(-0.5 * radius_2) * real_solid_harmonics(*(v / sigma for v in u), l)[l]
    periods = psi.reshape(2 * l + 1, *(s for n in grid_shape for s in (4, fine * n))).sum(axis=(1, 3, 5))
    hat = np.fft.fftn(periods, axes=(1, 2, 3)) / fine**3
    for axis, n in enumerate(grid_shape, start=1):
        bins = np.r_[0 : (n + 1) // 2, fine * n - n // 2 : fine * n]
        cropped = np.take(hat, bins, axis=axis)
        if n % 2 == 0:
            where = (slice(None),) * axis + (n // 2,)
            cropped[where] = 0.5 * (np.take(hat, n // 2, axis=axis) + np.take(hat, fine * n - n // 2, axis=axis))
        hat = cropped
    assert_allclose(filters(grid_shape, sigma, l), hat, atol=1e-12)


def test_cascade_is_its_definition(rng):
    x = rng.random((2, *GRID))
    J, L, powers = 2, 3, (0.5, 1.0, 2.0, 3.0)
    bank = [[filters(GRID, 0.8 * 2**j, l) for l in range(L + 1)] for j in range(J + 1)]
    ours = SolidHarmonics(GRID, J, L, sigma_0=0.8, powers=powers).forward(x)
    assert_allclose(ours, definition(x, bank, powers, J, L), rtol=1e-11)


@pytest.fixture
def published(data_path):
    data = np.load(data_path("kymatio/test_data_3d_v0.3.0.npz"))
    return data["x"].astype(np.float64), data["Sx"]


def test_published_coefficients_of_white_noise(published):
    # kymatio evaluates harmonics of odd m on one side of the Nyquist planes only, where white noise has energy.
    x, expected = published
    harmonics = SolidHarmonics((16, 16, 16), 2, 2, powers=(1.0, 2.0))
    ours, table = harmonics.forward(x), harmonics.table()
    assert ours.shape == expected.shape
    isotropic = table["degree"] <= 0
    assert_allclose(ours[:, isotropic], expected[:, isotropic], rtol=1e-6)
    assert_allclose(ours, expected, rtol=1e-3)
    coarse = table["j1"] >= 1
    assert_allclose(ours[:, coarse], expected[:, coarse], rtol=1e-6)


def test_published_coefficients_with_the_filters_of_kymatio(published, kymatio_bank):
    x, expected = published
    bank = [[kymatio_bank(16, 2**j, l) for l in range(3)] for j in range(3)]
    assert_allclose(definition(x, bank, (1.0, 2.0), 2, 2), expected, rtol=1e-6)


@pytest.mark.parametrize("l", [1, 2, 3])
def test_filters_are_those_of_kymatio_but_for_nyquist_planes(kymatio_bank, l):
    # Harmonics may be mixed by any unitary matrix: products summed over m compare.
    inner = (slice(None), *(np.r_[0:4, 5:8],) * 3)
    ours, theirs = (
        hat[inner[0]][np.ix_(range(2 * l + 1), *inner[1:])]
        for hat in (filters((8,) * 3, 1.0, l), kymatio_bank(8, 1.0, l))
    )
    ours, theirs = ours.reshape(2 * l + 1, -1), theirs.reshape(2 * l + 1, -1)
    assert_allclose(ours.T @ ours.conj(), theirs.T @ theirs.conj(), atol=1e-6)


@pytest.fixture
def kymatio_bank(monkeypatch):
    """Filters of kymatio 0.3.0, which imports a function that scipy 1.17 no longer has."""
    pytest.importorskip("kymatio")
    if not hasattr(scipy.special, "sph_harm"):
        monkeypatch.setattr(
            scipy.special, "sph_harm", lambda m, l, azimuth, polar: scipy_harmonic(l, m, polar, azimuth), raising=False
        )
    from kymatio.scattering3d.filter_bank import solid_harmonic_3d

    return lambda n, sigma, l: solid_harmonic_3d(n, n, n, sigma, l)


@pytest.mark.parametrize("j", [1, 2])
def test_gaussian_density_has_closed_forms(j):
    # A Gaussian of width s times a wavelet of width sigma is a wavelet of width tau = sqrt(s**2 + sigma**2), reduced
    # by (sigma / tau)**l: U integrates to that times the charge, its square to a Gamma function.
    s, sigma, charge, n, L = 1.5, 2.0**j, 3.0, 32 * j, 3
    tau = math.hypot(s, sigma)
    density = gaussian_density([[[n / 2] * 3]], [[charge]], (n, n, n), s)
    harmonics = SolidHarmonics((n, n, n), 2, L, powers=(1.0, 2.0), max_order=1)
    S = harmonics.forward(density)[0]
    integrals, squares = np.transpose([S[harmonics.rows((j,), l)] for l in range(L + 1)])
    assert_allclose(integrals, [charge * (sigma / tau) ** l for l in range(L + 1)], rtol=1e-3)  # U has a cusp
    expected = [
        (charge * harmonic_norm(l) * sigma**l) ** 2 * (2 * l + 1) * math.gamma(l + 1.5) / (2 * tau ** (2 * l + 3))
        for l in range(L + 1)
    ]
    assert_allclose(squares, expected, rtol=1e-6)


@pytest.mark.parametrize(("axes", "turns"), [((1, 2), 1), ((2, 3), 1), ((1, 3), 3), ((1, 2), 2)])
@pytest.mark.parametrize("n", [8, 9])
def test_quarter_turns_of_the_grid_change_nothing(axes, turns, n, rng):
    x = rng.standard_normal((2, n, n, n))
    harmonics = SolidHarmonics((n, n, n), 1, 3, powers=(1.0, 2.0, 3.0))
    turned = harmonics.forward(np.rot90(x, turns, axes))
    assert_allclose(turned[:, 3:], harmonics.forward(x)[:, 3:], rtol=1e-12)


def test_any_rotation_of_a_molecule_changes_little():
    harmonics = SolidHarmonics((40, 40, 40), 1, 3, powers=(0.5, 1.0, 2.0))
    still = harmonics.forward(molecule(np.random.default_rng(1), (40, 40, 40)))
    for rotation in Rotation.random(3, random_state=2).as_matrix():
        turned = harmonics.forward(molecule(np.random.default_rng(1), (40, 40, 40), rotation=rotation))
        assert_allclose(turned, still, rtol=1e-3)


def test_translations_change_nothing(rng):
    x = rng.standard_normal((2, *GRID))
    harmonics = SolidHarmonics(GRID, 1, 2, powers=(1.0, 2.0))
    assert_allclose(harmonics.forward(np.roll(x, (3, 4, -1), (1, 2, 3))), harmonics.forward(x), rtol=1e-11)
    still, moved = (
        SolidHarmonics((24, 24, 24), 1, 2, powers=(1.0, 2.0)).forward(
            molecule(np.random.default_rng(1), (24, 24, 24), sigma=1.5, shift=shift)
        )
        for shift in (0.0, np.array([0.5, 0.3, -0.2]))
    )
    assert_allclose(moved, still, rtol=1e-3)


def test_coefficients_are_homogeneous_and_even(rng):
    x = rng.standard_normal((1, *GRID))
    harmonics = SolidHarmonics(GRID, 1, 2, powers=(0.5, 2.0))
    expected = harmonics.forward(x) * 3.0 ** harmonics.table()["power"]
    assert_allclose(harmonics.forward(-3.0 * x), expected, rtol=1e-12)


def test_constant_fields_have_only_degree_zero():
    harmonics = SolidHarmonics(GRID, 1, 2)
    S, table = harmonics.forward(np.full((1, *GRID), 2.0))[0], harmonics.table()
    assert_allclose(S[table["degree"] <= 0], 2.0 * math.prod(GRID), rtol=1e-12)
    assert_allclose(S[table["degree"] > 0], 0.0, atol=1e-11)
    assert not harmonics.forward(np.zeros((1, *GRID))).any()


def test_empty_space_around_the_field_is_a_larger_periodic_grid(rng):
    x = molecule(rng, (24, 23, 22), sigma=1.8, radius=0.5)  # smooth, and within the grid
    alone = SolidHarmonics((24, 23, 22), 1, 2, boundary="zeros", powers=(1.0, 2.0)).forward(x)
    inside = np.pad(x, [(0, 0), (10, 20), (20, 11), (30, 2)])
    assert_allclose(alone, SolidHarmonics((54, 54, 54), 1, 2, powers=(1.0, 2.0)).forward(inside), rtol=1e-6)


def test_reflection_is_the_periodic_transform_of_the_mirrored_field(rng):
    x = rng.random((1, 6, 5, 4))
    mirrored = np.pad(x, [(0, 0), (0, 6), (0, 5), (0, 4)], mode="symmetric")
    ours = SolidHarmonics((6, 5, 4), 1, 2, boundary="reflect", powers=(1.0, 2.0)).forward(x)
    assert_allclose(8 * ours, SolidHarmonics((12, 10, 8), 1, 2, powers=(1.0, 2.0)).forward(mirrored), rtol=1e-11)


def test_local_averages_sum_to_the_global_coefficients(rng):
    x = rng.random((2, *GRID))
    everywhere = SolidHarmonics(GRID, 1, 2).forward(x)
    for T in (1, 4):
        local = SolidHarmonics(GRID, 1, 2, T=T).forward(x)
        assert local.shape == (2, everywhere.shape[1], *GRID)
        assert_allclose(local.sum(axis=(2, 3, 4)), everywhere, rtol=1e-12)
        sampled = SolidHarmonics(GRID, 1, 2, T=T, output_step=3)
        assert_allclose(sampled.forward(x), local[:, :, ::3, ::3, ::3], rtol=1e-13)
        assert sampled.output_grid == (4, 3, 3)


@pytest.mark.parametrize(
    "params",
    [
        {"powers": (0.5, 1.0, 2.0, 3.0)},
        {"T": 4, "output_step": 2, "powers": (1.0, 2.0)},
        {"T": 4, "output_step": 3, "boundary": "reflect"},
        {"boundary": "zeros", "powers": (1.0, 1.5), "sigma_0": 0.5},
        {"max_order": 1, "T": 1},
        {"max_order": 0, "powers": (0.5, 3.0)},
    ],
)
def test_pullback_is_the_derivative(params, rng):
    harmonics = SolidHarmonics((6, 5, 4), 1, 2, **params)
    x, direction = rng.random((2, 1, 6, 5, 4)) + 0.1
    weights = rng.standard_normal(harmonics.forward(x).shape)
    step = 1e-5
    slope = (weights * (harmonics.forward(x + step * direction) - harmonics.forward(x - step * direction))).sum()
    assert (harmonics.pullback(x, weights) * direction).sum() == pytest.approx(slope / (2 * step), rel=1e-6)


def test_pullback_of_a_zero_field_is_finite():
    harmonics = SolidHarmonics((4, 4, 4), 1, 1, powers=(0.5, 1.0))
    x = np.zeros((1, 4, 4, 4))
    assert np.isfinite(harmonics.pullback(x, np.ones_like(harmonics.forward(x)))).all()


def test_single_precision_and_threads_give_the_same_numbers(rng):
    x = rng.random((5, *GRID))
    harmonics = SolidHarmonics(GRID, 1, 2, powers=(1.0, 2.0))
    S, kept = harmonics.forward(x), x.copy()
    single = harmonics.forward(x.astype(np.float32))
    assert single.dtype == np.float32
    assert_allclose(single, S, rtol=2e-6)
    assert_allclose(harmonics.forward(x, n_jobs=2), S, rtol=0)
    assert_allclose(harmonics.pullback(x, S, n_jobs=2), harmonics.pullback(x, S), rtol=0)
    assert_allclose(x, kept, rtol=0)


@pytest.mark.parametrize(("J", "L", "max_order"), list(product((0, 2), (0, 2), (0, 1, 2))))
def test_table_has_one_row_per_coefficient(J, L, max_order):
    harmonics = SolidHarmonics((4, 4, 4), J, L, powers=(0.5, 1.0), max_order=max_order)
    table = harmonics.table()
    n_paths = harmonics.forward(np.ones((1, 4, 4, 4))).shape[1]
    assert {len(column) for column in table.values()} == {n_paths}
    assert len(set(table["name"])) == n_paths
    assert table["order"].max() == (min(max_order, 1) if J == 0 else max_order)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"grid_shape": (8, 8)}, "three positive integers"),
        ({"J": -1}, "J=-1 must be an integer, at least 0"),
        ({"L": 1.5}, "L=1.5 must be an integer"),
        ({"sigma_0": 0.0}, "sigma_0=0.0 must be positive"),
        ({"powers": ()}, "at least one positive number"),
        ({"powers": (1.0, -1.0)}, "at least one positive number"),
        ({"max_order": 3}, "max_order=3 must be 0, 1 or 2"),
        ({"T": 9}, "T=9 must be None"),
        ({"boundary": "padded"}, "boundary='padded' must be one of"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        SolidHarmonics(**{"grid_shape": (8, 8, 8), "J": 1, **params})


def test_fields_that_do_not_fit_are_refused():
    harmonics = SolidHarmonics((4, 4, 4), 1, 1, powers=(3.0,))
    with pytest.raises(ValueError, match="must be real, \\(n_samples"):
        harmonics.forward(np.ones((1, 4, 4, 5)))
    with pytest.raises(ValueError, match="must be real"):
        harmonics.forward(np.ones((1, 4, 4, 4), complex))
    with pytest.raises(ValueError, match="overflow float64"):
        harmonics.forward(np.full((1, 4, 4, 4), 1e200))


def test_sums_over_empty_space_do_not_depend_on_how_much_of_it_there_is(rng):
    x = rng.random((1, 6, 5, 4)) - 0.3  # fills the grid; sigma_0 = 2 leaves nothing at the Nyquist frequency
    params = dict(J=0, L=3, sigma_0=2.0, powers=(1.0, 2.0))
    alone = SolidHarmonics((6, 5, 4), boundary="zeros", **params).forward(x)
    inside = np.pad(x, [(0, 0), (30, 30), (30, 30), (30, 30)])
    assert_allclose(alone, SolidHarmonics(inside.shape[1:], **params).forward(inside), rtol=1e-6)
