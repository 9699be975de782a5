"""What do memory and scattering buy in forecasts? Kuramoto-Sivashinsky and Burgers, held-out runs, intervals.

Prints: skill of log scattering coefficients of Kuramoto-Sivashinsky (L = 22, global, order <= 2, J = 5) at 2 and
10 time units; coverage of forecast intervals on 200 held-out runs; the Burgers table (7 first-order coefficients,
5 steps given, 30 forecast) for four families of initial conditions over five seeds.

    python benchmarks/forecast_accuracy.py
"""

import numpy as np

from skmst import MasterEquationPredictor, ScatteringTransformer
from skmst.datasets import make_burgers, make_kuramoto_sivashinsky
from skmst.metrics import relative_error
from skmst.plotting import SkillDisplay

DT, HORIZON = 0.25, 40


def standardised(coefficients, n_train):
    mean, scale = coefficients[:n_train].mean(axis=(0, 1)), coefficients[:n_train].std(axis=(0, 1))
    return (coefficients - mean) / np.where(scale > 0, scale, 1.0)


def kuramoto_sivashinsky():
    u = make_kuramoto_sivashinsky(24, 1000, dt=DT, random_state=0)
    z = standardised(ScatteringTransformer(J=5, log=True).fit(u[:16]).transform(u), 16)
    hindcasts = {}
    for n_memory in (1, 4, 8, 16, 24):
        model = MasterEquationPredictor(n_memory=n_memory, alpha=1e-6, dt=DT, n_context=24).fit(z[:16])
        hindcasts[n_memory] = model.hindcast(z[16:], horizon=HORIZON)
    curves = SkillDisplay.from_hindcasts({str(n): past for n, past in hindcasts.items()}, dt=DT).curves
    print("\nKuramoto-Sivashinsky: R2 of log S (Morlet, J = 5, order <= 2), 8 held-out runs, 90 % intervals over runs")
    print(f"{'terms':>6}{'memory':>9}{'lead 2':>22}{'lead 10':>22}")
    for name, (_, skill, low, high) in curves.items():
        cells = [f"{skill[k]:.3f} [{low[k]:.3f}, {high[k]:.3f}]" for k in (7, 39)]
        print(f"{name:>6}{int(name) * DT:9.2f}{cells[0]:>22}{cells[1]:>22}")


def coverage():
    """Intervals from the errors of a rehearsal on half of the training runs, judged on 200 runs never seen."""
    u = make_kuramoto_sivashinsky(216, 200, dt=DT, random_state=1)
    z = standardised(ScatteringTransformer(J=5, log=True).fit(u[:16]).transform(u), 16)
    model = MasterEquationPredictor(n_memory=16, alpha=1e-6, dt=DT)
    rehearsal = model.fit(z[:8]).hindcast(z[8:16], horizon=HORIZON)
    low, high = np.quantile(rehearsal.y_true - rehearsal.y_pred, [0.05, 0.95], axis=0)
    past = model.fit(z[:16]).hindcast(z[16:], horizon=HORIZON)
    error = past.y_true - past.y_pred
    inside = ((low <= error) & (error <= high)).mean(axis=-1)
    runs = np.array([inside[past.trajectory == run].mean() for run in np.unique(past.trajectory)])
    print(f"\n90 % intervals from rehearsal: coverage {inside.mean():.3f} on {len(runs)} held-out runs", end="")
    print(
        f" (standard error {runs.std() / np.sqrt(len(runs)):.3f}); at leads 2 and 10: {inside[:, 7].mean():.3f}, ",
        end="",
    )
    print(f"{inside[:, 39].mean():.3f}")


def burgers():
    families = {
        "same family": {},
        "amplitude .5": {"amplitude": 0.5},
        "wavenumbers <= 8": {"max_wavenumber": 8},
        "single sine": {"initial_condition": "sine"},
    }
    scatter = ScatteringTransformer(J=7, max_order=1, wavelet="tight")
    rows = {name: [] for name in families}
    for seed in range(5):
        train = scatter.fit_transform(make_burgers(150, 35, random_state=seed))[..., 1:]
        mean, scale = train.mean(axis=(0, 1)), train.std(axis=(0, 1))
        train = (train - mean) / scale
        models = [MasterEquationPredictor(n_memory=n).fit(train) for n in (1, 5)]
        for name, family in families.items():
            u = make_burgers(150, 35, random_state=100 + seed, **family)
            z = (scatter.transform(u)[..., 1:] - mean) / scale
            forecasts = [np.broadcast_to(train.mean(axis=0)[5:], z[:, 5:].shape)]
            forecasts += [model.forecast(z[:, :5], 30) for model in models]
            rows[name].append([np.median(relative_error(z[:, 5:], forecast)) for forecast in forecasts])
    print("\nBurgers, viscosity .03: median relative error of standardised S1, mean over 5 seeds [smallest, largest]")
    print(f"{'':18}{'ensemble mean':>22}{'one lag':>22}{'five lags':>22}")
    for name, found in rows.items():
        found = np.array(found)
        cells = [f"{c.mean():.3f} [{c.min():.3f}, {c.max():.3f}]" for c in found.T]
        print(f"{name:18}" + "".join(f"{cell:>22}" for cell in cells))


if __name__ == "__main__":
    kuramoto_sivashinsky()
    coverage()
    burgers()
