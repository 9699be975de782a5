"""Orthonormal multiresolution with a rectifier that keeps the phase: as many coefficients as points, an exact inverse.

An octave splits a signal into averages and details, both decimated by two. Averages go on linearly to the next
octave. Details are rectified; they are coefficients of the highest order, or signals that the coarser octaves split
in turn. No number is lost or added on the way, so the fields come back octave by octave:
``S[j] = G^H S[j + 1] + Gbar^H R^-1(S_detail[j + 1])`` (Glinsky 2024, arXiv:2410.08558, describes such a transform).
Time and memory are proportional to the number of points.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import gen_even_slices

from skmst.scattering.decimated_paths import Layout, coefficient_table, decimated, layout, path_name
from skmst.scattering.orthonormal import Octave
from skmst.scattering.rectifiers import Heisenberg, Rectifier

CHUNK_BYTES = 4 * 2**20  # fields that one thread takes at a time


@dataclass(frozen=True)
class Multiresolution:
    r"""Orthonormal wavelet scattering of periodic or reflected fields, invertible when its rectifier is.

    Paths are those of scattering, ``j1 < j2 < ...``; order 0 is the average over ``2**J`` points (times
    ``2**(n_axes J / 2)``: filters are orthonormal). Orders below `max_order` are averaged to ``2**J`` too, their
    details being the next order; those of `max_order` stay at their own sampling, ``2**(j + 1)``. Together they are as
    many coefficients as grid points. ``d`` tells along which axes a detail is high-pass: bit a of d stands for axis a,
    so there are 1, 3 or 7 directions.

    Parameters
    ----------
    grid_shape : tuple of int
        Grid of the fields, of 1, 2 or 3 axes, each divisible by ``2**J``.
    J : int
        Octaves.
    max_order : int, default=2
        Highest number of rectified details on a path, at least 1.
    vanishing_moments : int, default=4
        Of the wavelet, 1 (Haar) to 10; the filters have twice as many taps.
    symmetric : bool, default=False
        Complex symmetric filters instead of Daubechies' real ones; odd `vanishing_moments`.
    rectifier : Rectifier, default=Heisenberg()
        Applied to the details. Any will do for `forward`; `inverse` needs an invertible one.
    boundary : {"periodic", "reflect"}, default="periodic"
        How fields go on beyond their edges; "reflect" repeats the edge point and needs symmetric filters or Haar's.
    scale : float, default=1.0
        Unit of the fields: they are divided by it before, and multiplied by it after. The Heisenberg rectifier is
        linear for details much smaller than ``pi / 2`` units and logarithmic for larger ones.
    complex_fields : bool, default=False
        Whether fields are complex.

    Attributes
    ----------
    output_grid : tuple
        Always (): paths differ in their sampling, so a row of `table` is one coefficient at one position.

    Notes
    -----
    The inverse is smooth (a sine, for the Heisenberg rectifier), the code is not everywhere: the arcsine has branch
    points at details of plus and minus ``pi / 2``, near which a change eps of the field changes the code by
    ``sqrt(eps)``. With real filters, first-order details of real fields pass them along the cut, continuously. Complex
    details that cross the cut beyond the branch points jump between its two sides. This is why real filters are the
    default. A `scale` above the largest detail keeps the code smooth.

    Noise on the coefficients reaches a field of unit rms at about one and a half times its relative size. In fields
    much larger than their `scale`, the error of a coefficient reaches its detail multiplied by that detail.

    ``|h(w)|`` of every filter of this family is even in w, also if the filter is complex: the phases of symmetric
    filters do not tell left from right. Fields with a direction of their own are complex (a momentum and a field, or
    an analytic signal).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.multiresolution import Multiresolution
    >>> x = np.cumsum(np.random.default_rng(0).standard_normal((3, 64)), axis=1)
    >>> encoding = Multiresolution((64,), J=3)
    >>> coefficients = encoding.forward(x)
    >>> coefficients.shape, coefficients.dtype
    ((3, 64), dtype('complex128'))
    >>> {name: c.shape for name, c in encoding.split(coefficients).items()}  # doctest: +NORMALIZE_WHITESPACE
    {'s0': (3, 8), 's1_j0': (3, 8), 's1_j1': (3, 8), 's1_j2': (3, 8),
     's2_j0_j1': (3, 16), 's2_j0_j2': (3, 8), 's2_j1_j2': (3, 8)}
    >>> print(encoding.table()["name"][:9])
    ['s0_x0' 's0_x8' 's0_x16' 's0_x24' 's0_x32' 's0_x40' 's0_x48' 's0_x56'
     's1_j0_x0']
    >>> bool(np.abs(encoding.inverse(coefficients) - x).max() < 1e-12)
    True
    """

    grid_shape: tuple[int, ...]
    J: int
    max_order: int = 2
    vanishing_moments: int = 4
    symmetric: bool = False
    rectifier: Rectifier = field(default_factory=Heisenberg)
    boundary: str = "periodic"
    scale: float = 1.0
    complex_fields: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.grid_shape) <= 3:
            raise ValueError(f"grid_shape={self.grid_shape!r} must hold one, two or three positive integers.")
        most = min((n & -n).bit_length() - 1 for n in self.grid_shape)
        if most < 1:
            raise ValueError(f"The grid {self.grid_shape} has an odd axis; an orthonormal octave halves every axis.")
        if not 1 <= self.J <= most:
            raise ValueError(
                f"J={self.J!r} does not fit: every axis must be divisible by 2**J, and the grid is {self.grid_shape}; "
                f"use 1 <= J <= {most}."
            )
        if not self.max_order >= 1:
            raise ValueError(f"max_order={self.max_order!r} must be an integer of at least 1.")
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale={self.scale!r} must be positive and finite.")
        Octave(self.vanishing_moments, self.symmetric, self.boundary)

    @property
    def output_grid(self) -> tuple[int, ...]:
        """Always (): every coefficient is a path of its own."""
        return ()

    @property
    def is_complex(self) -> bool:
        """Whether coefficients are complex."""
        return self._signals_are_complex or self.rectifier.keeps_phase

    @property
    def couples_channels(self) -> bool:
        """False: channels are fields of their own."""
        return False

    @property
    def invertible(self) -> bool:
        """Whether `inverse` exists: whether the rectifier has one."""
        return self.rectifier.invertible

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients: that of grid points."""
        return math.prod(self.grid_shape)

    def table(self) -> dict[str, np.ndarray]:
        """One row per coefficient: what it is and where.

        Returns
        -------
        dict of ndarray of shape (n_coefficients,)
            ``name`` (``s1_j2_d1_x16_y0``; d only in 2-D and 3-D), ``order``, ``j1``, ``d1``, ``j2``, ... with -1 where
            the path has no such order, and the grid point ``x``, ``y``, ``z`` where the cell of the coefficient begins.
            Paths go by order, then by the octave of their last detail. Columns are read-only.
        """
        return dict(coefficient_table(self.grid_shape, self.J, self.max_order))

    def forward(self, x: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Coefficients of fields.

        Parameters
        ----------
        x : ndarray of shape (n_samples, *grid_shape)
            Fields, float32 or float64, or complex with `complex_fields`.
        n_jobs : int, default=None
            Threads over samples, through joblib.

        Returns
        -------
        ndarray of shape (n_samples, n_coefficients)
            In the order of `table`; precision of x, complex if `is_complex`.

        Raises
        ------
        ValueError
            If x has another shape or dtype, or coefficients are not finite.
        """
        self._check_fields(x)
        out = np.empty((len(x), self.n_coefficients), _dtype(x.dtype, self.is_complex))
        self._in_chunks(lambda part: self._encode(x[part], out[part]), len(x), n_jobs)
        return _finite(out, "Coefficients", "scale the fields to smaller values")

    def pullback(self, x: np.ndarray, gradient: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """Gradient with respect to x of the sum of ``Re(conj(gradient) forward(x))``.

        Parameters
        ----------
        x : ndarray of shape (n_samples, *grid_shape)
            Fields.
        gradient : ndarray of shape (n_samples, n_coefficients)
            Gradient with respect to the coefficients.
        n_jobs : int, default=None
            Threads over samples, through joblib.

        Returns
        -------
        ndarray, shape and dtype of x
            ``d/dRe + i d/dIm`` for complex fields. At a branch point of the rectifier it is large but finite.

        Raises
        ------
        ValueError
            If x or gradient has another shape or dtype.
        """
        self._check_fields(x)
        self._check_coefficients(gradient, "gradient")
        out = np.empty_like(x)

        def pull(part: slice) -> None:
            details: list[list[np.ndarray]] = []
            self._decompose(x[part] / self.scale, details)
            blocks = self._blocks(gradient[part])
            pulled = self._compose(blocks, lambda j, order, g: self.rectifier.pullback(details[j][order], g))
            out[part] = (pulled if self.complex_fields else pulled.real) / self.scale

        self._in_chunks(pull, len(x), n_jobs)
        return out

    def inverse(self, coefficients: np.ndarray, *, n_jobs: int | None = None) -> np.ndarray:
        """The fields that have these coefficients.

        Exact for the coefficients of a field. Other coefficients, forecast ones say, are decoded smoothly; for real
        fields the imaginary part of what they decode to is left out.

        Parameters
        ----------
        coefficients : ndarray of shape (n_samples, n_coefficients)
            In the order of `table`.
        n_jobs : int, default=None
            Threads over samples, through joblib.

        Returns
        -------
        ndarray of shape (n_samples, *grid_shape)
            Precision of the coefficients; complex with `complex_fields`.

        Raises
        ------
        NotImplementedError
            If the rectifier has no inverse.
        ValueError
            If the shape does not fit, or fields overflow.
        """
        if not self.rectifier.invertible:
            raise NotImplementedError(
                f"{self.rectifier} has no inverse: use an invertible rectifier such as Heisenberg(), or synthesis."
            )
        self._check_coefficients(coefficients, "coefficients")
        out = np.empty((len(coefficients), *self.grid_shape), _dtype(coefficients.dtype, self.complex_fields))

        def decode(part: slice) -> None:
            blocks = self._blocks(coefficients[part])
            decoded = self._compose(blocks, lambda j, order, u: self.rectifier.inverse(u))
            out[part] = (decoded if self.complex_fields else decoded.real) * self.scale

        self._in_chunks(decode, len(coefficients), n_jobs)
        return _finite(out, "Fields", "the coefficients are far from those of any field")

    def split(self, coefficients: np.ndarray) -> dict[str, np.ndarray]:
        """Coefficients by path.

        Parameters
        ----------
        coefficients : ndarray of shape (..., n_coefficients)
            In the order of `table`.

        Returns
        -------
        dict of str to ndarray of shape (..., *grid of the path)
            Views where possible.
        """
        self._check_coefficients(coefficients, "coefficients")
        leading, ndim = coefficients.shape[:-1], len(self.grid_shape)
        paths = {}
        blocks = self._blocks(coefficients.reshape(-1, self.n_coefficients))
        for described, block in zip(self._layout.blocks, blocks, strict=True):
            for path, signal in zip(described.paths, block, strict=True):
                paths[path_name(path, ndim)] = signal.reshape(*leading, *signal.shape[1:])
        return paths

    # The cascade. A stack holds, for each order, the signals (n_signals, n_samples, *grid) of one octave.

    def _decompose(self, x: np.ndarray, kept: list[list[np.ndarray]] | None = None) -> list[np.ndarray]:
        """Coefficients block by block; the details of each octave and order go into `kept`."""
        octave, axes = self._octave, self._axes
        stack, leaves = [x[None]], []
        for _ in range(self.J):
            bands = [octave.split(signals, axes) for signals in stack]
            details = [b[1:].reshape(-1, *b.shape[2:]) for b in bands]
            if kept is not None:
                kept.append(details)
            rectified = [self.rectifier(z) for z in details]
            if len(stack) == self.max_order:
                leaves.append(rectified.pop())
            stack = [_joined(*parts) for parts in zip_longest([b[0] for b in bands], [None, *rectified])]
        return stack + leaves

    def _compose(self, blocks: list[np.ndarray], undo: Callable[[int, int, np.ndarray], np.ndarray]) -> np.ndarray:
        """Fields from blocks, octave by octave; ``undo(j, order, u)`` turns rectified details back."""
        octave, axes, sizes = self._octave, self._axes, self._layout.sizes
        stack, leaves = blocks[: len(sizes[-1])], blocks[len(sizes[-1]) :]
        real = not self._signals_are_complex  # real filters keep real and imaginary parts of order 0 apart
        if real:
            stack[0] = stack[0].real
        for j in reversed(range(self.J)):
            rectified = [signals[n:] for signals, n in zip(stack[1:], (*sizes[j][1:], 0), strict=False)]
            if len(sizes[j]) == self.max_order:
                rectified.append(leaves.pop())
            merged = []
            for order, (n, u) in enumerate(zip(sizes[j], rectified, strict=True)):
                details = undo(j, order, u)
                bands = np.concatenate([stack[order][:n], details.real if real and order == 0 else details])
                merged.append(octave.merge(bands.reshape(-1, n, *bands.shape[1:]), axes))
            stack = merged
        return stack[0][0]

    def _encode(self, x: np.ndarray, out: np.ndarray) -> None:
        for target, block in zip(self._blocks(out), self._decompose(x / self.scale), strict=True):
            target[...] = block

    def _blocks(self, coefficients: np.ndarray) -> list[np.ndarray]:
        """Views ``(n_signals, n_samples, *grid)`` of coefficients (n_samples, n_coefficients)."""
        blocks, start = [], 0
        for block in self._layout.blocks:
            shape = (len(block.paths), *decimated(self.grid_shape, block.octave))
            part = coefficients[:, start : start + math.prod(shape)]
            blocks.append(part.reshape(len(part), *shape).swapaxes(0, 1))
            start += math.prod(shape)
        return blocks

    @property
    def _layout(self) -> Layout:
        return layout(len(self.grid_shape), self.J, self.max_order)

    @property
    def _octave(self) -> Octave:
        return Octave(self.vanishing_moments, self.symmetric, self.boundary)

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self.grid_shape), 0))

    @property
    def _signals_are_complex(self) -> bool:
        """Whether averages are complex, before any detail is rectified."""
        return self.complex_fields or self._octave.is_complex

    def _in_chunks(self, work: Callable[[slice], None], n_samples: int, n_jobs: int | None) -> None:
        """Do the samples in slices that fit the caches, in threads."""
        width = max(1, CHUNK_BYTES // (16 * self.n_coefficients))
        n_parts = max(-(-n_samples // width), min(effective_n_jobs(n_jobs), n_samples))
        parts = gen_even_slices(n_samples, n_parts) if n_samples else ()
        with np.errstate(over="ignore", invalid="ignore"):  # the caller checks the output
            Parallel(n_jobs=n_jobs, require="sharedmem")(delayed(work)(part) for part in parts)

    def _check_fields(self, x: np.ndarray) -> None:
        kinds = "cf" if self.complex_fields else "f"
        if x.shape[1:] != self.grid_shape or x.ndim != 1 + len(self.grid_shape):
            raise ValueError(f"x has shape {x.shape}, but fields are (n_samples, *grid_shape={self.grid_shape}).")
        if x.dtype.kind not in kinds or x.dtype.itemsize not in (4, 8, 16):
            need = "real or complex" if self.complex_fields else "real (complex ones need complex_fields=True)"
            raise ValueError(f"x has dtype {x.dtype}, but fields are {need}, of single or double precision.")

    def _check_coefficients(self, values: np.ndarray, name: str) -> None:
        if values.ndim < 1 or values.shape[-1] != self.n_coefficients:
            raise ValueError(f"{name} has shape {values.shape}, but the last axis holds {self.n_coefficients} of them.")


def _joined(*signals: np.ndarray | None) -> np.ndarray:
    present = [s for s in signals if s is not None]
    return present[0] if len(present) == 1 else np.concatenate(present)


def _dtype(dtype: np.dtype, is_complex: bool) -> np.dtype:
    """The real or complex dtype of the same precision."""
    real = np.empty(0, dtype).real.dtype
    return np.result_type(real, np.complex64) if is_complex else real


def _finite(values: np.ndarray, what: str, remedy: str) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError(f"{what} overflow {values.dtype} or are not numbers: {remedy}.")
    return values
