"""Statistics of very small and very large numbers: the unit of a field does not matter, in either precision."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst import ScatteringTransformer
from skmst.scattering.branching import Branching, Ratios
from skmst.scattering.phase_harmonics import PhaseHarmonics
from skmst.scattering.scattering_spectra import ScatteringSpectra
from skmst.scattering.setting import Setting
from skmst.scattering.statistics import Energies

#: Powers of two, by which a field is multiplied without rounding. Squares of squares leave the range of numbers.
UNITS = {np.float32: (2.0**-100, 2.0**-40, 2.0**40), np.float64: (2.0**-900, 2.0**-300, 2.0**300)}
RELATIVE = {
    "branching": Branching((64,), 3),
    "ratios": Ratios(Setting((64,), 3, wavelet="tight")),
    "spectra": ScatteringSpectra((64,), 3, flatness=True),
    "self-similar": ScatteringSpectra((64,), 3, compressed=True),
    "phase harmonics": PhaseHarmonics((64,), 3),
}


@pytest.mark.parametrize("dtype", UNITS)
@pytest.mark.parametrize("name", RELATIVE)
def test_relative_numbers_are_those_of_the_field_in_any_unit(name, dtype, rng):
    encoding, x = RELATIVE[name], rng.standard_normal((2, 64)).astype(dtype)
    relative = getattr(encoding, "_degrees", np.zeros(encoding.forward(x).shape[1])) == 0
    plain = encoding.forward(x)[:, relative]
    gradient = np.where(relative, rng.standard_normal((2, len(relative))), 0.0).astype(dtype)
    back = encoding.pullback(x, gradient)
    for unit in UNITS[dtype]:
        scaled = x * dtype(unit)
        assert_allclose(encoding.forward(scaled)[:, relative], plain, rtol=1e-5 if dtype is np.float32 else 1e-12)
        if name != "ratios":  # whose gradient is large where the coefficients are small, beyond float32
            assert_allclose(encoding.pullback(scaled, gradient) * dtype(unit), back, rtol=1e-4, atol=1e-30)


def test_numbers_with_units_have_their_degree(rng):
    x = rng.standard_normal((2, 64)).astype(np.float32)
    plain = ScatteringSpectra((64,), 3, normalise=False, flatness=True)
    fixed = ScatteringSpectra((64,), 3, flatness=True).referred_to(x)
    encodings = [plain, fixed, Energies((64,), 3), PhaseHarmonics((64,), 3, normalise=False)]
    encodings += [Branching((64,), 3, normalise=False), Energies((64,), 3).referred_to(x)]
    for encoding in encodings:
        degrees = np.log2(np.abs(encoding.forward(4 * x)) / np.abs(encoding.forward(x)))[0] / 2
        assert_allclose(degrees, encoding._degrees, atol=1e-4)
    assert_allclose(fixed.forward(x * np.float32(2.0**20))[:, 2:5], fixed.forward(x)[:, 2:5] * 2.0**20, rtol=1e-5)


@pytest.mark.parametrize("name", ["branching", "spectra", "self-similar", "phase harmonics"])
def test_a_large_mean_costs_single_precision_no_digits_beyond_those_of_the_field(name, rng):
    encoding = RELATIVE[name]
    x = (1e4 + rng.standard_normal((2, 64))).astype(np.float32)
    relative = encoding._degrees == 0
    expected = encoding.forward(x.astype(np.float64))[:, relative]
    assert_allclose(encoding.forward(x)[:, relative], expected, atol=2e-5 * np.abs(expected).max())


def test_a_large_mean_leaves_the_energies_of_the_bands(rng):
    x = (1e4 + rng.standard_normal((2, 64))).astype(np.float32)
    expected = Energies((64,), 3).forward(x.astype(np.float64))
    assert_allclose(Energies((64,), 3).forward(x), expected, rtol=2e-5)


def test_complex_fields_are_refused_by_statistics_of_real_ones():
    for encoding in (Energies((64,), 3), ScatteringSpectra((64,), 3)):
        with pytest.raises(ValueError, match="x is complex"):
            encoding.forward(np.ones((1, 64), complex))


@pytest.mark.parametrize("dtype", UNITS)
def test_the_shares_of_the_orders_do_not_depend_on_the_unit(dtype, rng):
    x = rng.standard_normal((3, 64)).astype(dtype)
    expected = ScatteringTransformer(J=3).fit(x).order_energy_
    for unit in (*UNITS[dtype], 1 / UNITS[dtype][0]):
        assert_allclose(ScatteringTransformer(J=3).fit(x * dtype(unit)).order_energy_, expected, rtol=1e-6)


def test_the_shares_of_the_orders_are_those_of_the_components_before_any_average_over_rotations(rng):
    x = rng.standard_normal((3, 2, 24, 24))
    params = dict(J=2, L=4, wavelet="tight", grid_shape=(24, 24), n_channels=2)
    expected = ScatteringTransformer(**params).fit(x).order_energy_
    for choice in (dict(isotropic=True), dict(vector_field=True), dict(isotropic=True, vector_field=True)):
        assert_allclose(ScatteringTransformer(**params, **choice).fit(x).order_energy_, expected, rtol=1e-12)
