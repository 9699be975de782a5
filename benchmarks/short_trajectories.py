"""How short may trajectories be, and how few? Slow time scales from master equations and from Markov state models.

Two diffusions are seen in a few states that are no metastable sets: a chain on them has memory. A Markov state model
(MSM) has to wait until memory is over, so its lag grows; a master equation (GME) has to know the memory only, which is
short.

    python benchmarks/short_trajectories.py [unlimited] [published] [length] [number]
"""

import sys
import time
import warnings

import numpy as np
from scipy import linalg

from skmst.datasets import make_double_well, make_prinz
from skmst.master_equation import (
    MasterEquationPredictor,
    companion_matrix,
    igme,
    implied_timescales,
    indicators,
    mori_kernels,
    tcl,
    transition_matrix,
)

BARRIERS = ((0.8, 80.0, 0.0), (0.2, 80.0, 0.5), (0.5, 40.0, -0.5))
SYSTEMS = {
    "Prinz": {
        "make": make_prinz,
        "dt": 0.02,
        "cuts": [-0.45, 0.1, 0.6],
        "rate": 1.198994,
        "potential": lambda x: 4 * (x**8 + sum(a * np.exp(-b * (x - c) ** 2) for a, b, c in BARRIERS)),
        "grid": (-1.3, 1.3),
        "diffusion": 1.0,
        "terms": 3,
    },
    "double well": {
        "make": make_double_well,
        "dt": 0.1,
        "cuts": [-0.7, 0.3],
        "rate": 0.0806199,
        "potential": lambda x: 3 * (x**2 - 1) ** 2,  # in units of the thermal energy
        "grid": (-2.2, 2.2),
        "diffusion": 1 / 3,
        "terms": 8,
    },
}
LAGS, TERMS, N_DRAWS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80), (2, 3, 5, 8, 12), 12


def exact_propagators(system, n):
    """Transition matrices (n, d, d) of the states over 1, ..., n steps, by the Fokker-Planck equation on a grid."""
    x = np.linspace(*system["grid"], 500)
    V, rate = system["potential"](x), system["diffusion"] / (x[1] - x[0]) ** 2
    up, down = rate * np.exp(-np.diff(V) / 2), rate * np.exp(np.diff(V) / 2)
    Q = np.diag(up, -1) + np.diag(down, 1)
    step, p = linalg.expm((Q - np.diag(Q.sum(axis=0))) * system["dt"]), np.exp(-V) / np.exp(-V).sum()
    read = np.eye(len(system["cuts"]) + 1)[np.digitize(x, system["cuts"])].T
    state, out = (read * p).T / (read @ p), []
    for _ in range(n):
        state = step @ state
        out.append(read @ state)
    return np.array(out)


def slowest(matrix, interval):
    """Slowest time scale of a matrix that steps."""
    with np.errstate(divide="ignore"):
        return -interval / np.log(np.sort(np.abs(np.linalg.eigvals(matrix)))[-2])


def unlimited():
    """Bias alone: transition matrices of unlimited data, of trajectories of n + 1 steps."""
    for name, system in SYSTEMS.items():
        T, dt, truth = exact_propagators(system, 600), system["dt"], 1 / system["rate"]
        msm = np.array([abs(np.log(slowest(t, n * dt) / truth)) for n, t in enumerate(T, start=1)])
        print(f"\n{name}: |log(time scale / truth)| without sampling error, and how many times longer the MSM's lag is")
        print(f"{'steps':>6}{'MSM':>9}{'mori':>18}{'tcl':>18}{'igme':>18}")
        for n in (2, 3, 4, 5, 6, 8, 10):
            series = np.concatenate([np.eye(len(T[0]))[None], T[:n]])
            rows = T[:n].transpose(0, 2, 1)
            steps = [companion_matrix(mori_kernels(series)), tcl(rows)[-1], igme(rows, (n + 1) // 2)[1]]
            errors = [abs(np.log(slowest(step, dt) / truth)) for step in steps]
            lags = [np.argmax(msm <= e) + 1 if msm.min() <= e else np.inf for e in errors]
            factors = [f"{lag / n:.0f} x" if np.isfinite(lag) else f"> {len(T) / n:.0f} x" for lag in lags]
            cells = [f"{e:.4f} ({f})" for e, f in zip(errors, factors, strict=True)]
            print(f"{n:6d}{msm[n - 1]:9.3f}" + "".join(f"{cell:>18}" for cell in cells))


def timescale_errors(p, dt, truth):
    """Absolute logarithmic error of the slowest time scale, by model; infinite where there is none."""
    found = {}
    n_steps = p.shape[1]
    for lag in (lag for lag in LAGS if lag < n_steps):
        counts = np.einsum("tsi,tsj->ij", p[:, lag:], p[:, :-lag])
        if (counts.sum(axis=0) > 0).all():
            found["MSM", lag] = implied_timescales(transition_matrix(counts, reversible=True), lag * dt)[0]
    for method in ("regression", "mori", "igme"):
        for n_terms in (n for n in TERMS if n <= n_steps - 2):
            found[method, n_terms] = MasterEquationPredictor(n_terms, method=method, dt=dt).fit(p).timescales_[0]
    return {k: abs(np.log(t / truth)) if np.isfinite(t) and t > 0 else np.inf for k, t in found.items()}


def sampled(sizes, axis):
    """One table for each system: errors over draws of (n_runs, n_steps)."""
    for name, system in SYSTEMS.items():
        truth, wanted = 1 / system["rate"], system["terms"]
        x = system["make"](8000, 100, dt=system["dt"], random_state=0)[..., 0]
        pool, rng = indicators(np.digitize(x, system["cuts"]), len(system["cuts"]) + 1), np.random.default_rng(1)
        steps = f"{name}, time scale {truth / system['dt']:.0f} steps"
        print(f"\n{steps}: median of |log(time scale / truth)| over {N_DRAWS} draws")
        fixed = f"mori, {wanted} terms"
        print(f"{axis:>10}{'MSM lag 1':>11}{'MSM, best lag':>18}{fixed:>15}{'best GME':>27}")
        msm, mori, gme = [], [], []
        for n_runs, n_steps in sizes:
            draws = [rng.choice(len(pool), n_runs, replace=False) for _ in range(N_DRAWS)]
            found = [timescale_errors(pool[draw][:, :n_steps], system["dt"], truth) for draw in draws]
            error = {k: float(np.median([f.get(k, np.inf) for f in found])) for k in set().union(*found)}
            lag = min((k for k in error if k[0] == "MSM"), key=error.get)
            best = min((k for k in error if k[0] != "MSM"), key=error.get)
            terms = ("mori", max(n for n in TERMS if n <= min(wanted, n_steps - 2)))
            msm, mori, gme = [*msm, error[lag]], [*mori, error[terms]], [*gme, error[best]]
            cells = f"{f'{msm[-1]:.3f} ({lag[1]})':>18}{mori[-1]:15.3f}{f'{gme[-1]:.3f} ({best[0]}, {best[1]})':>27}"
            print(f"{n_steps if axis == 'steps' else n_runs:10d}{error['MSM', 1]:11.3f}{cells}", flush=True)
        amounts = np.array([n_runs * n_steps for n_runs, n_steps in sizes], dtype=float)
        print(f"times the data that the best MSM needs for the error of {fixed}: {needed(amounts, msm, mori)}")
        print(f"the same for that of the best GME: {needed(amounts, msm, gme)}")


def needed(amounts, reference, errors):
    """Amount at which the reference reaches each error, interpolated, over the amount that the error took."""
    envelope, cells = np.minimum.accumulate(reference), []
    for amount, error in zip(amounts, errors, strict=True):
        if error < envelope[-1]:
            cells.append(f"> {amounts[-1] / amount:.1f}")
        elif error > envelope[0]:
            cells.append("< 1")
        else:
            enough = int(np.argmax(envelope <= error))
            at = amounts[enough]
            if enough and envelope[enough - 1] > envelope[enough]:
                part = np.log(envelope[enough - 1] / error) / np.log(envelope[enough - 1] / envelope[enough])
                at = amounts[enough - 1] * (amounts[enough] / amounts[enough - 1]) ** part
            cells.append(f"{at / amount:.1f}")
    return ", ".join(cells)


def reversible_errors(p, dt, truth):
    """As `timescale_errors`, from transition matrices of all pairs at each lag, with symmetrised counts.

    That is the estimator of published quasi-Markov models; it needs trajectories that start in the stationary law.
    """
    T = []
    for lag in range(1, p.shape[1]):
        counts = np.einsum("tsi,tsj->ij", p[:, lag:], p[:, :-lag])
        T.append(transition_matrix(counts + counts.T))
    T, found = np.array(T), {}
    for lag in (lag for lag in LAGS if lag <= len(T)):
        found["MSM", lag] = slowest(T[lag - 1], lag * dt)
    for n in (n for n in (2, 3, 4, 5, 6, 8, 10, 12) if n <= len(T)):
        rows = T[:n].transpose(0, 2, 1)
        kernels = mori_kernels(np.concatenate([np.eye(len(T[0]))[None], T[:n]]))
        found["mori", n] = slowest(companion_matrix(kernels), dt)
        found["tcl", n], found["igme", n] = (slowest(m, dt) for m in (tcl(rows)[-1], igme(rows, (n + 1) // 2)[1]))
    return {k: abs(np.log(t / truth)) if np.isfinite(t) and t > 0 else np.inf for k, t in found.items()}


def published():
    """Shorter and shorter trajectories, by the published estimator: how much longer has the MSM to run?"""
    lengths = (4, 6, 8, 10, 15, 25, 50, 100)
    for name, system in SYSTEMS.items():
        truth = 1 / system["rate"]
        x = system["make"](40_000, 100, dt=system["dt"], random_state=0)[..., 0]
        pool, rng = indicators(np.digitize(x, system["cuts"]), len(system["cuts"]) + 1), np.random.default_rng(1)
        for n_runs in (500, 2000, 8000):
            print(f"\n{name}, {n_runs} trajectories: median of |log(time scale / truth)| over {N_DRAWS} draws")
            print(f"{'steps':>10}{'MSM, best lag':>18}{'igme, up to 8 terms':>22}{'best GME':>27}")
            msm, fixed, gme = [], [], []
            for n_steps in lengths:
                draws = [rng.choice(len(pool), n_runs, replace=False) for _ in range(N_DRAWS)]
                found = [reversible_errors(pool[draw][:, :n_steps], system["dt"], truth) for draw in draws]
                error = {k: float(np.median([f[k] for f in found])) for k in found[0]}
                lag = min((k for k in error if k[0] == "MSM"), key=error.get)
                best = min((k for k in error if k[0] != "MSM"), key=error.get)
                terms = max(n for method, n in error if method == "igme" and n <= 8)
                msm, fixed, gme = [*msm, error[lag]], [*fixed, error["igme", terms]], [*gme, error[best]]
                cells = f"{f'{msm[-1]:.3f} ({lag[1]})':>18}{f'{fixed[-1]:.3f} ({terms})':>22}"
                print(f"{n_steps:10d}{cells}{f'{gme[-1]:.3f} ({best[0]}, {best[1]})':>27}", flush=True)
            amounts = np.array(lengths, dtype=float)
            print(f"times the data that the best MSM needs for the error of igme: {needed(amounts, msm, fixed)}")
            print(f"the same for that of the best GME: {needed(amounts, msm, gme)}")


def length():
    """2000 trajectories, cut shorter and shorter."""
    sampled([(2000, n) for n in (4, 7, 10, 15, 25, 50, 100)], "steps")


def number():
    """Fewer and fewer trajectories of 100 steps."""
    sampled([(n, 100) for n in (20, 60, 200, 600, 2000)], "runs")


SECTIONS = {f.__name__: f for f in (unlimited, published, length, number)}

if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)  # the guard announces what it did, once for each model
    for section in sys.argv[1:] or SECTIONS:
        begin = time.perf_counter()
        SECTIONS[section]()
        print(f"({section}: {time.perf_counter() - begin:.0f} s)", flush=True)
