"""Comparisons of dictionaries that are known to be good and bad."""

import numpy as np
import pytest

from skmst.koopman.dictionaries import compare_dictionaries
from tests.linear_systems import linear_runs, noisy_runs

RUNS = linear_runs(12, 30) + 0.01 * np.random.default_rng(0).normal(size=(12, 30, 3))
NOISE = np.random.default_rng(1).normal(size=RUNS.shape)
MIXED = RUNS @ np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -3.0], [1.0, 0.0, 1.0]])
DICTIONARIES = {"states": RUNS, "mixed": MIXED, "noise": NOISE}


@pytest.fixture(scope="module")
def table():
    train, test = ({name: X[part] for name, X in DICTIONARIES.items()} for part in (slice(6), slice(6, None)))
    scales = {"states": [0, 1, 2]}
    return compare_dictionaries(
        train, test, y_train=RUNS[:6], y_test=RUNS[6:], scales=scales, leads=[1, 5], random_state=0
    )


def test_there_is_an_entry_for_each_dictionary_in_each_column(table):
    assert table["dictionary"] == ["states", "mixed", "noise"]
    assert {len(column) for column in table.values()} == {3}


def test_what_depends_on_the_span_only_is_the_same_in_any_basis_of_it(table):
    for name in ("vamp2", "residual", "forecast_1", "forecast_5", "forecast_5_low"):
        assert table[name][0] == pytest.approx(table[name][1], rel=1e-6)


def test_noise_sees_nothing_and_its_residuals_say_so(table):
    assert table["forecast_1"][2] < 0.1 < 0.99 < table["forecast_1"][0]
    assert table["closure_1"][2] < 0.05
    assert table["residual"][2] > 0.9 > 0.2 > table["residual"][0]
    assert table["vamp2"][2] < 1.2 < 3.5 < table["vamp2"][0]


def test_only_dictionaries_with_scales_have_a_band(table):
    assert np.isnan(table["off_band"]).tolist() == [False, True, True]


def test_without_a_target_there_is_no_forecast_of_it():
    table = compare_dictionaries({"a": RUNS[:6]}, {"a": RUNS[6:]}, leads=[2])
    assert "closure_2" in table
    assert "forecast_2" not in table


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ({}, {}, "same dictionaries"),
        ({"a": RUNS}, {"b": RUNS}, "same dictionaries"),
        ({"a": RUNS, "b": noisy_runs(3, 30, 2)}, {"a": RUNS, "b": noisy_runs(3, 30, 2)}, r"'a': 3, 'b': 2"),
    ],
)
def test_what_does_not_compare_is_refused(train, test, message):
    with pytest.raises(ValueError, match=message):
        compare_dictionaries(train, test)
