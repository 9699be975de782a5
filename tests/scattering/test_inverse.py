"""Fields from coefficients: by minimising the misfit."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skmst.datasets import make_burgers
from skmst.scattering import Inversion, Setting, invert, reconstruction_report

WINDOWED = Setting((256,), J=7, T=16, wavelet="tight", output_step=4)
GLOBAL = Setting((64,), J=5, wavelet="tight")
SMALL = Setting((64,), J=4, T=8, wavelet="tight", output_step=2)


@dataclass(frozen=True)
class Fourier:
    """The Fourier coefficients of complex fields: a linear transform whose inverse is known."""

    grid_shape: tuple[int, ...]
    output_grid = ()
    is_complex = True
    couples_channels = False

    def table(self):
        names = [f"k{k}" for k in range(self.grid_shape[0])]
        return {"name": np.array(names), "order": np.ones(len(names), int)}

    def forward(self, x, *, n_jobs=None):
        return np.fft.fft(x, norm="ortho")

    def pullback(self, x, gradient, *, n_jobs=None):
        return np.fft.ifft(gradient, norm="ortho")


@pytest.fixture(scope="module")
def burgers():
    """A field with shocks."""
    return make_burgers(1, 9, random_state=4)[0, 8:]


@pytest.fixture
def noise(rng):
    """Two smooth random fields."""
    hat = np.fft.rfft(rng.standard_normal((2, 64)))
    return np.fft.irfft(hat / (1 + np.arange(33)), 64)


def test_a_linear_transform_is_inverted_as_least_squares_would(rng):
    fields = rng.standard_normal((2, 12)) + 1j * rng.standard_normal((2, 12))
    encoding = Fourier((12,))
    found = invert(encoding.forward(fields), encoding, complex_fields=True, inversion=Inversion(tol=1e-9))
    np.testing.assert_allclose(found.fields, fields, atol=1e-8)
    assert found.converged.all()


def test_windowed_coefficients_give_the_field_back(burgers):
    # An independent implementation with random starts alone reached a field error of .017.
    found = invert(WINDOWED.forward(burgers), WINDOWED)
    report = reconstruction_report(burgers, found.fields, encoding=WINDOWED)
    assert (report.feature_error <= 1e-5).all()
    np.testing.assert_allclose(report.feature_error, found.feature_errors, rtol=1e-6)
    assert (report.field_error <= 0.02).all()


def test_global_coefficients_can_match_where_the_field_is_another_one(noise):
    found = invert(GLOBAL.forward(noise[:1]), GLOBAL, inversion=Inversion(n_starts=3, tol=1e-4))
    report = reconstruction_report(noise[:1], found.fields, encoding=GLOBAL)
    assert report.feature_error[0] < 1e-3
    assert report.field_error_modulo_symmetry[0] > 0.3


def test_a_step_starts_from_the_field_of_the_step_before(noise):
    run = noise[:1] + 0.01 * np.arange(3)[:, None] * np.roll(noise[:1], 7, axis=1)  # changes slowly
    found = invert(SMALL.forward(run)[None], SMALL, inversion=Inversion(max_iter=3000))
    assert found.fields.shape == (1, *run.shape)
    assert (found.feature_errors < 1e-5).all()
    assert (found.n_iter[0, 1:] < found.n_iter[0, 0] / 2).all()


def test_a_given_start_replaces_random_ones(noise):
    found = invert(SMALL.forward(noise), SMALL, start=noise + 1e-3 * np.cos(np.arange(64)))
    assert (found.n_iter < 100).all()
    assert (reconstruction_report(noise, found.fields).field_error < 1e-3).all()


def test_coefficients_of_no_field_end_the_search_where_the_misfit_falls_no_more(noise):
    target = SMALL.forward(noise[:1])
    target[:, 1:] *= 2  # moduli twice as large as averages allow
    found, longer = (invert(target, SMALL, inversion=Inversion(1, n)) for n in (1000, 2000))
    assert found.converged.all()
    assert (found.n_iter < 1000).all()
    np.testing.assert_array_equal(found.fields, longer.fields)
    assert found.feature_errors[0] > 1e-3


def test_seeds_and_processes_do_not_change_what_is_found(noise):
    quick = Inversion(n_starts=1, max_iter=10, tol=0.9, random_state=3)
    found = [invert(SMALL.forward(noise), SMALL, inversion=quick, n_jobs=n_jobs).fields for n_jobs in (None, 2)]
    np.testing.assert_array_equal(*found)


def test_progress_counts_finished_runs(noise):
    seen = []
    invert(SMALL.forward(noise), SMALL, inversion=Inversion(1, 5, tol=0.9), progress=seen.append)
    assert seen == [1, 2]


def test_a_zero_target_has_the_zero_field():
    found = invert(np.zeros_like(SMALL.forward(np.zeros((1, 64)))), SMALL)
    np.testing.assert_allclose(found.fields, 0, atol=1e-4)


def test_too_few_iterations_are_said_and_what_to_raise(noise):
    with pytest.warns(ConvergenceWarning, match=r"2 of 2 fields did not converge in max_iter=4.*Raise\s+max_iter"):
        invert(SMALL.forward(noise), SMALL, inversion=Inversion(n_starts=1, max_iter=4))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(3), "target has shape"),
        (np.full((1, 11, 32), np.nan), "NaN or infinity"),
    ],
)
def test_a_bad_target_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        invert(bad, SMALL)


@pytest.mark.parametrize("bad", [{"n_starts": 0}, {"max_iter": 0}, {"tol": 0.0}, {"tol": float("nan")}])
def test_bad_settings_of_an_inversion_are_refused(bad):
    with pytest.raises(ValueError, match=f"Inversion: {next(iter(bad))}"):
        Inversion(**bad)
