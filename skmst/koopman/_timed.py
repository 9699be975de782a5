"""What `KoopmanRegressor` does with time stamps: they are checked, fitted to, and forecasts go from one to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmst._hindcast import truth_after
from skmst.koopman.irregular import flow, irregular_dynamics
from skmst.koopman.spectrum import Spectrum, rates, timescales
from skmst.trajectories import Trajectories, check_outputs
from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.linalg import jittered_cholesky
from skmst.utils.readout import fit_readout

Array = NDArray[np.float64]
Blocks = tuple[NDArray[Any], ...]


def check_time_settings(settings: dict[str, Any]) -> None:
    """Raise where time stamps do not go with the parameters of a regressor."""
    for name, needed in (("solver", "optdmd"), ("n_delays", 1)):
        if settings[name] != needed:
            raise ValueError(
                f"times go with {name}={needed!r}, not with {name}={settings[name]!r}, which takes steps at equal "
                "distances: change it, or interpolate the data to such."
            )
    if settings["step"] == "relift":
        raise ValueError("times go with linear steps, but step='relift': set step='linear'.")


def check_times(times: Any, runs: Trajectories) -> tuple[Array, ...]:
    """Give the times of the steps of each block of runs, (n_runs, n_steps); one list serves all runs of one length."""
    if runs.layout == "array" and np.ndim(times) == 1:
        times = np.broadcast_to(np.asarray(times), (runs.n_trajectories, len(times)))
    blocks, shape = check_outputs(times, runs, input_name="times")
    if shape not in ((), (1,)):
        raise ValueError(f"times must be one number for each step, but there are {shape} of them.")
    found = tuple(block[..., 0].astype(np.float64) for block in blocks)
    if any((np.diff(block, axis=1) <= 0).any() for block in found):
        raise ValueError("times must increase from step to step.")
    return found


def build_timed(runs: Blocks, times: Blocks, gathered: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Turn latent runs and their times into a model and fitted attributes."""
    moments, lag, dt = gathered.moments, settings["lag"], settings["dt"]
    history = moments.covariance()[moments.history, moments.history]
    ridge = settings["alpha"] * float(np.mean(np.diag(history)))
    n_state = None if gathered.lift is None else gathered.n_features
    readout = fit_readout(moments, history, ridge, n_state, len(history), gathered.output_shape is not None)
    states = [run.astype(np.float64) for block in runs for run in block]
    stamps = [t for block in times for t in block]
    pairs, K, b = irregular_dynamics(states, stamps, lag * dt, history, rank=settings["rank"], ridge=ridge)
    rate = rates(pairs.eigenvalues, lag * dt)
    model = DelayModel(
        n_terms=1,
        lag=lag,
        advance=AffineMap(K, b),
        read_state=readout.state,
        read_output=readout.output,
        state_of_latent=None,
        history_mean=moments.mean[moments.history],
        history_factor=jittered_cholesky(history, ridge),
    )
    return {
        "koopman_matrix_": K,
        "intercept_": b,
        "eigenvalues_": pairs.eigenvalues,
        "rates_": rate,
        "timescales_": timescales(rate),
        "residuals_": pairs.residuals,
        "modes_": readout.output.coefficients @ pairs.right,
        "_spectrum": pairs,
        "_model": model,
        "_is_timed": True,
    }


def states_ahead(
    latent: Array, times: Array, origins: NDArray[np.intp], horizon: int, interval: float, pairs: Spectrum, b: Array
) -> Array:
    """Advance the states (n_runs, n_steps, n) at each origin to the times of the steps that follow."""
    ahead = truth_after(times[..., None], origins, horizon)[..., 0]
    with np.errstate(over="ignore", invalid="ignore"):
        return flow(latent[:, origins], (ahead - times[:, origins, None]) / interval, pairs, b)
