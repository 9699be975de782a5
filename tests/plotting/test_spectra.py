"""Eigenvalues of models and transfer functions of filters."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import LogNorm, to_hex
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmst import KoopmanRegressor, MasterEquationPredictor, PerSnapshot, ScatteringTransformer
from skmst.plotting import (
    EigenvaluesDisplay,
    FilterBankDisplay,
)


def test_eigenvalues_are_drawn_in_the_complex_plane_with_the_unit_circle():
    values, residuals = np.array([0.9, 0.3 + 0.4j, 0.3 - 0.4j]), np.array([0.1, 0.5, 0.6])
    display = EigenvaluesDisplay(values, residuals).plot()
    drawn = np.asarray(display.points_.get_offsets()) @ [1, 1j]
    colours = dict(zip(drawn, display.points_.get_array(), strict=True))
    assert colours == dict(zip(values, residuals, strict=True))
    assert drawn[-1] == 0.9  # the smallest residual on top
    assert_allclose(np.hypot(*display.ax_.lines[0].get_data()), 1)
    assert display.ax_.get_aspect() == 1
    assert display.colorbar_.ax.get_ylabel() == "residual"


def test_residuals_that_span_decades_have_logarithmic_colours():
    assert not isinstance(EigenvaluesDisplay([1, 0.5], [0.1, 0.5]).plot().points_.norm, LogNorm)
    norm = EigenvaluesDisplay([1, 0.5], [1e-4, 0.5]).plot().points_.norm
    assert isinstance(norm, LogNorm)
    assert (norm.vmin, norm.vmax) == (1e-4, 0.5)
    exact = EigenvaluesDisplay([1, 0.5], [0.0, 0.5]).plot()
    assert exact.points_.norm(0.0) == 0  # a residual of zero has the colour of the smallest
    EigenvaluesDisplay([1, 0.5], [0.0, 0.0]).plot().figure_.canvas.draw()


def test_eigenvalues_without_residuals_have_no_colour_bar():
    display = EigenvaluesDisplay([0.5]).plot(color="red")
    assert display.colorbar_ is None
    assert to_hex(display.points_.get_facecolor()[0]) == "#ff0000"


def test_rates_are_drawn_as_frequency_over_growth(runs):
    model = KoopmanRegressor(dt=0.1).fit(runs)
    display = EigenvaluesDisplay.from_estimator(model, time_unit="s").plot(rates=True)
    drawn = np.asarray(display.points_.get_offsets()) @ [1, 1j]
    assert_allclose(np.sort_complex(drawn), np.sort_complex(model.rates_))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("growth rate (1/s)", "angular frequency (1/s)")


def test_eigenvalues_are_found_at_the_end_of_pipelines_and_searches(runs):
    pipeline = make_pipeline(PerSnapshot(StandardScaler()), MasterEquationPredictor(n_memory=2))
    search = GridSearchCV(pipeline, {"masterequationpredictor__n_memory": [2]}, cv=2).fit(runs)
    expected = search.best_estimator_[-1]
    display = EigenvaluesDisplay.from_estimator(search)
    assert_array_equal(display.eigenvalues, expected.eigenvalues_)
    assert_array_equal(display.residuals, expected.residuals_)
    assert_array_equal(display.rates, expected.rates_)


def test_eigenvalues_say_what_is_wrong(runs):
    with pytest.raises(NotFittedError):
        EigenvaluesDisplay.from_estimator(KoopmanRegressor())
    with pytest.raises(NotFittedError):
        EigenvaluesDisplay.from_estimator(GridSearchCV(KoopmanRegressor(), {}))
    with pytest.raises(TypeError, match="StandardScaler has no eigenvalues_"):
        EigenvaluesDisplay.from_estimator(make_pipeline(StandardScaler()).fit(runs[0]))
    with pytest.raises(TypeError, match="has no eigenvalues_"):
        EigenvaluesDisplay.from_estimator(Fitted())
    with pytest.raises(ValueError, match="rates=True needs rates"):
        EigenvaluesDisplay([0.5]).plot(rates=True)
    with pytest.raises(ValueError, match=r"residuals must have shape \(1,\)"):
        EigenvaluesDisplay([0.5], [0.1, 0.2])
    with pytest.raises(ValueError, match="eigenvalues must hold finite"):
        EigenvaluesDisplay([np.nan])
    assert not plt.get_fignums()


class Fitted(BaseEstimator):
    """An estimator that is fitted and has no spectrum."""

    def fit(self, X):
        return self

    def __sklearn_is_fitted__(self):
        return True


def test_powers_of_the_filters_add_up_to_the_sum_that_is_drawn():
    scatter = ScatteringTransformer(J=3, Q=2).fit(np.zeros((1, 64)))
    display = FilterBankDisplay.from_estimator(scatter).plot()
    *wavelets, low_pass, total = [line.get_ydata() for line in display.lines_]
    assert len(wavelets) == np.sum(scatter.paths_["order"] == 1)
    assert_allclose(np.sum(wavelets, axis=0) + low_pass, total)
    frequency = display.lines_[-1].get_xdata()
    assert_allclose(frequency, np.arange(1, 33) / 64)
    # The finest wavelet is strongest at the centre frequency that the table of paths gives.
    assert frequency[np.argmax(wavelets[0])] == pytest.approx(scatter.paths_["frequency1"][1], abs=1 / 64)


@pytest.mark.parametrize("n", [32, 33])
def test_the_tight_bank_keeps_all_energy(n):
    line = ScatteringTransformer(J=3, wavelet="tight").fit(np.zeros((1, n)))
    display = FilterBankDisplay.from_estimator(line)
    assert_allclose(display.littlewood_paley, 1, atol=1e-12)
    assert_allclose(display.frequencies[0], np.arange(n // 2 + 1) / n)
    plane = ScatteringTransformer(J=2, L=4, wavelet="tight", grid_shape=(16, n)).fit(np.zeros((1, 16, n)))
    display = FilterBankDisplay.from_estimator(plane).plot()
    assert_allclose(display.littlewood_paley, 1, atol=1e-12)
    assert display.image_.get_array().shape == (16, n)


def test_each_order_has_its_bank():
    scatter = ScatteringTransformer(J=3, Q=(4, 1), wavelet="tight").fit(np.zeros((1, 64)))
    n_first, n_second = (len(FilterBankDisplay.from_estimator(scatter, order=order).wavelets) for order in (1, 2))
    assert (n_first, n_second) == (12, 3)


def test_wavelets_of_the_plane_lie_where_the_table_of_paths_says():
    scatter = ScatteringTransformer(J=2, L=4, grid_shape=(32, 32)).fit(np.zeros((1, 32, 32)))
    display = FilterBankDisplay.from_estimator(scatter)
    # Those of the finest octave reach round Nyquist, where their two ends add up.
    paths = (scatter.paths_["order"] == 1) & (scatter.paths_["j1"] == 1)
    columns = (
        display.wavelets[display.octaves == 1],
        scatter.paths_["frequency1"][paths],
        scatter.paths_["angle1"][paths],
    )
    for power, frequency, angle in zip(*columns, strict=True):
        # A real field has its energy at both ends of each wave vector.
        at = np.unravel_index(np.argmax(power), power.shape)
        found = np.array([axis[i] for axis, i in zip(display.frequencies, at, strict=True)])
        centre = frequency * np.array([np.cos(angle), np.sin(angle)])
        assert min(np.abs(found - centre).max(), np.abs(found + centre).max()) <= 1 / 32


def test_filter_bank_says_what_is_wrong():
    with pytest.raises(NotFittedError):
        FilterBankDisplay.from_estimator(ScatteringTransformer())
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        FilterBankDisplay.from_estimator(ScatteringTransformer(J=1).fit(np.zeros((1, 8))), order=0)
    with pytest.raises(ValueError, match="one or two axes"):
        FilterBankDisplay([[0.0]] * 3, np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1)))
    with pytest.raises(ValueError, match=r"low_pass must have shape \(2,\)"):
        FilterBankDisplay([[0.0, 0.5]], np.zeros((1, 2)), np.zeros(3))
