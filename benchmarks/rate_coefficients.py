"""Are rate coefficients invariant to the initial condition? What is exact, what holds on average, and what fails.

R1 are branching shares between scales, R2 ratios of second- to first-order coefficients, both of a field at one time;
R3 are fitted rates between the energies of scales.

    python benchmarks/rate_coefficients.py [exact] [kuramoto_sivashinsky] [burgers] [linear]
"""

import sys
import time

import numpy as np

from skmst.datasets import make_advection, make_burgers, make_heat, make_kuramoto_sivashinsky
from skmst.master_equation.rate_coefficients import fit_rates, rate_coefficients, transfer_errors
from skmst.master_equation.states import energy_fractions
from skmst.scattering.branching import branching_energies, branching_matrix, normalised_ratios
from skmst.scattering.cascade import Setting
from skmst.scattering.filter_bank import BANKS
from skmst.scattering.statistics import band_energies

BURGERS = {
    "kmax 4, amplitude 1": {},
    "amplitude .5": {"amplitude": 0.5},
    "kmax 8": {"max_wavenumber": 8},
    "single sine": {"initial_condition": "sine"},
}


def per_snapshot(function, fields, setting):
    """Coefficients (..., n_coefficients) of fields (..., *grid)."""
    ndim = len(setting.grid_shape)
    found = function(fields.reshape(-1, *setting.grid_shape), setting)
    return found.reshape(*fields.shape[:-ndim], -1)


def exact():
    """Amplitude, translation and reflection."""
    rng = np.random.default_rng(0)
    print("\nLargest change of a coefficient, 20 random fields each")
    print(f"{'':22}{'amplitude':>11}{'translation':>13}{'reflection':>12}{'rows - 1':>10}")
    for grid, J in (((256,), 6), ((48, 40), 3)):
        setting, axes = Setting(grid, J, L=4, wavelet="tight"), tuple(range(1, 1 + len(grid)))
        x = rng.standard_normal((20, *grid))
        others = [1e3 * x, np.roll(x, 7, axes), np.flip(x, axes)]
        for name, function in (("R1", branching_matrix), ("R2", normalised_ratios)):
            found = function(x, setting)
            changes = [np.abs(function(other, setting) - found).max() for other in others]
            rows = f"{np.abs(found.sum(axis=-1) - 1).max():10.1e}" if name == "R1" else f"{'':10}"
            print(f"{name}, {len(grid)}-D".ljust(22) + "{:11.1e}{:13.1e}{:12.1e}".format(*changes) + rows)


def kuramoto_sivashinsky():
    """Time averages on an ergodic attractor forget the initial condition."""
    n, n_blocks, n_each = 16, 20, 50
    x, rng = np.arange(64) / 64, np.random.default_rng(0)
    starts = {
        "low wavenumbers": "random",
        "one wave": 2 * np.sin(2 * np.pi * (x + rng.uniform(size=(n, 1)))) + 1e-3 * rng.standard_normal((n, 64)),
        "wavenumber 6": 3 * np.sin(2 * np.pi * (6 * x + rng.uniform(size=(n, 1))))
        + 1e-3 * rng.standard_normal((n, 64)),
        "white noise": rng.standard_normal((n, 64)),
    }
    setting = Setting((64,), 4, wavelet="tight")
    kinds = {"R1": {}, "R2": {}, "R3": {}}
    for seed, (family, start) in enumerate(starts.items()):
        u = make_kuramoto_sivashinsky(n, n_blocks * n_each, dt=1.0, initial_condition=start, random_state=seed)
        u = u.reshape(n, n_blocks, n_each, 64)
        kinds["R1"][family] = per_snapshot(branching_matrix, u, setting)
        kinds["R2"][family] = per_snapshot(normalised_ratios, u, setting)
        energies = per_snapshot(band_energies, u, setting)
        p = energies / energies.sum(axis=-1, keepdims=True)
        # A rate needs a stretch of time: one fit for each of five stretches of each run.
        stretches = p.reshape(n, 5, -1, p.shape[-1])
        kinds["R3"][family] = np.array([[fit_rates(s[None]).matrix.ravel() for s in run] for run in stretches])
    print("\nKuramoto-Sivashinsky, L = 22: 4 families of 16 initial conditions, T = 1000 after a burn-in of 200")
    print(
        "median [smallest, largest] over the n coefficients with a mean above .01; standard deviations in % of the mean"
    )
    print(f"{'':4}{'n':>4}{'at one time':>23}{'of time means':>23}{'ICC family':>23}{'same to 10 %, p < .05':>25}")
    for kind, families in kinds.items():  # one time of R3 is a stretch of 200
        table = rate_coefficients({kind: families}, margin=0.1)
        every = np.concatenate(list(families.values()))
        rows = every.reshape(len(every), -1, every.shape[-1])
        mean = rows.mean(axis=(0, 1))
        used = np.abs(mean) > 0.01
        cells = []
        for spread in (rows.std(axis=(0, 1)), rows.mean(axis=1).std(axis=0)):
            percent = 100 * spread[used] / np.abs(mean[used])
            cells.append(f"{np.median(percent):.1f} [{percent.min():.1f}, {percent.max():.1f}]")
        icc = table.intraclass_correlations[0, used]
        cells.append(f"{np.median(icc):.3f} [{icc.min():.3f}, {icc.max():.3f}]")
        print(
            f"{kind:4}{used.sum():4d}"
            + "".join(f"{cell:>23}" for cell in cells)
            + f"{np.sum(table.p_value[used] < 0.05):20d} of {used.sum()}"
        )
    compare(np.concatenate(list(kinds["R1"].values())), np.concatenate(list(kinds["R3"].values())), 4)


def compare(branching, rates, J):
    """R1 beside R3, between bands."""
    B = branching.reshape(-1, J, J + 1).mean(axis=0)[:, :-1]
    Q = rates.reshape(-1, *(int(np.sqrt(rates.shape[-1])),) * 2).mean(axis=0)[1 : J + 1, 1 : J + 1].T
    off = ~np.eye(J, dtype=bool)
    correlation = np.corrcoef(B[off], Q[off])[0, 1]
    print(f"correlation of R1 and R3 over the {off.sum()} pairs of different bands: {correlation:.2f}")


def burgers():
    """Transients of a nonlinear equation remember the family."""
    setting, n, times = Setting((256,), 6, wavelet="tight"), 40, (5, 10, 20, 30)
    fields = {f: make_burgers(n, 31, random_state=seed, **how) for seed, (f, how) in enumerate(BURGERS.items())}
    print("\nBurgers, viscosity .03: 4 families of 40 initial conditions; coefficients whose largest mean is above .01")
    print(f"{'':12}{'ICC family':>22}{'largest ratio of means':>26}{'same to 10 %':>22}   S2/S1 of scales 3 and 4")
    for t in times:
        kinds = {"R1": {}, "R2": {}}
        for family, u in fields.items():
            energies = branching_energies(u[:, t], setting)
            # Shares are of groups of five runs: a smooth field has no energy in the finest band, and sums do not mind.
            groups = energies.reshape(-1, 5, *energies.shape[1:]).sum(axis=1)
            kinds["R1"][family] = (groups / groups.sum(axis=-1, keepdims=True)).reshape(len(groups), 1, -1)[:, 0]
            kinds["R2"][family] = coarse_ratios(u[:, t])
        for kind, families in kinds.items():
            table = rate_coefficients({kind: families}, margin=0.1)
            used = table.means.max(axis=0) > 0.01
            icc, means = table.intraclass_correlations[0, used], table.means[:, used]
            ratios = means.max(axis=0) / np.maximum(means.min(axis=0), 1e-12)
            line = f"{kind}, t = {t / 10:<4}".ljust(
                12
            ) + f"{np.median(icc):8.2f} [{icc.min():.2f}, {icc.max():.2f}]".rjust(22)
            line += f"median {np.median(ratios):.2f}, max {ratios.max():.1f}".rjust(26)
            line += f"{np.sum(table.p_value[used] < 0.05)} of {used.sum()}".rjust(22)
            if kind == "R2":
                line += "   " + " ".join(f"{np.mean(values[:, 0]):.3f}" for values in families.values())
            print(line)
    energies = {f: per_snapshot(band_energies, u, setting) for f, u in fields.items()}
    p = {f: energy_fractions(e) for f, e in energies.items()}
    print(
        "\nTransfer of R3: median relative error of free forecasts of 30 - n steps, rows fitted to, columns judged on"
    )
    for n_terms in (1, 5):
        found = transfer_errors(list(p.values()), n_terms, dissipated=True)
        print(f"{n_terms} terms".ljust(22) + "".join(f"{name:>21}" for name in p))
        rows = [
            *zip(p, found.pairwise, strict=True),
            ("the other three", found.left_out),
            ("persistence", found.persistence),
        ]
        for name, row in rows:
            print(f"{name:22}" + "".join(f"{value:21.3f}" for value in row))
    rates = {
        f: np.array([fit_rates(q[i : i + 5], 0.1, dissipated=True).matrix.ravel() for i in range(0, n, 5)])
        for f, q in p.items()
    }
    table = rate_coefficients({"R3": rates}, margin=0.1)
    used = np.abs(table.means).max(axis=0) > 0.05
    icc = table.intraclass_correlations[0, used]
    same = f"{np.sum(table.p_value[used] < 0.05)} of {used.sum()}"
    print(f"R3 of 5 runs each: ICC family median {np.nanmedian(icc):.2f}; same to 10 %: {same}")
    branching = np.concatenate(
        [per_snapshot(branching_matrix, u[:, 10:], setting).reshape(-1, 42) for u in fields.values()]
    )
    compare(branching, np.concatenate(list(rates.values())), 6)


def coarse_ratios(fields):
    """S2 / S1 from the coarse bands, which every family fills."""
    setting = Setting((256,), 6, wavelet="tight")
    pairs = [path for path in setting.paths() if len(path) == 2]
    return normalised_ratios(fields, setting)[:, [pairs.index((3, 4)), pairs.index((3, 5)), pairs.index((4, 5))]]


def linear():
    """Heat: the diffusivity from the rates; what an octave averages over. Advection: nothing."""
    nu, dt, setting = 0.7, 1e-6, Setting((256,), 6, wavelet="tight")
    k = np.abs(np.fft.fftfreq(256, 1 / 256))
    psi = BANKS["tight"]((256,), 6).psi()
    psi[:, 128] = 0
    symbol = (k**2 * psi**2).sum(axis=1) / (psi**2).sum(axis=1)
    start = make_heat(400, 1, random_state=0)[:, 0]
    high = np.fft.irfft(np.fft.rfft(start) * (np.arange(129) >= 8), 256)
    print(
        "\nHeat equation, diffusivity .7: rate of loss of each band over 2 <k^2> of a flat spectrum, finest band first"
    )
    for name, fields in (("white", start), ("white, 10 times larger", 10 * start), ("nothing below k = 8", high)):
        u = make_heat(400, 2, diffusivity=nu, dt=dt, initial_condition=fields)
        energies = per_snapshot(band_energies, u, setting).mean(axis=0)[:, 1:]
        with np.errstate(invalid="ignore"):
            found = -0.5 * np.log(energies[1] / energies[0]) / dt / symbol
        found[energies[0] < 1e-20] = np.nan
        print(f"{name:24}" + " ".join(f"{value:8.4f}" for value in found))
    waves = {}
    for amplitude in (1.0, 10.0):
        centres = np.cos((64 / 2.0 ** np.arange(6))[:, None] * 2 * np.pi * np.arange(256) / 256)
        mixed = amplitude * np.random.default_rng(1).uniform(0.5, 1, (40, 6)) @ centres
        u = make_heat(40, 30, diffusivity=nu, dt=1e-4, initial_condition=mixed)
        p = energy_fractions(per_snapshot(band_energies, u, setting)[..., 1:])
        waves[amplitude] = fit_rates(p, 1e-4, dissipated=True).matrix
    exact_rates = -2 * nu * (64 / 2.0 ** np.arange(6)) ** 2
    print(
        "one wave per band, R3 / exact - 1:", np.array2string(np.diag(waves[1.0])[:-1] / exact_rates - 1, precision=1)
    )
    change = np.abs(waves[10.0] - waves[1.0]).max() / np.abs(waves[1.0]).max()
    print(f"10 times the amplitude changes R3 by {change:.1e} of the largest rate")
    drift = make_advection(40, 20, random_state=0)
    p = energy_fractions(per_snapshot(band_energies, drift, setting))
    rates = np.abs(fit_rates(p, dissipated=True).matrix)
    print(f"advection: largest change of a fraction {np.abs(p - p[:, :1]).max():.1e}, largest rate {rates.max():.1e}")


SECTIONS = {f.__name__: f for f in (exact, kuramoto_sivashinsky, burgers, linear)}

if __name__ == "__main__":
    for section in sys.argv[1:] or SECTIONS:
        begin = time.perf_counter()
        SECTIONS[section]()
        print(f"({section}: {time.perf_counter() - begin:.0f} s)", flush=True)
