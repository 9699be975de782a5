"""The transpose of the derivative of the cascade: gradients with respect to coefficients back to fields.

Forward signals are computed again branch by branch, so that memory stays as bounded as in the transform itself.
Complex gradients are ``d/dRe + i d/dIm``, transposes are for the real inner product ``Re(conj(a) b)``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from joblib import effective_n_jobs

from skmst.scattering.cascade import extend, field_spectrum, following, plan_for, runs_compiled, shares
from skmst.scattering.engines import compiled
from skmst.scattering.filtering import transform, transpose_embed, transpose_transform
from skmst.scattering.plan import Branch, Plan
from skmst.scattering.setting import Setting
from skmst.scattering.threads import Step, in_threads


def pullback(x: np.ndarray, gradient: np.ndarray, setting: Setting, *, n_jobs: int | None = None) -> np.ndarray:
    """Gradient with respect to fields of ``sum(Re(conj(gradient) scatter(x)))``: ``setting.pullback``.

    Parameters
    ----------
    x : ndarray of shape (n_samples, *grid_shape)
        Fields, as for `skmst.scattering.cascade.scatter`.
    gradient : ndarray of shape (n_samples, n_paths, *output_grid)
        Derivatives with respect to the coefficients.
    setting : Setting
        The transform.
    n_jobs : int, default=None
        Threads over samples.

    Returns
    -------
    ndarray of shape and dtype of x
        For fields of the complex type when ``setting.complex_fields``.

    Raises
    ------
    ValueError
        If `gradient` does not have the shape of the coefficients.
    """
    ready = plan_for(x, setting)
    shape = (len(x), ready.n_paths, *setting.output_grid)
    if gradient.shape != shape:
        raise ValueError(f"gradient has shape {gradient.shape}, but the coefficients of x have shape {shape}.")
    out = np.empty(x.shape, ready.field_dtype)
    pull_planned(ready, x, gradient, out, engine=setting.engine, n_jobs=n_jobs)
    return out


def pull_planned(
    ready: Plan,
    x: np.ndarray,
    gradient: np.ndarray,
    out: np.ndarray,
    *,
    engine: str = "auto",
    n_jobs: int | None = None,
) -> None:
    """Write the gradient with respect to fields to `out`."""
    workers = effective_n_jobs(n_jobs) if len(x) else 1
    if runs_compiled(ready, engine):
        rows = [slice(part.start, part.stop) for part in shares(range(len(x)), workers)]
        jobs = [compiled.pullback(ready, x[part], gradient[part], out[part]) for part in rows]
    else:
        jobs = [_pull(ready, x, gradient, out, part) for part in shares(range(0, len(x), ready.chunk), workers)]
    in_threads(jobs, n_jobs)


def _pull(ready: Plan, x: np.ndarray, gradient: np.ndarray, out: np.ndarray, starts: range) -> Iterator[Step]:
    """A step for each of the chunks that start there."""
    for start in starts:

        def step(part: slice = slice(start, start + ready.chunk)) -> None:
            out[part] = _pull_chunk(ready, x[part], np.asarray(gradient[part], ready.output_dtype))

        yield step


def _pull_chunk(ready: Plan, x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    axes = tuple(range(1, x.ndim))
    x = extend(np.asarray(x, ready.field_dtype), ready)
    spectrum = field_spectrum(transform(x - x.mean(axis=axes, keepdims=True), len(axes)), ready)
    back = np.zeros_like(spectrum)
    for branch in ready.branches:
        back += _pull_branch(ready, branch, spectrum, gradient)
    field = _transpose_spectrum(back, x.shape[1:], ready)
    field -= field.mean(axis=axes, keepdims=True)
    # Order 0 is the plain average: what it loses when the mean is taken out it gets back.
    signal, spectra = ready.mean.transpose(gradient[:, 0], direct=True)
    field = field + (signal if spectra is None else transpose_transform(spectra, len(axes)))
    return _transpose_extend(field if ready.setting.complex_fields else field.real, ready)


def _pull_branch(ready: Plan, branch: Branch, spectrum: np.ndarray, gradient: np.ndarray, first: int = 0) -> np.ndarray:
    """Gradient with respect to `spectrum`, the one before a branch; arguments as those of `descend`."""
    ndim, rectifier = len(branch.filters.grid), ready.rectifier
    out = np.empty_like(spectrum)
    for part in branch.parts(spectrum):
        before, start = spectrum[:, part], part.start
        filtered = branch.filters.convolve(before)
        rows = branch.rows[first + start :][: before.shape[1]]
        signal, spectra = branch.pooling.transpose(gradient[:, rows], direct=True)
        if branch.children:
            from_children = _pull_children(ready, branch, rectifier(filtered), gradient, first + start)
            spectra = from_children if spectra is None else spectra + from_children
        if spectra is not None:
            through = transpose_transform(spectra, ndim)
            signal = through if signal is None else signal + through
        assert signal is not None
        out[:, part] = branch.filters.transpose(rectifier.pullback(filtered, signal))
    return out


def _pull_children(ready: Plan, branch: Branch, signal: np.ndarray, gradient: np.ndarray, first: int) -> np.ndarray:
    """Gradient with respect to the spectra of a branch's rectified signals, from all its children."""
    spectra = transform(signal, len(branch.filters.grid))
    out = np.zeros_like(spectra)
    for child in branch.children:
        before = following(child, spectra)
        back = _pull_branch(ready, child, before, gradient, first * (len(child.rows) // len(branch.rows)))
        out[:, :, child.parents] += back.reshape(*out.shape[:2], -1, *out.shape[3:])
    return out


def _transpose_spectrum(back: np.ndarray, grid: tuple[int, ...], ready: Plan) -> np.ndarray:
    """Gradient with respect to fields on their padded grid from that with respect to `field_spectrum`."""
    factor = ready.setting.upsample
    back = back[:, 0]
    if factor > 1:
        back = transpose_embed(back, grid, nyquist=0.5) * factor ** len(grid)
    return transpose_transform(back, len(grid))


def _transpose_extend(field: np.ndarray, ready: Plan) -> np.ndarray:
    """Sums of gradients over the points that repeat one point of the field."""
    for axis, index in enumerate(ready.extension, start=1):
        n = ready.setting.grid_shape[axis - 1]
        out = np.zeros((n, *np.moveaxis(field, axis, 0).shape[1:]), field.dtype)
        np.add.at(out, index, np.moveaxis(field, axis, 0))
        field = np.moveaxis(out, 0, axis)
    return field
