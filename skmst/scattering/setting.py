"""`Setting`: everything that determines a scattering transform, and the transform itself as an `Encoding`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from numbers import Real

import numpy as np

from skmst.scattering.filter_bank import BANKS
from skmst.scattering.paths import RULES, Layer, Path, path_table, scattering_paths, two_sided
from skmst.scattering.rectifiers import RECTIFIERS, LogModulus, Modulus, Rectifier, rectifier_of
from skmst.scattering.tolerance import LARGEST, SMALLEST

#: What may execute a transform; "auto" takes the fastest that knows all options in use.
ENGINES = ("auto", "numpy", "compiled", "array_api")


@dataclass(frozen=True)
class Setting:
    """Everything that determines a transform.

    Attributes
    ----------
    grid_shape : tuple of int
        Grid of the fields, one to three axes.
    J, L : int
        Octaves and orientations.
    Q : tuple of (int, int)
        Wavelets per octave of the first and of all later orders.
    T : int or None
        Averaging scale in grid steps; None averages over the whole grid.
    max_order : int
        Highest order, 0 or more.
    wavelet : {"morlet", "tight"}
        Filter bank.
    boundary : {"periodic", "reflect"}
        How the field goes on beyond its edges; "reflect" repeats the edge point (period 2 N).
    oversampling : int or None
        Octaves by which inner layers are sampled finer than critically; None samples them on the full grid.
    output_step : int
        Grid steps between output points of local coefficients.
    rule : {"bandwidth", "kymatio", "all"}
        Which wavelet may follow which, see `skmst.scattering.paths.successors`.
    rectifier : {"modulus", "log_modulus", "phase_harmonics", "heisenberg", "heisenberg_v4"} or Rectifier
        Pointwise nonlinearity between the convolutions, an object of `skmst.scattering.rectifiers` or its name. After
        one that keeps the phase, signals are complex and every wavelet is followed by its mirror image ``psi(-w)``,
        both divided by sqrt(2): together they keep as much of a complex signal as the wavelet alone keeps of a real
        one.
    complex_fields : bool
        Whether the fields are complex; only for rectifiers that keep the phase. The first order then has mirror
        images as well.
    upsample : int
        A power of two. The field is interpolated (its spectrum padded with zeros) to a grid that many times finer,
        and all layers are sampled that many times finer than `oversampling` says, so that the moduli, which reach
        beyond the band of the field, alias less. The filters stay what they are on the field's own grid.
    tol : float or None
        Instead of `oversampling`: the error of all coefficients relative to the definition, in norm, that may be made
        by sampling moduli as their bandwidth asks for, not their frequencies; 1e-5 to 0.1, for rectifiers that do not
        see the phase.
    engine : {"auto", "numpy", "compiled", "array_api"}
        What executes the transform. It does not determine the numbers, which agree to rounding: settings that differ
        in it alone are equal and share a plan.

    Raises
    ------
    ValueError
        If `rule`, `rectifier` or `engine` does not exist, `upsample` is not a power of two, `tol` is out of range or
        given with `oversampling` or a rectifier that sees the phase, or the rectifier cannot take complex fields.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering import Setting
    >>> setting = Setting((128,), J=4, wavelet="tight", max_order=3)
    >>> x = np.random.default_rng(0).standard_normal((2, 128))
    >>> coefficients = setting.forward(x)
    >>> coefficients.shape == (2, len(setting.table()["name"]))
    True
    >>> setting.pullback(x, coefficients).shape  # gradient of sum(coefficients**2) / 2
    (2, 128)
    """

    grid_shape: tuple[int, ...]
    J: int
    Q: tuple[int, int] = (1, 1)
    L: int = 8
    T: int | None = None
    max_order: int = 2
    wavelet: str = "morlet"
    boundary: str = "periodic"
    oversampling: int | None = None
    output_step: int = 1
    rule: str = "bandwidth"
    rectifier: str | Rectifier = "modulus"
    complex_fields: bool = False
    upsample: int = 1
    tol: float | None = None
    engine: str = field(default="auto", compare=False)

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule={self.rule!r} must be one of {', '.join(map(repr, RULES))}.")
        if isinstance(self.rectifier, str) and self.rectifier not in RECTIFIERS:
            raise ValueError(f"rectifier={self.rectifier!r} must be one of {', '.join(map(repr, RECTIFIERS))}.")
        if self.engine not in ENGINES:
            raise ValueError(f"engine={self.engine!r} must be one of {', '.join(map(repr, ENGINES))}.")
        if self.upsample < 1 or self.upsample & (self.upsample - 1):
            raise ValueError(f"upsample={self.upsample} must be a power of two.")
        if self.tol is not None:
            self._check_tol()
        if self.complex_fields and not self.is_complex:
            raise ValueError(
                f"complex fields need a rectifier that keeps the phase, such as 'heisenberg', not {self.rectifier!r}."
            )

    def _check_tol(self) -> None:
        if not (isinstance(self.tol, Real) and SMALLEST <= self.tol <= LARGEST):
            raise ValueError(f"tol={self.tol!r} must be None or a number from {SMALLEST} to {LARGEST}.")
        if self.oversampling is not None:
            raise ValueError(f"tol={self.tol} decides on the sampling: leave out oversampling={self.oversampling}.")
        if not isinstance(rectifier_of(self.rectifier), (Modulus, LogModulus)):
            raise ValueError(
                f"tol={self.tol} samples as coarsely as moduli allow, but rectifier={self.rectifier!r} sees the phase: "
                "use 'modulus' or 'log_modulus', or tol=None."
            )

    @property
    def output_grid(self) -> tuple[int, ...]:
        """Grid of the coefficients of one path, () for global averages."""
        return () if self.T is None else tuple(-(-n // self.output_step) for n in self.grid_shape)

    @property
    def is_complex(self) -> bool:
        """Whether coefficients are complex: whether the rectifier keeps the phase."""
        return rectifier_of(self.rectifier).keeps_phase

    @property
    def couples_channels(self) -> bool:
        """False: channels are transformed one by one."""
        return False

    def wavelets(self) -> tuple[Layer, Layer]:
        """The wavelets of the first and of all later orders, mirror images last where there are any."""
        first, later = (BANKS[self.wavelet](self.grid_shape, self.J, q, self.L).wavelets() for q in self.Q)
        return two_sided(first) if self.complex_fields else first, two_sided(later) if self.is_complex else later

    def paths(self) -> list[Path]:
        """The scattering paths, in the order of the output."""
        return scattering_paths(*self.wavelets(), self.max_order, self.rule, keeps_phase=self.is_complex)

    def table(self) -> dict[str, np.ndarray]:
        """One row per path, one read-only column per key: name, order, and each wavelet along the path."""
        return dict(_table(self))

    def forward(self, x: np.ndarray, *, n_jobs: int | None = None, out: np.ndarray | None = None) -> np.ndarray:
        """Scattering coefficients of a batch of fields.

        Parameters
        ----------
        x : ndarray of shape (n_samples, *grid_shape)
            Fields, float32 or float64 (complex64 or complex128 with `complex_fields`). A memory map is read in chunks.
            Arrays of torch, cupy and jax are transformed by these libraries, on their devices, and can be
            differentiated where the library does.
        n_jobs : int, default=None
            Threads over samples, through joblib.
        out : ndarray of the shape and dtype of the result, default=None
            Where to write it, such as a memory map.

        Returns
        -------
        ndarray of shape (n_samples, n_paths, *output_grid), library and precision of x
            Complex if `is_complex`. Order 0 is zero where it is below the round-off of its field.

        Raises
        ------
        ValueError
            If coefficients overflow, x is complex and the setting is not for complex fields, `out` does not fit, or the
            engine cannot be had.
        TypeError
            If x is neither an array of numpy nor of a library that is known, or not of single or double precision.
        """
        if self.engine == "array_api" or not isinstance(x, np.ndarray):
            from skmst.scattering.engines import array_api  # it executes settings, so it imports this module

            found: np.ndarray = array_api.scatter(x, self)
            if out is None:
                return found
            out[...] = found
            return out
        from skmst.scattering.cascade import scatter

        return scatter(x, self, n_jobs=n_jobs, out=out)

    def pullback(self, x: np.ndarray, gradient: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Gradient with respect to the fields of ``sum(Re(conj(gradient) forward(x)))``.

        Parameters
        ----------
        x : ndarray of shape (n_samples, *grid_shape)
            Fields, as for :meth:`forward`; of other libraries, those that differentiate: torch and jax.
        gradient : ndarray of shape (n_samples, n_paths, *output_grid)
            Derivatives of a real function with respect to the coefficients, as ``d/dRe + i d/dIm`` where they are
            complex.
        n_jobs : int, default=None
            Threads over samples.

        Returns
        -------
        ndarray of shape and dtype of x
            For complex fields ``d/dRe + i d/dIm``. The rounding of order 0 to zero is not differentiated.
        """
        if not isinstance(x, np.ndarray):
            from skmst.scattering.engines import array_api

            return array_api.pullback(x, gradient, self)
        from skmst.scattering.adjoint import pullback

        return pullback(x, gradient, self, n_jobs=n_jobs)


@lru_cache(maxsize=64)
def _table(setting: Setting) -> dict[str, np.ndarray]:
    table = path_table(setting.paths(), *setting.wavelets(), len(setting.grid_shape))
    for column in table.values():
        column.setflags(write=False)
    return table
