"""Fields that are not in memory: on disk, of dask, on workers of joblib; the numbers are those of fields in memory."""

import subprocess
import sys
import tracemalloc

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skmst import ScatteringTransformer
from skmst.scattering import Setting

OPTIONS = [
    dict(),
    dict(T=8, log=True),
    dict(T=8, rectifier="phase_harmonics"),
    dict(noise_floor="auto"),
    dict(wavelet="tight", statistics="spectra"),
    dict(wavelet="orthonormal", rectifier="heisenberg"),
]


def transformer(**options):
    return ScatteringTransformer(J=3, **options)


class Store:
    """As arrays of h5py and zarr: numbers come when indexed, and only those."""

    def __init__(self, values):
        self._values, self.shape, self.dtype, self.chunks = values, values.shape, values.dtype, (1, *values.shape[1:])
        self.largest = 0

    def __getitem__(self, where):
        found = self._values[where]
        self.largest = max(self.largest, found.nbytes)
        return found


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_dask_array_gives_a_dask_array_with_the_same_numbers(options, rng):
    da = pytest.importorskip("dask.array")
    x = rng.standard_normal((9, 4, 64))
    lazy = da.from_array(x, chunks=(4, 3, 20))
    expected, found = transformer(**options).fit(x), transformer(**options).fit(lazy)
    for method in ("transform", "coefficients"):
        result, wanted = getattr(found, method)(lazy), getattr(expected, method)(x)
        assert isinstance(result, da.Array)
        assert (result.shape, result.dtype, result._meta.dtype) == (wanted.shape, wanted.dtype, wanted.dtype)
        assert result.chunks[:2] == lazy.chunks[:2]
        assert_allclose(result.compute(), wanted, rtol=1e-12, atol=1e-12)


def test_dask_arrays_may_be_flat_have_channels_and_single_precision(rng):
    da = pytest.importorskip("dask.array")
    x = rng.standard_normal((6, 2, 8, 12)).astype(np.float32)
    scatter = ScatteringTransformer(J=2, L=2, grid_shape=(8, 12), n_channels=2)
    expected = scatter.fit_transform(x)
    result = scatter.fit_transform(da.from_array(x, chunks=(4, 1, 8, 6)))
    assert result.dtype == np.float32
    assert_allclose(result.compute(), expected, rtol=1e-6)
    assert_allclose(scatter.transform(da.from_array(x.reshape(6, -1))).compute(), expected, rtol=1e-6)
    assert scatter.coefficients(da.from_array(x)).shape == scatter.coefficients(x).shape


def test_nothing_is_computed_before_it_is_asked_for():
    da = pytest.importorskip("dask.array")
    scatter = transformer().fit(np.ones((1, 64)))

    def fail(block_info=None):
        raise AssertionError("computed")

    lazy = da.map_blocks(fail, chunks=((5, 5), (64,)), dtype=np.float64, meta=np.empty((0, 0)))
    assert scatter.transform(lazy).shape == (10, scatter.transform(np.ones((1, 64))).shape[1])


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("options", [dict(), dict(log=True)], ids=str)
def test_fields_on_disk_are_transformed_in_chunks(options, dtype, tmp_path, rng):
    x = (100 * rng.standard_normal((40, 5, 512))).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    mapped, store = np.load(tmp_path / "x.npy", mmap_mode="r"), Store(x)
    expected = transformer(**options).fit(x)
    rounding = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-6}  # of sums in chunks
    for memory in (0.25, 0.01):  # MiB: several runs in a chunk, or a few steps of one
        with config_context(working_memory=memory):
            store.largest = 0
            for source in (mapped, store):
                found = transformer(**options).fit(source)
                assert_allclose(found.transform(source), expected.transform(x), **rounding)
                assert_allclose(found.coefficients(source), expected.coefficients(x), **rounding)
            assert 0 < store.largest <= memory * 2**20


def test_memory_stays_bounded_while_the_input_grows(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.int16, shape=(30_000, 512))
    x[::7] = np.arange(512) % 11
    scatter = ScatteringTransformer(J=2, max_order=1).fit(x)
    with config_context(working_memory=8):
        scatter.transform(x[:1000])  # plans are made once
        tracemalloc.start()
        found = scatter.transform(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert x.size * 8 > 100 * 2**20
    assert peak - found.nbytes <= 24 * 2**20


@pytest.mark.parametrize("options", [OPTIONS[1], OPTIONS[4]], ids=str)
def test_processes_of_joblib_transform_chunks(options, rng):
    x = rng.standard_normal((64, 256))
    expected = transformer(**options).fit_transform(x)
    # Sums over as many fields as come together: numpy's products of matrices round by their number.
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_allclose(transformer(**options).fit_transform(x), expected, rtol=1e-12, atol=1e-13)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert_allclose(transformer(**options).fit_transform(x), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.filterwarnings("ignore")  # of the cluster: ports, clocks, pauses
def test_a_cluster_transforms_more_data_than_its_workers_may_hold():
    da = pytest.importorskip("dask.array")
    distributed = pytest.importorskip("distributed")
    limit, grid = 300 * 2**20, 2**15
    wave = np.sin(0.01 * np.arange(grid) ** 1.5)
    lazy = da.linspace(1, 2, 2450, chunks=25)[:, None] * wave  # each block is made where it is transformed
    scatter = ScatteringTransformer(J=1, max_order=1, wavelet="tight").fit(lazy[:2])
    assert lazy.nbytes > 2 * limit
    options = dict(n_workers=2, threads_per_worker=1, memory_limit=limit, processes=True, dashboard_address=None)
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        found = scatter.transform(lazy).compute()
        with joblib.parallel_config(backend="dask"):
            few = scatter.transform(np.ones((20, grid)))
    assert_array_equal(few, scatter.transform(np.ones((20, grid))))
    for part in (slice(0, 25), slice(2425, 2450)):
        fields = lazy[part].compute(scheduler="synchronous")
        assert_allclose(found[part], scatter.transform(fields), rtol=1e-12)


@pytest.mark.parametrize("options", [*OPTIONS[:3], dict(T=1, log=True)], ids=str)
def test_tensors_give_tensors_with_the_same_numbers(options, rng):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((4, 3, 64))
    expected, found = transformer(**options).fit(x), transformer(**options).fit(torch.from_numpy(x))
    for method in ("transform", "coefficients"):
        result = getattr(found, method)(torch.from_numpy(x))
        assert_allclose(result.numpy(), getattr(expected, method)(x), rtol=1e-12, atol=1e-12)
    leaf = torch.from_numpy(x[:, 0]).float().requires_grad_()
    result = found.transform(leaf)
    result.sum().backward()
    assert (result.dtype, leaf.grad.dtype) == (torch.float32, torch.float32)
    assert torch.isfinite(leaf.grad).all()
    assert_allclose(
        transformer(**options).fit_transform(torch.from_numpy(x)).numpy(), expected.transform(x), atol=1e-12
    )


def test_what_runs_in_numpy_only_refuses_tensors(rng):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((4, 64))
    for options in OPTIONS[4:]:
        with pytest.raises(TypeError, match="is computed with numpy: convert X"):
            transformer(**options).fit(torch.from_numpy(x))
        with pytest.raises(TypeError, match="is computed with numpy: convert X"):
            transformer(**options).fit(x).transform(torch.from_numpy(x))
    with pytest.raises(TypeError, match="noise_level_ is a correction made with numpy"):
        transformer(noise_floor=0.1).fit(x).transform(torch.from_numpy(x))


def test_tensors_are_checked_as_arrays_are(rng):
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(rng.standard_normal((4, 64)))
    scatter = transformer().fit(x)
    with pytest.raises(ValueError, match="NaN or infinity"):
        scatter.transform(x / 0)
    with pytest.raises(ValueError, match=r"X, shape \(4, 32\), must equal grid_shape=\(64,\)"):
        scatter.transform(x[:, :32])
    with pytest.raises(TypeError, match="float32 or float64"):
        scatter.transform(x.long())


def test_the_encoding_decides_what_executes_it(rng):
    x = rng.standard_normal((3, 64))
    assert_allclose(transformer(engine="array_api").fit_transform(x), transformer(engine="numpy").fit_transform(x))
    with pytest.raises(ValueError, match=r"engine='array_api' does not execute statistics='energy': use one of"):
        transformer(engine="array_api", statistics="energy").fit(x)
    with pytest.raises(ValueError, match=r"engine='fast' must be one of 'auto', 'numpy', 'compiled', 'array_api'"):
        Setting((64,), J=3, engine="fast")
    assert Setting((64,), J=3, engine="numpy") == Setting((64,), J=3)
    assert hash(Setting((64,), J=3, engine="numpy")) == hash(Setting((64,), J=3))


def test_dask_is_not_imported_for_other_arrays():
    program = (
        "import sys, numpy as np\n"
        "from skmst import ScatteringTransformer\n"
        "ScatteringTransformer(J=2).fit_transform(np.ones((1, 16)))\n"
        "assert not {'dask', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
