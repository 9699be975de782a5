"""Which transform a value of `wavelet` and of `statistics` stands for: one table each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skmst.scattering.branching import Branching, Ratios
from skmst.scattering.derived_channels import CHANNELS, DerivedChannels
from skmst.scattering.encoding import Encoding, innermost
from skmst.scattering.filter_bank import BANKS
from skmst.scattering.multiresolution import Multiresolution
from skmst.scattering.options import HarmonicMoments, Orthonormal, SolidHarmonic, Spectra
from skmst.scattering.phase_harmonics import PhaseHarmonics
from skmst.scattering.rectifiers import rectifier_of
from skmst.scattering.rotation import RotationAverage
from skmst.scattering.scattering_spectra import ScatteringSpectra
from skmst.scattering.setting import ENGINES, Setting
from skmst.scattering.settings import SETTING_PARAMETERS, octaves, per_octave, resolve_setting
from skmst.scattering.solid_harmonics import SolidHarmonics
from skmst.scattering.statistics import Energies

#: Defaults of the parameters of `ScatteringTransformer` that not every choice has a use for.
DEFAULTS = {
    "Q": 1,
    "L": 8,
    "T": "global",
    "max_order": 2,
    "rectifier": "modulus",
    "oversampling": "auto",
    "output_step": None,
    "paths": "bandwidth",
    "upsampling": 1,
    "tol": None,
}
NUMPY = ("auto", "numpy")


@dataclass(frozen=True)
class Request:
    """What a transform is made from.

    Attributes
    ----------
    grid_shape : tuple of int
        Grid of the fields.
    parameters : mapping
        Those of the estimator.
    option : object
        Option object of the choice, None where it has no options.
    coupled : int or None
        Number of channels that are transformed together.
    complex_fields : bool
        Whether the fields are complex.
    """

    grid_shape: tuple[int, ...]
    parameters: Mapping[str, Any]
    option: Any
    coupled: int | None
    complex_fields: bool

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    @property
    def global_statistic(self) -> dict[str, Any]:
        """The arguments that all statistics on a bank take."""
        return {
            "grid_shape": self.grid_shape,
            "J": octaves(self["J"], self.grid_shape),
            "Q": per_octave(self["Q"], self.grid_shape),
            "L": int(self["L"]),
            "wavelet": self["wavelet"],
            "boundary": self["boundary"],
        }


@dataclass(frozen=True)
class Choice:
    """What one name stands for.

    Attributes
    ----------
    make : callable
        Encoding of a `Request`.
    option : object
        Default options; None without.
    unused : tuple of str
        Parameters that must stay at their defaults, because they have no meaning.
    couples : bool
        Whether channels can be transformed together.
    engines : tuple of str
        What can execute it.
    """

    make: Callable[[Request], Encoding]
    option: Any = None
    unused: tuple[str, ...] = ()
    couples: bool = False
    engines: tuple[str, ...] = NUMPY


def _cascade(request: Request) -> Setting:
    chosen = {name: request[name] for name in SETTING_PARAMETERS}
    return resolve_setting(request.grid_shape, **chosen, complex_fields=request.complex_fields)


def _multiresolution(request: Request) -> Multiresolution:
    J, grid, option = request["J"], request.grid_shape, request.option
    if J is None:
        halvings = min((n & -n).bit_length() - 1 for n in grid)
        J = max(1, min(octaves(None, grid), halvings))
    return Multiresolution(
        grid,
        int(J),
        max_order=int(request["max_order"]),
        vanishing_moments=option.vanishing_moments,
        symmetric=option.symmetric,
        rectifier=rectifier_of(request["rectifier"]),
        boundary=request["boundary"],
        scale=option.scale,
        complex_fields=request.complex_fields,
    )


def _solid_harmonics(request: Request) -> SolidHarmonics:
    J, T, step = octaves(request["J"], request.grid_shape), request["T"], request["output_step"]
    T = None if T == "global" else 2**J if T is None else int(T)
    if T is None and step is not None:
        raise ValueError("output_step has no meaning with T='global'; leave it None or choose a local T.")
    return SolidHarmonics(
        request.grid_shape,  # type: ignore[arg-type]
        J,
        L=int(request["L"]),
        sigma_0=request.option.sigma,
        powers=tuple(request.option.powers),
        max_order=int(request["max_order"]),
        T=T,
        output_step=1 if T is None else int(step or max(1, T // 4)),
        boundary=request["boundary"],
        engine=request["engine"],
    )


def _ratios(request: Request) -> Ratios:
    ratios = Ratios(_cascade(request))
    if len(ratios.table()["name"]) == 0:
        raise ValueError(
            f"J={ratios.J} leaves no pair of wavelets whose ratio could be taken: use a larger J, or more wavelets per "
            "octave."
        )
    return ratios


def _spectra(request: Request) -> ScatteringSpectra:
    return ScatteringSpectra(**request.global_statistic, **vars(request.option), n_channels=request.coupled)


def _phase_harmonics(request: Request) -> PhaseHarmonics:
    option = replace(request.option, classes=tuple(request.option.classes))
    return PhaseHarmonics(**request.global_statistic, **vars(option), n_channels=request.coupled)


_OF_CASCADES = ("T", "max_order", "rectifier", "oversampling", "output_step", "paths", "upsampling", "tol")
WAVELETS: dict[str, Choice] = {
    "morlet": Choice(_cascade, engines=ENGINES),
    "tight": Choice(_cascade, engines=ENGINES),
    "orthonormal": Choice(
        _multiresolution, Orthonormal(), ("Q", "L", "T", "oversampling", "output_step", "paths", "upsampling", "tol")
    ),
    "solid_harmonics": Choice(
        _solid_harmonics,
        SolidHarmonic(),
        ("Q", "rectifier", "oversampling", "paths", "upsampling", "tol"),
        engines=(*NUMPY, "compiled"),
    ),
}
STATISTICS: dict[str, Choice | None] = {
    "mean": None,  # what the wavelet says
    "energy": Choice(lambda request: Energies(**request.global_statistic), unused=_OF_CASCADES),
    "branching": Choice(lambda request: Branching(**request.global_statistic), unused=_OF_CASCADES),
    "ratios": Choice(_ratios, unused=("T", "output_step"), engines=ENGINES),
    "spectra": Choice(_spectra, Spectra(), _OF_CASCADES, couples=True),
    "self_similar_spectra": Choice(_spectra, Spectra(compressed=True), _OF_CASCADES, couples=True),
    "phase_harmonics": Choice(_phase_harmonics, HarmonicMoments(), _OF_CASCADES, couples=True),
}


def takes_complex_fields(parameters: Mapping[str, Any]) -> bool:
    """Whether the transform that the parameters ask for has a meaning for complex fields."""
    plain = parameters["statistics"] == "mean" and "rectifier" not in _choice("wavelet", WAVELETS, parameters).unused
    return plain and rectifier_of(parameters["rectifier"]).keeps_phase


def resolve_encoding(
    grid_shape: tuple[int, ...], parameters: Mapping[str, Any], *, complex_fields: bool = False
) -> Encoding:
    """The transform that the parameters of a `ScatteringTransformer` ask for on a grid.

    Parameters
    ----------
    grid_shape : tuple of int
        Grid of the fields.
    parameters : mapping
        All parameters of the estimator, by name.
    complex_fields : bool
        Whether the fields are complex.

    Returns
    -------
    Encoding

    Raises
    ------
    ValueError
        If parameters contradict each other or do not fit the grid.
    """
    choice = _chosen(parameters)
    if len(grid_shape) == 1 and parameters["L"] != DEFAULTS["L"]:
        raise ValueError(
            f"L={parameters['L']!r} has no meaning in 1-D, where wavelets have no orientation: leave it at its "
            f"default, {DEFAULTS['L']}; for fields of two or three dimensions give grid_shape."
        )
    _check_channels(grid_shape, parameters, choice)
    n_channels = len(CHANNELS[len(grid_shape)]) if parameters["vector_field"] else parameters["n_channels"]
    coupled = n_channels if parameters["cross_channels"] else None
    encoding = choice.make(Request(grid_shape, parameters, choice.option, coupled, complex_fields))
    if parameters["isotropic"]:
        encoding = _averaged(encoding)
    if parameters["vector_field"]:
        boundary = "periodic" if parameters["boundary"] == "periodic" else "reflect"
        encoding = DerivedChannels(encoding, boundary)
    _check_positive(encoding, parameters)
    return encoding


def logged_rows(encoding: Encoding) -> np.ndarray:
    """The rows of a table whose logarithm is taken: all of energies, shares and ratios, else orders from 1 on."""
    order = encoding.table()["order"]
    return order >= 0 if isinstance(innermost(encoding), (Energies, Branching, Ratios)) else order > 0


def _chosen(parameters: Mapping[str, Any]) -> Choice:
    """The choice of statistics and wavelet; parameters that mean nothing to it must be at their defaults."""
    choice, said = _choice("statistics", STATISTICS, parameters), f"statistics={parameters['statistics']!r}"
    if choice is None:
        choice, said = _choice("wavelet", WAVELETS, parameters), f"wavelet={parameters['wavelet']!r}"
    elif parameters["wavelet"] not in list(BANKS):
        raise ValueError(
            f"{said} is computed with a bank of filters: use wavelet='tight' or 'morlet', not "
            f"{parameters['wavelet']!r}, which knows statistics='mean' only."
        )
    for name in choice.unused:
        if not _same(parameters[name], DEFAULTS[name]):
            raise ValueError(
                f"{name}={parameters[name]!r} has no meaning with {said}: leave it at its default, {DEFAULTS[name]!r}."
            )
    _check_engine(parameters["engine"], choice, said)
    if parameters["boundary"] == "zeros" and choice.make is not _solid_harmonics:
        raise ValueError("boundary='zeros' exists for wavelet='solid_harmonics' only; use 'periodic' or 'reflect'.")
    return choice


def _check_engine(engine: str, choice: Choice, said: str) -> None:
    if engine not in choice.engines:
        raise ValueError(
            f"engine={engine!r} does not execute {said}: use one of {', '.join(map(repr, choice.engines))}."
        )
    if engine == "compiled":
        from skmst.scattering.engines import available  # it loads a library: not before one is asked for

        if engine not in available():
            raise ValueError(
                "engine='compiled' needs the compiled part of skmst, which does not load here: install skmst with a "
                "C++17 compiler at hand, or use engine='auto', which does without."
            )


def _same(value: Any, default: Any) -> bool:
    return bool(np.all(np.asarray(value, object) == default))


def _choice(parameter: str, table: Mapping[str, Choice | None], parameters: Mapping[str, Any]) -> Any:
    """The row of a table that a name, or an option object, stands for."""
    value = parameters[parameter]
    if isinstance(value, str):
        return table[value]
    found = next(c for c in table.values() if c is not None and type(c.option) is type(value))
    return replace(found, option=value)


def _check_channels(grid_shape: tuple[int, ...], parameters: Mapping[str, Any], choice: Choice) -> None:
    n_channels, n_axes = parameters["n_channels"], len(grid_shape)
    if parameters["vector_field"] and n_channels != n_axes:
        raise ValueError(
            f"vector_field=True takes one component for each axis of the grid {grid_shape}: use n_channels={n_axes}, "
            f"not {n_channels}."
        )
    if parameters["cross_channels"] and not choice.couples:
        known = ", ".join(repr(name) for name, c in STATISTICS.items() if c is not None and c.couples)
        raise ValueError(
            f"cross_channels=True takes moments between channels, which statistics={parameters['statistics']!r} does "
            f"not have: use one of {known}."
        )
    if parameters["cross_channels"] and not parameters["vector_field"] and (n_channels or 1) < 2:
        raise ValueError(f"cross_channels=True needs two channels or more: n_channels={n_channels}.")


def _averaged(encoding: Encoding) -> RotationAverage:
    try:
        return RotationAverage(encoding)
    except ValueError as error:
        raise ValueError(f"isotropic=True averages over rotations, which does not fit here: {error}") from None


def _check_positive(encoding: Encoding, parameters: Mapping[str, Any]) -> None:
    """Refuse a logarithm or a floor of noise where coefficients have signs or phases, or noise has no known ones."""
    inner = innermost(encoding)
    if parameters["log"] and inner.is_complex:
        raise ValueError(
            "log=True needs coefficients that are not negative, but those of "
            f"statistics={parameters['statistics']!r}, wavelet={parameters['wavelet']!r}, "
            f"rectifier={parameters['rectifier']!r} have signs or phases; use log=False, or means with a rectifier "
            "without phase ('modulus', 'log_modulus')."
        )
    plain = isinstance(inner, Setting) and inner.rectifier == "modulus" and not parameters["vector_field"]
    if parameters["noise_floor"] is not None and not plain:
        raise ValueError(
            "noise_floor is known for statistics='mean' of the modulus with wavelet='morlet' or 'tight', without "
            "derived channels; leave it None here."
        )
