"""The scattering cascade: convolve, rectify, recurse, average; a plan applied to a batch of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import gen_even_slices

from skmst.scattering.engines import compiled, compiled_module
from skmst.scattering.filtering import crop, embed, transform
from skmst.scattering.plan import CHUNK_BYTES, Branch, Plan, plan
from skmst.scattering.setting import Setting
from skmst.scattering.threads import Step, in_threads

__all__ = ["CHUNK_BYTES", "Setting", "crop", "descend", "extend", "field_spectrum", "plan", "scatter"]

#: In a length of the grid, beyond which numpy's transforms are faster than those of the compiled engine.
LARGEST_PRIME = 127

Visit = Callable[[Branch, np.ndarray, np.ndarray, "np.ndarray | None"], None]


def scatter(x: np.ndarray, setting: Setting, *, n_jobs: int | None = None, out: np.ndarray | None = None) -> np.ndarray:
    """Scattering coefficients of a batch of fields: ``setting.forward``.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Fields, float32 or float64 (complex64 or complex128 with ``complex_fields``). A memory map is read in chunks.
    setting : Setting
        What to compute.
    n_jobs : int, default=None
        Threads over samples, or over paths where there are fewer samples, through joblib.
    out : ndarray of the shape and dtype of the result, default=None
        Where to write it, such as a memory map.

    Returns
    -------
    ndarray of shape (n_samples, n_paths, *output_grid), precision of x
        Complex if ``setting.is_complex``. Order 0 is zero where it is below the round-off of its field.

    Raises
    ------
    ValueError
        If coefficients overflow, x is complex and the setting is not for complex fields, `out` does not fit, or the
        engine that the setting asks for cannot be had.
    """
    ready = plan_for(x, setting)
    shape = (len(x), ready.n_paths, *setting.output_grid)
    if out is None:
        out = np.empty(shape, ready.output_dtype)
    elif out.shape != shape or out.dtype != ready.output_dtype:
        raise ValueError(f"out has shape {out.shape}, {out.dtype}; the coefficients are {shape}, {ready.output_dtype}.")
    scatter_planned(ready, x, out, engine=setting.engine, n_jobs=n_jobs)
    step = max(1, CHUNK_BYTES // max(1, out[:1].nbytes))
    for start in range(0, len(x), step):
        if not np.isfinite(out[start : start + step]).all():
            raise ValueError(f"Scattering coefficients overflow {x.dtype}: scale the fields to smaller values.")
    return out


def scatter_planned(
    ready: Plan, x: np.ndarray, out: np.ndarray, *, engine: str = "auto", n_jobs: int | None = None
) -> None:
    """Write the coefficients of fields to `out`; where there are fewer of them than threads, those share the paths."""
    workers = effective_n_jobs(n_jobs) if len(x) else 1
    if not runs_compiled(ready, engine):
        jobs = [_scatter(ready, x, out, starts) for starts in shares(range(0, len(x), ready.chunk), workers)]
    elif len(x) < workers and compiled.writes_in_place(out):
        jobs = [compiled.forward(ready, x, out, part, workers) for part in range(workers)]
    else:
        rows = [slice(part.start, part.stop) for part in shares(range(len(x)), workers)]
        jobs = [compiled.forward(ready, x[part], out[part]) for part in rows]
    in_threads(jobs, n_jobs)


def shares(items: range, n_parts: int) -> list[range]:
    """Ranges of nearly equal length, none of them empty."""
    parts = gen_even_slices(len(items), min(len(items), n_parts)) if items else ()
    return [items[part] for part in parts]


def runs_compiled(ready: Plan, engine: str) -> bool:
    """Whether a plan is executed by the compiled engine.

    Raises
    ------
    ValueError
        If it is asked for and cannot be had.
    """
    if engine == "numpy":
        return False
    able = compiled.executes(ready.rectifier)
    if engine == "auto" and max(map(largest_prime, ready.mean.grid)) > LARGEST_PRIME:
        return False
    if engine == "compiled" and not able:
        why = "it was not built on this machine" if compiled_module() is None else f"it has no {ready.rectifier!r}"
        raise ValueError(f"engine='compiled' cannot run this transform: {why}. engine='auto' takes numpy instead.")
    return able


def largest_prime(n: int) -> int:
    """The largest prime factor of n, 1 of 1."""
    largest, factor = 1, 2
    while factor * factor <= n:
        if n % factor:
            factor += 1
        else:
            n, largest = n // factor, factor
    return max(largest, n)


def plan_for(x: np.ndarray, setting: Setting) -> Plan:
    """The plan of a setting in the precision of the fields x."""
    if np.iscomplexobj(x) and not setting.complex_fields:
        raise ValueError("x is complex, but the setting is for real fields: set complex_fields=True in it.")
    return plan(setting, x.real.dtype.newbyteorder("="))


def _scatter(ready: Plan, x: np.ndarray, out: np.ndarray, starts: range) -> Iterator[Step]:
    """A step for each of the chunks that start there."""
    for start in starts:
        part = slice(start, start + ready.chunk)
        yield partial(_scatter_chunk, ready, x[part], out[part])


@np.errstate(over="ignore", invalid="ignore")  # the caller checks the output
def _scatter_chunk(ready: Plan, x: np.ndarray, out: np.ndarray) -> None:
    axes, each = tuple(range(1, x.ndim)), (-1, *(1,) * (out.ndim - 2))
    x = extend(np.asarray(x, ready.field_dtype), ready)
    # Only order 0 sees the mean: taken out first, it costs the other orders no digits.
    roundoff = 4 * np.finfo(x.dtype).eps * np.abs(x).max(axis=axes).reshape(each)
    mean = x.mean(axis=axes, keepdims=True)
    x = x - mean
    spectrum = transform(x, len(axes))
    order_0 = ready.mean(x, spectrum) + ready.mean.gain * mean.reshape(each)
    out[:, 0] = np.where(np.abs(order_0) <= roundoff, 0.0, order_0)

    def average(branch: Branch, rows: np.ndarray, signal: np.ndarray, spectrum: np.ndarray | None) -> None:
        out[:, rows] = branch.pooling(signal, spectrum)

    spectrum = field_spectrum(spectrum, ready)
    for branch in ready.branches:
        descend(ready, branch, spectrum, average, sparing=True)


def extend(x: np.ndarray, ready: Plan) -> np.ndarray:
    """Fields on their padded grid."""
    for axis, index in enumerate(ready.extension, start=1):
        x = np.take(x, index, axis=axis)
    return x


def field_spectrum(spectrum: np.ndarray, ready: Plan) -> np.ndarray:
    """Spectra of fields for the first order, (n_samples, 1, *finest grid), from those on the padded grid."""
    factor = ready.setting.upsample
    if factor > 1:
        spectrum = embed(spectrum, factor, nyquist=0.5) * factor ** (spectrum.ndim - 1)
    return spectrum[:, None]


def descend(
    ready: Plan, branch: Branch, spectrum: np.ndarray, visit: Visit, first: int = 0, *, sparing: bool = False
) -> None:
    """Walk a branch of the tree, depth first, a bounded number of signals at a time.

    Parameters
    ----------
    ready : Plan
        The plan that the branch belongs to.
    branch : Branch
        Where to start.
    spectrum : ndarray of shape (n_samples, n_before, *grid), complex
        Of the signals before it.
    visit : callable
        ``visit(branch, rows, signal, spectrum)`` receives rows (n, n_filters) of the output, the rectified signals
        (n_samples, n, n_filters, *grid) that belong there, and their spectra where there are children or a low-pass.
    first : int
        The line of ``branch.rows`` of the first of the signals before.
    sparing : bool
        Leave out the spectra that averages can do without.
    """
    needs_spectrum = bool(branch.children) or branch.pooling.needs_spectrum if sparing else branch.needs_spectrum
    for part in branch.parts(spectrum):
        before, start = spectrum[:, part], part.start
        signal = ready.rectifier(branch.filters.convolve(before))
        spectra = transform(signal, len(branch.filters.grid)) if needs_spectrum else None
        visit(branch, branch.rows[first + start :][: before.shape[1]], signal, spectra)
        for child in branch.children:
            assert spectra is not None
            lines = len(child.rows) // len(branch.rows)
            descend(ready, child, following(child, spectra), visit, (first + start) * lines, sparing=sparing)


def following(child: Branch, spectra: np.ndarray) -> np.ndarray:
    """The spectra (n_samples, n, *grid) that a child filters, from those (n_samples, n_before, n_filters, *grid)."""
    chosen = spectra[:, :, child.parents]
    return chosen.reshape(len(chosen), -1, *chosen.shape[3:])
