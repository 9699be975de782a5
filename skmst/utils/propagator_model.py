"""Models whose forecast depends on the time since its origin: propagators instead of kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skmst.utils.delay_model import AffineMap, DelayModel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PropagatorModel(DelayModel):
    """Forecasts ``x(t + n lag) = T_n(x(t))`` that know the present state only.

    Memory is in the propagators: T_n is not a power of T_1. The other fields are those of `DelayModel`;
    ``n_terms`` is 1 and `advance` is T_1.

    Attributes
    ----------
    propagators : tuple of AffineMap
        ``T_1, ..., T_h``, from the origin.
    continuation : AffineMap
        One step of `lag` beyond ``h * lag``, from the state before.
    """

    propagators: tuple[AffineMap, ...]
    continuation: AffineMap

    def forecast(
        self,
        latent: Array,
        origins: NDArray[np.intp],
        n_steps: int,
        lift: Callable[[Array], Array],
        *,
        as_state: bool,
        inputs: Array | None = None,
    ) -> Array:
        """Forecast freely from given times; see `DelayModel.forecast`. There are no inputs."""
        reader = self.read_state if as_state else self.read_output
        out = np.empty((len(latent), len(origins), n_steps, len(reader.intercept)))
        with np.errstate(over="ignore", invalid="ignore"):
            for phase in range(min(self.lag, n_steps)):
                origin = self.history(latent, origins - self.lag + 1 + phase)
                state = origin
                for n, s in enumerate(range(phase, n_steps, self.lag)):
                    early = n < len(self.propagators)
                    state = self.propagators[n](origin) if early else self.continuation(state)
                    out[:, :, s] = reader(state)
        return out


@dataclass(frozen=True)
class EmbeddedModel(DelayModel):
    """A model that keeps memory variables instead of a window: the window is encoded once, at the origin.

    The other fields are those of `DelayModel`; `advance` steps ``[x, memory variables]``.

    Attributes
    ----------
    encode : AffineMap
        From a window of history to ``[x, memory variables]``.
    """

    encode: AffineMap

    def history(self, latent: Array, times: NDArray[np.intp]) -> Array:
        """Encode the windows that end at given times; shape (n_runs, n_times, n_variables)."""
        return self.encode(super().history(latent, times))
