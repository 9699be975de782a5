"""Do synthesised fields have the statistics of the field they are made from?

The field is a 512 x 512 map of dust from a simulation of magnetohydrodynamic turbulence, averaged over squares of four
(128 x 128 points, periodic), standardised, as it is and its logarithm. New fields are sought from Gaussian ones of
the same power spectrum (random phases) by 600 iterations, with two sets of numbers: the published scattering
spectra (Cheng et al. 2024); and the same with the flatness of each band, and energies in quarter octaves, of weight 5.
Judged by what was not imposed as such: the power in octaves and the kurtosis of increments over 1, 2, 4 and 8 grid
steps. Errors are relative: mean and standard deviation over starts, and the median and largest size over all.

    SKMST_DATA=/path/to/data python benchmarks/synthesis.py
"""

import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmst.scattering import Energies, Inversion, JointEncoding, ScatteringSpectra, invert, reconstruction_report

N, N_STARTS, N_ITER = 128, 3, 600


def standardised(field):
    return ((field - field.mean()) / field.std())[None]


def dust():
    with np.load(Path(os.environ["SKMST_DATA"]) / "mhd_dust_I1.npz") as data:
        (field,) = data.values()
    block = field.astype(float).reshape(N, 4, N, 4).mean(axis=(1, 3))
    return {"logarithm of the map": standardised(np.log(block)), "the map": standardised(block)}


def encodings(field):
    spectra = {"J": 6, "L": 4, "wavelet": "morlet"}
    energies = Energies((N, N), J=6, L=1, Q=(4, 1)).referred_to(field)
    richer = ScatteringSpectra((N, N), flatness=True, **spectra).referred_to(field)
    return {
        "published set": ScatteringSpectra((N, N), **spectra).referred_to(field),
        "with flatness and energies": JointEncoding((richer, energies), weights=(1.0, 5.0)),
    }


def random_phases(field, n):
    """Fields with the Fourier amplitudes of a field."""
    noise = np.fft.fft2(np.random.default_rng(0).standard_normal((n, N, N)))
    return np.fft.ifft2(np.abs(np.fft.fft2(field)) * noise / np.abs(noise)).real


def line(title, errors):
    cells = "".join(f"{e.mean():+10.3f} ({e.std(ddof=1):.3f})" for e in errors.T)
    print(f"    {title:10}{cells}   median {np.median(np.abs(errors)):.3f}, largest {np.abs(errors).max():.3f}")


def show(name, field, fields, extra=""):
    report = reconstruction_report(np.repeat(field, len(fields), axis=0), fields, grid_shape=(N, N))
    print(f"  {name}{extra}")
    # The last octave begins at the Nyquist wavenumber: it is the corners of the spectrum.
    line("power", report.power_error[:, :-1])
    line("corners", report.power_error[:, -1:])
    line("kurtosis", report.increment_kurtosis_error)


if __name__ == "__main__":
    for which, target in dust().items():
        print(f"\n{which}: power in octaves from 1 on, and kurtosis of increments over 1, 2, 4, 8 steps")
        starts = random_phases(target, N_STARTS)
        show("Gaussian starts", target, starts)
        for name, encoding in encodings(target).items():
            started = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is given
                found = invert(
                    np.repeat(encoding.forward(target), N_STARTS, axis=0),
                    encoding,
                    start=starts,
                    inversion=Inversion(max_iter=N_ITER, tol=1e-3),
                )
            seconds = (time.process_time() - started) / N_STARTS
            extra = f": feature error {np.median(found.feature_errors):.1e}, {seconds:.0f} s each"
            show(name, target, found.fields, extra)
