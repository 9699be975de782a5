"""Where does a coefficient vary? Nested random effects, and two one-sided tests that means are the same.

A coefficient that is measured in families of initial conditions, for several initial conditions of each family, at
several times of each run, is ``mean + family + initial condition + time + sampling``, the terms independent and of
zero mean. The variance of each is estimated by the analysis of variance, whether or not there are equally many in
every group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]

#: A coefficient that varies by no more than this, relative to its size, is constant.
_ROUND_OFF = 64 * np.finfo(np.float64).eps

LEVELS = ("family", "initial condition", "time", "sampling")


@dataclass(frozen=True)
class VarianceComponents:
    """Variance of coefficients by the level of nesting that it comes from.

    Attributes
    ----------
    levels : tuple of str
        Names of the levels, coarsest first; the last is what varies within the finest groups.
    mean : ndarray of shape (n_coefficients,)
        Mean of all samples.
    variances : ndarray of shape (n_levels, n_coefficients)
        Unbiased estimates. They can come out negative where the truth is small, as unbiased estimates must.
    degrees_of_freedom : ndarray of int of shape (n_levels,)
        Groups less groups of the level above: few of them, poor estimates.
    """

    levels: tuple[str, ...]
    mean: Array
    variances: Array
    degrees_of_freedom: NDArray[np.intp]

    @property
    def shares(self) -> Array:
        """Fractions of the total variance, negative estimates taken for zero; NaN for coefficients that never vary."""
        positive = np.maximum(self.variances, 0.0)
        total = positive.sum(axis=0)
        return np.divide(positive, total, out=np.full_like(positive, np.nan), where=total > 0)

    @property
    def intraclass_correlations(self) -> Array:
        """Correlation of two samples that share all groups down to a level, shape (n_levels - 1, n_coefficients).

        At the level of families: near zero, the family does not matter; near one, nothing else does.
        """
        return np.asarray(np.cumsum(self.shares, axis=0)[:-1])


def variance_components(
    values: ArrayLike, groups: ArrayLike | None = None, *, levels: Sequence[str] | None = None
) -> VarianceComponents:
    """Estimate the variance that each level of nesting adds.

    Parameters
    ----------
    values : array-like of shape (n_1, ..., n_levels, n_coefficients), or (n_samples, n_coefficients) with `groups`
        Coefficients. Without `groups`, every axis but the last is a level, coarsest first: families, initial
        conditions of each, times of each, samples of each.
    groups : array-like of int of shape (n_samples, n_levels - 1), default=None
        Group of each sample at every level but the last, coarsest first. Groups of different parents are different
        groups, even under the same number.
    levels : sequence of str, default=None
        Names of the levels. None takes the first of "family", "initial condition", "time", "sampling".

    Returns
    -------
    VarianceComponents
        The estimates.

    Raises
    ------
    ValueError
        If shapes do not fit, values are not finite, or a level has no variation to estimate: one group in every parent.

    Notes
    -----
    Sums of squares between the groups of a level within those of the level above are equated with their expectations,
    which are linear in the variances and triangular (Henderson's first method; for balanced data this is the classical
    table of mean squares).

    References
    ----------
    Searle, Casella & McCulloch (1992), Variance Components, Wiley, chapters 3 and 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation.variance_components import variance_components
    >>> rng = np.random.default_rng(0)
    >>> family, condition = 3.0 * rng.standard_normal((400, 1, 1)), 2.0 * rng.standard_normal((400, 10, 1))
    >>> found = variance_components((family + condition + rng.standard_normal((400, 10, 5)))[..., None])
    >>> np.round(found.variances[:, 0], 1)  # 9, 4 and 1
    array([8.4, 4. , 1. ])
    """
    y, labels = _check_nested(values, groups)
    n_levels = labels.shape[1] + 1
    names = tuple(LEVELS[:n_levels]) if levels is None else tuple(levels)
    if len(names) != n_levels:
        raise ValueError(
            f"levels must name {n_levels} levels, the last one for what varies within groups; got {names}."
        )
    mean = y.mean(axis=0)
    constant = np.ptp(y, axis=0) <= _ROUND_OFF * np.abs(y).max(axis=0)
    y = np.where(constant, 0.0, y - mean)  # from here on the sum of all is zero, and nothing cancels
    starts = _group_starts(labels)
    sizes = [np.diff(np.append(s, len(y))) for s in starts]
    # Sum over the groups of a level of (size times squared mean).
    squares = [(np.add.reduceat(y, s) ** 2 / n[:, None]).sum(axis=0) for s, n in zip(starts, sizes, strict=True)]
    freedom = np.diff([len(s) for s in starts])
    for name, free in zip(names, freedom, strict=True):
        if free == 0:
            raise ValueError(
                f"level {name!r} has one group in each group above it, so its variance cannot be told from the next: "
                "leave that level out."
            )
    weights = np.array([[_weight(starts, sizes, l, k) for k in range(n_levels + 1)] for l in range(n_levels + 1)])
    variances = np.linalg.solve(np.diff(weights, axis=0)[:, 1:], np.diff(squares, axis=0))
    return VarianceComponents(names, mean, variances, freedom)


def _check_nested(values: ArrayLike, groups: ArrayLike | None) -> tuple[Array, NDArray[np.intp]]:
    """Samples (n, p) and their groups (n, n_levels - 1), in lexical order of the groups."""
    y = np.asarray(values, dtype=np.float64)
    if groups is None:
        if y.ndim < 3 or not y.size:
            raise ValueError(
                f"values must have shape (n_1, ..., n_levels, n_coefficients), two levels or more; got {y.shape}."
            )
        labels = np.indices(y.shape[:-1])[:-1].reshape(y.ndim - 2, -1).T
        y = y.reshape(-1, y.shape[-1])
    else:
        labels = np.asarray(groups)
        if y.ndim != 2 or labels.ndim != 2 or len(labels) != len(y) or not y.size or not labels.size:
            raise ValueError(
                "with groups, values must have shape (n_samples, n_coefficients) and groups (n_samples, n_levels - 1); "
                f"got {y.shape} and {labels.shape}."
            )
    if not np.isfinite(y).all():
        raise ValueError("values holds NaN or infinity: leave out coefficients that are not defined.")
    order = np.lexsort(labels.T[::-1])
    return y[order], labels[order]


def _group_starts(labels: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Where groups start at each level, from the one group of all to single samples."""
    changes = np.ones(len(labels), dtype=bool)
    starts = [np.zeros(1, dtype=np.intp)]
    for level in range(labels.shape[1]):
        changes[1:] = (labels[1:, : level + 1] != labels[:-1, : level + 1]).any(axis=1)
        starts.append(np.flatnonzero(changes))
    return [*starts, np.arange(len(labels))]


def _weight(starts: list[NDArray[np.intp]], sizes: list[NDArray[np.intp]], level: int, of: int) -> float:
    """Weight of the variance of one level in the expected sum of squared means of another."""
    if of <= level:
        return float(sizes[0][0])
    parent = np.searchsorted(starts[level], starts[of], side="right") - 1
    return float(np.sum(sizes[of] ** 2 / sizes[level][parent]))


@dataclass(frozen=True)
class Equivalence:
    """Are the means of all groups the same to within a margin? Of the pair of groups for which it is most in doubt.

    Attributes
    ----------
    p_value : ndarray of shape (n_coefficients,)
        Below the level, the means of all pairs differ by less than the margin.
    difference : ndarray of shape (n_coefficients,)
        Difference of the means of that pair; divided by the second, if the margin is relative.
    pair : ndarray of int of shape (n_coefficients, 2)
        Numbers of the two groups.
    """

    p_value: Array
    difference: Array
    pair: NDArray[np.intp]


def equivalence_test(groups: Sequence[ArrayLike], margin: ArrayLike, *, relative: bool = False) -> Equivalence:
    """Two one-sided tests, for every pair of groups, of the hypothesis that their means differ by the margin or more.

    Not to find a difference is no proof that there is none; here the hypothesis to be rejected is that there is one.
    Variances may differ between groups (Welch). All pairs have to pass, so the largest of their p-values needs no
    correction for their number (Berger 1982).

    Parameters
    ----------
    groups : sequence of array-like of shape (n_units, n_coefficients)
        Independent units of each group: means over trajectories, say, never single snapshots. At least two of each.
    margin : float or array-like of shape (n_coefficients,)
        The difference that would matter, positive.
    relative : bool, default=False
        Whether the margin is relative: means count as the same if their ratio lies between ``1 / (1 + margin)`` and
        ``1 + margin``. This takes the uncertainty of both means into account (Fieller's construction).

    Returns
    -------
    Equivalence
        For the pair of largest p-value.

    Raises
    ------
    ValueError
        If there are not two groups of two units each, values are not finite, or the margin is not positive.

    References
    ----------
    Schuirmann (1987), J. Pharmacokinet. Biopharm. 15, 657. Berger (1982), Technometrics 24, 295. Fieller (1954), J. R.
    Stat. Soc. B 16, 175 (ratios).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation.variance_components import equivalence_test
    >>> rng = np.random.default_rng(0)
    >>> first, second = 5 + rng.standard_normal((100, 1)), 5 + rng.standard_normal((100, 1))
    >>> equivalence_test([first, second], margin=1.0).p_value < 0.05
    array([ True])
    >>> equivalence_test([first, second], margin=0.1).p_value < 0.05  # too strict for these data
    array([False])
    """
    units = [np.asarray(group, dtype=np.float64) for group in groups]
    if len(units) < 2 or any(u.ndim != 2 or len(u) < 2 or u.shape[1:] != units[0].shape[1:] for u in units):
        raise ValueError(
            "groups must hold two groups or more of shape (n_units, n_coefficients), two units or more in each; got "
            f"{[u.shape for u in units[:5]]}."
        )
    if not all(np.isfinite(u).all() for u in units):
        raise ValueError("groups holds NaN or infinity: leave out coefficients that are not defined.")
    width = np.broadcast_to(np.asarray(margin, dtype=np.float64), units[0].shape[1:])
    if not (width > 0).all():
        raise ValueError(f"margin must be positive, got {margin!r}.")
    pairs = list(combinations(range(len(units)), 2))
    found = [_two_one_sided(units[a], units[b], width, relative) for a, b in pairs]
    p_values, differences = (np.array(part) for part in zip(*found, strict=True))
    worst, columns = np.argmax(p_values, axis=0), np.arange(len(width))
    return Equivalence(p_values[worst, columns], differences[worst, columns], np.array(pairs)[worst])


def _two_one_sided(a: Array, b: Array, margin: Array, relative: bool) -> tuple[Array, Array]:
    """p-values, and difference of means."""
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    var_a, var_b = a.var(axis=0, ddof=1) / len(a), b.var(axis=0, ddof=1) / len(b)
    if not relative:
        upper, lower = (_p_value(margin + s * (mean_a - mean_b), (var_a, len(a)), (var_b, len(b))) for s in (-1, 1))
        return np.maximum(upper, lower), mean_a - mean_b
    sign = np.where(mean_a + mean_b < 0, -1.0, 1.0)
    bounds = 1 + margin
    upper = _p_value(sign * (bounds * mean_b - mean_a), (var_a, len(a)), (bounds**2 * var_b, len(b)))
    lower = _p_value(sign * (bounds * mean_a - mean_b), (bounds**2 * var_a, len(a)), (var_b, len(b)))
    difference = np.divide(mean_a, mean_b, out=np.full_like(mean_a, np.inf), where=mean_b != 0) - 1
    return np.maximum(upper, lower), difference


def _p_value(excess: Array, first: tuple[Array, int], second: tuple[Array, int]) -> Array:
    """One-sided Welch test that an excess, with a variance of two parts, is not positive."""
    (var_a, n_a), (var_b, n_b) = first, second
    variance = var_a + var_b
    spread = var_a**2 / (n_a - 1) + var_b**2 / (n_b - 1)
    freedom = np.divide(variance**2, spread, out=np.ones_like(variance), where=spread > 0)
    t = np.divide(excess, np.sqrt(variance), out=np.where(excess > 0, np.inf, -np.inf), where=variance > 0)
    return np.asarray(stats.t.sf(t, freedom))
