"""
Fields to forecasts: Kuramoto-Sivashinsky and Burgers
=====================================================

Two partial differential equations, from raw fields to verified forecasts.

Spatiotemporal chaos (Kuramoto-Sivashinsky) is encoded by the scattering transform, and linear dynamics with memory
are learned in its coefficients. A search cross-validated over trajectories chooses the scales, the order and the
memory; held-out trajectories then say what the forecast is worth against climatology and persistence, and what
memory contributed to it.

Global scattering coefficients do not know where anything is, so the first model forecasts an observable that has
no position either: the log power per octave of the wavenumber. A second model keeps local coefficients and
forecasts the field itself, for a short lead. A third looks at decaying shocks (Burgers), where the ensemble is not
stationary.

``python examples/plot_main_job.py`` takes well under two minutes on two cores, ``--quick`` a few seconds.
"""

# %%
# The data: 24 runs on the attractor
# ----------------------------------
# One run is one sample: 16 to learn from, 8 to judge by. Nothing is ever split within a run.

import pickle
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import skmst
from skmst import KoopmanRegressor, MasterEquationPredictor, PerSnapshot, ScatteringTransformer
from skmst.datasets import make_burgers, make_kuramoto_sivashinsky
from skmst.metrics import power_per_octave, relative_error, valid_prediction_time
from skmst.plotting import (
    CoefficientsDisplay,
    EigenvaluesDisplay,
    ForecastDisplay,
    SkillDisplay,
    SpaceTimeDisplay,
)
from skmst.utils.progress import show_progress

QUICK = "--quick" in sys.argv
N_TRAIN, N_TEST, N_STEPS = (6, 4, 300) if QUICK else (16, 8, 1000)
DT, LENGTH = 0.25, 22.0
HORIZON = 40  # data steps: 10 time units, about half a Lyapunov time
started = time.perf_counter()


def heading(text):
    print(f"\n{text}  [{time.perf_counter() - started:.0f} s]\n{'-' * len(text)}", flush=True)


heading("Kuramoto-Sivashinsky, L = 22")
U = make_kuramoto_sivashinsky(N_TRAIN + N_TEST, N_STEPS, length=LENGTH, dt=DT, random_state=0)
E = np.log(power_per_octave(U, 4))
train, test = slice(N_TRAIN), slice(N_TRAIN, None)
print(f"{len(U)} runs of {N_STEPS} steps on {U.shape[-1]} grid points; target: log power in 4 octaves")

# %%
# The model and the search
# ------------------------
# Every step is a scikit-learn transformer; the last one is linear dynamics, without memory (KoopmanRegressor) or
# with it (MasterEquationPredictor). The target is fixed, so scores of different encoders compare, and
# ``n_context`` makes every candidate start its forecasts at the same times.

common = dict(dt=DT, alpha=1e-6, horizon=HORIZON, n_context=24)
rom = Pipeline(
    [
        ("scatter", ScatteringTransformer(log=True)),
        ("scale", PerSnapshot(StandardScaler())),
        ("pca", PerSnapshot(PCA(0.999))),
        ("dynamics", MasterEquationPredictor(**common)),
    ]
)
encoders = {"scatter__J": [4, 5] if QUICK else [3, 4, 5], "scatter__max_order": [1, 2]}
candidates = [
    {**encoders, "dynamics": [KoopmanRegressor(**common)]},
    {
        **encoders,
        "dynamics": [MasterEquationPredictor(**common)],
        "dynamics__n_memory": [8, 24] if QUICK else [4, 8, 24],
    },
]
search = GridSearchCV(rom, candidates, cv=KFold(3 if QUICK else 4), n_jobs=2, refit=True)
show_progress(search).fit(U[train], E[train])

results = search.cv_results_
print("\nCross-validated R2 of free forecasts over 10 time units (rows: J and order; columns: terms of memory)")
terms = [1, *candidates[1]["dynamics__n_memory"]]
memory_of = [params.get("dynamics__n_memory", 1) for params in results["params"]]
print(f"{'':14}" + "".join(f"{n:>8}" for n in terms))
for J in encoders["scatter__J"]:
    for order in encoders["scatter__max_order"]:
        row = {
            memory: score
            for params, memory, score in zip(results["params"], memory_of, results["mean_test_score"], strict=True)
            if (params["scatter__J"], params["scatter__max_order"]) == (J, order)
        }
        print(f"J={J}, order {order}  " + "".join(f"{row[n]:8.3f}" for n in terms))

best = search.best_estimator_
print(f"\nchosen: J={best['scatter'].J}, max_order={best['scatter'].max_order}, {best['dynamics']}")

# %%
# What memory is worth, lead by lead
# ----------------------------------
# The same encoder without memory, climatology (the mean of the training runs) and persistence are the yardsticks.
# Skill is one minus the squared error over that of climatology; intervals come from resampling whole held-out runs.

one_lag = Pipeline([*best.steps[:-1], ("dynamics", KoopmanRegressor(**common))]).fit(U[train], E[train])
hindcasts = {
    "memory": skmst.hindcast(best, U[test], E[test], horizon=HORIZON),
    "no memory": skmst.hindcast(one_lag, U[test], E[test], horizon=HORIZON),
}
climatology = E[train].mean(axis=(0, 1))
skill = SkillDisplay.from_hindcasts(hindcasts, y=E[test], climatology=climatology, dt=DT)

heading("Held-out runs: skill of log power per octave (90 % interval over runs)")
print(f"{'lead':>6}{'no memory':>22}{'with memory':>22}{'persistence':>13}   won by memory")
for lead in [1, 4, 8, 16, 24, 40]:
    cells = {name: [curve[lead - 1] for curve in curves[1:]] for name, curves in skill.curves.items()}
    text = {name: f"{value:.2f} [{low:.2f}, {high:.2f}]" for name, (value, low, high) in cells.items()}
    persistence = skill.references["persistence"][1][lead - 1]
    gain = cells["memory"][0] - cells["no memory"][0]
    apart = "  (intervals apart)" if cells["memory"][1] > cells["no memory"][2] else ""
    print(f"{lead * DT:6.2f}{text['no memory']:>22}{text['memory']:>22}{persistence:13.2f}   {gain:+.2f}{apart}")
print("Climatology has skill 0 by definition. Persistence is best at the shortest lead: what the coefficients")
print("cannot express of the target is lost at every lead.")

dynamics = best["dynamics"]
print("\nslowest rates of the model; a residual near 0 is a clean eigenpair, near 1 a spurious one")
print(f"{'time scale':>12}{'period':>10}{'residual':>10}")
slowest = [k for k in np.argsort(-dynamics.timescales_) if dynamics.rates_[k].imag >= 0][:6]
for k in slowest:
    frequency = dynamics.rates_[k].imag
    period = f"{2 * np.pi / frequency:10.1f}" if frequency > 0 else f"{'-':>10}"
    print(f"{dynamics.timescales_[k]:12.2f}{period}{dynamics.residuals_[k]:10.3f}")

# %%
# The field itself, for a short lead
# ----------------------------------
# Local averages keep position, so this model can forecast the field: y is U itself.

heading("The field itself, from local coefficients (T = 4)")
field_rom = Pipeline(
    [
        ("scatter", ScatteringTransformer(J=4, T=4, output_step=2, max_order=1, wavelet="tight")),
        ("scale", PerSnapshot(StandardScaler(with_std=False))),
        ("pca", PerSnapshot(PCA(60 if QUICK else 100, random_state=0))),
        ("dynamics", MasterEquationPredictor(n_memory=4 if QUICK else 8, dt=DT, alpha=1e-6 if QUICK else 1e-8)),
    ]
).fit(U[train], U[train])
past = skmst.hindcast(field_rom, U[test], U[test], horizon=HORIZON)
last_known = np.stack([U[test][run, origin] for run, origin in zip(past.trajectory, past.origin, strict=True)])
still = np.broadcast_to(last_known[:, None], past.y_true.shape)
for name, forecast in [("local scattering with memory", past.y_pred), ("persistence", still)]:
    times = valid_prediction_time(past.y_true, forecast, dt=DT, threshold=0.5)
    print(f"{name:30} error below half a standard deviation for {np.mean(times):.1f} time units")

# %%
# Decaying shocks: Burgers
# ------------------------
# Here time matters, and the mean over the ensemble at each time is the climatology to beat. Five steps are given,
# the other 30 forecast.

heading("Burgers, viscosity 0.03: first-order global coefficients, 5 steps given, 30 forecast")
n_burgers = 60 if QUICK else 150
shocks = make_burgers(2 * n_burgers, 35, viscosity=0.03, dt=0.1, random_state=0)
first_order = Pipeline(
    [
        ("scatter", ScatteringTransformer(J=7, max_order=1, wavelet="tight")),
        ("scale", PerSnapshot(StandardScaler())),
    ]
).fit(shocks[:n_burgers])
S = first_order.transform(shocks)[..., 1:]  # order 0 is the mean of the field: conserved, zero
given, happened = S[n_burgers:, :5], S[n_burgers:, 5:]
ensemble_mean = np.broadcast_to(S[:n_burgers].mean(axis=0)[5:], happened.shape)
print(f"median relative error of standardised S1 over {n_burgers} held-out runs")
print(f"  {'ensemble mean of training':28}{np.median(relative_error(happened, ensemble_mean)):.3f}")
for n_memory in (1, 5):
    forecast = MasterEquationPredictor(n_memory=n_memory, dt=0.1).fit(S[:n_burgers]).forecast(given, 30)
    name = f"{n_memory} lag{'s' if n_memory > 1 else ''}"
    print(f"  {name:28}{np.median(relative_error(happened, forecast)):.3f}")

# %%
# Stored and loaded, the model forecasts the same, bit for bit
# ------------------------------------------------------------

heading("Pickle")
stored = pickle.dumps(search.best_estimator_)
before = skmst.forecast(best, U[test][:, :100], n_steps=HORIZON)
after = skmst.forecast(pickle.loads(stored), U[test][:, :100], n_steps=HORIZON)
assert np.array_equal(before, after)
print(f"{len(stored) / 1024:.0f} kB; forecasts of the loaded model are identical bit for bit")

# %%
# The picture
# -----------
# The interval around the forecast comes from the errors of a model that has seen half of the training runs, on the
# other half.

half = N_TRAIN // 2
rehearsal = clone(best).fit(U[:half], E[:half])
tried = skmst.hindcast(rehearsal, U[half:N_TRAIN], E[half:N_TRAIN], horizon=HORIZON)
errors = tried.y_true - tried.y_pred
low, high = np.quantile(errors, [0.05, 0.95], axis=0)
missed = hindcasts["memory"].y_true - hindcasts["memory"].y_pred
coverage = np.mean((low <= missed) & (missed <= high))
print(f"the 90 % interval covers {coverage:.0%} of what happened in the {N_TEST} held-out runs (few runs: indicative)")

run, origin, octave = U[test][0], 100, 1
known, future = slice(origin - 60, origin), slice(origin, origin + HORIZON)
continued = skmst.forecast(best, run[None, :origin], n_steps=HORIZON)[0, :, octave]
field_forecast = skmst.forecast(field_rom, run[None, :origin], n_steps=HORIZON)[0]

figure = plt.figure(figsize=(18, 9.5), layout="constrained")
grid = figure.add_gridspec(2, 3)
shown = run[: min(400, N_STEPS)]

ax = figure.add_subplot(grid[0, 0])
SpaceTimeDisplay.from_field(shown, dt=DT, length=LENGTH).plot(ax)
ax.axvline(origin * DT, color="black", linestyle=":")
ax.set_title("A held-out run; at the dotted line forecasts start")

ax = figure.add_subplot(grid[0, 1])
CoefficientsDisplay.from_estimator(best["scatter"], shown, dt=DT).plot(ax)
ax.set_title("Its scattering coefficients (log, standardised)")

ax = figure.add_subplot(grid[0, 2])
EigenvaluesDisplay.from_estimator(best).plot(ax)
ax.set_title("Eigenvalues of the model, coloured by residual")

ax = figure.add_subplot(grid[1, 0])
truth = E[test][0, :, octave]
ForecastDisplay.from_errors(
    truth[known], continued, errors[:, :, octave], truth=truth[future], dt=DT, name="log power, wavenumbers 2 and 3"
).plot(ax)
ax.set(title="Forecast of one octave; interval: errors on other runs", xlabel="lead time")

ax = figure.add_subplot(grid[1, 1])
skill.plot(ax)
ax.set_title(f"Skill on {N_TEST} held-out runs: log power per octave")

images = grid[1, 2].subgridspec(2, 1)
for row, (title, values) in enumerate(
    {"The field after that: what happened": run[future], "The field: forecast": field_forecast}.items()
):
    ax = figure.add_subplot(images[row])
    limit = np.abs(run[future]).max()
    SpaceTimeDisplay.from_field(values, dt=DT, length=LENGTH).plot(ax, vmin=-limit, vmax=limit)
    ax.set(title=title, xlabel="lead time")

picture = Path("main_job.png")
figure.savefig(picture, dpi=80)
heading(f"Picture: {picture.resolve().name}. Done")
plt.show()
