"""One table of rate coefficients: known components, exact rates, and rates that transfer because they are true."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import linalg

from skmst.master_equation.rate_coefficients import fit_kernels, fit_rates, rate_coefficients, transfer_errors

RATES = np.array([[-2.0, 0.5, 0.0], [1.5, -0.8, 0.0], [0.5, 0.3, 0.0]])  # the last state absorbs
DT = 0.1


def decays(rng, n, n_steps=20):
    """Trajectories of probabilities under RATES from random mixtures of the first two states."""
    start = np.concatenate([rng.dirichlet([1, 1], n), np.zeros((n, 1))], axis=1)
    T = linalg.expm(DT * RATES)
    return np.stack([start @ np.linalg.matrix_power(T, k).T for k in range(n_steps)], axis=1)


def test_exact_rates_are_recovered(rng):
    found = fit_rates(decays(rng, 5), DT, dissipated=True)
    assert found.embeddable
    assert_allclose(found.matrix, RATES, atol=1e-8)


def test_runs_of_unequal_length_count_like_others(rng):
    runs = [decays(rng, 1, n)[0] for n in (4, 9, 17)]
    assert_allclose(fit_rates(runs, DT, dissipated=True).matrix, RATES, atol=1e-8)


def test_a_closed_chain_keeps_its_probability(rng):
    T, start = rng.dirichlet(np.ones(3), 3).T, rng.dirichlet(np.ones(3), 6)
    p = np.stack([start @ np.linalg.matrix_power(T, k).T for k in range(8)], axis=1)
    kernel = fit_kernels(p)
    assert kernel.shape == (1, 3, 3)
    assert_allclose(kernel[0], T, atol=1e-8)


def test_true_rates_transfer_to_any_family(rng):
    families = [decays(rng, 8), decays(rng, 6)[:, 5:], 0.5 * decays(rng, 4) + 0.5 * decays(rng, 4)]
    families = [p[:, :12] for p in families]
    found = transfer_errors(families, dissipated=True)
    assert found.pairwise.shape == (3, 3)
    assert found.pairwise.max() < 1e-8
    assert found.left_out.max() < 1e-8
    assert found.persistence.min() > 0.1


def test_rates_of_another_system_do_not_transfer(rng):
    p = decays(rng, 8)
    slow = np.stack([p[:, 0]] * 20, axis=1)  # nothing changes
    slow = slow + 0.01 * (p - slow)
    found = transfer_errors([p, slow], dissipated=True)
    assert found.pairwise[1, 0] > 0.5 * found.persistence[0]
    assert found.pairwise[0, 1] > 10 * found.persistence[1]
    assert found.left_out.tolist() == [found.pairwise[1, 0], found.pairwise[0, 1]]


def test_the_table_has_the_components_that_were_put_in(rng):
    # Means of families then have a standard error of .01: a margin of a tenth is seven times that of a difference.
    n_conditions, n_times, n_samples = 240, 20, 5
    kinds = {"branching": {}, "rate": {}}
    for family in "abc":
        condition = 0.1 * rng.standard_normal((n_conditions, 1, 1, 2))
        time = 0.3 * rng.standard_normal((n_conditions, n_times, 1, 2))
        shift = {"a": 0.0, "b": 0.0, "c": 2.0}[family] * np.array([0, 1])
        kinds["branching"][family] = (
            1 + shift + condition + time + rng.standard_normal((n_conditions, n_times, n_samples, 2))
        )
        kinds["rate"][family] = -3 + 0.1 * rng.standard_normal((n_conditions + 5 * (family == "a"), 1))
    table = rate_coefficients(kinds, {"branching": ["j0", "j1"], "rate": ["Q"]}, margin=0.1)
    assert table.kind.tolist() == ["branching", "branching", "rate"]
    assert table.name.tolist() == ["j0", "j1", "Q"]
    assert_allclose(table.means[:, 2], -3, atol=0.06)
    total = 0.01 + 0.09 + 1
    assert_allclose(table.shares[1:, 0] * total, [0.01, 0.09, 1], atol=0.02)
    assert table.shares[0, 0] < 0.01
    assert table.shares[0, 1] == pytest.approx(4 / 3 / (4 / 3 + total), abs=0.02)  # means of 1, 1 and 3
    assert_allclose(table.intraclass_correlations[0, 1], table.shares[0, 1])
    assert np.isnan(table.shares[2:, 2]).all()  # no times in a rate
    assert np.isnan(table.intraclass_correlations[1:, 2]).all()
    assert table.p_value[0] < 0.01
    assert table.p_value[1] > 0.99
    assert table.p_value[2] < 1e-6
    assert abs(table.difference[1]) == pytest.approx(2 / 3, abs=0.05) or table.difference[1] == pytest.approx(
        2, abs=0.1
    )


def test_columns_make_a_data_frame(rng):
    pandas = pytest.importorskip("pandas")
    kinds = {"rate": {"calm": rng.standard_normal((4, 5, 2)), "wild": rng.standard_normal((3, 5, 2))}}
    frame = pandas.DataFrame(rate_coefficients(kinds).columns())
    assert len(frame) == 2
    assert frame["name"].tolist() == ["0", "1"]
    assert {"mean, calm", "share of initial condition", "correlation within family", "p_value"} <= set(frame.columns)
    assert frame["share of sampling"].isna().all()


def test_wrong_input_is_named(rng):
    y = rng.standard_normal((4, 3, 2))
    with pytest.raises(ValueError, match="the same two families or more"):
        rate_coefficients({"rate": {"a": y}})
    with pytest.raises(ValueError, match="the same two families or more"):
        rate_coefficients({"rate": {"a": y, "b": y}, "ratio": {"a": y, "c": y}})
    with pytest.raises(ValueError, match="'rate' must have shape"):
        rate_coefficients({"rate": {"a": y, "b": y[0]}})
    with pytest.raises(ValueError, match="names must have 2 entries for 'rate', got 1"):
        rate_coefficients({"rate": {"a": y, "b": y}}, {"rate": ["Q"]})
    p = decays(rng, 3)
    with pytest.raises(ValueError, match=r"trajectory 1 has \(1, 3\)"):
        fit_rates([p[0], p[1, :1]])
    with pytest.raises(ValueError, match="trajectory 1 at step 0 sum to 2"):
        fit_rates([p[0], 2 * p[1]])
    with pytest.raises(ValueError, match="two trajectories or more"):
        transfer_errors([p, p[:1]])
