"""skmst's transforms on kymatio 0.3.0's padded grids and at its sampling, so that both compute the same numbers.

What kymatio does beyond the definition is undone on the way: it pads by reflection about the edge points, reads the
interior outputs, takes 3.1415 for pi in 2-D, and in 1-D averages where sub-sampling must sum.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.special

if not hasattr(scipy.special, "sph_harm"):  # removed in scipy 1.17, imported by kymatio 0.3.0
    scipy.special.sph_harm = lambda m, n, azimuth, polar: scipy.special.sph_harm_y(n, m, polar, azimuth)

import kymatio.numpy

from skmst.scattering import Setting, SolidHarmonics
from skmst.scattering.plan import _Builder

POWERS = (0.5, 1.0, 2.0)  # kymatio's own choice in 3-D


@dataclass(frozen=True)
class Workload:
    """A transform of a batch of fields; `Q` counts in 1-D, `L` in 2-D and 3-D."""

    shape: tuple[int, ...]
    J: int
    batch: int
    Q: tuple[int, int] = (1, 1)
    L: int = 8
    targets: tuple[float, float] = field(default=(0.0, 0.0), compare=False)  # over kymatio: float64, float32

    def __str__(self):
        scales = {1: f"Q={self.Q[0]}" if self.Q[1] == 1 else f"Q={self.Q}"}.get(len(self.shape), f"L={self.L}")
        return f"{'x'.join(map(str, self.shape))}, J={self.J}, {scales}, batch {self.batch}"

    @property
    def is_harmonic(self):
        return len(self.shape) == 3

    def fields(self, dtype=np.float64):
        """White noise; in 3-D smooth fields, since kymatio's filters are not those of a real wavelet at Nyquist."""
        x = np.random.default_rng(0).standard_normal((self.batch, *self.shape))
        if self.is_harmonic:
            hat = np.fft.fftn(x, axes=(1, 2, 3))
            for axis, n in enumerate(self.shape, start=1):
                decay = np.exp(-0.5 * (8 * np.fft.fftfreq(n)) ** 2)
                hat *= decay.reshape([-1 if a == axis else 1 for a in range(4)])
            x = np.fft.ifftn(hat, axes=(1, 2, 3)).real
            x /= x.std()
        return x.astype(dtype)

    def kymatio(self, frontend=kymatio.numpy):
        """kymatio's transform, of its numpy or its torch front end."""
        if len(self.shape) == 1:
            return frontend.Scattering1D(self.J, self.shape[0], self.Q)
        if len(self.shape) == 2:
            return frontend.Scattering2D(self.J, self.shape, L=self.L)
        return frontend.HarmonicScattering3D(self.J, self.shape, L=self.L, integral_powers=POWERS)

    def setting(self, **params):
        """skmst's transform of the same paths; by default sampled as kymatio samples."""
        if self.is_harmonic:
            return SolidHarmonics(self.shape, self.J, self.L, powers=POWERS)
        scale = 2**self.J
        critical = {"boundary": "reflect", "oversampling": 0, "output_step": scale}
        return Setting(self.shape, self.J, self.Q, self.L, scale, rule="kymatio", **(critical | params))

    def plan(self, dtype):
        """The transform of `setting` on kymatio's padded grid; None in 3-D, which has no padding."""
        return None if self.is_harmonic else KymatioGrid(self, np.dtype(dtype)).plan()


class KymatioGrid(_Builder):
    """Builds plans on kymatio's padded grid. Its origin, a multiple of 2**J, is rolled to the field's first point."""

    def __init__(self, workload, dtype):
        self.workload = workload
        super().__init__(workload.setting(), dtype)

    def _padded(self, n, reach):
        return padded_size(self.workload, n)

    def extension(self):
        indices = []
        for n, padded in zip(self.setting.grid_shape, self.banks[0].grid_shape, strict=True):
            left = (padded - n) // 2
            indices.append(np.roll(np.pad(np.arange(n), (left, padded - n - left), mode="reflect"), -left))
        return tuple(indices)


def padded_size(workload, n):
    """Points of one axis of kymatio's padded grid."""
    if len(workload.shape) == 2:
        from kymatio.scattering2d.utils import compute_padding

        return compute_padding(n, n, workload.J)[0]
    from kymatio.scattering1d.filter_bank import compute_temporal_support, gauss_1d

    support = compute_temporal_support(gauss_1d(n, 0.1 / 2**workload.J)[None], criterion_amplitude=1e-3)
    return 2 ** min(math.ceil(math.log2(n + 6 * support)), math.floor(math.log2(3 * n - 2)))


def as_kymatio(coefficients, workload):
    """Coefficients (n, n_paths, *output_grid) of skmst as kymatio 0.3.0 scales and arranges them."""
    if workload.is_harmonic:
        paths = coefficients[:, len(POWERS) :]  # kymatio has no order zero
        return paths.reshape(len(paths), -1, workload.L + 1, len(POWERS))
    setting = workload.setting()
    factor = np.array([_factor(path, setting) for path in setting.paths()])
    return coefficients * factor.reshape(-1, *[1] * len(workload.shape))


def _factor(path, setting):
    if len(setting.grid_shape) == 2:
        return (3.1415 / math.pi) ** -(len(path) + 1)
    layers = setting.wavelets()
    return 2.0 ** -sum(layer[n].resolution for layer, n in zip(layers, path, strict=False))


def disagreement(found, expected, workload):
    """Largest relative difference in norm of skmst's coefficients from kymatio's, over the orders."""
    found = as_kymatio(found, workload)
    orders = np.arange(1) if workload.is_harmonic else np.array([len(path) for path in workload.setting().paths()])
    rows = [slice(None)] if workload.is_harmonic else [orders == order for order in np.unique(orders)]
    return max(np.linalg.norm(found[:, r] - expected[:, r]) / np.linalg.norm(expected[:, r]) for r in rows)


def fft_operations(plan):
    """Floating-point operations of the Fourier transforms that one field needs on the grids of a plan.

    5 n log2 n for a complex transform of n points and half of that for a real one: one real transform of the field,
    an inverse complex one for each wavelet, and a real one of each modulus that another wavelet filters. Averages need
    none.
    """
    field_size = math.prod(plan.branches[0].filters.source)
    return _complex_fft(field_size) / 2 + sum(_branch_operations(branch) for branch in plan.branches)


def _branch_operations(branch):
    n_signals, filtered = branch.rows.size, len(branch.filters.indices)
    continued = {s for child in branch.children for s in np.arange(filtered)[child.parents]}
    own = _complex_fft(math.prod(branch.filters.grid)) * n_signals * (1 + len(continued) / filtered / 2)
    return own + sum(_branch_operations(child) for child in branch.children)


def harmonic_operations(workload):
    """The same for solid harmonics, where all transforms are real: 2 l + 1 for each degree and scale."""
    scales, degrees = workload.J + 1, workload.L + 1
    inverse = degrees**2 * (scales + math.comb(scales, 2))
    forward = 1 + degrees * (scales - 1)
    return (inverse + forward) * _complex_fft(math.prod(workload.shape)) / 2


def _complex_fft(n):
    return 5 * n * math.log2(n)
