"""What estimators need around an `Encoding`: checks, corrections, the logarithm, channels, caching.

Parameters are elsewhere; the way back to fields is in `_inverse_mixin`.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, check_memory

from skmst.scattering import foreign_arrays, large_input
from skmst.scattering.choices import logged_rows, resolve_encoding, takes_complex_fields
from skmst.scattering.encoding import innermost
from skmst.scattering.engines.namespaces import is_foreign, to_numpy
from skmst.scattering.features import log_floor, real_parts, take_log
from skmst.scattering.fields import check_fields, spread
from skmst.scattering.order_energy import order_energies
from skmst.scattering.rotation import RotationAverage
from skmst.scattering.setting import Setting
from skmst.scattering.settings import grid_axes
from skmst.scattering.small_scales import AffineCorrection, fine_tune, noise_level, remove_floor, white_noise_floor

VANISHING = (
    "rectifier='heisenberg_v4' is -arg z + i log(1 + |z|), the formula printed in arXiv:2410.08558v4: however small a "
    "signal z is, its phase comes out of order one (rms pi / sqrt(3)), so noise becomes as large as the field. The "
    "arcsin form, rectifier='heisenberg', vanishes with the signal."
)
FEW = 2  # fields from which the shares of the orders are taken
MANY = 64  # and the level of the noise
_OPTIONAL = ("log_floor_", "noise_level_", "fine_tuning_", "order_energy_")


class EncodingMixin:
    """Fits and applies the encoding that an estimator's parameters ask for.

    The estimator has the parameters named below and those that `resolve_encoding` reads.
    """

    grid_shape: Any
    n_channels: int | None
    log: bool
    noise_floor: Any
    memory: Any
    n_jobs: int | None
    get_params: Callable[..., dict[str, Any]]
    grid_shape_: tuple[int, ...]
    output_grid_: tuple[int, ...]
    log_floor_: np.ndarray
    noise_level_: np.ndarray
    fine_tuning_: AffineCorrection
    order_energy_: np.ndarray
    _encoding: Any
    _complex_fields: bool
    J_: int

    @property
    def paths_(self):
        """One row per path and one column per key; derived from the parameters, so that pickles stay small."""
        check_is_fitted(self, "_encoding")
        return self._encoding.table()

    def order_energy(self, X):
        """Shares of the energy of fields that the averages of each order hold.

        Parameters
        ----------
        X : array-like of shape (..., *grid_shape), or list of such arrays
            Fields on the grid of the fit, any leading axes.

        Returns
        -------
        ndarray of shape (max_order + 2,)
            ``sum mean |U[p] * phi_J|^2`` over the paths of each order, last what deeper orders would hold, over
            ``mean |X|^2``; NaN for fields that are zero. With ``paths="all"`` and the modulus they add up to one.

        Raises
        ------
        ValueError
            If `wavelet` is not "tight": other banks lose energy; or the features are not those of the cascade.

        Notes
        -----
        Nothing is sampled, so this costs more than :meth:`transform`.
        """
        fields = self._check(X)
        setting = innermost(self._encoding)
        if not isinstance(setting, Setting):
            raise ValueError("only the cascade has orders whose energy adds up, not what this estimator computes.")
        total, energies = 0.0, 0.0
        for run in fields.runs:
            flat = run.reshape(-1, *self.grid_shape_)
            energies = energies + order_energies(flat, setting).sum(axis=0, dtype=np.float64)
            total += float(np.sum(np.abs(flat) ** 2, dtype=np.float64)) / math.prod(self.grid_shape_)
        return energies / total if total else np.full_like(energies, np.nan)

    def fine_tune(self, X, reference, *, ridge=1.0):
        """Fit corrections of the coefficients to ones that are known better; every transform applies them from now on.

        The finest scales of coarse or noisy fields are biased. Where better coefficients exist for some fields (of the
        same states on a finer grid, or without noise), an affine correction of the logarithm of each path is learned,
        by ridge regression towards no correction. Judge it on initial conditions that it has not seen.

        Parameters
        ----------
        X : array-like of shape (..., *grid_shape)
            Fields on the grid of the fit.
        reference : ndarray of the shape of ``coefficients(X)``
            What their coefficients should be, before any logarithm.
        ridge : float, default=1.0
            Weight of the prior that there is nothing to correct, as of so many further fields.

        Returns
        -------
        self : ScatteringTransformer
            With ``fine_tuning_``; a new fit forgets it.

        Raises
        ------
        ValueError
            If shapes differ, `reference` is not finite or has negative numbers where coefficients have none, `ridge` is
            not positive, or coefficients have signs or phases.

        See Also
        --------
        skmst.scattering.small_scales.fine_tune : The correction itself.
        """
        fields = self._check(X)
        if innermost(self._encoding).is_complex:
            raise ValueError("fine_tune corrects logarithms: coefficients must not have signs or phases of their own.")
        reference = [np.asarray(r) for r in (reference if fields.is_list else [reference])]
        found = [self._denoise(self._scatter(run)) for run in fields.runs]
        for number, (known, c) in enumerate(zip(reference, found, strict=True)):
            expected = self._public(c).shape
            if known.shape != expected or not np.isfinite(known).all():
                raise ValueError(
                    f"reference must be finite, of the shape of coefficients(X), {expected}; got {known.shape} in run "
                    f"{number}."
                )
            if (self._by_path(known)[:, :, logged_rows(self._encoding)] < 0).any():
                raise ValueError(
                    f"reference holds negative numbers in run {number}: it is what coefficients should be before any "
                    "logarithm; compute it with log=False."
                )
        self.fine_tuning_ = fine_tune(
            np.concatenate([self._by_row(c) for c in found]),
            np.concatenate([self._by_row(k.reshape(c.shape)) for k, c in zip(reference, found, strict=True)]),
            ridge,
        )
        return self

    @property
    def _n_features_out(self):
        per_channel = int(self._parts.sum()) * math.prod(self.output_grid_)
        return (self._n_transformed or 1) * per_channel

    @property
    def _parts(self):
        """Which of real and imaginary part of each path are features."""
        return real_parts(self.paths_, self._encoding.is_complex)

    @property
    def _n_transformed(self):
        """Number of channels that are transformed one by one; None where there is no such axis."""
        return None if self._encoding.couples_channels else self.n_channels

    def _fit(self, X, *, keep):
        """Fit; coefficients of X too where they are kept or the logarithm's floor needs them.

        Of what is not in memory a few fields are read, spread as the ones that are looked at in memory; the floor of
        the logarithm asks for the coefficients of all.
        """
        fitted = copy.copy(self)  # a fit that fails or is interrupted leaves this estimator as it was
        for name in _OPTIONAL:
            vars(fitted).pop(name, None)
        parameters, elsewhere = self.get_params(deep=False), large_input.is_elsewhere(X)
        fields = check_fields(
            fitted,
            large_input.sample(X, self._field_axes(X), MANY) if elsewhere else X,
            grid_axes(self.grid_shape),
            self.n_channels,
            reset=True,
            allow_complex=takes_complex_fields(parameters),
        )
        are_complex = any(np.iscomplexobj(run) for run in fields.runs)
        encoding = resolve_encoding(fields.grid_shape, parameters, complex_fields=are_complex)
        if getattr(innermost(encoding), "rectifier", None) == "heisenberg_v4":
            warnings.warn(VANISHING, UserWarning, stacklevel=4)
        fitted._encoding, fitted._complex_fields, fitted.J_ = encoding, are_complex, encoding.J
        fitted.grid_shape_, fitted.output_grid_ = encoding.grid_shape, encoding.output_grid
        if self.noise_floor is not None:
            fitted.noise_level_ = fitted._level(fields.runs)
        if elsewhere and is_foreign(X):
            foreign_arrays.check_executable(encoding)
        coefficients = [fitted._scatter(run) for run in fields.runs] if not elsewhere and (keep or self.log) else []
        if isinstance(innermost(encoding), Setting):
            fitted.order_energy_ = fitted._shares(fields.runs, coefficients)
        coefficients = [fitted._denoise(c) for c in coefficients]
        if self.log:
            everything = fitted._everywhere(X) if elsewhere else coefficients
            values = np.concatenate([fitted._by_path(c) for c in everything])
            fitted.log_floor_ = log_floor(values, logged_rows(encoding))
        self.__dict__ = fitted.__dict__
        return fields, [self._log(c) for c in coefficients]

    def _field_axes(self, X):
        return large_input.n_field_axes(tuple(X.shape), grid_axes(self.grid_shape), self.n_channels)

    def _everywhere(self, X):
        """Coefficients of fields that are not in memory, before the logarithm."""
        if is_foreign(X):
            return [to_numpy(foreign_arrays.coefficients(self, X, logarithm=False))]
        found = (self._check(fields).runs for _, fields in large_input.pieces(X, self._field_axes(X)))
        return [self._denoise(self._scatter(run)) for runs in found for run in runs]

    def _mapped(self, X, method, tail, dtype):
        """What a method gives for fields of dask or on disk."""
        check_is_fitted(self)
        precision = np.float32 if np.dtype(X.dtype) in (np.float32, np.complex64) else np.float64
        dtype = np.result_type(precision, dtype)
        return large_input.mapped(X, self._field_axes(X), getattr(self, method), tail, dtype)

    def _coefficients(self, X):
        fields = self._check(X)
        return fields, [self._log(self._tuned(self._denoise(self._scatter(run)))) for run in fields.runs]

    def _check(self, X):
        check_is_fitted(self)
        grid_shape = grid_axes(self.grid_shape)
        return check_fields(self, X, grid_shape, self.n_channels, reset=False, allow_complex=self._complex_fields)

    def _scatter(self, run):
        """Coefficients (*leading, n_channels, n_paths, *output_grid) of fields (*leading, n_channels, *grid)."""
        n_field = len(self.grid_shape_) + self._encoding.couples_channels
        leading, field = run.shape[: run.ndim - n_field], run.shape[run.ndim - n_field :]
        per_trajectory = self.memory is not None and run.ndim - len(self.grid_shape_) > 2
        parts = [np.ascontiguousarray(part) for part in run] if per_trajectory else [run]
        call = _forward
        if self.memory is not None:
            from skmst import __version__  # part of the key: another version may compute other numbers

            call = partial(check_memory(self.memory).cache(_forward_by, ignore=["n_jobs"]), __version__)
        flat = [part.reshape(-1, *field) for part in parts]
        size = 16 * len(innermost(self._encoding).table()["name"]) * math.prod(self._encoding.output_grid)
        found = [large_input.forward(call, part, self._encoding, size, self.n_jobs) for part in flat]
        coefficients = found[0] if len(found) == 1 else np.concatenate(found)
        channels = (1,) if self._encoding.couples_channels else ()
        return coefficients.reshape(*leading, *channels, *coefficients.shape[1:])

    def _level(self, runs):
        """Level of the white noise in each channel: given, or the median over fields of the fit."""
        if self.noise_floor != "auto":
            return np.full(self.n_channels or 1, float(self.noise_floor))
        fields = spread(runs, 1 + len(self.grid_shape_), MANY)
        boundary = innermost(self._encoding).boundary
        return np.array([np.median(noise_level(channel, boundary)) for channel in np.moveaxis(fields, 1, 0)])

    def _shares(self, runs, coefficients):
        """Shares of the mean square of a few of the fields that the coefficients of each order hold."""
        few, setting = spread(runs, 1 + len(self.grid_shape_), FEW), innermost(self._encoding)
        if self._encoding is not setting:  # averages over rotations and derived channels do not add up
            found = setting.forward(few.reshape(-1, *self.grid_shape_), n_jobs=self.n_jobs)
        elif coefficients:
            found = spread(coefficients, 2 + len(self.output_grid_), FEW)
        else:
            found = self._scatter(few)
        order = setting.table()["order"]
        by_path = found.reshape(-1, len(order), math.prod(self.output_grid_))
        unit = np.float64(np.abs(few).max()) or 1.0  # squares of the numbers as they are may leave their range
        power = np.square(np.abs(by_path) / unit).mean(axis=2).sum(axis=0)
        total = np.square(np.abs(few) / unit).sum() / math.prod(self.grid_shape_)
        shares = np.array([power[order == m].sum() for m in range(int(order.max()) + 1)])
        return shares / total if total else np.full_like(shares, np.nan)

    def _denoise(self, coefficients):
        """Coefficients of the first order without those of the noise."""
        if not hasattr(self, "noise_level_"):
            return coefficients
        floor = white_noise_floor(innermost(self._encoding))
        if isinstance(self._encoding, RotationAverage):
            floor = self._encoding.average(floor[np.newaxis])[0]
        floor = floor * (self.paths_["order"] == 1).reshape(-1, *(1,) * (floor.ndim - 1))
        return remove_floor(coefficients, self.noise_level_.reshape(-1, *(1,) * floor.ndim) * floor)

    def _tuned(self, coefficients):
        if not hasattr(self, "fine_tuning_"):
            return coefficients
        return self.fine_tuning_.apply(self._by_row(coefficients)).reshape(coefficients.shape)

    def _by_path(self, coefficients):
        """View with axes (fields, n_channels, n_paths, output points)."""
        n_paths = len(self.paths_["order"])
        return coefficients.reshape(-1, self._n_transformed or 1, n_paths, math.prod(self.output_grid_))

    def _by_row(self, coefficients):
        """View with axes (fields, channels times paths, output points)."""
        by_path = self._by_path(coefficients)
        return by_path.reshape(len(by_path), -1, by_path.shape[3])

    def _public(self, coefficients):
        """Without the axis of channels where the caller has none."""
        whole = (slice(None),) * (1 + len(self.output_grid_))
        return coefficients if self._n_transformed else coefficients[(..., 0, *whole)]

    def _log(self, coefficients):
        if not self.log:
            return coefficients
        out = coefficients.copy()
        take_log(self._by_path(out), self.log_floor_, logged_rows(self._encoding))
        return out


def _forward(fields, encoding, *, n_jobs=None):
    return encoding.forward(fields, n_jobs=n_jobs)


def _forward_by(version, fields, encoding, *, n_jobs=None):
    """The transform under a cache whose key holds the version that computed the coefficients."""
    return encoding.forward(fields, n_jobs=n_jobs)
