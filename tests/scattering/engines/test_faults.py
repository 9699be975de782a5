"""Whatever the input looks like and whatever goes wrong, a transform gives right numbers or a clear error."""

import multiprocessing
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed

from skmst import ScatteringTransformer
from skmst.scattering import Setting, engines
from skmst.scattering.plan import plan

pytestmark = pytest.mark.parametrize("engine", engines.available())

SETTINGS = {
    "line": dict(grid_shape=(48,), J=3),
    "plane": dict(grid_shape=(16, 12), J=2, L=3, T=4, output_step=2, oversampling=0),
    "reflected": dict(grid_shape=(30,), J=2, T=4, boundary="reflect"),
}


@pytest.fixture(params=SETTINGS)
def setting(request, engine):
    return Setting(**SETTINGS[request.param], engine=engine)


@pytest.fixture
def x(setting, rng):
    return rng.standard_normal((5, *setting.grid_shape))


def run(program, *, timeout=60, while_running=lambda process: None):
    """Output of a Python program in a process of its own, which must end well."""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while_running(process)
        output, errors = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    return output


def assert_equal_to_rounding(found, expected, name="", condition=64):
    assert found.dtype == expected.dtype, name
    rounding = condition * np.finfo(expected.dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=rounding, err_msg=name)


# What the input may look like


def layouts(x, folder):
    """The same numbers in arrays that differ in everything else."""
    twice = np.repeat(x, 2, axis=-1)
    raw = np.zeros(x.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(x.dtype).reshape(x.shape)
    unaligned[...] = x
    locked = x.copy()
    locked.setflags(write=False)
    np.save(folder / "x.npy", x)
    return {
        "strided": twice[..., ::2],
        "unaligned": unaligned,
        "reversed": x[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
        "Fortran order": np.asfortranarray(x),
        "read-only": locked,
        "bytes swapped": x.astype(x.dtype.newbyteorder()),
        "memory-mapped": np.load(folder / "x.npy", mmap_mode="r"),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layout_of_the_input_does_not_matter(setting, x, dtype, tmp_path):
    x = x.astype(dtype)
    expected = setting.forward(x)
    for name, same in layouts(x, tmp_path).items():
        assert_equal_to_rounding(setting.forward(same), expected, name)
        np.testing.assert_array_equal(same, x, err_msg=f"{name}: the input was changed")


def test_layout_does_not_matter_to_the_gradient(setting, x, tmp_path):
    coefficients = setting.forward(x)
    expected = setting.pullback(x, coefficients)
    condition = 1e5  # z / |z| turns with every bit of a small z
    for name, same in layouts(x, tmp_path).items():
        assert_equal_to_rounding(setting.pullback(same, coefficients), expected, name, condition)
    for name, same in layouts(coefficients, tmp_path).items():
        assert_equal_to_rounding(setting.pullback(x, same), expected, f"gradient {name}", condition)


def test_estimator_takes_every_layout(setting, x, tmp_path, engine):
    scatter = ScatteringTransformer(J=setting.J, grid_shape=setting.grid_shape, engine=engine).fit(x)
    expected = scatter.transform(x)
    for name, same in layouts(x, tmp_path).items():
        assert_equal_to_rounding(scatter.transform(same), expected, name)


def test_empty_batch_has_empty_coefficients(setting, x):
    nothing = setting.forward(x[:0])
    assert nothing.shape == (0, *setting.forward(x).shape[1:])
    assert setting.pullback(x[:0], nothing).shape == (0, *setting.grid_shape)


# Threads and processes


@pytest.mark.parametrize("n_jobs", [2, 5])
def test_numbers_do_not_depend_on_the_number_of_jobs(setting, rng, n_jobs):
    several_chunks = 2 * plan(setting, np.dtype(np.float64)).chunk + 1
    for batch in (1, 2, several_chunks):
        x = rng.standard_normal((batch, *setting.grid_shape))
        once = setting.forward(x, n_jobs=1)
        np.testing.assert_array_equal(setting.forward(x, n_jobs=n_jobs), once)
        slope = setting.pullback(x, once, n_jobs=1)
        np.testing.assert_array_equal(setting.pullback(x, once, n_jobs=n_jobs), slope)


@pytest.mark.parametrize("method", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods())))
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12: this process has threads
@pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning")  # jax says the same where it was imported
@pytest.mark.filterwarnings("ignore:.*_at_fork.*:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:Loky-backed parallel loops:UserWarning")  # joblib: one job in a daemon
def test_new_processes_compute_the_same(engine, rng, method):
    setting = Setting(**SETTINGS["plane"], engine=engine)
    x = rng.standard_normal((4, *setting.grid_shape))
    expected = setting.forward(x, n_jobs=2)  # before the fork: what it leaves behind must not block the child
    with multiprocessing.get_context(method).Pool(1) as pool:
        found = pool.apply_async(setting.forward, (x,), {"n_jobs": 2}).get(timeout=60)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_workers_compute_the_same(setting, x, backend):
    parts = (x[:2], x, x[2:])
    found = Parallel(n_jobs=2, backend=backend)(delayed(setting.forward)(part, n_jobs=2) for part in parts)
    for part, coefficients in zip(parts, found, strict=True):
        np.testing.assert_array_equal(coefficients, setting.forward(part))


COUNT_THREADS = """
import os, threading, time
import numpy as np
from skmst.scattering import Setting
setting = Setting((64, 64), 3, T=8, output_step=8, engine={engine!r})
x = np.random.default_rng(0).standard_normal((30, 64, 64))
setting.forward(x[:1])
counts, done = [], threading.Event()

def count():
    while not done.is_set():
        counts.append(len(os.listdir("/proc/self/task")))
        time.sleep(1e-4)

watcher = threading.Thread(target=count)
watcher.start()
before = len(os.listdir("/proc/self/task"))
setting.forward(x)
done.set()
watcher.join()
print(max(counts) - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads where Linux lists them")
def test_one_job_is_one_thread(engine):
    # Workers of a search that each started threads of their own would get in each other's way.
    assert int(run(COUNT_THREADS.format(engine=engine))) == 0


# What may go wrong

LONG = """
import numpy as np
from skmst.scattering import Setting
setting = Setting((64, 64), 3, T=8, output_step=8, engine={engine!r})
x = np.random.default_rng(0).standard_normal((1, 64, 64))
expected = setting.forward(x)
print("ready", flush=True)
try:
    setting.forward(np.broadcast_to(x, (100_000, 64, 64)), n_jobs={n_jobs})  # minutes
except KeyboardInterrupt:
    print("interrupted", np.array_equal(setting.forward(x), expected), flush=True)
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupt_ends_a_transform_and_nothing_else(engine, n_jobs):
    def interrupt(process):
        assert process.stdout.readline() == "ready\n"
        threading.Event().wait(0.3)  # well into the transform
        process.send_signal(signal.SIGINT)

    assert run(LONG.format(engine=engine, n_jobs=n_jobs), while_running=interrupt) == "interrupted True\n"


SCARCE = """
import resource
from pathlib import Path
import numpy as np
from skmst.scattering import Setting

def forward(headroom):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + headroom, resource.RLIM_INFINITY))
    try:
        return setting.forward(x)
    except MemoryError:
        return None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

setting = Setting((2**18,), 2, wavelet="tight", engine={engine!r})
x = np.random.default_rng(0).standard_normal((2, 2**18))
found = [forward(megabytes * 2**20) for megabytes in (0, 1, 2, 4, 8, 16, 32)]
expected = setting.forward(x)
print(sum(y is None for y in found), all(np.array_equal(y, expected) for y in found if y is not None))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_too_little_memory_is_a_memory_error(engine):
    refused, rest_is_right = run(SCARCE.format(engine=engine)).split()
    assert int(refused) > 0
    assert rest_is_right == "True"
