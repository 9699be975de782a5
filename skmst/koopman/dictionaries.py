"""Dictionaries of equal dimension side by side: do they close, what do they see, how sparse is the operator in them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmst.koopman.canonical import singular_functions, vamp_score
from skmst.koopman.closures import closure
from skmst.koopman.operators import edmd
from skmst.koopman.pairs import PairMoments
from skmst.koopman.sparsity import operator_sparsity
from skmst.koopman.spectrum import residuals, spectrum
from skmst.trajectories import check_trajectories

Array = NDArray[np.float64]


def compare_dictionaries(
    train: Mapping[str, Any],
    test: Mapping[str, Any],
    *,
    y_train: Any = None,
    y_test: Any = None,
    scales: Mapping[str, ArrayLike] | None = None,
    leads: Sequence[int] = (1, 8),
    alpha: float = 0.0,
    n_resamples: int = 500,
    level: float = 0.9,
    random_state: int | np.random.RandomState | None = None,
) -> dict[str, list[Any]]:
    """Learn one operator in each dictionary and measure it on other trajectories.

    Parameters
    ----------
    train, test : mapping of str to array-like of shape (n_trajectories, n_steps, n_features), or lists of 2-D arrays
        The same fields in each dictionary, by name, all of one number of features: measures of sparsity and closure
        of different dimensions do not compare.
    y_train, y_test : array-like of shape (n_trajectories, n_steps, ...) or list, default=None
        What all dictionaries are to forecast; see `skmst.koopman.closures.closure`. None leaves its columns out.
    scales : mapping of str to array-like of shape (n_features,), default=None
        The scale of each observable, for the dictionaries that have such.
    leads : sequence of int, default=(1, 8)
        Lead times, in data steps.
    alpha : float, default=0.0
        Ridge penalty, relative to the variance of the (standardised) observables.
    n_resamples, level, random_state
        As for `skmst.koopman.closures.closure`.

    Returns
    -------
    dict of str to list
        Columns, with an entry for each dictionary: ``"dictionary"``; for each lead k ``"closure_k"``, R2 of the
        observables themselves by powers of K, and ``"forecast_k"``, R2 of y, each with ``"_low"`` and ``"_high"``;
        ``"vamp2"`` and the median ``"residual"`` of the eigenpairs, on `test`; and of K for standardised observables
        ``"n_90"``, ``"n_99"``, ``"hoyer"``, ``"row_participation"``, ``"eigenvector_participation"``, ``"off_band"``
        (see `skmst.koopman.sparsity.Sparsity`).

    Raises
    ------
    ValueError
        If names or numbers of features differ, or the data are not valid.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.dictionaries import compare_dictionaries
    >>> phase = 0.3 * np.arange(40) + np.random.default_rng(0).uniform(0, 6.28, (20, 1))
    >>> X = np.stack([np.cos(phase), np.sin(phase)], axis=-1)
    >>> def split(Z):
    ...     return Z[:10], Z[10:]
    >>> (a, c), (b, d) = split(X), split(np.sign(X))
    >>> table = compare_dictionaries({"waves": a, "signs": b}, {"waves": c, "signs": d}, leads=[4])
    >>> table["dictionary"], [round(r2, 1) for r2 in table["closure_4"]]
    (['waves', 'signs'], [1.0, 0.5])
    """
    if not train or set(train) != set(test):
        raise ValueError(f"train and test must hold the same dictionaries: {sorted(train)} and {sorted(test)}.")
    sizes = {name: check_trajectories(X, input_name=name).n_features for name, X in train.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"dictionaries of different dimension do not compare: {sizes}. Cut them to one size.")
    options: dict[str, Any] = {
        "leads": leads,
        "alpha": alpha,
        "n_resamples": n_resamples,
        "level": level,
        "random_state": random_state,
    }
    rows = []
    for name in train:
        row: dict[str, Any] = {"dictionary": name}
        row |= _by_lead("closure", train[name], test[name], None, None, options)
        if y_train is not None:
            row |= _by_lead("forecast", train[name], test[name], y_train, y_test, options)
        rows.append(row | _operator(train[name], test[name], (scales or {}).get(name), alpha))
    return {column: [row[column] for row in rows] for column in rows[0]}


def _by_lead(kind: str, train: Any, test: Any, y_train: Any, y_test: Any, options: dict[str, Any]) -> dict[str, float]:
    found = closure(train, test, y_train=y_train, y_test=y_test, **options)
    columns = {"": found.powers, "_low": found.powers_low, "_high": found.powers_high}
    return {
        f"{kind}_{lead}{end}": float(values[0, i])
        for i, lead in enumerate(found.leads)
        for end, values in columns.items()
    }


def _operator(train: Any, test: Any, scales: ArrayLike | None, alpha: float) -> dict[str, float]:
    """Measures of the one-step operator of standardised observables."""
    rows = check_trajectories(train).rows()
    spread = rows.std(axis=0)
    varies = spread > 64 * np.finfo(float).eps * np.abs(rows.mean(axis=0))
    unit = np.diag(np.divide(1, spread, out=np.zeros_like(spread), where=varies))
    learned, held_out = (_pairs(X).seen_through(unit) for X in (train, test))
    left, right = edmd(learned, ridge=alpha * float(np.mean(np.diag(learned.before))))
    found = spectrum(left, right, learned.before, learned.cross, learned.after)
    error = residuals(found.eigenvalues, found.left, held_out.before, held_out.cross, held_out.after)
    sparse = operator_sparsity(left @ right, scales=scales)
    return {
        "vamp2": vamp_score(singular_functions(learned), held_out),
        "residual": float(np.median(error)),
        "n_90": sparse.n_entries[0.9],
        "n_99": sparse.n_entries[0.99],
        "hoyer": sparse.hoyer,
        "row_participation": sparse.row_participation,
        "eigenvector_participation": sparse.eigenvector_participation,
        "off_band": sparse.off_band,
    }


def _pairs(X: Any) -> PairMoments:
    runs = check_trajectories(X)
    return PairMoments.of_runs([run for block in runs.blocks for run in block], center=True)
