"""
Synthesis: new fields with the statistics of one
================================================

Two-dimensional turbulence from one snapshot. A Gaussian field with the same power spectrum has none of its vortices.
Scattering spectra also hold how much the scales burst, and whether they do it together; fields that are sought by
their scattering spectra alone are new fields, with coherent patches of its scales.
"""

# %%
# One field
# ---------
# Vorticity of decaying turbulence on a periodic square, when filaments have rolled up into vortices. Computed on 128
# points a side and averaged over squares of two; in units of its standard deviation.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmst.datasets import make_navier_stokes
from skmst.scattering import Energies, Inversion, JointEncoding, ScatteringSpectra, invert, reconstruction_report

N = 64
fine = make_navier_stokes(1, 2, n_x=2 * N, dt=4.0, viscosity=2e-3, peak_wavenumber=6, random_state=3)[:, -1]
vorticity = fine.reshape(1, N, 2, N, 2).mean(axis=(2, 4))
vorticity /= vorticity.std()

# %%
# Statistics to keep, and two new fields
# --------------------------------------
# Scattering spectra are mean absolute and mean squared wavelet coefficients, and covariances between scales of the
# coefficients and of their moduli; ``flatness`` adds the fourth moments. Energies in quarter octaves keep the spectrum
# more finely than the wavelets, one per octave, would. ``referred_to`` divides all of them by the powers of the
# target, so that each scale counts.
#
# The search starts from Gaussian fields: the amplitudes of the target's Fourier coefficients, with random phases.

encoding = JointEncoding(
    (
        ScatteringSpectra((N, N), J=5, L=4, wavelet="morlet", flatness=True).referred_to(vorticity),
        Energies((N, N), J=5, L=1, Q=(4, 1)).referred_to(vorticity),
    ),
    weights=(1.0, 5.0),
)
phases = np.exp(1j * np.angle(np.fft.fft2(np.random.default_rng(0).standard_normal((2, N, N)))))
gaussian = np.fft.ifft2(np.abs(np.fft.fft2(vorticity)) * phases).real
target = encoding.forward(np.concatenate([vorticity, vorticity]))
print(f"{encoding.forward(vorticity).size} numbers describe {N * N} points")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # new fields need not have the statistics to many digits
    found = invert(target, encoding, start=gaussian, inversion=Inversion(max_iter=300, tol=1e-2))
print(f"reached within {found.feature_errors.max():.1e}, in at most {found.n_iter.max()} iterations")

limit = 3
fig, axes = plt.subplots(1, 4, figsize=(14, 3.8), layout="constrained")
for ax, (title, field) in zip(
    axes,
    {
        "the field": vorticity[0],
        "Gaussian, same spectrum": gaussian[0],
        "synthesis": found.fields[0],
        "another one": found.fields[1],
    }.items(),
    strict=True,
):
    image = ax.imshow(field, cmap="RdBu_r", vmin=-limit, vmax=limit, origin="lower")
    ax.set(title=title, xticks=[], yticks=[])
fig.colorbar(image, ax=axes, label="vorticity / standard deviation", shrink=0.8)

# %%
# Is it the same turbulence?
# --------------------------
# Not the same field: where the vortices are is not among the statistics, and no translation or reflection makes one
# of the other. It is to be judged by statistics that were not imposed: the power in octaves, and how increments over
# 1, 2, 4 and 8 grid steps are distributed.

reports = {
    "Gaussian": reconstruction_report(np.repeat(vorticity, 2, axis=0), gaussian, grid_shape=(N, N)),
    "synthesis": reconstruction_report(np.repeat(vorticity, 2, axis=0), found.fields, grid_shape=(N, N)),
}
for name, report in reports.items():
    print(f"\n{name}\n{report}")
    print("kurtosis of increments over 1, 2, 4, 8 steps, relative error")
    print(np.round(report.increment_kurtosis_error, 3))


def spectrum(fields):
    """Power by rounded wavenumber."""
    waves = np.fft.fftfreq(N, 1 / N)
    radius = np.round(np.hypot(*np.meshgrid(waves, waves))).astype(int)
    power = np.mean(np.abs(np.fft.fft2(fields, norm="forward")) ** 2, axis=0)
    return np.bincount(radius.ravel(), power.ravel())[1 : N // 2]


def increments(fields, lag):
    return np.concatenate([(np.roll(fields, -lag, axis) - fields).ravel() for axis in (1, 2)])


fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
styles = {"the field": ("0.6", 4), "Gaussian": ("C0", 1.2), "synthesis": ("C3", 1.2)}
for (name, (color, width)), fields in zip(styles.items(), (vorticity, gaussian, found.fields), strict=True):
    left.loglog(np.arange(1, N // 2), spectrum(fields), color=color, linewidth=width, label=name)
    for lag, offset in ((1, 1.0), (4, 1e-3)):
        d = increments(fields, lag)
        d = d / d.std()
        density, edges = np.histogram(d, np.linspace(-7, 7, 57), density=True)
        density = np.where(density > 0, density, np.nan)
        right.semilogy((edges[1:] + edges[:-1]) / 2, offset * density, color=color, linewidth=width)
left.set(xlabel="wavenumber", title="power spectrum")
left.legend()
right.set(xlabel="increment / standard deviation", title="density of increments over 1 step, and 4 (lower)")
plt.show()
