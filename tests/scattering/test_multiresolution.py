"""The orthonormal multiresolution: its definition by convolutions, its inverse, its counts, its branch points."""

import math
import pickle
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skmst.datasets import make_burgers
from skmst.scattering.multiresolution import Multiresolution
from skmst.scattering.orthonormal import low_pass_filter
from skmst.scattering.rectifiers import RECTIFIERS, Heisenberg, HeisenbergPrinted, Modulus, PhaseHarmonic

IDENTITY = PhaseHarmonic(1)
GRIDS = [((64,), 4), ((48,), 3), ((16, 24), 3), ((8, 16, 8), 2)]
FILTERS = [
    dict(vanishing_moments=1),
    dict(vanishing_moments=4),
    dict(vanishing_moments=7),
    dict(vanishing_moments=3, symmetric=True),
    dict(vanishing_moments=5, symmetric=True, boundary="reflect"),
]


def relative_error(found, true):
    return np.linalg.norm(found - true) / np.linalg.norm(true)


def random_fields(rng, n, grid_shape, is_complex=False):
    x = rng.standard_normal((n, *grid_shape))
    return x + 1j * rng.standard_normal(x.shape) if is_complex else x


def brownian(rng, n, grid_shape):
    """Periodic Brownian fields of unit rms."""
    k = np.sqrt(sum(np.square(f) for f in np.meshgrid(*map(np.fft.fftfreq, grid_shape), indexing="ij")))
    k.flat[0] = np.inf
    axes = tuple(range(1, 1 + len(grid_shape)))
    spectrum = np.fft.fftn(rng.standard_normal((n, *grid_shape)), axes=axes) / k ** (len(grid_shape) / 2 + 0.5)
    x = np.fft.ifftn(spectrum, axes=axes).real
    return x / x.std()


def convolve_and_decimate(x, filter_, start):
    """sum_k conj(f[k]) x[2 n + k + start], by convolution of a field that is repeated far enough."""
    reach = 2 * len(x) + len(filter_)
    repeated = np.take(x, np.arange(-reach, len(x) + reach) % len(x))
    full = np.convolve(repeated, filter_[::-1].conj())
    return full[reach + start + len(filter_) - 1 :][: len(x) : 2]


def by_definition(x, encoding):
    """Coefficients of one 1-D periodic field by path: follow each path on its own."""
    h = low_pass_filter(encoding.vanishing_moments, encoding.symmetric)
    k = np.arange(len(h))
    g = (-1) ** k * h[::-1].conj()
    start = round(0.5 - (k @ h).real / np.sqrt(2))
    start_g = start + 2 * round((0.5 - k @ np.abs(g) ** 2 - start) / 2)
    found = {}
    for order in range(encoding.max_order + 1):
        for path in combinations(range(encoding.J), order):
            u, octave = x / encoding.scale, 0
            for j in path:
                for _ in range(octave, j):
                    u = convolve_and_decimate(u, h, start)
                u, octave = encoding.rectifier(convolve_and_decimate(u, g, start_g)), j + 1
            if order < encoding.max_order:
                for _ in range(octave, encoding.J):
                    u = convolve_and_decimate(u, h, start)
            found[f"s{order}" + "".join(f"_j{j}" for j in path)] = u
    return found


@pytest.mark.parametrize("rectifier", RECTIFIERS.values(), ids=RECTIFIERS)
@pytest.mark.parametrize("filters", FILTERS[:4], ids=str)
@pytest.mark.parametrize(("J", "max_order"), [(1, 1), (4, 1), (4, 2), (5, 3), (2, 4)])
def test_coefficients_are_those_of_the_definition(filters, rectifier, J, max_order, rng):
    encoding = Multiresolution((96,), J, max_order, rectifier=rectifier, scale=0.8, **filters)
    x = random_fields(rng, 2, (96,))
    found = encoding.split(encoding.forward(x))
    for sample in range(2):
        true = by_definition(x[sample], encoding)
        assert found.keys() == true.keys()
        for name, values in true.items():
            assert_allclose(found[name][sample], values, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize(("grid_shape", "J"), [((32,), 4), ((8, 4), 2), ((4, 4, 4), 2)])
def test_without_rectifier_the_transform_is_a_unitary_matrix(grid_shape, J, filters):
    n = math.prod(grid_shape)
    encoding = Multiresolution(grid_shape, J, 3, rectifier=IDENTITY, **filters)
    matrix = encoding.forward(np.eye(n).reshape(n, *grid_shape)).T
    assert_allclose(matrix.conj().T @ matrix, np.eye(n), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    grid=st.sampled_from(GRIDS),
    octaves=st.integers(1, 4),
    max_order=st.integers(1, 4),
    filters=st.sampled_from(FILTERS),
    rectifier=st.sampled_from([Heisenberg(), HeisenbergPrinted(), IDENTITY]),
    is_complex=st.booleans(),
    amplitude=st.floats(1e-3, 1e3),
    single=st.booleans(),
)
def test_fields_come_back_exactly(seed, grid, octaves, max_order, filters, rectifier, is_complex, amplitude, single):
    grid_shape, J = grid
    encoding = Multiresolution(
        grid_shape, min(J, octaves), max_order, rectifier=rectifier, complex_fields=is_complex, **filters
    )
    x = amplitude * random_fields(np.random.default_rng(seed), 2, grid_shape, is_complex)
    x = x.astype({(0, 0): "f8", (0, 1): "f4", (1, 0): "c16", (1, 1): "c8"}[is_complex, single])
    back = encoding.inverse(encoding.forward(x))
    assert back.dtype == x.dtype
    # The printed form adds 1 to every modulus, which swallows the digits of fields much smaller than that.
    loss = max(1, 1 / amplitude) if rectifier == HeisenbergPrinted() else 1
    assert relative_error(back, x) <= (1e-5 if single else 1e-12) * loss


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize("name", ["burgers", "brownian 1-D", "brownian 2-D", "brownian 3-D"])
def test_noise_of_a_thousandth_on_the_code_stays_below_five_thousandths_on_the_field(name, filters, rng):
    if name == "burgers":
        x = make_burgers(2, 16, random_state=0).reshape(-1, 256)
        x /= x.std()
    else:
        x = brownian(rng, 4, {"1": (512,), "2": (64, 64), "3": (16, 16, 16)}[name[-3]])
    encoding = Multiresolution(x.shape[1:], 3, **filters)
    code = encoding.forward(x)
    noise = random_fields(rng, len(code), code.shape[1:], is_complex=True)
    noisy = code + noise * (1e-3 * np.linalg.norm(code) / np.linalg.norm(noise))
    assert 1e-4 < relative_error(encoding.inverse(noisy), x) <= 5e-3


@pytest.mark.parametrize("rectifier", RECTIFIERS.values(), ids=RECTIFIERS)
@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("filters", FILTERS[1:], ids=str)
@pytest.mark.parametrize(("grid_shape", "J"), GRIDS)
def test_pullback_is_the_gradient_found_by_finite_differences(grid_shape, J, filters, is_complex, rectifier, rng):
    encoding = Multiresolution(grid_shape, J, rectifier=rectifier, scale=0.7, complex_fields=is_complex, **filters)
    x, direction = (random_fields(rng, 1, grid_shape, is_complex) for _ in range(2))
    weights = random_fields(rng, 1, (encoding.n_coefficients,), encoding.is_complex)

    def value(step):
        return np.vdot(weights, encoding.forward(x + step * direction)).real

    gradient = encoding.pullback(x, weights)
    assert gradient.dtype == x.dtype
    slope = np.vdot(gradient, direction).real
    # Details near a branch point or a zero have large third derivatives: the best of three steps.
    errors = [abs((value(step) - value(-step)) / (2 * step) - slope) for step in (1e-5, 1e-6, 1e-7)]
    assert min(errors) <= 1e-6 * np.linalg.norm(gradient) * np.linalg.norm(direction)


def test_without_rectifier_the_pullback_is_the_inverse(rng):
    encoding = Multiresolution((16, 16), 2, 2, 3, True, IDENTITY, complex_fields=True)
    code = random_fields(rng, 3, (256,), is_complex=True)
    x = encoding.inverse(code)
    assert_allclose(encoding.pullback(x, code), x, atol=1e-13)


@pytest.mark.parametrize(("grid_shape", "J"), GRIDS)
@pytest.mark.parametrize("max_order", [1, 2, 3])
def test_paths_are_all_decreasing_ones_and_as_many_coefficients_as_points(grid_shape, J, max_order):
    encoding = Multiresolution(grid_shape, J, max_order)
    code = np.zeros((5, 2, encoding.n_coefficients))
    paths = encoding.split(code)
    directions, highest = 2 ** len(grid_shape) - 1, min(max_order, J)
    counts = [sum(name.startswith(f"s{order}") for name in paths) for order in range(highest + 1)]
    assert counts == [math.comb(J, order) * directions**order for order in range(highest + 1)]
    assert sum(values[0, 0].size for values in paths.values()) == math.prod(grid_shape)

    table = encoding.table()
    assert len(set(table["name"])) == math.prod(grid_shape) == len(table["order"])
    for order in range(1, highest + 1):
        above = table["order"] >= order
        assert_array_equal(table[f"j{order}"] >= 0, above)
        if order > 1:
            assert (table[f"j{order}"] > table[f"j{order - 1}"])[above].all()
    names = [f"{name}{place}" for name, values in paths.items() for place in _places(values.shape[2:], grid_shape)]
    assert list(table["name"]) == names


def _places(grid, grid_shape):
    for point in np.ndindex(grid):
        yield "".join(f"_{a}{i * n // m}" for a, i, n, m in zip("xyz", point, grid_shape, grid, strict=False))


@pytest.mark.parametrize(("grid_shape", "J"), [((32,), 4), ((8, 16), 3), ((4, 4, 4), 2)])
def test_haar_coefficients_depend_on_the_field_in_their_cell_alone(grid_shape, J, rng):
    encoding = Multiresolution(grid_shape, J, vanishing_moments=1)
    table, x = encoding.table(), random_fields(rng, 1, grid_shape)
    last = np.maximum.reduce([table[f"j{order}"] for order in (1, 2)])
    cell = 2 ** np.where(table["order"] == 2, last + 1, J)
    for point in np.ndindex(grid_shape):
        other = x.copy()
        other[(0, *point)] += 1.0
        changed = (encoding.forward(other) != encoding.forward(x))[0]
        inside = np.all([table[a] == i // cell * cell for a, i in zip("xyz", point, strict=False)], axis=0)
        assert changed.any()
        assert not changed[~inside].any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(0, 7), grid=st.sampled_from(GRIDS))
def test_moving_a_field_by_whole_cells_moves_its_coefficients(seed, steps, grid):
    grid_shape, J = grid
    encoding = Multiresolution(grid_shape, J)
    x = random_fields(np.random.default_rng(seed), 1, grid_shape)
    before = encoding.split(encoding.forward(x))
    after = encoding.split(encoding.forward(np.roll(x, steps * 2**J, axis=1)))
    for name, values in before.items():
        shift = steps * 2**J * values.shape[1] // grid_shape[0]
        assert_allclose(after[name], np.roll(values, shift, axis=1), atol=1e-12)


def order_energies(encoding, x):
    """Mean square of the coefficients of each order, in units of the mean square of the field."""
    code, order = encoding.forward(x), encoding.table()["order"]
    return np.array([np.mean(np.abs(code[:, order == m]) ** 2) for m in range(order.max() + 1)]) / np.mean(x**2)


def test_energy_decays_with_the_order_unless_the_rectifier_is_the_printed_one(rng):
    x = brownian(rng, 64, (512,))
    arcsine = order_energies(Multiresolution((512,), 7, 4), x)
    printed = order_energies(Multiresolution((512,), 7, 4, rectifier=HeisenbergPrinted()), x)
    assert (arcsine[1:] < 0.5 * arcsine[:-1]).all()
    assert arcsine[4] < 1e-3
    # Phases of real details are 0 or pi: a mean square of pi**2 / 2 in every order from nothing but signs, so that
    # the energy of an order grows with the number of its coefficients.
    assert (printed[1:] > 0.95 * np.pi**2 / 2).all()
    counts = np.bincount(Multiresolution((512,), 7, 4).table()["order"])
    assert (np.diff(counts * printed)[2:] > 0).all()
    assert (np.diff(counts * arcsine) < 0).all()


def test_the_printed_rectifier_turns_a_vanishing_field_into_one_of_order_one(rng):
    x = 1e-6 * brownian(rng, 16, (256,))
    for rectifier, mean_square in ((Heisenberg(), 1e-10), (HeisenbergPrinted(), 1.0)):
        encoding = Multiresolution((256,), 5, rectifier=rectifier)
        higher = encoding.table()["order"] > 0
        found = np.mean(np.abs(encoding.forward(x)[:, higher]) ** 2)
        assert found < mean_square if rectifier == Heisenberg() else found > mean_square


def field_with_detail(value):
    """The field whose only Haar detail, at the origin, has this value."""
    x = np.zeros((1, 8), complex)
    x[0, :2] = value * np.array([1, -1]) / np.sqrt(2)
    return x


@pytest.mark.parametrize("eps", [1e-4, 1e-6, 1e-8])
def test_at_the_branch_point_the_code_moves_by_the_square_root_and_the_field_comes_back(eps):
    encoding = Multiresolution((8,), 1, 1, vanishing_moments=1)
    at, beyond = (field_with_detail(np.pi / 2 * factor).real for factor in (1, 1 + eps))
    code, moved = encoding.forward(at), encoding.forward(beyond)
    assert_allclose(np.abs(moved - code).max(), np.sqrt(2 * eps), rtol=1e-3 + 1e-16 / eps)
    assert_allclose(encoding.inverse(moved), beyond, atol=1e-14)
    # An error in the code is squared on the way back.
    assert np.abs(encoding.inverse(code + np.sqrt(eps) * 1j) - at).max() <= eps


def test_complex_details_jump_across_the_cut_real_ones_do_not():
    eps, z = 1e-9, np.pi
    jump = 2 * np.arccosh(2.0)
    encoding = Multiresolution((8,), 1, 1, vanishing_moments=1, complex_fields=True)
    above, below = (encoding.forward(field_with_detail(z + side * eps * 1j)) for side in (1, -1))
    assert_allclose(np.abs(above - below).max(), jump, rtol=1e-6)
    real = Multiresolution((8,), 1, 1, vanishing_moments=1)
    for sign in (-1, 1):
        one, other = (real.forward(field_with_detail(sign * z + side * eps).real) for side in (1, -1))
        assert np.abs(one - other).max() < 1e-8
    # Both codes lead to the same field: nothing is lost but continuity.
    assert_allclose(encoding.inverse(above), encoding.inverse(below), atol=4 * eps)


def test_a_large_scale_makes_the_code_linear(rng):
    x, y = random_fields(rng, 2, (1, 64))
    encoding = Multiresolution((64,), 3, scale=1e4)
    together = encoding.forward(2 * x - 3 * y)
    assert relative_error(together, 2 * encoding.forward(x) - 3 * encoding.forward(y)) < 1e-7
    curved = Multiresolution((64,), 3, scale=0.1)
    assert relative_error(curved.forward(2 * x), 2 * curved.forward(x)) > 1e-2


def test_the_modulus_gives_a_decimated_scattering_transform_without_inverse(rng):
    encoding = Multiresolution((64,), 3, rectifier=Modulus())
    code = encoding.forward(random_fields(rng, 2, (64,)))
    assert code.dtype == np.float64
    assert (code[:, encoding.table()["order"] == 2] >= 0).all()
    with pytest.raises(NotImplementedError, match="use an invertible rectifier"):
        encoding.inverse(code)


@pytest.mark.parametrize("rectifier", RECTIFIERS.values(), ids=RECTIFIERS)
def test_zero_and_constant_fields_are_valid(rectifier):
    encoding = Multiresolution((32,), 3, rectifier=rectifier)
    for value in (0.0, 2.5):
        x = np.full((1, 32), value)
        code = encoding.forward(x)
        assert np.isfinite(encoding.pullback(x, np.ones_like(code))).all()
        assert_allclose(encoding.split(code)["s0"], value * 2**1.5, atol=1e-12)
        if rectifier.invertible:
            assert_allclose(encoding.inverse(code), x, atol=1e-12)


def test_threads_and_chunks_change_nothing_and_the_callers_arrays_stay_as_they_are(rng):
    encoding = Multiresolution((512, 512), 2)
    x = random_fields(rng, 3, (512, 512))
    before = x.copy()
    code = encoding.forward(x)
    kept = code.copy()
    assert_array_equal(code, np.concatenate([encoding.forward(x[i : i + 1]) for i in range(3)]))
    assert_array_equal(encoding.forward(x, n_jobs=2), code)
    assert_array_equal(encoding.inverse(code, n_jobs=2), encoding.inverse(code))
    assert_array_equal(encoding.pullback(x, code, n_jobs=2), encoding.pullback(x, code))
    assert_array_equal(x, before)
    assert_array_equal(code, kept)


def test_an_encoding_is_a_value():
    encoding = Multiresolution((64, 64), 3, symmetric=True, vanishing_moments=5)
    assert pickle.loads(pickle.dumps(encoding)) == encoding
    assert hash(encoding) == hash(Multiresolution((64, 64), 3, symmetric=True, vanishing_moments=5))
    assert (encoding.output_grid, encoding.is_complex, encoding.couples_channels) == ((), True, False)


@pytest.mark.parametrize(
    ("args", "params", "message"),
    [
        (((48,), 5), {}, r"divisible by 2\*\*J, and the grid is \(48,\); use 1 <= J <= 4"),
        (((64, 24), 4), {}, "use 1 <= J <= 3"),
        (((64,), 0), {}, "use 1 <= J <= 6"),
        (((63,), 1), {}, "odd axis"),
        (((), 1), {}, "one, two or three"),
        (((8, 8, 8, 8), 1), {}, "one, two or three"),
        (((64,), 3, 0), {}, "max_order=0"),
        (((64,), 3), {"scale": 0.0}, "scale=0.0"),
        (((64,), 3), {"boundary": "reflect"}, "symmetric=True"),
    ],
)
def test_settings_that_do_not_fit_are_refused(args, params, message):
    with pytest.raises(ValueError, match=message):
        Multiresolution(*args, **params)


def test_arrays_that_do_not_fit_are_refused(rng):
    encoding = Multiresolution((16,), 2)
    x = random_fields(rng, 2, (16,))
    code = encoding.forward(x)
    with pytest.raises(ValueError, match=r"x has shape \(2, 8\)"):
        encoding.forward(x[:, :8])
    with pytest.raises(ValueError, match="complex ones need complex_fields=True"):
        encoding.forward(x + 0j)
    with pytest.raises(ValueError, match="dtype int64"):
        encoding.forward(np.ones((2, 16), np.int64))
    with pytest.raises(ValueError, match=r"coefficients has shape \(2, 8\)"):
        encoding.inverse(code[:, :8])
    with pytest.raises(ValueError, match="gradient has shape"):
        encoding.pullback(x, code[:, :8])
    with pytest.raises(ValueError, match="Coefficients overflow float64 or are not numbers"):
        Multiresolution((16,), 2, rectifier=Modulus()).forward(np.where(x == x[0, 0], np.nan, x))
    with pytest.raises(ValueError, match="Fields overflow"):
        encoding.inverse(code * 1e4j)
