"""From features back to fields: undo what was done to coefficients, then invert the encoding or search for fields."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_array, check_is_fitted

from skmst.scattering._encoding_mixin import EncodingMixin
from skmst.scattering.choices import logged_rows
from skmst.scattering.encoding import has_inverse, is_local
from skmst.scattering.features import undo_log, unflatten
from skmst.scattering.fields import DTYPES
from skmst.scattering.inverse import Inversion, invert


class InverseMixin(EncodingMixin):
    """The way there, and back."""

    inversion: Inversion | None
    n_features_in_: int

    @property
    def determines_fields(self) -> bool:
        """Whether features know where on the grid things are: local coefficients do, averages over the grid do not."""
        check_is_fitted(self, "_encoding")
        return is_local(self._encoding)

    def inverse_transform(self, X, *, start=None):
        """Fields with given features: exact, sought, or synthesised.

        From averages over the whole grid (``T="global"`` and all statistics but the mean) fields are *synthesised*:
        they have the given coefficients, but structures are anywhere, and a perfect match can be another field. From
        local coefficients fields are sought by L-BFGS, as `inversion` says, which is accurate for small `T`. With
        ``wavelet="orthonormal"`` and an invertible rectifier ("heisenberg") the inverse is a formula, exact to
        rounding. `skmst.scattering.reconstruction_report` measures what was reached.

        Parameters
        ----------
        X : array-like of shape (..., n_features_out), or list of such arrays
            Features, as of :meth:`transform`. The last axis but one of arrays with three axes or more, and the first
            axis of the arrays of a list, is time: fields are then sought in this order, each from the one before.
        start : array-like of shape (n, [n_channels,] *grid_shape), default=None
            Fields, flat or with their grid, to start the search from, in place of random ones: one for each row of a
            2-D X, or one for each trajectory, for its first step. A formula does not use them.

        Returns
        -------
        ndarray of shape (..., [n_channels,] *grid_shape), or list of them
            float32 for float32 features, else float64; complex if the fit saw complex fields.

        Raises
        ------
        ValueError
            If X or `start` has another shape or is not finite, or no finite field has the features.

        Warns
        -----
        ConvergenceWarning
            If a search ended before it converged.

        Notes
        -----
        What the noise floor took off is not put back: the fields are those without noise.
        """
        check_is_fitted(self)
        is_list = isinstance(X, (list, tuple)) and len(X) > 0 and all(np.ndim(run) == 2 for run in X)
        runs = [self._check_features(run) for run in (X if is_list else [X])]
        # Runs of a list are trajectories; what has two axes otherwise is samples without order.
        grouped = [run[None] if is_list else run for run in runs]
        starts = self._starts(start, grouped)
        found = [self._fields_of(run, first) for run, first in zip(grouped, starts, strict=True)]
        return [fields[0] for fields in found] if is_list else found[0]

    def _check_features(self, X):
        X = check_array(X, dtype=DTYPES, allow_nd=True, estimator=self, input_name="X")
        if X.shape[-1] != self._n_features_out:
            raise ValueError(
                f"X has {X.shape[-1]} features, but {type(self).__name__} makes {self._n_features_out} of a field."
            )
        return X

    def _starts(self, start, runs):
        """Fields (n, n_channels, *grid) to start each array of features from."""
        if start is None:
            return [None] * len(runs)
        counts = [int(np.prod(run.shape[: max(1, run.ndim - 2)])) for run in runs]
        wanted = (sum(counts), *((self.n_channels,) if self.n_channels else ()), *self.grid_shape_)
        start = np.asarray(start)
        # As X of a fit, with its grid or with the grid flattened into the last axis.
        fits = start.shape == wanted or start.shape == (wanted[0], self.n_features_in_)
        if not fits or not np.isfinite(start).all():
            raise ValueError(f"start must hold finite fields, shape {wanted}, one for each search; got {start.shape}.")
        fields = start.reshape(wanted[0], self.n_channels or 1, *self.grid_shape_)
        return np.split(fields, np.cumsum(counts)[:-1])

    def _fields_of(self, features, start):
        coefficients = unflatten(features, self._parts, self.output_grid_, self._n_transformed or 1)
        self._undo(coefficients)
        if not np.isfinite(coefficients).all():
            raise ValueError("X is far from the features of any field: undoing the logarithm overflows.")
        leading = features.shape[:-1]
        fields = self._invert(coefficients) if has_inverse(self._encoding) else self._search(coefficients, start)
        channels = (self.n_channels,) if self.n_channels else ()
        return fields.reshape(*leading, *channels, *self.grid_shape_)

    def _undo(self, coefficients):
        """Logarithm and fine-tuning off, in place."""
        if self.log:
            undo_log(self._by_path(coefficients), self.log_floor_, logged_rows(self._encoding))
        if hasattr(self, "fine_tuning_"):
            rows = self._by_row(coefficients)
            rows[...] = self.fine_tuning_.inverse(rows)

    def _invert(self, coefficients):
        flat = coefficients.reshape(-1, coefficients.shape[-1])
        return self._encoding.inverse(flat, n_jobs=self.n_jobs)

    def _search(self, coefficients, start):
        """Fields by optimisation; channels that are not coupled are samples, or trajectories, of their own."""
        n_core = 1 + len(self.output_grid_)
        core, leading = coefficients.shape[-n_core:], coefficients.shape[: -n_core - 1]
        n_channels, steps = coefficients.shape[len(leading)], leading[-1:] if len(leading) > 1 else ()
        grouped = coefficients.reshape(-1, *steps, n_channels, *core)
        each = np.moveaxis(grouped, -1 - n_core, 1).reshape(-1, *steps, *core)
        coupled = (self.n_channels or 1,) if self._encoding.couples_channels else ()
        shape = (*coupled, *self.grid_shape_)
        found = invert(
            each,
            self._encoding,
            inversion=self.inversion,
            field_shape=shape,
            complex_fields=self._complex_fields,
            start=None if start is None else start.reshape(-1, *shape),
            n_jobs=self.n_jobs,
        )
        fields = found.fields.reshape(len(grouped), n_channels, *found.fields.shape[1:])
        real = coefficients.real.dtype
        dtype = np.result_type(real, np.complex64) if self._complex_fields else real
        return np.moveaxis(fields, 1, 1 + len(steps)).astype(dtype)
