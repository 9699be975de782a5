"""Published numbers of alanine dipeptide in four states: every printed digit.

The data are transition matrices T(0.1 ps), T(0.2 ps), ... that act on rows; see the catalogue of reference data.
"""

import numpy as np
import pytest
from scipy import linalg

from skmst.master_equation import (
    igme,
    igme_logarithmic,
    markov_propagators,
    predict_igme,
    predict_qmsm,
    predict_tcl,
    propagator_rmse,
    qmsm,
    tcl,
)

MEMORY = 15  # 1.5 ps


@pytest.fixture(scope="module")
def data(data_path):
    with np.load(data_path("gpl3_gme/alanine_dipeptide_tpm.npz")) as file:
        return dict(file)


def stationary(T):
    values, vectors = np.linalg.eig(T.T)
    law = vectors[:, np.argmax(values.real)].real
    return law / law.sum()


@pytest.fixture(scope="module")
def law(data):
    """The mean over lags around the memory time, as the published errors are weighted."""
    return np.mean([stationary(T) for T in data["TPM"][MEMORY // 2 : MEMORY + 2]], axis=0)


def timescales(T, time):
    return -time / np.log(np.sort(np.linalg.eigvals(T).real)[-2::-1])


def test_quasi_markov(data, law):
    T = data["TPM"]
    rate, kernel = qmsm(T, MEMORY, dt=0.1)
    found = predict_qmsm(T[0], rate, kernel, 500, dt=0.1)
    assert propagator_rmse(found, T, law) == pytest.approx(1.48136e-3, abs=5e-9)
    np.testing.assert_allclose(timescales(found[99], 10.0), [1137.354, 54.639, 18.373], atol=5e-4)


def test_every_published_memory_time(data, law):
    T = data["TPM"]
    for n, published in enumerate(data["qmsm_rmse"], start=1):
        rate, kernel = qmsm(T, n, dt=0.1)
        found = predict_qmsm(T[0], rate, kernel, 500, dt=0.1)
        assert propagator_rmse(found, T, law) == pytest.approx(published, rel=1e-9)


def test_markov(data):
    T = data["TPM"]
    np.testing.assert_allclose(timescales(T[99], 10.0), [1131.707, 56.772, 19.142], atol=5e-4)
    np.testing.assert_allclose(timescales(T[14], 1.5), data["msm_its_1p5ps"], rtol=1e-9)
    law = np.mean([stationary(matrix) for matrix in T], axis=0)
    error = propagator_rmse(markov_propagators(T[99], 5), T[99::100], law)
    assert error == pytest.approx(data["msm_rmse"][99], rel=1e-9)


def test_integrative(data, law):
    T = data["TPM"]
    log_amplitude, log_step = igme_logarithmic(T, MEMORY, MEMORY + 1)
    np.testing.assert_allclose(timescales(linalg.expm(log_step), 0.1), [1152.342, 58.673, 19.836], atol=5e-4)
    found = predict_igme(log_amplitude, log_step, 500)
    assert propagator_rmse(found, T, law) == pytest.approx(1.45281e-3, abs=5e-9)
    # The published error compares T(n) with the prediction of n - 1; the law is that of its own code.
    early = predict_igme(log_amplitude, log_step, 499)
    early = np.concatenate([linalg.expm(log_amplitude)[None], early])
    assert propagator_rmse(early, T, law) == pytest.approx(1.36698e-3, abs=5e-9)


def test_the_direct_fit_and_the_time_local_equation_agree_with_them(data, law):
    T = data["TPM"]
    amplitude, step = igme(T, MEMORY, MEMORY + 1)
    found = amplitude @ markov_propagators(step, 500)
    assert propagator_rmse(found, T, law) == pytest.approx(1.4528e-3, rel=0.01)
    local = tcl(T[: MEMORY + 1])[-1]
    np.testing.assert_allclose(timescales(local, 0.1), [1152.3, 58.7, 19.8], rtol=0.01)
    assert propagator_rmse(predict_tcl(T[: MEMORY + 1], local, 500), T, law) < 1.6e-3
