"""A forecast against what happened, and skill by lead time."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose, assert_array_equal

from skmst import KoopmanRegressor
from skmst.metrics import bootstrap_interval, persistence, skill_by_lead
from skmst.plotting import (
    ForecastDisplay,
    SkillDisplay,
)


def test_forecast_draws_truth_forecast_interval_and_start():
    t, forecast = np.arange(8.0), np.array([1.0, 2.0, 3.0])
    display = ForecastDisplay(t, t**2, forecast, forecast - 1, forecast + 2, level=0.8, name="E (J)").plot()
    assert_array_equal(display.truth_line_.get_data(), [t, t**2])
    assert_array_equal(display.forecast_line_.get_data(), [t[5:], forecast])
    assert_array_equal(display.start_line_.get_xdata(), [4.0, 4.0])
    vertices = display.interval_.get_paths()[0].vertices
    for time, value in zip(t[5:], forecast, strict=True):
        assert set(vertices[vertices[:, 0] == time, 1]) == {value - 1, value + 2}
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["truth", "forecast", "80 % interval"]
    assert display.ax_.get_ylabel() == "E (J)"


def test_forecast_interval_is_the_quantiles_of_errors_at_each_lead(rng):
    errors = rng.standard_normal((500, 4)) * np.array([1.0, 2.0, 3.0, 4.0])
    display = ForecastDisplay.from_errors([5.0, 6.0], np.full(4, 10.0), errors, truth=[7, 8], level=0.8, dt=0.5)
    assert_allclose(display.lower, 10 + np.quantile(errors, 0.1, axis=0))
    assert_allclose(display.upper, 10 + np.quantile(errors, 0.9, axis=0))
    assert_allclose(display.t, [-0.5, 0, 0.5, 1, 1.5, 2])
    assert_array_equal(display.truth, [5, 6, 7, 8])
    assert display.start == 0


def test_forecast_of_a_hindcast_takes_its_interval_from_the_other_runs(hindcasts, runs):
    past = hindcasts["three"]
    index = 10
    display = ForecastDisplay.from_hindcast(past, runs[4:], index, output=1, n_known=3, level=0.5)
    assert_array_equal(display.forecast, past.y_pred[index, :, 1])
    origin = past.origin[index]
    assert_array_equal(display.truth, runs[4, origin - 2 : origin + 13, 1])
    errors = (past.y_true - past.y_pred)[past.trajectory != past.trajectory[index], :, 1]
    assert_allclose(display.upper - display.forecast, np.quantile(errors, 0.75, axis=0))


def test_forecast_of_a_hindcast_shows_no_more_than_was_known(hindcasts, runs):
    display = ForecastDisplay.from_hindcast(hindcasts["one"], list(runs[4:]), index=1)
    assert_array_equal(display.truth, runs[4, :14, 0])
    assert_array_equal(display.t, np.arange(-1, 13))


def test_forecast_says_what_is_wrong(hindcasts, runs):
    with pytest.raises(ValueError, match="t must have at least one time before"):
        ForecastDisplay([0, 1], [0, 1], [0, 1])
    with pytest.raises(ValueError, match="truth must hold one value"):
        ForecastDisplay([0, 1, 2, 3], [0, 1], [0])
    with pytest.raises(ValueError, match="lower and upper belong together"):
        ForecastDisplay([0, 1], [0], [0], lower=[0])
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        ForecastDisplay.from_errors([0], [0], [[0]], level=90)
    with pytest.raises(ValueError, match=r"errors must have shape \(n_forecasts, 2\)"):
        ForecastDisplay.from_errors([0], [0, 1], [[0]])
    past = hindcasts["one"]
    for wrong, message in [
        ({"index": 10**6}, "index=1000000 is out of range"),
        ({"output": 2}, "output=2 is out of range"),
        ({"n_known": 0}, "n_known must be at least 1"),
        ({"y": runs[:4]}, "y must hold the observables"),
        ({"y": runs[4:, :1]}, "y must hold the observables"),
    ]:
        with pytest.raises(ValueError, match=message):
            ForecastDisplay.from_hindcast(past, **({"y": runs[4:]} | wrong))
    alone = KoopmanRegressor().fit(runs[:4]).hindcast(runs[4:5])
    with pytest.raises(ValueError, match="the hindcast has only one"):
        ForecastDisplay.from_hindcast(alone, runs[4:5])


def test_skill_is_that_of_the_metrics_over_the_starts_that_all_models_have(hindcasts):
    display = SkillDisplay.from_hindcasts(hindcasts, dt=0.5, n_resamples=20, level=0.8, time_unit="s").plot()
    one, three = hindcasts["one"], hindcasts["three"]
    shared = one.origin >= 2
    assert len(three.origin) == shared.sum() < len(one.origin)
    expected = {
        "one": skill_by_lead(one.y_true[shared], one.y_pred[shared]),
        "three": skill_by_lead(three.y_true, three.y_pred),
    }
    for name, skill in expected.items():
        lead, drawn = display.lines_[name].get_data()
        assert_allclose(lead, 0.5 * np.arange(1, 13))
        assert_allclose(drawn, skill, rtol=1e-12)
    assert display.ax_.get_xlabel() == "lead time (s)"
    assert "climatology" in [text.get_text() for text in display.ax_.texts]
    assert display.ax_.get_legend().get_title().get_text() == "shaded: 80 % interval"
    assert len({to_hex(display.lines_[name].get_color()) for name in hindcasts}) == 2


def test_skill_interval_is_the_bootstrap_of_whole_trajectories(hindcasts, runs):
    past, mean = hindcasts["one"], runs[:4].mean(axis=(0, 1))
    display = SkillDisplay.from_hindcasts({"one": past}, climatology=mean, n_resamples=50, random_state=3).plot()

    def skill(y_true, y_pred):
        return skill_by_lead(y_true, y_pred, np.broadcast_to(mean, y_true.shape))

    low, high = bootstrap_interval(
        skill, past.y_true, past.y_pred, groups=past.trajectory, n_resamples=50, level=0.9, random_state=3
    )
    lead, centre, drawn_low, drawn_high = display.curves["one"]
    assert_allclose(centre, skill(past.y_true, past.y_pred))
    assert_allclose(drawn_low, low)
    assert_allclose(drawn_high, high)
    vertices = display.bands_["one"].get_paths()[0].vertices
    for time, *band in zip(lead, low, high, strict=True):
        at = vertices[vertices[:, 0] == time, 1]
        assert_allclose([at.min(), at.max()], band)


def test_persistence_keeps_the_last_known_values(hindcasts, runs):
    past = hindcasts["three"]
    display = SkillDisplay.from_hindcasts({"three": past}, y=runs[4:], n_resamples=None).plot()
    last = np.array([runs[4 + i, k] for i, k in zip(past.trajectory, past.origin, strict=True)])
    expected = skill_by_lead(past.y_true, persistence(last, 12))
    assert_allclose(display.lines_["persistence"].get_ydata(), expected, rtol=1e-12)
    assert display.lines_["persistence"].get_linestyle() == "--"
    assert not display.bands_


def test_models_of_different_horizon_keep_their_own_leads(runs):
    model = KoopmanRegressor().fit(runs[:4])
    pasts = {str(h): model.hindcast(runs[4:], horizon=h) for h in (3, 6)}
    display = SkillDisplay.from_hindcasts(pasts, n_resamples=None).plot()
    assert [len(display.lines_[name].get_xdata()) for name in pasts] == [3, 6]
    assert_allclose(display.curves["3"][1], display.curves["6"][1][:3])


def test_a_forecast_that_exploded_is_cut_off_and_leaves_the_rest_readable(hindcasts):
    past = hindcasts["one"]
    y_pred = past.y_pred.copy()
    y_pred[0, 6:] = np.nan
    y_pred[1, 8:] = np.inf
    y_pred[2, 9:] = 1e200
    broken = type(past)(past.y_true, y_pred, past.trajectory, past.origin)
    display = SkillDisplay.from_hindcasts({"broken": broken, "sound": past}, n_resamples=20).plot()
    skill = display.curves["broken"][1]
    assert np.isfinite(skill[:6]).all()
    assert (skill[6:] == -np.inf).all()
    display.figure_.canvas.draw()
    bottom, top = display.ax_.get_ylim()
    assert -0.3 <= bottom <= -0.05
    assert top == 1.02


def test_skill_says_what_is_wrong(hindcasts, runs):
    past = hindcasts["one"]
    model = KoopmanRegressor().fit(runs[:4])
    with pytest.raises(ValueError, match="hindcasts must hold at least one model"):
        SkillDisplay.from_hindcasts({})
    with pytest.raises(ValueError, match="dt must be positive"):
        SkillDisplay.from_hindcasts({"one": past}, dt=-1)
    with pytest.raises(ValueError, match=r"climatology must have shape \(2,\)"):
        SkillDisplay.from_hindcasts({"one": past}, climatology=[0.0])
    with pytest.raises(ValueError, match="at least two trajectories"):
        SkillDisplay.from_hindcasts({"one": model.hindcast(runs[4:5])})
    with pytest.raises(ValueError, match="'one' and 'other' are of different observables or trajectories"):
        SkillDisplay.from_hindcasts({"one": past, "other": model.hindcast(runs[:4], horizon=12)})
    late = type(past)(past.y_true[:1], past.y_pred[:1], past.trajectory[:1], past.origin[-1:] + 1)
    with pytest.raises(ValueError, match="share no start"):
        SkillDisplay.from_hindcasts({"one": past, "late": late})
    with pytest.raises(ValueError, match="y must hold the observables"):
        SkillDisplay.from_hindcasts({"one": past}, y=runs[:4])
    with pytest.raises(ValueError, match="the curve of 'one' must be"):
        SkillDisplay({"one": ([1, 2], [0.5], None, None)})
    with pytest.raises(ValueError, match="curves must hold at least one model"):
        SkillDisplay({})
