"""Solid harmonic scattering: coefficients of 3-D fields that do not change when the field turns or moves.

At each scale j and degree l the field is filtered by all 2 l + 1 harmonics of that degree, and the root of the sum of
squares is kept: ``U[j, l] x = sqrt(sum_m |x * psi_jlm|**2)``, which a rotation of the field only rotates. The second
order does the same to ``U[j1, l] x`` with the same degree at larger scales j2 > j1 (Eickenberg, Exarchakis, Hirn &
Mallat 2017). Integrals of powers of U over space are invariant to rotations and translations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import combinations
from numbers import Integral, Real

import numpy as np

from skmst.scattering.harmonic_cascade import HarmonicCascade, harmonic_cascade, in_threads, runs_compiled

BOUNDARIES = ("periodic", "zeros", "reflect")
ENGINES = ("auto", "numpy", "compiled")


@dataclass(frozen=True)
class SolidHarmonics:
    """Solid harmonic scattering of real 3-D fields.

    Parameters
    ----------
    grid_shape : tuple of int
        Grid of the fields, three axes.
    J : int
        Scales 0, ..., J; scale j has a Gaussian of standard deviation ``sigma_0 * 2**j`` grid steps.
    L : int, default=3
        Highest degree of the harmonics. Degree 0 is a plain Gaussian, not a wavelet.
    sigma_0 : float, default=1.0
        Standard deviation of the finest scale, grid steps.
    powers : tuple of float, default=(1.0,)
        The powers of U that are summed.
    max_order : {0, 1, 2}, default=2
        Highest order.
    T : int or None, default=None
        None sums U**q over all of space (kymatio's normalisation: a sum over grid points, not a mean). An integer
        averages U**q locally by a Gaussian of standard deviation 0.4 T and unit sum; 1 keeps U**q as it is.
    output_step : int, default=1
        Grid steps between output points of local coefficients.
    boundary : {"periodic", "zeros", "reflect"}, default="periodic"
        How the field goes on beyond its edges. "zeros" is a field in empty space: sums run over all of it, the
        part outside the grid included. "reflect" repeats the edge point (period 2 N).
    engine : {"auto", "numpy", "compiled"}, default="auto"
        What computes the coefficients, which agree to rounding: settings that differ in it alone are equal. "auto" is
        the compiled engine where there is one. Gradients are numpy's in any case.

    Raises
    ------
    ValueError
        If a parameter does not make sense.

    Notes
    -----
    Filters are sampled in frequency, so that the filtered signal is the exact convolution of the trigonometric
    interpolant of the field with the (periodised) wavelet. kymatio 0.3.0 has the same filters on even grids except at
    Nyquist bins, where its filters are not those of a real wavelet: fields without energy there get the same
    coefficients, those of white noise at the finest scale differ by up to 1e-3. On odd grids its frequencies are off
    by one bin. Order zero is the sum of ``x**q``, of ``|x|**q`` if q is not an integer.

    References
    ----------
    M. Eickenberg, G. Exarchakis, M. Hirn, S. Mallat, "Solid harmonic wavelet scattering: predicting quantum molecular
    energy from invariant descriptors of 3D electronic densities", NIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.solid_harmonics import SolidHarmonics
    >>> x = np.random.default_rng(0).random((2, 8, 8, 8))
    >>> harmonics = SolidHarmonics((8, 8, 8), J=1, L=2, powers=(1.0, 2.0))
    >>> S = harmonics.forward(x)
    >>> S.shape
    (2, 20)
    >>> turned = harmonics.forward(np.rot90(x, axes=(1, 3)))
    >>> bool(np.allclose(S, turned, rtol=1e-12))
    True
    >>> [str(name) for name in harmonics.table()["name"][:4]]
    ['s0_p1', 's0_p2', 's1_j0_l0_p1', 's1_j0_l0_p2']
    """

    grid_shape: tuple[int, int, int]
    J: int
    L: int = 3
    sigma_0: float = 1.0
    powers: tuple[float, ...] = (1.0,)
    max_order: int = 2
    T: int | None = None
    output_step: int = 1
    boundary: str = "periodic"
    engine: str = field(default="auto", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid_shape", tuple(self.grid_shape))
        object.__setattr__(self, "powers", tuple(self.powers))  # lists would not hash
        if len(self.grid_shape) != 3 or not all(_whole(n, 1) for n in self.grid_shape):
            raise ValueError(f"grid_shape={self.grid_shape} must hold three positive integers: harmonics live in 3-D.")
        for name, least in (("J", 0), ("L", 0), ("output_step", 1)):
            if not _whole(getattr(self, name), least):
                raise ValueError(f"{name}={getattr(self, name)!r} must be an integer, at least {least}.")
        if not self.sigma_0 > 0 or math.isinf(self.sigma_0):
            raise ValueError(f"sigma_0={self.sigma_0!r} must be positive and finite, in grid steps.")
        if not self.powers or not all(isinstance(q, Real) and 0 < q < math.inf for q in self.powers):
            raise ValueError(f"powers={self.powers} must hold at least one positive number.")
        if self.max_order not in (0, 1, 2):
            raise ValueError(f"max_order={self.max_order!r} must be 0, 1 or 2.")
        smallest = min(self.grid_shape)
        if self.T is not None and not _whole(self.T, 1, smallest):
            raise ValueError(f"T={self.T!r} must be None (global) or an integer from 1 to {smallest}.")
        if self.boundary not in BOUNDARIES:
            raise ValueError(f"boundary={self.boundary!r} must be one of {BOUNDARIES}.")
        if self.engine not in ENGINES:
            raise ValueError(f"engine={self.engine!r} must be one of {ENGINES}.")

    @property
    def output_grid(self) -> tuple[int, ...]:
        """Grid of the coefficients of one path, () for sums over space."""
        return () if self.T is None else tuple(-(-n // self.output_step) for n in self.grid_shape)

    @property
    def is_complex(self) -> bool:
        """Coefficients are real."""
        return False

    @property
    def couples_channels(self) -> bool:
        """Each field is transformed by itself."""
        return False

    @property
    def scales(self) -> list[tuple[int, ...]]:
        """The scales along the paths of orders one and two: kymatio's order."""
        return [path for order in range(1, self.max_order + 1) for path in combinations(range(self.J + 1), order)]

    def rows(self, scales: tuple[int, ...], degree: int = 0) -> slice:
        """Where the coefficients of a path are, one for each power; () is order zero."""
        before = 0 if not scales else 1 + self.scales.index(scales) * (self.L + 1) + degree
        return slice(before * len(self.powers), (before + 1) * len(self.powers))

    def table(self) -> dict[str, np.ndarray]:
        """One row per path: ``name`` (``s2_j0_j1_l3_p0.5``), ``order``, ``j1``, ``j2``, ``degree``, ``power``.

        Scales and degrees are -1 where the path has none.
        """
        paths = [((), -1), *((scales, l) for scales in self.scales for l in range(self.L + 1))]
        rows = [(scales, l, float(q)) for scales, l in paths for q in self.powers]
        names = [
            f"s{len(scales)}" + "".join(f"_j{j}" for j in scales) + (f"_l{l}" if scales else "") + f"_p{q:g}"
            for scales, l, q in rows
        ]
        return {
            "name": np.array(names),
            "order": np.array([len(scales) for scales, _, _ in rows]),
            "j1": np.array([scales[0] if scales else -1 for scales, _, _ in rows]),
            "j2": np.array([scales[1] if len(scales) > 1 else -1 for scales, _, _ in rows]),
            "degree": np.array([l for _, l, _ in rows]),
            "power": np.array([q for _, _, q in rows]),
        }

    def forward(self, x: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Scattering coefficients of a batch of fields.

        Parameters
        ----------
        x : ndarray of shape (n_samples, *grid_shape)
            Real fields, float32 or float64.
        n_jobs : int, default=None
            Threads over samples, through joblib.

        Returns
        -------
        ndarray of shape (n_samples, n_paths, *output_grid), dtype of x
            Rows as in `table`.

        Raises
        ------
        ValueError
            If the shape is not that of the grid, coefficients overflow, or there is no engine as the one asked for.
        """
        cascade, compiled = self._cascade_for(x), runs_compiled(self.engine)
        n_paths = self.rows(self.scales[-1], self.L).stop if self.scales else len(self.powers)
        out = np.empty((len(x), n_paths, *self.output_grid), cascade.dtype)
        cascade.forward(x, out, compiled=compiled, n_jobs=n_jobs)
        if not np.isfinite(out).all():
            raise ValueError(f"Scattering coefficients overflow {cascade.dtype}: scale the fields to smaller values.")
        return out

    def pullback(self, x: np.ndarray, gradient: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Gradient with respect to x of the sum of ``gradient * forward(x)``.

        Parameters
        ----------
        x : ndarray of shape (n_samples, *grid_shape)
            Real fields.
        gradient : ndarray of shape (n_samples, n_paths, *output_grid)
            Weights of the coefficients.
        n_jobs : int, default=None
            Threads over samples, through joblib.

        Returns
        -------
        ndarray of the shape and dtype of x
            Where U vanishes and has no derivative, zero is taken.

        Raises
        ------
        ValueError
            If the shape of x is not that of the grid.
        """
        cascade = self._cascade_for(x)
        out = np.empty(x.shape, cascade.dtype)
        in_threads(cascade.gather, n_jobs, cascade.chunk, x, np.asarray(np.real(gradient), cascade.dtype), out)
        return out

    def _cascade_for(self, x: np.ndarray) -> HarmonicCascade:
        if x.shape[1:] != self.grid_shape or np.iscomplexobj(x):
            raise ValueError(f"x of shape {x.shape}, {x.dtype}, must be real, (n_samples, *{self.grid_shape}).")
        return harmonic_cascade(self, np.result_type(x.dtype, np.float32))


def _whole(n: object, least: int, most: float = math.inf) -> bool:
    return isinstance(n, Integral) and not isinstance(n, bool) and least <= int(n) <= most
