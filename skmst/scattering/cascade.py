"""The scattering cascade: convolve, rectify, recurse, average; a plan applied to a batch of fields."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import gen_even_slices

from skmst.scattering.filtering import crop, embed, transform
from skmst.scattering.plan import CHUNK_BYTES, Branch, Plan, plan
from skmst.scattering.setting import Setting

__all__ = ["CHUNK_BYTES", "Setting", "crop", "descend", "extend", "field_spectrum", "plan", "scatter"]

Visit = Callable[[Branch, np.ndarray, np.ndarray, "np.ndarray | None"], None]


def scatter(x: np.ndarray, setting: Setting, *, n_jobs: int | None = None) -> np.ndarray:
    """Scattering coefficients of a batch of fields: ``setting.forward``.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Fields, float32 or float64 (complex64 or complex128 with ``complex_fields``). A memory map is read in chunks.
    setting : Setting
        What to compute.
    n_jobs : int, default=None
        Threads over samples, through joblib.

    Returns
    -------
    ndarray of shape (n_samples, n_paths, *output_grid), precision of x
        Complex if ``setting.is_complex``. Order 0 is zero where it is below the round-off of its field.

    Raises
    ------
    ValueError
        If coefficients overflow, or x is complex and the setting is not for complex fields.
    """
    ready = plan_for(x, setting)
    out = np.empty((len(x), ready.n_paths, *setting.output_grid), ready.output_dtype)
    packs = min(effective_n_jobs(n_jobs), -(-len(x) // ready.chunk))
    parts = gen_even_slices(len(x), packs) if packs else []
    Parallel(n_jobs=n_jobs, prefer="threads")(delayed(_scatter)(ready, x[part], out[part]) for part in parts)
    if not np.isfinite(out).all():
        raise ValueError(f"Scattering coefficients overflow {x.dtype}: scale the fields to smaller values.")
    return out


def plan_for(x: np.ndarray, setting: Setting) -> Plan:
    """The plan of a setting in the precision of the fields x."""
    if np.iscomplexobj(x) and not setting.complex_fields:
        raise ValueError("x is complex, but the setting is for real fields: set complex_fields=True in it.")
    return plan(setting, x.real.dtype)


def _scatter(ready: Plan, x: np.ndarray, out: np.ndarray) -> None:
    with np.errstate(over="ignore", invalid="ignore"):  # the caller checks the output
        for start in range(0, len(x), ready.chunk):
            _scatter_chunk(ready, x[start : start + ready.chunk], out[start : start + ready.chunk])


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
        descend(ready, branch, spectrum, average)


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


def descend(ready: Plan, branch: Branch, spectrum: np.ndarray, visit: Visit, first: int = 0) -> None:
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
        (n_samples, n, n_filters, *grid) that belong there, and their spectra where the branch needs them.
    first : int
        The line of ``branch.rows`` of the first of the signals before.
    """
    width = branch.width(len(spectrum), spectrum.itemsize)
    for start in range(0, spectrum.shape[1], width):
        before = spectrum[:, start : start + width]
        signal = ready.rectifier(branch.filters.convolve(before))
        spectra = transform(signal, len(branch.filters.grid)) if branch.needs_spectrum else None
        visit(branch, branch.rows[first + start :][: before.shape[1]], signal, spectra)
        for child in branch.children:
            assert spectra is not None
            lines = len(child.rows) // len(branch.rows)
            descend(ready, child, following(child, spectra), visit, (first + start) * lines)


def following(child: Branch, spectra: np.ndarray) -> np.ndarray:
    """The spectra (n_samples, n, *grid) that a child filters, from those (n_samples, n_before, n_filters, *grid)."""
    chosen = spectra[:, :, child.parents]
    return chosen.reshape(len(chosen), -1, *chosen.shape[3:])
