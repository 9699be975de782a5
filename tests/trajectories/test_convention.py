"""Bad trajectories are refused at the door with one clear message; good ones are packed without change."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skmst.trajectories import check_outputs, check_step_count, check_trajectories

GOOD = np.arange(24.0).reshape(2, 4, 3)


def with_value(value):
    X = GOOD.copy()
    X[1, 2, 0] = value
    return X


BAD = {
    "missing value": (with_value(np.nan), ValueError, "NaN"),
    "infinity": (with_value(np.inf), ValueError, "infinity"),
    "complex": (GOOD + 1j, ValueError, "Complex data not supported"),
    "text": (GOOD.astype(str), ValueError, "must hold numbers"),
    "text among objects": (np.array([["1", 2.0]], dtype=object), ValueError, "must hold numbers"),
    "dates": (np.array([["2020-01-01"]], dtype="datetime64[D]"), ValueError, "must hold numbers"),
    "masked": (np.ma.masked_less(GOOD, 3), ValueError, "masked array"),
    "masked run": ([GOOD[0], np.ma.masked_less(GOOD[1], 3)], ValueError, r"X\[1\] is a masked array"),
    "ragged": ([[[1.0, 2.0]], [[1.0]]], ValueError, "ragged"),
    "sparse": (sparse.csr_array(GOOD[0]), TypeError, "[Ss]parse"),
    "four axes": (GOOD[None], ValueError, "Flatten the grid"),
    "one axis": (GOOD[0, 0], ValueError, "Reshape your data"),
    "no run": (GOOD[:0], ValueError, "minimum of 1 is required"),
    "no step": (GOOD[:, :0], ValueError, "minimum of 1 is required"),
    "no feature": (GOOD[..., :0], ValueError, "0 feature"),
    "empty list": ([], ValueError, "Expected 2D array"),
    "runs of other widths": ([GOOD[0], GOOD[0, :, :2]], ValueError, r"X\[1\] has 2 features"),
    "runs of three axes": ([GOOD, GOOD], ValueError, r"X\[0\] has 3 axes"),
    "bad value in a run": ([GOOD[0], with_value(np.nan)[1]], ValueError, r"X\[1\] contains NaN"),
}


@pytest.mark.parametrize(("X", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        check_trajectories(X)


@pytest.mark.parametrize("X", [GOOD, GOOD[0], [GOOD[0], GOOD[1, :2]], GOOD.tolist(), pd.DataFrame(GOOD[0])])
def test_restoring_what_was_packed_gives_it_back(X):
    runs = check_trajectories(X)
    back = runs.restore(runs.blocks)
    for one, other in zip(back, X if not isinstance(X, pd.DataFrame) else X.to_numpy(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_float32_stays_and_integers_become_float64():
    assert check_trajectories(GOOD.astype(np.float32)).blocks[0].dtype == np.float32
    assert check_trajectories(GOOD.astype(int)).blocks[0].dtype == np.float64


def test_arrays_are_not_copied():
    assert np.shares_memory(check_trajectories(GOOD).blocks[0], GOOD)


def test_runs_of_equal_length_are_worked_on_together_and_come_back_in_order():
    runs = check_trajectories([GOOD[0], GOOD[0, :2], GOOD[1]])
    assert [block.shape for block in runs.blocks] == [(2, 4, 3), (1, 2, 3)]
    np.testing.assert_array_equal(runs.lengths, [4, 2, 4])
    np.testing.assert_array_equal(runs.stack([np.array([10, 12]), np.array([11])]), [10, 11, 12])
    assert runs.rows().shape == (10, 3)


def test_outputs_keep_the_shape_of_a_step():
    runs = check_trajectories(GOOD)
    for shape in [(), (5,), (2, 3)]:
        blocks, found = check_outputs(np.zeros((2, 4, *shape)), runs)
        assert found == shape
        assert blocks[0].shape == (2, 4, int(np.prod(shape)))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (GOOD, np.zeros((2, 3)), "inconsistent"),
        (GOOD[0], np.zeros(3), "inconsistent"),
        (GOOD, np.full((2, 4), np.nan), "y contains NaN"),
        (GOOD, np.ma.masked_all((2, 4)), "y is a masked array"),
        (GOOD, np.full((2, 4), "a"), "y must hold numbers"),
        ([GOOD[0], GOOD[1, :2]], np.zeros((2, 4)), "must be a list"),
        ([GOOD[0], GOOD[1, :2]], [np.zeros(4), np.zeros(3)], r"y\[1\] has shape \(3,\)"),
        ([GOOD[0], GOOD[1, :2]], [np.zeros(4), np.zeros((2, 1))], r"y\[1\] has shape \(2, 1\)"),
    ],
)
def test_outputs_must_have_the_steps_of_the_trajectories(X, y, message):
    with pytest.raises(ValueError, match=message):
        check_outputs(y, check_trajectories(X))


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", True, None])
def test_a_number_of_steps_is_whole_and_positive(value):
    with pytest.raises(ValueError, match="n_steps must be a whole number"):
        check_step_count(value, "n_steps")
