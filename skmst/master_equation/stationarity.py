"""A test of stationarity: do runs differ between their early and their late half by more than chance?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Changes below these do not matter: half a standard deviation of the mean, a factor of two of the variance.
_DRIFT, _RATIO = 0.5, 2.0
#: Independent samples in a half below which standard errors are not known.
_ENOUGH = 10
#: Standard errors beyond which a change is not chance.
_SIGNIFICANT = 3.0


@dataclass(frozen=True)
class StationarityTest:
    """What changes between the early and the late half of runs.

    Attributes
    ----------
    drift : float
        Largest change of a feature's mean, in standard deviations.
    variance_ratio : float
        Largest factor by which a feature's variance changes, at least 1.
    stationary : bool
        Whether no feature's mean moves by more than 0.5 standard deviations, and no variance changes by more
        than a factor of 2, each by more than 3 standard errors.
    """

    drift: float
    variance_ratio: float
    stationary: bool


def stationarity_test(blocks: Sequence[NDArray[Any]]) -> StationarityTest:
    """Compare mean and variance of every feature between the early and the late half of runs.

    Standard errors are those of averages over correlated steps: the number of independent samples in a half
    is its length over the integrated autocorrelation time, which is found from the data (sum up to the first
    non-positive value; Sokal 1997), for normal fluctuations.

    Parameters
    ----------
    blocks : sequence of ndarray of shape (n_runs, n_steps, n_features)
        Independent runs, all of one length in a block.

    Returns
    -------
    StationarityTest
        The largest changes, and the verdict. Runs shorter than four steps, and halves of less than 10
        independent samples, say nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import stationarity_test
    >>> noise = np.random.default_rng(0).normal(size=(20, 50, 1))
    >>> stationarity_test([noise]).stationary
    True
    >>> stationarity_test([noise + 0.1 * np.arange(50)[:, None]]).stationary
    False
    """
    long = [np.asarray(block, dtype=np.float64) for block in blocks if block.shape[1] >= 4]
    if not long:
        return StationarityTest(0.0, 1.0, True)
    halves = [(b[:, : b.shape[1] // 2], b[:, b.shape[1] - b.shape[1] // 2 :]) for b in long]
    early, late = (np.concatenate([h[k].reshape(-1, h[k].shape[-1]) for h in halves]) for k in (0, 1))
    variances = early.var(axis=0), late.var(axis=0)
    pooled = 0.5 * (variances[0] + variances[1])
    centre = 0.5 * (early.mean(axis=0) + late.mean(axis=0))
    varies = pooled > (64 * np.finfo(float).eps * np.abs(centre)) ** 2
    if not varies.any():
        return StationarityTest(0.0, 1.0, True)
    n_independent = len(early) / _correlation_time([b - centre for b in long], varies)
    if n_independent < _ENOUGH:
        return StationarityTest(0.0, 1.0, True)
    scale = np.sqrt(pooled[varies])
    drift = np.abs(late.mean(axis=0) - early.mean(axis=0))[varies] / scale
    tiny = 1e-12 * pooled[varies]
    logarithm = np.abs(np.log((variances[1][varies] + tiny) / (variances[0][varies] + tiny)))
    moved = (drift > _DRIFT) & (drift > _SIGNIFICANT * np.sqrt(2 / n_independent))
    changed = (logarithm > np.log(_RATIO)) & (logarithm > _SIGNIFICANT * np.sqrt(4 / n_independent))
    return StationarityTest(float(drift.max()), float(np.exp(logarithm.max())), not bool((moved | changed).any()))


def _correlation_time(deviations: Sequence[Array], varies: NDArray[np.bool_]) -> float:
    """Integrated autocorrelation time in steps, averaged over features and runs."""
    rows = np.concatenate([d[..., varies].reshape(-1, int(varies.sum())) for d in deviations])
    weight = 1 / np.sqrt(np.mean(rows**2, axis=0))
    longest = max(d.shape[1] for d in deviations) // 2
    total = 1.0
    for lag in range(1, longest):
        products = [d[:, lag:, varies] * weight * d[:, :-lag, varies] * weight for d in deviations if d.shape[1] > lag]
        value = sum(float(p.sum()) for p in products) / sum(p.size for p in products)
        if value <= 0:
            break
        total += 2 * value
    return total
