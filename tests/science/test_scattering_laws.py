"""What theory says of scattering coefficients of random fields."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst import ScatteringTransformer
from skmst.datasets import make_fractional_brownian_motion
from skmst.scattering.filter_bank import TightBank


@pytest.mark.parametrize(("grid_shape", "J"), [((1024,), 6), ((64, 64), 3)])
def test_white_noise_has_the_mean_of_a_rayleigh_law(grid_shape, J, rng):
    # x * psi_j is a circular complex Gaussian of variance sigma^2 norm(psi_j)^2: E S1 = sigma sqrt(pi)/2 norm(psi_j).
    sigma, n_fields = 1.7, 400
    x = sigma * rng.standard_normal((n_fields, *grid_shape))
    scatter = ScatteringTransformer(J=J, L=4, max_order=1, wavelet="tight", oversampling="full", grid_shape=grid_shape)
    s1 = scatter.fit_transform(x)[:, 1:]
    psi = TightBank(grid_shape, J, 1, 4).psi().reshape(s1.shape[1], -1)
    norm = np.sqrt((psi**2).mean(axis=1))  # Parseval
    error = s1.std(axis=0, ddof=1) / np.sqrt(n_fields)
    assert (np.abs(s1.mean(axis=0) - sigma * np.sqrt(np.pi) / 2 * norm) < 3 * error).all()
    assert_allclose(s1.mean(axis=0), sigma * np.sqrt(np.pi) / 2 * norm, rtol=0.015)


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.7])
def test_fractional_brownian_motion_has_slope_h(hurst):
    # S1(j) ~ 2^(j H): Bruna, Mallat, Bacry and Muzy 2015.
    x = make_fractional_brownian_motion(64, 16384, hurst=hurst, random_state=0)
    s1 = (
        ScatteringTransformer(J=9, max_order=1, wavelet="tight", boundary="reflect")
        .fit_transform(x)[:, 1:]
        .mean(axis=0)
    )
    slopes = np.diff(np.log2(s1))[2:7]
    assert slopes.mean() == pytest.approx(hurst, abs=0.02)
