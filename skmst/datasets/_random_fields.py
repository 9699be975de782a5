"""Random periodic initial fields in one dimension, given by their Fourier coefficients."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft


def low_wavenumber_fields(
    rng: np.random.RandomState, n_fields: int, n_x: int, max_wavenumber: int, rms: float
) -> NDArray[np.float64]:
    """Fields (n_fields, n_x) with independent Gaussian coefficients at wavenumbers 1 to `max_wavenumber`.

    Each field has mean zero and root mean square exactly `rms`.
    """
    spectrum = np.zeros((n_fields, n_x // 2 + 1), dtype=np.complex128)
    real, imaginary = rng.standard_normal((2, n_fields, max_wavenumber))
    spectrum[:, 1 : max_wavenumber + 1] = real + 1j * imaginary
    fields = fft.irfft(spectrum, n_x)
    return rms * fields / np.sqrt(np.mean(fields**2, axis=1, keepdims=True))


def gaussian_fields(rng: np.random.RandomState, n_fields: int, n_x: int, exponent: float) -> NDArray[np.float64]:
    """Gaussian fields (n_fields, n_x) of mean zero and expected variance one with power k^-exponent.

    All wavenumbers 1 <= k < n_x / 2 are present. The one at n_x / 2 is left out, because a real field
    on the grid fixes only half of it, so it cannot be translated.
    """
    k = np.arange(1, (n_x - 1) // 2 + 1)
    power = k.astype(np.float64) ** -exponent
    power /= power.sum()
    real, imaginary = rng.standard_normal((2, n_fields, len(k)))
    spectrum = np.zeros((n_fields, n_x // 2 + 1), dtype=np.complex128)
    # A real field's variance is 2 sum |c_k|^2 over k > 0, and E|real + i imaginary|^2 = 2.
    spectrum[:, 1 : len(k) + 1] = n_x / 2 * np.sqrt(power) * (real + 1j * imaginary)
    return fft.irfft(spectrum, n_x)
