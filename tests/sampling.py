"""Statements about means of random samples."""

import numpy as np


def assert_mean_within_errors(samples, expected, n_errors=3):
    """The mean of independent samples lies within `n_errors` standard errors of the expectation."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    np.testing.assert_array_less(np.abs(samples.mean(axis=0) - expected), n_errors * error)
