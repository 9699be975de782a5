"""How fast is the scattering transform, and how accurate, next to kymatio? One thread, interleaved in one process.

Rows: workloads. "same grid" runs on kymatio's padded grid at its sampling, the other columns run skmst's own
settings. Times are CPU seconds per sample, medians; ratios are kymatio's time over skmst's, with their range over
the repeats.

    OMP_NUM_THREADS=1 python benchmarks/scattering_speed.py [--repeats 5]
"""

import argparse
import time

import numpy as np
import scipy.special

if not hasattr(scipy.special, "sph_harm"):  # removed in scipy 1.17, imported by kymatio 0.3.0
    scipy.special.sph_harm = lambda m, n, azimuth, polar: scipy.special.sph_harm_y(n, m, polar, azimuth)

from kymatio.numpy import Scattering1D, Scattering2D

from skmst import ScatteringTransformer

WORKLOADS = [
    ((64, 64), 3, {"L": 8}, 16),
    ((64, 64), 3, {"L": 8}, 1),
    ((128, 128), 3, {"L": 8}, 8),
    ((4096,), 8, {"Q": 8}, 16),
    ((16384,), 8, {"Q": 8}, 8),
    ((4096,), 6, {"Q": 1}, 1),
]


def candidates(shape, J, params, batch, rng):
    """Functions to time, by name."""
    x = rng.standard_normal((batch, *shape))
    if len(shape) == 2:
        kymatio = Scattering2D(J, shape, L=params["L"])
        padded = tuple((n // 2**J + 2) * 2**J for n in shape)
    else:
        kymatio = Scattering1D(J, shape[0], params["Q"])
        padded = (kymatio._N_padded,)
    wide = np.pad(x, [(0, 0)] + [(0, p - n) for p, n in zip(padded, shape, strict=True)], mode="wrap")
    critical = {"oversampling": 0, "output_step": 2**J}
    settings = {
        "same grid, float64": (wide, padded, critical),
        "same grid, float32": (wide.astype(np.float32), padded, critical),
        "periodic": (x, shape, {}),
        "reflect": (x, shape, {"boundary": "reflect"}),
        "global": (x, shape, {"T": "global"}),
    }
    functions = {"kymatio": lambda: kymatio(x)}
    for name, (fields, grid_shape, own) in settings.items():
        scatter = ScatteringTransformer(
            J=J, grid_shape=grid_shape, **{"T": None, "paths": "kymatio", **params, **own}
        ).fit(fields)
        functions[name] = lambda scatter=scatter, fields=fields: scatter.transform(fields)
    return functions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(0)
    for shape, J, params, batch in WORKLOADS:
        functions = candidates(shape, J, params, batch, rng)
        times = {name: [] for name in functions}
        for repeat in range(repeats + 1):
            for name, function in functions.items():
                start = time.process_time()
                function()
                if repeat:  # the first call plans
                    times[name].append((time.process_time() - start) / batch)
        own = times.pop("kymatio")
        print(f"\n{shape}, J={J}, {params}, batch {batch}: kymatio {np.median(own) * 1e3:.1f} ms per sample")
        for name, found in times.items():
            ratios = np.array(own) / np.array(found)
            print(f"  {name:20} {np.median(ratios):5.2f}x  [{ratios.min():.2f}, {ratios.max():.2f}]")


if __name__ == "__main__":
    main()
