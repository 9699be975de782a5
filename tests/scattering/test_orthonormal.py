"""Orthonormal filters against their published values, and one octave against the definition of orthonormality."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst.scattering.orthonormal import MOST_MOMENTS, Octave, low_pass_filter

FILTERS = [(p, False) for p in range(1, MOST_MOMENTS + 1)] + [(p, True) for p in range(1, MOST_MOMENTS + 1, 2)]
OCTAVES = [Octave(1), Octave(4), Octave(10), Octave(3, True), Octave(1, False, "reflect"), Octave(5, True, "reflect")]


def wavelet(h):
    return (-1) ** np.arange(len(h)) * h[::-1].conj()


def test_daubechies_published_filters():
    root = np.sqrt(3)
    assert_allclose(low_pass_filter(1), np.sqrt([0.5, 0.5]), rtol=1e-15)
    closed_form = np.array([1 + root, 3 + root, 3 - root, 1 - root]) / (4 * np.sqrt(2))
    assert_allclose(low_pass_filter(2), closed_form, rtol=1e-14)
    # Daubechies 1988, table 1, N = 4.
    published = [0.230377813309, 0.714846570553, 0.630880767930, -0.027983769417]
    published += [-0.187034811719, 0.030841381836, 0.032883011667, -0.010597401785]
    assert_allclose(low_pass_filter(4), published, atol=1e-12)


def test_the_shortest_complex_symmetric_filter_in_closed_form():
    half = np.array([-3, 5, 30]) + 1j * np.sqrt(15) * np.array([-1, -1, 2])
    assert_allclose(low_pass_filter(3, True), np.r_[half, half[::-1]] / (32 * np.sqrt(2)), rtol=1e-14)


@pytest.mark.parametrize(("p", "symmetric"), FILTERS)
def test_filters_are_orthonormal_and_blind_to_polynomials(p, symmetric):
    h = low_pass_filter(p, symmetric)
    assert len(h) == 2 * p
    shifts = np.array([np.vdot(h[2 * n :], h[: len(h) - 2 * n]) for n in range(p)])
    assert_allclose(shifts, np.eye(p)[0], atol=1e-14)
    t = (np.arange(2 * p) - p + 0.5) / p  # monomials of a variable of order one
    assert_allclose([wavelet(h) @ t**m for m in range(p)], 0, atol=1e-14)
    # From h(z) = sqrt(2) ((1 + z) / 2)^p q(z) and |q(-1)|^2 = binomial(2 p - 1, p).
    following = np.sqrt(2 * math.comb(2 * p - 1, p)) * math.factorial(p) / (2 * p) ** p
    assert_allclose(abs(wavelet(h) @ t**p), following, rtol=1e-9)


@pytest.mark.parametrize("p", [3, 5, 7, 9])
def test_symmetric_filters_are_symmetric_and_complex_and_still_cannot_tell_left_from_right(p):
    h = low_pass_filter(p, True)
    assert_allclose(h, h[::-1], atol=1e-15)
    assert 0.08 < np.sum(h.imag**2) < 0.13
    spectrum = np.abs(np.fft.fft(h, 64))
    assert_allclose(spectrum[1:], spectrum[:0:-1], atol=1e-13)


@pytest.mark.parametrize("octave", OCTAVES, ids=str)
@pytest.mark.parametrize("n", [2, 4, 6, 30, 64])
def test_an_octave_is_unitary_also_where_filters_wrap_around_the_signal(octave, n):
    matrix = octave.split(np.eye(n), (-1,)).swapaxes(0, 1).reshape(n, n)
    assert_allclose(matrix.conj().T @ matrix, np.eye(n), atol=1e-13)


@pytest.mark.parametrize("octave", OCTAVES, ids=str)
def test_merging_undoes_splitting_along_every_axis(octave, rng):
    x = rng.standard_normal((3, 8, 4, 12)) + 1j * rng.standard_normal((3, 8, 4, 12))
    for axes in [(-1,), (-2, -1), (-3, -2, -1), (-3,)]:
        bands = octave.split(x, axes)
        assert len(bands) == 2 ** len(axes)
        assert_allclose(octave.merge(bands, axes), x, atol=1e-12)


def test_subbands_are_numbered_by_the_axes_along_which_they_are_high_pass():
    checks = np.cos(np.pi * np.arange(8))
    for axis, band in ((0, 1), (1, 2)):
        x = np.zeros((8, 8)) + (checks[:, None] if axis == 0 else checks)
        energies = np.sum(Octave(2).split(x, (-2, -1)) ** 2, axis=(1, 2))
        assert_allclose(energies, 64 * np.eye(4)[band], atol=1e-12)


@pytest.mark.parametrize("octave", [*map(Octave, (1, 2, 3, 4, 7, 10)), Octave(3, True), Octave(7, True)], ids=str)
def test_averages_lie_on_their_cells_and_details_forget_polynomials(octave):
    t = np.arange(128.0)
    low, high = octave.split(t, (-1,))
    inside = slice(16, -16)
    assert np.abs(low / np.sqrt(2) - (t[::2] + 0.5))[inside].max() <= 0.5 + 1e-12
    if octave.vanishing_moments > 1:
        assert_allclose(high[inside], 0, atol=1e-12)


def test_a_reflected_field_has_the_details_of_its_periodic_double(rng):
    x = rng.standard_normal(24)
    reflected = Octave(5, True, "reflect").split(x, (-1,))
    double = Octave(5, True).split(np.r_[x, x[::-1]], (-1,))
    assert_allclose(reflected, double[:, :12], atol=1e-14)
    assert_allclose(double[0, 12:], reflected[0, ::-1], atol=1e-14)
    assert_allclose(double[1, 12:], -reflected[1, ::-1], atol=1e-14)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (dict(vanishing_moments=0), "from 1 to 10"),
        (dict(vanishing_moments=11), "from 1 to 10"),
        (dict(vanishing_moments=4, symmetric=True), "odd number of vanishing_moments.*use 3 or 5"),
        (dict(boundary="zero"), "use 'periodic' or 'reflect'"),
        (dict(boundary="reflect"), "symmetric=True"),
    ],
)
def test_filters_that_do_not_exist_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        Octave(**params)
