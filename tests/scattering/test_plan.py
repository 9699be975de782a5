"""The parts of a plan that its execution relies on."""

import numpy as np
import pytest

from skmst.scattering import plan as plans
from skmst.scattering.setting import Setting


@pytest.mark.parametrize("n_signals", [1, 2, 7, 12, 40])
@pytest.mark.parametrize("most", [1, 3, 5, 100])
def test_signals_are_filtered_in_equal_shares(n_signals, most, monkeypatch):
    branch = plans.plan(Setting((64,), J=4), np.dtype(np.float64)).branches[0]
    spectrum = np.empty((2, n_signals, 64), complex)
    one = len(spectrum) * len(branch.filters.indices) * branch.filters.grid[0] * spectrum.itemsize
    monkeypatch.setattr(plans, "CHUNK_BYTES", most * one)
    parts = branch.parts(spectrum)
    sizes = [part.stop - part.start for part in parts]
    assert np.concatenate([np.arange(n_signals)[part] for part in parts]).tolist() == list(range(n_signals))
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-n_signals // most)


def test_a_signal_that_is_too_large_by_itself_is_filtered_all_the_same(monkeypatch):
    branch = plans.plan(Setting((64,), J=4), np.dtype(np.float64)).branches[0]
    monkeypatch.setattr(plans, "CHUNK_BYTES", 1)
    assert branch.parts(np.empty((1, 2, 64), complex)) == [slice(0, 1), slice(1, 2)]
