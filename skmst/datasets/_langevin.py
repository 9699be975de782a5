"""Overdamped particles in a potential on the line: dX = drift(X) dt + amplitude dW, from their stationary law."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skmst.datasets._checks import check_integrated

Array = NDArray[np.float64]
Drift = Callable[[Array], Array]


def langevin_trajectories(
    drift: Drift,
    amplitude: float,
    density: tuple[Array, Array],
    sizes: tuple[int, int, int],
    step: float,
    rng: np.random.RandomState,
) -> Array:
    """Trajectories (n_trajectories, n_steps, 1) by Heun's scheme, of weak order two for additive noise.

    `density` is a fine grid and the stationary density on it, up to a factor; `sizes` are the numbers of
    trajectories, of saved steps, and of internal steps of length `step` between them.
    """
    n_trajectories, n_steps, n_substeps = sizes
    x = stationary_sample(rng.uniform(size=n_trajectories), *density)
    states = np.empty((n_trajectories, n_steps, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(n_steps):
            states[:, i, 0] = x
            if i < n_steps - 1:
                for noise in amplitude * np.sqrt(step) * rng.standard_normal((n_substeps, n_trajectories)):
                    x = heun_step(drift, x, noise, step)
    return check_integrated(states)


def heun_step(drift: Drift, x: Array, noise: Array, step: float) -> Array:
    """One step of the trapezoidal rule with an Euler predictor; `noise` is the random increment."""
    force = drift(x)
    return x + noise + 0.5 * step * (force + drift(x + step * force + noise))


def stationary_sample(uniform: Array, grid: Array, density: Array) -> Array:
    """Map uniform numbers to the law with that density by inverting its distribution function."""
    cumulative = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return np.interp(uniform, cumulative / cumulative[-1], grid)
