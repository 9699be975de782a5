"""Threads over jobs that consist of short steps, and end with the step at hand when one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from joblib import effective_n_jobs

Step = Callable[[], None]


def in_threads(jobs: Sequence[Iterable[Step]], n_jobs: int | None) -> None:
    """Take the steps of every job, in their order, jobs side by side.

    An interrupt, or an error in one of them, lets the others finish their step and no more; no thread works on when
    this returns or raises.

    Parameters
    ----------
    jobs : sequence of iterable of callable
        Steps hold the interpreter's lock or not, as they like; an interrupt waits for the steps at hand.
    n_jobs : int or None
        Threads, as joblib counts them: one in its own workers. Its pools take 10 ms to start and end, which short
        transforms would feel.
    """
    stop = Event()

    def work(steps: Iterable[Step]) -> None:
        try:
            for step in steps:
                if stop.is_set():
                    return
                step()
        except BaseException:
            stop.set()
            raise

    workers = min(effective_n_jobs(n_jobs), len(jobs))
    if workers <= 1:
        for steps in jobs:
            work(steps)
        return
    with ThreadPoolExecutor(workers) as pool:  # waits for its threads on the way out
        try:
            for done in [pool.submit(work, steps) for steps in jobs]:
                done.result()
        except BaseException:
            stop.set()
            raise
