"""Selection of modes: the ones that are there, at the optimum of the stated problem."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from skmst.koopman.sparse_modes import select_modes

PRESENT = np.exp(np.array([-0.01 + 0.3j, -0.01 - 0.3j, -0.1 + 1.2j, -0.1 - 1.2j]))
SPURIOUS = np.array([0.5 + 0.5j, 0.5 - 0.5j, 0.7, -0.8])


def run(rng, noise):
    modes = rng.normal(size=(6, 8)) + 1j * rng.normal(size=(6, 8))
    modes[:, 1::2] = modes[:, ::2].conj()
    modes[:, 6:] = rng.normal(size=(6, 2))
    z = np.concatenate([PRESENT, SPURIOUS])
    X = ((z[:4] ** np.arange(80)[:, None]) @ modes[:, :4].T).real
    return X + noise * rng.normal(size=X.shape), z, modes


def test_the_modes_that_are_there_are_kept(rng):
    X, z, modes = run(rng, 0.05)
    chosen = select_modes(X, z, modes, 0.05)
    np.testing.assert_array_equal(chosen.selected, [True] * 4 + [False] * 4)
    np.testing.assert_allclose(chosen.amplitudes[:4], 1.0, atol=0.05)
    np.testing.assert_array_equal(chosen.amplitudes[4:], 0)
    assert chosen.loss < 0.1


def test_amplitudes_of_conjugate_modes_are_conjugate(rng):
    chosen = select_modes(*run(rng, 0.3), 0.02)
    np.testing.assert_allclose(chosen.amplitudes[1:6:2], chosen.amplitudes[0:6:2].conj(), atol=1e-8)


def test_without_a_penalty_amplitudes_are_those_of_least_squares(rng):
    X, z, modes = run(rng, 0.3)
    chosen = select_modes(X, z, modes, 0.0)
    design = np.einsum("nj,tj->tnj", modes, z ** np.arange(80)[:, None]).reshape(-1, 8)
    expected = np.linalg.lstsq(design, X.ravel().astype(complex), rcond=None)[0]
    np.testing.assert_allclose(chosen.amplitudes, expected, atol=1e-8)
    assert chosen.loss == pytest.approx(np.linalg.norm(design @ expected - X.ravel()) / np.linalg.norm(X), abs=1e-8)


@pytest.mark.parametrize("penalty", [0.05, 0.2, 0.5])
def test_the_selection_of_real_modes_is_that_of_the_lasso(penalty, rng):
    z, modes = rng.uniform(-1, 1, 10), rng.normal(size=(4, 10))
    X = rng.normal(size=(30, 4))
    design = np.einsum("nj,tj->tnj", modes, z ** np.arange(30)[:, None]).reshape(-1, 10)
    design /= np.linalg.norm(design, axis=0)
    target = X.ravel() / np.linalg.norm(X)
    peer = Lasso(alpha=penalty / (2 * target.size), fit_intercept=False, tol=1e-12, max_iter=100_000)
    expected = peer.fit(design, target).coef_ != 0
    np.testing.assert_array_equal(select_modes(X, z, modes, penalty).selected, expected)


def test_a_large_penalty_keeps_nothing(rng):
    chosen = select_modes(*run(rng, 0.05), 2.0)
    assert not chosen.selected.any()
    assert chosen.loss == 1.0


def test_modes_of_other_states_are_refused(rng):
    X, z, modes = run(rng, 0.0)
    with pytest.raises(ValueError, match=r"shape \(8, 6\)"):
        select_modes(X, z, modes.T, 0.1)
    with pytest.raises(ValueError, match="2 runs"):
        select_modes(np.stack([X, X]), z, modes, 0.1)
