"""Errors of reconstructed fields, each with a field for which it is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmst.scattering import Setting, reconstruction_report


@given(shift=st.tuples(st.integers(-9, 9), st.integers(-9, 9)), sign=st.sampled_from([-1, 1]), mirrored=st.booleans())
def test_the_error_modulo_symmetry_sees_no_shift_mirror_or_sign(shift, sign, mirrored):
    x = np.random.default_rng(0).standard_normal((2, 12, 9))
    y = np.flip(x, (1, 2)) if mirrored else x
    report = reconstruction_report(x, sign * np.roll(y, shift, (1, 2)), grid_shape=(12, 9))
    np.testing.assert_allclose(report.field_error_modulo_symmetry, 0, atol=1e-12)
    np.testing.assert_allclose(report.power_error, 0, atol=1e-10)


def test_the_error_of_a_multiple_is_the_difference_of_the_factors(rng):
    x = rng.standard_normal((3, 64))
    report = reconstruction_report(x, 1.5 * x, encoding=Setting((64,), J=4))
    np.testing.assert_allclose(report.field_error, 0.5)
    np.testing.assert_allclose(report.field_error_modulo_symmetry, 0.5)
    np.testing.assert_allclose(report.feature_error, 0.5)
    np.testing.assert_allclose(report.power_error, 1.5**2 - 1)
    np.testing.assert_allclose(report.increment_kurtosis_error, 0, atol=1e-12)


def test_independent_noise_is_as_far_as_its_size_says(rng):
    x, y = rng.standard_normal((2, 1, 4096))
    report = reconstruction_report(x, y)
    assert report.field_error[0] == pytest.approx(np.sqrt(2), rel=0.05)
    assert report.field_error_modulo_symmetry[0] < report.field_error[0]


def test_power_is_compared_octave_by_octave():
    t = np.arange(64)
    x = np.cos(2 * np.pi * t / 64) + np.cos(2 * np.pi * 9 * t / 64)
    y = np.cos(2 * np.pi * t / 64) + 2 * np.cos(2 * np.pi * 9 * t / 64)
    error = reconstruction_report(x[None], y[None]).power_error[0]
    assert error[0] == pytest.approx(0)  # wavenumber 1
    assert error[3] == pytest.approx(3)  # 8 to 15


def test_an_octave_without_power_has_no_relative_error(rng):
    t = np.arange(64)
    report = reconstruction_report(np.cos(2 * np.pi * 3 * t / 64)[None], rng.standard_normal((1, 64)))
    np.testing.assert_array_equal(np.isnan(report.power_error), [[True, False, True, True, True, True]])


def test_increments_know_gaussian_from_sparse(rng):
    gaussian = rng.standard_normal((1, 20000))
    sparse = rng.standard_normal((1, 20000)) * (rng.random((1, 20000)) < 0.1)
    report = reconstruction_report(gaussian, sparse)
    # Kurtosis of a product with a Bernoulli variable of mean .1 is 3 / .1; of the difference of two, half the excess.
    assert report.increment_kurtosis_error[0, 0] == pytest.approx(((30 - 3) / 2 + 3) / 3 - 1, rel=0.1)
    assert (report.increment_distance > 0.2).all()
    assert report.moments[0, 3, 0] == pytest.approx(0, abs=0.15)
    assert report.moments[0, 3, 1] == pytest.approx(27, rel=0.15)


def test_the_report_reads_as_a_table(rng):
    x = rng.standard_normal((2, 32))
    assert str(reconstruction_report(x, x, encoding=Setting((32,), J=3))).count("\n") == 6


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((1, 8)), np.ones((2, 8)), "differ in shape"),
        (np.zeros((1, 8)), np.ones((1, 8)), "zero everywhere"),
        (np.ones((1, 8)), np.full((1, 8), np.nan), "reconstructed hold NaN"),
        (np.ones((1, 8)) + 1j, np.ones((1, 8)), "fields are complex"),
        (np.ones(8), np.ones(8), "trailing axes must be the grid"),
    ],
)
def test_fields_that_cannot_be_compared_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        reconstruction_report(x, y)
