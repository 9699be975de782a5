"""Filters and averages against Fourier transforms of the whole grid, and their transposes against them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst.scattering.cascade import plan
from skmst.scattering.filtering import Filters, make_filters, transpose_transform
from skmst.scattering.setting import Setting

CASES = {  # grid of the spectra, and how much coarser that of the filtered signals is
    "1-D": ((48,), (4,)),
    "1-D, not sampled": ((48,), (1,)),
    "1-D, odd": ((45,), (3,)),
    "2-D": ((16, 12), (4, 2)),
    "2-D, odd": ((15, 9), (5, 3)),
    "3-D": ((8, 6, 4), (2, 3, 1)),
}
each_case = pytest.mark.parametrize(("grid", "ratios"), CASES.values(), ids=CASES)
each_way = pytest.mark.parametrize("by_matrices", [False, True], ids=["by block", "by matrices"])


def draw(rng, *shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def inner(a, b):
    return np.sum(np.conj(a) * b).real


def some_filters(grid, rng):
    """Five filters on half of the spectrum: broad, narrow ones that few of its blocks see, and one that is zero."""
    hats = rng.standard_normal((5, *grid))
    hats[:, (grid[0] + 1) // 2 :] = 0
    hats[1:3, grid[0] // 4 :] = 0
    hats[3] = 0
    return hats


def make(hats, ratios, dtype=np.float64):
    return make_filters(hats, range(len(hats)), (1,) * len(ratios), ratios, np.dtype(dtype))


@pytest.fixture
def choose(monkeypatch):
    return lambda by_matrices: monkeypatch.setattr(Filters, "_by_matrices", lambda self, n_signals: by_matrices)


@each_way
@each_case
def test_filters_multiply_the_spectrum_and_sample_the_signal(grid, ratios, by_matrices, choose, rng):
    choose(by_matrices)
    hats, axes = some_filters(grid, rng), tuple(range(-len(grid), 0))
    spectrum = draw(rng, 2, 3, *grid)
    whole = np.fft.ifftn(spectrum[:, :, None] * hats, axes=axes)
    expected = whole[(...,) + tuple(slice(None, None, r) for r in ratios)]
    assert_allclose(make(hats, ratios).convolve(spectrum), expected, rtol=0, atol=1e-14)


@each_case
def test_by_matrices_is_by_block_in_single_precision_too(grid, ratios, choose, rng):
    filters = make(some_filters(grid, rng), ratios, np.float32)
    spectrum, gradient = (draw(rng, 4, *shape).astype(np.complex64) for shape in (grid, (5, *filters.grid)))
    found = []
    for by_matrices in (False, True):
        choose(by_matrices)
        found.append((filters.convolve(spectrum), filters.transpose(gradient)))
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype == np.complex64
        assert_allclose(one, other, rtol=0, atol=1e-6 * np.abs(one).max())


@each_way
@each_case
def test_the_transpose_has_the_same_inner_products(grid, ratios, by_matrices, choose, rng):
    choose(by_matrices)
    filters = make(some_filters(grid, rng), ratios)
    spectrum, gradient = draw(rng, 3, *grid), draw(rng, 3, 5, *filters.grid)
    expected = inner(gradient, filters.convolve(spectrum))
    assert abs(expected) > 0.01
    assert_allclose(inner(filters.transpose(gradient), spectrum), expected, rtol=1e-12)


@each_case
def test_filters_come_back_divided_by_the_points_that_fold_into_one(grid, ratios, rng):
    hats = some_filters(grid, rng)
    assert_allclose(list(make(hats, ratios).hats()), hats / np.prod(ratios), rtol=0, atol=1e-8)


def test_many_signals_through_many_filters_that_fold_are_products_of_matrices(rng):
    def by_matrices(n_signals, n_filters=5, n=4096, ratio=4):
        return make(rng.standard_normal((n_filters, n)), (ratio,))._by_matrices(n_signals)

    assert by_matrices(100)
    assert not by_matrices(1)
    assert by_matrices(1, n=64)  # where calls cost more than numbers
    assert not by_matrices(100, n_filters=1)
    assert not by_matrices(100, ratio=1)


AVERAGES = {
    "1-D": dict(grid_shape=(64,), J=3, T=8, output_step=4),
    "1-D, odd, mirrored": dict(grid_shape=(45,), J=3, T=8, output_step=2, boundary="reflect"),
    "1-D, everywhere": dict(grid_shape=(64,), J=3, T=1, output_step=4),
    "1-D, global": dict(grid_shape=(64,), J=3),
    "2-D": dict(grid_shape=(16, 12), J=2, L=3, T=4, output_step=2),
    "2-D, no product": dict(grid_shape=(16, 12), J=2, L=3, T=4, output_step=2, wavelet="tight"),
    "2-D, global, mirrored": dict(grid_shape=(9, 12), J=2, L=2, boundary="reflect"),
    "3-D": dict(grid_shape=(8, 6, 4), J=1, L=2, T=2, output_step=2),
}


@pytest.mark.parametrize("complex_signals", [False, True])
@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("average", AVERAGES.values(), ids=AVERAGES)
def test_the_transpose_of_an_average_has_the_same_inner_products(average, direct, complex_signals, rng):
    ready = plan(Setting(**average), np.dtype(np.float64))
    for pooling in (ready.mean, ready.branches[-1].pooling):
        signal = draw(rng, 2, 3, *pooling.grid)
        signal = signal if complex_signals else signal.real
        means = pooling(signal)
        gradient = draw(rng, *means.shape)
        gradient = gradient if complex_signals else gradient.real
        to_signal, to_spectrum = pooling.transpose(gradient, direct=direct)
        assert (to_signal is None) != (to_spectrum is None)
        if to_signal is None:
            to_signal = transpose_transform(to_spectrum, len(pooling.grid))
        assert_allclose(inner(to_signal, signal), inner(gradient, means), rtol=1e-12, atol=1e-13)


def test_a_low_pass_that_is_a_product_leads_back_without_a_transform():
    pooling = plan(Setting((16, 12), J=2, L=3, T=4), np.dtype(np.float64)).mean
    to_signal, to_spectrum = pooling.transpose(np.ones((1, 16, 12)), direct=True)
    assert to_spectrum is None
    assert_allclose(to_signal, pooling.gain, rtol=1e-12)  # the low-pass of what is one everywhere


@pytest.mark.parametrize("average", AVERAGES.values(), ids=AVERAGES)
def test_averages_of_a_signal_and_of_its_spectrum_agree(average, rng):
    pooling = plan(Setting(**average), np.dtype(np.float64)).mean
    axes = tuple(range(-len(pooling.grid), 0))
    signal = rng.standard_normal((2, *pooling.grid))
    assert_allclose(pooling(signal, np.fft.fftn(signal, axes=axes)), pooling(signal), rtol=0, atol=1e-14)
