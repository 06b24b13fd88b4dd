"""Whether a team of workers is faster than one alone, by measurement."""

from __future__ import annotations

import time

from cbackprop import _processors

# A size is measured for so many seconds, and longer where the clock is coarse.
MEASURE = max(0.003, 20 * time.get_clock_info("perf_counter").resolution)
TINY = 2e-6  # seconds: a mini-batch that takes one worker no longer is over before two have met
MANY = 100  # mini-batches, enough to tell that they are tiny
LOSS = 0.02  # of the time is what a trial may cost that fails
REST, LONGEST_REST = 0.05, 5.0  # seconds until the slower size is tried again, at least and at most


class Pace:
    """How many workers go on: a team, or one alone where that is faster.

    Workers share each mini-batch and wait for each other, so a team may be the slower one: if mini-batches
    are small, if other programs take its processors, or if two processors are one core of the machine. Any
    number of workers computes the same bits, so one may be exchanged for another at any time. Each size is
    timed for some milliseconds, the team first, then one worker. From then on the slower size is tried from
    time to time, and one worker soon if the team falls behind.

    Parameters
    ----------
    full : int
        The number of workers if no processor is missing.
    sure : bool
        Whether mini-batches are so large that a team with its processors is faster: one alone is never tried.

    Attributes
    ----------
    settled : bool
        Whether one worker is to go on without being asked again.
    trial : bool
        Whether the next slice should be short, since the workers may turn out many times as slow.
    """

    def __init__(self, full: int, sure: bool = False) -> None:
        self.supply = _processors.Supply(full)
        self.sure = sure
        self.settled = False
        self._begin(full)

    def _begin(self, team: int) -> None:
        """Begin with a team of another size, of which nothing is known."""
        self.team = self.chosen = team
        self.measured: dict[int, tuple[int, float]] = {}  # mini-batches and seconds, by the number of workers
        self.rest, self.due = REST, float("-inf")
        self.behind = 0  # how many times in a row the team was slower than one worker had been
        self.batches, self.seconds = 0, 0.0
        self.trial = not self.sure

    def workers(
        self, workers: int, batches: int, seconds: float, used: float, missing: float, now: float
    ) -> int:
        """The number of workers to continue with.

        Parameters
        ----------
        workers : int
            The number that has just worked.
        batches : int
            On how many mini-batches.
        seconds, used, missing, now : float
            As for `Supply.workers`.
        """
        if workers == self.team:
            team = self.supply.workers(workers, seconds, used, missing, now)
            if team != workers:
                self._begin(team)
            if team != workers or team == 1 or self.sure:
                return team
        if batches > self.batches:  # a longer slice says more: threads start once a slice
            self.batches, self.seconds = 0, 0.0
        self.batches += batches
        self.seconds += seconds
        if workers == 1 and self.batches >= MANY and 0 < self.seconds < TINY * self.batches:
            self.settled = True
        elif self.seconds >= MEASURE:
            self.measured[workers] = self.batches, self.seconds
            self.batches, self.seconds = 0, 0.0
            workers = self._after_measure(workers, now)
            self.trial = workers != self.chosen or self.behind > 0
        return workers

    def _after_measure(self, workers: int, now: float) -> int:
        """The number of workers, now that so many `workers` were measured."""
        other = 1 if workers > 1 else self.team
        if workers != self.chosen:  # the end of a trial
            lost = self._lost(workers, other)
            if lost < 0:
                self.chosen, self.rest = workers, REST
            else:
                self.rest = min(max(2 * self.rest, lost / LOSS), LONGEST_REST)
            self.due, self.behind = now + self.rest, 0
            return self.chosen
        behind = workers > 1 and other in self.measured and self._lost(workers, other) > 0
        self.behind = self.behind + 1 if behind else 0
        # Once may be what another program took for a moment.
        return other if self.behind > 1 or now >= self.due else workers

    def _lost(self, workers: int, other: int) -> float:
        """The seconds that `other` would have saved when so many `workers` were measured."""
        batches, seconds = self.measured[workers]
        batches_of_other, seconds_of_other = self.measured[other]
        return seconds - batches * seconds_of_other / batches_of_other
