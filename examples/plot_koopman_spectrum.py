"""
Koopman spectra, and which eigenvalues to believe
=================================================

A Koopman regressor fits a linear operator to observables of a state. Its eigenvalues are rates, but a fit always
returns as many as there are observables, and not all of them mean anything. Two systems with known spectra show what
residuals, lags and bootstrap intervals tell.
"""

# %%
# A spectrum that closes
# ----------------------
# The system ``x' = mu x, y' = lambda (y - x^2)`` falls onto a parabola. The observables x, y and x^2 evolve linearly,
# with rates mu, lambda and 2 mu exactly. The other quadratic monomials, xy and y^2, do not: they leak into cubic ones.
# The fit on all five returns five eigenvalues.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer

from skmst import KoopmanRegressor
from skmst.datasets import make_double_well, make_slow_manifold
from skmst.metrics import bootstrap_interval

MU, LAMBDA = -0.05, -1.0
runs = make_slow_manifold(n_trajectories=24, n_steps=50, mu=MU, lambda_=LAMBDA, dt=0.1, random_state=0)
quadratic = KoopmanRegressor(observables=PolynomialFeatures(2, include_bias=False), dt=0.1).fit(runs)

print("    rate        residual")
for rate, residual in zip(quadratic.rates_, quadratic.residuals_, strict=True):
    print(f"{rate.real:10.6f}    {residual:.0e}")

# %%
# The residual of an eigenvalue is the relative error with which its eigenfunction obeys it on the data. Three rates are
# exact, with residuals at the level of round-off (its square root, since residuals come from a difference of squares).
# Two are artefacts of the truncated dictionary, and nothing but the residual gives them away: they look like rates of
# decay as good as any.

true_rates = np.array([MU, 2 * MU, LAMBDA])
fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
for rate in true_rates:
    ax.axvline(rate, color="0.8", linewidth=6, zorder=0)
ax.semilogy(quadratic.rates_.real, np.maximum(quadratic.residuals_, 1e-9), "o")
ax.annotate("exact rates (grey)", (-0.95, 1e-6), color="0.4")
ax.set(xlabel="fitted rate", ylabel="residual", ylim=(1e-10, 1), title="five fitted rates: three mean something")

# %%
# Noise, time scales and lags
# ---------------------------
# A particle in a double well ``V = (x^2 - 1)^2`` hops between the wells at a known rate: at inverse temperature
# beta = 3 the slowest time scales are 12.404 (hopping) and 0.286 (within a well). From data, an operator is fitted at
# several lags. If the observables resolve the slow process, the implied time scale does not depend on the lag. The
# position x alone is too poor: the motion within a well leaks in at short lags. Splines in x resolve it. The bars are
# 90 % intervals from resampling whole trajectories.

x = make_double_well(n_trajectories=48, n_steps=1500, beta=3.0, dt=0.1, random_state=0)
EXACT = 12.4039
lags = np.array([1, 2, 4, 8, 16])
dictionaries = {
    "x alone": None,
    "cubic splines": SplineTransformer(10, degree=3, include_bias=False),
}


def slowest_time_scale(model, trajectories):
    return model.fit(trajectories).timescales_[0]


# %%
# With noise, a residual is not an error alone. The next value of even the exact eigenfunction is uncertain, and its
# relative spread is ``sqrt(1 - |eigenvalue|^2)``. That is the floor; what lies above it is the fault of the dictionary.
# The second time scale, 0.286, is close to the sampling interval of 0.1: there the floor is near one, and residuals of
# stochastic systems cannot tell a fast process from a spurious one. Lags and intervals have to.

fig, (ax_scale, ax_residual) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for (name, observables), marker, shift in zip(dictionaries.items(), "os", (0.97, 1.03), strict=True):
    estimates, intervals, residuals = [], [], []
    for lag in lags:
        model = KoopmanRegressor(observables=observables, lag=int(lag), dt=0.1)
        intervals.append(
            bootstrap_interval(
                lambda sample, model=model: slowest_time_scale(model, sample), x, n_resamples=40, random_state=0
            )
        )
        estimates.append(slowest_time_scale(model, x))
        residuals.append(model.residuals_[0])
    bars = np.abs(np.transpose(intervals) - estimates)
    ax_scale.errorbar(0.1 * lags * shift, estimates, bars, fmt=marker + "-", capsize=3, label=name)
    ax_residual.plot(0.1 * lags, residuals, marker + "-", label=name)
ax_scale.axhline(EXACT, color="black", linewidth=1, label="exact")
ax_scale.set(xscale="log", xlabel="lag (time)", ylabel="slowest time scale", title="hopping time")
ax_scale.legend()
floor = np.sqrt(1 - np.exp(-2 * 0.1 * lags / EXACT))
ax_residual.plot(0.1 * lags, floor, color="black", linewidth=1, label="noise floor of the exact eigenvalue")
ax_residual.set(xscale="log", xlabel="lag (time)", ylabel="residual", title="residual of the hopping mode")
ax_residual.legend()

short = KoopmanRegressor(observables=dictionaries["cubic splines"], dt=0.1).fit(x)
print(f"time scales at lag 0.1: {short.timescales_[0]:.2f} (exact 12.40), {short.timescales_[1]:.3f} (exact 0.286)")
plt.show()
