"""Displays draw where they are told to, and nothing before; matplotlib is needed only then."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skmst import ScatteringTransformer
from skmst.master_equation import memory_plateau
from skmst.plotting import (
    CoefficientsDisplay,
    EigenvaluesDisplay,
    FilterBankDisplay,
    ForecastDisplay,
    MemoryDisplay,
    SkillDisplay,
    SpaceTimeDisplay,
)


def every_display(hindcast, runs):
    scatter = ScatteringTransformer(J=2, wavelet="tight").fit(np.zeros((1, 16)))
    plane = ScatteringTransformer(J=1, L=2, grid_shape=(8, 8)).fit(np.zeros((1, 8, 8)))
    fields = np.sin(np.arange(160.0)).reshape(10, 16)
    return [
        SpaceTimeDisplay.from_field(fields),
        CoefficientsDisplay.from_estimator(scatter, fields),
        ForecastDisplay.from_hindcast(hindcast, runs[4:]),
        SkillDisplay.from_hindcasts({"model": hindcast}, n_resamples=10),
        EigenvaluesDisplay([0.9, 0.5j], [0.1, 0.2]),
        MemoryDisplay(plateau=memory_plateau(np.array([0.9, -0.2, -0.1, 0.0])[:, None, None])),
        FilterBankDisplay.from_estimator(scatter),
        FilterBankDisplay.from_estimator(plane),
    ]


def test_displays_draw_on_the_axes_they_are_given_and_render(hindcasts, runs):
    for display in every_display(hindcasts["one"], runs):
        figure, (left, right) = plt.subplots(1, 2)
        assert display.plot(ax=left) is display
        assert display.ax_ is left
        assert display.figure_ is figure
        assert left.get_xlabel()
        assert not right.has_data()
        figure.canvas.draw()
        plt.close(figure)
    assert not plt.get_fignums()


def test_displays_make_a_figure_where_none_is_given_and_only_when_they_plot(hindcasts, runs):
    displays = every_display(hindcasts["one"], runs)
    assert not plt.get_fignums()
    for display in displays:
        display.plot()
        display.figure_.canvas.draw()
    assert len(plt.get_fignums()) == len(displays)


def test_plotting_imports_no_matplotlib():
    code = "import sys, skmst.plotting; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"skmst\[plot\]"):
        SpaceTimeDisplay.from_field(np.ones((2, 2))).plot()
