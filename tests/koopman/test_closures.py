"""Closure against plain regressions, and of processes whose predictability is known."""

import numpy as np
import pytest

from skmst.koopman.closures import closure
from tests.linear_systems import READ, affine_least_squares, linear_runs, noisy_runs


def r2(truth, forecast):
    return 1 - np.sum((truth - forecast) ** 2) / np.sum((truth - truth.mean(axis=0)) ** 2)


def parted(runs, n_delays, lead, longest):
    """Windows of the first, the next state, and the state after `lead` steps, in plain loops."""
    past, following, later = [], [], []
    for run in runs:
        for t in range(longest - 1, len(run) - 4):
            past.append(np.concatenate([run[t - k] for k in range(n_delays)]))
            following.append(run[t + 1])
            later.append(run[t + lead])
    return np.array(past), np.array(following), np.array(later)


@pytest.mark.parametrize("n_delays", [1, 3])
@pytest.mark.parametrize("lead", [1, 4])
def test_scores_are_those_of_plain_regressions(n_delays, lead):
    runs = noisy_runs(12, 25)
    mean, spread = runs[:6].reshape(-1, 3).mean(axis=0), runs[:6].reshape(-1, 3).std(axis=0)
    train, test = (runs[:6] - mean) / spread, (runs[6:] - mean) / spread
    found = closure(runs[:6], runs[6:], n_delays=[1, 3], leads=[1, 4], n_resamples=10, random_state=0)
    row, column = [1, 3].index(n_delays), [1, 4].index(lead)

    past, following, later = parted(train, n_delays, lead, 3)
    state, _, truth = parted(test, n_delays, lead, 3)
    K, b = affine_least_squares(past, later)
    assert found.direct[row, column] == pytest.approx(r2(truth, state @ K.T + b), abs=1e-10)
    K, b = affine_least_squares(past, following)
    for _ in range(lead):
        state = np.concatenate([state @ K.T + b, state[:, :-3]], axis=1)
    assert found.powers[row, column] == pytest.approx(r2(truth, state[:, :3]), abs=1e-10)


def test_exact_dynamics_are_closed_in_any_units():
    runs = linear_runs(10, 20) * [1.0, 1e-6, 1e6]
    found = closure(runs[:5], runs[5:], leads=[1, 10])
    for values in (found.direct, found.powers, found.powers_low, found.direct_high):
        np.testing.assert_allclose(values, 1, atol=1e-10)


def test_a_part_of_exact_dynamics_is_closed_by_its_history():
    runs = linear_runs(10, 30)[..., :1]
    found = closure(runs[:5], runs[5:], n_delays=[1, 2, 3], leads=[1, 5])
    assert (found.direct[0] < 0.999).all()
    assert (np.diff(found.direct, axis=0) > 0).all()
    np.testing.assert_allclose(found.powers[2], 1, atol=1e-8)


def test_a_noisy_process_forgets_at_its_rate():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 60, 1))
    for t in range(1, 60):
        x[:, t] = 0.9 * x[:, t - 1] + np.sqrt(1 - 0.81) * x[:, t]
    found = closure(x[:200], x[200:], leads=[1, 5, 10], random_state=0)
    expected = 0.9 ** (2 * found.leads)
    np.testing.assert_allclose(found.direct[0], expected, atol=0.03)
    assert ((found.direct_low[0] < expected) & (expected < found.direct_high[0])).all()


def test_noise_has_no_future_whatever_is_remembered():
    noise = np.random.default_rng(0).normal(size=(40, 30, 3))
    found = closure(noise[:20], noise[20:], n_delays=[1, 5], leads=[1, 4], random_state=0)
    assert (found.direct < 0.01).all()
    assert (found.direct_low < 0).all()


def test_another_target_is_read_off_the_observables():
    runs = linear_runs(10, 20)
    y = runs @ READ.T + 3.0
    found = closure(runs[:5], runs[5:], y_train=y[:5], y_test=y[5:], leads=[1, 6])
    np.testing.assert_allclose(found.direct, 1, atol=1e-10)
    np.testing.assert_allclose(found.powers, 1, atol=1e-10)
    blind = closure(runs[:5, :, :1], runs[5:, :, :1], y_train=y[:5], y_test=y[5:], leads=[1, 6])
    assert (blind.direct < 0.99).all()


def test_a_roll_out_that_explodes_scores_minus_infinity():
    # A history as long as the data are: noise is learned by heart, and the operator is unstable.
    noise = np.random.default_rng(0).normal(size=(3, 641, 1))
    found = closure(noise[:1], noise[1:], n_delays=[20], leads=[1, 600], random_state=0)
    assert -np.inf < found.powers[0, 0] < 0
    assert found.powers[0, 1] == found.powers_low[0, 1] == -np.inf


def test_runs_of_unequal_length_and_constant_columns():
    runs = [np.c_[run[:n], np.full(n, 7.0)] for run, n in zip(linear_runs(8, 30), range(20, 28), strict=True)]
    np.testing.assert_allclose(closure(runs[:4], runs[4:], leads=[3]).powers, 1, atol=1e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leads": []}, "each hold a number"),
        ({"leads": [0]}, "leads must be"),
        ({"n_delays": [0]}, "n_delays must be"),
        ({"level": 2}, "level must lie"),
        ({"leads": [30]}, "in train has 30 steps"),
        ({"test": noisy_runs(4, 30)[..., :2]}, "features"),
        ({"test": noisy_runs(1, 30)}, "segments"),
        ({"y_train": noisy_runs(4, 30)}, "both be given"),
        ({"y_train": noisy_runs(4, 30), "y_test": noisy_runs(4, 30)[..., :2]}, "y_train has 3 features"),
        ({"test": np.ones((4, 30, 3))}, "does not vary"),
    ],
)
def test_what_cannot_be_is_said(change, message):
    with pytest.raises(ValueError, match=message):
        closure(**{"train": noisy_runs(4, 30), "test": noisy_runs(4, 30), **change})
