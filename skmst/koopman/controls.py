"""Linear dynamics with inputs: dynamic mode decomposition with control, and its bilinear extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmst.trajectories import check_outputs, check_step_count, check_trajectories
from skmst.utils.delay_model import with_inputs
from skmst.utils.linalg import ridge_regression
from skmst.utils.moments import WindowMoments, sum_windows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ControlledOperator:
    """Dynamics ``x_{t+1} = sum_k A_k x_{t-k} + B_k u_{t-k} + sum_i u_{i,t-k} N_{ki} x_{t-k} + b``.

    Attributes
    ----------
    states : ndarray of shape (n_delays, n, n)
        The A_k.
    inputs : ndarray of shape (n_delays, n, m)
        The B_k.
    bilinear : ndarray of shape (n_delays, m, n, n), or None
        The N_ki, where they were asked for.
    intercept : ndarray of shape (n,)
        b.
    """

    states: Array
    inputs: Array
    bilinear: Array | None
    intercept: Array

    def step(self, x: Array, u: Array) -> Array:
        """Advance histories of states (..., n_delays, n) under inputs (..., n_delays, m), both the latest first."""
        out = np.einsum("kij,...kj->...i", self.states, x) + np.einsum("kij,...kj->...i", self.inputs, u)
        if self.bilinear is not None:
            out = out + np.einsum("klij,...kl,...kj->...i", self.bilinear, u, x)
        return np.asarray(out + self.intercept)

    def forecast(self, start: ArrayLike, inputs: ArrayLike, n_steps: int) -> Array:
        """Continue trajectories under given inputs.

        Parameters
        ----------
        start : array-like of shape (..., n_observed, n)
            Observed starts, of at least `n_delays` steps.
        inputs : array-like of shape (..., n_observed + n_steps - 1, m) or longer
            Inputs at the steps of `start` and of the forecast; that at the last step, and what follows, do not matter.
        n_steps : int
            Number of steps to forecast.

        Returns
        -------
        ndarray of shape (..., n_steps, n)
            The continuation.

        Raises
        ------
        ValueError
            If shapes do not fit, or `n_steps` is below 1.
        OverflowError
            If the forecast leaves the range of floating-point numbers; the message names the step.

        Examples
        --------
        >>> import numpy as np
        >>> from skmst.koopman.controls import ControlledOperator
        >>> model = ControlledOperator(np.array([[[0.5]]]), np.array([[[1.0]]]), None, np.zeros(1))
        >>> model.forecast([[0.0]], [[1.0], [0.0], [0.0]], 3).ravel()
        array([1.  , 0.5 , 0.25])
        """
        n_steps = check_step_count(n_steps, "n_steps")
        x, u = np.asarray(start, dtype=np.float64), np.asarray(inputs, dtype=np.float64)
        n_delays, n, m = self.inputs.shape
        if x.ndim < 2 or x.shape[-1] != n or x.shape[-2] < n_delays:
            raise ValueError(f"start has shape {x.shape}: give (..., {n_delays} steps or more, {n} features).")
        n_needed = x.shape[-2] + n_steps - 1
        if u.shape[:-2] != x.shape[:-2] or u.shape[-1] != m or u.shape[-2] < n_needed:
            raise ValueError(
                f"inputs has shape {u.shape}: give {x.shape[:-2]} + ({n_needed} steps or more, {m} inputs), from the "
                "first step of start on."
            )
        now = x.shape[-2] - 1
        path = [x[..., k, :] for k in range(now + 1)]
        with np.errstate(over="ignore", invalid="ignore"):
            for k in range(1, n_steps + 1):
                past = np.stack(path[: -n_delays - 1 : -1], axis=-2)
                at = now + k - 1 - np.arange(n_delays)
                path.append(self.step(past, u[..., at, :]))
                if not np.isfinite(path[-1]).all():
                    raise OverflowError(f"the forecast left the range of floating-point numbers at step {k}.")
        return np.stack(path[now + 1 :], axis=-2)


def controlled_operator(
    X: Any, inputs: Any, *, n_delays: int = 1, bilinear: bool = False, alpha: float = 0.0
) -> ControlledOperator:
    """Learn dynamics with inputs by least squares (dynamic mode decomposition with control).

    Parameters
    ----------
    X : array-like of shape (n_steps, n) or (n_trajectories, n_steps, n), or list of 2-D arrays
        Trajectories of observables.
    inputs : array-like of shape (n_steps, m) or (n_trajectories, n_steps, m), or list of 2-D arrays
        Inputs at the same steps: that of a step acts until the next one. One input needs no last axis.
    n_delays : int, default=1
        States and inputs of history, one step apart.
    bilinear : bool, default=False
        Whether inputs also multiply the states, as they do in the Koopman operator of a system that is affine in its
        inputs.
    alpha : float, default=0.0
        Ridge penalty, relative to the mean variance of the predictors.

    Returns
    -------
    ControlledOperator
        The dynamics. Inputs that never vary have the coefficient zero.

    Raises
    ------
    ValueError
        If the data are not valid or a run has no more than `n_delays` steps.

    References
    ----------
    Proctor, Brunton & Kutz (2016), SIAM J. Appl. Dyn. Syst. 15, 142. Peitz, Otto & Rowley (2020), SIAM J. Appl. Dyn.
    Syst. 19, 2162 (bilinear).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.controls import controlled_operator
    >>> u = np.random.default_rng(0).normal(size=30)
    >>> x = np.zeros((30, 1))
    >>> for t in range(29):
    ...     x[t + 1] = 0.8 * x[t] + 2 * u[t]
    >>> model = controlled_operator(x, u)
    >>> model.states.round(6).item(), model.inputs.round(6).item()
    (0.8, 2.0)
    """
    moments, n, m = control_moments(X, inputs, n_delays=n_delays, bilinear=bilinear)
    return operator_of_moments(moments, n, m, alpha=alpha)


def control_moments(
    X: Any, inputs: Any, *, n_delays: int = 1, bilinear: bool = False
) -> tuple[WindowMoments, int, int]:
    """Sum up states, inputs, and their products if asked for; moments of several chunks of data add up.

    Parameters
    ----------
    X, inputs, n_delays, bilinear
        As for `controlled_operator`.

    Returns
    -------
    moments : WindowMoments
        Of windows of ``[x, u]`` or ``[x, u, u_1 x, ..., u_m x]``.
    n, m : int
        Number of states and of inputs.

    Raises
    ------
    ValueError
        As for `controlled_operator`.
    """
    n_delays = check_step_count(n_delays, "n_delays")
    runs = check_trajectories(X)
    given, _ = check_outputs(inputs, runs, input_name="inputs")
    if runs.lengths.min() <= n_delays:
        raise ValueError(f"a run has {runs.lengths.min()} steps: n_delays={n_delays} needs more than as many.")
    joint = [with_inputs(x, u, bilinear) for x, u in zip(runs.blocks, given, strict=True)]
    return sum_windows(joint, [j[..., :0] for j in joint], n_delays, 1), runs.n_features, given[0].shape[-1]


def operator_of_moments(moments: WindowMoments, n: int, m: int, *, alpha: float = 0.0) -> ControlledOperator:
    """Solve for the dynamics from the moments of `control_moments`.

    Parameters
    ----------
    moments, n, m
        What `control_moments` returns.
    alpha : float, default=0.0
        As for `controlled_operator`.

    Returns
    -------
    ControlledOperator
        The dynamics.
    """
    covariance, past = moments.covariance(), moments.history
    gram = covariance[past, past]
    solution = ridge_regression(covariance[:n, past], gram, alpha * float(np.mean(np.diag(gram))))
    intercept = moments.mean[:n] - solution @ moments.mean[past]
    terms = solution.reshape(n, moments.n_terms, moments.n_latent).swapaxes(0, 1)
    products = terms[..., n + m :]
    bilinear = products.reshape(-1, n, m, n).swapaxes(1, 2) if products.size else None
    return ControlledOperator(terms[..., :n], terms[..., n : n + m], bilinear, intercept)
