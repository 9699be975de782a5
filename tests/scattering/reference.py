"""The scattering transform straight from its definition: full grids, one path at a time, no planning."""

import numpy as np

from skmst.scattering.filter_bank import BANKS, mirror


def rectify(name, z):
    """Rectifiers, written out from their published formulas."""
    modulus, angle = np.abs(z), np.angle(z)
    if name == "modulus":
        return modulus
    if name == "log_modulus":
        return np.log(1 + modulus)
    if name == "phase_harmonics":
        return modulus * np.exp(2j * angle)
    if name == "heisenberg":
        # arcsin by logarithms, on the sheet where i h^-1 keeps each half-plane
        w = z * (2 / np.pi) + 0j
        return -1j * np.log(1j * w + np.sqrt(1 - w) * np.sqrt(1 + w))
    return 1j * np.log(z + np.exp(1j * angle))  # heisenberg_v4: i ln R0


def filters(setting):
    """Transforms of the wavelets of the first and of all later orders, with mirror images where they belong."""
    banks = [BANKS[setting.wavelet](setting.grid_shape, setting.J, q, setting.L) for q in setting.Q]
    layers = []
    for bank, two_sided in zip(banks, (setting.complex_fields, setting.is_complex), strict=True):
        psi = bank.psi()
        if two_sided:
            psi = np.concatenate([psi, [mirror(hat) for hat in psi]]) / np.sqrt(2)
        layers.append(psi)
    return layers, banks[0]


def definition(x, setting):
    """S[p]x for every path of `setting`, of shape (n_samples, n_paths, *output_grid); periodic fields only."""
    axes = tuple(range(1, x.ndim))
    psi, bank = filters(setting)
    every = (slice(None), *(slice(None, None, setting.output_step),) * len(axes))

    def convolve(u, hat):
        return np.fft.ifftn(np.fft.fftn(u, axes=axes) * hat, axes=axes)

    signals, coefficients = {(): x}, []
    for path in setting.paths():
        if path:
            before = signals[path[:-1]]
            signals[path] = rectify(setting.rectifier, convolve(before, psi[min(len(path), 2) - 1][path[-1]]))
        u = signals[path]
        if setting.T is None:
            coefficients.append(u.mean(axis=axes))
        elif setting.T == 1:
            coefficients.append(u[every])
        else:
            smooth = convolve(u, bank.phi(setting.T))[every]
            coefficients.append(smooth if np.iscomplexobj(u) else smooth.real)
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
