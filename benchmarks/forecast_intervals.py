"""Do 90 % intervals of forecasts cover 90 % of what happens?

A memory model is fitted to some trajectories, its intervals are calibrated on others, and judged on at least 200 more.
Compared are conformal intervals of equal width, conformal intervals in units of the spread of an ensemble, and the
quantiles of the ensemble itself, with normal noise and with noise from residuals. Coverage is an average over
trajectories; the range is that over leads and outputs.

    python benchmarks/forecast_intervals.py
"""

import time
import warnings

import numpy as np
from scipy.signal import lfilter

from skmst import MasterEquationPredictor
from skmst.datasets import make_kuramoto_sivashinsky, make_ornstein_uhlenbeck
from skmst.metrics import conformal_radius, coverage

LEVEL, N_LEADS, N_ENSEMBLE = 0.9, 20, 200
N_FIT, N_CALIBRATE, N_TEST = 100, 100, 200


def autoregressive(n_runs, n_steps, seed):
    """x(t) = .5 x(t-1) - .4 x(t-3) + noise with exponential, so skewed, law."""
    noise = np.random.default_rng(seed).exponential(size=(n_runs, n_steps + 50)) - 1
    return lfilter([1.0], [1.0, -0.5, 0.0, 0.4], noise)[:, 50:, None]


def kuramoto_sivashinsky(n_runs, n_steps, seed):
    """Moduli of the wavenumbers 1 to 5 on the attractor, every time unit."""
    u = make_kuramoto_sivashinsky(n_runs, n_steps, dt=1.0, time_step=0.25, random_state=seed)
    return np.abs(np.fft.rfft(u)[..., 1:6]) / u.shape[-1]


SYSTEMS = {
    "Ornstein-Uhlenbeck": lambda n, steps, seed: make_ornstein_uhlenbeck(n, steps, random_state=seed),
    "autoregressive, skewed noise": autoregressive,
    "Kuramoto-Sivashinsky": kuramoto_sivashinsky,
}


def origins(X, n_memory):
    """One start for each trajectory: what is known, and what follows."""
    return X[:, : 2 * n_memory], X[:, 2 * n_memory : 2 * n_memory + N_LEADS]


def main():
    """Print one table for each system."""
    warnings.simplefilter("ignore")
    n_memory = 6
    for name, make in SYSTEMS.items():
        start = time.process_time()
        X = make(N_FIT + N_CALIBRATE + N_TEST, 60, seed=0)
        fit, calibrate, test = np.split(X, [N_FIT, N_FIT + N_CALIBRATE])
        seconds = time.process_time() - start
        print(f"\n{name}: {N_TEST} held-out trajectories, leads 1 to {N_LEADS}, {seconds:.1f} s of data")
        model = MasterEquationPredictor(n_memory, alpha=1e-8).fit(fit)
        known, new = model.hindcast(calibrate, horizon=N_LEADS), model.hindcast(test, horizon=N_LEADS)
        radius = conformal_radius(known.y_true, known.y_pred, known.trajectory, level=LEVEL)
        found = coverage(new.y_true, new.y_pred - radius, new.y_pred + radius, new.trajectory)
        print_row("conformal, all starts", found, 2 * radius)

        runs = np.arange(N_CALIBRATE), np.arange(N_TEST)
        for label, noise in (("normal noise", None), ("residual noise", model.orthogonal_noise(fit))):
            params = {"n_ensemble": N_ENSEMBLE, "noise": noise, "random_state": 0}
            (past, truth), (test_past, test_truth) = origins(calibrate, n_memory), origins(test, n_memory)
            members, test_members = (model.forecast(x, N_LEADS, **params) for x in (past, test_past))
            low, high = np.quantile(test_members, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
            print_row(f"ensemble, {label}", coverage(test_truth, low, high), (high - low).mean(axis=0))
            factor = conformal_radius(truth, members.mean(axis=0), runs[0], level=LEVEL, spread=members.std(axis=0))
            middle, half = test_members.mean(axis=0), factor * test_members.std(axis=0)
            print_row(f"conformal, {label}", coverage(test_truth, middle - half, middle + half), 2 * half.mean(axis=0))
        begin = time.process_time()
        model.forecast(test[:, :12], 100, n_ensemble=500, random_state=0)
        seconds = time.process_time() - begin
        print(f"100 000 members of 100 steps: {seconds:.2f} s, {1e9 * seconds / 1e7:.0f} ns for each member and step")


def print_row(label, covered, width):
    """Coverage over all leads and outputs, its range, and the width of the intervals at the first and last lead."""
    first, last = np.mean(width[0]), np.mean(width[-1])
    print(
        f"  {label:27} coverage {100 * np.mean(covered):5.1f} %, from {100 * covered.min():5.1f} to "
        f"{100 * covered.max():5.1f} %; width {first:.3f} to {last:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
