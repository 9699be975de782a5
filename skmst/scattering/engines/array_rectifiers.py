"""The nonlinearities of `skmst.scattering.rectifiers` in the functions of any array library.

Each is written so that automatic differentiation finds the derivative of the original: zero where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from skmst.scattering.engines.namespaces import Array, Namespace
from skmst.scattering.rectifiers import (
    Heisenberg,
    HeisenbergPrinted,
    LogModulus,
    Modulus,
    PhaseHarmonic,
    Rectifier,
)


def rectify(ns: Namespace, rectifier: Rectifier, z: Array) -> Array:
    """rho(z) for a complex signal z.

    Raises
    ------
    TypeError
        If the rectifier is not one of skmst's and z is not a numpy array.
    """
    rule = _RULES.get(type(rectifier))
    if rule is not None:
        return rule(ns, rectifier, z)
    if ns.xp is np:
        return rectifier(z)
    raise TypeError(
        f"rectifier={rectifier!r} works on numpy arrays: convert x to one, or use a rectifier of "
        "skmst.scattering.rectifiers."
    )


def _modulus(ns: Namespace, rectifier: Modulus, z: Array) -> Array:
    return ns.modulus(z)


def _log_modulus(ns: Namespace, rectifier: LogModulus, z: Array) -> Array:
    return ns.xp.log1p(ns.modulus(z))


def _phase_harmonic(ns: Namespace, rectifier: PhaseHarmonic, z: Array) -> Array:
    if rectifier.k == 0:
        return ns.modulus(z) + 0j
    xp, modulus = ns.xp, ns.modulus(z)
    there = modulus > 0
    # Divided by one where z is zero: a derivative of 0 / 0 would be NaN even where it is not taken.
    direction = xp.where(there, z, xp.zeros_like(z)) / xp.where(there, modulus, xp.ones_like(modulus))
    turned = direction if rectifier.k > 0 else xp.conj(direction)
    found = modulus * turned
    for _ in range(abs(rectifier.k) - 1):
        found = found * turned
    return found


def _heisenberg(ns: Namespace, rectifier: Heisenberg, z: Array) -> Array:
    # Real numbers beyond the branch points lie on the cut: + 0.0 takes them all from above.
    return ns.xp.asin(z * (2 / math.pi) + 0.0)


def _heisenberg_printed(ns: Namespace, rectifier: HeisenbergPrinted, z: Array) -> Array:
    xp = ns.xp
    return 1j * xp.log1p(ns.modulus(z)) - xp.atan2(xp.imag(z), xp.real(z))


_RULES: dict[type, Callable[[Namespace, Any, Array], Array]] = {
    Modulus: _modulus,
    LogModulus: _log_modulus,
    PhaseHarmonic: _phase_harmonic,
    Heisenberg: _heisenberg,
    HeisenbergPrinted: _heisenberg_printed,
}
