"""Is scattering a sparse Koopman basis? Dictionaries of 21 functions side by side on Burgers and Kuramoto-Sivashinsky.

Each dictionary is given the same fields, and one operator is learned in it by least squares. Held-out runs tell how far
the dictionary closes (R2 of its own functions by powers of K, which flatters functions that are easy to forecast), what
it is good for (R2 of two targets common to all: the log power per octave, and the field through its leading principal
components), how much of the dynamics it sees (VAMP-2, median residual), and how sparse K is: entries that hold 90 % and
99 % of its sum of squares (of 441), Hoyer's measure (1 is sparsest), effective entries of a row and of an eigenvector,
and the part of the sum between scales more than one octave apart. An operator near the identity counts as sparse,
whether or not its dictionary closes: read sparsity beside closure.

    python benchmarks/koopman_dictionaries.py
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import RBFSampler

from skmst import ScatteringTransformer
from skmst.datasets import make_burgers, make_kuramoto_sivashinsky
from skmst.koopman.closures import closure
from skmst.koopman.dictionaries import compare_dictionaries
from skmst.metrics import power_per_octave

N, ALPHA = 21, 1e-7


def flat(function, u):
    """Apply a function of rows to fields (n_runs, n_steps, n_x)."""
    return function(u.reshape(-1, u.shape[-1])).reshape(*u.shape[:2], -1)


def fourier_power(u):
    return np.abs(np.fft.rfft(u)[..., 1 : u.shape[-1] // 2]) ** 2 / u.shape[-1]


def band_powers(u):
    """Energies of overlapping bands, evenly spaced in the logarithm of the wavenumber."""
    power = fourier_power(u)
    k = np.log2(np.arange(1, power.shape[-1] + 1))
    centres = np.linspace(0, k[-1], N)
    width = centres[1]
    return power @ np.exp(-0.5 * ((k[:, None] - centres) / width) ** 2), centres


def dictionaries(u, n_train):
    """From fields to the functions of each dictionary, and the scales of those that have such."""
    rows = u[:n_train].reshape(-1, u.shape[-1])
    pod = PCA(N).fit(rows)
    states = flat(pod.transform, u) / np.sqrt(pod.explained_variance_[0])
    random = RBFSampler(gamma=0.5 / states[:n_train].var(axis=(0, 1)).sum(), n_components=N, random_state=0)
    scatter = ScatteringTransformer(J=5, log=True).fit(u[:n_train])
    local = ScatteringTransformer(J=3, T=u.shape[-1] // 8, log=True).fit_transform(u)
    local = local / local[:n_train].std(axis=(0, 1))
    names = scatter.get_feature_names_out()[1:]
    energies, centres = band_powers(u)
    found = {
        "global scattering": scatter.transform(u)[..., 1:],  # less the mean, which both equations keep
        "local scattering": flat(PCA(N).fit(local[:n_train].reshape(-1, local.shape[-1])).transform, local),
        "principal components": states,
        "Fourier moduli": 0.5 * np.log(fourier_power(u)[..., :N] + 1e-10),
        "random features": flat(random.fit(states[:n_train].reshape(-1, N)).transform, states),
        "wavelet energies": np.log(energies + 1e-10),
    }
    scales = {
        "global scattering": [int(name.rpartition("_j")[2]) for name in names],
        "Fourier moduli": np.log2(np.arange(1, N + 1)),
        "wavelet energies": centres,
    }
    return found, scales


def targets(u, n_train):
    rows = u[:n_train].reshape(-1, u.shape[-1])
    return {"octaves": np.log(power_per_octave(u) + 1e-10), "field": flat(PCA(0.99).fit(rows).transform, u)}


def study(title, u, n_train, leads, dt):
    print(f"\n{title}: {n_train} runs to learn from, {len(u) - n_train} to judge, 90 % intervals over runs")
    found, scales = dictionaries(u, n_train)
    train, test = ({name: X[part] for name, X in found.items()} for part in (slice(n_train), slice(n_train, None)))
    wanted, tables = targets(u, n_train), {}
    for target, y in wanted.items():
        tables[target] = compare_dictionaries(
            train,
            test,
            y_train=y[:n_train],
            y_test=y[n_train:],
            scales=scales,
            leads=leads,
            alpha=ALPHA,
            random_state=0,
        )
    heads = [f"{kind}, lead {lead * dt:g}" for lead in leads for kind in ("itself", "octaves", "field")]
    print(f"{'':22}" + "".join(f"{head:>22}" for head in heads))
    for i, name in enumerate(found):
        cells = []
        for lead in leads:
            for kind, table in (("closure", "octaves"), ("forecast", "octaves"), ("forecast", "field")):
                value, low, high = (tables[table][f"{kind}_{lead}{end}"][i] for end in ("", "_low", "_high"))
                cells.append(f"{value:.2f} [{low:.2f}, {high:.2f}]")
        print(f"{name:22}" + "".join(f"{cell:>22}" for cell in cells))
    columns = (
        "vamp2",
        "residual",
        "n_90",
        "n_99",
        "hoyer",
        "row_participation",
        "eigenvector_participation",
        "off_band",
    )
    print(f"\n{'':22}" + "".join(f"{c.replace('participation', 'part.'):>18}" for c in columns))
    for i, name in enumerate(found):
        print(f"{name:22}" + "".join(f"{tables['octaves'][c][i]:18.3g}" for c in columns))
    print(f"\nR2 of itself at lead {leads[-1] * dt:g}, a regression for that lead, by number of delays")
    for name in found:
        curve = closure(train[name], test[name], n_delays=(1, 2, 4), leads=leads[-1:], alpha=ALPHA, random_state=0)
        cells = zip(curve.direct[:, 0], curve.direct_low[:, 0], curve.direct_high[:, 0], strict=True)
        print(f"{name:22}" + "".join(f"{f'{v:.2f} [{low:.2f}, {high:.2f}]':>22}" for v, low, high in cells))


if __name__ == "__main__":
    burgers = make_burgers(150, 31, random_state=0)[:, 5:]
    study("Burgers, nu = .03", burgers, 100, (1, 10), 0.1)
    chaos = make_kuramoto_sivashinsky(36, 400, dt=0.5, random_state=0)
    study("Kuramoto-Sivashinsky, L = 22", chaos, 24, (1, 10), 0.5)
