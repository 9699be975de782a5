"""Which scattering paths exist, in what order, and what they are called."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from skmst.scattering.filter_bank import Wavelet

Path = tuple[int, ...]  # indices of the wavelets of each order; () is order zero
Layer = tuple[Wavelet, ...]


@dataclass(frozen=True)
class SignedWavelet(Wavelet):
    """A wavelet of a bank for complex signals, which has each one and its mirror image in frequency.

    Attributes
    ----------
    sign : {1, -1}
        -1 for the mirror image, which oscillates against `direction` of the original.
    """

    sign: int = 1


def two_sided(wavelets: Layer) -> Layer:
    """The wavelets, then their mirror images in frequency."""
    return tuple(_signed(w, 1) for w in wavelets) + tuple(_signed(w, -1) for w in wavelets)


def _signed(w: Wavelet, sign: int) -> SignedWavelet:
    known = {field.name: getattr(w, field.name) for field in fields(w)}
    if sign < 0:
        known |= {"angle": w.angle + math.pi, "direction": tuple(-component for component in w.direction)}
    return SignedWavelet(**known, sign=sign)


def _within_bandwidth(first: Wavelet, then: Wavelet, reach: float) -> bool:
    lower_edge = then.frequency - then.bandwidth / 2
    return then.frequency < (1 - 1e-9) * first.frequency and lower_edge < (1 - 1e-9) * reach


#: Which wavelet may follow which: (the one before, the candidate, where the rectified signal ends).
RULES: dict[str, Callable[[Wavelet, Wavelet, float], bool]] = {
    "bandwidth": _within_bandwidth,
    "kymatio": lambda first, then, reach: then.resolution > first.resolution,
    "all": lambda first, then, reach: True,
}


def successors(before: Layer, after: Layer, rule: str = "bandwidth", *, keeps_phase: bool = False) -> list[list[int]]:
    """For each wavelet of one order, those of the next order that follow it.

    Parameters
    ----------
    before, after : tuple of Wavelet
        Both orders.
    rule : {"bandwidth", "kymatio", "all"}
        ``"bandwidth"``: the centre of the next wavelet lies below that of the one before, and its lower half-power edge
        below twice the half-power bandwidth of the one before, which is the width of its whole band and where the
        squared modulus ends. With one wavelet per octave these are the pairs ``j1 < j2``. ``"kymatio"``: the
        resolution gets coarser. ``"all"``: each after each.
    keeps_phase : bool
        Whether the rectifier between them does. The signal then stays where its band is instead of coming down to
        zero frequency, so the width of the band does not limit what follows.

    Returns
    -------
    list of list of int
    """
    follows = RULES[rule]
    return [
        [n for n, then in enumerate(after) if follows(w, then, w.frequency if keeps_phase else 2 * w.bandwidth)]
        for w in before
    ]


def scattering_paths(
    first: Layer, later: Layer, max_order: int, rule: str = "bandwidth", *, keeps_phase: bool = False
) -> list[Path]:
    """All paths up to `max_order`, order by order.

    Parameters
    ----------
    first, later : tuple of Wavelet
        The filters of the first and of all later orders.
    max_order : int
        Highest order, 0 or more.
    rule, keeps_phase
        As for `successors`.

    Returns
    -------
    list of tuple of int
    """
    paths: list[Path] = [()]
    newest: list[Path] = [()]
    for order in range(1, max_order + 1):
        if order == 1:
            newest = [(n,) for n in range(len(first))]
        else:
            follow = successors(first if order == 2 else later, later, rule, keeps_phase=keeps_phase)
            newest = [(*path, n) for path in newest for n in follow[path[-1]]]
        paths += newest
    return paths


def path_wavelets(path: Path, first: Layer, later: Layer) -> Layer:
    """The wavelets along one path."""
    return tuple((later if order else first)[n] for order, n in enumerate(path))


def path_names(paths: Sequence[Path], first: Layer, later: Layer, ndim: int) -> list[str]:
    """Readable names: ``s0``, ``s1_j2``, ``s2_j0_l3_j2_l1``, ``s3_j0_j1_j3``.

    ``q`` appears where an octave holds several wavelets, a final ``m`` marks the mirror image of a wavelet.
    """
    several = [any(w.q > 0 for w in bank) for bank in (first, later)]
    names = []
    for path in paths:
        name = f"s{len(path)}"
        for order, w in enumerate(path_wavelets(path, first, later)):
            name += f"_j{w.j}" + (f"_q{w.q}" if several[min(order, 1)] else "") + (f"_l{w.l}" if ndim > 1 else "")
            name += "m" if sign_of(w) < 0 else ""
        names.append(name)
    return names


def sign_of(w: Wavelet) -> int:
    """-1 for mirror images, else 1."""
    return getattr(w, "sign", 1)


def path_table(paths: Sequence[Path], first: Layer, later: Layer, ndim: int) -> dict[str, np.ndarray]:
    """One row per path, as a dictionary of columns that a DataFrame takes as it is.

    Columns: ``name``, ``order`` and, for orders from 1 on, ``j1``, ``q1``, ``l1``, ``sign1``, ``angle1`` (radians),
    ``frequency1`` and ``bandwidth1`` (cycles per grid step), in 3-D ``direction1_x``, ``_y`` and ``_z`` too, ``j2``,
    ...; -1 (0 for the sign) and NaN where the path has no such order.
    """
    table: dict[str, list] = {
        "name": path_names(paths, first, later, ndim),
        "order": [len(p) for p in paths],
    }
    along = [path_wavelets(path, first, later) for path in paths]
    for order in range(1, max([2, *table["order"]]) + 1):
        for column, missing, value in _columns(order, ndim):
            table[column] = [value(ws[order - 1]) if len(ws) >= order else missing for ws in along]
    return {key: np.asarray(column) for key, column in table.items()}


def _columns(order: int, ndim: int) -> list[tuple[str, float, Callable[[Wavelet], Any]]]:
    """Name, stand-in and source of the columns of one order."""
    columns: list[tuple[str, float, Callable[[Wavelet], Any]]] = [
        (f"j{order}", -1, lambda w: w.j),
        (f"q{order}", -1, lambda w: w.q),
        (f"l{order}", -1, lambda w: w.l),
        (f"sign{order}", 0, sign_of),
        (f"angle{order}", np.nan, lambda w: w.angle),
        (f"frequency{order}", np.nan, lambda w: w.frequency),
        (f"bandwidth{order}", np.nan, lambda w: w.bandwidth),
    ]
    if ndim > 2:
        columns += [(f"direction{order}_{name}", np.nan, _component(axis)) for axis, name in enumerate("xyz")]
    return columns


def _component(axis: int) -> Callable[[Wavelet], float]:
    return lambda w: w.direction[axis]
