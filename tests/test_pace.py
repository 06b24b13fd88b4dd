"""How many workers are faster, by measurement: on a machine with made-up times, and teams that follow."""

import random

import numpy as np
import pytest

from cbackprop import _pace, _processors
from cbackprop.network import Network
from support.agreement import same_bits
from support.examples import dense_examples, digit_examples

WANTED = 0.02  # seconds of a slice
SHORT = 0.003  # of one in a trial
START = 50e-6  # to start the threads of a slice


class Machine:
    """Takes as long for a mini-batch as `each` says, by the number of workers, and lets `Pace` decide."""

    def __init__(self, each, full=2, sure=False, tick=0.0, epoch=10**9):
        self.pace, self.workers = _pace.Pace(full, sure), full
        self.each, self.tick, self.epoch = each, tick, epoch
        self.missing = 0.0  # processors that the team lacks
        self.now, self.slice = 0.0, 1
        self.batches = {}  # by the number of workers
        self.log = []  # (the time, the number of workers that go on)

    def clock(self):
        return self.now if self.tick == 0 else self.now // self.tick * self.tick

    def run(self, seconds):
        """Train for so many seconds, slice by slice as `Training` does; return the team's share of it."""
        end, before = self.now + seconds, dict(self.batches)
        while self.now < end:
            workers, batches = self.workers, min(self.slice, self.epoch)
            if workers > 1:
                longest = SHORT if self.pace.trial else WANTED
                batches = min(batches, int(longest / self.each[workers]) + 1)
            begun = self.clock()
            took = batches * self.each[workers] + (START if workers > 1 else 0)
            self.now += took
            seconds = self.clock() - begun
            lost = self.missing * seconds if workers > 1 else 0.0
            self.batches[workers] = self.batches.get(workers, 0) + batches
            self.slice = 2 * self.slice if took < WANTED else batches
            if self.pace.settled:
                continue
            self.workers = self.pace.workers(
                workers, batches, seconds, workers * seconds - lost, lost, self.clock()
            )
            self.log.append((self.now, self.workers))
            if self.workers != workers:
                self.slice = max(1, self.slice // 8)
        done = {n: self.batches[n] - before.get(n, 0) for n in self.batches}
        return sum(count for n, count in done.items() if n > 1) / sum(done.values())

    def speed(self):
        """What was done, against one worker alone in the same time."""
        return sum(self.batches.values()) * self.each[1] / self.now


@pytest.mark.parametrize("full", [2, 3, 16])
@pytest.mark.parametrize("alone", [5e-6, 50e-6, 1e-3])
def test_a_team_that_is_faster_goes_on(full, alone):
    machine = Machine({1: alone, full: alone / 1.3}, full)
    machine.run(0.2)
    assert machine.run(10) > 0.99
    assert machine.workers == full


@pytest.mark.parametrize("full", [2, 3, 16])
@pytest.mark.parametrize("alone, slower", [(5e-6, 1.05), (5e-6, 2), (50e-6, 1.2), (50e-6, 100), (1e-3, 10)])
def test_one_worker_goes_on_where_a_team_is_slower(full, alone, slower):
    machine = Machine({1: alone, full: alone * slower}, full)
    machine.run(1)
    assert machine.speed() > 0.95
    assert machine.run(20) < 0.01
    assert machine.speed() > 0.98


def test_trials_become_rare_and_never_end():
    machine = Machine({1: 10e-6, 2: 15e-6})
    counts = []
    for _ in range(4):
        machine.log.clear()
        machine.run(30)
        begun = [
            now
            for (_, before), (now, workers) in zip(machine.log, machine.log[1:], strict=False)
            if workers > before
        ]
        counts.append(len(begun))
    assert counts[0] > counts[1] == counts[2] == counts[3]
    assert 4 <= counts[3] <= 7  # one every LONGEST_REST


@pytest.mark.parametrize("seconds", [0.3, 3, 30])
def test_a_team_that_falls_behind_is_left_at_once_and_found_again(seconds):
    machine = Machine({1: 10e-6, 2: 7e-6})
    machine.run(seconds)
    assert machine.workers == 2
    machine.each[2] = 40e-6
    machine.run(0.1)
    assert machine.run(1) < 0.02
    machine.each[2] = 7e-6
    machine.run(2 * _pace.LONGEST_REST)
    assert machine.run(1) > 0.95


def test_a_machine_that_becomes_slower_as_a_whole_changes_nothing():
    machine = Machine({1: 10e-6, 2: 7e-6})
    machine.run(1)
    machine.each.update({1: 20e-6, 2: 14e-6})
    machine.run(0.1)
    assert machine.run(3) > 0.97


@pytest.mark.parametrize("faster", [1, 2])
@pytest.mark.parametrize("batches", [20, 300])
def test_epochs_that_are_shorter_than_a_measure(faster, batches):
    """Several slices make a measure then."""
    machine = Machine({1: 20e-6, 2: 20e-6, faster: 10e-6}, epoch=batches)
    machine.run(0.5)
    share = machine.run(2)
    assert share > 0.95 if faster == 2 else share < 0.05


@pytest.mark.parametrize("tick", [1e-3, 15.6e-3])
@pytest.mark.parametrize("faster", [1, 2])
def test_a_coarse_clock(tick, faster, monkeypatch):
    monkeypatch.setattr(_pace, "MEASURE", 20 * tick)
    machine = Machine({1: 20e-6, 2: 20e-6, faster: 12e-6}, tick=tick)
    machine.run(5)
    assert (machine.run(20) > 0.5) == (faster == 2)
    assert not machine.pace.settled


def test_a_clock_that_stands_still():
    pace = _pace.Pace(4)
    for _ in range(1000):
        assert pace.workers(4, 1, 0.0, 0.0, 0.0, 0.0) == 4
    assert not pace.settled


def test_tiny_mini_batches_are_left_to_one_worker_for_good():
    machine = Machine({1: 0.3e-6, 2: 1e-6}, epoch=1)
    machine.run(0.01)
    assert machine.pace.settled
    assert machine.workers == 1
    assert machine.batches[2] < 100
    assert len(machine.log) < 300


@pytest.mark.parametrize("full", [2, 16])
def test_one_alone_is_not_tried_where_the_team_is_sure_to_be_faster(full):
    machine = Machine({1: 1e-3, full: 0.9e-3}, full, sure=True)
    assert machine.run(10) == 1
    assert not machine.pace.trial


@pytest.mark.parametrize("sure", [False, True])
def test_a_team_without_a_processor_becomes_smaller(sure):
    """As `Supply` has it; and where processors come back, so does the team."""
    machine = Machine({1: 1e-3, 2: 5e-3}, sure=sure)
    machine.missing = 1.0
    machine.run(0.3)
    assert machine.run(10) < 0.1
    machine.missing, machine.each[2] = 0.0, 0.6e-3
    machine.run(60)
    assert machine.run(1) > 0.95


def test_the_supply_of_processors_is_asked_after_each_slice_of_the_team(monkeypatch):
    asked = []

    class Noting(_processors.Supply):
        def workers(self, *args):
            asked.append(args)
            return super().workers(*args)

    monkeypatch.setattr(_processors, "Supply", Noting)
    pace = _pace.Pace(3)
    assert pace.workers(3, 10, 0.001, 0.002, 0.0005, 7.0) == 3
    assert asked == [(3, 0.001, 0.002, 0.0005, 7.0)]
    assert pace.workers(3, 1000, 1.0, 3.0, 0.0, 8.0) == 1  # a trial
    assert pace.workers(1, 1000, 2.0, 2.0, 0.0, 10.0) == 3
    assert len(asked) == 2


# ---- who follows it ----


class Script(_pace.Pace):
    """Changes from one worker to all and back after each slice; settles when it was asked often enough."""

    made = ()
    asked = ()
    enough = 10**9

    def __init__(self, full, sure):
        super().__init__(full, sure)
        self.full = full
        Script.made.append((full, sure))

    def workers(self, workers, batches, *_):
        Script.asked.append((workers, batches))
        if len(Script.asked) == Script.enough:
            self.settled = True
            return 1
        self.trial = len(Script.asked) % 3 == 0
        return self.full if workers == 1 else 1


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(_processors, "granted", lambda: 3)
    monkeypatch.setattr(_pace, "Pace", Script)
    monkeypatch.setattr(Script, "made", [])
    monkeypatch.setattr(Script, "asked", [])


def trained(examples, sizes, m, n_threads, dtype=np.float64):
    np.random.seed(5)
    random.seed(5)
    net = Network(sizes, dtype=dtype)
    net.SGD(list(examples), 3, m, 0.3, n_threads=n_threads)
    return net


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("m", [1, 7, 16, 17])
@pytest.mark.parametrize("hidden", [20, 70])
def test_the_same_bits_whoever_goes_on(hidden, m, dtype, script, capsys):
    """A team lists a sparse mini-batch before its update, and one worker in it."""
    sizes, examples = [120, hidden, 10], digit_examples(200, 120)
    alone = trained(examples, sizes, m, 1, dtype)
    assert not Script.made
    assert same_bits(trained(examples, sizes, m, 3, dtype), alone)
    assert "sparse" in alone.backend
    assert Script.made == [(3, False)]
    assert {workers for workers, _ in Script.asked} == {1, 3}
    assert sum(batches for _, batches in Script.asked) == 3 * -(-200 // m)


@pytest.mark.parametrize("enough", [1, 2, 5])
def test_one_worker_that_has_settled_is_not_asked_again(enough, script, monkeypatch, capsys):
    monkeypatch.setattr(Script, "enough", enough)
    examples = dense_examples(100, [9, 8, 2])
    alone = trained(examples, [9, 8, 2], 2, 1)
    assert same_bits(trained(examples, [9, 8, 2], 2, 3), alone)
    assert len(Script.asked) == enough


def test_wide_networks_are_sure(script, capsys):
    trained(dense_examples(400, [300, 500, 10]), [300, 500, 10], 400, 3)
    trained(dense_examples(400, [300, 500, 10]), [300, 500, 10], 380, 3)
    assert Script.made == [(3, True), (3, False)]
