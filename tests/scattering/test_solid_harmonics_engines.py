"""The compiled engine computes the solid harmonic scattering that numpy does, of any field and setting."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skmst.scattering.engines import compiled_module
from skmst.scattering.engines.compiled_harmonics import polar_coefficients
from skmst.scattering.solid_harmonic_filters import real_solid_harmonics
from skmst.scattering.solid_harmonics import SolidHarmonics

needs_engine = pytest.mark.skipif(
    compiled_module() is None, reason="no compiled engine was built, or it is switched off"
)
POWERS = (0.5, 1.0, 1.7, 2.0, 3.0, 4.0)


@st.composite
def solid_harmonics(draw):
    """A valid `SolidHarmonics` on a small grid, odd or even along any axis."""
    grid = draw(st.tuples(*(st.integers(1, 12) for _ in range(3))))
    T = draw(st.one_of(st.none(), st.just(1), st.integers(1, min(grid))))
    boundary = draw(st.sampled_from(("periodic", "zeros", "reflect")))
    powers = POWERS[boundary == "zeros" :]  # roots of what round-off leaves in empty space add up to anything
    return SolidHarmonics(
        grid,
        J=draw(st.integers(0, 2)),
        L=draw(st.integers(0, 4)),
        sigma_0=draw(st.sampled_from((0.6, 1.0, 1.3))),
        powers=tuple(draw(st.lists(st.sampled_from(powers), min_size=1, max_size=3, unique=True))),
        max_order=draw(st.integers(0, 2)),
        T=T,
        output_step=1 if T is None else draw(st.integers(1, 3)),
        boundary=boundary,
    )


def both(setting, x):
    """Coefficients of the compiled engine, and of numpy in float64."""
    by_numpy = replace(setting, engine="numpy").forward(np.asarray(x, np.float64))
    return replace(setting, engine="compiled").forward(x), by_numpy


def disagreements(setting, found, expected):
    """Norm of the difference over the norm of what is expected, for each power; a power q < 1 turns e into e**q."""
    power = setting.table()["power"]
    for q in setting.powers:
        ours, theirs = (np.asarray(S[:, power == q], np.float64) for S in (found, expected))
        error = np.linalg.norm(ours - theirs) / max(np.linalg.norm(theirs), np.finfo(float).tiny)
        yield error ** (1 / min(1.0, q))


@needs_engine
@effort(max_examples=60)
@given(setting=solid_harmonics(), seed=st.integers(0, 2**16))
def test_engines_agree(setting, seed):
    x = np.random.default_rng(seed).standard_normal((2, *setting.grid_shape)) + 0.5
    found, expected = both(setting, x)
    assert found.shape == expected.shape
    assert max(disagreements(setting, found, expected)) < 1e-12
    single, expected = both(setting, x.astype(np.float32))
    assert single.dtype == np.float32
    # A field in much empty space collects round-off from all of it, in whatever engine.
    by_numpy = replace(setting, engine="numpy").forward(x.astype(np.float32))
    unavoidable = max(disagreements(setting, by_numpy, expected))
    assert max(disagreements(setting, single, expected)) < max(1e-6, 3 * unavoidable)


@needs_engine
@pytest.mark.parametrize("grid", [(16, 16, 16), (17, 18, 19), (33, 20, 37), (1, 40, 2), (24, 1, 1)])
@pytest.mark.parametrize("params", [{}, {"J": 0}, {"L": 0}, {"max_order": 0}, {"max_order": 1}, {"J": 3, "L": 7}])
def test_engines_agree_on_every_row(grid, params, rng):
    # Every coefficient by itself, other than those of fields that do not vary along some axis: they may vanish.
    setting = SolidHarmonics(grid, **{"J": 2, "L": 3, "powers": (1.0, 2.0), **params})
    found, expected = both(setting, rng.standard_normal((2, *grid)))
    assert_allclose(found, expected, rtol=1e-12, atol=0 if min(grid) > 1 else 1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("L", [0, 1, 2, 8, 20])
def test_polynomials_of_the_polar_axis_are_solid_harmonics(L, rng):
    points = rng.standard_normal((3, 50))
    x, y, z = points / np.linalg.norm(points, axis=0)
    expected = real_solid_harmonics(x, y, z, L)
    for (l, m), coefficients in polar_coefficients(L).items():
        polar = sum(c * (x**2 + y**2) ** k * z ** (l - m - 2 * k) for k, c in enumerate(coefficients))
        azimuthal = (x + 1j * y) ** m
        assert_allclose(polar * azimuthal.real, expected[l][l + m], atol=1e-12)
        if m > 0:
            assert_allclose(polar * azimuthal.imag, expected[l][l - m], atol=1e-12)


@needs_engine
def test_input_of_any_layout_gives_the_same_numbers(rng):
    setting = SolidHarmonics((6, 7, 8), 1, 2, powers=(1.0, 2.0))
    x = rng.random((3, 6, 7, 8))
    expected = setting.forward(x)
    assert_array_equal(setting.forward(x.astype(">f8")), expected)
    assert_array_equal(setting.forward(np.asfortranarray(x)), expected)
    assert_array_equal(setting.forward(np.repeat(x, 2, axis=0)[::2]), expected)
    assert_array_equal(setting.forward(x, n_jobs=2), expected)
    x.flags.writeable = False
    assert_array_equal(setting.forward(x), expected)


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_no_fields_have_no_coefficients(engine):
    setting = SolidHarmonics((4, 5, 6), 1, 2, engine=engine)
    assert setting.forward(np.ones((0, 4, 5, 6))).shape == setting.forward(np.ones((1, 4, 5, 6)))[:0].shape


@needs_engine
@pytest.mark.parametrize("scale", [1e34, 1e-25, 1e-36])
def test_squares_of_single_precision_neither_overflow_nor_underflow(scale, rng):
    setting = SolidHarmonics((8, 9, 10), 1, 3, powers=(0.5, 1.0))
    x = (scale * rng.random((1, 8, 9, 10))).astype(np.float32)
    found, expected = both(setting, x)
    assert max(disagreements(setting, found, expected)) < 1e-6


@needs_engine
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coefficients_that_overflow_are_refused(dtype):
    setting = SolidHarmonics((4, 4, 4), 1, 1, powers=(3.0,), engine="compiled")
    with pytest.raises(ValueError, match=f"overflow {np.dtype(dtype)}"):
        setting.forward(np.full((1, 4, 4, 4), math.sqrt(np.finfo(dtype).max), dtype))


def test_engines_do_not_tell_settings_apart():
    auto = SolidHarmonics((4, 4, 4), 1)
    by_numpy = replace(auto, engine="numpy")
    assert auto == by_numpy
    assert hash(auto) == hash(by_numpy)


def test_unknown_engines_are_refused():
    with pytest.raises(ValueError, match="engine='array_api' must be one of"):
        SolidHarmonics((4, 4, 4), 1, engine="array_api")


def test_an_engine_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("skmst.scattering.harmonic_cascade.compiled_module", lambda: None)
    x = np.ones((1, 4, 4, 4))
    with pytest.raises(ValueError, match="engine='compiled' cannot run here"):
        SolidHarmonics((4, 4, 4), 1, engine="compiled").forward(x)
    assert_array_equal(SolidHarmonics((4, 4, 4), 1).forward(x), SolidHarmonics((4, 4, 4), 1, engine="numpy").forward(x))
