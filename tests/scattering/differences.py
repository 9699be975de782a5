"""Gradients of encodings against central differences."""

import numpy as np
from numpy.testing import assert_allclose


def assert_gradient(encoding, x, rng, rtol=1e-6, step=1e-6):
    """The pullback of a random gradient, along a random direction, is the change of the coefficients along it."""
    values = encoding.forward(x)
    gradient = rng.standard_normal(values.shape)
    if encoding.is_complex:
        gradient = gradient + 1j * rng.standard_normal(values.shape)
    back = encoding.pullback(x, gradient)
    assert back.shape == x.shape
    assert back.dtype == x.dtype
    direction = rng.standard_normal(x.shape)
    direction *= np.sign(np.sum(back * direction))
    # Along the gradient the derivative is large, so that rounding of the difference does not matter.
    direction += back * np.linalg.norm(direction) / np.linalg.norm(back)
    change = encoding.forward(x + step * direction) - encoding.forward(x - step * direction)
    assert_allclose(np.sum((np.conj(gradient) * change).real) / (2 * step), np.sum(back * direction), rtol=rtol)


def standard_errors(samples):
    """Means over samples of real numbers (n, ...), in units of their standard errors."""
    return samples.mean(axis=0) / (samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))
