"""How near do eigenvalues come in noise? Solvers side by side with PyDMD on the same arrays.

50 sensors see three damped oscillations (growth -.002, -.001, -.003, frequency .3, .7, 1.1 per step, random complex
modes, root mean square .71 over sensors and steps) at 200 steps, with white noise of standard deviation .01, .1, .3.
The error is that of the worst of the six eigenvalues over a step; medians over 20 seeds, and of the time.

    python benchmarks/koopman_noise.py
"""

import time
import warnings

import numpy as np
from pydmd import BOPDMD, DMD, FbDMD

from skmst.koopman.operators import SOLVERS
from skmst.koopman.optimised import optimised_dmd
from skmst.koopman.pairs import PairMoments
from skmst.koopman.randomised import principal_coordinates, projected_dmd

RATES = np.array([-0.002 + 0.3j, -0.001 + 0.7j, -0.003 + 1.1j])
EXACT = np.exp(np.concatenate([RATES, RATES.conj()]))
N_SENSORS, N_STEPS, N_SEEDS, RANK = 50, 200, 20, 6
NOISE = (1e-2, 1e-1, 3e-1)
TIMES = np.arange(float(N_STEPS))


def data(noise, seed):
    rng = np.random.default_rng(seed)
    modes = rng.normal(size=(N_SENSORS, 3)) + 1j * rng.normal(size=(N_SENSORS, 3))
    X = (np.exp(np.multiply.outer(TIMES, RATES)) @ modes.T).real
    return X / (X.std() * np.sqrt(2)) + noise * rng.normal(size=X.shape)


def by_moments(solver):
    def eigenvalues(X):
        left, right = SOLVERS[solver](PairMoments.of_runs(X), 0.0, RANK)
        return np.linalg.eigvals(right @ left)

    return eigenvalues


def hankel(X, n_delays=50):
    """Least squares on windows, in their leading principal components."""
    Z = principal_coordinates(X, 12).coordinates[0]
    windows = np.stack([Z[j : len(Z) - n_delays + j + 1] for j in range(n_delays)], axis=1)
    return projected_dmd(windows.reshape(len(windows), -1), RANK, random_state=0).eigenvalues


def hankel_pydmd(X, n_delays=50):
    windows = np.stack([X[j : len(X) - n_delays + j + 1] for j in range(n_delays)], axis=1)
    return DMD(svd_rank=RANK).fit(windows.reshape(len(windows), -1).T).eigs


def bop(n_bags):
    def eigenvalues(X):
        return np.exp(BOPDMD(svd_rank=RANK, num_trials=n_bags, trial_size=0.6).fit(X.T, TIMES).eigs)

    return eigenvalues


METHODS = {
    "least squares": by_moments("edmd"),
    "  PyDMD": lambda X: DMD(svd_rank=RANK).fit(X.T).eigs,
    "total least squares": by_moments("tls"),
    "  PyDMD, tlsq_rank": lambda X: DMD(svd_rank=RANK, tlsq_rank=RANK).fit(X.T).eigs,
    "forward-backward": by_moments("forward_backward"),
    "  PyDMD FbDMD": lambda X: FbDMD(svd_rank=RANK).fit(X.T).eigs,
    "50 delays": hankel,
    "  PyDMD, stacked": hankel_pydmd,
    "optimised": lambda X: np.exp(optimised_dmd(X, RANK).rates),
    "  PyDMD BOPDMD": bop(0),
    "optimised, 100 bags": lambda X: np.exp(optimised_dmd(X, RANK, n_bags=100, random_state=0).rates),
    "  PyDMD BOPDMD, 100 bags": bop(100),
}


def main():
    warnings.simplefilter("ignore")  # PyDMD's fits end at its own tolerance and say so
    np.random.seed(0)  # noqa: NPY002 - the only way to seed PyDMD's bags
    print(f"{'':26}" + "".join(f"{f'noise {noise:g}':>13}" for noise in NOISE) + f"{'ms':>9}")
    for name, eigenvalues in METHODS.items():
        cells, seconds = [], []
        for noise in NOISE:
            errors = []
            for seed in range(N_SEEDS):
                X = data(noise, seed)
                start = time.perf_counter()
                found = eigenvalues(X)
                seconds.append(time.perf_counter() - start)
                errors.append(max(np.abs(found - z).min() for z in EXACT))
            cells.append(np.median(errors))
        print(
            f"{name:26}" + "".join(f"{cell:13.1e}" for cell in cells) + f"{1e3 * np.median(seconds):9.1f}", flush=True
        )


if __name__ == "__main__":
    main()
