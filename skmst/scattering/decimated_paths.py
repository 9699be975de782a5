"""Which coefficients an orthonormal multiresolution has: paths, their order in the output, names and positions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product, zip_longest

import numpy as np

Path = tuple[tuple[int, int], ...]  # (octave j, direction d) of each rectified detail, from fine to coarse


@dataclass(frozen=True)
class Block:
    """Paths of one order and one sampling, computed together: `octave` is log2 of the step between coefficients."""

    octave: int
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Layout:
    """The tree of octaves: blocks in the order of the output, and ``sizes[j][order]`` signals that enter octave j."""

    blocks: tuple[Block, ...]
    sizes: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=64)
def layout(ndim: int, J: int, max_order: int) -> Layout:
    """Follow the paths through the octaves, as the transform follows the signals.

    Parameters
    ----------
    ndim, J, max_order : int
        Axes of the grid, octaves, highest order.

    Returns
    -------
    Layout
    """
    stack: list[tuple[Path, ...]] = [((),)]
    sizes: list[tuple[int, ...]] = [(1,)]
    leaves = []
    for j in range(J):
        details = [tuple((*path, (j, d)) for d, path in product(range(1, 2**ndim), paths)) for paths in stack]
        if len(stack) == max_order:
            leaves.append(Block(j + 1, details.pop()))
        stack = [kept + new for kept, new in zip_longest(stack, [(), *details], fillvalue=())]
        sizes.append(tuple(map(len, stack)))
    return Layout((*(Block(J, paths) for paths in stack), *leaves), tuple(sizes))


def path_name(path: Path, ndim: int) -> str:
    """Names such as ``s0``, ``s1_j2``, ``s2_j0_d3_j2_d1``; directions appear where there are several."""
    return f"s{len(path)}" + "".join(f"_j{j}" + (f"_d{d}" if ndim > 1 else "") for j, d in path)


def decimated(grid_shape: tuple[int, ...], octave: int) -> tuple[int, ...]:
    """Grid of a signal after `octave` halvings."""
    return tuple(n >> octave for n in grid_shape)


@lru_cache(maxsize=8)
def coefficient_table(grid_shape: tuple[int, ...], J: int, max_order: int) -> dict[str, np.ndarray]:
    """One row per coefficient; see `Multiresolution.table`."""
    ndim = len(grid_shape)
    rows = [
        (path, point)
        for block in layout(ndim, J, max_order).blocks
        for path in block.paths
        for point in product(*(range(0, n, 2**block.octave) for n in grid_shape))
    ]
    axes = "xyz"[:ndim]
    columns: dict[str, list] = {
        "name": [path_name(p, ndim) + "".join(f"_{a}{i}" for a, i in zip(axes, x, strict=True)) for p, x in rows],
        "order": [len(path) for path, _ in rows],
    }
    for order in range(1, min(max_order, J) + 1):
        for part, key in enumerate("jd"):
            columns[f"{key}{order}"] = [path[order - 1][part] if len(path) >= order else -1 for path, _ in rows]
    columns |= {axis: [point[a] for _, point in rows] for a, axis in enumerate(axes)}
    table = {key: np.asarray(column) for key, column in columns.items()}
    for column in table.values():
        column.setflags(write=False)
    return table
