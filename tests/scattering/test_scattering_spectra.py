"""Scattering spectra: the definition, known answers of Gaussian, asymmetric and self-similar fields, and gradients."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.datasets import make_fractional_brownian_motion
from skmst.scattering.branching import Branching
from skmst.scattering.filter_bank import BANKS
from skmst.scattering.scattering_spectra import ScatteringSpectra
from tests.scattering.differences import assert_gradient, standard_errors

SETTINGS = {
    "1-D": ScatteringSpectra((64,), J=4),
    "Morlet": ScatteringSpectra((63,), J=3, wavelet="morlet"),
    "two per octave": ScatteringSpectra((64,), J=2, Q=(2, 1)),
    "2-D": ScatteringSpectra((20, 17), J=3, L=3),
    "2-D Morlet": ScatteringSpectra((16, 16), J=2, L=2, wavelet="morlet"),
    "mirrored": ScatteringSpectra((12, 9), J=2, L=2, boundary="reflect"),
    "3-D": ScatteringSpectra((8, 9, 10), J=2, L=3),
    "two channels": ScatteringSpectra((48,), J=3, n_channels=2),
    "two channels 2-D": ScatteringSpectra((12, 12), J=2, L=2, n_channels=2, flatness=True),
    "flatness": ScatteringSpectra((64,), J=4, flatness=True),
}


def fields(spectra, rng, n=2):
    return rng.standard_normal((n, *((spectra.n_channels,) if spectra.couples_channels else ()), *spectra.grid_shape))


def definition(x, spectra):
    """Numbers of one field straight from the definition, row by row of the table, before any division."""
    x = x.reshape(-1, *spectra.grid_shape)
    if spectra.boundary == "reflect":
        x = np.pad(x, [(0, 0)] + [(0, n) for n in spectra.grid_shape], mode="symmetric")
    banks = [BANKS[spectra.wavelet](x.shape[1:], spectra.J, q, spectra.L) for q in spectra.Q]

    def convolved(u, which, j, q, l):
        index = [(w.j, w.q, w.l) for w in banks[which].wavelets()].index((j, q, l))
        return np.fft.ifftn(np.fft.fftn(u) * banks[which].psi()[index])

    table, numbers = spectra.table(), []
    for row in range(len(table["name"])):
        at = {key: column[row] for key, column in table.items()}
        wave = [(at[f"j{i}"], at.get(f"q{i}", 0), at[f"l{i}"]) for i in (1, 2, 3)]
        a, b = x[at["channel1"]], x[at["channel2"]]
        if at["kind"] == "mean":
            numbers.append(a.mean())
        elif at["kind"] == "variance":
            numbers.append(a.var())
        elif at["kind"] == "S1":
            numbers.append(np.abs(convolved(a, 0, *wave[0])).mean())
        elif at["kind"] == "F":
            numbers.append((np.abs(convolved(a, 0, *wave[0])) ** 4).mean())
        elif at["kind"] == "S2":
            numbers.append((convolved(a, 0, *wave[0]) * np.conj(convolved(b, 0, *wave[0]))).mean())
        elif at["kind"] == "S3":
            numbers.append((convolved(a, 0, *wave[0]) * np.abs(convolved(b, 0, *wave[1]))).mean())
        else:
            moduli = [np.abs(convolved(u, 0, *w)) for u, w in ((a, wave[0]), (b, wave[1]))]
            seen = [convolved(u, 1, *wave[2]) for u in moduli]
            numbers.append((seen[0] * np.conj(seen[1])).mean())
    return np.array(numbers)


def of_kind(spectra, values, kind):
    return values[:, spectra.table()["kind"] == kind]


@pytest.mark.parametrize("spectra", SETTINGS.values(), ids=SETTINGS)
def test_numbers_are_those_of_the_definition(spectra, rng):
    x = 0.4 + fields(spectra, rng)
    plain = replace(spectra, normalise=False)
    expected = np.array([definition(one, plain) for one in x])
    assert_allclose(plain.forward(x), expected, rtol=1e-9, atol=1e-9)
    powers = [i for i, name in enumerate(plain.table()["name"]) if name.startswith("S2")]
    assert len({*plain.table()["name"]}) == expected.shape[1]
    # Numbers of the default are relative to the mean squares in the bands.
    table, found = spectra.table(), spectra.forward(x)
    power = {
        (table["channel1"][i], table["j1"][i], table.get("q1", table["j1"])[i], table["l1"][i]): expected[:, i].real
        for i in powers
        if table["channel1"][i] == table["channel2"][i]
    }
    for row, kind in enumerate(table["kind"]):
        first, second = (
            (
                table[f"channel{i}"][row],
                table[f"j{i}"][row],
                table.get(f"q{i}", table[f"j{i}"])[row],
                table[f"l{i}"][row],
            )
            for i in (1, 2)
        )
        if kind == "S1":
            expected[:, row] /= np.sqrt(power[first])
        elif kind == "F":
            expected[:, row] /= power[first] ** 2
        elif kind in ("S3", "S4") or (kind == "S2" and first[0] != second[0]):
            expected[:, row] /= np.sqrt(power[first] * power[second])
    assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("spectra", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("form", ["own", "reference", "plain", "compressed"])
def test_gradients_are_central_differences(spectra, form, rng):
    x = 0.3 + fields(spectra, rng)
    options = {"normalise": form != "plain", "compressed": form == "compressed"}
    spectra = replace(spectra, **options)
    assert_gradient(spectra.referred_to(2 * x) if form == "reference" else spectra, x, rng)


@settings(max_examples=15, deadline=None)
@given(shift=st.tuples(st.integers(0, 63), st.integers(0, 20)), two=st.booleans(), seed=st.integers(0, 1000))
def test_translations_change_nothing(shift, two, seed):
    spectra = SETTINGS["2-D" if two else "1-D"]
    x, axes = fields(spectra, np.random.default_rng(seed)), tuple(range(1, 3 if two else 2))
    assert_allclose(spectra.forward(np.roll(x, shift[: len(axes)], axes)), spectra.forward(x), rtol=1e-11, atol=1e-13)


@settings(max_examples=15, deadline=None)
@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 1000))
def test_amplitude_is_in_the_spectrum_alone_and_sign_in_the_third_moments(factor, seed):
    spectra = SETTINGS["1-D"]
    x = fields(spectra, np.random.default_rng(seed))
    plain, turned = spectra.forward(x), spectra.forward(-factor * x)
    for kind, expected in {"mean": -factor, "variance": factor**2, "S1": 1, "S2": factor**2, "S3": -1, "S4": 1}.items():
        assert_allclose(
            of_kind(spectra, turned, kind), expected * of_kind(spectra, plain, kind), rtol=1e-11, atol=1e-12 * factor
        )


def test_reversal_conjugates(rng):
    for name in ("1-D", "2-D", "3-D"):
        spectra = SETTINGS[name]
        x, axes = fields(spectra, rng), tuple(range(1, 1 + len(spectra.grid_shape)))
        assert_allclose(spectra.forward(np.flip(x, axes)), np.conj(spectra.forward(x)), rtol=1e-10, atol=1e-13)


def test_numbers_that_are_called_real_are_real(rng):
    spectra = SETTINGS["two channels 2-D"]
    values, table = spectra.forward(fields(spectra, rng)), spectra.table()
    assert np.abs(values[:, ~table["complex"]].imag).max() < 1e-15
    assert np.abs(values[:, table["complex"]].imag).min(axis=0).max() > 1e-3


def test_white_noise_has_gaussian_sparsity_and_no_dependence_between_scales(rng):
    spectra = ScatteringSpectra((2048,), J=6, flatness=True)
    values, table = spectra.forward(rng.standard_normal((200, 2048))), spectra.table()
    sparsity = of_kind(spectra, values, "S1").real[:, :5]  # few independent points at the coarsest scale
    assert np.abs(standard_errors(sparsity**2 - np.pi / 4))[:3].max() < 4
    assert_allclose(sparsity.mean(axis=0), np.sqrt(np.pi) / 2, rtol=0.01)
    flatness = of_kind(spectra, values, "F").real[:, :3]
    assert np.abs(standard_errors(flatness - 2)).max() < 4
    third = of_kind(spectra, values, "S3")
    assert np.abs(standard_errors(third.real)).max() < 4
    assert np.abs(standard_errors(third.imag)).max() < 4
    # Bands two octaves apart have no frequency in common: they are independent.
    apart = (table["kind"] == "S4") & (table["j2"] - table["j1"] >= 2)
    assert apart.sum() == 10
    assert np.abs(standard_errors(values[:, apart].real)).max() < 4
    assert np.abs(standard_errors(values[:, apart].imag)).max() < 4
    diagonal = (table["kind"] == "S4") & (table["j2"] == table["j1"])
    assert standard_errors(values[:, diagonal].real).min() > 10


def test_the_direction_of_time_shows_in_the_imaginary_part_of_third_moments(rng):
    # Pulses that rise at once and decay slowly, against the same pulses made symmetric.
    spectra = ScatteringSpectra((1024,), J=6)
    table, t = spectra.table(), np.arange(1024)
    events = (rng.uniform(size=(100, 1024)) < 0.02).astype(float)
    decay = {"one-sided": np.exp(-t / 8), "symmetric": np.exp(-np.minimum(t, 1024 - t) / 4)}
    scores = {}
    for name, pulse in decay.items():
        x = np.fft.ifft(np.fft.fft(events) * np.fft.fft(pulse)).real
        S3 = of_kind(spectra, spectra.forward(x), "S3")
        assert np.abs(standard_errors(S3.real)).max() > 20  # positive pulses: no symmetry of sign
        scores[name] = np.abs(standard_errors(S3.imag)).max()
    assert scores["symmetric"] < 4
    assert scores["one-sided"] > 20
    assert (table["kind"] == "S3").sum() == 21


def test_rough_paths_depend_on_the_distance_of_scales_alone():
    # Fractional Brownian motion is self-similar, so the average over scales stands for each of them.
    x = make_fractional_brownian_motion(100, 4096, hurst=0.7, random_state=0)
    spectra = ScatteringSpectra((4096,), J=8, boundary="reflect")
    compressed = ScatteringSpectra((4096,), J=8, boundary="reflect", compressed=True)
    table, values = spectra.table(), spectra.forward(x)
    short, averaged = compressed.table(), compressed.forward(x)
    # 8 powers, mean and variance stay; 1 sparsity, 8 and 1 + ... + 7 dependences remain of 8, 36 and 84.
    assert {k: int((short["kind"] == k).sum()) for k in ("S1", "S2", "S3", "S4")} == {
        "S1": 1,
        "S2": 8,
        "S3": 8,
        "S4": 28,
    }
    assert {k: int((table["kind"] == k).sum()) for k in ("S1", "S2", "S3", "S4")} == {
        "S1": 8,
        "S2": 8,
        "S3": 36,
        "S4": 84,
    }
    for row in np.flatnonzero(short["kind"] == "S4"):
        steps = [short["j2"][row] - short["j1"][row], short["j3"][row] - short["j1"][row]]
        same = (
            (table["kind"] == "S4") & (table["j2"] - table["j1"] == steps[0]) & (table["j3"] - table["j1"] == steps[1])
        )
        assert_allclose(averaged[:, row], values[:, same].mean(axis=1), rtol=1e-10)
        middle = same & (table["j1"] >= 2) & (table["j3"] <= 5)  # away from the grid and from the ends
        each = values[:, middle].real.mean(axis=0)
        error = values[:, middle].real.std(axis=0) / np.sqrt(len(x))
        assert (np.abs(each - averaged[:, row].real.mean()) < 4 * error + 0.1 * np.abs(each)).all()


def test_the_diagonal_of_the_fourth_moments_is_the_energy_of_second_order(rng):
    spectra = ScatteringSpectra((24, 20), J=3, L=2, normalise=False)
    branching = Branching((24, 20), J=3, L=2, normalise=False)
    x = fields(spectra, rng)
    table, energies = spectra.table(), branching.forward(x).reshape(2, 6, 7)
    diagonal = (table["kind"] == "S4") & (table["j1"] == table["j2"]) & (table["l1"] == table["l2"])
    first = 2 * table["j1"][diagonal] + table["l1"][diagonal]
    second = 2 * table["j3"][diagonal] + table["l3"][diagonal]
    assert_allclose(spectra.forward(x)[:, diagonal], energies[:, first, second], rtol=1e-10)


def test_numbers_of_2d_fields():
    # Pairs of all directions: 3 scales (JL = 12 waves), S3 for j1 >= j2; S4 of unordered pairs below each wave.
    table = ScatteringSpectra((16, 16), J=3, L=4).table()
    counts = {kind: int((table["kind"] == kind).sum()) for kind in ("mean", "variance", "S1", "S2", "S3", "S4")}
    assert counts == {"mean": 1, "variance": 1, "S1": 12, "S2": 12, "S3": 16 * 6, "S4": 4 * (10 + 36)}


def test_a_reference_makes_the_powers_of_its_fields_one(rng):
    x = fields(SETTINGS["two channels"], rng, 7)
    spectra = SETTINGS["two channels"].referred_to(x)
    values, table = spectra.forward(x), spectra.table()
    own = np.isin(table["kind"], ["variance", "S2"]) & (table["channel1"] == table["channel2"])
    assert_allclose(values[:, own].mean(axis=0), 1, rtol=1e-12)
    assert_allclose(spectra.forward(3 * x)[:, own], 9 * values[:, own], rtol=1e-12)
    assert hash(spectra) == hash(SETTINGS["two channels"].referred_to(x))


def test_channels_are_compared(rng):
    spectra, single = SETTINGS["two channels"], ScatteringSpectra((48,), J=3)
    x = rng.standard_normal((3, 48))
    both, alone = spectra.forward(np.stack([x, np.roll(x, 3, 1)], axis=1)), single.forward(x)
    table = spectra.table()
    for kind in ("S1", "S2", "S3", "S4"):
        for channel in (0, 1):  # one channel against itself is a field alone
            own = (table["kind"] == kind) & (table["channel1"] == channel) & (table["channel2"] == channel)
            assert_allclose(both[:, own], of_kind(single, alone, kind), rtol=1e-10, atol=1e-13)
    # A wave and its delay: the phase between them is frequency times delay.
    t = np.arange(48)
    waves = np.stack([np.cos(2 * np.pi * 12 * t / 48), np.cos(2 * np.pi * 12 * (t - 1) / 48)])[None]
    plain = ScatteringSpectra((48,), J=3, n_channels=2, normalise=False)
    cross = plain.forward(waves)[0, (plain.table()["name"] == "S2_c0_c1_j0")]
    assert_allclose(cross, 0.5 * np.exp(2j * np.pi * 12 / 48), rtol=1e-12)


def test_single_precision_threads_and_batches_give_the_same(rng):
    spectra = SETTINGS["2-D"]
    x = fields(spectra, rng, 5)
    values = spectra.forward(x)
    single = spectra.forward(x.astype(np.float32))
    assert single.dtype == np.complex64
    assert_allclose(single, values, rtol=1e-4, atol=1e-5)
    assert_allclose(spectra.forward(x, n_jobs=2), values, rtol=1e-12)
    assert_allclose(spectra.forward(x[3:4]), values[3:4], rtol=1e-12)
    assert spectra.pullback(x.astype(np.float32), single, n_jobs=2).dtype == np.float32
    assert spectra.forward(x[:0]).shape == (0, values.shape[1])


def test_what_is_not_defined_or_does_not_fit_is_named(rng):
    spectra = SETTINGS["1-D"]
    x = rng.standard_normal((3, 64))
    x[1] = np.cos(2 * np.pi * np.arange(64) / 64)
    with pytest.raises(ValueError, match="field 1 has no energy in the band j0"):
        spectra.forward(x)
    assert np.isfinite(spectra.referred_to(x).forward(x)).all()
    assert not ScatteringSpectra((64,), J=4, normalise=False).forward(np.zeros((1, 64))).any()
    with pytest.raises(ValueError, match=r"fields of shape \(32,\), but the setting is for \(64,\)"):
        spectra.forward(x[:, :32])
    with pytest.raises(ValueError, match="ScatteringSpectra overflow float64: scale the fields"):
        spectra.forward(1e200 * rng.standard_normal((1, 64)))
    with pytest.raises(ValueError, match=r"gradient has shape \(3, 2\), but must be \(3, 30\)"):
        spectra.pullback(x, np.ones((3, 2)))
    with pytest.raises(ValueError, match="reference has 2 numbers, but must have 5"):
        ScatteringSpectra((64,), J=4, reference=(1.0, 1.0))
    with pytest.raises(ValueError, match="reference has no use with normalise=False"):
        ScatteringSpectra((64,), J=4, reference=(1.0,) * 5, normalise=False)
    with pytest.raises(ValueError, match="compressed=True averages over scales"):
        ScatteringSpectra((64,), J=4, compressed=True, normalise=False)
