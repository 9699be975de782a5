"""Threads over jobs that consist of short steps, and end with the step at hand when one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Event, Lock

from joblib import Parallel, delayed

Step = Callable[[], None]


def in_threads(jobs: Sequence[Iterable[Step]], n_jobs: int | None) -> None:
    """Take the steps of every job, in their order, jobs side by side through joblib.

    An interrupt, or an error in one of them, lets the others finish their step and no more; no thread works on when
    this returns or raises.

    Parameters
    ----------
    jobs : sequence of iterable of callable
        Steps hold the interpreter's lock or not, as they like; an interrupt waits for the steps at hand.
    n_jobs : int or None
        As joblib has it.
    """
    stop, locks = Event(), [Lock() for _ in jobs]

    def work(steps: Iterable[Step], lock: Lock) -> None:
        with lock:
            try:
                for step in steps:
                    if stop.is_set():
                        return
                    step()
            except BaseException:
                stop.set()
                raise

    try:
        Parallel(n_jobs=n_jobs, require="sharedmem")(delayed(work)(*job) for job in zip(jobs, locks, strict=True))
    except BaseException:
        stop.set()
        for lock in locks:
            with lock:
                pass
        raise
