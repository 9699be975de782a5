"""Do solid harmonic coefficients tell the atomisation energy of a molecule? QM7, 1000 molecules, linear regression.

Each molecule becomes three densities: Gaussians at the nuclei with the full, the valence and the core charges, as in
kymatio's example, at a third of its resolution (Gaussians of 0.7 grid steps, atoms at least 3 steps apart) or, with
--fine, at half of it. Rows: features of the ridge regression. Columns: mean absolute and root mean square error in
kcal/mol over five repeats of 5-fold cross-validation, with the standard deviation over the repeats; the penalty is
chosen within each training set. On all 7165 molecules kymatio's example reports 2.75 and 4.18 kcal/mol.

    OMP_NUM_THREADS=1 python benchmarks/molecules.py [--fine] [--molecules 1000] [--jobs 1]

Needs the file qm7_1000.npz (R: positions in angstrom, Z: charges, energy: kcal/mol) in the folder SKMST_DATA.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmst.scattering.densities import gaussian_density
from skmst.scattering.solid_harmonics import SolidHarmonics

COARSE, FINE = ((48, 36, 32), 0.7), ((72, 54, 48), 1.0)  # grid, and the width of a Gaussian in its steps
OVERLAP = 0.1  # of the Gaussians of the two closest atoms of the data, where they meet
POWERS = (0.5, 1.0, 2.0, 3.0)
CLOSED_SHELLS = np.array([0, 2, 10, 18])
ELEMENTS = (1, 6, 7, 8, 16)


def molecules(n):
    """Positions (angstrom, centred, along the principal axes), charges and energies, shuffled by the data's maker."""
    path = Path(os.environ.get("SKMST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")) / "qm7_1000.npz"
    if not path.exists():
        print(f"skipped: {path} not found; set SKMST_DATA to the folder that holds it")
        sys.exit()
    data = np.load(path)
    positions, charges = data["R"][:n].astype(float), data["Z"][:n].astype(float)
    for points, charge in zip(positions, charges, strict=True):
        present = charge > 0
        axes = np.linalg.svd(points[present] - points[present].mean(0), full_matrices=False)[2]
        points[:] = np.where(present[:, None], points @ axes.T, 0.0)
        points[present] -= 0.5 * (points[present].min(0) + points[present].max(0))
    return positions, charges, data["energy"][:n]


def closest_atoms(positions, charges):
    """Smallest distance between two atoms of one molecule, over all molecules."""
    distance = np.linalg.norm(positions[:, :, None] - positions[:, None], axis=-1)
    pairs = (charges[:, :, None] > 0) & (charges[:, None] > 0) & (distance > 0)
    return distance[pairs].min()


def coefficients(positions, charges, harmonics, sigma, n_jobs):
    """Solid harmonic coefficients of the three densities of each molecule, (n_molecules, n_features)."""
    apart = sigma * np.sqrt(-8 * np.log(OVERLAP))  # grid steps between the closest atoms
    steps = positions * apart / closest_atoms(positions, charges) + np.array(harmonics.grid_shape) / 2
    core = CLOSED_SHELLS[np.searchsorted(CLOSED_SHELLS, charges, side="left").clip(1) - 1]
    found = []
    for part in np.array_split(np.arange(len(steps)), max(1, len(steps) // 20)):
        densities = [
            gaussian_density(steps[part], q[part], harmonics.grid_shape, sigma, dtype=np.float32)
            for q in (charges, charges - core, core)
        ]
        found.append(np.concatenate([harmonics.forward(density, n_jobs=n_jobs) for density in densities], axis=1))
    return np.concatenate(found).astype(float)


def errors(model, features, energy):
    """Mean absolute and root mean square error of each repeat, (2, n_repeats)."""
    scores = []
    for repeat in range(5):
        folds = KFold(5, shuffle=True, random_state=repeat)
        residual = cross_val_predict(model, features, energy, cv=folds) - energy
        scores.append((np.abs(residual).mean(), np.sqrt((residual**2).mean())))
    return np.transpose(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fine", action="store_true")
    parser.add_argument("--molecules", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    positions, charges, energy = molecules(arguments.molecules)
    grid_shape, sigma = FINE if arguments.fine else COARSE
    harmonics = SolidHarmonics(grid_shape, J=2, L=3, sigma_0=0.75 * sigma, powers=POWERS)
    start = time.process_time()
    features = coefficients(positions, charges, harmonics, sigma, arguments.jobs)
    spent = (time.process_time() - start) / len(features)
    counts = np.stack([(charges == z).sum(1) for z in ELEMENTS], axis=1)
    ridge = make_pipeline(StandardScaler(), RidgeCV(10.0 ** np.arange(-10, 3)))
    candidates = {
        "counts of atoms": (LinearRegression(), counts),
        "solid harmonics to order 1": (ridge, features[:, np.tile(harmonics.table()["order"], 3) < 2]),
        "solid harmonics": (ridge, features),
        "solid harmonics, logarithms too": (ridge, np.hstack([features, np.log(features)])),
        "solid harmonics, counts too": (ridge, np.hstack([features, counts])),
    }
    print(f"{len(features)} molecules, grid {grid_shape}, {spent * 1e3:.0f} ms CPU each, {features.shape[1]} features")
    print(f"{'features':34} {'MAE':>14} {'RMSE':>14}   kcal/mol")
    for name, (model, columns) in candidates.items():
        mae, rmse = errors(model, columns, energy)
        print(f"{name:34} {mae.mean():7.2f} ± {mae.std():4.2f} {rmse.mean():7.2f} ± {rmse.std():4.2f}")


if __name__ == "__main__":
    main()
