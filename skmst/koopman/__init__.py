"""Linear dynamics of observables: Koopman operators from data."""

from skmst.koopman._regressor import KoopmanRegressor
from skmst.koopman.canonical import SingularFunctions, singular_functions, vamp_score
from skmst.koopman.closures import Closure, closure
from skmst.koopman.coarse_graining import block_spins, coarse_graining_pairs, even_observables, odd_observables
from skmst.koopman.controls import ControlledOperator, controlled_operator
from skmst.koopman.dictionaries import compare_dictionaries
from skmst.koopman.generator import OperatorLogarithm, operator_logarithm
from skmst.koopman.intervals import EigenvalueIntervals, eigenvalue_intervals
from skmst.koopman.kernel import KernelKoopman, kernel_edmd
from skmst.koopman.kinetics import ChapmanKolmogorov, TimescalesByLag, chapman_kolmogorov, timescales_by_lag
from skmst.koopman.optimised import OptimisedDMD, optimised_dmd
from skmst.koopman.pairs import PairMoments
from skmst.koopman.pseudospectra import pseudospectrum
from skmst.koopman.randomised import ProjectedDMD, projected_dmd
from skmst.koopman.scoring import vamp_scorer
from skmst.koopman.sparse_modes import ModeSelection, select_modes
from skmst.koopman.sparsity import Sparsity, operator_sparsity
from skmst.koopman.spectrum import Spectrum, mode_table, verified

__all__ = [
    "ChapmanKolmogorov",
    "Closure",
    "ControlledOperator",
    "EigenvalueIntervals",
    "KernelKoopman",
    "KoopmanRegressor",
    "ModeSelection",
    "OperatorLogarithm",
    "OptimisedDMD",
    "PairMoments",
    "ProjectedDMD",
    "SingularFunctions",
    "Sparsity",
    "Spectrum",
    "TimescalesByLag",
    "block_spins",
    "chapman_kolmogorov",
    "closure",
    "coarse_graining_pairs",
    "compare_dictionaries",
    "controlled_operator",
    "eigenvalue_intervals",
    "even_observables",
    "kernel_edmd",
    "mode_table",
    "odd_observables",
    "operator_logarithm",
    "operator_sparsity",
    "optimised_dmd",
    "projected_dmd",
    "pseudospectrum",
    "select_modes",
    "singular_functions",
    "timescales_by_lag",
    "vamp_score",
    "vamp_scorer",
    "verified",
]
