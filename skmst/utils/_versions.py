"""What a bug report needs to say about the installation."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

#: What skmst computes with, and what it uses where that is installed.
_REQUIRED = ("numpy", "scipy", "scikit-learn", "joblib", "kymatio")
_OPTIONAL = ("matplotlib", "rich")


def show_versions() -> None:
    """Print the versions of Python, of skmst and of what it builds on, for a bug report.

    Also the engine that executes the scattering transform under ``engine="auto"``, with the instruction set that it was
    compiled for and those that it could have been chosen from, and the libraries that run threads, where threadpoolctl
    is installed (it comes with scikit-learn).

    Examples
    --------
    >>> import skmst
    >>> skmst.show_versions()  # doctest: +ELLIPSIS
    System
              python: ...
    """
    from skmst import __version__  # at call time: the package imports this module

    sections = {
        "System": {
            "python": sys.version.replace("\n", " "),
            "executable": sys.executable,
            "machine": platform.platform(),
        },
        "Python packages": {
            "skmst": __version__,
            **{name: _version(name) for name in _REQUIRED + _OPTIONAL},
        },
        "Scattering transform": _engine(),
    }
    for title, entries in sections.items():
        print(title)
        for name, value in entries.items():
            print(f"    {name:>12}: {value}")
    for pool in _thread_pools():
        print("Thread pool")
        for name in ("user_api", "internal_api", "num_threads", "version", "filepath"):
            print(f"    {name:>12}: {pool.get(name)}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _engine() -> dict[str, str]:
    from skmst.scattering import engines  # at call time, as above

    try:
        active = engines.instruction_set()
    except (ValueError, RuntimeError) as error:  # the report is what helps to find out why
        return {"engine": f"none: {error}"}
    return {
        "engine": "numpy" if active is None else f"compiled ({active})",
        "built for": ", ".join(engines.built()) or "none",
    }


def _thread_pools() -> list[dict[str, Any]]:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    pools: list[dict[str, Any]] = threadpool_info()
    return pools
