"""Dynamics with memory: discrete generalized master equations from data."""

from skmst.master_equation._predictor import MasterEquationPredictor
from skmst.master_equation.constraints import stochastic_kernels, with_dissipated_state
from skmst.master_equation.counting import (
    MarkovChain,
    connected_sets,
    markov_chain,
    transition_counts,
    transition_matrix,
)
from skmst.master_equation.embedding import Embedding, embedding_regression, exponential_poles
from skmst.master_equation.fluctuation import (
    FluctuationDissipation,
    fluctuation_dissipation,
    fluctuation_dissipation_test,
)
from skmst.master_equation.generators import Generator, fit_generator, generator_of, nearest_generator
from skmst.master_equation.integrative import igme, igme_logarithmic, predict_igme
from skmst.master_equation.kernels import (
    companion_matrix,
    correlations,
    memory_function,
    mori_kernels,
    propagate,
    regression,
)
from skmst.master_equation.memory import KernelInterval, MemoryPlateau, kernel_interval, memory_plateau
from skmst.master_equation.noise import Whiteness, noise_covariance, residual_series, whiteness
from skmst.master_equation.nonlinear import NonlinearStep, joint_projection, quadratic_regressor, sequential_projections
from skmst.master_equation.pcca import coarse_transition_matrix, pcca
from skmst.master_equation.propagators import (
    markov_propagators,
    mean_integral_kernel,
    predict_qmsm,
    predict_tcl,
    propagator_rmse,
    qmsm,
    tcl,
    transfer_tensors,
)
from skmst.master_equation.rates import implied_timescales, mean_first_passage_times, stationary_distribution
from skmst.master_equation.simulation import (
    gaussian_noise,
    residual_noise,
    simulate,
    stationary_covariance,
    stationary_shift,
)
from skmst.master_equation.states import assign_clusters, energy_fractions, find_clusters, indicators
from skmst.master_equation.stationarity import StationarityTest, stationarity_test
from skmst.master_equation.validation import ChapmanKolmogorov, chapman_kolmogorov, timescales_by_lag
from skmst.trajectories._moments import TrajectoryMoments, trajectory_moments

__all__ = [
    "ChapmanKolmogorov",
    "Embedding",
    "FluctuationDissipation",
    "Generator",
    "KernelInterval",
    "MarkovChain",
    "MasterEquationPredictor",
    "MemoryPlateau",
    "NonlinearStep",
    "StationarityTest",
    "TrajectoryMoments",
    "Whiteness",
    "assign_clusters",
    "chapman_kolmogorov",
    "coarse_transition_matrix",
    "companion_matrix",
    "connected_sets",
    "correlations",
    "embedding_regression",
    "energy_fractions",
    "exponential_poles",
    "find_clusters",
    "fit_generator",
    "fluctuation_dissipation",
    "fluctuation_dissipation_test",
    "gaussian_noise",
    "generator_of",
    "igme",
    "igme_logarithmic",
    "implied_timescales",
    "indicators",
    "joint_projection",
    "kernel_interval",
    "markov_chain",
    "markov_propagators",
    "mean_first_passage_times",
    "mean_integral_kernel",
    "memory_function",
    "memory_plateau",
    "mori_kernels",
    "nearest_generator",
    "noise_covariance",
    "pcca",
    "predict_igme",
    "predict_qmsm",
    "predict_tcl",
    "propagate",
    "propagator_rmse",
    "qmsm",
    "quadratic_regressor",
    "regression",
    "residual_noise",
    "residual_series",
    "sequential_projections",
    "simulate",
    "stationarity_test",
    "stationary_covariance",
    "stationary_distribution",
    "stationary_shift",
    "stochastic_kernels",
    "tcl",
    "timescales_by_lag",
    "trajectory_moments",
    "transfer_tensors",
    "transition_counts",
    "transition_matrix",
    "whiteness",
    "with_dissipated_state",
]
