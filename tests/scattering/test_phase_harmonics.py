"""Phase harmonic moments: the definition, waves with known phases, Gaussian fields, and gradients."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.scattering.filter_bank import BANKS
from skmst.scattering.phase_harmonics import PhaseHarmonics
from skmst.scattering.statistics import Energies
from tests.scattering.differences import assert_gradient, standard_errors

SETTINGS = {
    "1-D": PhaseHarmonics((64,), J=4),
    "translated": PhaseHarmonics((64,), J=3, n_shifts=2),
    "Morlet": PhaseHarmonics((63,), J=3, wavelet="morlet"),
    "2-D": PhaseHarmonics((20, 17), J=3, L=3, n_shifts=1),
    "mirrored": PhaseHarmonics((12, 9), J=2, L=2, boundary="reflect"),
    "3-D": PhaseHarmonics((8, 9, 10), J=2, L=3),
    "two channels": PhaseHarmonics((48,), J=3, n_channels=2, n_shifts=1),
    "two classes": PhaseHarmonics((48,), J=3, classes=("Cphase", "S11")),
}


def fields(moments, rng, n=2):
    return rng.standard_normal((n, *((moments.n_channels,) if moments.couples_channels else ()), *moments.grid_shape))


def definition(x, moments):
    """Moments of one field straight from the definition, row by row of the table, before any division."""
    x = x.reshape(-1, *moments.grid_shape)
    if moments.boundary == "reflect":
        x = np.pad(x, [(0, 0)] + [(0, n) for n in moments.grid_shape], mode="symmetric")
    bank = BANKS[moments.wavelet](x.shape[1:], moments.J, 1, moments.L)
    psi = {(w.j, w.l): hat for w, hat in zip(bank.wavelets(), bank.psi(), strict=True)}

    def harmonic(u, j, l, k):
        z = np.fft.ifftn(np.fft.fftn(u) * psi[j, l])
        return np.abs(z) * np.exp(1j * k * np.angle(z))

    table, numbers = moments.table(), []
    for row in range(len(table["name"])):
        at = {key: column[row] for key, column in table.items()}
        if at["kind"] == "L":
            u = x[at["channel1"]]
            y = np.fft.ifftn(np.fft.fftn(u) * bank.phi(2 ** at["j1"])).real - u.mean()
            numbers.append((y ** at["k1"] if at["k1"] else np.abs(y)).var())
            continue
        a, b = (harmonic(x[at[f"channel{i}"]], at[f"j{i}"], at[f"l{i}"], at[f"k{i}"]) for i in (1, 2))
        if at["shift"]:
            b = np.roll(b, -at["shift"], at["shift_axis"])
        numbers.append(((a - a.mean()) * np.conj(b - b.mean())).mean())
    return np.array(numbers)


@pytest.mark.parametrize("moments", SETTINGS.values(), ids=SETTINGS)
def test_moments_are_those_of_the_definition(moments, rng):
    x = 0.4 + fields(moments, rng)
    plain = replace(moments, normalise=False)
    expected = np.array([definition(one, plain) for one in x])
    assert_allclose(plain.forward(x), expected, rtol=1e-9, atol=1e-9)
    table = moments.table()
    assert len({*table["name"]}) == expected.shape[1]
    # The default is relative to the powers, S11 without translation, which remain; variances for scaling moments.
    power = {
        (table["channel1"][i], table["j1"][i], table["l1"][i]): expected[:, i].real
        for i in np.flatnonzero((table["kind"] == "S11") & (table["shift"] == 0))
        if table["channel1"][i] == table["channel2"][i]
    }
    variance = {
        (table["channel1"][i], table["j1"][i]): expected[:, i].real
        for i in np.flatnonzero((table["kind"] == "L") & (table["k1"] == 1))
    }
    kept = [name for name in table["name"] if name.startswith("S11") and "_d" not in name]
    for row, name in enumerate(table["name"]):
        first, second = ((table[f"channel{i}"][row], table[f"j{i}"][row], table[f"l{i}"][row]) for i in (1, 2))
        if table["kind"][row] == "L":
            p = table["k1"][row]
            expected[:, row] /= 1 if p == 1 else variance[first[:2]] ** max(p, 1)
        elif name not in kept or first[0] != second[0]:
            expected[:, row] /= np.sqrt(power[first] * power[second])
    assert_allclose(moments.forward(x), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("moments", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("normalise", [True, False])
def test_gradients_are_central_differences(moments, normalise, rng):
    assert_gradient(replace(moments, normalise=normalise), 0.3 + fields(moments, rng), rng)


@settings(max_examples=15, deadline=None)
@given(shift=st.tuples(st.integers(0, 63), st.integers(0, 20)), two=st.booleans(), seed=st.integers(0, 1000))
def test_translations_change_nothing(shift, two, seed):
    moments = SETTINGS["2-D" if two else "translated"]
    x, axes = fields(moments, np.random.default_rng(seed)), tuple(range(1, 3 if two else 2))
    assert_allclose(moments.forward(np.roll(x, shift[: len(axes)], axes)), moments.forward(x), rtol=1e-9, atol=1e-12)


def test_powers_are_band_energies_and_amplitude_is_in_them_alone(rng):
    moments = SETTINGS["2-D"]
    x, table = fields(moments, rng), moments.table()
    values, turned = moments.forward(x), moments.forward(3 * x)
    powers = (table["kind"] == "S11") & (table["shift"] == 0)
    assert_allclose(values[:, powers], Energies((20, 17), J=3, L=3).forward(x)[:, 1:], rtol=1e-12)
    quadratic = powers | ((table["kind"] == "L") & (table["k1"] == 1))
    assert_allclose(turned, np.where(quadratic, 9, 1) * values, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("phase", [0.0, 1.0, -2.5])
def test_waves_an_octave_apart_are_coherent_at_the_phase_between_them(phase):
    # [W_2]^2 of cos(8 t + a) oscillates like W_1 of cos(16 t + b): the correlation is exp(i (b - 2 a)).
    t = 2 * np.pi * np.arange(64) / 64
    x = np.cos(16 * t + phase) + 0.3 * np.cos(8 * t + 0.7) + 0.2 * np.cos(4 * t - 0.4) + 0.1 * np.cos(2 * t)
    moments = replace(SETTINGS["1-D"], classes=("Cphase",))
    found = dict(zip(moments.table()["name"], moments.forward(x[None])[0], strict=True))
    assert_allclose(found["Cphase_j0_j1"], np.exp(1j * (phase - 1.4)), rtol=1e-10)
    assert_allclose(found["Cphase_j0_j2"], np.exp(1j * (phase + 1.6)), rtol=1e-10)
    assert_allclose(found["Cphase_j1_j2"], np.exp(1j * (0.7 + 0.8)), rtol=1e-10)


@pytest.mark.parametrize("phase", [0.0, 0.8, 3.0])
def test_a_modulated_wave_is_coherent_with_what_modulates_it(phase):
    t = 2 * np.pi * np.arange(256) / 256
    slow = sum(0.1 * np.cos(k * t) for k in (32, 16, 8))  # the bands between, an order smaller
    x = (1 + 0.3 * np.cos(4 * t)) * np.cos(64 * t) + 0.5 * np.cos(4 * t + phase) + 0.01 * slow
    moments = PhaseHarmonics((256,), J=5, classes=("C01",))
    found = dict(zip(moments.table()["name"], moments.forward(x[None])[0], strict=True))
    assert np.abs(np.angle(found["C01_j0_j4"] * np.exp(1j * phase))) < 1e-3
    assert np.abs(found["C01_j0_j4"]) > 0.1
    assert np.abs(found["C01_j0_j2"]) < 0.01


def test_translations_turn_the_phase_of_a_wave():
    x = np.cos(2 * np.pi * 16 * np.arange(64) / 64)
    moments = PhaseHarmonics((64,), J=2, classes=("S11",), n_shifts=2, normalise=False)
    found = dict(zip(moments.table()["name"], moments.forward(x[None])[0], strict=True))
    expected = {name: 0.5 * np.exp(-2j * np.pi * 16 / 64 * d) for name, d in [("", 0), ("_d0_1", 1), ("_d0_2", 2)]}
    for name, value in expected.items():
        assert_allclose(found[f"S11_j0{name}"], value, atol=1e-14)


def test_scaling_moments_of_a_slow_wave_are_those_of_a_cosine():
    # Var y = A^2 / 2, Var y^2 = A^4 / 8, Var y^3 = 5 A^6 / 16; the mean of |cos| over n points is 2 / (n tan(pi / n)).
    x = 5 + 3 * np.cos(2 * np.pi * np.arange(64) / 64)
    found = PhaseHarmonics((64,), J=2, classes=("L",), normalise=False).forward(x[None])[0]
    A = 3 * BANKS["tight"]((64,), 2).phi(2)[1]
    mean = 2 / (64 * np.tan(np.pi / 64))
    assert_allclose(found, [A**2 * (0.5 - mean**2), A**2 / 2, A**4 / 8, 5 * A**6 / 16], rtol=1e-12)


def test_gaussian_fields_have_no_coherence_between_scales(rng):
    moments = PhaseHarmonics((1024,), J=6)
    x = np.cumsum(rng.standard_normal((200, 1024)), axis=1)
    x -= np.linspace(0, 1, 1024) * x[:, -1:]  # closed paths: periodic, power 1 / k^2
    values, table = moments.forward(x), moments.table()
    for kind in ("S01", "C01", "Cphase"):
        chosen = values[:, table["kind"] == kind]
        assert np.abs(standard_errors(chosen.real)).max() < 4
        assert np.abs(standard_errors(chosen.imag)).max() < 4
    # The modulus of complex Gaussian numbers: <|W|>^2 = (pi / 4) <|W|^2>.
    noise = moments.forward(rng.standard_normal((200, 1024)))[:, table["kind"] == "S00"].real
    assert_allclose(noise.mean(axis=0)[:4], 1 - np.pi / 4, rtol=0.03)


def test_numbers_that_are_called_real_are_real(rng):
    moments = SETTINGS["two channels"]
    values, table = moments.forward(fields(moments, rng)), moments.table()
    assert np.abs(values[:, ~table["complex"]].imag).max() < 1e-15
    assert np.abs(values[:, table["complex"]].imag).max(axis=0).min() > 1e-6


def test_channels_are_compared(rng):
    pair, single = SETTINGS["two channels"], PhaseHarmonics((48,), J=3, n_shifts=1)
    x = rng.standard_normal((3, 48))
    both, alone, table = pair.forward(np.stack([x, np.roll(x, 3, 1)], axis=1)), single.forward(x), pair.table()
    for kind in pair.classes:
        mine = alone[:, single.table()["kind"] == kind]
        for channel in (0, 1):
            own = (table["kind"] == kind) & (table["channel1"] == channel) & (table["channel2"] == channel)
            assert_allclose(both[:, own], mine, rtol=1e-9, atol=1e-12)
    twice = pair.forward(np.stack([x, x], axis=1))
    for kind in ("C01", "Cphase", "S00"):
        cross = (table["kind"] == kind) & (table["channel1"] == 1) & (table["channel2"] == 0)
        assert_allclose(twice[:, cross], alone[:, single.table()["kind"] == kind], rtol=1e-9, atol=1e-12)


def test_numbers_of_moments():
    # pywph's classes, for real fields: L directions, and in C01 all pairs of them.
    table = PhaseHarmonics((128, 128), J=6, L=4).table()
    counts = {kind: int((table["kind"] == kind).sum()) for kind in ("S11", "S00", "S01", "C01", "Cphase", "L")}
    assert counts == {"S11": 24, "S00": 24, "S01": 24, "C01": 15 * 16, "Cphase": 15 * 4, "L": 5 * 4}


def test_single_precision_threads_and_batches_give_the_same(rng):
    moments = SETTINGS["2-D"]
    x = fields(moments, rng, 5)
    values = moments.forward(x)
    single = moments.forward(x.astype(np.float32))
    assert single.dtype == np.complex64
    assert_allclose(single, values, rtol=1e-3, atol=1e-4)
    assert_allclose(moments.forward(x, n_jobs=2), values, rtol=1e-12)
    assert moments.pullback(x.astype(np.float32), single, n_jobs=2).dtype == np.float32


def test_what_is_not_defined_or_does_not_fit_is_named(rng):
    moments = SETTINGS["1-D"]
    x = rng.standard_normal((3, 64))
    x[1] = np.cos(2 * np.pi * np.arange(64) / 64)
    with pytest.raises(ValueError, match="field 1 has no energy in the band j0"):
        moments.forward(x)
    assert not replace(moments, normalise=False).forward(np.full((1, 64), 2.0)).any()
    with pytest.raises(ValueError, match=r"classes=\('S12',\) must be some of S11, S00"):
        replace(moments, classes=("S12",))
    with pytest.raises(ValueError, match=r"Q=\(2, 1\) must be \(1, 1\)"):
        replace(moments, Q=(2, 1))
    with pytest.raises(ValueError, match="n_shifts=-1 must not be negative"):
        replace(moments, n_shifts=-1)
