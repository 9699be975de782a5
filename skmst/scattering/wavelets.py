"""What filters have in common, whatever their family: description, frequencies, directions, the energy they keep."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_GOLDEN = (1 + math.sqrt(5)) / 2
_DIAGONALS = [(1.0, 1.0, 1.0), (1.0, 1.0, -1.0), (1.0, -1.0, 1.0), (1.0, -1.0, -1.0)]


def _rectangles(a: float, b: float) -> list[tuple[float, float, float]]:
    """Axes through the corners of three golden rectangles, one in each coordinate plane."""
    return [v for sign in (1, -1) for v in ((a, b * sign, 0.0), (b, 0.0, a * sign), (0.0, a, b * sign))]


#: Numbers of axes through the origin that can be spread evenly: grid axes, cube, icosahedron, dodecahedron.
_POLYHEDRA: dict[int, list[tuple[float, float, float]]] = {
    1: [(1.0, 0.0, 0.0)],
    3: [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)],
    4: _DIAGONALS,
    6: _rectangles(1.0, _GOLDEN),
    10: _DIAGONALS + _rectangles(_GOLDEN, 1 / _GOLDEN),
}


@dataclass(frozen=True)
class Wavelet:
    """What is known of one band-pass filter before it is sampled.

    Attributes
    ----------
    j : int
        Octave: the centre frequency is about 2**-j times that of the finest filter.
    q : int
        Position within the octave, 0 with one wavelet per octave.
    l : int
        Orientation index in 2-D and 3-D, 0 in 1-D.
    frequency : float
        Centre frequency in cycles per grid step (radial in 2-D and 3-D).
    bandwidth : float
        Full width at half power of the transfer function, cycles per grid step (radial in 2-D and 3-D).
    angle : float
        Direction of oscillation in radians from the first towards the second grid axis; 0 in 1-D, NaN in 3-D.
    resolution : int
        log2 of the critical subsampling of the filtered signal; orders follow each other where it increases.
    direction : tuple of float
        The direction of oscillation as a unit vector, one component per grid axis.
    """

    j: int
    q: int
    l: int
    frequency: float
    bandwidth: float
    angle: float
    resolution: int
    direction: tuple[float, ...]


def frequencies(grid_shape: tuple[int, ...]) -> list[np.ndarray]:
    """Angular frequencies (radians per step) of the FFT bins, one broadcastable array per axis; Nyquist is +pi."""
    axes = []
    for axis, n in enumerate(grid_shape):
        omega = 2 * np.pi * np.fft.fftfreq(n)
        if n % 2 == 0:
            omega[n // 2] = np.pi
        axes.append(along_axis(omega, axis, len(grid_shape)))
    return axes


def along_axis(values: np.ndarray, axis: int, ndim: int) -> np.ndarray:
    """One-dimensional values shaped to broadcast along one of `ndim` axes."""
    return values.reshape([-1 if a == axis else 1 for a in range(ndim)])


def orientations(L: int) -> np.ndarray:
    """Angles of the L orientations of a plane in radians, shape (L,), kymatio's order."""
    return (int(L - L / 2 - 1) - np.arange(L)) * np.pi / L


def directions(L: int, ndim: int) -> np.ndarray:
    """Unit vectors of the L directions of oscillation; their opposites see the same of a real field.

    Parameters
    ----------
    L : int
        Number of directions.
    ndim : {1, 2, 3}
        Dimension of the grid. In 2-D the directions are those of `orientations`. In 3-D they are the axes of the
        grid (3), the diagonals of the cube (4), the axes through the vertices of the icosahedron (6) or of the
        dodecahedron (10); any other number is spread over the half-sphere by a Fibonacci spiral.

    Returns
    -------
    ndarray of shape (L, ndim), one row in 1-D whatever L
    """
    if ndim == 1:
        return np.ones((1, 1))
    if ndim == 2:
        angles = orientations(L)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if L in _POLYHEDRA:
        axes = np.array(_POLYHEDRA[L])
        return axes / np.linalg.norm(axes, axis=1, keepdims=True)
    height, azimuth = 1 - (np.arange(L) + 0.5) / L, 2 * np.pi * np.arange(L) / _GOLDEN
    radius = np.sqrt(1 - height**2)
    return np.stack([height, radius * np.cos(azimuth), radius * np.sin(azimuth)], axis=1)


def oriented(L: int, ndim: int) -> list[tuple[int, float, tuple[float, ...]]]:
    """Index, angle and direction of every orientation, as a `Wavelet` holds them."""
    vectors = directions(L, ndim)
    angles = orientations(L) if ndim == 2 else np.zeros(1) if ndim == 1 else np.full(L, math.nan)
    return [
        (l, float(angle), tuple(float(c) for c in v)) for l, (angle, v) in enumerate(zip(angles, vectors, strict=True))
    ]


def cap(L: int, ndim: int) -> float:
    """Half-angle of the cone that holds one L-th of all directions up to sign: pi / (2 L) in 2-D."""
    return math.pi / (2 * L) if ndim == 2 else math.acos(1 - 1 / L)


def mirror(hat: np.ndarray) -> np.ndarray:
    """The array at the opposite frequency: hat(-w)."""
    return np.roll(np.flip(hat), 1, axis=tuple(range(hat.ndim)))


def littlewood_paley(phi: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """|phi(w)|**2 + (1/2) sum (|psi(w)|**2 + |psi(-w)|**2): the energy that the bank keeps of a real field.

    Parameters
    ----------
    phi : ndarray of shape grid_shape
    psi : ndarray of shape (n_wavelets, *grid_shape)

    Returns
    -------
    ndarray of shape grid_shape
    """
    power = np.sum(psi**2, axis=0)
    return phi**2 + 0.5 * (power + mirror(power))
