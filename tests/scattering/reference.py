"""The scattering transform straight from its definition: full grids, one path at a time, no planning."""

import numpy as np

from skmst.scattering.filter_bank import BANKS


def definition(x, setting):
    """S[p]x for every path of `setting`, of shape (n_samples, n_paths, *output_grid); periodic fields only."""
    axes = tuple(range(1, x.ndim))
    banks = [BANKS[setting.wavelet](setting.grid_shape, setting.J, q, setting.L) for q in setting.Q]
    psi = [bank.psi() for bank in banks]
    every = (slice(None), *(slice(None, None, setting.output_step),) * len(axes))

    def convolve(u, hat):
        return np.fft.ifftn(np.fft.fftn(u, axes=axes) * hat, axes=axes)

    coefficients = []
    for path in setting.paths():
        u = x
        for order, n in enumerate(path):
            u = np.abs(convolve(u, psi[order][n]))
        if setting.T is None:
            coefficients.append(u.mean(axis=axes))
        elif setting.T == 1:
            coefficients.append(u[every])
        else:
            coefficients.append(convolve(u, banks[0].phi(setting.T)).real[every])
    return np.stack(coefficients, axis=1)


def gabor_2d(grid_shape, sigma, angle, slant, centre, periods=3):
    """A sampled, periodised 2-D Gabor function in space (definition of kymatio's filters), double precision."""
    rows, columns = np.mgrid[0 : grid_shape[0], 0 : grid_shape[1]]
    total = np.zeros(grid_shape, complex)
    for a in range(-periods, periods + 1):
        for b in range(-periods, periods + 1):
            u, v = rows + a * grid_shape[0], columns + b * grid_shape[1]
            along, across = np.cos(angle) * u + np.sin(angle) * v, np.cos(angle) * v - np.sin(angle) * u
            envelope = np.exp(-(along**2 + (slant * across) ** 2) / (2 * sigma**2))
            total += envelope * np.exp(1j * centre * along)
    return total * slant / (2 * np.pi * sigma**2)
