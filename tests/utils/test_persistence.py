"""A pickle says which version wrote it."""

import pickle

import pytest
from sklearn.preprocessing import StandardScaler

from skmst.koopman import KoopmanRegressor
from skmst.trajectories import PerSnapshot
from skmst.utils.persistence import ModelVersionWarning
from tests.linear_systems import linear_runs


@pytest.mark.parametrize("estimator", [KoopmanRegressor(rank=2), PerSnapshot(StandardScaler())])
def test_the_same_version_reads_silently(estimator):
    assert repr(pickle.loads(pickle.dumps(estimator))) == repr(estimator)


def test_another_version_warns_and_still_reads(monkeypatch):
    model = KoopmanRegressor().fit(linear_runs(2, 10))
    stored = pickle.dumps(model)
    monkeypatch.setattr("skmst.__version__", "99.0")
    with pytest.warns(ModelVersionWarning, match=r"pickled by skmst 0\.1.* read by skmst 99\.0"):
        read = pickle.loads(stored)
    assert (read.koopman_matrix_ == model.koopman_matrix_).all()


def test_a_pickle_without_a_stamp_warns():
    state = KoopmanRegressor().__getstate__()
    del state["_skmst_version"]
    with pytest.warns(ModelVersionWarning, match="unknown version"):
        KoopmanRegressor().__setstate__(state)
