"""Averages of coefficients over groups of paths: fewer numbers where a symmetry makes many of them equal."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Groups:
    """A partition of the rows of a table, in the order of the first row of each group.

    Attributes
    ----------
    group : ndarray of int, shape (n_rows,)
        The group of each row.
    first : ndarray of int, shape (n_groups,)
        The first row of each group.
    """

    group: np.ndarray
    first: np.ndarray

    @classmethod
    def by(cls, labels: Sequence[Hashable]) -> Groups:
        """Rows with equal labels belong together."""
        number: dict[Hashable, int] = {}
        group = np.array([number.setdefault(label, len(number)) for label in labels])
        return cls(group, np.unique(group, return_index=True)[1])

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Averages (n, n_groups, ...) of values (n, n_rows, ...) over each group."""
        flat = np.moveaxis(values, 1, -1)
        averaged = flat.reshape(-1, len(self.group)) @ self._matrix.astype(values.real.dtype)
        return np.moveaxis(averaged.reshape(*flat.shape[:-1], -1), -1, 1)

    def mean_pullback(self, gradient: np.ndarray) -> np.ndarray:
        """Gradient with respect to the values from the one with respect to their averages."""
        share = 1 / np.bincount(self.group).astype(gradient.real.dtype)
        share = share.reshape(-1, *(1,) * (gradient.ndim - 2))
        return np.asarray((gradient * share)[:, self.group])

    @property
    def _matrix(self) -> csr_array:
        share = 1 / np.bincount(self.group)
        rows = np.arange(len(self.group))
        return csr_array((share[self.group], (rows, self.group)), shape=(len(rows), len(self.first)))
