"""Every estimator keeps scikit-learn's contract, in several settings each."""

import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmst.koopman import KoopmanRegressor
from skmst.master_equation import MasterEquationPredictor
from skmst.scattering import Inversion, ScatteringTransformer, Spectra
from skmst.scattering.rectifiers import PhaseHarmonic
from skmst.trajectories import PerSnapshot

REGRESSORS = [
    KoopmanRegressor(),
    KoopmanRegressor(rank=2, solver="reduced_rank", alpha=0.1),
    KoopmanRegressor(rank=1, n_delays=2, lag=2, alpha=1e-3, horizon=2),
    KoopmanRegressor(observables=PolynomialFeatures(2, include_bias=False), alpha=0.1, n_context=2),
    KoopmanRegressor(solver="tls"),
    KoopmanRegressor(solver="forward_backward"),
    KoopmanRegressor(rank=1, solver="forward_backward", n_delays=2),
    KoopmanRegressor(rank=2, solver="vamp", alpha=0.1),
    KoopmanRegressor(solver="self_adjoint"),
    KoopmanRegressor(solver="unitary"),
    KoopmanRegressor(solver="causal"),
    KoopmanRegressor(rank=2, solver="optdmd", n_delays=2),
    MasterEquationPredictor(alpha=0.1),
    MasterEquationPredictor(n_memory=1),
    MasterEquationPredictor(n_memory=1, state="clusters", n_states=2, random_state=0),
    MasterEquationPredictor(n_memory=2, state="clusters", n_states=2, constraint="stochastic", random_state=0),
    MasterEquationPredictor(n_memory=2, lag=2, alpha=1.0, n_context=4, horizon=2),
    MasterEquationPredictor(n_memory=2, method="mori"),
    MasterEquationPredictor(n_memory=2, method="qmsm", stabilize=False),
    MasterEquationPredictor(n_memory=3, method="igme"),
    MasterEquationPredictor(n_memory=3, method="tcl"),
    MasterEquationPredictor(n_memory=3, method="embedding", n_exponentials=1),
    MasterEquationPredictor(n_memory=2, method="nonlinear", alpha=0.1),
]
TRANSFORMERS = [
    PerSnapshot(StandardScaler()),
    PerSnapshot(PCA()),
    PerSnapshot(PCA(n_components=1, whiten=True)),
    PerSnapshot(PolynomialFeatures(2)),
]


def scattering(*args, **kwargs):
    """With short searches for fields: one check inverts all that it transforms."""
    return ScatteringTransformer(*args, **kwargs, inversion=Inversion(n_starts=1, max_iter=3))


SCATTERING = [
    scattering(),
    scattering(J=1, wavelet="tight", T=1, max_order=1),
    scattering(J=1, T=None, log=True, boundary="reflect"),
    scattering(J=1, Q=2, oversampling="full", n_jobs=2),
    scattering(J=1, wavelet="tight", rectifier="heisenberg"),
    scattering(J=1, T=1, rectifier="phase_harmonics", upsampling=2),
    scattering(J=1, rectifier="log_modulus", paths="all"),
    scattering(J=1, max_order=3, paths="kymatio"),
    scattering(J=1, rectifier=PhaseHarmonic(3)),
    scattering(J=1, max_order=1, noise_floor=0.01),
    scattering(J=1, Q=4, tol=1e-2),
    scattering(J=1, engine="numpy"),
    scattering(J=1, T=2, engine="array_api"),
    scattering(J=1, statistics="energy", log=True),
    scattering(J=1, wavelet="tight", statistics="branching"),
    scattering(J=1, statistics="ratios", log=True),
    scattering(J=1, wavelet="tight", statistics="spectra"),
    scattering(J=1, statistics=Spectra(normalise=False, flatness=True)),
    scattering(J=1, statistics="self_similar_spectra"),
    scattering(J=1, wavelet="tight", statistics="phase_harmonics"),
]
TRANSFORMERS += SCATTERING
# Many of the checks' fields have an odd number of points, which it refuses.
ORTHONORMAL = ScatteringTransformer(J=1, wavelet="orthonormal", rectifier="heisenberg")

RELATIVE = ("branching", "ratios", "spectra", "self_similar_spectra", "phase_harmonics")
EVEN_GRIDS = [
    "check_fit_score_takes_y",
    "check_dont_overwrite_parameters",
    "check_estimators_dtypes",
    "check_pipeline_consistency",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_transformer_data_not_an_array",
    "check_transformer_general",
    "check_transformer_preserve_dtypes",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_fit2d_1feature",
    "check_dict_unchanged",
    "check_fit2d_predict1d",
]
IN_ORDER = "rows are steps in time: the forecast of a step depends on the steps before it"


def expected_failures(estimator):
    """Checks that order in time, taking complex fields or dividing by the power of bands forbids by definition."""
    if estimator is ORTHONORMAL:
        failing = dict.fromkeys(EVEN_GRIDS, "an orthonormal octave halves every axis: odd grids are refused")
        return failing | {"check_complex_data": "rectifiers that keep the phase take complex fields"}
    if getattr(estimator, "statistics", None) in RELATIVE:
        return {"check_estimators_dtypes": "a row of equal integers has no energy in any band: shares are not defined"}
    if getattr(estimator, "rectifier", None) in ("phase_harmonics", "heisenberg", PhaseHarmonic(3)):
        return {"check_complex_data": "rectifiers that keep the phase take complex fields"}
    has_memory = getattr(estimator, "n_memory", 1) > 1 or getattr(estimator, "n_delays", 1) > 1
    # What forecasts by propagators knows the present state only.
    if not has_memory or getattr(estimator, "method", None) in ("igme", "tcl"):
        return {}
    return {
        "check_methods_sample_order_invariance": IN_ORDER,
        "check_methods_subset_invariance": IN_ORDER,
    }


# The checks' data are short noise, for which a memory model may well be unstable.
@pytest.mark.filterwarnings("ignore:the model is unstable:UserWarning")
@pytest.mark.filterwarnings("ignore:the model's steps are no transition probabilities:UserWarning")
@pytest.mark.filterwarnings("ignore:Can't check dok sparse matrix:UserWarning")
@pytest.mark.filterwarnings("ignore:.* did not converge in max_iter:sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([*REGRESSORS, *TRANSFORMERS, ORTHONORMAL], expected_failed_checks=expected_failures)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def name_of(estimator):
    return repr(estimator).replace("\n", " ")


@pytest.mark.filterwarnings("ignore:the model is unstable:UserWarning")
@pytest.mark.filterwarnings("ignore:the model's steps are no transition probabilities:UserWarning")
@pytest.mark.parametrize("estimator", REGRESSORS + TRANSFORMERS, ids=name_of)
@pytest.mark.parametrize("check", [checks.check_param_validation, checks.check_dataframe_column_names_consistency])
def test_check_that_the_suite_leaves_out(estimator, check):
    check(type(estimator).__name__, estimator)


# Some of these fit on a data frame and transform an array on purpose.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("estimator", TRANSFORMERS, ids=name_of)
@pytest.mark.parametrize(
    "check",
    [
        checks.check_transformer_get_feature_names_out,
        checks.check_transformer_get_feature_names_out_pandas,
        checks.check_set_output_transform,
        checks.check_set_output_transform_pandas,
        checks.check_global_output_transform_pandas,
        checks.check_set_output_transform_polars,
        checks.check_global_set_output_transform_polars,
    ],
)
def test_transformer_check_that_the_suite_leaves_out(estimator, check):
    check(type(estimator).__name__, estimator)
