"""The array API executor: every library computes the numbers of the numpy engine, and those that differentiate, its
gradients.
"""

import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skmst.scattering import Setting
from skmst.scattering.engines import array_api
from skmst.scattering.rectifiers import Modulus
from tests.scattering.engines.strategies import disagreement, fields_for, settings, tolerance

LIBRARIES = ["numpy", "array_api_strict", "torch"]
SMALL = Setting((24, 16), J=2, L=3, T=4, output_step=3, oversampling=1)
LINE = Setting((64,), J=4, Q=(2, 1), oversampling=0)


def array_of(library):
    """What makes an array of a library of one of numpy's; the test is skipped where the library is not installed."""
    module = pytest.importorskip(library)
    if library == "jax":
        module.config.update("jax_enable_x64", True)
        return module.numpy.asarray
    return module.from_numpy if library == "torch" else module.asarray


def by_array_api(setting):
    return replace(setting, engine="array_api")


def quickly(max_examples):
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return budget(max_examples=max_examples, deadline=None, suppress_health_check=slow, derandomize=True)


@pytest.mark.parametrize(("library", "n"), [("numpy", 60), ("array_api_strict", 60), ("torch", 100)])
def test_every_library_computes_the_numbers_of_the_numpy_engine(library, n):
    array = array_of(library)

    @quickly(n)
    @given(settings(), st.sampled_from([np.float64, np.float32]), st.integers(0, 99))
    def check(setting, dtype, seed):
        x = fields_for(setting, dtype=dtype, seed=seed)
        found = by_array_api(setting).forward(array(x))
        assert type(found) is type(array(x))
        expected = replace(setting, engine="numpy").forward(x)
        assert disagreement(np.asarray(found), expected) <= tolerance(setting, dtype)

    check()


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_printed_form_agrees_where_its_signals_are_generic(library):
    setting = Setting((64,), J=3, rectifier="heisenberg_v4", complex_fields=True)
    x = fields_for(setting)
    found = by_array_api(setting).forward(array_of(library)(x))
    assert disagreement(np.asarray(found), setting.forward(x)) <= 1e-12


def test_automatic_differentiation_gives_the_gradients_of_the_numpy_engine():
    array = array_of("torch")

    @quickly(60)
    @given(settings(), st.integers(0, 99))
    def check(setting, seed):
        x = fields_for(setting, seed=seed)
        weights = np.random.default_rng(seed).standard_normal(setting.forward(x).shape)
        if setting.is_complex:
            weights = weights * (1 - 0.5j)
        expected = replace(setting, engine="numpy").pullback(x, weights)
        found = setting.pullback(array(x), array(weights))
        scale = np.linalg.norm(weights) + np.linalg.norm(expected)  # moduli of round-off have any direction
        assert np.linalg.norm(np.asarray(found) - expected) <= 1e-10 * scale

    check()


def test_gradients_reach_leaves_of_torch_and_can_be_differentiated_again():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(fields_for(LINE)).requires_grad_()
    LINE.forward(x).square().sum().backward()
    numpy = x.detach().numpy()
    assert_allclose(x.grad.numpy(), LINE.pullback(numpy, 2 * LINE.forward(numpy)), atol=1e-10)
    short = Setting((12,), J=2, T=4, output_step=2)
    leaf = torch.from_numpy(fields_for(short, n_samples=1)).requires_grad_()
    assert torch.autograd.gradcheck(short.forward, (leaf,), atol=1e-6)
    assert torch.autograd.gradgradcheck(short.forward, (leaf,), atol=1e-5)


@pytest.mark.parametrize("rectifier", ["modulus", "phase_harmonics"])
def test_jax_compiles_and_differentiates_the_transform(rectifier):
    array, jax = array_of("jax"), pytest.importorskip("jax")
    setting = Setting((16,), J=2, max_order=1, rectifier=rectifier, complex_fields=rectifier != "modulus")
    x = fields_for(setting)
    expected = setting.forward(x)
    assert_allclose(jax.jit(setting.forward)(array(x)), expected, atol=1e-12)
    assert_allclose(setting.pullback(array(x), array(expected)), setting.pullback(x, expected), atol=1e-10)


def test_order_zero_that_rounds_to_zero_still_has_a_gradient():
    torch = pytest.importorskip("torch")
    setting = Setting((16,), J=2, max_order=0)
    x = torch.zeros(1, 16, dtype=torch.float64, requires_grad=True)
    setting.forward(x).sum().backward()
    assert_allclose(x.grad.numpy(), 1 / 16)


def test_nothing_leaves_the_device_of_the_input():
    # Arrays on torch's device "meta" have no numbers: an operation with an array of any other device fails.
    torch = pytest.importorskip("torch")
    for setting in (SMALL, LINE, Setting((16,), J=2, boundary="reflect", upsample=2, rectifier="phase_harmonics")):
        x = torch.empty((3, *setting.grid_shape), device="meta", dtype=torch.float32)
        found = setting.forward(x)
        assert (found.device.type, found.real.dtype) == ("meta", torch.float32)
        assert found.shape == setting.forward(np.zeros(x.shape)).shape


@pytest.mark.parametrize("setting", [SMALL, LINE, replace(SMALL, boundary="reflect", rectifier="phase_harmonics")])
def test_a_small_workspace_gives_the_same_numbers(setting, monkeypatch):
    x = fields_for(setting, n_samples=5)
    whole = by_array_api(setting).forward(x)
    array_api._program.cache_clear()
    monkeypatch.setattr(array_api, "WORKSPACE", 2**12)
    assert_allclose(by_array_api(setting).forward(x), whole, atol=1e-14)
    array_api._program.cache_clear()


def test_constants_are_moved_once_and_for_few_transforms():
    array_api._program.cache_clear()
    for J in (1, 2, 3, 4, 5, 1, 2, 3):
        by_array_api(Setting((64,), J=J)).forward(np.zeros((1, 64)))
    assert array_api._program.cache_info().misses == 5
    assert array_api._program.cache_info().maxsize == 8


@pytest.mark.parametrize("library", LIBRARIES)
def test_views_and_empty_batches_are_taken_and_inputs_kept(library):
    array, x = array_of(library), fields_for(SMALL, n_samples=6)
    y = array(x.copy())
    assert_allclose(np.asarray(by_array_api(SMALL).forward(y[1:5, :, :])), SMALL.forward(x[1:5]), atol=1e-12)
    assert_array_equal(np.asarray(y), x)
    assert np.asarray(by_array_api(SMALL).forward(y[:0, :, :])).shape == (0, *SMALL.forward(x).shape[1:])


def test_strided_and_conjugated_tensors_are_taken():
    torch = pytest.importorskip("torch")
    x = fields_for(SMALL, n_samples=4)
    strided = torch.from_numpy(np.ascontiguousarray(x.transpose(2, 1, 0))).permute(2, 1, 0)[::2]
    assert_allclose(SMALL.forward(strided).numpy(), SMALL.forward(x[::2]), atol=1e-12)
    setting = Setting((32,), J=2, rectifier="phase_harmonics", complex_fields=True)
    z = fields_for(setting)
    assert_allclose(setting.forward(torch.from_numpy(z).conj()).numpy(), setting.forward(z.conj()), atol=1e-12)
    assert_allclose(setting.forward(torch.from_numpy(z.real)).numpy(), setting.forward(z.real), atol=1e-12)


@dataclass(frozen=True)
class Own(Modulus):
    """A rectifier that skmst does not know."""


def test_errors_say_what_is_wrong():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(fields_for(SMALL))
    with pytest.raises(TypeError, match=r"dtype torch.float16: make it float32 or float64"):
        SMALL.forward(x.half())
    with pytest.raises(ValueError, match=r"x has shape \(2, 24\), but must be \(n_samples, \*\(24, 16\)\)"):
        SMALL.forward(x[:, :, 0])
    with pytest.raises(ValueError, match="complex_fields=True"):
        SMALL.forward(x + 0j)
    with pytest.raises(ValueError, match="overflow"):
        SMALL.forward(x * 1e308)
    with pytest.raises(TypeError, match="x is a list"):
        SMALL.forward(x.tolist())
    with pytest.raises(ValueError, match=r"gradient has shape \(2, 3\), but the coefficients of x have shape"):
        SMALL.pullback(x, x[:, :3, 0])
    own = replace(SMALL, rectifier=Own())
    with pytest.raises(TypeError, match="works on numpy arrays"):
        own.forward(x)
    assert_allclose(by_array_api(own).forward(x.numpy()), SMALL.forward(x.numpy()), atol=1e-12)


def test_libraries_that_do_not_differentiate_say_so():
    strict = pytest.importorskip("array_api_strict")
    x = strict.asarray(fields_for(LINE))
    with pytest.raises(NotImplementedError, match="array_api_strict does not differentiate"):
        LINE.pullback(x, LINE.forward(x))


def test_no_library_is_imported_for_numpy_arrays():
    program = (
        "import sys, numpy as np\n"
        "from skmst.scattering import Setting\n"
        "Setting((16,), J=2, engine='array_api').forward(np.zeros((1, 16)))\n"
        "assert not {'torch', 'jax', 'cupy', 'dask', 'array_api_strict'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_results_are_written_where_they_are_wanted():
    x = fields_for(SMALL)
    out = np.empty(SMALL.forward(x).shape)
    for setting in (SMALL, by_array_api(SMALL)):
        out[...] = np.nan
        assert setting.forward(x, out=out) is out
        assert_allclose(out, SMALL.forward(x), atol=1e-12)
