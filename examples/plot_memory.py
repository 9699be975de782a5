"""
What memory buys
================

Observables whose present does not determine their future have a memory: what is not observed acts through the past of
what is. Here a particle swings in a noisy fluid, and only its position is seen, with some error. Theory gives the best
forecast that any model can make from the past of what is seen, so one sees how much of it a number of memory terms
reaches.
"""

# %%
# A swing of which half is hidden
# -------------------------------
# ``x' = v``, ``v' = -x - gamma v + noise``, sampled exactly every 0.5 time units; x is measured with an error of a
# fifth of its standard deviation. Position and velocity together are Markovian; the measured position alone is not.
# One value does not tell in which direction the particle moves.

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import expm, solve_discrete_are

from skmst import MasterEquationPredictor
from skmst.metrics import bootstrap_interval

DT, GAMMA, ERROR = 0.5, 0.3, 0.2**2
step = expm(DT * np.array([[0.0, 1.0], [-1.0, -GAMMA]]))
stationary = np.eye(2)  # equipartition, in units of the temperature
noise = stationary - step @ stationary @ step.T

rng = np.random.default_rng(0)
kicks = rng.multivariate_normal([0, 0], noise, size=(60, 400))
states = np.empty((60, 400, 2))
states[:, 0] = rng.standard_normal((60, 2))
for i in range(1, 400):
    states[:, i] = states[:, i - 1] @ step.T + kicks[:, i]
position = states[..., :1] + np.sqrt(ERROR) * rng.standard_normal((60, 400, 1))
train, test = position[:40], position[40:]

# %%
# Skill by lead time
# ------------------
# All forecasts start at the same times (``n_context``). Skill is one minus the ratio of the mean squared error to the
# variance, which is the error of climatology here. The black line is theory: the stationary Kalman filter, the best
# forecast from the whole past of the measurements. The grey one knows position and velocity exactly.

HORIZON, N_CONTEXT = 16, 16
leads = DT * np.arange(1, HORIZON + 1)
seen = np.array([[1.0, 0.0]])


def skill(errors, variances):
    return 1 - errors.sum(axis=0) / variances.sum(axis=0)


fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
models = {}
for n_memory, color in zip((1, 2, 3, 8), plt.cm.viridis(np.linspace(0, 0.9, 4)), strict=True):
    model = MasterEquationPredictor(n_memory=n_memory, dt=DT, n_context=N_CONTEXT).fit(train)
    models[n_memory] = model
    past = model.hindcast(test, horizon=HORIZON)
    # Sums by trajectory: to resample trajectories is then to resample rows.
    errors = np.stack([((past.y_pred - past.y_true)[past.trajectory == k] ** 2).sum(axis=(0, 2)) for k in range(20)])
    variances = np.stack([(past.y_true[past.trajectory == k] ** 2).sum(axis=(0, 2)) for k in range(20)])
    low, high = bootstrap_interval(skill, errors, variances, random_state=0)
    ax.plot(leads, skill(errors, variances), "o-", markersize=3, color=color, label=f"n_memory={n_memory}")
    ax.fill_between(leads, low, high, color=color, alpha=0.2, linewidth=0)


def theory(uncertainty):
    """Skill of forecasts of the measurement that start from a state known up to a covariance."""
    curve = []
    for _ in leads:
        uncertainty = step @ uncertainty @ step.T + noise
        curve.append(1 - (uncertainty[0, 0] + ERROR) / (1 + ERROR))
    return curve


before = solve_discrete_are(step.T, seen.T, noise, [[ERROR]])  # covariance of the state before x is measured
known = before - before @ seen.T @ seen @ before / (before[0, 0] + ERROR)
ax.plot(leads, theory(known), color="black", linewidth=1, label="best possible from the past")
ax.plot(leads, theory(np.zeros((2, 2))), color="0.6", linewidth=1, label="position and velocity known")
ax.axhline(0, color="0.8", linewidth=1, zorder=0)
ax.set(xlabel="lead time", ylabel="skill (0: climatology)", title="forecasts of the position on 20 held-out runs")
ax.legend(fontsize="small")

# %%
# Two terms, which amount to a finite difference for the velocity, bring half of what can be had; more terms average the
# error of measurement out and reach the theory. The model without memory can only let the position decay towards the
# mean: it does not know that there is a swing, and is worse than climatology where the particle has swung back.
#
# The kernel
# ----------
# ``memory_kernel_`` holds the matrices of ``x(t + 1) = sum_l Omega_l x(t - l)``. For this system they are known, from
# the autocovariance of what is measured. ``memory_time_`` is the shortest memory that is within 1 % of the residual
# variance of the longest.

model = models[8]
covariance = [1.0 + ERROR]
power = np.eye(2)
for _ in range(8):
    power = step @ power
    covariance.append(power[0, 0])
gram = np.array([[covariance[abs(i - j)] for j in range(8)] for i in range(8)])
exact = np.linalg.solve(gram, covariance[1:])

# %%
# The slowest rates of the model are those of the whole system: damping gamma / 2 and the frequency of the swing, seen
# through the position alone. Without memory there is one real rate, and it is none of the system's; with two terms the
# error of measurement still biases the damping. The other rates of the long model describe how its past fades, and
# their residuals are near one.

fig, (ax_kernel, ax_rates) = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
ax_kernel.axhline(0, color="0.8", linewidth=1)
ax_kernel.plot(range(8), exact, "k_", markersize=16, label="exact")
ax_kernel.plot(range(8), model.memory_kernel_[:, 0, 0], "o", label="from 40 runs")
ax_kernel.set(xlabel="steps back, l", ylabel="Omega_l", title=f"kernel; memory_time_ = {model.memory_time_:g}")
ax_kernel.legend()
for n_memory, marker in ((1, "s"), (2, "^"), (8, "o")):
    rates, residuals = models[n_memory].rates_, models[n_memory].residuals_
    dots = ax_rates.scatter(
        rates.real,
        rates.imag,
        c=residuals,
        marker=marker,
        vmin=0,
        vmax=1,
        label=f"n_memory={n_memory}",
        edgecolor="0.3",
    )
for sign in (-1, 1):
    ax_rates.plot(
        -GAMMA / 2, sign * np.sqrt(1 - GAMMA**2 / 4), "r+", markersize=14, label="exact" if sign > 0 else None
    )
fig.colorbar(dots, ax=ax_rates, label="residual")
ax_rates.set(xlabel="growth rate", ylabel="angular frequency", title="rates")
ax_rates.legend(fontsize="small", loc="center left")
plt.show()
