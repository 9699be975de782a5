"""What comes back from scattering coefficients by optimisation: the coefficients, the field, both, or neither?

Fields of 256 points, tight bank, J = 7: Burgers between the smooth start and the shocks, and periodic Brownian paths
(bridges). From each field's coefficients a field is sought from at most 5 random starts, the best by feature error
kept. Targets: coefficients averaged over windows (T = 16, T = 64: orders 0 to 2, four points per window); averaged over
the grid; and, not averaged at all, the moduli of all wavelet coefficients with the low-pass of scale 2^7. Errors are
relative: of the coefficients, of the field, and of the field up to translation, reflection and sign; median and range
over fields.

    python benchmarks/inversion.py
"""

import time
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmst.datasets import make_burgers
from skmst.scattering import Inversion, Setting, invert, reconstruction_report
from skmst.scattering.encoding import WithoutCaches

N, J, N_FIELDS = 256, 7, 5


@dataclass(frozen=True)
class Moduli(WithoutCaches):
    """``|x * psi_j|`` and ``x * phi_J`` at every grid point: the first layer before any average."""

    grid_shape: tuple[int, ...]
    J: int
    is_complex = couples_channels = False

    @property
    def output_grid(self):
        return self.grid_shape

    @property
    def _low(self):
        return Setting(self.grid_shape, self.J, T=2**self.J, max_order=0, wavelet="tight")

    @property
    def _band(self):
        return Setting(self.grid_shape, self.J, T=1, max_order=1, wavelet="tight")

    def table(self):
        return self._band.table()

    def forward(self, x, *, n_jobs=None):
        return np.concatenate([self._low.forward(x), self._band.forward(x)[:, 1:]], axis=1)

    def pullback(self, x, gradient, *, n_jobs=None):
        high = gradient.copy()
        high[:, 0] = 0
        return self._low.pullback(x, gradient[:, :1]) + self._band.pullback(x, high)


TARGETS = {
    "windows, T = 16": Setting((N,), J, T=16, wavelet="tight", output_step=4),
    "windows, T = 64": Setting((N,), J, T=64, wavelet="tight", output_step=16),
    "whole grid": Setting((N,), J, wavelet="tight"),
    "all moduli": Moduli((N,), J),
}


def burgers():
    runs = make_burgers(N_FIELDS, 11, n_x=N, random_state=1)
    return runs[np.arange(N_FIELDS), np.linspace(2, 10, N_FIELDS).astype(int)]


def brownian_bridges():
    path = np.cumsum(np.random.default_rng(0).standard_normal((N_FIELDS, N)), axis=1)
    bridge = path - np.linspace(0, 1, N, endpoint=False) * path[:, -1:]
    return bridge - bridge.mean(axis=1, keepdims=True)


def spread(values):
    return f"{np.median(values):.1e} [{values.min():.0e}, {values.max():.0e}]"


def row(name, fields, encoding, inversion):
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is not reached stands in the table
        found = invert(encoding.forward(fields), encoding, inversion=inversion)
    seconds = (time.process_time() - started) / len(fields)
    report = reconstruction_report(fields, found.fields, encoding=encoding)
    errors = (report.feature_error, report.field_error, report.field_error_modulo_symmetry)
    cells = [spread(values) for values in errors]
    size = encoding.forward(fields[:1]).size
    print(f"{name:18}{size:8d}" + "".join(f"{cell:>26}" for cell in cells) + f"{seconds:8.1f} s", flush=True)


if __name__ == "__main__":
    for system, fields in {"Burgers": burgers(), "Brownian bridge": brownian_bridges()}.items():
        for coarse_to_fine in (True, False):
            stages = "coarse scales first" if coarse_to_fine else "all scales at once"
            print(f"\n{system}, {stages}: {N_FIELDS} fields")
            heads = ("feature error", "field error", "modulo symmetry")
            print(f"{'target':18}{'numbers':>8}" + "".join(f"{head:>26}" for head in heads) + f"{'each':>10}")
            for name, encoding in TARGETS.items():
                row(name, fields, encoding, Inversion(coarse_to_fine=coarse_to_fine))
