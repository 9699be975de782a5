"""Fixtures that all tests share."""

import os

# scikit-learn's array API checks skip themselves without this, and scipy reads it once, when imported.
os.environ["SCIPY_ARRAY_API"] = "1"
# Pictures are drawn into memory, whatever screen there is; matplotlib reads it once too.
os.environ["MPLBACKEND"] = "Agg"

from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest

hypothesis.settings.register_profile("skmst", deadline=None)  # machines that do other work take longer
hypothesis.settings.load_profile("skmst")


@pytest.fixture(scope="session")
def data_path() -> Callable[[str], Path]:
    """Find a reference data file by name, or skip the test where the data are not at hand.

    The files lie in the folder that the environment variable SKMST_DATA names.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKMST_DATA", default))

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"reference data {name} not found: set SKMST_DATA to the folder that holds it")
        return path

    return find


@pytest.fixture
def rng() -> np.random.Generator:
    """A fresh, seeded source of random numbers."""
    return np.random.default_rng(20261122)
