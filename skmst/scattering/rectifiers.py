"""Pointwise nonlinearities between the convolutions: one small object each, with its derivative and its inverse.

A rectifier maps a filtered signal z to u = rho(z). `pullback` is the transpose of its derivative for the real inner
product ``Re(conj(a) b)``, so a gradient with respect to u becomes one with respect to z, both written as complex
numbers ``d/dRe + i d/dIm``. Where rho has no derivative (the modulus at zero) a subgradient of zero is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Rectifier(Protocol):
    """What the cascade asks of a nonlinearity."""

    @property
    def keeps_phase(self) -> bool:
        """Whether the rectified signal is complex, and complex fields make sense."""

    @property
    def invertible(self) -> bool:
        """Whether `inverse` exists."""

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Rectified signal rho(z), elementwise."""

    def pullback(self, z: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Gradient with respect to z, complex, from the one with respect to rho(z)."""

    def inverse(self, u: np.ndarray) -> np.ndarray:
        """The z with rho(z) = u."""


def _direction(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Modulus and phase factor of z, which is zero where z is."""
    modulus = np.abs(z)
    # np.divide(out=, where=) instead of a floor: subnormal moduli keep a phase of modulus one.
    return modulus, np.divide(z, modulus, out=np.zeros_like(z), where=modulus > 0)


def _no_inverse(name: str) -> NotImplementedError:
    return NotImplementedError(f"{name} has no inverse: the phase is gone.")


@dataclass(frozen=True)
class Modulus:
    """``|z|`` (Mallat 2012)."""

    keeps_phase = False
    invertible = False

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return np.abs(z)

    def pullback(self, z: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        return np.asarray(_direction(z)[1] * gradient.real)

    def inverse(self, u: np.ndarray) -> np.ndarray:
        raise _no_inverse("the modulus")


@dataclass(frozen=True)
class LogModulus:
    """``log(1 + |z|)``: the modulus of small signals, the logarithm of large ones (Glinsky & Maupin 2023)."""

    keeps_phase = False
    invertible = False

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(np.log1p(np.abs(z)))

    def pullback(self, z: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        modulus, direction = _direction(z)
        return np.asarray(direction * (gradient.real / (1 + modulus)))

    def inverse(self, u: np.ndarray) -> np.ndarray:
        raise _no_inverse("the log-modulus")


@dataclass(frozen=True)
class PhaseHarmonic:
    """``|z| exp(i k arg z)``: the k-th phase harmonic (Zhang & Mallat 2021, eq. 6).

    Parameters
    ----------
    k : int, default=2
        Harmonic. 0 is the modulus, 1 leaves z as it is; 2 makes bands an octave apart comparable in phase.
    """

    k: int = 2
    keeps_phase = True

    @property
    def invertible(self) -> bool:
        return abs(self.k) == 1

    def __call__(self, z: np.ndarray) -> np.ndarray:
        modulus, direction = _direction(np.asarray(z, np.result_type(z, np.complex64)))
        return np.asarray(modulus * self._power(direction))

    def pullback(self, z: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        # With u = r e^{ik theta}: du = (dr + i k r dtheta) e^{ik theta}, dr + i r dtheta = e^{-i theta} dz.
        _, direction = _direction(np.asarray(z, np.result_type(z, np.complex64)))
        turned = np.conj(self._power(direction)) * gradient
        return np.asarray(direction * (turned.real + 1j * self.k * turned.imag))

    def inverse(self, u: np.ndarray) -> np.ndarray:
        if not self.invertible:
            raise NotImplementedError(f"the phase harmonic k={self.k} has no inverse.")
        return u if self.k == 1 else np.conj(u)

    def _power(self, direction: np.ndarray) -> np.ndarray:
        if self.k == 0:
            return np.ones_like(direction)
        base = direction if self.k > 0 else np.conj(direction)
        return np.asarray(base ** abs(self.k))


@dataclass(frozen=True)
class Heisenberg:
    """arcsin(2 z / pi): linear near zero, logarithmic at infinity, phase kept (Glinsky 2024).

    It is ``i ln R0(z)`` with ``R0(z) = -i h(2 z / pi)``, h the inverse of the Joukowski map, on the sheet that maps
    each half-plane into itself. Zero is a fixed point with slope 2 / pi.
    """

    keeps_phase = True
    invertible = True

    def __call__(self, z: np.ndarray) -> np.ndarray:
        # Real numbers beyond the branch points lie on the cut: + 0.0 takes them all from above.
        w = np.asarray(z, np.result_type(z, np.complex64)) * (2 / math.pi)
        return np.asarray(np.arcsin(w + 0.0))

    def pullback(self, z: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        w = np.asarray(z, np.result_type(z, np.complex64)) * (2 / math.pi) + 0.0
        # 1 / arcsin'(w) = cos(arcsin w): the square roots of this product, not of 1 - w**2, stay on one sheet.
        # Conjugated twice: 1 - w lies below the cut of the root where w lies above that of the arcsine.
        cosine = np.conj(np.sqrt(1 - np.conj(w))) * np.sqrt(1 + w)
        tiny = np.finfo(w.real.dtype).tiny
        return np.asarray(gradient * np.conj((2 / math.pi) / np.where(cosine == 0, tiny**0.5, cosine)))

    def inverse(self, u: np.ndarray) -> np.ndarray:
        return np.asarray((math.pi / 2) * np.sin(u))


@dataclass(frozen=True)
class HeisenbergPrinted:
    """``-arg z + i ln(1 + |z|)``: `i ln R0` with ``R0(z) = z + exp(i arg z)``, as in arXiv:2410.08558v4, eq. (14).

    However small the signal, its phase comes out of order one: an rms of pi / sqrt(3) for random phases.
    """

    keeps_phase = True
    invertible = True

    def __call__(self, z: np.ndarray) -> np.ndarray:
        z = np.asarray(z, np.result_type(z, np.complex64))
        return np.asarray(-np.angle(z) + 1j * np.log1p(np.abs(z)))

    def pullback(self, z: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        modulus, direction = _direction(np.asarray(z, np.result_type(z, np.complex64)))
        around = np.divide(gradient.real, modulus, out=np.zeros_like(modulus), where=modulus > 0)
        return np.asarray(direction * (gradient.imag / (1 + modulus) - 1j * around))

    def inverse(self, u: np.ndarray) -> np.ndarray:
        w = np.exp(-1j * u)
        modulus, direction = _direction(w)
        return np.asarray(direction * (modulus - 1))


RECTIFIERS: dict[str, Rectifier] = {
    "modulus": Modulus(),
    "log_modulus": LogModulus(),
    "phase_harmonics": PhaseHarmonic(),
    "heisenberg": Heisenberg(),
    "heisenberg_v4": HeisenbergPrinted(),
}


def rectifier_of(choice: str | Rectifier) -> Rectifier:
    """The rectifier of a name, or the object itself."""
    return RECTIFIERS[choice] if isinstance(choice, str) else choice


def known_as(choice: str | Rectifier) -> str | Rectifier:
    """The name of a rectifier that has one, so that equal transforms are described alike; else the object itself."""
    return next((name for name, rectifier in RECTIFIERS.items() if rectifier == choice), choice)
