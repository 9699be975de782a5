"""Every estimator keeps scikit-learn's contract, in several settings each."""

import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmst.koopman import KoopmanRegressor
from skmst.master_equation import MasterEquationPredictor
from skmst.scattering import ScatteringTransformer
from skmst.trajectories import PerSnapshot

REGRESSORS = [
    KoopmanRegressor(),
    KoopmanRegressor(rank=2, solver="reduced_rank", alpha=0.1),
    KoopmanRegressor(rank=1, n_delays=2, lag=2, alpha=1e-3, horizon=2),
    KoopmanRegressor(observables=PolynomialFeatures(2, include_bias=False), alpha=0.1, n_context=2),
    MasterEquationPredictor(alpha=0.1),
    MasterEquationPredictor(n_memory=1),
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

SCATTERING = [
    ScatteringTransformer(),
    ScatteringTransformer(J=1, wavelet="tight", T=1, max_order=1),
    ScatteringTransformer(J=1, T=None, log=True, boundary="reflect"),
    ScatteringTransformer(J=1, Q=2, oversampling="full", n_jobs=2),
]
TRANSFORMERS += SCATTERING

IN_ORDER = "rows are steps in time: the forecast of a step depends on the steps before it"


def expected_failures(estimator):
    """Checks that order in time forbids by definition."""
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
@pytest.mark.filterwarnings("ignore:Can't check dok sparse matrix:UserWarning")
@parametrize_with_checks(REGRESSORS + TRANSFORMERS, expected_failed_checks=expected_failures)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def name_of(estimator):
    return repr(estimator).replace("\n", " ")


@pytest.mark.filterwarnings("ignore:the model is unstable:UserWarning")
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
