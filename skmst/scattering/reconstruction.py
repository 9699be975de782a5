"""How good a reconstruction is: in coefficients, as a field, as a field up to its symmetries, in its statistics.

The four differ. Coefficients can match to seven digits where the field is another one; a field can be right but
shifted; and a synthesised field is to be judged by its statistics alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from skmst.scattering.encoding import Encoding

LAGS = (1, 2, 4, 8)  # grid steps between the points of an increment


@dataclass(frozen=True)
class ReconstructionReport:
    """Errors of reconstructed fields, one number per field unless said otherwise.

    Attributes
    ----------
    feature_error : ndarray of shape (n_samples,) or None
        ``|S(y) - S(x)| / |S(x)|``; None without an encoding.
    field_error : ndarray of shape (n_samples,)
        ``|y - x| / |x|``.
    field_error_modulo_symmetry : ndarray of shape (n_samples,)
        The smallest field error over grid translations, reflection ``x(-u)`` and sign of y: what is left of the error
        when only what a translation-invariant modulus can know is asked for.
    power_error : ndarray of shape (n_samples, n_octaves)
        Relative error of the power in each octave of wavenumbers, coarse to fine; NaN where that of x is round-off.
    increment_kurtosis_error : ndarray of shape (n_samples, n_lags)
        Relative error of the kurtosis ``E d^4 / (E d^2)^2`` of increments over 1, 2, 4 and 8 grid steps.
    increment_distance : ndarray of shape (n_samples, n_lags)
        Largest difference between the distribution functions of the increments (Kolmogorov-Smirnov).
    moments : ndarray of shape (n_samples, 4, 2)
        Mean, standard deviation, skewness and excess kurtosis of the values of x and of y.
    """

    feature_error: np.ndarray | None
    field_error: np.ndarray
    field_error_modulo_symmetry: np.ndarray
    power_error: np.ndarray
    increment_kurtosis_error: np.ndarray
    increment_distance: np.ndarray
    moments: np.ndarray

    def __str__(self) -> str:
        def line(name: str, values: np.ndarray) -> str:
            return f"{name:<42}{np.nanmedian(values):10.2e}{np.nanmax(values):10.2e}"

        rows = [f"{'':<42}{'median':>10}{'largest':>10}"]
        if self.feature_error is not None:
            rows.append(line("feature error", self.feature_error))
        rows += [
            line("field error", self.field_error),
            line("field error modulo shift, mirror, sign", self.field_error_modulo_symmetry),
            line("power in octaves, relative error", np.abs(self.power_error)),
            line("kurtosis of increments, relative error", np.abs(self.increment_kurtosis_error)),
            line("distribution of increments, distance", self.increment_distance),
        ]
        return "\n".join(rows)


def reconstruction_report(
    fields: np.ndarray,
    reconstructed: np.ndarray,
    *,
    grid_shape: tuple[int, ...] | None = None,
    encoding: Encoding | None = None,
) -> ReconstructionReport:
    """Compare reconstructed fields with the true ones.

    Parameters
    ----------
    fields, reconstructed : ndarray of shape (n_samples, *grid_shape)
        Real fields on a periodic grid. Axes before the grid other than one are flattened.
    grid_shape : tuple of int, default=None
        Grid; None takes the encoding's, or without one a 1-D grid, the last axis.
    encoding : Encoding, default=None
        Adds the feature error in these coefficients.

    Returns
    -------
    ReconstructionReport

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, or a true field is zero everywhere.

    References
    ----------
    Cheng et al. (2023), arXiv:2306.17210, section 4 (statistics by which synthesis is judged).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering import reconstruction_report
    >>> x = np.random.default_rng(0).standard_normal((2, 64))
    >>> report = reconstruction_report(x, -np.roll(x, 5, axis=1))
    >>> bool((report.field_error > 1).all()), bool((report.field_error_modulo_symmetry < 1e-12).all())
    (True, True)
    """
    grid = grid_shape or (encoding.grid_shape if encoding is not None else np.shape(fields)[-1:])
    x, y = _checked(fields, "fields", grid), _checked(reconstructed, "reconstructed", grid)
    if x.shape != y.shape:
        raise ValueError(f"fields and reconstructed differ in shape: {x.shape} and {y.shape}.")
    norm = np.sqrt(_sum_of_squares(x))
    if not norm.all():
        raise ValueError(f"field {int(np.argmin(norm))} is zero everywhere: relative errors are not defined.")
    power, power_y = _octave_power(x), _octave_power(y)
    kurtosis, distance = zip(*(_increments(a, b) for a, b in zip(x, y, strict=True)), strict=True)
    return ReconstructionReport(
        feature_error=None if encoding is None else _feature_error(x, y, encoding),
        field_error=np.sqrt(_sum_of_squares(y - x)) / norm,
        field_error_modulo_symmetry=_modulo_symmetry(x, y) / norm,
        power_error=np.divide(power_y - power, power, out=np.full_like(power, np.nan), where=_present(power)),
        increment_kurtosis_error=np.array(kurtosis),
        increment_distance=np.array(distance),
        moments=np.stack([_moments(x), _moments(y)], axis=-1),
    )


def _checked(fields: np.ndarray, name: str, grid: tuple[int, ...]) -> np.ndarray:
    fields = np.asarray(fields)
    if np.iscomplexobj(fields):
        raise ValueError(f"{name} are complex: compare real and imaginary parts on their own.")
    if fields.ndim <= len(grid) or fields.shape[fields.ndim - len(grid) :] != tuple(grid):
        raise ValueError(f"{name} have shape {fields.shape}: the trailing axes must be the grid {tuple(grid)}.")
    if not np.isfinite(fields).all():
        raise ValueError(f"{name} hold NaN or infinity.")
    return fields.reshape(-1, *grid).astype(np.float64)


def _sum_of_squares(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(x**2, axis=tuple(range(1, x.ndim))))


def _feature_error(x: np.ndarray, y: np.ndarray, encoding: Encoding) -> np.ndarray:
    target = encoding.forward(x)
    axes = tuple(range(1, target.ndim))
    misfit = np.sum(np.abs(encoding.forward(y) - target) ** 2, axis=axes)
    return np.asarray(np.sqrt(misfit / np.sum(np.abs(target) ** 2, axis=axes)))


def _modulo_symmetry(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Smallest distance of x to shifted, mirrored and negated y: the best shift by correlation, then the distance."""
    axes = tuple(range(1, x.ndim))
    x_hat, y_hat = scipy.fft.rfftn(x, axes=axes), scipy.fft.rfftn(y, axes=axes)
    distances = []
    for mirrored in (False, True):
        other = np.conj(y_hat) if mirrored else y_hat  # a mirrored real field has the conjugate spectrum
        correlations = scipy.fft.irfftn(x_hat * np.conj(other), s=x.shape[1:], axes=axes)
        images = np.roll(np.flip(y, axes), 1, axes) if mirrored else y
        distances.append([_aligned_distance(*triple) for triple in zip(x, images, correlations, strict=True)])
    return np.min(distances, axis=0)


def _aligned_distance(x: np.ndarray, y: np.ndarray, correlation: np.ndarray) -> float:
    """Distance of x to the multiple +1 or -1 of y, shifted to where their correlation is largest in size."""
    shift = np.unravel_index(np.argmax(np.abs(correlation)), correlation.shape)
    aligned = np.roll(y, shift, tuple(range(y.ndim)))
    return float(np.linalg.norm(x - np.sign(correlation[shift]) * aligned))


def _octave_power(x: np.ndarray) -> np.ndarray:
    """Power (n_samples, n_octaves) in octaves [2^k, 2^(k+1)) of the radial wavenumber."""
    grid = x.shape[1:]
    # Wavenumbers per longest side: the same physical scale along all axes of a grid that is not square.
    waves = np.meshgrid(*(max(grid) * scipy.fft.fftfreq(n) for n in grid), indexing="ij")
    radius = np.sqrt(sum(w**2 for w in waves))
    power = np.abs(scipy.fft.fftn(x, axes=tuple(range(1, x.ndim)), norm="forward")) ** 2
    octave = np.floor(np.log2(np.maximum(radius, 0.5))).astype(int)
    return np.stack([power[:, octave == k].sum(axis=1) for k in range(int(octave.max()) + 1)], axis=1)


def _present(power: np.ndarray) -> np.ndarray:
    """Where the power of an octave is more than round-off."""
    return np.asarray(power > np.finfo(power.dtype).eps * power.sum(axis=1, keepdims=True))


def _increments(x: np.ndarray, y: np.ndarray) -> tuple[list[float], list[float]]:
    from scipy.stats import ks_2samp

    kurtosis, distance = [], []
    for lag in LAGS:
        dx, dy = _increment(x, lag), _increment(y, lag)
        k_x, k_y = _kurtosis(dx), _kurtosis(dy)
        kurtosis.append((k_y - k_x) / k_x if k_x > 0 else np.nan)
        distance.append(float(ks_2samp(dx, dy, method="asymp").statistic))
    return kurtosis, distance


def _increment(x: np.ndarray, lag: int) -> np.ndarray:
    """Periodic increments along every axis, flat."""
    return np.concatenate([(np.roll(x, -lag, axis) - x).ravel() for axis in range(x.ndim)])


def _kurtosis(d: np.ndarray) -> float:
    variance = np.mean(d**2)
    return float(np.mean(d**4) / variance**2) if variance > 0 else 0.0


def _moments(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(len(x), -1)
    mean, std = flat.mean(axis=1), flat.std(axis=1)
    z = np.divide(flat - mean[:, None], std[:, None], out=np.zeros_like(flat), where=std[:, None] > 0)
    return np.stack([mean, std, (z**3).mean(axis=1), (z**4).mean(axis=1) - 3], axis=1)
