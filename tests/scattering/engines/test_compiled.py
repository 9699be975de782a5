"""The compiled engine computes the numbers of the numpy engine, in every option."""

import gc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.fft import fftn

from skmst.scattering import Setting
from skmst.scattering.cascade import runs_compiled, scatter
from skmst.scattering.engines import compiled, compiled_module
from skmst.scattering.plan import plan
from skmst.scattering.rectifiers import Modulus
from tests.scattering.engines.strategies import disagreement, fields_for, settings, tolerance

pytestmark = pytest.mark.skipif(compiled_module() is None, reason="no compiled engine was built, or it is switched off")

PRECISIONS = st.sampled_from([np.float64, np.float32])


def by(engine, setting):
    return replace(setting, engine=engine)


@hypothesis_settings(max_examples=150)
@given(settings(), PRECISIONS, st.integers(0, 99))
def test_coefficients_are_those_of_the_numpy_engine(setting, dtype, seed):
    x = fields_for(setting, dtype=dtype, seed=seed)
    found, expected = by("compiled", setting).forward(x), by("numpy", setting).forward(x)
    assert disagreement(found, expected) <= tolerance(setting, dtype)


@hypothesis_settings(max_examples=100)
@given(settings(), st.integers(0, 99))
def test_gradients_are_those_of_the_numpy_engine(setting, seed):
    x = fields_for(setting, seed=seed)
    coefficients = by("numpy", setting).forward(x)
    found, expected = (by(engine, setting).pullback(x, coefficients) for engine in ("compiled", "numpy"))
    assert disagreement(found, expected) <= tolerance(setting)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 13, 17, 19, 30, 97, 128, 250, 331, 1001])
def test_grids_of_any_size(n, rng):
    """Radices 2 to 17 have passes of their own, larger primes a general one, and prime lengths cannot be folded."""
    setting = Setting((n,), J=1, wavelet="tight", T=1, max_order=1, oversampling=None)
    x = rng.standard_normal((2, n))
    assert_allclose(by("compiled", setting).forward(x), by("numpy", setting).forward(x), atol=1e-13)


@pytest.mark.parametrize("shape", [(64,), (12, 20), (17, 23), (6, 10, 15)])
def test_first_order_is_the_convolution_theorem(shape, rng):
    """|x * psi| from scipy's transforms, which share nothing with the engine."""
    setting = Setting(shape, J=2, L=2, T=1, max_order=1, oversampling=None, engine="compiled")
    x = rng.standard_normal(shape)
    filters = plan(setting, np.dtype(float)).branches[0].filters
    expected = np.abs(
        [fftn(fftn(x) * hat, norm="forward") for hat in filters.hats()]
    )  # modulus: of the reflected field
    found = setting.forward(x[None])[0, 1 : 1 + len(expected)]
    for axis in range(-len(shape), 0):
        expected = np.roll(np.flip(expected, axis), 1, axis)
    assert_allclose(found, expected, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_modulus_is_homogeneous_to_the_ends_of_the_range(dtype, rng):
    setting = Setting((16, 12), 2, L=3, T=4, engine="compiled")
    x = rng.standard_normal((1, 16, 12)).astype(dtype)
    expected = setting.forward(x)
    for exponent in {np.float32: (-110, 120), np.float64: (-1000, 1000)}[dtype]:
        found = setting.forward(np.ldexp(x, exponent))
        assert_allclose(np.ldexp(found, -exponent), expected, rtol=1e-5 if dtype == np.float32 else 1e-14)


def test_long_float32_sums_keep_their_digits(rng):
    setting = Setting((2**16,), 10, (8, 1), T=2**10, output_step=2**10, max_order=1, engine="compiled")
    x = rng.standard_normal((1, 2**16))
    assert disagreement(setting.forward(x.astype(np.float32)).astype(float), setting.forward(x)) < 1e-6


@pytest.mark.parametrize(("n", "T"), [(2**18, 2**12), (2**20, 2**14), (2**18, None)])
def test_long_float32_averages_keep_their_digits(n, T, rng):
    setting = Setting((n,), 4, T=T, output_step=T or 1, max_order=1, oversampling=0, engine="compiled")
    x = rng.standard_normal((1, n)).astype(np.float32)
    assert disagreement(setting.forward(x).astype(float), setting.forward(x.astype(float))) < 1e-6


@pytest.mark.parametrize("shape", [(4, 16), (4, 96), (4, 4, 32)])
def test_coarse_grids_of_several_axes_may_have_one_point_along_most(shape, rng):
    setting = Setting(shape, J=1, L=2, T=4, output_step=4, oversampling=0)
    assert plan(setting, np.dtype(float)).mean.low_pass.grid[:-1] == (1,) * (len(shape) - 1)
    x = rng.standard_normal((2, *shape))
    assert_allclose(by("compiled", setting).forward(x), by("numpy", setting).forward(x), atol=1e-13)
    slope = rng.standard_normal(setting.forward(x).shape)
    assert_allclose(by("compiled", setting).pullback(x, slope), by("numpy", setting).pullback(x, slope), atol=1e-10)


@pytest.mark.parametrize(("n", "Q", "dtype"), [(1914, 2, np.float32), (2880, 4, np.float32), (1144, 4, np.float64)])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_field_that_is_not_finite_leaves_nothing_behind(n, Q, dtype, wrong, rng):
    setting = Setting((n,), 4, (Q, 1), oversampling=0, engine="compiled")
    x = rng.standard_normal((2, n)).astype(dtype)
    expected = setting.forward(x)
    broken = x.copy()
    broken[0, 3] = wrong
    out = np.empty_like(expected)
    with pytest.raises(ValueError, match="overflow"):
        scatter(broken, setting, out=out)
    assert_array_equal(out[1], expected[1])
    assert_array_equal(setting.forward(x), expected)


def test_threads_share_the_paths_of_a_field_only_in_memory_that_they_can_write(rng):
    setting = Setting((32, 32), 2, L=4, engine="compiled")
    x = rng.standard_normal((1, 32, 32))
    expected = setting.forward(x)
    out = np.zeros(expected.nbytes + 1, np.uint8)[1:].view(float).reshape(expected.shape)
    assert not compiled.writes_in_place(out)
    assert_array_equal(scatter(x, setting, out=out, n_jobs=2), expected)


def test_coefficients_go_where_the_caller_wants_them(tmp_path, rng):
    setting = Setting((32, 32), 2, L=4)
    x = rng.standard_normal((5, 32, 32))
    expected = setting.forward(x)
    for out in (
        np.memmap(tmp_path / "out", float, "w+", shape=expected.shape),
        np.empty(expected.shape[::-1]).T,
        np.empty((10, *expected.shape[1:]))[::2],
    ):
        assert scatter(x, setting, out=out) is out
        assert_array_equal(out, expected)
        assert_array_equal(scatter(x[:1], setting, out=out[:1], n_jobs=2), expected[:1])
    with pytest.raises(ValueError, match="out has shape"):
        scatter(x, setting, out=np.empty((5, 3)))
    with pytest.raises(ValueError, match="out has shape"):
        scatter(x, setting, out=np.empty(expected.shape, np.float32))


def test_an_unknown_rectifier_is_left_to_the_numpy_engine(rng):
    class Halved(Modulus):
        def __call__(self, z):
            return 0.5 * np.abs(z)

    x = rng.standard_normal((1, 32))
    setting = Setting((32,), 2, max_order=1, rectifier=Halved())
    assert_allclose(setting.forward(x)[:, 1:], 0.5 * Setting((32,), 2, max_order=1).forward(x)[:, 1:], atol=1e-14)
    with pytest.raises(ValueError, match="engine='compiled' cannot run this transform: it has no"):
        by("compiled", setting).forward(x)


@pytest.mark.parametrize(("shape", "is_compiled"), [((1024,), True), ((2 * 1009,), False), ((64, 131), False)])
def test_lengths_with_a_large_prime_are_left_to_the_numpy_engine(shape, is_compiled):
    ready = plan(Setting(shape, 2), np.dtype(float))
    assert runs_compiled(ready, "auto") is is_compiled
    assert runs_compiled(ready, "compiled")


def test_one_program_per_plan_that_goes_with_it():
    setting = Setting((40,), 2)
    ready = plan(setting, np.dtype(float))
    assert compiled.program_of(ready) is compiled.program_of(plan(Setting((40,), 2), np.dtype(float)))
    before = len(compiled._programs)
    plan.cache_clear()
    del ready
    gc.collect()
    assert len(compiled._programs) < before


def test_arrays_that_do_not_fit_the_program_are_refused(rng):
    ready = plan(Setting((32,), 2), np.dtype(float))
    program, n_paths = compiled.program_of(ready), ready.n_paths
    x, out = rng.standard_normal((2, 32)), np.empty((2, n_paths))
    read_only = out.copy()
    read_only.flags.writeable = False
    for bad_x, bad_out in (
        (x[:, :31], out),
        (x.astype(np.float32), out),
        (x, out[:, 1:]),
        (x, out[:1]),
        (x, read_only),
    ):
        with pytest.raises(ValueError, match=r"contiguous|read-only"):
            program.forward(bad_x, bad_out)


def test_rates_of_its_own_transforms_are_measured():
    assert all(1e7 < compiled_module().fft_rate(np.dtype(t)) < 1e13 for t in ("f4", "f8"))
