"""From coefficients back to fields, where no formula leads back: minimise the misfit of the coefficients.

``min_y |S(y) - S*|^2 / |S*|^2`` by L-BFGS with the adjoint of the transform, from several starts, coarse scales first.
The problem is not convex, and a perfect match of coefficients can be another field: coefficients averaged over the
whole grid fix a field at best up to translation, reflection and sign, and in practice not even that. From those, the
result is a *synthesis*: a field with the same statistics. `reconstruction_report` measures both errors.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from skmst.scattering.encoding import Encoding, is_local

MEMORY = 20  # pairs of steps and gradients that L-BFGS keeps
STALL, WINDOW = 1e-3, 10  # a misfit that falls by less than this fraction in that many iterations falls no more


@dataclass(frozen=True)
class Inversion:
    """How fields are sought that have given coefficients.

    Parameters
    ----------
    n_starts : int, default=5
        Random starts; the result with the smallest feature error is kept.
    max_iter : int, default=1000
        Iterations of L-BFGS from each start, all stages together.
    tol : float, default=1e-5
        Relative feature error ``|S(y) - S*| / |S*|`` at which a start counts as solved and no further one is made.
    coarse_to_fine : bool, default=True
        Fit the paths of coarse scales first and add an octave at a time, which keeps large structures from being caught
        in a wrong place.
    along_time : bool, default=True
        Steps of a trajectory are sought one after the other, each from the field found for the step before it.
        Only its first step makes random starts. Coefficients averaged over the whole grid are excepted.
    random_state : int or None, default=0
        Seed of the starts.

    Examples
    --------
    >>> from skmst.scattering import Inversion
    >>> Inversion(n_starts=2, max_iter=200)
    Inversion(n_starts=2, max_iter=200, tol=1e-05, coarse_to_fine=True, along_time=True, random_state=0)
    """

    n_starts: int = 5
    max_iter: int = 1000
    tol: float = 1e-5
    coarse_to_fine: bool = True
    along_time: bool = True
    random_state: int | None = 0

    def __post_init__(self) -> None:
        for name in ("n_starts", "max_iter"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"Inversion: {name}={getattr(self, name)!r} must be at least 1.")
        if not self.tol > 0:
            raise ValueError(f"Inversion: tol={self.tol!r} must be positive.")


@dataclass(frozen=True)
class Reconstruction:
    """Fields found for given coefficients.

    Attributes
    ----------
    fields : ndarray of shape (n_samples, *field_shape)
        The fields.
    feature_errors : ndarray of shape (n_samples,)
        ``|S(y) - S*| / |S*|`` of each field; the absolute error where the target is zero.
    n_iter : ndarray of int of shape (n_samples,)
        Iterations of the start that was kept.
    converged : ndarray of bool of shape (n_samples,)
        Whether that start reached `tol`, or a point from where the misfit falls no further, before `max_iter`. The
        second is what coefficients that no field has lead to, forecast ones say.
    """

    fields: np.ndarray
    feature_errors: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray


def invert(
    target: np.ndarray,
    encoding: Encoding,
    *,
    inversion: Inversion | None = None,
    field_shape: tuple[int, ...] | None = None,
    complex_fields: bool = False,
    start: np.ndarray | None = None,
    n_jobs: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Reconstruction:
    """Fields whose coefficients are closest to given ones.

    Parameters
    ----------
    target : ndarray of shape (n_samples, n_paths, *output_grid) or (n_runs, n_steps, n_paths, *output_grid)
        Coefficients of `encoding`. With the time axis, and ``inversion.along_time``, each step starts from the step
        before it.
    encoding : Encoding
        The transform, with its pullback.
    inversion : Inversion, default=None
        Starts, iterations and tolerance; None takes the defaults.
    field_shape : tuple of int, default=None
        Shape of one field; None is the encoding's grid. With coupled channels ``(n_channels, *grid)``.
    complex_fields : bool, default=False
        Whether fields are complex.
    start : ndarray of shape (n_samples, *field_shape), default=None
        Fields to start from, in place of random ones. With trajectories: of their first steps.
    n_jobs : int, default=None
        Processes over samples or trajectories, through joblib.
    progress : callable, default=None
        Called with the number of finished runs.

    Returns
    -------
    Reconstruction
        Attributes have the leading axes of `target`.

    Warns
    -----
    ConvergenceWarning
        If a field did not converge within ``inversion.max_iter`` iterations.

    References
    ----------
    Bruna & Mallat (2013), "Audio texture synthesis with scattering moments"; Waldspurger (2017), IEEE Trans. Inf.
    Theory 63, 2979 (coarse to fine).
    """
    inversion = inversion or Inversion()
    shape = field_shape or encoding.grid_shape
    core = target.ndim - 1 - len(encoding.output_grid)
    if core not in (1, 2):
        raise ValueError(
            f"target has shape {target.shape}: it must be (n_samples, n_paths, *{encoding.output_grid}), or "
            "trajectories (n_runs, n_steps, ...) of that."
        )
    if not np.isfinite(target).all():
        raise ValueError("target holds NaN or infinity: no field has such coefficients.")
    runs = target if core == 2 else target[:, None]
    starts = [None] * len(runs) if start is None else list(start)
    seeds = np.random.SeedSequence(inversion.random_state).spawn(len(runs))
    problem = _Problem(encoding, shape, complex_fields)
    solutions: Iterator = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_invert_run)(problem, run, inversion, first, np.random.default_rng(seed))
        for run, first, seed in zip(runs, starts, seeds, strict=True)
    )
    found = []
    for number, solution in enumerate(solutions, start=1):
        found.append(solution)
        if progress is not None:
            progress(number)
    result = _stack(found, target.shape[:core])
    _warn_unless_converged(result, inversion)
    return result


@dataclass(frozen=True)
class _Solution:
    field: np.ndarray
    error: float
    n_iter: int
    converged: bool


@dataclass(frozen=True)
class _Problem:
    """The misfit of one field's coefficients as a function of a real vector, field values over `scale`."""

    encoding: Encoding
    field_shape: tuple[int, ...]
    complex_fields: bool

    def pack(self, field: np.ndarray) -> np.ndarray:
        field = np.asarray(field, np.complex128 if self.complex_fields else np.float64).reshape(-1)
        return field.view(np.float64).copy()

    def unpack(self, vector: np.ndarray) -> np.ndarray:
        values = vector.view(np.complex128) if self.complex_fields else vector
        return values.reshape(self.field_shape)

    def misfit(self, vector: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Weighted sum of squares and its gradient; `weights` has one number for each path."""
        field = self.unpack(vector)[None]
        residual = self.encoding.forward(field)[0] - target
        weighted = residual * weights.reshape(-1, *(1,) * len(self.encoding.output_grid))
        value = float(np.sum((np.conj(residual) * weighted).real))
        gradient = self.encoding.pullback(field, 2 * weighted[None])[0]
        return value, self.pack(gradient)

    def random(self, target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """White noise, about the mean and with the size that the coefficients ask for."""
        noise = rng.standard_normal(self.field_shape)
        if self.complex_fields:
            noise = noise + 1j * rng.standard_normal(self.field_shape)
        # Centred: the mean is order 0's, which the first iterations set.
        size = np.linalg.norm(self.encoding.forward(noise[None])[0])
        return self.pack(noise * (np.linalg.norm(target) / size if size > 0 else 1.0))


def _invert_run(
    problem: _Problem, run: np.ndarray, inversion: Inversion, start: np.ndarray | None, rng: np.random.Generator
) -> list[_Solution]:
    """The steps of one trajectory; with `along_time` one after the other."""
    found: list[_Solution] = []
    follow = inversion.along_time and is_local(problem.encoding)
    for step, target in enumerate(run):
        first = start if step == 0 else found[-1].field if follow else None
        found.append(_best_start(problem, target, inversion, first, rng))
    return found


def _best_start(
    problem: _Problem, target: np.ndarray, inversion: Inversion, start: np.ndarray | None, rng: np.random.Generator
) -> _Solution:
    """The best of several starts by feature error; the first that solves the problem ends the search."""
    if start is not None:
        return _descend(problem, target, problem.pack(start), replace(inversion, coarse_to_fine=False))
    best = None
    for _ in range(inversion.n_starts):
        solution = _descend(problem, target, problem.random(target, rng), inversion)
        if best is None or solution.error < best.error:
            best = solution
        if best.error <= inversion.tol:
            break
    assert best is not None
    return best


def _descend(problem: _Problem, target: np.ndarray, vector: np.ndarray, inversion: Inversion) -> _Solution:
    from scipy.optimize import minimize

    norm = np.linalg.norm(target) or 1.0
    scale = np.sqrt(np.mean(vector**2)) or 1.0
    stages = _stages(problem.encoding) if inversion.coarse_to_fine else [np.ones(target.shape[0])]
    v, used, converged = vector / scale, 0, False
    for number, weights in enumerate(stages):
        last = number == len(stages) - 1
        budget = inversion.max_iter - used if last else max(1, inversion.max_iter // (2 * len(stages)))

        def loss(v: np.ndarray, weights: np.ndarray = weights) -> tuple[float, np.ndarray]:
            value, gradient = problem.misfit(v * scale, target, weights)
            return float(value / norm**2), np.asarray(gradient * (scale / norm**2))

        options = {"maxiter": max(budget, 1), "maxfun": 2 * budget + 10, "maxcor": MEMORY, "ftol": 1e-13, "gtol": 1e-14}
        result = minimize(loss, v, jac=True, method="L-BFGS-B", callback=_stop(inversion.tol), options=options)
        v, used = result.x, used + result.nit
        converged = bool(result.fun <= inversion.tol**2 or result.nit < budget)
    error = np.sqrt(problem.misfit(v * scale, target, np.ones(target.shape[0]))[0]) / norm
    return _Solution(problem.unpack(v * scale), float(error), used, converged)


def _stop(tol: float) -> Callable[[Any], None]:
    """What ends a descent: a misfit that is small enough, or hardly falls any more.

    The optimiser's own rule compares the fall to one, not to the misfit, which is far smaller.
    """
    past: deque[float] = deque(maxlen=WINDOW + 1)

    def callback(intermediate_result: Any) -> None:
        past.append(intermediate_result.fun)
        if past[-1] <= tol**2 or (len(past) > WINDOW and past[0] - past[-1] <= STALL * past[-1]):
            raise StopIteration

    return callback


def _stages(encoding: Encoding) -> list[np.ndarray]:
    """Weights of the paths in each stage: coarse scales first, all in the last."""
    table = encoding.table()
    octave = table.get("j1")
    if octave is None:
        return [np.ones(len(table["name"]))]
    finest = np.where(table["order"] == 0, np.inf, octave)
    return [(finest >= j).astype(float) for j in range(int(octave.max()), -1, -1)]


def _stack(found: list[list[_Solution]], leading: tuple[int, ...]) -> Reconstruction:
    flat = [solution for run in found for solution in run]
    fields = np.stack([s.field for s in flat])
    return Reconstruction(
        fields=fields.reshape(*leading, *fields.shape[1:]),
        feature_errors=np.array([s.error for s in flat]).reshape(leading),
        n_iter=np.array([s.n_iter for s in flat]).reshape(leading),
        converged=np.array([s.converged for s in flat]).reshape(leading),
    )


def _warn_unless_converged(result: Reconstruction, inversion: Inversion) -> None:
    from sklearn.exceptions import ConvergenceWarning

    open_ = ~result.converged
    if open_.any():
        warnings.warn(
            f"{open_.sum()} of {open_.size} fields did not converge in max_iter={inversion.max_iter} iterations: "
            f"feature errors up to {result.feature_errors[open_].max():.1e} (tol={inversion.tol:g}). Raise "
            "max_iter, or n_starts for other starts, in Inversion; or accept the error.",
            ConvergenceWarning,
            stacklevel=3,
        )
