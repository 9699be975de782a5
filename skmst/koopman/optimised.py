"""Optimised dynamic mode decomposition: exponentials fitted to whole runs, not to steps (Askham & Kutz 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skmst.koopman.bagging import Bags
from skmst.koopman.first_guess import first_guess
from skmst.koopman.pairs import as_runs
from skmst.koopman.randomised import PrincipalCoordinates, principal_coordinates
from skmst.koopman.variable_projection import Series, fit_rates

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: Steps of the runs in the first of several fits to long runs.
_FIRST_STEPS = 500


@dataclass(frozen=True)
class OptimisedDMD:
    """A sum of exponentials ``x_i(t) = sum_j modes[:, j] amplitudes[i, j] exp(rates[j] t)`` for each run i.

    Attributes
    ----------
    rates : ndarray of complex of shape (n_rates,)
        Growth and angular frequency, per unit of time, slowest decay first.
    modes : ndarray of complex of shape (n_features, n_rates)
        Modes of unit norm, which all runs share.
    amplitudes : ndarray of complex of shape (n_runs, n_rates)
        Amplitudes at the first time of each run.
    constants : ndarray of shape (n_runs, n_features)
        The constant that each run tends to; zero if none was fitted.
    standard_errors : ndarray of complex of shape (n_rates,) or None
        Standard errors of growth (real part) and frequency (imaginary part), if bags were drawn.
    resampled : ndarray of complex of shape (n_bags, n_rates) or None
        Rates of the bags, if such were drawn, scaled to spread as those of new data would: their mean is `rates`, their
        standard deviation `standard_errors`.
    """

    rates: ComplexArray
    modes: ComplexArray
    amplitudes: ComplexArray
    constants: Array
    standard_errors: ComplexArray | None = None
    resampled: ComplexArray | None = None

    def __call__(self, times: ArrayLike) -> Array:
        """Evaluate the model, real part.

        Parameters
        ----------
        times : array-like of shape (n_times,)
            Times since the first of each run.

        Returns
        -------
        ndarray of shape (n_runs, n_times, n_features)
            The states.

        Raises
        ------
        OverflowError
            If the model leaves the range of floating-point numbers; the message names the time.
        """
        t = np.asarray(times, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            growth = np.exp(np.multiply.outer(t, self.rates))
            out = ((growth * self.amplitudes[:, None]) @ self.modes.T).real + self.constants[:, None]
        finite = np.isfinite(out).all(axis=(0, 2))
        if not finite.all():
            raise OverflowError(f"the model leaves the range of floating-point numbers at time {t[~finite].min():g}.")
        return np.asarray(out)

    def operator(self, interval: float) -> tuple[Array, Array]:
        """Give factors of the operator over an interval of time, ``modes exp(rates interval) modes^+``.

        Parameters
        ----------
        interval : float
            The interval.

        Returns
        -------
        left, right : ndarray of shape (n_features, n_rates), (n_rates, n_features)
            Its factors.
        """
        return _operator_of_modes(self.rates, self.modes, interval)


def optimised_dmd(
    X: Any,
    rank: int | None = None,
    *,
    times: ArrayLike | Sequence[ArrayLike] | None = None,
    constant: bool = False,
    stable: bool = False,
    n_bags: int = 0,
    bag_size: float = 0.6,
    random_state: Any = None,
) -> OptimisedDMD:
    """Fit exponentials to runs by variable projection, in the coordinates of their leading principal components.

    What noise there is stays in the observations instead of being fed back at every step, so rates are those of
    maximum likelihood for independent noise. Bags (Sashidhar & Kutz 2022) fit again and again to a part of the data,
    starting from the fit to all: their mean is the estimate, their spread its error.

    Parameters
    ----------
    X : array-like of shape (n_steps, n_features) or (n_runs, n_steps, n_features), or list
        Runs; all share rates and modes, each has its own amplitudes.
    rank : int, default=None
        Number of rates; None for the number of directions in which the data vary, if runs are that long.
    times : array-like of shape (n_steps,), or list of one for each run, default=None
        Times of the steps, increasing, at any distance; None means 0, 1, 2, ...
    constant : bool, default=False
        Whether each run tends to a constant other than zero.
    stable : bool, default=False
        Whether rates are kept from growing.
    n_bags : int, default=0
        Number of bags.
    bag_size : float, default=0.6
        Share of the steps (of the runs, where there are at least 10) in a bag.
    random_state : int, RandomState instance or None, default=None
        Where bags and, for large data, the sketch are drawn from.

    Returns
    -------
    OptimisedDMD
        The model.

    Raises
    ------
    ValueError
        If `bag_size` is no share, `times` do not fit X or do not increase, or no run is longer than `rank`.

    References
    ----------
    Askham & Kutz (2018), SIAM J. Appl. Dyn. Syst. 17, 380. Sashidhar & Kutz (2022), Phil. Trans. R. Soc. A 380,
    20210199.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.optimised import optimised_dmd
    >>> t = np.sort(np.random.default_rng(0).uniform(0, 10, 50))
    >>> X = np.stack([np.exp(-0.1 * t) * np.cos(2 * t), np.exp(-0.1 * t) * np.sin(2 * t)], axis=-1)
    >>> np.round(optimised_dmd(X, times=t).rates, 6)
    array([-0.1+2.j, -0.1-2.j])
    """
    if not 0 < bag_size < 1:
        raise ValueError(f"bag_size={bag_size} must be a share of the data, above 0 and below 1.")
    bags = Bags(n_bags, bag_size, check_random_state(random_state)) if n_bags else None
    found = fit_exponentials(
        X, rank, times=times, constant=constant, stable=stable, bags=bags, random_state=random_state
    )
    order = np.lexsort((-found.rates.imag, -np.round(found.rates.real, 12)))
    rates = found.rates[order]
    resampled = None if found.resampled is None else found.resampled[:, order]
    errors = None if resampled is None else resampled.real.std(axis=0) + 1j * resampled.imag.std(axis=0)
    modes, amplitudes, constants = _shared_modes(rates, found)
    states = found.states
    constants = constants @ states.basis.T + states.mean
    return OptimisedDMD(rates, states.basis @ modes, amplitudes, constants, errors, resampled)


@dataclass(frozen=True)
class FittedExponentials:
    """Exponentials in time with coefficients of their own for each run.

    Attributes
    ----------
    rates : ndarray of complex of shape (n_rates,)
        The rates.
    constant : bool
        Whether there is a constant, too.
    times : list of ndarray of shape (n_steps,)
        Times since the first of each run.
    states : PrincipalCoordinates
        The runs.
    resampled : ndarray of complex of shape (n_bags, n_rates) or None
        See `OptimisedDMD`.
    """

    rates: ComplexArray
    constant: bool
    times: list[Array]
    states: PrincipalCoordinates
    resampled: ComplexArray | None

    @property
    def usable(self) -> NDArray[np.intp]:
        """Numbers of the runs that are long enough to have coefficients."""
        n = len(self.rates) + self.constant
        return np.array([i for i, t in enumerate(self.times) if len(t) > n], dtype=np.intp)

    def functions(self, times: Array) -> ComplexArray:
        """Evaluate the exponentials, and the constant behind them; shape (n_times, n_functions)."""
        exponents = np.append(self.rates, 0.0) if self.constant else self.rates
        return np.asarray(np.exp(np.multiply.outer(times, exponents)))

    def coefficients(self) -> ComplexArray:
        """Give the coefficients of the usable runs, of shape (n_usable, n_functions, n_coordinates)."""
        return np.stack(
            [
                np.linalg.lstsq(self.functions(self.times[i]), self.states.coordinates[i], rcond=None)[0]
                for i in self.usable
            ]
        )


def fit_exponentials(
    X: Any,
    rank: int | None = None,
    *,
    times: ArrayLike | Sequence[ArrayLike] | None = None,
    constant: bool = False,
    stable: bool = False,
    bags: Bags | None = None,
    random_state: Any = None,
) -> FittedExponentials:
    """Fit exponentials in the principal coordinates of runs, each with coefficients of its own.

    Parameters
    ----------
    X, rank, times, constant, stable, random_state
        As for `optimised_dmd`.
    bags : Bags, default=None
        Parts of the data to fit to, too; rates are then the means over them.

    Returns
    -------
    FittedExponentials
        The fit.

    Raises
    ------
    ValueError
        As for `optimised_dmd`.
    """
    runs = as_runs(X)
    stamps = _check_times(times, runs)
    longest = max(map(len, stamps)) - 1 - constant
    if longest < (rank or 1):
        raise ValueError(
            f"X has no run long enough to fit {rank or 1} exponentials{' and a constant' * constant} to: the longest "
            f"has n_samples={max(map(len, stamps))} steps. Lower rank, or take longer runs."
        )
    found = principal_coordinates(runs, rank, center=constant, random_state=random_state)
    found = found.leading(longest)
    k = found.basis.shape[1]
    usable = [i for i, t in enumerate(stamps) if len(t) > k + constant]
    series = _series([stamps[i] for i in usable], [found.coordinates[i] for i in usable])
    # The longer the runs, the nearer a fit must start: fits to their first parts lead up to it.
    n_steps = series.times.shape[1]
    parts = [n for n in (_FIRST_STEPS * 8**i for i in range(20)) if 4 * n <= n_steps] + [n_steps]
    functions, parameters = first_guess(series.first(parts[0]), constant)
    for n in parts:
        parameters = fit_rates(functions, parameters, series.first(n), stable=stable)
    rates = functions.rates(parameters[0])
    resampled = None if bags is None else bags.fit(functions, parameters, series, stable)
    if resampled is not None:
        rates = resampled.mean(axis=0)
    return FittedExponentials(rates, constant, stamps, found, resampled)


def _check_times(times: Any, runs: Sequence[Any]) -> list[Array]:
    """Give the times of each run since its first."""
    if times is None:
        return [np.arange(len(run), dtype=np.float64) for run in runs]
    single = np.ndim(times[0]) == 0
    stamps = [np.asarray(t, dtype=np.float64) for t in ([times] * len(runs) if single else times)]
    if [t.shape for t in stamps] != [(len(run),) for run in runs]:
        raise ValueError("times must give one time for each step of X: one list for all runs, or one for each.")
    if any(not (np.isfinite(t).all() and np.all(np.diff(t) > 0)) for t in stamps):
        raise ValueError("times must be finite and increase from step to step.")
    return [t - t[0] for t in stamps]


def _series(stamps: Sequence[Array], coordinates: Sequence[Array]) -> Series:
    """Pad runs to one length; padding weighs nothing."""
    shape = len(stamps), max(map(len, stamps))
    times, values = np.zeros(shape), np.zeros((*shape, coordinates[0].shape[1]))
    weights = np.zeros((1, *shape))
    for i, (t, z) in enumerate(zip(stamps, coordinates, strict=True)):
        times[i, : len(t)], values[i, : len(t)], weights[0, i, : len(t)] = t, z, 1.0
    return Series(times, values, weights)


def shared_operator(found: FittedExponentials, interval: float) -> tuple[Array, Array]:
    """Give factors of the operator over an interval of time, in principal coordinates, by the modes that runs share.

    Parameters
    ----------
    found : FittedExponentials
        The fit.
    interval : float
        The interval.

    Returns
    -------
    left, right : ndarray of shape (n_coordinates, n_rates), (n_rates, n_coordinates)
        Its factors.
    """
    return _operator_of_modes(found.rates, _modes_of(found.coefficients(), len(found.rates)), interval)


def _operator_of_modes(rates: ComplexArray, modes: ComplexArray, interval: float) -> tuple[Array, Array]:
    span = np.linalg.svd(np.concatenate([modes.real, modes.imag], axis=1), full_matrices=False)[0][:, : len(rates)]
    inner = span.T @ modes
    return span @ ((inner * np.exp(rates * interval)) @ np.linalg.pinv(inner)).real, span.T


def _modes_of(fitted: ComplexArray, n_rates: int) -> ComplexArray:
    """Leading direction (n, n_rates) of the coefficients (n_runs, n_functions, n) of each rate."""
    return np.stack([np.linalg.svd(fitted[:, j])[2][0] for j in range(n_rates)], axis=1)


def _shared_modes(rates: ComplexArray, found: FittedExponentials) -> tuple[ComplexArray, ComplexArray, Array]:
    """Find the modes (n, r) that all runs share, the amplitudes (n_runs, r) and the constant of each."""
    k, usable, coordinates = len(rates), found.usable, found.states.coordinates
    fitted = replace(found, rates=rates).coefficients()
    modes = _modes_of(fitted, k)
    weights = np.zeros((len(coordinates), k), dtype=complex)
    constants = np.zeros((len(coordinates), coordinates[0].shape[1]))
    dual = np.linalg.pinv(modes)
    for i, (t, z) in enumerate(zip(found.times, coordinates, strict=True)):
        # A run too short to fit its own constant takes that of the others.
        at = np.flatnonzero(usable == i)
        if found.constant:
            constants[i] = fitted[at[0], k].real if len(at) else fitted[:, k].real.mean(axis=0)
        growth = np.exp(np.multiply.outer(t, rates))
        seen = (z - constants[i]) @ dual.T
        weights[i] = np.sum(growth.conj() * seen, axis=0) / np.sum(np.abs(growth) ** 2, axis=0)
    return modes, weights, constants
