"""Which scattering paths exist, in what order, and what they are called."""

from __future__ import annotations

import numpy as np

from skmst.scattering.filter_bank import Wavelet

Path = tuple[int, ...]  # indices of the wavelets of each order; () is order zero


def scattering_paths(
    first: tuple[Wavelet, ...], second: tuple[Wavelet, ...], max_order: int, rule: str = "decreasing"
) -> list[Path]:
    """All paths up to `max_order`, order by order.

    Parameters
    ----------
    first, second : tuple of Wavelet
        The filters of the first and the second order.
    max_order : {0, 1, 2}
        Highest order.
    rule : {"decreasing", "all"}
        Second-order paths: those that go to a coarser resolution (kymatio's rule), or all of them (energy identities).

    Returns
    -------
    list of tuple of int
    """
    paths: list[Path] = [()]
    if max_order >= 1:
        paths += [(n1,) for n1 in range(len(first))]
    if max_order >= 2:
        paths += [
            (n1, n2)
            for n1, w1 in enumerate(first)
            for n2, w2 in enumerate(second)
            if rule == "all" or w2.resolution > w1.resolution
        ]
    return paths


def path_wavelets(path: Path, first: tuple[Wavelet, ...], second: tuple[Wavelet, ...]) -> tuple[Wavelet, ...]:
    """The wavelets along one path."""
    return tuple(bank[n] for bank, n in zip((first, second), path, strict=False))


def path_names(paths: list[Path], first: tuple[Wavelet, ...], second: tuple[Wavelet, ...], ndim: int) -> list[str]:
    """Readable names: ``s0``, ``s1_j2``, ``s2_j0_l3_j2_l1``; ``q`` appears where an octave holds several wavelets."""
    several = [any(w.q > 0 for w in bank) for bank in (first, second)]
    names = []
    for path in paths:
        name = f"s{len(path)}"
        for order, w in enumerate(path_wavelets(path, first, second)):
            name += f"_j{w.j}" + (f"_q{w.q}" if several[order] else "") + (f"_l{w.l}" if ndim > 1 else "")
        names.append(name)
    return names


def path_table(
    paths: list[Path], first: tuple[Wavelet, ...], second: tuple[Wavelet, ...], ndim: int
) -> dict[str, np.ndarray]:
    """One row per path, as a dictionary of columns that a DataFrame takes as it is.

    Columns: ``name``, ``order`` and, for orders 1 and 2, ``j1``, ``q1``, ``l1``, ``angle1`` (radians),
    ``frequency1`` and ``bandwidth1`` (cycles per grid step), ``j2``, ...; -1 and NaN where the path has no such order.
    """
    table: dict[str, list] = {
        "name": path_names(paths, first, second, ndim),
        "order": [len(p) for p in paths],
    }
    along = [path_wavelets(path, first, second) for path in paths]
    for order in (1, 2):
        for field, missing in (("j", -1), ("q", -1), ("l", -1)) + tuple(
            (name, np.nan) for name in ("angle", "frequency", "bandwidth")
        ):
            table[f"{field}{order}"] = [getattr(ws[order - 1], field) if len(ws) >= order else missing for ws in along]
    return {key: np.asarray(column) for key, column in table.items()}
