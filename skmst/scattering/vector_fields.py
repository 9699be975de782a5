"""Divergence and vorticity of vector fields, and their transposes.

A vector field on a grid of d axes has d components, in the order of the axes. On periodic grids derivatives are
spectral, exact for band-limited fields; on an even grid the wave at the Nyquist frequency, of which only the crests
are seen, has slope zero. On grids that end they are differences of second order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft

BOUNDARIES = ("periodic", "reflect")
#: Components of the curl: (i, j) stands for d u_j / d x_i - d u_i / d x_j.
_CURL = {2: ((0, 1),), 3: ((1, 2), (2, 0), (0, 1))}


def divergence(u: np.ndarray, spacing: float | Sequence[float] = 1.0, boundary: str = "periodic") -> np.ndarray:
    """Divergence of vector fields.

    Parameters
    ----------
    u : ndarray of shape (n_samples, d, n_1, ..., n_d)
        Fields in d = 1, 2 or 3 dimensions, floating point, real or complex.
    spacing : float or sequence of d floats, default=1.0
        Grid step, of all axes or of each.
    boundary : {"periodic", "reflect"}, default="periodic"
        "periodic": spectral derivatives. "reflect", for grids that end: central differences inside and one-sided ones
        at the ends, all of second order; each axis needs three points.

    Returns
    -------
    ndarray of shape (n_samples, n_1, ..., n_d), dtype of u
        In units of those of u over those of `spacing`.

    Raises
    ------
    ValueError
        If the number of components is not that of the axes of the grid, or an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.vector_fields import divergence
    >>> x = 2 * np.pi * np.arange(8) / 8
    >>> X, Y = np.meshgrid(x, x, indexing="ij")
    >>> source = np.stack([np.sin(X), np.sin(Y)])[np.newaxis]
    >>> bool(np.allclose(divergence(source, spacing=x[1])[0], np.cos(X) + np.cos(Y)))
    True
    """
    steps = _check(u, spacing, boundary)
    return np.sum([_derivative(u[:, i], i, h, boundary) for i, h in enumerate(steps)], axis=0)


def divergence_transpose(
    g: np.ndarray, spacing: float | Sequence[float] = 1.0, boundary: str = "periodic"
) -> np.ndarray:
    """Transpose of :func:`divergence`: minus the gradient on a periodic grid.

    Parameters
    ----------
    g : ndarray of shape (n_samples, n_1, ..., n_d)
        Gradient with respect to the divergence.
    spacing, boundary
        As in :func:`divergence`.

    Returns
    -------
    ndarray of shape (n_samples, d, n_1, ..., n_d), dtype of g
        The field v with ``sum(g * divergence(u)) == sum(v * u)`` for all u.
    """
    steps = _check(g[:, np.newaxis], spacing, boundary, components=1)
    return np.stack([_transpose(g, i, h, boundary) for i, h in enumerate(steps)], axis=1)


def vorticity(u: np.ndarray, spacing: float | Sequence[float] = 1.0, boundary: str = "periodic") -> np.ndarray:
    """Vorticity of vector fields: a number per point in two dimensions, the curl in three.

    Parameters
    ----------
    u : ndarray of shape (n_samples, d, n_1, ..., n_d)
        Fields in d = 2 or 3 dimensions, floating point, real or complex.
    spacing, boundary
        As in :func:`divergence`.

    Returns
    -------
    ndarray of shape (n_samples, n_1, n_2) or (n_samples, 3, n_1, n_2, n_3), dtype of u
        In two dimensions d u_2 / d x_1 - d u_1 / d x_2, positive where the fluid turns from the first axis to
        the second.

    Raises
    ------
    ValueError
        As :func:`divergence`, and in one dimension, where there is no vorticity.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.vector_fields import vorticity
    >>> x = 2 * np.pi * np.arange(8) / 8
    >>> X, Y = np.meshgrid(x, x, indexing="ij")
    >>> vortices = np.stack([np.cos(X) * np.sin(Y), -np.sin(X) * np.cos(Y)])[np.newaxis]
    >>> bool(np.allclose(vorticity(vortices, spacing=x[1])[0], -2 * np.cos(X) * np.cos(Y)))
    True
    """
    steps = _check(u, spacing, boundary, smallest=2)
    curl = [
        _derivative(u[:, j], i, steps[i], boundary) - _derivative(u[:, i], j, steps[j], boundary)
        for i, j in _CURL[len(steps)]
    ]
    return curl[0] if len(steps) == 2 else np.stack(curl, axis=1)


def vorticity_transpose(
    g: np.ndarray, spacing: float | Sequence[float] = 1.0, boundary: str = "periodic"
) -> np.ndarray:
    """Transpose of :func:`vorticity`.

    Parameters
    ----------
    g : ndarray of shape (n_samples, n_1, n_2) or (n_samples, 3, n_1, n_2, n_3)
        Gradient with respect to the vorticity.
    spacing, boundary
        As in :func:`divergence`.

    Returns
    -------
    ndarray of shape (n_samples, d, n_1, ..., n_d), dtype of g
        The field v with ``sum(g * vorticity(u)) == sum(v * u)`` for all u.
    """
    plane = g.ndim == 3
    g = g[:, np.newaxis] if plane else g
    steps = _check(g, spacing, boundary, components=1 if plane else 3, smallest=2)
    out = np.zeros((len(g), len(steps), *g.shape[2:]), g.dtype)
    for row, (i, j) in enumerate(_CURL[len(steps)]):
        out[:, j] += _transpose(g[:, row], i, steps[i], boundary)
        out[:, i] -= _transpose(g[:, row], j, steps[j], boundary)
    return out


def with_derived(u: np.ndarray, spacing: float | Sequence[float] = 1.0, boundary: str = "periodic") -> np.ndarray:
    """Vector fields with divergence and vorticity as further channels.

    Parameters
    ----------
    u : ndarray of shape (n_samples, d, n_1, ..., n_d)
        Fields in d = 1, 2 or 3 dimensions, floating point, real or complex.
    spacing, boundary
        As in :func:`divergence`.

    Returns
    -------
    ndarray of shape (n_samples, n_channels, n_1, ..., n_d), dtype of u
        The d components, the divergence and the components of the vorticity: 2, 4 and 7 channels in one, two and three
        dimensions.

    Raises
    ------
    ValueError
        As :func:`divergence`.
    """
    parts = [u, divergence(u, spacing, boundary)[:, np.newaxis]]
    if u.shape[1] > 1:
        parts.append(vorticity(u, spacing, boundary).reshape(len(u), -1, *u.shape[2:]))
    return np.concatenate(parts, axis=1)


def with_derived_transpose(
    g: np.ndarray, spacing: float | Sequence[float] = 1.0, boundary: str = "periodic"
) -> np.ndarray:
    """Transpose of :func:`with_derived`: the gradient with respect to the vector fields.

    Parameters
    ----------
    g : ndarray of shape (n_samples, n_channels, n_1, ..., n_d)
        Gradient with respect to all channels.
    spacing, boundary
        As in :func:`divergence`.

    Returns
    -------
    ndarray of shape (n_samples, d, n_1, ..., n_d), dtype of g
    """
    d = g.ndim - 2
    out = g[:, :d] + divergence_transpose(g[:, d], spacing, boundary)
    if d > 1:
        out += vorticity_transpose(g[:, d + 1] if d == 2 else g[:, d + 1 :], spacing, boundary)
    return out


def velocity_of_vorticity(omega: np.ndarray, spacing: float | Sequence[float] = 1.0) -> np.ndarray:
    """Velocity of incompressible flow in a periodic plane, from its vorticity (the law of Biot and Savart).

    Parameters
    ----------
    omega : ndarray of shape (n_samples, n_1, n_2)
        Real vorticity. Its mean, which a periodic flow does not have, is ignored.
    spacing : float or sequence of 2 floats, default=1.0
        Grid step, of both axes or of each.

    Returns
    -------
    ndarray of shape (n_samples, 2, n_1, n_2), dtype of omega
        Velocity of mean zero without divergence; :func:`vorticity` gives `omega` back but for its mean and, on even
        grids, the Nyquist frequency.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Majda & Bertozzi 2002, Vorticity and Incompressible Flow, Cambridge, section 2.1.

    Examples
    --------
    >>> from skmst.datasets import make_navier_stokes
    >>> from skmst.scattering.vector_fields import velocity_of_vorticity
    >>> w = make_navier_stokes(3, 1, n_x=32, random_state=0)[:, 0]
    >>> u = velocity_of_vorticity(w, spacing=2 * 3.14159265 / 32)
    >>> u.shape, round(float((u**2).sum(axis=1).mean()), 6)
    ((3, 2, 32, 32), 1.0)
    """
    steps = _check(omega[:, np.newaxis], spacing, "periodic", components=1, smallest=2)
    if omega.ndim != 3:
        raise ValueError(f"omega must have shape (n_samples, n_1, n_2), got {omega.shape}.")
    k_1, k_2 = (
        _wavenumbers(n, h).reshape([-1, 1] if axis == 0 else [1, -1])
        for axis, (n, h) in enumerate(zip(omega.shape[1:], steps, strict=True))
    )
    square = k_1**2 + k_2**2
    psi = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0) * scipy.fft.fft2(omega)
    u = scipy.fft.ifft2(np.stack([1j * k_2 * psi, -1j * k_1 * psi], axis=1))
    return u.real.astype(omega.dtype, copy=False)


def _wavenumbers(n: int, spacing: float) -> np.ndarray:
    """Angular wavenumbers of the bins of a transform of n points, zero at the Nyquist frequency."""
    k = 2 * np.pi * np.fft.fftfreq(n, spacing)
    if n % 2 == 0:
        k[n // 2] = 0.0
    return k


def _derivative(f: np.ndarray, axis: int, spacing: float, boundary: str) -> np.ndarray:
    """Derivative of fields (n_samples, *grid) along one axis of the grid."""
    if boundary == "reflect":
        return np.gradient(f, spacing, axis=axis + 1, edge_order=2).astype(f.dtype, copy=False)
    k = _wavenumbers(f.shape[axis + 1], spacing).reshape([-1] + [1] * (f.ndim - 2 - axis))
    if np.iscomplexobj(f):
        return scipy.fft.ifft(1j * k.astype(f.real.dtype) * scipy.fft.fft(f, axis=axis + 1), axis=axis + 1)
    half = k[: len(k) // 2 + 1].astype(f.dtype)
    return scipy.fft.irfft(1j * half * scipy.fft.rfft(f, axis=axis + 1), len(k), axis=axis + 1)


def _transpose(g: np.ndarray, axis: int, spacing: float, boundary: str) -> np.ndarray:
    """Transpose of `_derivative`."""
    if boundary == "periodic":
        return -_derivative(g, axis, spacing, boundary)
    g = np.moveaxis(g, axis + 1, -1)
    out = np.zeros_like(g)
    out[..., 2:] += g[..., 1:-1]
    out[..., :-2] -= g[..., 1:-1]
    end = np.array([-3.0, 4.0, -1.0], g.real.dtype)
    out[..., :3] += end * g[..., :1]
    out[..., -3:] -= end[::-1] * g[..., -1:]
    return np.moveaxis(out / out.real.dtype.type(2 * spacing), -1, axis + 1)


def _check(
    u: np.ndarray, spacing: float | Sequence[float], boundary: str, *, components: int | None = None, smallest: int = 1
) -> tuple[float, ...]:
    """Grid steps of the axes, after checks; `components` are those of u, None for one for each axis."""
    d = u.ndim - 2
    expected = d if components is None else components
    if not smallest <= d <= 3 or u.shape[1] != expected:
        raise ValueError(
            f"fields must have shape (n_samples, {expected}, *grid) with {smallest} to 3 axes of the grid, got "
            f"{u.shape}."
        )
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary must be 'periodic' or 'reflect', got {boundary!r}.")
    if boundary == "reflect" and min(u.shape[2:]) < 3:
        raise ValueError(f"boundary='reflect' needs three points on each axis, got a grid of {u.shape[2:]}.")
    steps = tuple(float(h) for h in np.broadcast_to(spacing, d if np.ndim(spacing) == 0 else np.shape(spacing)))
    if len(steps) != d or not all(0 < h < np.inf for h in steps):
        raise ValueError(f"spacing must be positive, one number or one for each of {d} axes, got {spacing!r}.")
    return steps
