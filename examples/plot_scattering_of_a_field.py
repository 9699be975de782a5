"""
What scattering coefficients see of a field
===========================================

A scattering transform is a cascade of wavelet filters and moduli, averaged over space. Nothing in it is trained. This
example looks at the filters, at what the coefficients say of a shock, at what they do not see (where things are), and
at random fields, for which theory tells the answer.
"""

# %%
# The filters
# -----------
# One wavelet per octave covers the frequencies, and a low-pass takes what is left at the low end. The ``"tight"`` bank
# is an exact partition of unity, so that the transform neither loses nor invents energy of a real field. The
# ``"morlet"`` bank has the filters of the scattering literature, with their normalisation: it weighs frequencies a
# little unevenly and keeps about half of a real field's energy, that of one sign of the frequency.

import matplotlib.pyplot as plt
import numpy as np

from skmst import ScatteringTransformer
from skmst.datasets import make_burgers, make_fractional_brownian_motion
from skmst.plotting import FilterBankDisplay

J = 7
grid = np.zeros((1, 4096))  # the filters depend on the grid alone
fig, axes = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True, layout="constrained")
for ax, wavelet in zip(axes, ("tight", "morlet"), strict=True):
    FilterBankDisplay.from_estimator(ScatteringTransformer(J=J, wavelet=wavelet).fit(grid)).plot(ax)
    ax.set(title=f'wavelet="{wavelet}"', xlim=(1e-3, 0.5), ylim=(0, 1.5))

# %%
# A shock forms
# -------------
# A sine wave steepens into a shock under the viscous Burgers equation, and the shock decays. First-order coefficients
# are mean amplitudes by scale. The sine lives in one octave; while it steepens, ever smaller scales appear, until
# viscosity stops them.
#
# Second-order coefficients tell fields of the same spectrum apart. To see it, give the shock's Fourier coefficients
# random phases: the power spectrum stays, the shock is gone. ``S2 / S1`` measures how much the small scales j1 vary
# over the larger scales j2. At a shock they come in one burst and keep varying at the largest scales; in the random
# field the variations average out.

u = make_burgers(n_trajectories=1, n_steps=31, initial_condition="sine", random_state=3)[0]
n_x = u.shape[1]
scatter = ScatteringTransformer(J=J, wavelet="tight").fit(u)
S = scatter.transform(u)
first = scatter.paths_["order"] == 1
scales = 2 ** scatter.paths_["j1"][first]
times = 0.1 * np.arange(len(u))
x = 2 * np.pi * np.arange(n_x) / n_x

fig, (ax_field, ax_first, ax_second) = plt.subplots(1, 3, figsize=(14, 3.8), layout="constrained")
for step, shade in ((0, 0.0), (5, 0.35), (10, 0.6), (30, 0.85)):
    color = plt.cm.plasma(shade)
    ax_field.plot(x, u[step], color=color, label=f"t = {times[step]:.1f}")
    ax_first.plot(scales, S[step, first], "o-", color=color)
ax_field.set(xlabel="x", ylabel="u", title="the field")
ax_field.legend(fontsize="small")
ax_first.set(yscale="log", ylim=(1e-8, 3), xlabel="scale (grid steps)", ylabel="S1", title="first order")

shock = u[10]
phases = np.exp(2j * np.pi * np.random.default_rng(0).random((200, n_x // 2 + 1)))
random_fields = np.fft.irfft(np.abs(np.fft.rfft(shock)) * phases, n_x)
for name, sample, style in (("shock", shock[None], "o-"), ("same spectrum, random phases", random_fields, "s--")):
    mean = scatter.transform(sample).mean(axis=0)
    for j, color in ((1, "tab:blue"), (3, "tab:orange")):
        pairs = (scatter.paths_["order"] == 2) & (scatter.paths_["j1"] == j)
        (parent,) = mean[first & (scatter.paths_["j1"] == j)]
        ratio = mean[pairs] / parent
        ax_second.plot(2 ** scatter.paths_["j2"][pairs], ratio, style, color=color, label=f"{name}, j1 = {j}")
ax_second.set(ylim=(0, 2), xlabel="scale of j2 (grid steps)", ylabel="S2 / S1", title="second order at t = 1")
ax_second.set_xscale("log", base=2)
ax_first.set_xscale("log", base=2)
ax_second.legend(fontsize="small")

# %%
# What is not seen: position
# --------------------------
# Move the field around its periodic domain. Its values change completely, local coefficients change as the structures
# pass under their windows, and global coefficients do not change at all: to round-off where all layers are sampled on
# the full grid (``oversampling="full"``), within the stated accuracy of 1e-3 by default. That is a symmetry removed,
# and with it all knowledge of where the shock is. A model that has to forecast the field must not be built on global
# coefficients.
#
# Deformations are another matter. Fourier amplitudes are blind to position too, but they are not stable: stretch a fine
# texture by a few per cent, and its line in the spectrum moves to other wavenumbers. Wavelets are broad where they are
# fine, so scattering coefficients change at most in proportion to the deformation. (Here they change less: what is
# stretched on one side is compressed on the other.)


def distance(a, b):
    """Relative distance of two vectors of features."""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


field = u[10]
shifts = np.unique(np.geomspace(1, n_x // 2, 25).astype(int) | 1)
encoders = {
    "field": lambda v: v,
    "local, T=16": ScatteringTransformer(J=J, wavelet="tight", T=16).fit(u).transform,
    "global, default sampling": scatter.transform,
    'global, oversampling="full"': ScatteringTransformer(J=J, wavelet="tight", oversampling="full").fit(u).transform,
}
fig, (ax_shift, ax_warp) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
for name, encode in encoders.items():
    moved = [distance(encode(np.roll(field, s)[None]), encode(field[None])) for s in shifts]
    ax_shift.plot(shifts, np.maximum(moved, 1e-17), "o-", markersize=3, label=name)
ax_shift.set(
    xscale="log", yscale="log", xlabel="shift (grid steps)", ylabel="relative change", title="translation of the shock"
)
ax_shift.legend(fontsize="small", loc="center left", bbox_to_anchor=(0, 0.7))

fine = 2 * np.pi * np.arange(1024) / 1024
strains = np.geomspace(1e-3, 0.2, 12)
texture = ScatteringTransformer(J=7, wavelet="tight").fit(fine[None])
amplitudes = {"Fourier amplitudes": lambda v: np.abs(np.fft.rfft(v)), "global scattering": texture.transform}
for name, encode in amplitudes.items():
    still = encode(np.cos(120 * fine)[None])
    warped = [distance(encode(np.cos(120 * (fine + strain * np.sin(fine)))[None]), still) for strain in strains]
    ax_warp.plot(100 * strains, warped, "o-", markersize=3, label=name)
ax_warp.set(
    xscale="log",
    yscale="log",
    xlabel="largest strain (%)",
    ylabel="relative change",
    title="deformation of a fine texture",
)
ax_warp.legend(fontsize="small")

# %%
# Random fields with known answers
# --------------------------------
# For white noise, S1 falls with the square root of the scale (but for the finest wavelet, which also keeps what is
# above its octave). For fractional Brownian motion of exponent H, the first
# order grows as ``2 ** (j H)``. These paths are not periodic, so ``boundary="reflect"`` is right for them: a periodic
# transform would see the jump from one end to the other as a feature of the field.

n_points = 2**13
fields = {"white noise": (-0.5, np.random.default_rng(0).standard_normal((48, n_points)))}
for hurst in (0.3, 0.5, 0.7):
    paths = make_fractional_brownian_motion(n_samples=48, n_x=n_points, hurst=hurst, random_state=0)
    fields[f"fractional Brownian motion, H = {hurst}"] = (hurst, paths)

fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for name, (theory, sample) in fields.items():
    spectrum = ScatteringTransformer(J=8, max_order=1, wavelet="tight", boundary="reflect").fit_transform(sample)
    log_s1 = np.log2(spectrum.mean(axis=0)[1:])
    octaves = np.arange(len(log_s1))
    fitted = np.polyfit(octaves[2:], log_s1[2:], 1)[0]
    (points,) = ax.plot(octaves, log_s1 - log_s1[2], "o", label=f"{name}: slope {fitted:.2f}")
    ax.plot(octaves, theory * (octaves - 2), color=points.get_color(), linewidth=1)
ax.set(xlabel="octave j", ylabel="log2 S1, relative to j = 2", title="points: 48 fields each; lines: theory")
ax.legend(fontsize="small")
plt.show()
