"""Rate coefficients of a system, and how much they owe to the initial condition.

Three kinds go by that name. Branching shares (R1) and ratios of second- to first-order coefficients (R2) belong to a
field at one time (`skmst.scattering.branching`); fitted rates (R3) move the energy between scales in time
(`fit_rates`). They are different matrices. All three are put into one table here, each coefficient with the parts of
its variance.

What is exact: amplitude, translation and reflection of a field change neither R1 nor R2, and R3 of a linear equation
with one wavenumber in each band depends on nothing. What holds on average: on an ergodic attractor time averages
forget the initial condition. What does not hold: on transients of a nonlinear equation all three depend on the family
of initial conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmst.master_equation.constraints import stochastic_kernels, with_dissipated_state
from skmst.master_equation.generators import Generator, generator_of
from skmst.master_equation.states import check_probabilities
from skmst.master_equation.variance_components import LEVELS, equivalence_test, variance_components

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RateCoefficients:
    """One row per coefficient: where it varies, and whether families of initial conditions agree on it.

    Attributes
    ----------
    kind, name : ndarray of str of shape (n,)
        The kind of coefficient, and which.
    families : tuple of str
        Names of the families.
    means : ndarray of shape (n_families, n)
        Mean in each family.
    shares : ndarray of shape (4, n)
        Fractions of the variance that come from family, initial condition, time and sampling; NaN for levels that a
        kind does not have, and for coefficients that never vary.
    intraclass_correlations : ndarray of shape (3, n)
        Correlation of two samples of one family, of one initial condition, of one time; NaN as in `shares`.
    p_value : ndarray of shape (n,)
        Of the test that all families have the same mean, to within the margin (`equivalence_test`): small if they
        have. The units are initial conditions.
    difference : ndarray of shape (n,)
        Relative difference of the two means that are most in doubt.
    """

    kind: NDArray[np.str_]
    name: NDArray[np.str_]
    families: tuple[str, ...]
    means: Array
    shares: Array
    intraclass_correlations: Array
    p_value: Array
    difference: Array

    def columns(self) -> dict[str, NDArray[Any]]:
        """The table as a dictionary of columns, which a data frame takes as it is."""
        table: dict[str, NDArray[Any]] = {"kind": self.kind, "name": self.name}
        table |= {f"mean, {name}": mean for name, mean in zip(self.families, self.means, strict=True)}
        table |= {f"share of {level}": share for level, share in zip(LEVELS, self.shares, strict=True)}
        table |= {f"correlation within {l}": r for l, r in zip(LEVELS[:-1], self.intraclass_correlations, strict=True)}
        return table | {"p_value": self.p_value, "difference": self.difference}


def rate_coefficients(
    kinds: Mapping[str, Mapping[str, ArrayLike]],
    names: Mapping[str, Sequence[str]] | None = None,
    *,
    margin: float = 0.1,
) -> RateCoefficients:
    """Put all coefficients of a system into one table, with the parts of their variance.

    Parameters
    ----------
    kinds : mapping of mapping of array-like of shape (n_conditions, [n_times, [n_samples,]] n_coefficients)
        For each kind (such as "branching", "ratio", "rate") and each family of initial conditions, the coefficients.
        Kinds may differ in their levels, families in how many conditions they have. The families are the same for all
        kinds.
    names : mapping of sequence of str, default=None
        Names of the coefficients of each kind. None numbers them.
    margin : float, default=0.1
        Relative difference of means that would matter.

    Returns
    -------
    RateCoefficients
        The table.

    Raises
    ------
    ValueError
        If shapes or families do not fit, there are less than two families, or less than two conditions in one.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation.rate_coefficients import rate_coefficients
    >>> rng = np.random.default_rng(0)
    >>> calm, wild = (1 + s * rng.standard_normal((20, 1, 1)) + rng.standard_normal((20, 50, 1)) for s in (0.1, 0.1))
    >>> table = rate_coefficients({"rate": {"calm": calm, "wild": wild}}, {"rate": ["0 -> 1"]})
    >>> bool(table.shares[2, 0] > 0.9)  # nearly all of the variance is over times
    True
    """
    families = next(iter(kinds.values()), {}).keys()
    if len(families) < 2 or any(by_family.keys() != families for by_family in kinds.values()):
        raise ValueError(
            "kinds must give the same two families or more for every kind; got "
            f"{ {kind: list(by_family) for kind, by_family in kinds.items()} }."
        )
    parts = []
    for kind, by_family in kinds.items():
        arrays = [np.asarray(by_family[family], dtype=np.float64) for family in families]
        n = _check_levels(kind, arrays)
        titles = [str(i) for i in range(n)] if names is None else list(names[kind])
        if len(titles) != n:
            raise ValueError(f"names must have {n} entries for {kind!r}, got {len(titles)}.")
        groups = [np.indices(a.shape[:-1]).reshape(a.ndim - 1, -1).T for a in arrays]
        labels = np.concatenate([np.insert(g, 0, f, axis=1)[:, :-1] for f, g in enumerate(groups)])
        found = variance_components(np.concatenate([a.reshape(-1, n) for a in arrays]), labels)
        by_condition = [a.reshape(len(a), -1, n).mean(axis=1) for a in arrays]
        test = equivalence_test(by_condition, margin, relative=True)
        missing = len(LEVELS) - len(found.levels)
        parts.append(
            (
                np.full(n, kind),
                np.array(titles),
                np.stack([a.mean(axis=0) for a in by_condition]),
                np.pad(found.shares, ((0, missing), (0, 0)), constant_values=np.nan),
                np.pad(found.intraclass_correlations, ((0, missing), (0, 0)), constant_values=np.nan),
                test.p_value,
                test.difference,
            )
        )
    kind_of, name, *numbers = (np.concatenate(column, axis=-1) for column in zip(*parts, strict=True))
    return RateCoefficients(kind_of, name, tuple(families), *numbers)


def _check_levels(kind: str, arrays: Sequence[Array]) -> int:
    """Number of coefficients of a kind."""
    shapes = [a.shape for a in arrays]
    if not 2 <= arrays[0].ndim <= 4 or any(a.ndim != arrays[0].ndim or a.shape[-1:] != shapes[0][-1:] for a in arrays):
        raise ValueError(
            f"{kind!r} must have shape (n_conditions, [n_times, [n_samples,]] n_coefficients) in all families, with "
            f"the same axes; got {shapes}."
        )
    return int(shapes[0][-1])


def fit_rates(
    probabilities: ArrayLike | Sequence[ArrayLike], dt: float = 1.0, *, dissipated: bool = False
) -> Generator:
    """Fit the rates between states to trajectories of their probabilities.

    Least squares for the transition matrix over one step under the constraints of probabilities, then its generator.
    The errors of a state count relative to its mean square, so that small states count as much as large ones.

    Parameters
    ----------
    probabilities : array-like of shape (n_trajectories, n_steps, n_states), or list of arrays (n_steps_i, n_states)
        Rows sum to one, such as those of `energy_fractions`.
    dt : float, default=1.0
        Time between steps; sets the unit of the rates.
    dissipated : bool, default=False
        Whether the last state is what is lost for good.

    Returns
    -------
    Generator
        Its `matrix` has the rates from column to row.

    Raises
    ------
    ValueError
        If rows are not probabilities, a run is shorter than two steps, or a state never has any probability.

    See Also
    --------
    fit_generator : From second moments of probabilities and of their derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation.rate_coefficients import fit_rates
    >>> decay = np.exp(-0.5 * np.arange(5))
    >>> fit_rates(np.stack([decay, 1 - decay], axis=-1)[None], dt=0.1, dissipated=True).matrix.round(6)
    array([[-5.,  0.],
           [ 5.,  0.]])
    """
    return generator_of(fit_kernels(probabilities, 1, dissipated=dissipated)[0], dt)


def fit_kernels(probabilities: ArrayLike | Sequence[ArrayLike], n_terms: int = 1, *, dissipated: bool = False) -> Array:
    """Fit stochastic memory kernels to trajectories of probabilities.

    Parameters
    ----------
    probabilities, dissipated
        As for `fit_rates`.
    n_terms : int, default=1
        Number of kernels.

    Returns
    -------
    ndarray of shape (n_terms, n_states, n_states)
        Stochastic kernels (see `stochastic_kernels`), that of the latest state first; what is dissipated stays so.

    Raises
    ------
    ValueError
        As `fit_rates`.
    """
    runs = [check_probabilities(run, [number]) for number, run in enumerate(probabilities)]  # type: ignore[arg-type]
    short = [number for number, run in enumerate(runs) if run.ndim != 2 or len(run) <= n_terms]
    if not runs or short:
        raise ValueError(
            f"every trajectory must have the shape (n_steps, n_states) with more than {n_terms} steps; "
            + (f"trajectory {short[0]} has {runs[short[0]].shape}." if short else "there is none.")
        )
    if dissipated:
        runs = [run[:, :-1] for run in runs]
    histories, later = (np.concatenate(part) for part in zip(*(_windows(run, n_terms) for run in runs), strict=True))
    size = np.mean(later**2, axis=0)
    weights = 1 / np.where(size > 0, size, 1.0)
    kind = "substochastic" if dissipated else "stochastic"
    kernels = stochastic_kernels(
        histories.T @ histories / len(later), later.T @ histories / len(later), constraint=kind, weights=weights
    )
    return with_dissipated_state(kernels) if dissipated else kernels


def _windows(run: Array, n_terms: int) -> tuple[Array, Array]:
    """Histories (n, n_terms * d), the latest state first, and what followed."""
    n = len(run) - n_terms
    return np.concatenate([run[n_terms - 1 - l : n_terms - 1 - l + n] for l in range(n_terms)], axis=1), run[n_terms:]


@dataclass(frozen=True)
class TransferErrors:
    """Errors of forecasts by rates that were fitted to other families of initial conditions.

    Every entry is the median over unseen trajectories of ``|forecast - truth| / |truth|``, the norms over steps and
    states.

    Attributes
    ----------
    pairwise : ndarray of shape (n_families, n_families)
        Fitted to the family of the row, judged on that of the column. The diagonal is judged on other trajectories,
        too.
    left_out : ndarray of shape (n_families,)
        Fitted to all families but this one.
    persistence : ndarray of shape (n_families,)
        Of the forecast that nothing changes.
    """

    pairwise: Array
    left_out: Array
    persistence: Array


def transfer_errors(families: Sequence[ArrayLike], n_terms: int = 1, *, dissipated: bool = False) -> TransferErrors:
    """Fit rates to one family of initial conditions, forecast another.

    Kernels are fitted to the trajectories of even number of each family and judged on those of odd number, which they
    continue freely from the first `n_terms` steps.

    Parameters
    ----------
    families : sequence of array-like of shape (n_trajectories, n_steps, n_states)
        Probabilities along trajectories, of two families or more, with two trajectories or more in each.
    n_terms : int, default=1
        Number of kernels, 1 for rates without memory.
    dissipated : bool, default=False
        As for `fit_rates`.

    Returns
    -------
    TransferErrors
        Relative errors.

    Raises
    ------
    ValueError
        If there are too few families or trajectories, or rows are not probabilities.
    """
    data = [check_probabilities(family) for family in families]
    if len(data) < 2 or any(p.ndim != 3 or len(p) < 2 or p.shape[1] <= n_terms for p in data):
        raise ValueError(
            "families must hold two families or more of shape (n_trajectories, n_steps, n_states), two trajectories or "
            f"more in each, of more than {n_terms} steps; got {[p.shape for p in data]}."
        )
    train, test = [p[::2] for p in data], [p[1::2] for p in data]

    def error(kernels: Array, p: Array) -> float:
        return _median_error(_continue(kernels, p[:, :n_terms], p.shape[1] - n_terms), p[:, n_terms:])

    own = [fit_kernels(p, n_terms, dissipated=dissipated) for p in train]
    others = [[run for b, p in enumerate(train) if b != a for run in p] for a in range(len(train))]
    rest = [fit_kernels(runs, n_terms, dissipated=dissipated) for runs in others]
    return TransferErrors(
        np.array([[error(kernels, p) for p in test] for kernels in own]),
        np.array([error(kernels, p) for kernels, p in zip(rest, test, strict=True)]),
        np.array([_median_error(p[:, n_terms - 1 : n_terms], p[:, n_terms:]) for p in test]),
    )


def _continue(kernels: Array, start: Array, n_steps: int) -> Array:
    """Free run of batches (n, n_terms, d)."""
    window, out = list(start.swapaxes(0, 1)[::-1]), []
    for _ in range(n_steps):
        state = np.einsum("lij,lnj->ni", kernels, np.stack(window))
        window = [state, *window[:-1]]
        out.append(state)
    return np.stack(out, axis=1)


def _median_error(forecast: Array, truth: Array) -> float:
    return float(np.median(np.linalg.norm(forecast - truth, axis=(1, 2)) / np.linalg.norm(truth, axis=(1, 2))))
