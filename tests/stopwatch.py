"""How long something takes, on a machine that has other things to do as well."""

import time

TRIES = 5


def quickest(work, *, bound, clock=time.perf_counter):
    """Do the work until it takes less than *bound* seconds; return the shortest time it took.

    A busy machine makes any single time long, now and then. What is too long by itself is too long
    every time.
    """
    times: list[float] = []
    while len(times) < TRIES and not (times and times[-1] < bound):
        begun_at = clock()
        work()
        times.append(clock() - begun_at)
    return min(times)
