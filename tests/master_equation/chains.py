"""Chains whose properties are known, and trajectories of them; columns are states."""

import numpy as np

#: The chain of three states whose lumping to {0}, {1, 2} has memory.
THREE = np.array([[0.9, 0.1, 0.0], [0.05, 0.75, 0.2], [0.0, 0.02, 0.98]]).T
THREE_LAW = np.array([1.0, 2.0, 20.0]) / 23


def two_states(a, b):
    """Leave state 0 with probability a, state 1 with probability b."""
    return np.array([[1 - a, b], [a, 1 - b]])


def birth_death(up, down):
    """Steps from k to k + 1 with probability up[k], from k + 1 to k with probability down[k]."""
    T = np.diag(up, -1) + np.diag(down, 1)
    return T + np.diag(1 - T.sum(axis=0))


def birth_death_law(up, down):
    law = np.cumprod(np.r_[1.0, np.divide(up, down)])
    return law / law.sum()


def random_chain(rng, n):
    return rng.dirichlet(np.ones(n), n).T


def walk(T, n_steps, rng, start=0):
    """One trajectory of a chain, n_steps states."""
    edges = np.cumsum(T, axis=0)
    states = np.empty(n_steps, dtype=int)
    states[0] = start
    for t, u in enumerate(rng.random(n_steps - 1), start=1):
        states[t] = np.searchsorted(edges[:, states[t - 1]], u)
    return np.minimum(states, len(T) - 1)
