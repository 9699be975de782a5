"""Many features, states in a file, data on a cluster: time in units of what cannot be avoided, and memory.

Dense: `KoopmanRegressor` on 100 000 steps of 1000 features that are all in each other's way, in units of one product
``Y.T X`` of successors and states; to the operator, and with spectrum, residuals and all. File: rank 10 of 200 steps of
a million values mapped from a file, in units of one sketch pass over that file (its product with 20 random columns),
and the most memory that the process held beyond the file, in MiB and in numbers per value of the state. Cluster: a
dask cluster of two workers with 512 MiB each and 2 GB that are generated there, against the same data in memory.

    OMP_NUM_THREADS=1 python benchmarks/koopman_large.py
"""

import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import dask
import dask.array
import distributed
import numpy as np
from sklearn import config_context

from skmst import KoopmanRegressor
from skmst.koopman.of_windows import operator_of_windows
from skmst.koopman.randomised import projected_dmd
from skmst.utils.moments import sum_windows


def timed(function):
    start = time.perf_counter()
    found = function()
    return found, time.perf_counter() - start


def dense(n=1000, m=100_000, n_repeats=3):
    X = np.random.default_rng(0).standard_normal((m, n))
    X[1:] += 0.5 * X[:-1]
    candidates = {
        "one product": lambda: X[1:].T @ X[:-1],
        "one product X.T X, which is symmetric": lambda: X.T @ X,
        "to the operator": lambda: operator_of_windows(sum_windows([X[None]], [X[None, :, :0]], 1, 1).covariance(), 1),
        "fit, with spectrum and residuals": lambda: KoopmanRegressor().fit(X),
    }
    seconds = {name: [] for name in candidates}
    for _ in range(n_repeats):
        for name, function in candidates.items():
            start = time.process_time()
            function()
            seconds[name].append(time.process_time() - start)
    one = np.median(seconds["one product"])
    for name in candidates:
        print(f"dense, {name:40}{np.median(seconds[name]):8.2f} s{np.median(seconds[name]) / one:8.2f} products")


class Anonymous(threading.Thread):
    """Watches how much memory the process holds that is no file."""

    def __init__(self):
        super().__init__(daemon=True)
        self.first = self.most = self.now()
        self.done = threading.Event()

    @staticmethod
    def now():
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

    def run(self):
        while not self.done.wait(0.002):
            self.most = max(self.most, self.now())


def in_a_file(n=1_000_000, m=200, rank=10):
    rng, rates = np.random.default_rng(0), np.array([0.3j, 0.7j, 1.1j, 1.6j, 2.2j]) - np.arange(1, 6) / (4 * m)
    modes = (rng.normal(size=(5, n)) + 1j * rng.normal(size=(5, n))) / np.sqrt(5)
    exact = np.exp(np.concatenate([rates, rates.conj()]))
    projected_dmd(rng.standard_normal((1000, 600)), rank, random_state=0)  # libraries load
    with tempfile.TemporaryDirectory() as folder:
        X = np.lib.format.open_memmap(f"{folder}/X.npy", mode="w+", dtype=np.float64, shape=(m, n))
        for t in range(m):
            X[t] = (np.exp(t * rates) @ modes).real + 0.01 * rng.standard_normal(n)
        X = np.load(f"{folder}/X.npy", mmap_mode="r")
        del modes
        omega = rng.standard_normal((n, 20))
        timed(lambda: X @ omega)
        passes = [timed(lambda: X @ omega)[1] for _ in range(3)]
        omega = None
        watch = Anonymous()
        watch.start()
        model, seconds = timed(lambda: projected_dmd(X, rank, random_state=0))
        watch.done.set()
        held = watch.most - watch.first
    error = max(np.abs(model.eigenvalues - z).min() for z in exact)
    print(f"file, {seconds:.2f} s or {seconds / np.median(passes):.1f} passes, error {error:.1e},", end=" ")
    print(f"{held / 2**20:.0f} MiB or {held / 8 / n:.1f} numbers per value of the state")


def on_a_cluster(n_runs=1000, n_steps=5000, n_features=50):
    rng, shape = dask.array.random.default_rng(0), (n_runs, n_steps, n_features)
    steps = rng.integers(-100, 101, shape, dtype=np.int8, chunks=(10, -1, -1))
    X = steps.map_blocks(partial(np.cumsum, axis=1, dtype=np.float64), dtype=np.float64)
    waiting = {f"distributed.worker.memory.{at}": False for at in ("target", "spill", "pause")}
    with (
        dask.config.set(waiting),
        distributed.LocalCluster(2, threads_per_worker=1, memory_limit="512MiB", dashboard_address=None) as cluster,
        distributed.Client(cluster),
        config_context(working_memory=256),  # a worker puts a chunk of a third of it together
    ):
        watch = Anonymous()
        watch.start()
        far, seconds = timed(lambda: KoopmanRegressor().fit(X))
        watch.done.set()
    held = watch.most - watch.first
    near, alone = timed(lambda: KoopmanRegressor().fit(X.compute(scheduler="synchronous")))
    apart = np.abs(far.koopman_matrix_ - near.koopman_matrix_).max()
    print(f"cluster, {X.nbytes / 1e9:.1f} GB in {seconds:.1f} s with {held / 2**20:.0f} MiB here,", end=" ")
    print(f"{alone:.1f} s generated and fitted in memory; operators differ by {apart:.1e}")


if __name__ == "__main__":
    dense()
    in_a_file()
    on_a_cluster()
