"""What does a decomposition of large data cost? Seconds, memory and errors beside PyDMD, deeptime and kooplearn.

Five damped oscillations (ten modes) with 1 % noise in a state of n values over m steps, rank 10, all on the same array,
each in a process of its own that is given up after 150 s. There the method takes turns with one sketch pass, the
product of the data with 20 random columns; methods of skmst three times (medians), others once. Memory is how far the
process grew beyond the data, also in numbers per value of a state and step (n + m); errors are those of the worst
eigenvalue. The last columns compare with skmst's method of the same kind, which is timed in the same process.
PyDMD's BOPDMD is started at the eigenvalues of `projected_dmd`, without which it does not find the fast oscillations.

    OMP_NUM_THREADS=1 python benchmarks/koopman_scale.py [--large] [--ours]

--large adds 10 000 x 10 000 and 1000 x 100 000. --ours leaves the other libraries out.
"""

import ctypes
import multiprocessing
import os
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from pydmd import BOPDMD, DMD, RDMD

from skmst.koopman.optimised import optimised_dmd
from skmst.koopman.randomised import projected_dmd

FREQUENCIES, GROWTH = np.array([0.3, 0.7, 1.1, 1.6, 2.2]), np.array([1.0, 2.0, 0.5, 3.0, 1.0])
SIZES = [(100, 100_000), (10_000, 1_000), (100_000, 1_000)]
LARGE = [(10_000, 10_000), (1_000, 100_000)]
RANK, PATIENCE, MEMORY = 10, 150, 12 * 2**30


def data(n, m):
    rng, rates = np.random.default_rng(0), 1j * FREQUENCIES - GROWTH / m
    modes = (rng.normal(size=(5, n)) + 1j * rng.normal(size=(5, n))) / np.sqrt(5)
    X = np.empty((m, n))
    for start in range(0, m, 500):
        growth = np.exp(np.multiply.outer(np.arange(start, min(start + 500, m)), rates))
        X[start : start + 500] = (growth @ modes).real + 0.01 * rng.standard_normal((len(growth), n))
    return X, np.exp(np.concatenate([rates, rates.conj()]))


def projected(X):
    return projected_dmd(X, RANK, random_state=0).eigenvalues


def optimised(X):
    return np.exp(optimised_dmd(X, RANK, random_state=0).rates)


def deeptime(X):
    from deeptime.decomposition import DMD as Deeptime

    return Deeptime(mode="exact", rank=RANK).fit((X[:-1], X[1:])).fetch_model().eigenvalues


def kooplearn(X):
    """Principal component regression by second moments of the fewer: features, or steps."""
    from kooplearn.kernel import KernelRidge
    from kooplearn.linear_model import Ridge

    params = dict(reduced_rank=False, alpha=1e-10, eigen_solver="arpack", random_state=0, copy_X=False)
    if X.shape[1] <= len(X):
        return Ridge(RANK, **params).fit(X).eig()
    return KernelRidge(RANK, kernel="linear", **params).fit(X).eig()


def bopdmd(X):
    guess = np.log(projected(X))
    return np.exp(BOPDMD(svd_rank=RANK, init_alpha=guess).fit(X.T, np.arange(float(len(X)))).eigs)


#: Each method, and that of skmst which it is compared with.
METHODS = {
    "projected_dmd": (projected, None),
    "  PyDMD DMD": (lambda X: DMD(svd_rank=RANK).fit(X.T).eigs, projected),
    "  PyDMD RDMD": (lambda X: RDMD(svd_rank=RANK, power_iters=1).fit(X.T).eigs, projected),
    "  deeptime DMD": (deeptime, projected),
    "  kooplearn": (kooplearn, projected),
    "optimised_dmd": (optimised, None),
    "  PyDMD BOPDMD": (bopdmd, optimised),
}


def resident(name):
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in status if line.startswith(name))


def timed(function, X):
    start = time.perf_counter()
    return function(X), time.perf_counter() - start


def measure(function, ours, X, exact, omega, pipe):
    """Send seconds of the method, of one pass and of ours, memory and error."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY,) * 2)
    with np.errstate(all="ignore"):
        function(np.ascontiguousarray(X[:1000, :600]))  # what libraries load and keep, whatever the size
    X @ omega
    ctypes.CDLL(None).malloc_trim(0)  # what was freed is not to be used again unseen
    Path("/proc/self/clear_refs").write_text("5")  # forget the largest size so far
    before, seconds, passes, compared = resident("VmRSS"), [], [], []
    for repeat in range(1 if ours else 3):
        passes.append(timed(lambda X: X @ omega, X)[1])
        found, taken = timed(function, X)
        seconds.append(taken)
        if repeat == 0:
            memory = resident("VmHWM") - before
        if ours:
            compared += [timed(ours, X)[1] for _ in range(3)]
        passes.append(timed(lambda X: X @ omega, X)[1])
    error = max(np.abs(found - z).min() for z in exact)
    own = np.median(compared) if ours else np.median(seconds)
    pipe.send((np.median(seconds), np.median(passes), own, memory, error))


def in_a_process(*given):
    """What `measure` sends, or why it does not."""
    context = multiprocessing.get_context("fork")  # it sees the data without a copy
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(*given, sender))
    process.start()
    sender.close()
    answered = receiver.poll(PATIENCE)
    try:
        return receiver.recv() if answered else f"> {PATIENCE} s"
    except EOFError:
        return "does not finish"
    finally:
        process.kill()
        process.join()


def main():
    warnings.simplefilter("ignore")  # PyDMD's fits end at its own tolerance and say so
    kept = [name for name in METHODS if METHODS[name][1] is None or "--ours" not in sys.argv]
    for n, m in SIZES + LARGE * ("--large" in sys.argv):
        X, exact = data(n, m)
        omega = np.random.default_rng(1).standard_normal((n, 20))
        print(f"\nn = {n}, m = {m}")
        print(f"{'':16}{'seconds':>10}{'passes':>9}{'MiB':>9}{'(n+m) x':>9}{'error':>11}{'skmst s':>10}{'ratio':>9}")
        for name in kept:
            found = in_a_process(*METHODS[name], X, exact, omega)
            if isinstance(found, str):
                print(f"{name:16}{found:>10}", flush=True)
                continue
            seconds, one_pass, own, memory, error = found
            cells = f"{seconds:10.3f}{seconds / one_pass:9.1f}{memory / 2**20:9.1f}{memory / 8 / (n + m):9.1f}"
            print(f"{name:16}{cells}{error:11.1e}{own:10.3f}{seconds / own:9.1f}", flush=True)


if __name__ == "__main__":
    main()
