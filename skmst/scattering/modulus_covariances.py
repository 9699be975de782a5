"""Covariances of band-passed fields and their moduli, as sums over frequencies, and the gradient that goes back.

By Parseval a covariance is a sum of products of Fourier coefficients, and one that is seen through a wavelet runs only
over the frequencies of that wavelet. So each band costs two Fourier transforms, whatever the number of covariances, and
all covariances seen through one wavelet are one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from skmst.scattering.global_statistics import (
    filtered,
    filtered_pullback,
    modulus_pullback,
    transform,
    transform_pullback,
)

NEGLIGIBLE = 1e-9  # of a filter's maximum; smaller values are taken as zero


@dataclass(frozen=True)
class Block:
    """Covariances ``<left_a conj(right_b)>`` that are seen through one wavelet.

    Attributes
    ----------
    fields : bool
        Whether the left signals are band-passed fields, one for each channel; otherwise they are moduli.
    members : ndarray of int or None
        The moduli on the right (and on the left, unless `fields`); None where the right signals are the left ones.
    bins, gain : ndarray
        Frequencies of the wavelet, flattened, and its values there.
    rows, left, right : ndarray of int
        Where each covariance goes, and its place in the matrix of all of them.
    """

    fields: bool
    members: np.ndarray | None
    bins: np.ndarray
    gain: np.ndarray
    rows: np.ndarray
    left: np.ndarray
    right: np.ndarray


def support(hat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flattened frequencies where a filter does not vanish, and its values there."""
    flat = hat.reshape(-1)
    bins = np.flatnonzero(np.abs(flat) > NEGLIGIBLE * np.abs(flat).max(initial=0.0))
    return bins, flat[bins]


@dataclass(frozen=True)
class Spectra:
    """Fourier coefficients of a chunk of fields and of the moduli of their bands."""

    fields: np.ndarray  # (n, n_channels, *grid)
    signals: np.ndarray  # (n, n_channels, n_wavelets, *grid), in space
    moduli: np.ndarray  # the same, real, in space
    moduli_hat: np.ndarray  # (n, n_channels * n_wavelets, n_bins)
    psi: np.ndarray  # (n_wavelets, *grid)

    @classmethod
    def of(cls, fields: np.ndarray, psi: np.ndarray) -> Spectra:
        """Spectra of real fields (n, n_channels, *grid)."""
        ndim = psi.ndim - 1
        hat = transform(fields, ndim)
        signals = filtered(hat, psi)
        moduli = np.abs(signals)
        flat = transform(moduli, ndim).reshape(len(fields), fields.shape[1] * len(psi), -1)
        return cls(hat, signals, moduli, flat, psi)

    @property
    def flat(self) -> np.ndarray:
        """Fourier coefficients of the fields, (n, n_channels, n_bins)."""
        return self.fields.reshape(*self.fields.shape[:2], -1)

    def sides(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Left and right signals of a block, (n, n_left, n_bins) and (n, n_right, n_bins)."""
        if block.fields:
            left = self.flat[:, :, block.bins] * block.gain
            return left, left if block.members is None else self._moduli(block)
        left = self._moduli(block) * block.gain
        return left, left

    def _moduli(self, block: Block) -> np.ndarray:
        assert block.members is not None
        return self.moduli_hat[:, block.members[:, None], block.bins]

    @property
    def fourth_moments(self) -> np.ndarray:
        """Means of the fourth powers of the moduli, (n, n_channels * n_wavelets)."""
        flat = self.moduli.reshape(*self.moduli_hat.shape)
        return np.asarray((flat**4).mean(axis=2))

    def back(self, fields_hat: np.ndarray, moduli_hat: np.ndarray, fourth: np.ndarray) -> np.ndarray:
        """Gradient with respect to real fields from those with respect to `flat`, `moduli_hat` and `fourth_moments`.

        The last may be empty.
        """
        ndim = self.psi.ndim - 1
        inner = transform_pullback(moduli_hat.reshape(self.signals.shape), ndim)
        if fourth.size:
            inner += self.moduli**3 * (4 / self.moduli_hat.shape[2] * fourth).reshape(*inner.shape[:3], *(1,) * ndim)
        hat = filtered_pullback(modulus_pullback(self.signals, self.moduli, inner), self.psi)
        hat += fields_hat.reshape(hat.shape)
        return transform_pullback(hat, ndim)


def covariances(spectra: Spectra, blocks: tuple[Block, ...]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows of each block with their covariances (n, n_rows)."""
    for block in blocks:
        left, right = spectra.sides(block)
        yield block.rows, (left @ np.conj(right).swapaxes(1, 2))[:, block.left, block.right]


def covariances_pullback(
    spectra: Spectra, blocks: tuple[Block, ...], gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients with respect to `Spectra.flat` and `Spectra.moduli_hat` from the one with respect to all rows."""
    fields_hat, moduli_hat = np.zeros_like(spectra.flat), np.zeros_like(spectra.moduli_hat)
    for block in blocks:
        left, right = spectra.sides(block)
        matrix = np.zeros((len(left), left.shape[1], right.shape[1]), left.dtype)
        matrix[:, block.left, block.right] = gradient[:, block.rows]
        adjoint = np.conj(matrix).swapaxes(1, 2)
        if block.fields and block.members is None:
            fields_hat[:, :, block.bins] += (matrix + adjoint) @ left * block.gain
        elif block.fields:
            fields_hat[:, :, block.bins] += matrix @ right * block.gain
            moduli_hat[:, block.members[:, None], block.bins] += adjoint @ left  # type: ignore[index]
        else:
            moduli_hat[:, block.members[:, None], block.bins] += (matrix + adjoint) @ left * block.gain  # type: ignore[index]
    return fields_hat, moduli_hat
