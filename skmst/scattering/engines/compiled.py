"""Plans for the compiled engine: the tree of a plan becomes a program of C++ objects, made once and kept with the plan.

A low-pass or a weighted mean that is a product over the axes becomes one small matrix for each axis; any other low-pass
stays a filter.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from skmst.scattering import separable
from skmst.scattering.engines import compiled_module
from skmst.scattering.filtering import Filters, Pooling
from skmst.scattering.plan import Branch, Plan
from skmst.scattering.rectifiers import Heisenberg, HeisenbergPrinted, LogModulus, Modulus, PhaseHarmonic, Rectifier
from skmst.scattering.threads import Step

RECTIFIERS = (Modulus, LogModulus, PhaseHarmonic, Heisenberg, HeisenbergPrinted)  # as the C++ numbers them
CALL_POINTS = 2**20  # points of fields in one call, after which an interrupt is noticed
TAIL = {"d": 1e-15, "f": 1e-8}  # of the maximum of a low-pass in space, beyond which it is taken as zero

_programs: WeakKeyDictionary[Plan, Any] = WeakKeyDictionary()
_building = Lock()


def _unlock_in_child() -> None:
    """A fork copies the lock, but not the thread that would let go of it."""
    global _building
    _building = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


def executes(rectifier: Rectifier) -> bool:
    """Whether the compiled engine is there and knows a rectifier."""
    return compiled_module() is not None and type(rectifier) in RECTIFIERS


def forward(plan: Plan, x: np.ndarray, out: np.ndarray, part: int = 0, n_parts: int = 1) -> Iterator[Step]:
    """Steps that write the coefficients of fields x to `out`; of the paths only a share where n_parts > 1."""
    program = program_of(plan)
    for piece in _pieces(plan, len(x)):

        def step(piece: slice = piece) -> None:
            with _contiguous(out[piece]) as target:
                program.forward(_ready(x[piece], plan.field_dtype), target, part, n_parts)

        yield step


def pullback(plan: Plan, x: np.ndarray, gradient: np.ndarray, out: np.ndarray) -> Iterator[Step]:
    """Steps that write the gradient with respect to fields x to `out`."""
    program = program_of(plan)
    for piece in _pieces(plan, len(x)):

        def step(piece: slice = piece) -> None:
            fields, slopes = _ready(x[piece], plan.field_dtype), _ready(gradient[piece], plan.output_dtype)
            with _contiguous(out[piece]) as target:
                program.pullback(fields, slopes, target)

        yield step


def program_of(plan: Plan) -> Any:
    """The C++ program of a plan, made at the first use."""
    with _building:
        if plan not in _programs:
            _programs[plan] = _Translator(plan).program
        return _programs[plan]


def _pieces(plan: Plan, n: int) -> list[slice]:
    step = max(1, CALL_POINTS // math.prod(plan.mean.grid))
    return [slice(start, start + step) for start in range(0, n, step)]


def writes_in_place(out: np.ndarray) -> bool:
    """Whether C++ can write to an array; if not, it writes to a copy."""
    return out.flags.c_contiguous and out.flags.aligned


@contextmanager
def _contiguous(out: np.ndarray) -> Iterator[np.ndarray]:
    """The array itself where it is contiguous; else a copy, that is written back."""
    if writes_in_place(out):
        yield out
    else:
        copy = np.array(out, order="C")
        yield copy
        out[...] = copy


def _ready(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Native, aligned, C-contiguous."""
    return np.require(x, dtype, ["C", "A"])


class _Translator:
    """Builds the C++ objects of one plan."""

    def __init__(self, plan: Plan):
        module = compiled_module()
        assert module is not None
        bits = "32" if plan.dtype == np.float32 else "64"
        self.axis_map = getattr(module, f"AxisMap{bits}")
        self.plan, rectifier = plan, plan.rectifier
        self.program = getattr(module, f"Program{bits}")(
            plan.setting.complex_fields, RECTIFIERS.index(type(rectifier)), getattr(rectifier, "k", 0)
        )
        self._grids: dict[tuple[int, ...], int] = {}
        self._filters: dict[tuple[int, tuple[int, ...]], int] = {}
        self._poolings: dict[tuple[int, bool], int] = {}
        mean = self.pooling(plan.mean, filtered=plan.mean.low_pass is not None)
        for branch in plan.branches:
            self.branch(branch, -1, plan.mean.grid)
        self.program.finish(
            self.grid(plan.mean.grid),
            shape=_three(plan.setting.grid_shape),
            extension=[index.tolist() for index in self._extension()],
            mean=mean,
            gain=plan.mean.gain,
            n_paths=plan.n_paths,
        )

    def _extension(self) -> list[np.ndarray]:
        missing = 3 - len(self.plan.mean.grid)
        return [*(np.zeros(1, int) for _ in range(missing)), *self.plan.extension] if self.plan.extension else []

    def grid(self, shape: tuple[int, ...]) -> int:
        if shape not in self._grids:
            self._grids[shape] = self.program.add_grid(_three(shape), line=len(shape) == 1)
        return self._grids[shape]

    def branch(self, branch: Branch, parent: int, source: tuple[int, ...]) -> None:
        parents = branch.parents
        if isinstance(parents, slice):
            parents = np.arange(parents.start, parents.stop)
        smooth = branch.pooling.low_pass is not None
        index = self.program.add_branch(
            parent=parent,
            filters=self.filters(branch.filters, source),
            pooling=self.pooling(branch.pooling, filtered=bool(branch.children) and smooth),
            parents=parents.tolist(),
            rows=branch.rows.ravel().tolist(),
        )
        for child in branch.children:
            self.branch(child, index, branch.filters.grid)

    def filters(self, filters: Filters, source: tuple[int, ...]) -> int:
        """`source` is the grid of the spectra, which may have fewer bins than the filters."""
        key = (id(filters), source)
        if key not in self._filters:
            index = self.program.add_filters(self.grid(source), self.grid(filters.grid))
            finer = math.prod(filters.source) / math.prod(source)  # values of an interpolated field are as many more
            for hat in filters.hats():
                self.program.add_filter(index, hat * finer, _three(filters.source))
            self._filters[key] = index
        return self._filters[key]

    def pooling(self, pooling: Pooling, *, filtered: bool) -> int:
        """`filtered` asks for a filter even where sums would do: better for signals whose spectra are needed anyway."""
        key = (id(pooling), filtered)
        if key not in self._poolings:
            self._poolings[key] = self._pooling(pooling, filtered)
        return self._poolings[key]

    def _pooling(self, pooling: Pooling, filtered: bool) -> int:
        maps = None if filtered else axis_maps(pooling, self.plan.dtype)
        if maps is not None:
            trivial = [AxisMap(1, 1, 0, 1, np.ones(1))] * (3 - len(maps))
            ready = [self.axis_map(*m[:-1], m.weights.astype(self.plan.dtype)) for m in [*trivial, *maps]]
            return int(self.program.add_pooling(self.grid(pooling.grid), *ready))
        assert pooling.low_pass is not None
        inside = np.arange(math.prod(pooling.low_pass.grid)).reshape(pooling.low_pass.grid)[pooling.every]
        return int(self.program.add_low_pass(self.filters(pooling.low_pass, pooling.grid), inside.ravel().tolist()))


class AxisMap(NamedTuple):
    """Sums along a periodic axis of n points: ``out[i] = sum_k weights[k] in[(first + i step + k) mod n]``."""

    n: int
    n_out: int
    first: int
    step: int
    weights: np.ndarray


def axis_maps(pooling: Pooling, dtype: np.dtype) -> list[AxisMap] | None:
    """An average as sums along one axis after the other; None if it is no product over the axes."""
    if pooling.weights is not None:
        return [AxisMap(len(weights), 1, 0, 1, weights) for weights in pooling.weights]
    if pooling.low_pass is None:
        return [_sums(n, every, 1, np.ones(1), 0) for n, every in zip(pooling.grid, pooling.every, strict=True)]
    assert pooling.hat is not None
    factors = separable.factors(pooling.hat)
    if factors is None:
        return None
    tail = TAIL[np.dtype(dtype).char]
    sizes = zip(pooling.grid, pooling.low_pass.grid, pooling.every, factors, strict=True)
    return [_sums(m, every, n // m, *_window(np.fft.ifft(factor).real, tail)) for n, m, every, factor in sizes]


def _sums(m: int, every: slice, ratio: int, weights: np.ndarray, centre: int) -> AxisMap:
    """The outputs `every` of m points, each of them `ratio` points of the signal apart."""
    outputs = range(m)[every]
    return AxisMap(m * ratio, len(outputs), outputs.start * ratio - centre, outputs.step * ratio, weights)


def _window(response: np.ndarray, tail: float) -> tuple[np.ndarray, int]:
    """Weights of a periodic convolution with `response` where they are not negligible, and the place of the middle."""
    n = len(response)
    weights = np.roll(response[::-1], 1)  # of the point k behind the output
    alive = np.abs(weights) > tail * np.abs(weights).max()
    reach = int(np.minimum(np.arange(n), n - np.arange(n))[alive].max())
    if 2 * reach + 1 >= n:
        return weights, 0
    return np.roll(weights, reach)[: 2 * reach + 1], reach


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (3 - len(shape)) + tuple(int(n) for n in shape)
