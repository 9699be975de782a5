"""
From coefficients back to fields
================================

Scattering coefficients describe a field by scale, and models forecast them better than fields. What do they still know
of the field itself? This example goes back from three kinds of coefficients of one shock, looks at the errors in
coefficients and in fields, which are not the same thing, and ends with a forecast of a whole field by way of its
coefficients.
"""

# %%
# Three codes of one field
# ------------------------
# A shock of the viscous Burgers equation on 256 points. The first two codes are averages of moduli. No formula leads
# back from them: ``inverse_transform`` seeks a field that has them, by descent from random fields.
#
# - Averages over windows of 16 points, 4 numbers per window: the field comes back, position, sign and all.
# - Averages over the whole grid: 29 numbers without any position. What comes back has them all, and is another field.
#   This is *synthesis*: a new field with the same statistics.
#
# The third code keeps the phase of what it rectifies, on a grid that gets coarser with the scale, in as many complex
# numbers as the field has points. Its inverse is a formula, exact to rounding.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmst
from skmst import MasterEquationPredictor, PerSnapshot, ScatteringTransformer
from skmst.datasets import make_burgers, make_kuramoto_sivashinsky
from skmst.plotting import SpaceTimeDisplay
from skmst.scattering import Inversion, reconstruction_report

u = make_burgers(1, 11, random_state=4)[0, 8:9]
codes = {
    "windows of 16 points": ScatteringTransformer(J=7, T=16, wavelet="tight"),
    "the whole grid": ScatteringTransformer(J=7, wavelet="tight", inversion=Inversion(n_starts=1)),
    "Heisenberg code": ScatteringTransformer(J=7, wavelet="orthonormal", rectifier="heisenberg"),
}
x = np.arange(u.shape[1])
fig, axes = plt.subplots(1, 3, figsize=(13, 3.6), sharey=True, layout="constrained")
print(f"{'code':24}{'numbers':>8}{'coefficients':>14}{'field':>10}{'modulo symmetry':>17}")
for ax, (name, scatter) in zip(axes, codes.items(), strict=True):
    S = scatter.fit_transform(u)
    found = scatter.inverse_transform(S)
    report = reconstruction_report(u, found)
    feature_error = np.linalg.norm(scatter.transform(found) - S) / np.linalg.norm(S)
    field_error, modulo_symmetry = report.field_error[0], report.field_error_modulo_symmetry[0]
    print(f"{name:24}{S.size:8d}{feature_error:14.1e}{field_error:10.1e}{modulo_symmetry:17.1e}")
    ax.plot(x, u[0], color="0.7", linewidth=4, label="the field")
    ax.plot(x, found[0], color="C3", linewidth=1, label="from its coefficients")
    ax.set(title=f"{name} ({S.size} numbers)\nerror of the field {field_error:.0e}", xlabel="grid point")
axes[0].legend()

# %%
# The global coefficients agree as well as the windowed ones: a small error in coefficients says nothing of the field,
# unless position is kept. Even the best translation, reflection and sign do not turn one field into the other.
#
# A forecast of the field, through coefficients
# ---------------------------------------------
# Spatiotemporal chaos (Kuramoto-Sivashinsky). Fields become local averages of moduli, these are reduced to principal
# components, linear dynamics with memory continue them, and ``inverse=True`` leads back through every step to fields:
# the search for each field starts from the one before it, the first from the last field observed.
#
# Forecast coefficients are those of no field exactly, the less so the longer the lead. Where they have lost what
# happened, the search finds fields of the right strength rather than none, and may jump from one to another.

DT, LENGTH, N_STEPS = 0.25, 22.0, 48
runs = make_kuramoto_sivashinsky(17, 800, length=LENGTH, dt=DT, random_state=0)
train, (run,) = runs[:16], runs[16:]
rom = make_pipeline(
    ScatteringTransformer(
        J=4, T=4, output_step=2, max_order=1, wavelet="tight", inversion=Inversion(max_iter=200, tol=1e-3)
    ),
    PerSnapshot(StandardScaler(with_std=False)),
    PerSnapshot(PCA(60, random_state=0)),
    MasterEquationPredictor(n_memory=8, dt=DT, alpha=1e-6),
).fit(train)
now = 400
future = run[now : now + N_STEPS]
forecast = skmst.forecast(rom, run[None, :now], N_STEPS, inverse=True)[0]

spread = train.std()
error = np.sqrt(np.mean((forecast - future) ** 2, axis=1)) / spread
persistence = np.sqrt(np.mean((run[now - 1] - future) ** 2, axis=1)) / spread
print("\nlead        " + "".join(f"{lead:8.1f}" for lead in (1, 2, 5, 10)))
for name, curve in {"forecast": error, "persistence": persistence}.items():
    print(f"{name:12}" + "".join(f"{curve[round(lead / DT) - 1]:8.2f}" for lead in (1, 2, 5, 10)))

fig = plt.figure(figsize=(13, 3.8), layout="constrained")
left, middle, right = fig.subplots(1, 3)
limit = np.abs(future).max()
for ax, title, fields in ((left, "what happened", future), (middle, "forecast through coefficients", forecast)):
    SpaceTimeDisplay.from_field(fields, dt=DT, length=LENGTH).plot(ax, vmin=-limit, vmax=limit)
    ax.set(title=title, xlabel="lead time")
leads = DT * np.arange(1, N_STEPS + 1)
right.plot(leads, error, color="C3", label="forecast")
right.plot(leads, persistence, color="0.5", linestyle="--", label="persistence")
right.axhline(1, color="black", linewidth=0.8, linestyle=":", label="standard deviation")
right.set(xlabel="lead time", title="error of the field", ylim=(0, None))
right.legend(loc="upper left")
plt.show()
