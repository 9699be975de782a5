"""ScatteringTransformer: parameters, checks, names of outputs."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skmst.scattering import foreign_arrays
from skmst.scattering._inverse_mixin import InverseMixin
from skmst.scattering.choices import STATISTICS, WAVELETS
from skmst.scattering.encoding import innermost
from skmst.scattering.engines.namespaces import is_foreign
from skmst.scattering.features import feature_names, flatten
from skmst.scattering.inverse import Inversion
from skmst.scattering.large_input import is_elsewhere
from skmst.scattering.options import HarmonicMoments, Orthonormal, SolidHarmonic, Spectra
from skmst.scattering.paths import RULES
from skmst.scattering.rectifiers import RECTIFIERS
from skmst.scattering.setting import ENGINES
from skmst.scattering.tolerance import LARGEST, SMALLEST
from skmst.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    TrajectoryOutputMixin,
    check_feature_names_in,
    fit_context,
)
from skmst.utils.persistence import VersionStampMixin


class ScatteringTransformer(InverseMixin, TrajectoryOutputMixin, VersionStampMixin, TransformerMixin, BaseEstimator):
    """Scattering transform of 1-D, 2-D and 3-D fields: cascades of wavelets and a rectifier, averaged.

    Order m of a field x is ``S[p] x = |...|x * psi_1| * psi_2| ... * psi_m| * phi`` along a path p of wavelets of
    growing scale, with the modulus or another rectifier. The coefficients are invariant (``T="global"``) or covariant
    (local averages) to translations, stable to deformations and need no training. All leading axes of the input are
    kept and its grid is replaced by features.

    Global coefficients do not know where on the grid anything is: no model built on them can forecast a position or the
    phase of a travelling wave. Keep position with ``T=16`` (local averages) or ``T=1`` (full resolution), or keep the
    phase too (``wavelet="orthonormal", rectifier="heisenberg"``): :meth:`inverse_transform` leads back to fields.

    Parameters
    ----------
    J : int, default=None
        Number of octaves; the largest scale is ``2**J`` grid steps. None takes the largest that the grid allows
        less one, at least 1, and for orthonormal wavelets at most the times that 2 divides every axis; see ``J_``.
    Q : int or tuple of (int, int), default=1
        Wavelets per octave of the first (and of all later) orders, 1-D fields only. One number concerns the first
        order; later ones have one per octave.
    L : int, default=8
        Orientations, 2-D and 3-D fields only; for solid harmonics the highest degree (3 is usual).
    T : {"global"}, int or None, default="global"
        Averaging scale: the whole grid, that many grid steps, or ``2**J`` (None). ``T=1`` does not average at all.
    max_order : int, default=2
        Highest order, 0 or more.
    wavelet : {"morlet", "tight", "orthonormal", "solid_harmonics"} or option object, default="morlet"
        The Morlet filters of the scattering literature (the values of kymatio); log-cosine filters that are an exact
        Littlewood-Paley partition of unity, so that energy is conserved layer by layer; orthonormal wavelets, with as
        many coefficients as grid points (`Multiresolution`; options: `Orthonormal`); or solid harmonics, invariant to
        rotations in 3-D (`SolidHarmonics`; options: `SolidHarmonic`). Parameters that mean nothing to a choice must
        stay at their defaults.
    rectifier : {"modulus", "log_modulus", "phase_harmonics", "heisenberg", "heisenberg_v4"} or object
        Default "modulus". Pointwise nonlinearity between the convolutions: ``|z|``, ``log(1 + |z|)``,
        ``|z| exp(2 i arg z)``, ``arcsin(2 z / pi)``, or the form ``-arg z + i log(1 + |z|)`` printed in [5]_, which
        warns; or an object of `skmst.scattering.rectifiers`. The last three keep the phase: coefficients are complex,
        every wavelet after the first order comes with its mirror image, and X may be complex. Only the modulus and
        phase harmonics are homogeneous: for the others ``S(c x)`` is not ``|c| S(x)``, so the units of X matter.
    statistics : str or option object, default="mean"
        What is made of the filtered signals. "mean": averages of the cascade. Over the whole grid: "energy", mean
        squares of the bands (`Energies`); "branching", shares of the energy of each band's modulus that go to other
        scales (`Branching`, tight bank); "ratios" of second to first order (`Ratios`); scattering "spectra" and
        "self_similar_spectra" (`ScatteringSpectra`; options: `Spectra`); "phase_harmonics", their moments
        (`PhaseHarmonics`; options: `HarmonicMoments`). Numbers relative to a band are not defined for fields without
        energy in it, such as constants: these raise, but not means and energies.
    isotropic : bool, default=False
        Average over rotations of all orientations together, in 2-D and 3-D (`RotationAverage`).
    cross_channels : bool, default=False
        Take moments between channels too; for spectra and phase harmonics.
    vector_field : bool, default=False
        The channels are the components of a vector field, one for each axis: its divergence and vorticity, per grid
        step, become further channels, named ``u_``, ``v_``, ``w_``, ``div_``, ``vort_`` (``vortx_``, ... in 3-D).
    boundary : {"periodic", "reflect", "zeros"}, default="periodic"
        How a field goes on beyond its edges. "reflect" mirrors it, the edge point repeated (as in scipy.ndimage);
        "zeros", empty space, is for solid harmonics only.
    oversampling : {"auto", "full"} or int, default="auto"
        Sampling of the inner layers: critical as in kymatio (0), that many octaves finer, the full grid everywhere
        ("full", the definition), or what keeps a batch of fields typically within 1e-3 of the definition ("auto"; with
        the Heisenberg rectifiers that is the full grid).
    output_step : int, default=None
        Grid steps between the output points of local coefficients; None takes ``T / 4``, at least 1.
    paths : {"bandwidth", "kymatio", "all"}, default="bandwidth"
        Which wavelet may follow which: one whose band lies where the rectified signal before it has energy, one of
        coarser resolution (the rule of kymatio), or any. See Notes.
    upsampling : int, default=1
        A power of two: rectified signals are sampled that many times finer, if need be on a grid finer than that of
        X, which is interpolated by padding its spectrum with zeros. The modulus reaches beyond the band of the field;
        on the field's own grid its aliases change the finest coefficients by about 1 % under shifts by a fraction of
        a grid step.
    tol : float, default=None
        In place of `oversampling`: sample moduli by their bandwidth, for a relative error of all coefficients, in norm,
        up to `tol` (1e-5 to 0.1) on noises and Brownian fields; single coefficients near zero may be worse. For
        ``rectifier="modulus"`` and ``"log_modulus"``. With many wavelets per octave 1e-3 saves 2 to 5 times the work.
    noise_floor : {"auto"}, float or None, default=None
        Standard deviation of white noise in the fields, in their units, whose part in the first order is taken off as
        ``sqrt(S**2 - floor**2)``. "auto" reads it off the finest band, as the median over the fitted fields.
    log : bool, default=False
        Take ``log(S + floor)`` of orders from 1 on, and of all energies, shares and ratios; not of numbers with signs
        or phases. The floor of a path is the
        1 % quantile of its coefficients in the fitted data, at least 1 % of their mean and always above round-off, so
        that a vanishing coefficient does not become the largest feature. Order 0 is signed and stays linear.
    inversion : Inversion, default=None
        How :meth:`inverse_transform` searches for fields where no formula leads back.
    grid_shape : tuple of int, default=None
        Grid of the fields. None means a 1-D grid, the last axis. The trailing axes of X must equal it, or be its
        flattened product.
    n_channels : int, default=None
        Number of fields on the same grid, on the axis before the grid (or flattened with it). None: one, without
        an axis.
    memory : str or joblib.Memory, default=None
        Cache of coefficients on disk, one entry per trajectory and setting, keyed by content. Spares a search over
        later steps of a Pipeline the transform of the same trajectories in every fold.
    engine : {"auto", "numpy", "compiled", "array_api"}, default="auto"
        What executes the transform; all agree to rounding. "auto" takes the compiled engine where it is installed and
        knows all options in use, else numpy; and for arrays of other libraries (torch, cupy, jax) their own functions.
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
        What is added before the logarithm; 0 where none is taken.
    order_energy_ : ndarray of shape (max_order + 1,), only for means of the cascade
        Shares of the mean square of the fields that the coefficients of each order hold, from at most two of the
        fitted fields, before averages over rotations and of the components of vector fields; NaN if these are zero.
        :meth:`order_energy` has the exact partition.
    noise_level_ : ndarray of shape (n_channels,), only with `noise_floor`
        Standard deviation of the noise.
    fine_tuning_ : AffineCorrection, only after :meth:`fine_tune`
        The corrections that `transform` applies.
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
    With ``paths="bandwidth"`` psi_2 follows psi_1 where its centre frequency is below that of psi_1 and its lower
    half-power edge below twice the half-power bandwidth of psi_1, the width of the whole band, beyond which
    ``|x * psi_1|`` holds little. With one wavelet per octave these are the pairs ``j1 < j2``. Kymatio's rule compares
    subsampling factors instead, which in 1-D leaves out pairs of its finest wavelets. The tight bank has J octaves;
    the 1-D Morlet bank is kymatio's, with J + 1 wavelets at ``Q=1``.

    Complex coefficients become two features each, named ``..._re`` and ``..._im``, moments that are real by definition
    one; :meth:`coefficients` returns the complex numbers. Mirror images ``psi(-w)`` are marked by ``m`` in names and by
    -1 in the columns ``sign1``, ... of ``paths_``; a wavelet and its image are both divided by sqrt(2), so that
    together they keep as much of a complex signal as the wavelet alone keeps of a real one.

    References
    ----------
    .. [1] S. Mallat, "Group invariant scattering", Comm. Pure Appl. Math. 65 (2012), eq. (2.25).
    .. [2] J. Bruna and S. Mallat, "Invariant scattering convolution networks", IEEE TPAMI 35 (2013).
    .. [3] M. Andreux et al., "Kymatio: scattering transforms in Python", JMLR 21 (2020).
    .. [4] S. Zhang and S. Mallat, "Maximum entropy models from phase harmonic covariances", ACHA 53 (2021).
    .. [5] M. E. Glinsky, "A transformational approach to collective behavior", arXiv:2410.08558v4 (2024), eq. (14).

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
        "max_order": [Interval(Integral, 0, None, closed="left")],
        "wavelet": [StrOptions(set(WAVELETS)), Orthonormal, SolidHarmonic],
        "rectifier": [StrOptions(set(RECTIFIERS)), HasMethods(["__call__", "pullback", "inverse"])],
        "statistics": [StrOptions(set(STATISTICS)), Spectra, HarmonicMoments],
        "isotropic": ["boolean"],
        "cross_channels": ["boolean"],
        "vector_field": ["boolean"],
        "boundary": [StrOptions({"periodic", "reflect", "zeros"})],
        "oversampling": [StrOptions({"auto", "full"}), Interval(Integral, 0, None, closed="left")],
        "output_step": [Interval(Integral, 1, None, closed="left"), None],
        "paths": [StrOptions(set(RULES))],
        "upsampling": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, SMALLEST, LARGEST, closed="both"), None],
        "noise_floor": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither"), None],
        "log": ["boolean"],
        "inversion": [Inversion, None],
        "grid_shape": ["array-like", None],
        "n_channels": [Interval(Integral, 1, None, closed="left"), None],
        "memory": [str, HasMethods(["cache"]), None],
        "engine": [StrOptions(set(ENGINES))],
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
        isotropic=False,
        cross_channels=False,
        vector_field=False,
        boundary="periodic",
        oversampling="auto",
        output_step=None,
        paths="bandwidth",
        upsampling=1,
        tol=None,
        noise_floor=None,
        log=False,
        inversion=None,
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
        self.isotropic = isotropic
        self.cross_channels = cross_channels
        self.vector_field = vector_field
        self.boundary = boundary
        self.oversampling = oversampling
        self.output_step = output_step
        self.paths = paths
        self.upsampling = upsampling
        self.tol = tol
        self.noise_floor = noise_floor
        self.log = log
        self.inversion = inversion
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
            If X is not finite, is complex though the rectifier loses the phase, its shape does not fit `grid_shape` and
            `n_channels`, the grid does not hold `J` octaves or the averaging scale `T`, or parameters contradict each
            other.
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
        if is_elsewhere(X):
            self._fit(X, keep=False)
            return self.transform(X)
        fields, coefficients = self._fit(X, keep=True)
        return fields.restore([flatten(c, self._parts, self.output_grid_) for c in coefficients])

    def transform(self, X):
        """Scattering coefficients, flat.

        Parameters
        ----------
        X : array-like of shape (..., *grid_shape), or list of such arrays
            Fields on the grid of the fit, any leading axes.

        Returns
        -------
        ndarray of shape (..., n_features_out), or list of them
            One feature per channel, path and output point (two, real and imaginary part, of complex coefficients),
            float32 for float32 fields, else float64.
        """
        if is_foreign(X):
            check_is_fitted(self)
            return foreign_arrays.features(self, X)
        if is_elsewhere(X):
            return self._mapped(X, "transform", (self._n_features_out,), np.float32)
        fields, coefficients = self._coefficients(X)
        return fields.restore([flatten(c, self._parts, self.output_grid_) for c in coefficients])

    def coefficients(self, X):
        """Scattering coefficients with their axes: the numbers of :meth:`transform`, unflattened.

        Parameters
        ----------
        X : array-like of shape (..., *grid_shape), or list of such arrays
            Fields on the grid of the fit, any leading axes.

        Returns
        -------
        ndarray of shape (..., [n_channels,] n_paths, *output_grid_), or list of them
            Complex after rectifiers that keep the phase, and for spectra and phase harmonics.
        """
        if is_foreign(X):
            check_is_fitted(self)
            return self._public(foreign_arrays.coefficients(self, X))
        if is_elsewhere(X):
            channels = (self.n_channels,) if self._n_transformed else ()
            tail = (*channels, len(self.paths_["order"]), *self.output_grid_)
            return self._mapped(X, "coefficients", tail, np.complex64 if self._encoding.is_complex else np.float32)
        fields, coefficients = self._coefficients(X)
        return fields.restore([self._public(c) for c in coefficients])

    def get_feature_names_out(self, input_features=None):
        """Names such as ``s1_j2``, ``s2_j0_l3_j2_l1``, ``c1_s0`` (channel 1), ``s1_j0_x16`` (at grid point 16).

        Complex coefficients have two, ``s2_j0_j2m_re`` and ``s2_j0_j2m_im``, where ``m`` marks the mirror image
        ``psi(-w)`` of a wavelet. Other statistics name their numbers ``e1_j0``, ``b_j0_j1``, ``r2_j0_j1``,
        ``S3_j1_j0_re``, ``Cphase_j0_j1_im``.

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
        step = getattr(innermost(self._encoding), "output_step", 1)
        return feature_names(self.paths_["name"], self.output_grid_, step, self._n_transformed, self._parts)
