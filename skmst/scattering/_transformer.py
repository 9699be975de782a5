"""ScatteringTransformer: parameters, checks, names of outputs."""

from __future__ import annotations

import copy
import math
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, check_memory

from skmst.scattering.cascade import scatter
from skmst.scattering.fields import check_fields
from skmst.scattering.settings import grid_axes, path_columns, resolve_setting
from skmst.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    TrajectoryOutputMixin,
    check_feature_names_in,
    fit_context,
)
from skmst.utils.persistence import VersionStampMixin

FLOOR = 0.01  # a path's floor under the logarithm: this quantile of its fitted coefficients, this part of their mean
ROUNDOFF = 100  # and at least this many roundings of the largest path


class ScatteringTransformer(TrajectoryOutputMixin, VersionStampMixin, TransformerMixin, BaseEstimator):
    """Scattering transform of 1-D and 2-D fields: cascades of wavelet moduli, averaged.

    Order m of a field x is ``S[p] x = |...|x * psi_1| * psi_2| ... * psi_m| * phi`` along a path p of wavelets of
    growing scale. The coefficients are invariant (``T="global"``) or covariant (local averages) to translations,
    stable to deformations and need no training. All leading axes of the input are kept and its grid is replaced by
    features.

    Global coefficients do not know where on the grid anything is: no model built on them can forecast a position or the
    phase of a travelling wave. Keep position with ``T=16`` (local averages) or ``T=1`` (full resolution).

    Parameters
    ----------
    J : int, default=None
        Number of octaves; the largest scale is ``2**J`` grid steps. None takes the largest that the grid allows
        less one, at least 1; see ``J_``.
    Q : int or tuple of (int, int), default=1
        Wavelets per octave of the first (and the second) order, 1-D fields only. One number concerns the first order;
        the second has one per octave.
    L : int, default=8
        Orientations, 2-D fields only.
    T : {"global"}, int or None, default="global"
        Averaging scale: the whole grid, that many grid steps, or ``2**J`` (None). ``T=1`` does not average at all.
    max_order : {0, 1, 2}, default=2
        Highest order.
    wavelet : {"morlet", "tight"}, default="morlet"
        Filter bank: the Morlet filters of the scattering literature (the values of kymatio), or log-cosine filters that
        are an exact Littlewood-Paley partition of unity, so that energy is conserved layer by layer.
    rectifier : {"modulus"}, default="modulus"
        Pointwise nonlinearity between the convolutions.
    statistics : {"mean"}, default="mean"
        What is averaged: the rectified signals.
    boundary : {"periodic", "reflect"}, default="periodic"
        How a field goes on beyond its edges. "reflect" mirrors it, the edge point repeated (as in scipy.ndimage).
    oversampling : {"auto", "full"} or int, default="auto"
        Sampling of the inner layers: critical as in kymatio (0), that many octaves finer, the full grid everywhere
        ("full", the definition), or what keeps coefficients within 1e-3 of the definition ("auto").
    output_step : int, default=None
        Grid steps between the output points of local coefficients; None takes ``T / 4``, at least 1.
    log : bool, default=False
        Take ``log(S + floor)`` of orders 1 and 2. The floor of a path is the 1 % quantile of its coefficients in the
        fitted data, at least 1 % of their mean and always above round-off, so that a vanishing coefficient does not
        become the largest feature. Order 0 is signed and stays linear.
    grid_shape : tuple of int, default=None
        Grid of the fields. None means a 1-D grid, the last axis. The trailing axes of X must equal it, or be its
        flattened product.
    n_channels : int, default=None
        Number of fields on the same grid, on the axis before the grid (or flattened with it). None: one, without
        an axis.
    memory : str or joblib.Memory, default=None
        Cache of coefficients on disk, one entry per trajectory and setting, keyed by content. Spares a search over
        later steps of a Pipeline the transform of the same trajectories in every fold.
    engine : {"auto", "numpy"}, default="auto"
        What executes the transform.
    n_jobs : int, default=None
        Threads over samples. None means 1 unless in a :obj:`joblib.parallel_config` context.

    Attributes
    ----------
    J_ : int
        Number of octaves in use.
    grid_shape_ : tuple of int
        Grid of the fields.
    paths_ : dict of ndarray
        One row per path and one column per key: name, order, octave, orientation, centre frequency and bandwidth
        (cycles per grid step) of each wavelet. ``pandas.DataFrame(est.paths_)`` shows it.
    output_grid_ : tuple of int
        Grid of the coefficients of one path; () for global averages.
    log_floor_ : ndarray of shape (n_channels, n_paths), only with ``log=True``
        What is added before the logarithm; 0 at order 0.
    n_features_in_ : int
        Number of values per field: grid points times channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where X had any at fit.

    See Also
    --------
    PerSnapshot : Any scikit-learn transformer along trajectories.
    KoopmanRegressor : Linear dynamics in the coefficients.

    Notes
    -----
    Paths of order 2 go from a finer to a coarser resolution, ``j1 < j2``, as in kymatio. The tight bank has J octaves;
    the 1-D Morlet bank is kymatio's, with J + 1 wavelets at ``Q=1``.

    References
    ----------
    .. [1] S. Mallat, "Group invariant scattering", Comm. Pure Appl. Math. 65 (2012), eq. (2.25).
    .. [2] J. Bruna and S. Mallat, "Invariant scattering convolution networks", IEEE TPAMI 35 (2013).
    .. [3] M. Andreux et al., "Kymatio: scattering transforms in Python", JMLR 21 (2020).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst import ScatteringTransformer
    >>> fields = np.random.default_rng(0).standard_normal((10, 64))
    >>> scatter = ScatteringTransformer(J=3, wavelet="tight").fit(fields)
    >>> scatter.transform(fields).shape
    (10, 7)
    >>> scatter.get_feature_names_out()
    array(['s0', 's1_j0', 's1_j1', 's1_j2', 's2_j0_j1', 's2_j0_j2',
           's2_j1_j2'], dtype=object)
    >>> runs = fields.reshape(2, 5, 64)  # two trajectories of five steps
    >>> scatter.transform(runs).shape
    (2, 5, 7)
    """

    _parameter_constraints: dict = {
        "J": [Interval(Integral, 1, None, closed="left"), None],
        "Q": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "L": [Interval(Integral, 1, None, closed="left")],
        "T": [StrOptions({"global"}), Interval(Integral, 1, None, closed="left"), None],
        "max_order": [Interval(Integral, 0, 2, closed="both")],
        "wavelet": [StrOptions({"morlet", "tight"})],
        "rectifier": [StrOptions({"modulus"})],
        "statistics": [StrOptions({"mean"})],
        "boundary": [StrOptions({"periodic", "reflect"})],
        "oversampling": [StrOptions({"auto", "full"}), Interval(Integral, 0, None, closed="left")],
        "output_step": [Interval(Integral, 1, None, closed="left"), None],
        "log": ["boolean"],
        "grid_shape": ["array-like", None],
        "n_channels": [Interval(Integral, 1, None, closed="left"), None],
        "memory": [str, HasMethods(["cache"]), None],
        "engine": [StrOptions({"auto", "numpy"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        J=None,
        Q=1,
        L=8,
        T="global",
        max_order=2,
        *,
        wavelet="morlet",
        rectifier="modulus",
        statistics="mean",
        boundary="periodic",
        oversampling="auto",
        output_step=None,
        log=False,
        grid_shape=None,
        n_channels=None,
        memory=None,
        engine="auto",
        n_jobs=None,
    ):
        self.J = J
        self.Q = Q
        self.L = L
        self.T = T
        self.max_order = max_order
        self.wavelet = wavelet
        self.rectifier = rectifier
        self.statistics = statistics
        self.boundary = boundary
        self.oversampling = oversampling
        self.output_step = output_step
        self.log = log
        self.grid_shape = grid_shape
        self.n_channels = n_channels
        self.memory = memory
        self.engine = engine
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Settle grid, octaves and paths; with ``log=True`` also the floor of the logarithm.

        Parameters
        ----------
        X : array-like of shape (..., *grid_shape) or (..., n_channels, *grid_shape), or list of such arrays
            Fields with any leading axes, at least one; the grid (and channels) may be flattened into the last axis.
        y : None
            Ignored.

        Returns
        -------
        self : ScatteringTransformer

        Raises
        ------
        ValueError
            If X is not finite and real, its shape does not fit `grid_shape` and `n_channels`, or the grid does not hold
            `J` octaves or the averaging scale `T`.
        """
        self._fit(X, keep=False)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None, **fit_params):
        """Fit to X and return its coefficients, computed once.

        Parameters
        ----------
        X : array-like of shape (..., *grid_shape), or list of such arrays
            Fields, as in :meth:`fit`.
        y : None
            Ignored.
        **fit_params : dict
            Ignored; for compatibility.

        Returns
        -------
        ndarray of shape (..., n_features_out), or list of them
        """
        fields, coefficients = self._fit(X, keep=True)
        return fields.restore([self._flat(c) for c in coefficients])

    def transform(self, X):
        """Scattering coefficients, flat.

        Parameters
        ----------
        X : array-like of shape (..., *grid_shape), or list of such arrays
            Fields on the grid of the fit, any leading axes.

        Returns
        -------
        ndarray of shape (..., n_features_out), or list of them
            One feature per channel, path and output point, float32 for float32 fields, else float64.
        """
        fields, coefficients = self._coefficients(X)
        return fields.restore([self._flat(c) for c in coefficients])

    def coefficients(self, X):
        """Scattering coefficients with their axes: the numbers of :meth:`transform`, unflattened.

        Parameters
        ----------
        X : array-like of shape (..., *grid_shape), or list of such arrays
            Fields on the grid of the fit, any leading axes.

        Returns
        -------
        ndarray of shape (..., [n_channels,] n_paths, *output_grid_), or list of them
        """
        fields, coefficients = self._coefficients(X)
        if self.n_channels is None:
            coefficients = [np.squeeze(c, axis=-2 - len(self.output_grid_)) for c in coefficients]
        return fields.restore(coefficients)

    def get_feature_names_out(self, input_features=None):
        """Names such as ``s1_j2``, ``s2_j0_l3_j2_l1``, ``c1_s0`` (channel 1), ``s1_j0_x16`` (at grid point 16).

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked against the fitted names and number.

        Returns
        -------
        ndarray of str objects of shape (n_features_out,)
        """
        check_is_fitted(self)
        check_feature_names_in(self, input_features)
        channels = [f"c{c}_" for c in range(self.n_channels)] if self.n_channels else [""]
        step = self._setting.output_step
        points = [
            "".join(f"_{axis}{index * step}" for axis, index in zip("xyz", point, strict=False))
            for point in np.ndindex(self.output_grid_)
        ]
        names = [f"{c}{path}{point}" for c in channels for path in self.paths_["name"] for point in points]
        return np.asarray(names, dtype=object)

    @property
    def paths_(self):
        """One row per path and one column per key; derived from the parameters, so that pickles stay small."""
        check_is_fitted(self, "_setting")
        return dict(path_columns(self._setting))

    @property
    def _n_features_out(self):
        return (self.n_channels or 1) * len(self.paths_["name"]) * math.prod(self.output_grid_)

    def _fit(self, X, *, keep):
        """Fit; coefficients of X too where they are kept or the logarithm's floor needs them."""
        fitted = copy.copy(self)  # a fit that fails or is interrupted leaves this estimator as it was
        fields = check_fields(fitted, X, grid_axes(self.grid_shape), self.n_channels, reset=True)
        setting = resolve_setting(
            fields.grid_shape,
            J=self.J,
            Q=self.Q,
            L=self.L,
            T=self.T,
            max_order=self.max_order,
            wavelet=self.wavelet,
            boundary=self.boundary,
            oversampling=self.oversampling,
            output_step=self.output_step,
        )
        fitted._setting, fitted.J_ = setting, setting.J
        fitted.grid_shape_, fitted.output_grid_ = setting.grid_shape, setting.output_grid
        coefficients = [fitted._scatter(run) for run in fields.runs] if keep or self.log else []
        if self.log:
            fitted.log_floor_ = fitted._floor(coefficients)
            coefficients = [fitted._log(c) for c in coefficients]
        self.__dict__ = fitted.__dict__
        return fields, coefficients

    def _coefficients(self, X):
        check_is_fitted(self)
        fields = check_fields(self, X, grid_axes(self.grid_shape), self.n_channels, reset=False)
        coefficients = [self._scatter(run) for run in fields.runs]
        return fields, [self._log(c) for c in coefficients] if self.log else coefficients

    def _scatter(self, run):
        """Coefficients (*leading, n_channels, n_paths, *output_grid) of fields (*leading, n_channels, *grid)."""
        leading = run.shape[: run.ndim - len(self.grid_shape_)]
        per_trajectory = self.memory is not None and len(leading) > 2
        parts = [np.ascontiguousarray(part) for part in run] if per_trajectory else [run]
        flat = [part.reshape(-1, *self.grid_shape_) for part in parts]
        call = scatter
        if self.memory is not None:
            from skmst import __version__  # part of the key: another version may compute other numbers

            call = partial(check_memory(self.memory).cache(_scatter_by, ignore=["n_jobs"]), __version__)
        coefficients = np.concatenate([call(part, self._setting, n_jobs=self.n_jobs) for part in flat])
        return coefficients.reshape(*leading, *coefficients.shape[1:])

    def _flat(self, coefficients):
        n_leading = coefficients.ndim - 2 - len(self.output_grid_)
        return coefficients.reshape(*coefficients.shape[:n_leading], -1)

    def _by_path(self, coefficients):
        """View with axes (fields, n_channels, n_paths, output points)."""
        return coefficients.reshape(-1, self.n_channels or 1, len(self.paths_["order"]), math.prod(self.output_grid_))

    def _floor(self, runs):
        """What is added to every path before the logarithm; 1 where all coefficients are zero."""
        values = np.concatenate([self._by_path(c) for c in runs])
        typical = np.abs(values).mean(axis=(0, 3), dtype=np.float64)
        higher = self.paths_["order"] > 0
        largest = typical[:, higher].max(axis=1, initial=0.0, keepdims=True)
        roundoff = ROUNDOFF * np.finfo(values.dtype).eps * largest
        quantile = np.quantile(values, FLOOR, axis=(0, 3)).astype(np.float64)
        floor = np.maximum.reduce([quantile, FLOOR * typical, np.broadcast_to(roundoff, typical.shape)])
        floor[floor == 0.0] = 1.0
        floor[:, ~higher] = 0.0
        return floor

    def _log(self, coefficients):
        out = coefficients.copy()
        by_path, higher = self._by_path(out), self.paths_["order"] > 0
        # Local averages can undershoot zero: the low-pass of the tight bank has side lobes.
        by_path[:, :, higher] = np.log(np.maximum(by_path[:, :, higher], 0.0) + self.log_floor_[:, higher, None])
        return out


def _scatter_by(version, fields, setting, *, n_jobs=None):
    """`scatter` under a cache whose key holds the version that computed the coefficients."""
    return scatter(fields, setting, n_jobs=n_jobs)
