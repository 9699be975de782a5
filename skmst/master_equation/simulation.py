"""Free runs with memory and noise: all members of an ensemble are stepped by one matrix product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skmst.utils.delay_model import DelayModel
from skmst.utils.propagator_model import PropagatorModel

Array = NDArray[np.float64]
Map = Callable[[Array], Array]
#: Gives the noise of all members at the next data step, of shape (n_members, d).
Noise = Callable[[], Array]
#: Starts the noise of a number of members.
NoiseSource = Callable[[int, np.random.Generator], Noise]

#: Numbers in the windows that are stepped together: what stays in a processor's cache.
_TOGETHER = 2**19
#: A quantity that changes by less than this fraction in a step is conserved, but for rounding.
_CONSERVED = 1e-10
#: States that are written in front of a window before it is moved back.
_SLACK = 64


def gaussian_noise(covariance: Array) -> NoiseSource:
    """Normal noise, independent from step to step.

    Parameters
    ----------
    covariance : ndarray of shape (d, d)
        Symmetric, positive semi-definite; noise keeps to its range, so what the model conserves stays conserved.

    Returns
    -------
    callable
        The source.
    """
    factor = _square_root(covariance)

    def source(n_members: int, rng: np.random.Generator) -> Noise:
        return lambda: rng.standard_normal((n_members, factor.shape[1])) @ factor.T

    return source


def no_noise(n_members: int, rng: np.random.Generator) -> Noise:
    """Start no noise at all, as a source."""
    return lambda: np.zeros((1, 1))


@dataclass(frozen=True)
class JumpStep:
    """From windows of probabilities to one state each, drawn from the next probabilities.

    The next probabilities are linear in the window, so their mean over members is the forecast without drawing. With
    kernels of the kind that `stochastic_kernels` fits, this is the mixture transition process (Raftery 1985).

    Attributes
    ----------
    step : callable
        From windows (n_members, width) to the next probabilities, in the leading columns.
    d : int
        Number of states.
    rng : numpy Generator
        Random numbers.
    """

    step: Map
    d: int
    rng: np.random.Generator

    def __call__(self, Z: Array) -> Array:
        """Draw a state for each row of Z; a one at the state, zero elsewhere."""
        edges = np.cumsum(self.step(Z)[:, : self.d], axis=1)
        drawn = (self.rng.random((len(Z), 1)) * edges[:, -1:] >= edges[:, :-1]).sum(axis=1)
        return np.eye(self.d)[drawn]


def residual_noise(runs: Sequence[NDArray[Any]], block_length: float | None = None) -> NoiseSource:
    """Noise that is drawn from residuals, in blocks of random length (stationary bootstrap; Politis & Romano 1994).

    Errors of free-running forecasts are what the residuals after their start make of each other. So members have the
    errors that forecasts have, at every lead, also where the residuals are not white.

    Parameters
    ----------
    runs : sequence of ndarray of shape (n_steps, d)
        Residuals of successive data steps; their mean is taken off.
    block_length : float, default=None
        Mean length of a block, at least 1. A block keeps what residuals remember of each other. None goes on to the end
        of the run, from a start anywhere.

    Returns
    -------
    callable
        The source.
    """
    rows = np.concatenate(runs).astype(np.float64)
    rows -= rows.mean(axis=0)
    ends = np.zeros(len(rows), dtype=bool)
    ends[np.cumsum([len(run) for run in runs]) - 1] = True
    chance = 0.0 if block_length is None else 1 / block_length

    def source(n_members: int, rng: np.random.Generator) -> Noise:
        at = rng.integers(len(rows), size=n_members)

        def draw() -> Array:
            nonlocal at
            drawn = rows[at]
            jump = ends[at] | (rng.random(n_members) < chance)
            at = np.where(jump, rng.integers(len(rows), size=n_members), at + 1)
            return drawn

        return draw

    return source


def simulate(advance: Map, starts: Sequence[Array], d: int, n_steps: int, noise: Noise, read: Map) -> Array:
    """Step windows of many members with noise.

    Parameters
    ----------
    advance : callable
        From windows (n_members, width) to their leading part one lag later: all of it, or the newest state only.
    starts : sequence of ndarray of shape (n_members, width)
        The windows from which the steps 1, 2, ..., lag come, one for each.
    d : int
        Dimension of a state; noise is added to the first `d` entries of a window.
    n_steps : int
        Data steps.
    noise : callable
        Noise of each data step.
    read : callable
        From windows to outputs.

    Returns
    -------
    ndarray of shape (n_members, n_steps, n_outputs)
        What was read after each step; not finite where it left the range of floating-point numbers.
    """
    windows = [_Window(start, d) for start in starts]
    out = None
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(n_steps):
            window = windows[step % len(windows)]
            newest = advance(window.now)
            newest[:, :d] += noise()
            window.push(newest)
            found = read(window.now)
            if out is None:
                out = np.empty((len(found), n_steps, found.shape[1]))
            out[:, step] = found
    assert out is not None
    return out


class _Window:
    """Windows that grow to the left in a buffer, so that a step does not copy the history."""

    def __init__(self, start: Array, d: int) -> None:
        self._start, self._width = _SLACK * d, start.shape[1]
        self._buffer = np.empty((len(start), self._start + self._width))
        self._at = self._start
        self.now[:] = start

    @property
    def now(self) -> Array:
        return self._buffer[:, self._at : self._at + self._width]

    def push(self, newest: Array) -> None:
        if newest.shape[1] == self._width:
            self.now[:] = newest
            return
        if self._at < newest.shape[1]:
            kept = self._width - newest.shape[1]
            self._buffer[:, self._start + newest.shape[1] :][:, :kept] = self.now[:, :kept].copy()
            self._at = self._start + newest.shape[1]
        self._at -= newest.shape[1]
        self._buffer[:, self._at : self._at + newest.shape[1]] = newest


def ensemble(
    model: DelayModel,
    starts: Sequence[Array],
    n_steps: int,
    n_ensemble: int,
    source: NoiseSource,
    rng: np.random.Generator,
    *,
    as_state: bool,
) -> Array:
    """Continue windows of history many times, each time with other noise.

    Parameters
    ----------
    model : DelayModel
        What steps and reads windows.
    starts : sequence of ndarray of shape (n_runs, width)
        As for `simulate`, from `DelayModel.history`.
    n_steps : int
        Data steps.
    n_ensemble : int
        Members for each run.
    source : callable
        Source of noise. Members and runs are independent of each other.
    rng : numpy Generator
        Random numbers.
    as_state : bool
        Whether to give the user's state or the observables.

    Returns
    -------
    ndarray of shape (n_ensemble, n_runs, n_steps, n_outputs)
        The members.
    """
    reader = model.read_state if as_state else model.read_output
    n_runs, width = starts[0].shape
    n_members = n_ensemble * n_runs
    # One batch for all: reading from the output array of each would be as slow as stepping.
    out = np.empty((n_members, n_steps, len(reader.intercept)))
    together = max(1, _TOGETHER // (width + _SLACK * model.n_latent))
    for first in range(0, n_members, together):
        members = np.arange(first, min(first + together, n_members))
        windows = [start[members % n_runs] for start in starts]
        noise = source(len(members), rng)
        out[members] = simulate(model.advance, windows, model.n_latent, n_steps, noise, reader)
    return out.reshape(n_ensemble, n_runs, n_steps, -1)


def propagator_ensemble(
    model: PropagatorModel, mean: Array, n_ensemble: int, rng: np.random.Generator, *, as_state: bool
) -> Array:
    """Scatter members around the forecast of a model of propagators, with normal errors.

    In a stationary state the errors ``e_n`` of ``x(t + n lag) = T_n x(t)`` have the covariances
    ``C_0 - T_n C_0 T_n^T``, and ``E[e_n e_{n-1}^T] = C_1 - T_n C_0 T_{n-1}^T``. Members are the Markov paths that have
    both.

    Parameters
    ----------
    model : PropagatorModel
        The model.
    mean : ndarray of shape (n_runs, n_steps, n_outputs)
        Its forecast of observables, or of the state.
    n_ensemble : int
        Members for each run.
    rng : numpy Generator
        Random numbers.
    as_state : bool
        Whether `mean` is the state or the observables.

    Returns
    -------
    ndarray of shape (n_ensemble, n_runs, n_steps, n_outputs)
        The members.
    """
    reader = model.read_state if as_state else model.read_output
    n_runs, n_steps, n_outputs = mean.shape
    d, lag = model.n_latent, model.lag
    C0 = model.history_factor @ model.history_factor.T
    C1 = model.propagators[0].coefficients @ C0
    out = np.empty((n_ensemble, n_runs, n_steps, n_outputs))
    standard = np.zeros((lag, n_ensemble * n_runs, d))  # errors in units of their own covariance
    before, T = np.zeros((d, d)), np.eye(d)
    for n in range(-(-n_steps // lag)):
        early = n < len(model.propagators)
        earlier, T = T, model.propagators[n].coefficients if early else model.continuation.coefficients @ T
        root = _symmetric_root(C0 - T @ C0 @ T.T)
        left, kept, right = linalg.svd(np.linalg.pinv(root) @ (C1 - T @ C0 @ earlier.T) @ np.linalg.pinv(before))
        # Fitted propagators need not belong to any process: correlations beyond one are cut.
        kept = np.minimum(kept, 1.0)
        for step in range(n * lag, min((n + 1) * lag, n_steps)):
            fresh = rng.standard_normal(standard[0].shape) * np.sqrt(1 - kept**2)
            error = standard[step % lag]
            error[:] = (error @ right.T * kept + fresh) @ left.T
            spread = error @ (reader.coefficients[:, :d] @ root).T
            out[:, :, step] = spread.reshape(n_ensemble, n_runs, -1) + mean[:, step]
        before = root
    return out


def stationary_shift(matrix: Array, step: Array) -> Array:
    """Find how far a constant change per step leads: the x with ``x = M x + step``.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        M, what a step makes of a deviation.
    step : ndarray of shape (n,)
        The change of a step.

    Returns
    -------
    ndarray of shape (n,)
        The shift. Where something is conserved (an eigenvalue one) there are many, and the one is taken that has
        nothing of it; a step that adds to it leads nowhere, and that part is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import stationary_shift
    >>> stationary_shift(np.array([[0.5]]), np.array([1.0]))
    array([2.])
    """
    stays = np.eye(len(matrix)) - matrix
    left, values, _ = linalg.svd(stays)
    conserved = left[:, values <= _CONSERVED * max(float(values[0]), 1.0)]
    equations = np.vstack([stays, conserved.T])
    target = np.concatenate([step, np.zeros(conserved.shape[1])])
    return np.asarray(np.linalg.lstsq(equations, target, rcond=None)[0])


def stationary_covariance(matrix: Array, noise: Array) -> Array:
    """Covariance of the window of history of a stable model in its stationary state.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        One step of the window, as of `skmst.master_equation.companion_matrix`; all eigenvalues inside the unit circle.
    noise : ndarray of shape (d, d)
        Covariance of the noise in the window's first d entries.

    Returns
    -------
    ndarray of shape (n, n)
        The solution of ``S = M S M^T + noise``.

    Raises
    ------
    ValueError
        If the model is not stable, so that there is no stationary state.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import stationary_covariance
    >>> stationary_covariance(np.array([[0.5]]), np.array([[3.0]]))
    array([[4.]])
    """
    radius = np.abs(np.linalg.eigvals(matrix)).max(initial=0.0)
    if radius >= 1:
        raise ValueError(f"matrix has an eigenvalue of modulus {radius:.6g}: noise makes it spread without bound.")
    source = np.zeros_like(matrix)
    source[: len(noise), : len(noise)] = noise
    found = linalg.solve_discrete_lyapunov(matrix, source)
    return np.asarray((found + found.T) / 2)


def _symmetric_root(covariance: Array) -> Array:
    values, vectors = linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def _square_root(covariance: Array) -> Array:
    """F with ``F F^T = covariance``, its negative eigenvalues taken for zero."""
    values, vectors = linalg.eigh(covariance)
    keep = values > 8 * np.finfo(float).eps * len(values) * max(float(values[-1]), 0.0)
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))
