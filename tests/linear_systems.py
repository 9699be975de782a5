"""Exactly linear data and a plain model of them, for tests."""

import numpy as np

#: Eigenvalues .9 +- .3i and .8, in a basis without structure.
BASIS = np.array([[1.0, 0.4, -0.3], [0.2, 1.0, 0.5], [-0.6, 0.1, 1.0]])
A = BASIS @ np.array([[0.9, 0.3, 0.0], [-0.3, 0.9, 0.0], [0.0, 0.0, 0.8]]) @ np.linalg.inv(BASIS)
#: Eigenvalues by falling modulus, the one with positive imaginary part first.
EIGENVALUES = np.array([0.9 + 0.3j, 0.9 - 0.3j, 0.8])
FIXED_POINT = np.array([2.0, -1.0, 5.0])
#: Observables that are linear in the state.
READ = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]])


def linear_runs(n_runs, n_steps, seed=0):
    """Runs of x(t + 1) = A x(t), moved to a fixed point: shape (n_runs, n_steps, 3)."""
    X = np.empty((n_runs, n_steps, 3))
    X[:, 0] = np.random.default_rng(seed).normal(size=(n_runs, 3))
    for t in range(1, n_steps):
        X[:, t] = X[:, t - 1] @ A.T
    return X + FIXED_POINT


def noisy_runs(n_runs, n_steps, n_features=3, seed=0):
    """Stationary-looking runs of a stable system driven by noise."""
    rng = np.random.default_rng(seed)
    M = 0.8 * np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    X = rng.normal(size=(n_runs, n_steps, n_features))
    for t in range(1, n_steps):
        X[:, t] += X[:, t - 1] @ M.T
    return X


def stacked_windows(runs, n_terms, lag):
    """Predecessors [x_t, x_{t-lag}, ...] and successors x_{t+lag} of all windows, in plain loops."""
    past, future = [], []
    for run in runs:
        for t in range((n_terms - 1) * lag, len(run) - lag):
            past.append(np.concatenate([run[t - j * lag] for j in range(n_terms)]))
            future.append(run[t + lag])
    return np.array(past), np.array(future)


def affine_least_squares(past, future):
    """Coefficients (acting on columns) and intercept of the least-squares map."""
    design = np.c_[past, np.ones(len(past))]
    solution = np.linalg.lstsq(design, future, rcond=None)[0]
    return solution[:-1].T, solution[-1]
