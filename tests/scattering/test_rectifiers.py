"""Rectifiers: their values from published formulas, derivatives, inverses, and behaviour near zero."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.scattering.rectifiers import RECTIFIERS, PhaseHarmonic
from tests.scattering.reference import rectify

ALL = {**RECTIFIERS, **{f"harmonic {k}": PhaseHarmonic(k) for k in (-2, -1, 0, 1, 3)}}
INVERTIBLE = sorted(name for name, rectifier in ALL.items() if rectifier.invertible)

moduli = st.floats(1e-3, 1e3)
angles = st.floats(-3.0, 3.0)  # away from the cut of the argument, where v4 jumps


def circle(radius, n=2000, seed=0):
    return radius * np.exp(1j * np.random.default_rng(seed).uniform(-np.pi, np.pi, n))


@pytest.mark.parametrize("name", sorted(RECTIFIERS))
@pytest.mark.parametrize("radius", [1e-3, 1.0, 30.0])
def test_values_are_those_of_the_published_formulas(name, radius):
    z = circle(radius)
    assert_allclose(RECTIFIERS[name](z), rectify(name, z), rtol=1e-12, atol=1e-14)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(ALL)), modulus=moduli, angle=angles, seed=st.integers(0, 99))
def test_pullback_is_the_transpose_of_the_derivative(name, modulus, angle, seed):
    if name == "heisenberg" and abs(np.sin(angle)) < 0.01:
        angle += 0.05  # beyond pi / 2 the real axis is a cut
    rectifier, z = ALL[name], np.array([modulus * np.exp(1j * angle)])
    gradient = np.random.default_rng(seed).standard_normal(2).view(complex)
    step = 1e-4 * modulus * min(1.0, abs(np.sin(angle)) + (name != "heisenberg"))

    def along(direction):
        def value(t):
            return np.sum((np.conj(gradient) * rectifier(z + t * direction)).real)

        return (8 * (value(step) - value(-step)) - (value(2 * step) - value(-2 * step))) / (12 * step)

    found = rectifier.pullback(z, gradient)[0]
    size = max(abs(found), 1e-3 * np.abs(gradient[0]) * min(1, 1 / modulus))
    assert abs(found.real - along(1.0)) <= 1e-6 * size
    assert abs(found.imag - along(1j)) <= 1e-6 * size


@pytest.mark.parametrize("name", sorted(ALL))
def test_at_zero_gradients_are_finite_and_values_vanish_or_are_known_not_to(name):
    rectifier, zero = ALL[name], np.zeros(3, complex)
    assert np.isfinite(rectifier.pullback(zero, np.ones(3, complex))).all()
    assert np.array_equal(rectifier(zero), np.zeros(3))


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(INVERTIBLE), modulus=st.floats(1e-6, 1e6), angle=st.floats(-np.pi, np.pi))
def test_inverses_undo(name, modulus, angle):
    z = np.array([modulus * np.exp(1j * angle)])
    # v4 adds one to the modulus and takes it off again: round-off of one.
    assert_allclose(ALL[name].inverse(ALL[name](z)), z, rtol=1e-9, atol=4e-16)


@pytest.mark.parametrize("name", sorted(set(ALL) - set(INVERTIBLE)))
def test_without_an_inverse_it_is_said(name):
    with pytest.raises(NotImplementedError, match="no inverse"):
        ALL[name].inverse(np.ones(1))


@pytest.mark.parametrize("name", sorted(ALL))
def test_single_precision_stays_single(name):
    z = circle(1.0).astype(np.complex64)
    rectified = ALL[name](z)
    assert rectified.real.dtype == np.float32
    assert np.iscomplexobj(rectified) == ALL[name].keeps_phase
    assert_allclose(rectified, ALL[name](z.astype(complex)), atol=2e-5)
    assert ALL[name].pullback(z, rectified).dtype == np.complex64


@pytest.mark.parametrize("radius", [1e-2, 1e-4, 1e-8])
def test_the_printed_form_turns_nothing_into_pi_over_root_three(radius):
    # Random phases have an rms of pi / sqrt(3) whatever their modulus.
    printed = RECTIFIERS["heisenberg_v4"](circle(radius, 40000))
    assert np.sqrt(np.mean(np.abs(printed) ** 2)) == pytest.approx(np.pi / np.sqrt(3), rel=0.01)
    arcsin = RECTIFIERS["heisenberg"](circle(radius, 40000))
    assert_allclose(np.abs(arcsin), 2 / np.pi * radius, rtol=radius)


def test_the_arcsin_form_maps_half_planes_into_themselves_and_is_logarithmic_at_infinity():
    z = circle(np.exp(np.random.default_rng(1).uniform(-3, 8, 2000)))
    found = RECTIFIERS["heisenberg"](z)
    assert (np.sign(found.imag) == np.sign(z.imag)).all()
    assert (np.sign(found.real) == np.sign(z.real)).all()
    assert np.abs(found.real).max() <= np.pi / 2
    far = 1e6j * (1 + 0.1j)
    assert RECTIFIERS["heisenberg"](np.array([far]))[0].imag == pytest.approx(np.log(4 * abs(far) / np.pi), rel=1e-6)
