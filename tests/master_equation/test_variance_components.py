"""Random effects of known variance, and tests of equivalence with known p-values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from skmst.master_equation.variance_components import equivalence_test, variance_components

TRUTH = np.array([4.0, 1.0, 0.25, 2.0])  # of family, initial condition, time and sampling


def nested_samples(rng, shape, n=1):
    """Samples (*shape, n) with the variances of TRUTH."""
    y = np.full((*shape, n), 7.0)
    for level, variance in enumerate(TRUTH):
        effect = rng.standard_normal((*shape[: level + 1], *(1,) * (len(shape) - level - 1), n))
        y += np.sqrt(variance) * effect
    return y


def test_variances_of_every_level_come_out_unbiased(rng):
    # 20 independent experiments as coefficients; the family's variance has 299 degrees of freedom in each.
    found = variance_components(nested_samples(rng, (300, 4, 3, 3), 20))
    assert found.levels == ("family", "initial condition", "time", "sampling")
    assert found.degrees_of_freedom.tolist() == [299, 900, 2400, 7200]
    error = found.variances.std(axis=1) / np.sqrt(20)
    assert (np.abs(found.variances.mean(axis=1) - TRUTH) < 4 * error).all()
    assert (error < 0.03 * TRUTH + 0.01).all()
    correlations = np.cumsum(TRUTH)[:-1] / TRUTH.sum()
    assert_allclose(found.intraclass_correlations.mean(axis=1), correlations, atol=0.02)
    assert_allclose(found.shares.sum(axis=0), 1)


def test_unequal_numbers_leave_the_estimates_unbiased(rng):
    families = [nested_samples(rng, (1, 1 + f % 5, 1 + f % 3, 2 + f % 4), 20)[0] for f in range(300)]
    groups = [np.insert(np.indices(a.shape[:-1]).reshape(3, -1)[:-1].T, 0, f, axis=1) for f, a in enumerate(families)]
    # The mean of 7 and the effect of each family were drawn separately, so families differ as they should.
    found = variance_components(np.concatenate([a.reshape(-1, 20) for a in families]), np.concatenate(groups))
    error = found.variances.std(axis=1) / np.sqrt(20)
    assert (np.abs(found.variances.mean(axis=1) - TRUTH) < 4 * error).all()
    assert (error < 0.06 * TRUTH + 0.01).all()


def test_balanced_data_give_the_classical_table_of_mean_squares(rng):
    y = rng.standard_normal((5, 4, 3, 2))
    found = variance_components(y)
    within = y.var(axis=2, ddof=1).mean(axis=(0, 1))
    conditions = 3 * y.mean(axis=2).var(axis=1, ddof=1).mean(axis=0)
    families = 12 * y.mean(axis=(1, 2)).var(axis=0, ddof=1)
    assert_allclose(found.variances, [(families - conditions) / 12, (conditions - within) / 3, within], rtol=1e-10)
    assert_allclose(found.mean, y.mean(axis=(0, 1, 2)))


def test_the_order_of_samples_and_the_numbers_of_groups_do_not_matter(rng):
    y = rng.standard_normal((5, 4, 3, 2)) + rng.standard_normal((5, 1, 1, 2))
    groups = np.indices((5, 4, 3)).reshape(3, -1)[:-1].T
    order = rng.permutation(60)
    shuffled = variance_components(y.reshape(60, 2)[order], (100 - 3 * groups)[order])
    assert_allclose(shuffled.variances, variance_components(y).variances, rtol=1e-10)


def test_a_coefficient_that_never_varies_has_no_shares():
    y = np.full((2, 2, 2, 1), 0.1) + 1e-16 * np.arange(8).reshape(2, 2, 2, 1)
    found = variance_components(y)
    assert not found.variances.any()
    assert np.isnan(found.shares).all()


def test_levels_that_cannot_be_told_apart_are_named(rng):
    with pytest.raises(ValueError, match="level 'initial condition' has one group in each group above it"):
        variance_components(rng.standard_normal((3, 1, 5, 2)))
    with pytest.raises(ValueError, match="level 'family' has one group"):
        variance_components(rng.standard_normal((1, 3, 5, 2)))
    with pytest.raises(ValueError, match="NaN or infinity"):
        variance_components(np.full((2, 2, 2), np.nan))
    with pytest.raises(ValueError, match="levels must name 3 levels"):
        variance_components(rng.standard_normal((3, 2, 5, 2)), levels=["family", "time"])
    with pytest.raises(ValueError, match=r"two levels or more; got \(3, 2\)"):
        variance_components(rng.standard_normal((3, 2)))
    with pytest.raises(ValueError, match=r"got \(6, 2\) and \(5, 1\)"):
        variance_components(rng.standard_normal((6, 2)), np.zeros((5, 1), dtype=int))


def test_two_one_sided_tests_are_those_of_welch(rng):
    a, b = rng.standard_normal((12, 3)), 0.3 + 2 * rng.standard_normal((20, 3))
    found = equivalence_test([a, b], 1.5)
    above = stats.ttest_ind(a + 1.5, b, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(a - 1.5, b, equal_var=False, alternative="less").pvalue
    assert_allclose(found.p_value, np.maximum(above, below), rtol=1e-10)
    assert_allclose(found.difference, a.mean(axis=0) - b.mean(axis=0))


@pytest.mark.parametrize("relative", [False, True])
def test_at_the_margin_itself_five_of_a_hundred_pass(relative, rng):
    n = 4000  # experiments, as coefficients
    groups = [m + 0.5 * rng.standard_normal((30, n)) for m in ((5.5, 5.0) if relative else (6.0, 5.0))]
    p_value = equivalence_test(groups, 0.1 if relative else 1.0, relative=relative).p_value
    assert_allclose((p_value < 0.05).mean(), 0.05, atol=4 * np.sqrt(0.05 * 0.95 / n))


def test_one_group_that_differs_is_found_and_named(rng):
    groups = [1 + 0.1 * rng.standard_normal((40, 2)) for _ in range(4)]
    assert (equivalence_test(groups, 0.2).p_value < 1e-3).all()
    groups[2][:, 1] += 1
    found = equivalence_test(groups, 0.2)
    assert found.p_value[0] < 1e-3
    assert found.p_value[1] > 0.999
    assert 2 in found.pair[1]
    assert abs(found.difference[1]) == pytest.approx(1, abs=0.1)


def test_relative_margins_do_not_mind_the_sign_or_the_order(rng):
    a, b = 3 + rng.standard_normal((15, 1)), 3.1 + rng.standard_normal((15, 1))
    p_values = [equivalence_test(g, 0.4, relative=True).p_value for g in ([a, b], [b, a], [-a, -b], [10 * a, 10 * b])]
    assert_allclose(p_values, p_values[0][0], rtol=1e-10)
    assert equivalence_test([a, -b], 0.4, relative=True).p_value > 0.5


def test_groups_without_variance_are_decided_by_their_means():
    same, other = np.ones((3, 1)), np.full((3, 1), 1.2)
    assert equivalence_test([same, same], 0.1).p_value == 0
    assert equivalence_test([same, other], 0.1).p_value == 1


def test_wrong_groups_are_refused():
    with pytest.raises(ValueError, match="two groups or more"):
        equivalence_test([np.ones((3, 1))], 0.1)
    with pytest.raises(ValueError, match="two units or more"):
        equivalence_test([np.ones((3, 1)), np.ones((1, 1))], 0.1)
    with pytest.raises(ValueError, match="margin must be positive"):
        equivalence_test([np.ones((3, 1)), np.ones((3, 1))], 0.0)
    with pytest.raises(ValueError, match="NaN or infinity"):
        equivalence_test([np.ones((3, 1)), np.full((3, 1), np.inf)], 0.1)
