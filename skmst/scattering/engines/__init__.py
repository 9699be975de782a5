"""Which engines can execute a transform here: numpy always, the compiled one where it was built and the CPU can run it.

The compiled engine is one C++ source, built once for each instruction set. The first use loads the best of the modules
that this CPU can run. The environment variable ``SKMST_ENGINE_ISA`` forces one (``v2``, ``v3``, ``v4`` on x86-64,
``neon`` on ARM) or ``none``; it is read once.
"""

from __future__ import annotations

import os
import platform
import warnings
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

__all__ = ["available", "built", "compiled_module", "instruction_set", "runnable"]

VARIABLE = "SKMST_ENGINE_ISA"
#: Modules by their short names, best first; what each is called; what numpy calls the features that it needs.
#: (The levels of x86-64 have more of them, which no CPU lacks that has these.)
MODULES = {
    "v4": ("_x86_64_v4", "x86-64-v4", {"AVX512_SKX", "AVX2", "FMA3", "F16C"}),
    "v3": ("_x86_64_v3", "x86-64-v3", {"AVX2", "FMA3", "F16C"}),
    "v2": ("_x86_64_v2", "x86-64-v2", {"SSE42", "POPCNT"}),
    "neon": ("_neon", "neon", {"ASIMD"}),
}


def available() -> tuple[str, ...]:
    """Engines that can be asked for here: ``"numpy"``, and ``"compiled"`` where it loads.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError, RuntimeError
        As `compiled_module`.

    Examples
    --------
    >>> from skmst.scattering.engines import available
    >>> available()[0]
    'numpy'
    """
    return ("numpy",) if compiled_module() is None else ("numpy", "compiled")


def compiled_module() -> ModuleType | None:
    """The compiled engine for this CPU, loaded once.

    Returns
    -------
    module or None
        None where none was built, none runs on this CPU, or ``SKMST_ENGINE_ISA=none``.

    Raises
    ------
    ValueError
        If ``SKMST_ENGINE_ISA`` names no instruction set.
    RuntimeError
        If the one it names was not built, does not run on this CPU, or does not load.

    Warns
    -----
    RuntimeWarning
        Once, if a module that was built does not load; the next best one serves.
    """
    return _selected()[1]


def instruction_set() -> str | None:
    """The instruction set of the compiled engine, such as ``"x86-64-v3"``; None where there is no such engine.

    Returns
    -------
    str or None

    Raises
    ------
    ValueError, RuntimeError
        As `compiled_module`.
    """
    name = _selected()[0]
    return None if name is None else MODULES[name][1]


def built() -> tuple[str, ...]:
    """The instruction sets that the engine was compiled for when the package was installed, best first.

    Returns
    -------
    tuple of str
    """
    return tuple(MODULES[name][1] for name in MODULES if _is_built(name))


def runnable() -> tuple[str, ...]:
    """The values of ``SKMST_ENGINE_ISA`` that force an engine which was built and runs on this CPU, best first.

    Returns
    -------
    tuple of str
    """
    features = _cpu_features()
    return tuple(name for name, (_, _, needs) in MODULES.items() if needs <= features and _is_built(name))


@cache
def _selected() -> tuple[str | None, ModuleType | None]:
    choice = os.environ.get(VARIABLE, "")
    if choice not in ("", "none", *MODULES):
        options = ", ".join(map(repr, [*MODULES, "none"]))
        raise ValueError(f"{VARIABLE}={choice!r} in the environment must be one of {options}, or unset.")
    if choice == "none":
        return None, None
    return _forced(choice) if choice else _best()


def _forced(name: str) -> tuple[str, ModuleType]:
    module, title, needs = MODULES[name]
    if not _is_built(name):
        raise RuntimeError(
            f"{VARIABLE}={name!r} asks for the scattering engine for {title}, which was not built (built: "
            f"{', '.join(built()) or 'none'}). Install skmst with GCC or Clang at hand, or unset {VARIABLE}."
        )
    if missing := needs - _cpu_features():
        raise RuntimeError(
            f"{VARIABLE}={name!r} asks for the scattering engine for {title}, but this CPU lacks "
            f"{', '.join(sorted(missing))}. Unset {VARIABLE}."
        )
    try:
        return name, import_module(f"{__name__}.{module}")
    except ImportError as error:
        raise RuntimeError(f"{VARIABLE}={name!r}: {module} does not load. Install skmst again.") from error


def _best() -> tuple[str | None, ModuleType | None]:
    for name in runnable():
        module, title, _ = MODULES[name]
        try:
            return name, import_module(f"{__name__}.{module}")
        except ImportError as error:
            warnings.warn(
                f"The scattering engine for {title} does not load ({error}). Install skmst again; until then a slower "
                "one serves.",
                RuntimeWarning,
                stacklevel=4,
            )
    return None, None


def _is_built(name: str) -> bool:
    return find_spec(f"{__name__}.{MODULES[name][0]}") is not None


def _cpu_features() -> set[str]:
    """What this CPU and its operating system can do, as numpy found out when it was imported."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__  # numpy has no public name for it
    except ImportError:  # nor a promise to keep this one: better the numpy engine than instructions that may not exist
        return set()
    found = {name for name, present in __cpu_features__.items() if present}
    return found | {"ASIMD"} if platform.machine() in ("aarch64", "arm64") else found
