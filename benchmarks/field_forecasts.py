"""Forecasts of whole fields through coefficients and back: is anything gained over forecasting the fields themselves?

A Pipeline encodes fields, centres them, keeps principal components and learns linear dynamics with memory;
``forecast(inverse=True)`` leads back to fields. Encoders: local averages (T = 4, modulus), inverted by optimisation
from the last observed field on; and the orthonormal Heisenberg code, inverted by formula, also in a unit so large that
it is smooth. Compared with: the same local averages with the field as y (a linear read-out), principal components of
the fields (POD) with the same memory, and persistence.

Kuramoto-Sivashinsky (L = 22): 8 held-out runs, four origins each; the valid time is the one until the error exceeds
half a standard deviation, in time units (a Lyapunov time is about 20), with its standard error, and that of the paired
gain over POD. Cylinder wake (Re = 100, from 10 modes of a direct simulation; vorticity, 32 x 64 points): one run from
the instability to the limit cycle, cut into 16 segments of one period. In turn every fourth segment is held out and
forecast from its first 4 steps; errors are in units of the fluctuations on the limit cycle, median and range over
segments.

    SKMST_DATA=/path/to/data python benchmarks/field_forecasts.py
"""

import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skmst
from skmst import MasterEquationPredictor, PerSnapshot, ScatteringTransformer
from skmst.datasets import make_kuramoto_sivashinsky
from skmst.metrics import valid_prediction_time
from skmst.scattering import Inversion, Orthonormal

DT, WAKE_DT, N_CONTEXT, N_WAKE = 0.25, 0.2, 4, 28


def model(encoder, n_components, **options):
    reduced = PerSnapshot(make_pipeline(StandardScaler(with_std=False), PCA(n_components, random_state=0)))
    return make_pipeline(encoder, reduced, MasterEquationPredictor(**options))


def flat(fields):
    """Fields (n_runs, n_steps, *grid) with one axis for the grid."""
    return fields.reshape(*fields.shape[:2], -1)


def as_is(fields):
    return fields


def forecasts(encoders, train, starts, n_steps, **options):
    """Name, forecast fields (n, n_steps, n_points) and seconds of each model."""
    yield "persistence", flat(np.repeat(starts[:, -1:], n_steps, axis=1)), 0.0
    for name, (encoder, n_components) in encoders.items():
        for read_out in (False, True) if name == "local averages" else (False,):
            started = time.process_time()
            rom = model(encoder, n_components, **options).fit(train, flat(train) if read_out else None)
            found = skmst.forecast(rom, starts, n_steps, inverse=not read_out)
            yield name + ", read-out" * read_out, flat(found), time.process_time() - started


def mean_and_error(values):
    return f"{np.mean(values):.2f} +- {np.std(values, ddof=1) / np.sqrt(len(values)):.2f}"


def kuramoto_sivashinsky(n_steps=48):
    u = make_kuramoto_sivashinsky(24, 1000, length=22.0, dt=DT, random_state=0)
    origins = (200, 400, 600, 800)
    starts = np.concatenate([u[16:, o - 40 : o] for o in origins])
    truth = np.concatenate([u[16:, o : o + n_steps] for o in origins])
    inversion = Inversion(max_iter=200, tol=1e-3)
    encoders = {
        "POD": (FunctionTransformer(flat, inverse_func=as_is, check_inverse=False), 30),
        "local averages": (
            ScatteringTransformer(J=4, T=4, output_step=2, max_order=1, wavelet="tight", inversion=inversion),
            60,
        ),
        "Heisenberg code": (
            ScatteringTransformer(J=4, max_order=1, wavelet=Orthonormal(), rectifier="heisenberg"),
            60,
        ),
        "smooth Heisenberg code": (
            ScatteringTransformer(J=4, max_order=1, wavelet=Orthonormal(scale=8.0), rectifier="heisenberg"),
            60,
        ),
    }
    print("\nKuramoto-Sivashinsky, L = 22: valid time, and error over the standard deviation by lead")
    print(f"{'':28}{'valid time':>16}{'gain over POD':>18}" + "".join(f"{lead:>9.1f}" for lead in (1, 2, 5, 10)))
    by_model = {}
    for name, found, seconds in forecasts(encoders, u[:16], starts, n_steps, dt=DT, n_memory=8, alpha=1e-6):
        times = by_model[name] = valid_prediction_time(truth, found, dt=DT, threshold=0.5)
        error = np.sqrt(np.mean((found - truth) ** 2, axis=(0, 2))) / truth.std()
        cells = "".join(f"{error[k]:9.3f}" for k in (3, 7, 19, 39))
        gain = mean_and_error(times - by_model["POD"]) if "POD" in by_model else ""
        print(f"{name:28}{mean_and_error(times):>16}{gain:>18}{cells}{seconds:8.0f} s", flush=True)


def wake_segments():
    """Vorticity (n_segments, N_WAKE, 32, 64), coarsened, and the rms of its fluctuations on the limit cycle."""
    with np.load(Path(os.environ["SKMST_DATA"]) / "cylinder_wake_re100_pod.npz") as data:
        modes, amplitudes = data["modes_uvw"][:, 2].astype(float), data["a"]
    coarse = modes.reshape(10, 32, 2, 64, 2).mean(axis=(2, 4))
    run = coarse[0] + np.tensordot(amplitudes[450:1346:2], coarse[1:], 1)
    cycle = run[-5 * N_WAKE :]
    return run.reshape(-1, N_WAKE, 32, 64), np.sqrt(np.mean((cycle - cycle.mean(axis=0)) ** 2))


def cylinder_wake():
    segments, unit = wake_segments()
    n_steps, leads = N_WAKE - N_CONTEXT, (3, 6, 12, 24)
    common = {"grid_shape": (32, 64), "boundary": "reflect"}
    local = {"J": 2, "L": 2, "T": 4, "output_step": 2, "max_order": 1, "inversion": Inversion(max_iter=100, tol=3e-4)}
    code = Orthonormal(vanishing_moments=3, symmetric=True, scale=10.0)
    encoders = {
        "local averages": (ScatteringTransformer(**local, **common), 20),
        "Heisenberg code": (
            ScatteringTransformer(J=3, max_order=1, wavelet=code, rectifier="heisenberg", **common),
            20,
        ),
        "POD": (FunctionTransformer(flat, inverse_func=as_is, check_inverse=False), 9),
    }
    errors, seconds = {}, {}
    for fold in range(4):
        held_out = np.arange(len(segments)) % 4 == fold
        starts, truth = segments[held_out, :N_CONTEXT], segments[held_out, N_CONTEXT:]
        # The instability grows: so must the model be allowed to.
        options = {"dt": WAKE_DT, "n_memory": 4, "alpha": 1e-8, "stabilize": False}
        for name, found, taken in forecasts(encoders, segments[~held_out], starts, n_steps, **options):
            error = np.sqrt(np.mean((found.reshape(truth.shape) - truth) ** 2, axis=(2, 3))) / unit
            errors.setdefault(name, np.empty((len(segments), n_steps)))[held_out] = error
            seconds[name] = seconds.get(name, 0.0) + taken
    for phase, which in {"instability, t = 45 to 90": slice(0, 8), "limit cycle": slice(8, None)}.items():
        print(f"\nCylinder wake, {phase}: error by lead (a period is 5.6 time units)")
        print(f"{'':28}" + "".join(f"{lead * WAKE_DT:>22.1f}" for lead in leads))
        for name, error in errors.items():
            chosen = [error[which, lead - 1] for lead in leads]
            cells = [f"{np.median(e):.3f} [{e.min():.3f}, {e.max():.3f}]" for e in chosen]
            print(f"{name:28}" + "".join(f"{cell:>22}" for cell in cells) + f"{seconds[name]:8.0f} s", flush=True)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="the model is unstable")  # as it should be, near an instability
    warnings.filterwarnings("ignore", category=ConvergenceWarning)  # what the search leaves is in the errors
    kuramoto_sivashinsky()
    if "SKMST_DATA" in os.environ:
        cylinder_wake()
