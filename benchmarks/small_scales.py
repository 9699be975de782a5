"""What three remedies do for coefficients of coarse, noisy fields at small scales, one after the other.

Trajectories are sampled on a part of their grid points and noise is added. Their coefficients are compared with those
that the same filters have on the fine, clean fields: the moduli of continuous fields, nothing folded. The remedies are,
in this order, a finer grid before the first modulus; the floor of white noise taken off the first order; and an affine
correction of the logarithms, fitted on the first half of the trajectories. Errors are those of log S in the other half,
whose initial conditions are others: root mean square, with a 95 % interval over trajectories.

    python benchmarks/small_scales.py
"""

from dataclasses import replace

import numpy as np
import scipy.fft

from skmst.datasets import make_burgers, make_kuramoto_sivashinsky
from skmst.scattering import Setting
from skmst.scattering.small_scales import fine_tune, noise_level, remove_floor, white_noise_floor

J, N_FINEST = 5, 2
SYSTEMS = {
    "Burgers": (2, lambda: make_burgers(60, 16, n_x=256, dt=0.1, random_state=0)[:, 1:]),
    "Kuramoto-Sivashinsky": (
        4,
        lambda: make_kuramoto_sivashinsky(24, 10, length=176.0, n_x=1024, dt=2.0, random_state=0),
    ),
}


def band_limited(fields, n):
    """Fields on n points with the low frequencies of the fine fields: what a coarse grid can know at best."""
    spectrum = scipy.fft.rfft(fields)[..., : n // 2 + 1].copy()
    spectrum[..., -1] = 0
    return scipy.fft.irfft(spectrum, n) * n / fields.shape[-1]


def of_trajectories(function, u):
    """Apply a function of fields (n_samples, n_x) to trajectories."""
    out = function(u.reshape(-1, u.shape[-1]))
    return out.reshape(*u.shape[:2], -1)


def error(S, reference):
    """Root mean square error of log S of each trajectory: mean and 95 % interval over trajectories."""
    each = np.sqrt(np.mean(np.log(S / reference) ** 2, axis=(1, 2)))
    half = 1.96 * each.std(ddof=1) / np.sqrt(len(each))
    return f"{each.mean():.5f} +- {half:.5f}"


def tuned(S, reference):
    """Corrected coefficients of all trajectories; the first half teaches."""
    half = len(S) // 2
    train, truth = (c[:half].reshape(-1, c.shape[-1]) for c in (S, reference))
    return of_trajectories(fine_tune(train, truth).apply, S)


def compare(name, fine, every, wavelet, noise):
    n, half = fine.shape[-1] // every, len(fine) // 2
    setting = Setting((n,), J, wavelet=wavelet)
    finer = replace(setting, upsample=2)
    table = setting.table()
    small = (table["order"] > 0) & (table["j1"] < N_FINEST)
    order = table["order"][small]
    reference = of_trajectories(replace(setting, upsample=8).forward, band_limited(fine, n))[..., small]
    rms = np.sqrt(np.mean(fine**2))
    observed = fine[..., ::every] + noise * rms * np.random.default_rng(1).standard_normal((*fine.shape[:2], n))
    raw, oversampled = (of_trajectories(s.forward, observed)[..., small] for s in (setting, finer))
    level = np.median(noise_level(observed[:half].reshape(-1, n)))
    cleaned = remove_floor(oversampled, np.where(order == 1, level * white_noise_floor(finer)[small], 0.0))
    results = {
        "raw": raw,
        "finer grid": oversampled,
        "finer grid, floor": cleaned,
        "finer grid, floor, fit": tuned(cleaned, reference),
        "finer grid, fit": tuned(oversampled, reference),
    }
    print(f"{name}, {wavelet}, {n} points, noise {noise:.0%} of the rms, found {level / rms:.2%}")
    for remedy, S in results.items():
        errors = [error(S[half:, :, order == m], reference[half:, :, order == m]) for m in (1, 2)]
        print(f"    {remedy:24s} order 1: {errors[0]}   order 2: {errors[1]}")


if __name__ == "__main__":
    for system, (step, make) in SYSTEMS.items():
        data = make()
        for bank in ("tight", "morlet"):
            for strength in (0.0, 0.01, 0.05):
                compare(system, data, step, bank, strength)
