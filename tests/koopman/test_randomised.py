"""Wide states: the same decomposition as the exact one, from few passes over the data and little memory."""

import tracemalloc

import numpy as np
import pytest
import sklearn

from skmst.koopman import randomised
from skmst.koopman.optimised import optimised_dmd
from skmst.koopman.randomised import principal_coordinates, projected_dmd

RATES = np.array([0.2j, 0.5j, 0.9j]) - np.array([0.001, 0.002, 0.0005])
EXACT = np.exp(np.concatenate([RATES, RATES.conj()]))


def oscillations(n_steps, n_features, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    modes = rng.normal(size=(3, n_features)) + 1j * rng.normal(size=(3, n_features))
    X = (np.exp(np.multiply.outer(np.arange(n_steps), RATES)) @ modes).real
    return X + noise * rng.normal(size=X.shape)


def farthest(found):
    return max(np.abs(found - z).min() for z in EXACT)


def by_svd(X, rank):
    """Projected dynamic mode decomposition by a full singular value decomposition (Schmid 2010)."""
    basis = np.linalg.svd(X, full_matrices=False)[2][:rank].T
    Z = X @ basis
    return np.linalg.eigvals(np.linalg.lstsq(Z[:-1], Z[1:], rcond=None)[0])


class ReadOnce:
    """An array that is read in slices of rows only, and counts what was read."""

    def __init__(self, values):
        self.values, self.shape, self.ndim, self.read = values, values.shape, 2, 0

    def __len__(self):
        return len(self.values)

    def __getitem__(self, rows):
        part = self.values[rows]
        self.read += part.size if isinstance(rows, slice) else 0
        return part


@pytest.mark.parametrize("shape", [(150, 4000), (4000, 400), (6000, 100), (60, 50)])
def test_eigenvalues_are_those_of_the_full_decomposition(shape):
    X = oscillations(*shape, noise=0.1)
    model = projected_dmd(X, 6, random_state=0)
    found, exact = np.sort_complex(model.eigenvalues), np.sort_complex(by_svd(X, 6))
    np.testing.assert_allclose(found, exact, atol=0.01 * farthest(exact) + 1e-12)


@pytest.mark.parametrize("shape", [(150, 4000), (4000, 400), (6000, 100)])
def test_exact_dynamics_are_found_exactly(shape):
    X = oscillations(*shape)
    model = projected_dmd(X, 6, random_state=0)
    assert farthest(model.eigenvalues) < 1e-11
    step = model.modes @ np.diag(model.eigenvalues) @ np.linalg.pinv(model.modes)
    np.testing.assert_allclose(X[:-1] @ step.real.T, X[1:], atol=1e-9)


def test_optimised_fits_run_in_the_same_coordinates():
    X = oscillations(300, 3000, noise=0.1)
    assert farthest(np.exp(optimised_dmd(X, 6, random_state=0).rates)) < 0.2 * farthest(by_svd(X, 6))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("shape", [(300, 4000), (6000, 100)])
def test_data_are_read_four_times_at_most_and_once_for_the_mean(center, shape):
    X = ReadOnce(oscillations(*shape, noise=0.1) + 3.0)
    with sklearn.config_context(working_memory=1):
        states = principal_coordinates(X, 6, center=center, random_state=0)
    assert X.read <= (4 + center) * X.values.size
    whole = principal_coordinates(X.values, 6, center=center, random_state=0)
    np.testing.assert_allclose(states.basis @ states.basis.T, whole.basis @ whole.basis.T, atol=1e-9)


def test_mapped_files_give_the_same_numbers(tmp_path):
    X = oscillations(200, 4000, noise=0.1)
    np.save(tmp_path / "X.npy", X)
    mapped = projected_dmd(np.load(tmp_path / "X.npy", mmap_mode="r"), 6, random_state=0)
    np.testing.assert_array_equal(mapped.eigenvalues, projected_dmd(X, 6, random_state=0).eigenvalues)


def test_coordinates_rebuild_the_runs():
    runs = [oscillations(n, 3000, seed=1) + 2.0 for n in (120, 90, 150)]
    states = principal_coordinates(runs, 6, center=True, random_state=0)
    np.testing.assert_allclose(states.basis.T @ states.basis, np.eye(6), atol=1e-12)
    for run, z in zip(runs, states.coordinates, strict=True):
        np.testing.assert_allclose(states.mean + z @ states.basis.T, run, atol=1e-9)
    np.testing.assert_allclose(np.concatenate(states.coordinates).mean(axis=0), 0, atol=1e-9)


def test_memory_beside_the_data_is_one_sketch_and_the_basis():
    X = oscillations(300, 20_000, noise=0.1)
    tracemalloc.start()
    principal_coordinates(X, 6, random_state=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 20_000 * (6 + 20)


def test_no_matrix_of_states_by_states_or_steps_by_steps_is_made(monkeypatch):
    """The decompositions see nothing wider than the sketch."""
    widest = []
    for name in ("qr", "svd"):
        original = getattr(randomised.linalg, name)
        monkeypatch.setattr(
            randomised.linalg,
            name,
            lambda a, *args, f=original, **kw: (widest.append(min(a.shape)), f(a, *args, **kw))[1],
        )
    principal_coordinates(oscillations(400, 3000), 6, random_state=0)
    assert max(widest) == 14
