"""The lumped three-state chain whose memory kernels are known in closed form, in the convention of columns.

States 1 and 2 of the chain are seen as one. The kernels are ``R A (Q A)^l Theta`` with the projection
``Q = 1 - Theta R`` of the full dynamics A, and they are geometric.
"""

import numpy as np

A = np.array([[0.9, 0.1, 0.0], [0.05, 0.75, 0.2], [0.0, 0.02, 0.98]]).T
STATIONARY = np.array([1.0, 2.0, 20.0]) / 23
RATIO = 0.734545  # of successive kernels, to six digits
TIMESCALE = 12.1431  # in steps

READ = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
LUMPED = READ @ STATIONARY
#: From lumped probabilities to those of the states, within a lump as in the stationary law.
LIFT = (STATIONARY * READ).T / LUMPED


def kernels(n):
    """Exact kernels Omega_0, ..., Omega_{n-1}, shape (n, 2, 2)."""
    out, state = [], LIFT
    for _ in range(n):
        out.append(READ @ A @ state)
        state = A @ state - LIFT @ out[-1]
    return np.array(out)


def propagators(n):
    """Exact T(0), ..., T(n - 1) of lumped probabilities that start in the stationary law within lumps."""
    return np.array([READ @ np.linalg.matrix_power(A, k) @ LIFT for k in range(n)])


def window_covariance(n_states):
    """Exact covariance of stationary windows of that many states, the latest first."""
    C = propagators(n_states) * LUMPED - np.outer(LUMPED, LUMPED)
    blocks = [[C[j - i] if j >= i else C[i - j].T for j in range(n_states)] for i in range(n_states)]
    return np.block(blocks)
