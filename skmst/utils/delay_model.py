"""A model of a window of history: complete it, advance it, read it. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[np.float64]


#: Numbers in the windows that are advanced together: what stays in a processor's cache.
_TOGETHER = 2**19


@dataclass(frozen=True)
class AffineMap:
    """The map ``z -> coefficients z[:n] + intercept`` on columns.

    Attributes
    ----------
    coefficients : ndarray of shape (m, n)
        The linear part; entries of z beyond the first n do not matter.
    intercept : ndarray of shape (m,)
        The value at zero.
    """

    coefficients: Array
    intercept: Array

    @classmethod
    def between_means(cls, coefficients: Array, source: Array, target: Array) -> AffineMap:
        """Make the map with given linear part that takes the mean `source` to the mean `target`."""
        return cls(coefficients, target - coefficients @ source[: coefficients.shape[1]])

    def __call__(self, Z: Array) -> Array:
        """Apply the map to the rows of Z; the result has shape (..., m)."""
        return Z[..., : self.coefficients.shape[1]] @ self.coefficients.T + self.intercept


def with_inputs(states: NDArray[Any], inputs: NDArray[Any], bilinear: bool) -> NDArray[Any]:
    """Join states (..., n) and inputs (..., m): ``[x, u]``, or the n + m + m n of ``[x, u, u_1 x, ..., u_m x]``."""
    if not bilinear:
        return np.concatenate([states, inputs], axis=-1)
    products = (inputs[..., :, None] * states[..., None, :]).reshape(*states.shape[:-1], -1)
    return np.concatenate([states, inputs, products], axis=-1)


@dataclass(frozen=True)
class DelayModel:
    """Dynamics of a window ``z_t = [x_t, x_{t-lag}, ..., x_{t-(n_terms-1)lag}]`` of latent states x.

    Attributes
    ----------
    n_terms, lag : int
        Steps in a window and the distance between them.
    advance : AffineMap or callable
        From the window to the leading part of the window one lag later: to all of it, or to the newest
        state only. What is missing is the old window, shifted. Any function of rows will do.
    read_state, read_output : AffineMap
        From the window to the state that the user gave, and to the observables to forecast.
    state_of_latent : AffineMap or None
        From the newest latent state to the state that the user gave, for models that go back to it and
        lift again at every step; None for those that step linearly.
    history_mean : ndarray of shape (n_terms * n_latent,)
        Mean window.
    history_factor : ndarray of shape (n_terms * n_latent, n_terms * n_latent)
        Cholesky factor of the window's covariance.
    n_inputs : int
        Number of inputs, which latent states hold beside what was lifted: those of the `lag` steps from the state's own
        on, one after the other. `advance` gives the lifted part of the newest state, or the whole window with any
        inputs in the newest.
    bilinear : bool
        Whether latent states also hold the products of inputs and what was lifted.
    """

    n_terms: int
    lag: int
    advance: Callable[[Array], Array]
    read_state: AffineMap
    read_output: AffineMap
    state_of_latent: AffineMap | None
    history_mean: Array
    history_factor: Array
    n_inputs: int = field(default=0, kw_only=True)
    bilinear: bool = field(default=False, kw_only=True)

    @property
    def n_latent(self) -> int:
        """Dimension of one step's latent state."""
        return len(self.history_mean) // self.n_terms

    @property
    def n_lifted(self) -> int:
        """Dimension of one step's latent state without inputs."""
        rest = self.n_latent - self.n_inputs
        return rest // (1 + self.n_inputs) if self.bilinear else rest

    def history(self, latent: Array, times: NDArray[np.intp]) -> Array:
        """Collect the windows that end at given times, completing those that reach back before the start.

        What was not observed is replaced by its linear conditional mean given what was: its innovations
        (coordinates in the Cholesky factor) are set to zero. The model applied to such a window is the
        regression on the observed terms alone: the shorter-memory model of the same moments.

        Parameters
        ----------
        latent : ndarray of shape (n_runs, n_steps, n_latent)
            Latent states.
        times : ndarray of int of shape (n_times,)
            Steps at which the windows end.

        Returns
        -------
        ndarray of shape (n_runs, n_times, n_terms * n_latent)
            The windows.
        """
        d = self.n_latent
        out = np.empty((len(latent), len(times), self.n_terms * d))
        for j in range(self.n_terms):
            out[..., j * d : (j + 1) * d] = latent[:, np.maximum(times - j * self.lag, 0)]
        observed = np.minimum(times // self.lag + 1, self.n_terms)
        for m in np.unique(observed[observed < self.n_terms]):
            at, n_known = np.flatnonzero(observed == m), m * d
            known = (out[:, at, :n_known] - self.history_mean[:n_known]).reshape(-1, n_known)
            factor = self.history_factor[:, :n_known]
            innovations = linalg.solve_triangular(factor[:n_known], known.T, lower=True)
            rest = (factor[n_known:] @ innovations).T + self.history_mean[n_known:]
            out[:, at, n_known:] = rest.reshape(len(latent), len(at), -1)
        return out

    def step(self, Z: Array, lift: Callable[[Array], Array], inputs: Array | None = None) -> tuple[Array, Array | None]:
        """Advance windows by one lag.

        Parameters
        ----------
        Z : ndarray of shape (..., n_terms * n_latent)
            Windows.
        lift : callable
            From states (..., n_features) to lifted states (..., n_lifted), for models that lift again.
        inputs : ndarray of shape (..., n_inputs), default=None
            Inputs of the `lag` steps from the one that is reached on; None where it is the last.

        Returns
        -------
        Z : ndarray of shape (..., n_terms * n_latent)
            The windows one lag later.
        state : ndarray of shape (..., n_features) or None
            The state that was lifted again, if any.
        """
        newest, state = self.advance(Z), None
        if self.state_of_latent is not None:
            state = self.state_of_latent(newest[..., : self.n_latent])
            newest = lift(state)
        if self.n_inputs:
            given = np.zeros((*newest.shape[:-1], self.n_inputs)) if inputs is None else inputs
            joined = with_inputs(newest[..., : self.n_lifted], given, self.bilinear)
            newest = np.concatenate([joined, newest[..., self.n_latent :]], axis=-1)
        kept = Z.shape[-1] - newest.shape[-1]
        return np.concatenate([newest, Z[..., :kept]], axis=-1) if kept else newest, state

    def read(self, Z: Array, state: Array | None, *, as_state: bool) -> Array:
        """Read the observables (or the user's state) off what `step` returned; shape (..., n_outputs)."""
        if not as_state:
            return self.read_output(Z)
        return self.read_state(Z) if state is None else state

    def forecast(
        self,
        latent: Array,
        origins: NDArray[np.intp],
        n_steps: int,
        lift: Callable[[Array], Array],
        *,
        as_state: bool,
        inputs: Array | None = None,
    ) -> Array:
        """Forecast freely from given times.

        Parameters
        ----------
        latent : ndarray of shape (n_runs, n_steps_observed, n_latent)
            Observed latent states.
        origins : ndarray of int of shape (n_origins,)
            The last step that each forecast may know, at least ``lag - 1``.
        n_steps : int
            Steps to forecast. The step s after the origin comes from the one `lag` before it.
        lift : callable
            As for `step`.
        as_state : bool
            Whether to give the user's state or the observables.
        inputs : ndarray of shape (n_runs, n_origins, n_steps, n_inputs), default=None
            Inputs at the steps after each origin, for models that have such.

        Returns
        -------
        ndarray of shape (n_runs, n_origins, n_steps, n_outputs)
            The forecasts; what left the range of floating-point numbers is not finite.
        """
        reader = self.read_state if as_state else self.read_output
        out = np.empty((len(latent), len(origins), n_steps, len(reader.intercept)))
        n_together = max(1, _TOGETHER // (len(origins) * len(self.history_mean)))
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(latent), n_together):
                runs = slice(start, start + n_together)
                for phase in range(min(self.lag, n_steps)):
                    Z = self.history(latent[runs], origins - self.lag + 1 + phase)
                    for s in range(phase, n_steps, self.lag):
                        Z, state = self.step(Z, lift, None if inputs is None else inputs[runs, :, s])
                        out[runs, :, s] = self.read(Z, state, as_state=as_state)
        return out
