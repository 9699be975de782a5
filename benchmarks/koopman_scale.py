"""What does a decomposition of large data cost? Seconds, memory and errors beside PyDMD and deeptime.

Five damped oscillations (ten modes) with 1 % noise in a state of n values over m steps, rank 10, all on the same array.
One sketch pass is the product of the data with 20 random columns. Memory is the largest that was allocated beyond the
data, in MiB and in numbers per value of the state; errors are those of the worst eigenvalue.

    python benchmarks/koopman_scale.py [--large] [--ours]

--large adds 10 000 x 10 000 and 1000 x 100 000, where peers take minutes or more memory than there is: they are left
out. --ours leaves them out everywhere.
"""

import sys
import time
import tracemalloc
import warnings

import numpy as np
from pydmd import BOPDMD, DMD, RDMD

from skmst.koopman.optimised import optimised_dmd
from skmst.koopman.randomised import projected_dmd

FREQUENCIES, GROWTH = np.array([0.3, 0.7, 1.1, 1.6, 2.2]), np.array([1.0, 2.0, 0.5, 3.0, 1.0])
SIZES = [(100, 100_000), (10_000, 1_000), (100_000, 1_000)]
LARGE = [(10_000, 10_000), (1_000, 100_000)]


def data(n, m):
    rng, rates = np.random.default_rng(0), 1j * FREQUENCIES - GROWTH / m
    modes = (rng.normal(size=(5, n)) + 1j * rng.normal(size=(5, n))) / np.sqrt(5)
    X = np.empty((m, n))
    for start in range(0, m, 500):
        growth = np.exp(np.multiply.outer(np.arange(start, min(start + 500, m)), rates))
        X[start : start + 500] = (growth @ modes).real + 0.01 * rng.standard_normal((len(growth), n))
    return X, np.exp(np.concatenate([rates, rates.conj()]))


def deeptime(X):
    from deeptime.decomposition import DMD as Deeptime

    return Deeptime(mode="exact", rank=10).fit((X[:-1], X[1:])).fetch_model().eigenvalues


METHODS = {
    "projected_dmd": lambda X: projected_dmd(X, 10, random_state=0).eigenvalues,
    "optimised_dmd": lambda X: np.exp(optimised_dmd(X, 10, random_state=0).rates),
}
PEERS = {
    "  PyDMD DMD": lambda X: DMD(svd_rank=10).fit(X.T).eigs,
    "  PyDMD RDMD": lambda X: RDMD(svd_rank=10, power_iters=1).fit(X.T).eigs,
    "  deeptime DMD": deeptime,
    "  PyDMD BOPDMD": lambda X: np.exp(BOPDMD(svd_rank=10).fit(X.T, np.arange(float(len(X)))).eigs),
}


def measured(function, X):
    tracemalloc.start()
    start = time.perf_counter()
    found = function(X)
    seconds, memory = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, seconds, memory


def main():
    warnings.simplefilter("ignore")
    for n, m in SIZES + LARGE * ("--large" in sys.argv):
        X, exact = data(n, m)
        omega = np.random.default_rng(1).standard_normal((n, 20))
        start = time.perf_counter()
        X @ omega
        sketch = time.perf_counter() - start
        print(f"\nn = {n}, m = {m}: one sketch pass {sketch:.2f} s")
        alone = "--ours" in sys.argv or (n, m) in LARGE
        for name, function in (METHODS if alone else METHODS | PEERS).items():
            found, seconds, memory = measured(function, X)
            error = max(np.abs(found - z).min() for z in exact)
            cells = f"{seconds:8.2f} s {seconds / sketch:7.1f} passes {memory / 2**20:9.1f} MiB {memory / 8 / n:9.1f} n"
            print(f"{name:16}{cells} {error:11.1e}", flush=True)


if __name__ == "__main__":
    main()
