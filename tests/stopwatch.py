"""How long something takes, told so that a slow or busy machine says the same as any other.

No test bounds seconds that the product does not promise. What is quick is compared with something
else in the same breath; what must not wait is done where waiting would not end; a deadline, which
the product does promise, is compared with a bare wait of that length.
"""

import threading
import time
from concurrent.futures import Future

PATIENCE = 60  # seconds, until a test that hangs is given up: no bound on anything
TRIES = 5
CPU_TIME = time.thread_time  # of this thread
WALL_TIME = time.perf_counter


def slowdown(work, reference, *, bound, clock=CPU_TIME, tries=TRIES):
    """Return how many times as long as the reference the work takes; it should be below *bound*.

    Each is done by turns until the quickest time of one is below *bound* times the quickest of the
    other, a few times at most: a busy machine makes a single time long, a fault makes all of them.

    Args:
        work: What is to be quick.
        reference: What is known to be.
        bound: Times the reference.
        clock: CPU time of this thread; ``WALL_TIME`` where the work might wait for others.
        tries: Turns.
    """
    ratio = bound
    of_work, of_reference = [], []
    for _ in range(tries):
        of_reference.append(_seconds(reference, clock))
        of_work.append(_seconds(work, clock))
        ratio = min(of_work) / min(of_reference)
        if ratio < bound:
            break
    return ratio


def ratio_of_quickest(work, reference, *, tries, clock=CPU_TIME):
    """Return the quickest time of the work, divided by the reference's, of as many turns."""
    return slowdown(work, reference, bound=0, clock=clock, tries=tries)


def keeps(deadline, work, *, least=0.8):
    """Make sure that work which the product ends at a deadline ends then; return its last outcome.

    It may take three times as long, or three times as long as a bare wait, tried by turns: where
    other threads are busy, that ends late as well.

    Args:
        deadline: That the product was given.
        work: What would take longer.
        least: Of the deadline; 0 where it may be over at once.
    """
    outcomes = []
    seconds = deadline.total_seconds()

    def run():
        outcomes.append(work())

    ratio = _seconds(run, WALL_TIME) / seconds
    if ratio >= 3:
        ratio = slowdown(run, lambda: threading.Event().wait(seconds), bound=3, clock=WALL_TIME)
    assert least < ratio < 3, f"{ratio:.2f} times its deadline"
    return outcomes[-1]


def without_waiting(work):
    """Do what must not wait, where waiting would take an hour; return its outcome."""
    outcome: Future[object] = Future()

    def run():
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(PATIENCE)


def _seconds(work, clock):
    begun_at = clock()
    work()
    return clock() - begun_at
