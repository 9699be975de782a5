"""How often are memory models of small data unstable, and what does the guard make of them?

200 small data sets are drawn from runs of the Prinz potential and of the double well, seen in a few states that
are no metastable sets (so there is memory). Every method is fitted with and without the guard. A model is
unusable where its spectral radius is above 1 + 1e-6, or where free forecasts from the starts of its own runs are
outside [-1, 2] anywhere in 1000 steps, which no probability is. The error is the root mean square, over leads and
states, of the mean forecast of 300 unseen windows against their mean outcome.

    python benchmarks/master_equation_guard.py [method ...]
"""

import sys
import warnings

import numpy as np
from sklearn.linear_model import LinearRegression

from skmst.datasets import make_double_well, make_prinz
from skmst.master_equation import MasterEquationPredictor, indicators

N_SETS, N_WINDOWS, N_LEADS = 200, 300, 60
N_RUNS, N_STEPS, N_MEMORY = 8, 40, 8
METHODS = ["regression", "mori", "qmsm", "igme", "tcl", "embedding", "nonlinear"]
SYSTEMS = {
    "Prinz": (make_prinz, {"dt": 0.02}, [-0.45, 0.1, 0.6]),
    "double well": (make_double_well, {"dt": 0.1}, [-0.7, 0.3]),
}


def runs_of(system, n_runs, n_steps, seed):
    """Indicator functions of the states along runs, shape (n_runs, n_steps, n_states)."""
    make, parameters, cuts = SYSTEMS[system]
    x = make(n_runs, n_steps, random_state=seed, **parameters)[..., 0]
    return indicators(np.digitize(x, cuts), len(cuts) + 1)


def outcome(past, future):
    """Mean over the windows that end in each state, weighted by the root of their share; (n_states, n_leads, d)."""
    weights = past[:, -1] / np.sqrt(len(past) * np.maximum(past[:, -1].sum(axis=0), 1))
    return np.einsum("ws,wld->sld", weights, future)


def judge(model, runs, past, truth):
    """Fit; give the error and whether the model is unusable."""
    try:
        far = model.fit(runs).forecast(runs[:, :N_MEMORY], 1000)
        error = np.sqrt(np.sum((outcome(past, model.forecast(past, N_LEADS)) - truth) ** 2) / truth[0].size)
    except OverflowError:
        return np.inf, True
    radius = np.abs(getattr(model, "eigenvalues_", np.zeros(1))).max(initial=0.0)
    return error, bool(radius > 1 + 1e-6 or far.min() < -1 or far.max() > 2)


def main():
    """Print one table for each system."""
    warnings.simplefilter("ignore")
    for system in SYSTEMS:
        pool = runs_of(system, 400, N_STEPS, seed=0)
        test = runs_of(system, N_WINDOWS, N_MEMORY + N_LEADS, seed=1)
        past, truth = test[:, :N_MEMORY], outcome(test[:, :N_MEMORY], test[:, N_MEMORY:])
        rng = np.random.default_rng(2)
        draws = [rng.choice(len(pool), N_RUNS, replace=False) for _ in range(N_SETS)]
        markov = [judge(MasterEquationPredictor(1), pool[draw], past, truth)[0] for draw in draws]
        print(f"\n{system}: {N_SETS} sets of {N_RUNS} runs of {N_STEPS} steps, {N_MEMORY} terms")
        print(f"one lag: median error {np.median(markov):.4f}")
        print(f"{'':12}  unusable, %     median error: stable sets    sets that are unusable without the guard")
        print(f"{'method':12}  free   guard    free      guard          free      guard     one lag")
        for method in sys.argv[1:] or METHODS:
            results = {}
            for guard in (False, True):
                params = {"regressor": LinearRegression()} if method == "nonlinear" else {}
                model = MasterEquationPredictor(N_MEMORY, method=method, stabilize=guard, **params)
                results[guard] = np.array([judge(model, pool[draw], past, truth) for draw in draws])
            free, guarded = results[False], results[True]
            bad = free[:, 1] > 0
            columns = [free[~bad, 0], guarded[~bad, 0], free[bad, 0], guarded[bad, 0], np.array(markov)[bad]]
            medians = [f"{np.median(c):8.4f}" if len(c) else "       -" for c in columns]
            print(
                f"{method:12} {100 * free[:, 1].mean():5.1f}  {100 * guarded[:, 1].mean():5.1f}  {medians[0]}  "
                f"{medians[1]}       {medians[2]}  {medians[3]}  {medians[4]}",
                flush=True,
            )


if __name__ == "__main__":
    main()
