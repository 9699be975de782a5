"""The display of memory shows both curves, their intervals and their choices, as they were computed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.signal import lfilter

from skmst import MasterEquationPredictor
from skmst.master_equation import kernel_interval, memory_plateau
from skmst.model_selection import memory_curve
from skmst.plotting import MemoryDisplay

X = lfilter([1.0], [1.0, -0.5, 0.4], np.random.default_rng(0).normal(size=(20, 100)))[..., None]


@pytest.fixture(scope="module")
def curve():
    return memory_curve(MasterEquationPredictor(dt=0.5, horizon=2), X, n_memory=[1, 2, 4], random_state=0)


@pytest.fixture(scope="module")
def plateau():
    return kernel_interval(X, 6, dt=0.5, n_resamples=50, random_state=0).plateau


def test_both_curves_stand_on_one_axis_of_time(curve, plateau):
    figure, (left, right) = plt.subplots(1, 2)
    display = MemoryDisplay(curve, plateau, level=0.9, time_unit="s")
    assert display.plot(ax=left) is display
    assert (display.ax_, display.figure_) == (left, figure)
    assert not right.has_data()
    np.testing.assert_allclose(display.lines_["error"].get_xydata(), np.c_[[0.5, 1.0, 2.0], curve.error])
    np.testing.assert_allclose(display.lines_["integral"].get_xydata(), np.c_[plateau.time, plateau.integral])
    assert display.lines_["error"].axes is left
    assert display.lines_["integral"].axes is display.integral_ax_
    assert display.integral_ax_.get_shared_x_axes().joined(left, display.integral_ax_)
    assert set(display.bands_) == {"error", "integral"}
    assert display.choices_["error"].get_xdata()[0] == 0.5 * curve.selected
    assert display.choices_["integral"].get_xdata()[0] == plateau.memory_time
    assert left.get_xlabel() == "time of memory (s)"
    assert display.integral_ax_.get_ylabel() == "mean integral kernel (1/s)"
    figure.canvas.draw()


def test_one_curve_is_enough(curve, plateau):
    alone = MemoryDisplay(plateau=memory_plateau(np.zeros((3, 1, 1)))).plot()
    assert alone.integral_ax_ is alone.ax_
    assert not alone.bands_
    assert MemoryDisplay(curve).plot().integral_ax_ is None
    with pytest.raises(ValueError, match="or both"):
        MemoryDisplay()
