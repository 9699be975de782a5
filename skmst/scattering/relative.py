"""Numbers relative to mean squares: division by powers of them, and the gradient that goes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Division:
    """Each row divided by ``(power_1 power_2) ** exponent``.

    Attributes
    ----------
    factors : ndarray of int, shape (n_rows, 2)
        The two mean squares of each row.
    exponents : ndarray of float, shape (n_rows,)
        Their exponents; 0 leaves a row as it is, whatever the mean squares.
    """

    factors: np.ndarray
    exponents: np.ndarray

    def divisor(self, powers: np.ndarray) -> np.ndarray:
        """What each row is divided by, (n, n_rows), from mean squares (n, n_powers)."""
        # Roots before the product, which could leave the range of numbers.
        roots = np.where(self.exponents[:, None] > 0, powers[:, self.factors], 1.0) ** self.exponents[:, None]
        return np.asarray(roots.prod(axis=2), powers.dtype)

    def powers_pullback(self, raw: np.ndarray, back: np.ndarray, powers: np.ndarray) -> np.ndarray:
        """Gradient with respect to the mean squares.

        Parameters
        ----------
        raw : ndarray of shape (n, n_rows)
            Numbers before division.
        back : ndarray of shape (n, n_rows)
            Gradient with respect to them at fixed mean squares.
        powers : ndarray of shape (n, n_powers)

        Returns
        -------
        ndarray of shape (n, n_powers)
        """
        # d log(divisor) = exponent (d log power_1 + d log power_2)
        slope = -(np.conj(back) * raw).real * self.exponents
        out = np.zeros_like(powers)
        for factor in self.factors.T:
            ratio = np.divide(slope, powers[:, factor], out=np.zeros_like(slope), where=self.exponents > 0)
            np.add.at(out.T, factor, ratio.T)
        return out
