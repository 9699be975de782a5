"""One observed component of a linear system in two dimensions with noise: its memory is known in closed form."""

import numpy as np
from scipy.linalg import solve_discrete_lyapunov

A = np.array([[0.6, 0.5], [-0.4, 0.7]])
NOISE = np.array([[1.0, 0.3], [0.3, 0.5]])
STATIONARY = solve_discrete_lyapunov(A, NOISE)
READ = np.array([[1.0, 0.0]])
LIFT = STATIONARY @ READ.T / STATIONARY[0, 0]


def kernels(n):
    """Mori's kernels ``R A (Q A)^l Theta`` with ``Q = 1 - Theta R``, shape (n, 1, 1)."""
    out, state = [], LIFT
    for _ in range(n):
        out.append(READ @ A @ state)
        state = A @ state - LIFT @ out[-1]
    return np.array(out)


def window_covariance(n_states):
    """Covariance of stationary windows of the observed component, the latest first."""
    C = [float((np.linalg.matrix_power(A, n) @ STATIONARY)[0, 0]) for n in range(n_states)]
    return np.array([[C[abs(i - j)] for j in range(n_states)] for i in range(n_states)])


def innovation_variance():
    """Variance that the whole past of the component leaves of its next value (Riccati equation of the filter)."""
    P = STATIONARY
    for _ in range(2000):
        gain = P @ READ.T / (READ @ P @ READ.T)
        P = A @ (P - gain @ READ @ P) @ A.T + NOISE
    return float((READ @ P @ READ.T).item())


def runs(n_runs, n_steps, seed=0, start=STATIONARY):
    """Runs of the observed component from a normal start, stationary by default; shape (n_runs, n_steps, 1)."""
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal(np.zeros(2), start, n_runs)
    out = np.empty((n_runs, n_steps, 1))
    for t in range(n_steps):
        out[:, t] = z @ READ.T
        z = z @ A.T + rng.multivariate_normal(np.zeros(2), NOISE, n_runs)
    return out
