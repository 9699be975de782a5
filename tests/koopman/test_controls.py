"""Systems with inputs that are known exactly, and a peer."""

import numpy as np
import pytest

from skmst.koopman.controls import ControlledOperator, control_moments, controlled_operator, operator_of_moments
from tests.linear_systems import A

B = np.array([[1.0, 0.0], [0.5, -2.0], [0.0, 3.0]])
N = np.array([[[0.1, 0.2, 0.0], [0.0, -0.1, 0.3], [0.2, 0.0, 0.1]], 0.1 * np.ones((3, 3))])
OFFSET = np.array([0.3, -1.0, 0.0])


def driven(n_runs, n_steps, n_products=0.0, seed=0, feedback=0.0):
    """Runs of x' = A x + B u + sum_i u_i N_i x + b, and their inputs: noise, and feedback on x_0."""
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(n_runs, n_steps, 2))
    x = np.empty((n_runs, n_steps, 3))
    x[:, 0] = rng.normal(size=(n_runs, 3))
    for t in range(n_steps - 1):
        u[:, t] += feedback * x[:, t, :1]
        products = np.einsum("ni,ijk,nk->nj", u[:, t], N, x[:, t])
        x[:, t + 1] = x[:, t] @ A.T + u[:, t] @ B.T + n_products * products + OFFSET
    return x, u


class TestExactDynamics:
    def test_linear(self):
        x, u = driven(4, 20)
        found = controlled_operator(x, u)
        np.testing.assert_allclose(found.states[0], A, atol=1e-10)
        np.testing.assert_allclose(found.inputs[0], B, atol=1e-10)
        np.testing.assert_allclose(found.intercept, OFFSET, atol=1e-10)
        assert found.bilinear is None

    def test_bilinear(self):
        x, u = driven(6, 30, 1.0)
        found = controlled_operator(x, u, bilinear=True)
        np.testing.assert_allclose(found.states[0], A, atol=1e-8)
        np.testing.assert_allclose(found.inputs[0], B, atol=1e-8)
        np.testing.assert_allclose(found.bilinear[0], N, atol=1e-8)

    @pytest.mark.parametrize(("n_products", "bilinear"), [(0.0, False), (1.0, True)])
    def test_forecasts_follow_new_inputs_and_are_no_step_off(self, n_products, bilinear):
        model = controlled_operator(*driven(6, 30, n_products), bilinear=bilinear)
        x, u = driven(3, 25, n_products, seed=5)
        np.testing.assert_allclose(model.forecast(x[:, :5], u, 20), x[:, 5:], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(model.forecast(x[0, :5], u[0, :-1], 20), x[0, 5:], rtol=1e-6, atol=1e-6)

    def test_one_component_and_its_history_suffice(self):
        # Cayley-Hamilton: three delays of output and inputs replace a state of three components.
        x, u = driven(8, 40)
        model = controlled_operator(x[..., :1], u, n_delays=3)
        new, inputs = driven(3, 30, seed=5)
        np.testing.assert_allclose(model.forecast(new[:, :3, :1], inputs, 27), new[:, 3:, :1], atol=1e-6)

    def test_runs_of_unequal_length_and_a_single_input_without_an_axis(self):
        lengths, rng = (10, 15, 12), np.random.default_rng(0)
        runs, inputs = [], []
        for n in lengths:
            u, x = rng.normal(size=n), rng.normal(size=(n, 1))
            for t in range(n - 1):
                x[t + 1] = -0.5 * x[t] + 3 * u[t] + 1
            runs.append(x)
            inputs.append(u)
        found = controlled_operator(runs, inputs)
        np.testing.assert_allclose([found.states.item(), found.inputs.item(), found.intercept.item()], [-0.5, 3, 1])


def test_inputs_that_are_left_out_spoil_the_operator():
    # Feedback on the first component hides in the operator: it is taken for the dynamics.
    x, u = driven(40, 50, feedback=0.05)
    blind = controlled_operator(x, 0 * u)
    assert np.abs(blind.inputs).max() == 0
    np.testing.assert_allclose(blind.states[0] - A, 0.05 * np.outer(B.sum(axis=1), [1, 0, 0]), atol=0.03)
    assert np.abs(controlled_operator(x, u).states[0] - A).max() < 1e-10


def test_noisy_data_give_the_least_squares_solution():
    x, u = driven(5, 30)
    x = x + np.random.default_rng(1).normal(size=x.shape)
    design = np.concatenate([x, u], axis=-1)[:, :-1].reshape(-1, 5)
    solution = np.linalg.lstsq(np.c_[design, np.ones(len(design))], x[:, 1:].reshape(-1, 3))[0].T
    found = controlled_operator(x, u)
    np.testing.assert_allclose(np.c_[found.states[0], found.inputs[0], found.intercept], solution, atol=1e-10)


def test_the_peer_finds_the_same_eigenvalues():
    x, u = driven(1, 60)
    x = x[0] - np.linalg.solve(np.eye(3) - A, OFFSET)
    peer = pytest.importorskip("pydmd").DMDc(svd_rank=-1, svd_rank_omega=-1).fit(x.T, u[0, :-1].T)
    found = np.linalg.eigvals(controlled_operator(x, u[0]).states[0])
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(peer.eigs), atol=1e-8)


def test_chunks_add_up():
    x, u = driven(6, 30, 1.0)
    first, n, m = control_moments(x[:2], u[:2], n_delays=2, bilinear=True)
    total = first + control_moments(x[2:], u[2:], n_delays=2, bilinear=True)[0]
    parts = operator_of_moments(total, n, m, alpha=0.1)
    whole = controlled_operator(x, u, n_delays=2, bilinear=True, alpha=0.1)
    for name in ("states", "inputs", "bilinear", "intercept"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-10)


def test_a_forecast_that_overflows_names_the_step():
    model = ControlledOperator(np.full((1, 1, 1), 1e100), np.ones((1, 1, 1)), None, np.zeros(1))
    with pytest.raises(OverflowError, match="at step 4"):
        model.forecast([[1.0]], np.zeros((9, 1)), 9)


@pytest.mark.parametrize(
    ("start", "inputs", "n_steps", "message"),
    [
        (np.ones((1, 3)), np.ones((9, 2)), 5, "start has shape"),
        (np.ones((2, 2)), np.ones((9, 2)), 5, "start has shape"),
        (np.ones((2, 3)), np.ones((5, 2)), 5, "6 steps or more"),
        (np.ones((2, 3)), np.ones((9, 1)), 5, "2 inputs"),
        (np.ones((2, 3)), np.ones((9, 2)), 0, "n_steps must be"),
    ],
)
def test_forecasts_of_what_does_not_fit_are_refused(start, inputs, n_steps, message):
    model = controlled_operator(*driven(4, 20), n_delays=2)
    with pytest.raises(ValueError, match=message):
        model.forecast(start, inputs, n_steps)


def test_data_that_do_not_fit_are_refused():
    x, u = driven(4, 20)
    with pytest.raises(ValueError, match="inputs has"):
        controlled_operator(x, u[:, :-1])
    with pytest.raises(ValueError, match="20 steps"):
        controlled_operator(x, u, n_delays=20)


def test_nothing_of_the_callers_is_changed():
    x, u = driven(4, 20)
    before = x.copy(), u.copy()
    controlled_operator(x, u, bilinear=True).forecast(x, np.concatenate([u, u], axis=1), 3)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(u, before[1])
