"""Data larger than memory: the same numbers from mapped files and from a cluster, within little memory."""

import subprocess
import sys
from functools import partial
from textwrap import dedent

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context

from skmst import KoopmanRegressor

#: Decomposes a file within so many MiB beyond what libraries take: whatever asks for more fails.
WITHIN = """
    import resource, sys
    import numpy as np
    from skmst.koopman.randomised import projected_dmd

    projected_dmd(np.random.default_rng(0).standard_normal((1000, 600)), 6, random_state=0)
    with open("/proc/self/status") as status:
        in_use = next(1024 * int(line.split()[1]) for line in status if line.startswith("VmData"))
    X = np.load(sys.argv[1], mmap_mode="r")
    for megabytes in map(float, sys.argv[2:]):
        resource.setrlimit(resource.RLIMIT_DATA, (int(in_use + megabytes * 2**20), resource.RLIM_INFINITY))
        try:
            print(*projected_dmd(X, 6, random_state=0).eigenvalues)
        except MemoryError:
            print("too little")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process like this")
def test_a_wide_state_in_a_file_takes_one_piece_and_one_sketch(tmp_path):
    rng, n = np.random.default_rng(0), 50_000
    rates = np.array([0.2j, 0.5j, 0.9j]) - np.array([0.001, 0.002, 0.0005])
    modes = rng.normal(size=(3, n)) + 1j * rng.normal(size=(3, n))
    np.save(tmp_path / "X.npy", (np.exp(np.multiply.outer(np.arange(200), rates)) @ modes).real)  # 76 MiB
    piece, sketch = 32, 8 * (6 + 8) * n / 2**20
    budgets = [str(sketch / 2), str(piece + sketch)]
    script = [sys.executable, "-c", dedent(WITHIN), str(tmp_path / "X.npy"), *budgets]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    less, enough = done.stdout.splitlines()
    assert less == "too little"
    exact = np.exp(np.concatenate([rates, rates.conj()]))
    assert_allclose(np.sort_complex([complex(z) for z in enough.split()]), np.sort_complex(exact), atol=1e-11)


def walks(dask_array, n_runs, n_steps, n_features):
    """Random walks that are generated where they are needed, the same whenever they are."""
    rng, shape = dask_array.random.default_rng(0), (n_runs, n_steps, n_features)
    steps = rng.integers(-100, 101, shape, dtype=np.int8, chunks=(10, -1, -1))
    return steps.map_blocks(partial(np.cumsum, axis=1, dtype=np.float64), dtype=np.float64)


def test_a_cluster_of_two_workers_gives_the_operator_of_the_data_in_memory():
    dask = pytest.importorskip("dask")
    distributed, dask_array = pytest.importorskip("distributed"), pytest.importorskip("dask.array")
    X = walks(dask_array, 1450, 2000, 24)
    with (
        # At the limit a worker is killed; below it, none waits for memory that the system does not give back.
        dask.config.set({f"distributed.worker.memory.{at}": False for at in ("target", "spill", "pause")}),
        distributed.LocalCluster(2, threads_per_worker=1, memory_limit="256MiB", dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        config_context(working_memory=60),
    ):
        limits = [worker["memory_limit"] for worker in client.scheduler_info()["workers"].values()]
        assert X.nbytes > sum(limits)
        far = KoopmanRegressor().fit(X)
    near = KoopmanRegressor().fit(X.compute(scheduler="synchronous"))
    assert_allclose(far.koopman_matrix_, near.koopman_matrix_, atol=1e-10)
    assert_allclose(far.eigenvalues_, near.eigenvalues_, atol=1e-10)
    assert_allclose(far.residuals_, near.residuals_, atol=1e-10)
