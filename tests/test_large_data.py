"""Trajectories that are not in memory: the model of all of them, a chunk at a time."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import clone
from sklearn.preprocessing import PolynomialFeatures

from skmst import KoopmanRegressor, MasterEquationPredictor
from skmst.trajectories._chunks import chunks
from tests.linear_systems import noisy_runs

X = noisy_runs(40, 60)
Y = np.cumsum(X, axis=-1)
P = np.abs(X) / np.abs(X).sum(axis=-1, keepdims=True)
E = np.exp(-0.05 * np.arange(60))[:, None] * P


def few_at_a_time():
    """Memory for three or so trajectories of X."""
    return config_context(working_memory=10 * 8 * X[0].size / 2**20)


MODELS = {
    "memory": (MasterEquationPredictor(3, alpha=0.1), X),
    "projection": (MasterEquationPredictor(4, method="mori"), X),
    "probabilities": (MasterEquationPredictor(2, constraint="stochastic"), P),
    "energy": (MasterEquationPredictor(2, state="energy", constraint="stochastic"), E),
    "Koopman": (KoopmanRegressor(alpha=0.1, n_delays=2), X),
    "lifted": (KoopmanRegressor(alpha=0.1, observables=PolynomialFeatures(2, include_bias=False)), X),
}


def mapped(values, path):
    file = np.lib.format.open_memmap(path, mode="w+", dtype=values.dtype, shape=values.shape)
    file[:] = values
    file.flush()
    return np.load(path, mmap_mode="r")


def delayed(values, path):
    return pytest.importorskip("dask.array").from_array(values, chunks=(7, 11, 2))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("store", [mapped, delayed])
@pytest.mark.parametrize("with_y", [False, True])
def test_the_model_is_that_of_the_data_in_memory(name, store, with_y, tmp_path):
    model, data = MODELS[name]
    y = Y if with_y else None
    inside = clone(model).fit(data, y)
    stored_y = None if y is None else store(y, tmp_path / "y.npy")
    with few_at_a_time():
        assert len(list(chunks(store(data, tmp_path / "x.npy")))) > 5
        outside = clone(model).fit(store(data, tmp_path / "x.npy"), stored_y)
    scale = np.abs(data if y is None else y).max()
    assert_allclose(outside.forecast(data[:, :9], 5), inside.forecast(data[:, :9], 5), atol=1e-10 * scale, rtol=0)
    assert_allclose(outside.eigenvalues_, inside.eigenvalues_, atol=1e-10)


def test_runs_of_unequal_length_may_each_be_in_a_file(tmp_path):
    runs = [run[: 60 - n] for n, run in enumerate(X)]
    files = [mapped(run, tmp_path / f"{n}.npy") for n, run in enumerate(runs)]
    with few_at_a_time():
        outside = MasterEquationPredictor(3).fit(files)
    inside = MasterEquationPredictor(3).fit(runs)
    assert_allclose(outside.memory_kernel_, inside.memory_kernel_, atol=1e-10)


def test_what_is_in_memory_is_one_chunk():
    with few_at_a_time():
        assert [part is X for _, part, _ in chunks(X)] == [True]
        assert len(list(chunks(list(X)))) == 1


def test_a_model_of_data_in_a_file_takes_little_memory(tmp_path):
    data = mapped(np.random.default_rng(0).standard_normal((256, 512, 16)), tmp_path / "x.npy")  # 16 MiB
    peaks = {}
    for name, working_memory in (("chunks", 2), ("whole", 1024)):
        with config_context(working_memory=working_memory):
            tracemalloc.start()
            MasterEquationPredictor(1, state=softmax).fit(data)
            peaks[name] = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
    assert peaks["chunks"] < 8
    assert peaks["whole"] > 16


def softmax(rows):
    p = np.exp(rows)
    return p / p.sum(axis=1, keepdims=True)


def test_errors_name_the_trajectory_of_all():
    stored = delayed(np.where(np.arange(40)[:, None, None] == 25, E[:, ::-1], E), None)
    with few_at_a_time(), pytest.raises(ValueError, match="the total energy of trajectory 25 grows at step 1"):
        MasterEquationPredictor(1, state="energy").fit(stored)


def test_other_numbers_of_observables_are_refused():
    with few_at_a_time(), pytest.raises(ValueError, match="y has 39 trajectories where X has 40"):
        MasterEquationPredictor(1).fit(delayed(X, None), Y[:39])


def test_a_failed_fit_leaves_the_fitted_model():
    model = MasterEquationPredictor(1, state="energy").fit(E)
    before = model.forecast(E, 3)
    broken = E.copy()
    broken[30, 5, 0] = 7
    with few_at_a_time(), pytest.raises(ValueError, match="trajectory 30 grows"):
        model.fit(delayed(broken, None))
    assert (model.forecast(E, 3) == before).all()
