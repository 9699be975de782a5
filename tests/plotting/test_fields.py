"""Fields and their coefficients over time."""

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmst import PerSnapshot, ScatteringTransformer
from skmst.plotting import (
    CoefficientsDisplay,
    SpaceTimeDisplay,
)


def test_space_time_draws_time_to_the_right_and_space_upwards(rng):
    field = rng.standard_normal((10, 4))
    display = SpaceTimeDisplay.from_field(field, dt=0.5, length=8.0, time_unit="s", length_unit="m", unit="m/s").plot()
    assert_array_equal(display.image_.get_array(), field.T)
    assert display.image_.origin == "lower"
    # Centres of the first and last cells are the first and last times 0 and 4.5, and positions 0 and 6.
    assert_allclose(display.image_.get_extent(), [-0.25, 4.75, -1.0, 7.0])
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("time (s)", "x (m)")
    assert display.colorbar_.ax.get_ylabel() == "u (m/s)"


def test_space_time_colours_are_symmetric_about_zero_for_signed_fields_only(rng):
    field = rng.uniform(-1.0, 3.0, (10, 4))
    low, high = SpaceTimeDisplay.from_field(field).plot().image_.get_clim()
    assert high == np.abs(field).max() == -low
    assert SpaceTimeDisplay.from_field(field + 2).plot().image_.get_clim() == (field.min() + 2, field.max() + 2)


def test_space_time_leaves_colours_to_the_caller():
    display = SpaceTimeDisplay.from_field(np.eye(3)).plot(colorbar=False, vmin=-2, vmax=5, cmap="gray")
    assert display.image_.get_clim() == (-2, 5)
    assert display.image_.get_cmap().name == "gray"
    assert display.colorbar_ is None
    norm = LogNorm(1, 10)
    assert SpaceTimeDisplay.from_field(1 + np.eye(3)).plot(norm=norm).image_.norm is norm


def test_space_time_counts_steps_and_points_without_units():
    display = SpaceTimeDisplay.from_field(np.zeros((5, 3))).plot()
    assert_array_equal(display.t, np.arange(5))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("time (steps)", "x (grid points)")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpaceTimeDisplay.from_field(np.zeros(3)), r"U must have shape \(n_steps, n_x\)"),
        (lambda: SpaceTimeDisplay.from_field([[0.0, np.nan]]), "U must hold finite real numbers"),
        (lambda: SpaceTimeDisplay.from_field([[1j, 0]]), "U must hold finite real numbers"),
        (lambda: SpaceTimeDisplay.from_field(np.ma.zeros((2, 2))), "U must hold finite real numbers"),
        (lambda: SpaceTimeDisplay.from_field(np.zeros((2, 2)), dt=0), "dt must be positive"),
        (lambda: SpaceTimeDisplay.from_field(np.zeros((2, 2)), length=-1), "length must be positive"),
        (lambda: SpaceTimeDisplay(np.zeros((3, 2)), [0, 1], [0, 1]), r"t must have shape \(3,\)"),
        (lambda: SpaceTimeDisplay(np.zeros((3, 2)), [0, 1], [0, 1, 3]), "t must increase by equal steps"),
        (lambda: SpaceTimeDisplay(np.zeros((3, 2)), [1, 0], [0, 1, 2]), "x must increase by equal steps"),
    ],
)
def test_space_time_says_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_coefficients_are_standardised_over_the_run_one_row_per_path(rng):
    X = rng.standard_normal((30, 32))
    scatter = ScatteringTransformer(J=3).fit(X)
    display = CoefficientsDisplay.from_estimator(scatter, X, dt=0.1).plot()
    drawn = np.asarray(display.image_.get_array())
    expected = StandardScaler().fit_transform(scatter.transform(X))
    assert_allclose(drawn, expected.T, atol=1e-10)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == list(scatter.get_feature_names_out())
    top, bottom = display.ax_.transData.transform([(0, 0), (0, len(drawn) - 1)])[:, 1]
    assert top > bottom


def test_coefficients_are_separated_where_the_order_changes(rng):
    X = rng.standard_normal((5, 32))
    scatter = ScatteringTransformer(J=3).fit(X)
    display = CoefficientsDisplay.from_estimator(scatter, X).plot()
    n_first = int(np.sum(scatter.paths_["order"] == 1))
    assert [line.get_ydata()[0] for line in display.ax_.lines] == [0.5, n_first + 0.5]


def test_coefficients_of_the_plane_are_sorted_by_scale_before_angle(rng):
    X = rng.standard_normal((4, 16, 16))
    scatter = ScatteringTransformer(J=3, L=2, grid_shape=(16, 16)).fit(X)
    display = CoefficientsDisplay.from_estimator(scatter, X)
    second = [name for name in display.names if name.startswith("s2")]
    scales = [(name.split("_")[1], name.split("_")[3]) for name in second]
    assert scales == sorted(scales)
    column = list(scatter.get_feature_names_out()).index(second[1])
    values = scatter.transform(X)[:, column]
    row = display.names.index(second[1])
    assert_allclose(display.coefficients[:, row], (values - values.mean()) / values.std(), atol=1e-10)


def test_local_coefficients_of_channels_are_averaged_over_points(rng):
    X = rng.standard_normal((6, 2, 32))
    scatter = ScatteringTransformer(J=2, T=8, max_order=1, n_channels=2).fit(X)
    display = CoefficientsDisplay.from_estimator(scatter, X)
    assert display.names[0] == "c0_s0"
    means = scatter.coefficients(X).mean(axis=-1).reshape(6, -1)
    assert_allclose(display.coefficients, StandardScaler().fit_transform(means), atol=1e-10)


def test_a_coefficient_that_only_rounds_is_drawn_as_constant(rng):
    X = rng.standard_normal((20, 32))
    X -= X.mean(axis=1, keepdims=True)
    scatter = ScatteringTransformer(J=2).fit(X)
    display = CoefficientsDisplay.from_estimator(scatter, X)
    assert display.names[0] == "s0 (constant)"
    assert_array_equal(display.coefficients[:, 0], 0)


def test_names_of_many_coefficients_are_thinned():
    display = CoefficientsDisplay(np.zeros((3, 50)), [0, 1, 2]).plot(max_labels=10)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == [str(i) for i in range(0, 50, 5)]


def test_coefficients_say_what_is_wrong(rng):
    X = rng.standard_normal((2, 5, 16))
    scatter = ScatteringTransformer(J=2)
    with pytest.raises(NotFittedError):
        CoefficientsDisplay.from_estimator(scatter, X[0])
    with pytest.raises(ValueError, match="X must be one trajectory"):
        CoefficientsDisplay.from_estimator(scatter.fit(X), X)
    with pytest.raises(ValueError, match="names must name each of 3 features"):
        CoefficientsDisplay(np.zeros((2, 3)), [0, 1], ["a"])


def test_coefficients_of_a_pipeline_are_those_of_its_scattering_step(rng):
    runs = rng.standard_normal((3, 20, 16))
    pipeline = make_pipeline(ScatteringTransformer(J=2), PerSnapshot(StandardScaler())).fit(runs)
    found = CoefficientsDisplay.from_estimator(pipeline, runs[0])
    assert_array_equal(found.coefficients, CoefficientsDisplay.from_estimator(pipeline[0], runs[0]).coefficients)
    with pytest.raises(TypeError, match="no ScatteringTransformer"):
        CoefficientsDisplay.from_estimator(StandardScaler(), runs[0])
