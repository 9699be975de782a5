"""Measures of sparsity of operators for which they are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmst.koopman.sparsity import hoyer, operator_sparsity, participation, standardised


def test_the_identity_is_as_sparse_as_can_be():
    found = operator_sparsity(np.eye(10))
    assert found.n_entries == {0.9: 9, 0.99: 10}
    assert found.row_participation == found.eigenvector_participation == 1
    assert found.hoyer == pytest.approx((10 - 10 / np.sqrt(10)) / 9)
    assert np.isnan(found.off_band)


def test_the_matrix_of_ones_is_as_dense_as_can_be():
    found = operator_sparsity(np.ones((10, 10)))
    assert found.n_entries == {0.9: 90, 0.99: 99}
    assert found.row_participation == pytest.approx(10)
    assert found.hoyer == pytest.approx(0, abs=1e-12)


def test_a_cyclic_shift_is_sparse_but_its_eigenvectors_are_waves():
    found = operator_sparsity(np.roll(np.eye(8), 1, axis=0))
    assert found.row_participation == 1
    assert found.eigenvector_participation == pytest.approx(8)


def test_what_couples_distant_scales_is_off_the_band():
    K = np.eye(4) + np.diag([1.0, 1.0, 1.0], k=1)
    K[3, 0] = 2.0
    assert operator_sparsity(K, scales=[0, 1, 2, 3]).off_band == pytest.approx(4 / 11)
    assert operator_sparsity(K, scales=[0, 0, 1, 1]).off_band == 0


@given(st.integers(0, 2**32 - 1))
def test_order_sign_and_size_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    K = rng.normal(size=(5, 5)) ** 3
    order, signs = rng.permutation(5), rng.choice([-1.0, 1.0], 5)
    other = 7 * (K * signs * signs[:, None])[np.ix_(order, order)]
    a, b = operator_sparsity(K, scales=range(5)), operator_sparsity(other, scales=order)
    assert a.n_entries == b.n_entries
    for name in ("hoyer", "row_participation", "eigenvector_participation", "off_band"):
        assert getattr(a, name) == pytest.approx(getattr(b, name), rel=1e-6)


@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=3))
def test_in_units_of_standard_deviations_units_do_not_matter(units):
    K, C = np.arange(9.0).reshape(3, 3), np.diag([1.0, 4.0, 9.0]) + 0.5
    D = np.array(units)
    scaled = standardised(K * D[:, None] / D, C * D * D[:, None])
    np.testing.assert_allclose(scaled, standardised(K, C), rtol=1e-10)


def test_what_does_not_vary_keeps_its_unit():
    np.testing.assert_array_equal(standardised(np.ones((2, 2)), np.diag([4.0, 0.0])), [[1, 0.5], [2, 1]])


def test_participation_counts_equal_entries():
    np.testing.assert_allclose(participation([[1, 1j, -1, 0], [0, 0, 0, 0]]), [3, 0])


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=9).filter(lambda x: max(map(abs, x)) > 1e-3))
def test_hoyer_lies_between_zero_and_one(values):
    assert -1e-12 <= hoyer(values) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("matrix", "params", "message"),
    [
        (np.ones((2, 3)), {}, "square"),
        (np.zeros((2, 2)), {}, "not zero"),
        (np.eye(2), {"parts": (0.0,)}, "parts"),
        (np.eye(2), {"scales": [1]}, "scales"),
    ],
)
def test_what_cannot_be_is_said(matrix, params, message):
    with pytest.raises(ValueError, match=message):
        operator_sparsity(matrix, **params)
