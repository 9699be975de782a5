"""Transforms side by side: each keeps its numbers, its gradient and its weight."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst.scattering.cascade import Setting
from skmst.scattering.joint import JointEncoding
from skmst.scattering.scattering_spectra import ScatteringSpectra
from skmst.scattering.statistics import Energies
from tests.scattering.differences import assert_gradient

PARTS = (ScatteringSpectra((32,), J=2), Energies((32,), J=3, Q=(2, 1)))


def test_coefficients_stand_one_after_the_other_times_their_weights(rng):
    x = rng.standard_normal((3, 32))
    joint = JointEncoding(PARTS, weights=(2.0, 0.5))
    expected = np.concatenate([2 * PARTS[0].forward(x), 0.5 * PARTS[1].forward(x)], axis=1)
    assert_allclose(joint.forward(x), expected, rtol=1e-12)
    table = joint.table()
    assert table["name"].tolist() == [*PARTS[0].table()["name"], *PARTS[1].table()["name"]]
    assert (np.bincount(table["encoding"]) == [len(part.table()["name"]) for part in PARTS]).all()


@pytest.mark.parametrize("weights", [None, (2.0, 0.5)])
def test_gradients_are_central_differences(weights, rng):
    assert_gradient(JointEncoding(PARTS, weights), rng.standard_normal((2, 32)), rng)


def test_local_coefficients_are_joined_along_paths(rng):
    parts = tuple(Setting((32,), J=J, T=8, output_step=4, wavelet="tight") for J in (1, 2))
    assert JointEncoding(parts).forward(rng.standard_normal((2, 32))).shape == (2, 2 + 4, 8)


def test_transforms_of_different_fields_are_refused():
    with pytest.raises(ValueError, match="must agree in grid_shape"):
        JointEncoding((PARTS[0], Energies((64,), J=3)))
    with pytest.raises(ValueError, match="weights has 1 numbers for 2 encodings"):
        JointEncoding(PARTS, weights=(1.0,))
