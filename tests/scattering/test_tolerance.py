"""Sampling by bandwidth keeps its promise: the error of all coefficients, in norm, is below the tolerance."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmst import ScatteringTransformer
from skmst.scattering import Setting
from skmst.scattering.cascade import plan

LOCAL = dict(T=64, output_step=16)
CASES = {
    "1-D": Setting((2048,), J=7),
    "1-D, local": Setting((2048,), J=7, **LOCAL),
    "Q=8": Setting((4096,), J=8, Q=(8, 1)),
    "Q=8, local, mirrored": Setting((2000,), J=7, Q=(8, 1), boundary="reflect", **LOCAL),
    "Q=16, all paths": Setting((2048,), J=6, Q=(16, 2), rule="all"),
    "third order": Setting((1024,), J=6, Q=(2, 1), max_order=3),
    "tight": Setting((2048,), J=7, wavelet="tight"),
    "tight, Q=8": Setting((2048,), J=7, Q=(8, 1), wavelet="tight"),
    "logarithm": Setting((2048,), J=7, Q=(4, 1), rectifier="log_modulus"),
    "logarithm, tight": Setting((2048,), J=7, rectifier="log_modulus", wavelet="tight", **LOCAL),
    "2-D": Setting((64, 96), J=3, L=8),
    "2-D, local": Setting((64, 64), J=3, L=4, T=8, output_step=4),
    "2-D, tight, two angles": Setting((64, 64), J=3, L=2, wavelet="tight"),
    "3-D": Setting((16, 16, 16), J=2, L=3),
}


def noise(grid, power, seed=0):
    """Gaussian fields with spectrum ``k**-power``: 0 is white, 1 + dimension Brownian."""
    x = np.random.default_rng(seed).standard_normal((2, *grid))
    axes = tuple(range(1, x.ndim))
    k = np.sqrt(sum(f**2 for f in np.meshgrid(*map(np.fft.fftfreq, grid), indexing="ij")))
    k[(0,) * len(grid)] = math.inf
    return x if power == 0 else np.fft.ifftn(np.fft.fftn(x, axes=axes) * k ** (-power / 2), axes=axes).real


@pytest.mark.parametrize("tol", [1e-1, 1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("case", CASES)
def test_the_error_of_all_coefficients_is_below_the_tolerance(case, tol):
    setting = CASES[case]
    for power in (0, 1 + len(setting.grid_shape)):
        x = noise(setting.grid_shape, power)
        expected = setting.forward(x)  # on the full grid: the definition
        error = np.linalg.norm(replace(setting, tol=tol).forward(x) - expected) / np.linalg.norm(expected)
        assert error <= tol


def work(setting):
    """Samples of all filtered signals, times the logarithm of the size of each transform."""

    def of(branch):
        size = math.prod(branch.filters.grid)
        return branch.rows.size * size * math.log2(size) + sum(of(child) for child in branch.children)

    return sum(of(branch) for branch in plan(setting, np.dtype(float)).branches)


@pytest.mark.parametrize(("Q", "fewer"), [((8, 1), 2.0), ((16, 2), 3.0)])
def test_many_wavelets_per_octave_take_a_fraction_of_the_work(Q, fewer):
    setting = Setting((4096,), J=8, Q=Q)
    assert work(replace(setting, oversampling=0)) >= fewer * work(replace(setting, tol=1e-3))


def test_without_a_tolerance_nothing_changes():
    x = noise((256,), 0)
    assert_array_equal(
        Setting((256,), J=4, oversampling=0, tol=None).forward(x), Setting((256,), J=4, oversampling=0).forward(x)
    )
    assert ScatteringTransformer(J=4).fit(x)._encoding.tol is None


def test_the_gradient_is_that_of_the_sampled_transform():
    setting = Setting((256,), J=5, Q=(8, 1), tol=1e-3)
    x, direction = noise((256,), 0), noise((256,), 0, seed=1)
    weights = np.random.default_rng(2).standard_normal(setting.forward(x).shape)
    slope = np.sum(weights * (setting.forward(x + 1e-5 * direction) - setting.forward(x - 1e-5 * direction))) / 2e-5
    assert np.sum(setting.pullback(x, weights) * direction) == pytest.approx(slope, rel=1e-6)


def test_the_estimator_hands_the_tolerance_down():
    x = noise((512,), 0)
    found = ScatteringTransformer(J=5, Q=8, tol=1e-3).fit(x)
    expected = ScatteringTransformer(J=5, Q=8, oversampling="full").fit_transform(x)
    assert found._encoding == Setting((512,), J=5, Q=(8, 1), tol=1e-3)
    assert 0 < np.linalg.norm(found.transform(x) - expected) <= 1e-3 * np.linalg.norm(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(tol=1e-3, oversampling=1), "tol=0.001 decides on the sampling: leave oversampling=1 at 'auto'"),
        (dict(tol=1e-3, rectifier="heisenberg"), "tol=0.001 samples as coarsely as moduli allow, but rectifier="),
        (dict(tol=1e-3, statistics="energy"), "tol=0.001 has no meaning with statistics='energy'"),
        (dict(tol=0.5), "The 'tol' parameter"),
    ],
)
def test_a_tolerance_that_cannot_be_kept_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ScatteringTransformer(J=3, **options).fit(noise((64,), 0))


def test_settings_refuse_it_too():
    with pytest.raises(ValueError, match=r"tol=0 must be None or a number from 1e-05 to 0.1"):
        Setting((64,), J=3, tol=0)
    with pytest.raises(ValueError, match=r"tol=0.01 decides on the sampling: leave out oversampling=1"):
        Setting((64,), J=3, tol=0.01, oversampling=1)
