"""Jobs of short steps in threads: their order, and how an error ends them."""

import time
from functools import partial
from threading import Event, get_ident

import pytest
from joblib import parallel_config

from skmst.scattering.threads import in_threads


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3, -1])
def test_steps_of_a_job_are_taken_in_their_order(n_jobs):
    taken = [[] for _ in range(5)]
    in_threads([[partial(done.append, k) for k in range(20)] for done in taken], n_jobs)
    assert taken == [list(range(20))] * 5


def test_one_thread_takes_job_after_job():
    taken = []
    in_threads([[partial(taken.append, (job, k)) for k in range(3)] for job in range(4)], 1)
    assert taken == [(job, k) for job in range(4) for k in range(3)]


def test_a_step_is_made_when_its_turn_comes():
    made, taken = [], []

    def steps():
        for k in range(3):
            made.append(k)
            assert len(taken) == k
            yield partial(taken.append, k)

    in_threads([steps()], 1)
    assert made == taken == [0, 1, 2]


def test_nothing_to_do_is_done():
    in_threads([], 2)
    in_threads([[], []], 2)


def test_jobs_run_side_by_side():
    first, second = Event(), Event()
    met = []

    def meet(own, other):
        own.set()
        met.append(other.wait(timeout=10))

    in_threads([[partial(meet, first, second)], [partial(meet, second, first)]], 2)
    assert met == [True, True]


def fail():
    raise ZeroDivisionError("in a step")


def test_an_error_ends_the_other_jobs_with_their_step_at_hand():
    begun, ended, running = [], [], Event()

    def step():
        begun.append(time.monotonic())
        running.set()
        time.sleep(0.002)
        ended.append(time.monotonic())

    def fail_beside_the_other():
        running.wait(timeout=10)
        fail()

    with pytest.raises(ZeroDivisionError, match="in a step"):
        in_threads([[step] * 5000, [fail_beside_the_other, step]], 2)
    assert len(begun) == len(ended)  # no step is under way when the error arrives
    n_steps = len(ended)
    assert 0 < n_steps < 5000
    time.sleep(0.02)
    assert len(begun) == n_steps  # and none begins later


def test_jobs_that_have_not_begun_when_one_fails_never_do():
    taken = []
    with pytest.raises(ZeroDivisionError):
        in_threads([[fail], [partial(taken.append, "after")]], 1)
    assert taken == []


def test_an_interrupt_is_passed_on():
    def interrupt():
        raise KeyboardInterrupt

    taken = []
    with pytest.raises(KeyboardInterrupt):
        in_threads([[interrupt, partial(taken.append, "after")]], 1)
    assert taken == []


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_memory_is_shared_where_joblib_would_take_processes(n_jobs):
    taken = [[] for _ in range(3)]
    with parallel_config(backend="loky", n_jobs=2):
        in_threads([[partial(done.append, k) for k in range(4)] for done in taken], n_jobs)
    assert taken == [[0, 1, 2, 3]] * 3


def test_every_job_stays_in_its_thread():
    threads = [[] for _ in range(3)]
    in_threads([[lambda seen=seen: seen.append(get_ident())] * 10 for seen in threads], 2)
    assert all(len(set(seen)) == 1 for seen in threads)
