"""The check of counts that several metrics share."""

from numbers import Integral
from typing import Any

import numpy as np


def check_count(name: str, value: Any) -> int:
    """Return `value` as an int, or say that it must be a positive whole number."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a positive whole number, got {value!r}.")
    return int(value)
