"""The data convention of trajectories, and what acts on them snapshot by snapshot."""

from skmst.trajectories._convention import (
    Trajectories,
    check_outputs,
    check_step_count,
    check_trajectories,
    parse_layout,
    refuse_text,
)
from skmst.trajectories._gaps import cut_gaps
from skmst.trajectories._per_snapshot import PerSnapshot
from skmst.trajectories._windows import segments, stack_windows, windows

__all__ = [
    "PerSnapshot",
    "Trajectories",
    "check_outputs",
    "check_step_count",
    "check_trajectories",
    "cut_gaps",
    "parse_layout",
    "refuse_text",
    "segments",
    "stack_windows",
    "windows",
]
