"""Skill by lead of memory models, Koopman operators and the dynamic mode decompositions of PyDMD.

Everything forecasts the same state: leading principal components (of fields, or of scattering coefficients where the
field itself cannot be known). Hyper-parameters of every model of ours are chosen by cross-validation over training
trajectories; PyDMD gets the delays and the rank that are best on the test data. Skill is one minus the squared error
over that of the climatology.

    python benchmarks/forecast_skill.py [kuramoto_sivashinsky] [turbulence] [cylinder] [boundary_layer]

Needs PyDMD. Measured data and the cylinder wake are read from the folder that the environment variable SKMST_DATA
names; those parts are left out where it is not set.
"""

import os
import sys
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from pydmd import DMD
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skmst import KoopmanRegressor, MasterEquationPredictor, PerSnapshot, ScatteringTransformer
from skmst.datasets import make_kuramoto_sivashinsky, make_navier_stokes
from skmst.metrics import bootstrap_interval

CONTEXT = 16
ALPHAS = tuple(np.logspace(-8, -1, 8))
FINE_ALPHAS = tuple(np.logspace(-6, -1, 11))  # quadratic models of chaos are stable in a narrow range


def components(fields, n_train, n_components):
    """Principal components of the training fields, in units of the standard deviation of the first."""
    rows = fields.reshape(*fields.shape[:2], -1)
    pca = PerSnapshot(PCA(n_components, random_state=0)).fit(rows[:n_train])
    z = pca.transform(rows)
    return z / z[:n_train, :, 0].std()


def searched(model, grid, train, horizon, n_folds):
    """The model of a grid that forecasts best in cross-validation over training trajectories."""
    search = GridSearchCV(model.set_params(n_context=CONTEXT, horizon=horizon), grid, cv=KFold(n_folds))
    return search.fit(train).best_estimator_


def forecasts_of_dmd(train, n_delays, rank, windows, horizon):
    """Forecasts by PyDMD of stacked delays: the exact DMD of pairs that never cross from one run to another."""

    def stacked(z):
        n = z.shape[1] - n_delays + 1
        return np.concatenate([z[:, n_delays - 1 - k : n_delays - 1 - k + n] for k in range(n_delays)], axis=-1)

    mean = train.mean(axis=(0, 1))
    rows = stacked(train - mean)
    now, later = rows[:, :-1].reshape(-1, rows.shape[-1]), rows[:, 1:].reshape(-1, rows.shape[-1])
    dmd = DMD(svd_rank=rank).fit(now.T, later.T)
    state = stacked(windows - mean)[:, -1].T
    operator, out = dmd.modes @ np.diag(dmd.eigs) @ np.linalg.pinv(dmd.modes), []
    for _ in range(horizon):
        state = (operator @ state).real
        out.append(mean + state[: train.shape[-1]].T)
    return np.stack(out, axis=1)


def skill_table(title, z, n_train, dt, leads, *, transient=False, n_folds=3):
    """Print the skill of every model at some leads; the climatology of transients is the ensemble mean at each time."""
    train, test, horizon = z[:n_train], z[n_train:], max(leads)
    origins = np.arange(CONTEXT, test.shape[1] - horizon + 1)
    windows = np.concatenate([test[:, o - CONTEXT : o] for o in origins])
    true = np.concatenate([test[:, o : o + horizon] for o in origins])
    run = np.tile(np.arange(len(test)), len(origins))
    if transient:
        mean = train.mean(axis=0)
        climate = np.repeat(np.stack([mean[o : o + horizon] for o in origins]), len(test), axis=0)
    else:
        climate = np.broadcast_to(train.mean(axis=(0, 1)), true.shape)

    def by_run(squares):
        return np.stack([squares[run == r].sum(axis=(0, 2)) for r in range(len(test))])

    reference = by_run((true - climate) ** 2)
    print(f"\n{title}; {z.shape[-1]} components, {n_train} training and {len(test)} test runs of {z.shape[1]} steps")
    print(f"{'':34}" + "".join(f"{f'lead {lead * dt:g}':>24}" for lead in leads) + "   chosen")
    linear = {"n_memory": [1, 2, 4, 8, CONTEXT], "alpha": ALPHAS}
    quadratic = {"n_memory": [1, 2, 4], "alpha": FINE_ALPHAS}
    lifted = {"alpha": FINE_ALPHAS}
    lift = PolynomialFeatures(2, include_bias=False)
    koopman = {"n_delays": [1, 2, 4, 8, CONTEXT], "alpha": ALPHAS}

    def forecast(model, grid):
        best = searched(model, grid, train, min(horizon, 40), n_folds)
        how = ", ".join(f"{name} {getattr(best, name):.2g}" for name in grid)
        return best.forecast(windows, horizon), how

    models = {
        "climatology": lambda: (climate, "ensemble mean by time" if transient else ""),
        "persistence": lambda: (np.repeat(windows[:, -1:], horizon, axis=1), ""),
        "no memory": lambda: forecast(MasterEquationPredictor(1), {"alpha": ALPHAS}),
        "memory": lambda: forecast(MasterEquationPredictor(), linear),
        "memory, unguarded": lambda: forecast(MasterEquationPredictor(stabilize=False), linear),
        "KoopmanRegressor, delays": lambda: forecast(KoopmanRegressor(), koopman),
        "quadratic, no memory": lambda: forecast(MasterEquationPredictor(1, method="nonlinear"), lifted),
        "quadratic, memory": lambda: forecast(MasterEquationPredictor(method="nonlinear"), quadratic),
        "KoopmanRegressor, quadratic": lambda: forecast(KoopmanRegressor(observables=lift), lifted),
    }
    sums = {}
    for name, make in models.items():
        begin = time.perf_counter()
        prediction, how = make()
        sums[name] = by_run((true - prediction) ** 2)
        show(name, sums[name], reference, leads, f"{how} ({time.perf_counter() - begin:.0f} s)")
    middle, dmd = leads[len(leads) // 2] - 1, {}
    for n_delays, rank in product((1, 2, 4, 8, CONTEXT), (0.99, 0.9999, -1)):
        with np.errstate(over="ignore", invalid="ignore"):
            squares = (true - forecasts_of_dmd(train, n_delays, rank, windows, horizon)) ** 2
        dmd[n_delays, rank] = by_run(np.nan_to_num(squares, nan=np.inf))
    for name, keys in (("DMD", [k for k in dmd if k[0] == 1]), ("delay DMD", [k for k in dmd if k[0] > 1])):
        best = min(keys, key=lambda key: dmd[key][:, middle].sum())
        show(
            f"{name} (PyDMD)",
            dmd[best],
            reference,
            leads,
            f"{best[0]} delays, svd_rank {best[1]}: best on the test data",
        )
    for kind in ("", "quadratic, "):
        gain = [sums[f"{kind}no memory"][:, lead - 1] - sums[f"{kind}memory"][:, lead - 1] for lead in leads]
        pairs = zip(gain, reference.T[np.array(leads) - 1], strict=True)
        cells = [interval(lambda g, r: g.sum() / r.sum(), g, r) for g, r in pairs]
        print(f"{kind + 'gain of memory':34}" + "".join(f" {cell:>23}" for cell in cells))


def interval(statistic, *sums):
    """A statistic with its interval over runs."""
    low, high = bootstrap_interval(statistic, *sums, random_state=0)
    return f"{statistic(*sums):.3f} [{low:.3f}, {high:.3f}]"


def show(name, squares, reference, leads, note):
    """One row of the table."""
    cells = []
    for lead in leads:
        error, variance = squares[:, lead - 1], reference[:, lead - 1]
        cells.append(interval(lambda e, v: max(1 - e.sum() / v.sum(), -99.0), error, variance))
    print(f"{name:34}" + "".join(f" {cell:>23}" for cell in cells) + f"   {note}", flush=True)


def kuramoto_sivashinsky():
    """Fields on the attractor."""
    u = make_kuramoto_sivashinsky(36, 300, random_state=0)
    skill_table("Kuramoto-Sivashinsky fields, L = 22", components(u, 24, 16), 24, 0.25, (4, 8, 20, 40))


def turbulence():
    """Scattering coefficients of decaying turbulence, which have no position in them."""
    w = make_navier_stokes(60, 41, n_x=64, viscosity=0.01, dt=0.1, random_state=0)
    scatter = ScatteringTransformer(J=4, L=4, grid_shape=(64, 64), wavelet="tight", log=True).fit(w[:40])
    z = scatter.transform(w)
    z = PerSnapshot(StandardScaler()).fit(z[:40]).transform(z)
    title = "2-D decaying turbulence, log scattering coefficients"
    skill_table(title, components(z, 40, 8), 40, 0.1, (1, 4, 10, 20), transient=True)


def cylinder():
    """The wake of a cylinder, from the unstable steady flow to the limit cycle: every second stretch trains."""
    a = np.load(data("cylinder_wake_re100_pod.npz"))["a"][::2]
    stretches = a.reshape(-1, 50, a.shape[1])
    order = np.r_[0 : len(stretches) : 2, 1 : len(stretches) : 2]
    z = stretches[order] / stretches[::2].std()
    skill_table("Cylinder wake, Re = 100, POD coefficients", z, (len(z) + 1) // 2, 0.2, (1, 7, 14, 28), n_folds=5)


def boundary_layer():
    """Temperatures over 10 m of air, measured each second: the first two thirds are for training."""
    T = np.load(data("dts_boundary_layer_T.npz"))["Tperturb"].astype(float)
    runs = T.reshape(30, 122, -1)
    skill_table("Boundary-layer temperatures (measured)", components(runs, 20, 10), 20, 1.0, (1, 5, 20, 60))


def data(name):
    """Path of a data file."""
    path = Path(os.environ.get("SKMST_DATA", "")) / name
    if not path.is_file():
        raise FileNotFoundError(f"{name} not found: set SKMST_DATA to the folder that holds it")
    return path


SECTIONS = {f.__name__: f for f in (kuramoto_sivashinsky, turbulence, cylinder, boundary_layer)}

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the guard of memory models and PyDMD's condition numbers
    for section in sys.argv[1:] or SECTIONS:
        begin = time.perf_counter()
        try:
            SECTIONS[section]()
        except FileNotFoundError as missing:
            print(f"\n{section} left out: {missing}")
        print(f"({section}: {time.perf_counter() - begin:.0f} s)", flush=True)
