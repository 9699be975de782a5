"""The Navier-Stokes equation in two dimensions: decaying turbulence."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_integrated, check_positive, check_substeps
from skmst.datasets._etdrk4 import ETDRK4, Spectrum, advance

Array = NDArray[np.float64]

#: A step longer than this many grid steps over the fastest speed is not accurate and soon not stable.
_COURANT = 1.0


def make_navier_stokes(
    n_trajectories: int = 4,
    n_steps: int = 50,
    *,
    viscosity: float = 5e-3,
    length: float = 2 * np.pi,
    n_x: int = 96,
    dt: float = 0.2,
    time_step: float = 0.0125,
    initial_condition: str | ArrayLike = "random",
    peak_wavenumber: int = 4,
    random_state: int | np.random.RandomState | None = None,
) -> Array:
    r"""Trajectories of the vorticity of a viscous fluid in the plane, periodic in both directions, unforced.

    .. math:: \omega_t + u\,\omega_x + v\,\omega_y = \nu\,\nabla^2 \omega, \qquad
              u = \psi_y, \quad v = -\psi_x, \quad \nabla^2 \psi = -\omega,

    in units in which the initial root mean square velocity is one. Energy goes to large scales and is almost
    conserved, enstrophy goes to small scales and is dissipated; vortices of one sign merge. It is integrated
    by ETDRK4 in Fourier space with the 2/3 rule, so that without viscosity the truncated equation keeps
    energy and enstrophy. With the default parameters the fields are within 3 % of those on twice as fine a grid,
    over 5 time units; a lower viscosity needs a finer grid, about as ``n_x ~ viscosity ** -0.5``.

    Parameters
    ----------
    n_trajectories : int, default=4
        Number of independent trajectories.
    n_steps : int, default=50
        Number of saved steps per trajectory, the initial condition at t = 0 included.
    viscosity : float, default=5e-3
        The viscosity nu, the inverse of a Reynolds number.
    length : float, default=2 pi
        Length of the periodic square's sides.
    n_x : int, default=96
        Number of grid points in each direction, at ``length * i / n_x``. Wavenumbers below ``n_x / 3`` in each
        direction are kept.
    dt : float, default=0.2
        Time between two saved steps.
    time_step : float, default=0.0125
        Longest internal step; `dt` is cut into equal steps no longer than this.
    initial_condition : "random", "taylor_green" or array-like, default="random"
        "random": Gaussian fields with energy spectrum ``k^7 exp(-3.5 (k / peak)^2)`` (Chasnov's, low
        wavenumbers empty) and root mean square velocity exactly one. "taylor_green": ``2 k cos(k x) cos(k y)``
        with k the peak wavenumber, in random position: an exact solution that decays as
        :math:`e^{-2 \nu k^2 t}`. An array of vorticities has shape (n_x, n_x) or (n_trajectories, n_x, n_x);
        its mean and its wavenumbers from ``n_x / 3`` are removed.
    peak_wavenumber : int, default=4
        Wavenumber of the initial energy, in waves per side.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial condition.

    Returns
    -------
    vorticity : ndarray of shape (n_trajectories, n_steps, n_x, n_x), float64
        The fields; the first grid axis is x.

    Raises
    ------
    ValueError
        If a parameter is out of range, the internal step is longer than the fastest fluid takes from one grid
        point to the next, or the integration overflows.

    References
    ----------
    Taylor & Green 1937, Proc. R. Soc. A 158, 499. McWilliams 1984, J. Fluid Mech. 146, 21 (decaying turbulence).
    Chasnov 1997, Phys. Fluids 9, 171, eq. (19) (initial spectrum). Basdevant 1983, J. Comput. Phys. 50, 209
    (the nonlinear term with two transforms each way).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.datasets import make_navier_stokes
    >>> w = make_navier_stokes(2, 5, n_x=32, random_state=0)
    >>> w.shape
    (2, 5, 32, 32)
    >>> bool(np.all(np.diff((w**2).mean(axis=(2, 3))) < 0))  # enstrophy is dissipated
    True
    """
    n_trajectories = check_count("n_trajectories", n_trajectories)
    n_steps = check_count("n_steps", n_steps)
    viscosity = check_positive("viscosity", viscosity, or_zero=True)
    length = check_positive("length", length)
    n_x = check_count("n_x", n_x, minimum=8)
    dt = check_positive("dt", dt)
    n_substeps, step = check_substeps(dt, time_step)
    peak_wavenumber = check_count("peak_wavenumber", peak_wavenumber)
    if 3 * peak_wavenumber >= n_x:
        raise ValueError(f"peak_wavenumber must be below n_x / 3 = {n_x / 3:.1f}, got {peak_wavenumber}.")
    plane = _Plane(n_x, length)
    rng = check_random_state(random_state)
    if isinstance(initial_condition, str) and initial_condition == "random":
        start = _random_vorticity(rng, n_trajectories, plane, peak_wavenumber)
    elif isinstance(initial_condition, str) and initial_condition == "taylor_green":
        start = _taylor_green(rng, n_trajectories, plane, peak_wavenumber)
    else:
        start = plane.to_spectrum(_check_vorticity(initial_condition, n_trajectories, n_x))
        start[:, 0, 0] = 0
    fastest = float(np.sqrt(np.max(sum(plane.to_field(v) ** 2 for v in plane.velocity(start)))))
    longest = _COURANT * length / n_x / fastest if fastest > 0 else np.inf
    if step > longest:
        raise ValueError(
            f"time_step={step:g} is too long for fluid that moves at {fastest:.3g}: take at most {longest:.2g}."
        )
    stepper = ETDRK4(-viscosity * plane.k_squared, plane.advection, step)
    fields = np.empty((n_trajectories, n_steps, n_x, n_x))
    v = start
    for i in range(n_steps):
        fields[:, i] = plane.to_field(v)
        if i < n_steps - 1:
            v = advance(stepper, v, n_substeps)
    return check_integrated(fields)


class _Plane:
    """The periodic square: wavenumbers that the 2/3 rule keeps, as of ``rfft2``, and what acts on them."""

    def __init__(self, n_x: int, length: float) -> None:
        self.n_x, self.length = n_x, length
        highest = (n_x - 1) // 3
        whole = np.r_[0 : highest + 1, -highest:0]
        self.rows = whole % n_x
        self.n_columns = highest + 1
        self.unit = 2 * np.pi / length
        self.k_x = self.unit * whole[:, np.newaxis].astype(np.float64)
        self.k_y = self.unit * np.arange(highest + 1, dtype=np.float64)
        self.k_squared = self.k_x**2 + self.k_y**2
        self.inverse = np.divide(1.0, self.k_squared, out=np.zeros_like(self.k_squared), where=self.k_squared > 0)

    def to_spectrum(self, fields: Array) -> Spectrum:
        """Fourier coefficients (..., n_rows, n_columns) at the kept wavenumbers of fields (..., n_x, n_x)."""
        return fft.rfft2(fields)[..., self.rows, : self.n_columns]

    def to_field(self, v: Spectrum) -> Array:
        """Fields (..., n_x, n_x) with these Fourier coefficients."""
        whole = np.zeros((*v.shape[:-2], self.n_x, self.n_x // 2 + 1), dtype=np.complex128)
        whole[..., self.rows, : self.n_columns] = v
        return fft.irfft2(whole, (self.n_x, self.n_x))

    def velocity(self, v: Spectrum) -> tuple[Spectrum, Spectrum]:
        """Spectra of the two components of velocity of a vorticity."""
        psi = v * self.inverse
        return 1j * self.k_y * psi, -1j * self.k_x * psi

    def advection(self, v: Spectrum) -> Spectrum:
        """The term -(u, v) . grad omega, from products of the velocity alone (Basdevant 1983)."""
        along, across = (self.to_field(part) for part in self.velocity(v))
        shear = self.to_spectrum(along * across)
        stretch = self.to_spectrum(across**2 - along**2)
        return (self.k_x**2 - self.k_y**2) * shear + self.k_x * self.k_y * stretch


def _random_vorticity(rng: np.random.RandomState, n: int, plane: _Plane, peak: int) -> Spectrum:
    """Gaussian vorticity with energy k^7 exp(-3.5 (k / peak)^2) per wavenumber, of unit rms velocity."""
    k = np.sqrt(plane.k_squared) / plane.unit
    # Energy per mode is that of the ring over its circumference, and enstrophy k^2 times energy.
    amplitude = np.sqrt(k**6 * np.exp(-3.5 * (k / peak) ** 2)) * k
    # Noise on the grid has the symmetry of the spectra of real fields.
    v = plane.to_spectrum(rng.standard_normal((n, plane.n_x, plane.n_x))) * amplitude
    speed = sum(plane.to_field(part) ** 2 for part in plane.velocity(v))
    return v / np.sqrt(np.mean(speed, axis=(1, 2)))[:, np.newaxis, np.newaxis]


def _taylor_green(rng: np.random.RandomState, n: int, plane: _Plane, peak: int) -> Spectrum:
    """Vortices of unit rms velocity on a square lattice, each trajectory at its own place."""
    k = peak * plane.unit
    x = plane.length * np.arange(plane.n_x) / plane.n_x
    phase = rng.uniform(0, 2 * np.pi, (2, n, 1))
    waves = np.cos(k * x + phase[0])[:, :, np.newaxis] * np.cos(k * x + phase[1])[:, np.newaxis, :]
    return plane.to_spectrum(2 * k * waves)


def _check_vorticity(value: ArrayLike, n_trajectories: int, n_x: int) -> Array:
    if isinstance(value, str):
        raise ValueError(f'initial_condition must be "random", "taylor_green" or an array of fields, got {value!r}.')
    if np.iscomplexobj(value):
        raise ValueError("initial_condition must be real, got complex numbers: pass its real part.")
    fields = np.asarray(value, dtype=np.float64)
    if fields.shape not in ((n_x, n_x), (n_trajectories, n_x, n_x)):
        raise ValueError(
            f"initial_condition must have shape (n_x, n_x) = ({n_x}, {n_x}) or (n_trajectories, n_x, n_x) = "
            f"({n_trajectories}, {n_x}, {n_x}), got {fields.shape}: set n_x and n_trajectories to match it."
        )
    if not np.isfinite(fields).all():
        raise ValueError("initial_condition contains NaN or infinity: replace or drop those fields.")
    return np.broadcast_to(fields, (n_trajectories, n_x, n_x))
