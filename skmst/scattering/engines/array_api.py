"""The cascade for arrays of any library: numpy, torch (processors and accelerators), cupy, jax.

It executes the same `Plan` as the numpy engine, and agrees with it to rounding. The library, precision and device are
those of the input and of the output. All filters of a pair of samplings are one batch of transforms; averages are
matrix products where that is less work. A bounded number of signals is in memory at a time, unless automatic
differentiation keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from skmst.scattering.engines.array_rectifiers import rectify
from skmst.scattering.engines.device_filters import Average, FilterBatch, average, filter_batch
from skmst.scattering.engines.namespaces import Array, Namespace, device_of, namespace_of, real_dtype
from skmst.scattering.plan import Branch, Plan, plan
from skmst.scattering.setting import Setting

#: Workspace in bytes, on processors, where caches are small, and on accelerators, which want large batches.
WORKSPACE, WORKSPACE_OF_ACCELERATORS = 4 * 2**20, 2**30


@dataclass(frozen=True, eq=False)
class Step:
    """A `Branch` whose constants are on a device."""

    branch: Branch
    parents: slice | Array
    filters: FilterBatch
    average: Average
    children: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """A `Plan` whose constants are on a device of one library."""

    ns: Namespace
    plan: Plan
    extension: tuple[Array, ...]
    mean: Average
    steps: tuple[Step, ...]
    device: Any
    workspace: int

    @property
    def chunk(self) -> int:
        """Fields to transform at once."""
        grids = [math.prod(self.mean.grid), *(b.rows.size * math.prod(b.filters.grid) for b in self.plan.branches)]
        return max(1, self.workspace // (max(grids) * 2 * self.plan.dtype.itemsize))

    def width(self, step: Step, n_samples: int) -> int:
        """Signals before a step that may be filtered at once."""
        filters = step.branch.filters
        size = n_samples * len(filters.indices) * math.prod(filters.grid) * 2 * self.plan.dtype.itemsize
        return max(1, self.workspace // size)


def scatter(x: Array, setting: Setting) -> Array:
    """Scattering coefficients of a batch of fields, in the library and on the device of x: ``setting.forward``.

    Parameters
    ----------
    x : array of shape (n_samples, *grid_shape)
        Fields of torch, cupy, jax, numpy, or a library that follows the array API standard; float32 or float64
        (complex64 or complex128 with ``complex_fields``).
    setting : Setting
        What to compute.

    Returns
    -------
    array of shape (n_samples, n_paths, *output_grid), library, device and precision of x
        Complex if ``setting.is_complex``. Automatic differentiation goes through it where the library has it.

    Raises
    ------
    TypeError
        If x is no such array, has another dtype, or the rectifier is one that knows numpy only.
    ValueError
        If coefficients overflow, x has another grid, or is complex and the setting is not for complex fields.
    """
    ns = _checked(x, setting)
    return scatter_planned(x, plan(setting, real_dtype(x)), ns)


def scatter_planned(x: Array, ready: Plan, ns: Namespace) -> Array:
    """The same by a plan, for fields that have been checked."""
    program = _program(ready, ns, device_of(x))
    if ready.setting.complex_fields and not ns.is_complex(x):
        x = x + 0j
    starts = range(0, x.shape[0], program.chunk)
    slices = [slice(start, min(start + program.chunk, x.shape[0])) for start in starts]
    with np.errstate(over="ignore", invalid="ignore"):  # the output is checked
        parts = [_scatter(program, x[part, ...]) for part in slices]
    if not parts:
        empty = x + 0j if ready.setting.is_complex and not ns.is_complex(x) else x
        return ns.xp.reshape(empty, (0, ready.n_paths, *ready.setting.output_grid))
    out = parts[0] if len(parts) == 1 else ns.xp.concat(parts, axis=0)
    if ns.is_known(out) and not bool(ns.xp.all(ns.xp.isfinite(out))):
        raise ValueError(f"Scattering coefficients overflow {x.dtype}: scale the fields to smaller values.")
    return out


def pullback(x: Array, gradient: Array, setting: Setting) -> Array:
    """Gradient with respect to fields of ``sum(Re(conj(gradient) scatter(x)))``, by automatic differentiation.

    Parameters
    ----------
    x : array of shape (n_samples, *grid_shape)
        Fields, of torch or jax.
    gradient : array of shape (n_samples, n_paths, *output_grid)
        Derivatives with respect to the coefficients.
    setting : Setting
        The transform.

    Returns
    -------
    array of shape, dtype and device of x

    Raises
    ------
    NotImplementedError
        If the library of x does not differentiate.
    ValueError
        If `gradient` does not have the shape of the coefficients.
    """
    ns = _checked(x, setting)
    shape = (x.shape[0], plan(setting, real_dtype(x)).n_paths, *setting.output_grid)
    if tuple(gradient.shape) != shape:
        raise ValueError(f"gradient has shape {tuple(gradient.shape)}, but the coefficients of x have shape {shape}.")
    return ns.gradient(lambda leaf: scatter(leaf, setting), x, gradient)


def _checked(x: Array, setting: Setting) -> Namespace:
    ns = namespace_of(x)
    if ns is None:
        raise TypeError(
            f"x is a {type(x).__name__}, not an array of numpy, torch, cupy, jax or the array API standard."
        )
    if tuple(x.shape[1:]) != setting.grid_shape:
        raise ValueError(f"x has shape {tuple(x.shape)}, but must be (n_samples, *{setting.grid_shape}).")
    if ns.is_complex(x) and not setting.complex_fields:
        raise ValueError("x is complex, but the setting is for real fields: set complex_fields=True in it.")
    return ns


@lru_cache(maxsize=8)
def _program(ready: Plan, ns: Namespace, device: Any) -> Program:
    """A plan with its constants on a device, from the cache where it was moved there before."""
    on_host = device is None or "cpu" in str(device).lower()
    return Program(
        ns=ns,
        plan=ready,
        extension=tuple(ns.put(index, device) for index in ready.extension),
        mean=average(ns, device, ready.mean, ready.field_dtype),
        steps=tuple(_step(ns, device, ready, branch) for branch in ready.branches),
        device=device,
        workspace=WORKSPACE if on_host else WORKSPACE_OF_ACCELERATORS,
    )


def _step(ns: Namespace, device: Any, ready: Plan, branch: Branch) -> Step:
    return Step(
        branch=branch,
        parents=branch.parents if isinstance(branch.parents, slice) else ns.put(branch.parents, device),
        filters=filter_batch(ns, device, branch.filters, ready.dtype),
        average=average(ns, device, branch.pooling, ready.output_dtype),
        children=tuple(_step(ns, device, ready, child) for child in branch.children),
    )


def _scatter(program: Program, x: Array) -> Array:
    ns, ready, ndim = program.ns, program.plan, len(x.shape) - 1
    xp, axes, each = ns.xp, tuple(range(1, ndim + 1)), (-1, *(1,) * (1 + len(ready.setting.output_grid)))
    for axis, index in enumerate(program.extension, start=1):
        x = ns.take(x, index, axis)
    # Only order 0 sees the mean: taken out first, it costs the other orders no digits.
    mean = xp.mean(x, axis=axes, keepdims=True)
    centred = x - mean
    spectrum = ns.fft(centred, ndim) if program.steps or program.mean.needs_spectrum() else None
    order_0 = program.mean(centred[:, None, None, ...], None if spectrum is None else spectrum[:, None, None, ...])
    order_0 = _without_roundoff(ns, order_0[:, 0, ...] + ready.mean.gain * xp.reshape(mean, each), x)
    parts = [order_0 + 0j if ready.setting.is_complex and not ns.is_complex(order_0) else order_0]
    rows = [np.zeros(1, int)]
    if spectrum is not None:
        spectrum = _upsampled(ns, spectrum[:, None, ...], ready.setting.upsample)
    for step in program.steps:
        for where, values in _descend(program, step, spectrum):
            rows.append(where)
            parts.append(values)
    order = np.argsort(np.concatenate(rows))
    return ns.take(xp.concat(parts, axis=1), ns.put(order, program.device), 1)


def _without_roundoff(ns: Namespace, order_0: Array, x: Array) -> Array:
    """Zero where order 0 is below the round-off of its field; for derivatives, it is what it was."""
    axes, eps = tuple(range(1, len(x.shape))), float(np.finfo(real_dtype(x)).eps)
    peak = ns.xp.abs(ns.constant(x))
    for axis in reversed(axes):
        peak = ns.largest(peak, axis)
    bound = ns.xp.reshape(4 * eps * peak, (-1, *(1,) * (len(order_0.shape) - 1)))
    constant = ns.constant(order_0)
    return order_0 - ns.xp.where(ns.xp.abs(constant) <= bound, constant, ns.xp.zeros_like(constant))


def _upsampled(ns: Namespace, spectrum: Array, factor: int) -> Array:
    """Spectra (n, 1, *grid) on a grid `factor` times finer, as `skmst.scattering.filtering.embed` makes them."""
    ndim = len(spectrum.shape) - 2
    for axis in range(2, 2 + ndim if factor > 1 else 2):
        n = spectrum.shape[axis]
        low, even = (n + 1) // 2, int(n % 2 == 0)

        def part(start: int, stop: int, axis: int = axis, spectrum: Array = spectrum) -> Array:
            return spectrum[(slice(None),) * axis + (slice(start, stop), ...)]

        edge = 0.5 * part(low, low + even)
        shape = (*spectrum.shape[:axis], (factor - 1) * n - even, *spectrum.shape[axis + 1 :])
        zeros = ns.zeros(shape, spectrum)
        spectrum = ns.xp.concat([part(0, low), edge, zeros, edge, part(low + even, n)], axis=axis)
    return spectrum * factor**ndim if factor > 1 else spectrum


def _descend(program: Program, step: Step, spectrum: Array, first: int = 0) -> Iterator[tuple[np.ndarray, Array]]:
    """Rows of the output and their numbers (n_samples, n_rows, *output_grid), of a step and of all that follow it.

    As `skmst.scattering.cascade.descend`: `first` is the line of ``step.branch.rows`` of the first signal before.
    """
    ns, branch, width = program.ns, step.branch, program.width(step, spectrum.shape[0])
    for start in range(0, spectrum.shape[1], width):
        before = spectrum[:, start : min(start + width, spectrum.shape[1]), ...]
        signal = rectify(ns, program.plan.rectifier, step.filters.convolve(before))
        transformed = bool(step.children) or step.average.needs_spectrum()
        spectra = ns.fft(signal, len(branch.filters.grid)) if transformed else None
        averages = step.average(signal, spectra)
        rows = branch.rows[first + start :][: before.shape[1]].reshape(-1)
        yield rows, ns.xp.reshape(averages, (averages.shape[0], len(rows), *program.plan.setting.output_grid))
        for child in step.children:
            lines = len(child.branch.rows) // len(branch.rows)
            yield from _descend(program, child, _following(ns, child, spectra), (first + start) * lines)


def _following(ns: Namespace, child: Step, spectra: Array) -> Array:
    """The spectra (n_samples, n, *grid) that a child filters, from those (n_samples, n_before, n_filters, *grid)."""
    if isinstance(child.parents, slice):
        chosen = spectra[:, :, child.parents, ...]
    else:
        chosen = ns.take(spectra, child.parents, 2)
    return ns.xp.reshape(chosen, (chosen.shape[0], -1, *chosen.shape[3:]))
