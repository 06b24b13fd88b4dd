"""How many processors are granted, and how many workers a team keeps while others take them."""

import os

import pytest

from cbackprop import _processors
from cbackprop.network import Network
from support.examples import dense_examples

SEEN = 16  # processors that the system shows


@pytest.fixture(autouse=True)
def sixteen_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(SEEN)), raising=False)
    monkeypatch.setattr(os, "process_cpu_count", lambda: SEEN, raising=False)


class System:
    """A /proc/self and the file systems that it speaks of, below a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.proc = folder / "proc self"
        self.proc.mkdir()
        self.cgroups, self.mounts = [], ["22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw"]

    def cgroup(self, line):
        self.cgroups.append(line)
        self._tell()

    def mount(self, name, kind, options="rw", root="/"):
        folder = self.folder / name
        folder.mkdir()
        point = str(folder).replace(" ", r"\040")
        self.mounts.append(f"35 22 0:30 {root} {point} rw,nosuid shared:9 - {kind} {kind} {options}")
        self._tell()
        return folder

    def _tell(self):
        (self.proc / "cgroup").write_text("".join(f"{line}\n" for line in self.cgroups))
        (self.proc / "mountinfo").write_text("".join(f"{line}\n" for line in self.mounts))

    def granted(self):
        return _processors.granted(str(self.proc))


@pytest.fixture
def system(tmp_path):
    if os.name == "nt":
        pytest.skip("cgroups are Linux's, and so are the paths")
    return System(tmp_path)


def write(folder, **files):
    """Write what the files of a cgroup say; cpu_max is cpu.max."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("cpu_", "cpu.", 1)).write_text(text)


@pytest.mark.parametrize(
    "cpu_max, granted",
    [
        ("max 100000", SEEN),
        ("100000 100000", 1),
        ("200000 100000", 2),
        ("50000 100000", 1),
        ("1000 1000000", 1),
        ("120000 100000", 1),
        ("149999 100000", 1),
        ("150000 100000", 2),
        ("240000 100000", 2),
        ("350000 100000", 4),
        ("9000000 100000", SEEN),
        (f"{10**400} 1", SEEN),
    ],
)
def test_a_quota_of_version_2(system, cpu_max, granted):
    system.cgroup("0::/user.slice/it")
    write(system.mount("unified", "cgroup2") / "user.slice" / "it", cpu_max=f"{cpu_max}\n")
    assert system.granted() == granted


def test_the_least_quota_of_all_ancestors_counts(system):
    system.cgroup("0::/a/b/c")
    top = system.mount("sys fs", "cgroup2")
    write(top / "a" / "b" / "c", cpu_max="700000 100000")
    assert system.granted() == 7
    write(top / "a", cpu_max="300000 100000")
    write(top / "a" / "b", cpu_max="max 100000")
    assert system.granted() == 3
    write(top, cpu_max="200000 100000")
    assert system.granted() == 2
    write(top / "a" / "beside", cpu_max="100000 100000")
    write(top / "a" / "b" / "c" / "below", cpu_max="100000 100000")
    assert system.granted() == 2


@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
def test_a_quota_of_version_1(system, controllers):
    system.cgroup("12:cpuset:/other")
    system.cgroup(f"4:{controllers}:/docker/it")
    system.cgroup("0::/")
    wrong = system.mount("cpuset", "cgroup", "rw,cpuset") / "docker" / "it"
    write(wrong, cpu_cfs_quota_us="100000", cpu_cfs_period_us="100000")
    top = system.mount("both", "cgroup", f"rw,{controllers}")
    write(top / "docker" / "it", cpu_cfs_quota_us="-1\n", cpu_cfs_period_us="100000\n")
    assert system.granted() == SEEN
    write(top / "docker" / "it", cpu_cfs_quota_us="500000\n")
    assert system.granted() == 5
    write(top / "docker", cpu_cfs_quota_us="100000\n", cpu_cfs_period_us="50000\n")
    assert system.granted() == 2


@pytest.mark.parametrize("kind, line", [("cgroup2", "0::"), ("cgroup", "3:cpu:")])
def test_a_container_that_sees_a_part_of_the_tree(system, kind, line):
    """Its mount shows as a root what /proc/self/cgroup names in full."""
    system.cgroup(f"{line}/docker/it/inside")
    top = system.mount("part", kind, "rw,cpu", root="/docker/it")
    two = {"cpu_max": "200000 100000", "cpu_cfs_quota_us": "200000", "cpu_cfs_period_us": "100000"}
    write(top, **two)
    assert system.granted() == 2
    one = {"cpu_max": "100000 100000", "cpu_cfs_quota_us": "100000", "cpu_cfs_period_us": "100000"}
    write(top / "inside", **one)
    assert system.granted() == 1


@pytest.mark.parametrize("path", ["/kubepods/pod/it", "/../beside", "/dockers/it"])
def test_a_path_outside_of_what_is_mounted(system, path):
    """What the mount shows is then the nearest to it that can be seen."""
    system.cgroup(f"0::{path}")
    top = system.mount("part", "cgroup2", root="/docker")
    write(system.folder / "beside", cpu_max="100000 100000")
    assert system.granted() == SEEN
    write(top, cpu_max="300000 100000")
    assert system.granted() == 3


def test_versions_1_and_2_side_by_side(system):
    system.cgroup("1:cpu:/one")
    system.cgroup("0::/two")
    one = system.mount("one", "cgroup", "rw,cpu") / "one"
    write(one, cpu_cfs_quota_us="400000", cpu_cfs_period_us="100000")
    write(system.mount("two", "cgroup2") / "two", cpu_max="300000 100000")
    assert system.granted() == 3


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "max", "1", "100000", "1 2 3", "100000 0", "0 100000", "-1 100000", "100000 -100000",
        "1.5 1", "1e5 100000", "one two", "nan nan", "9" * 5000 + " 1", "\0", "100000\n100000", "\xff\xfe",
    ],
)  # fmt: skip
def test_a_quota_that_is_none(system, text):
    system.cgroup("0::/")
    write(system.mount("two", "cgroup2"), cpu_max=text)
    assert system.granted() == SEEN


@pytest.mark.parametrize(
    "quota, period",
    [("", "1"), ("1", ""), ("-1", "1"), ("1", "0"), ("1", "-1"), ("max", "1"), ("x", "y"), ("1.0", "1")],
)
def test_a_quota_of_version_1_that_is_none(system, quota, period):
    system.cgroup("1:cpu:/")
    write(system.mount("one", "cgroup", "cpu"), cpu_cfs_quota_us=quota, cpu_cfs_period_us=period)
    assert system.granted() == SEEN


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\n\n", b"0", b"0:", b"0::", b":::", b"0::\0", b"0::" + b"/x" * 100_000, b"\xff" * 999,
        b"0::" + b"/.." * 50, b"1:cpu", b"0::/\n" * 50, b"9" * 5000 + b"::/",
    ],
    ids=lambda text: f"{text[:12]!r}",
)  # fmt: skip
def test_a_cgroup_file_that_says_nothing(system, text):
    system.mount("two", "cgroup2")
    (system.proc / "cgroup").write_bytes(text)
    assert system.granted() == SEEN


@pytest.mark.parametrize(
    "text",
    [
        b"", b" - cgroup2 ", b" - cgroup2 x rw", b"1 2 3 / - cgroup2 x rw", b"\xff - cgroup2 \xff \xff",
        rb"1 2 3 / \777\000 rw - cgroup2 x rw", b"1 2 3 / /nowhere rw - cgroup2 x rw", b"- cgroup2 " * 10_000,
    ],
    ids=lambda text: f"{text[:12]!r}",
)  # fmt: skip
def test_a_list_of_mounts_that_says_nothing(system, text):
    system.cgroup("0::/")
    (system.proc / "mountinfo").write_bytes(text)
    assert system.granted() == SEEN


def test_files_that_are_none(system):
    """A folder, a pipe that nobody writes to, a link to itself: nothing waits and nothing is raised."""
    assert system.granted() == SEEN  # no files at all
    system.cgroup("0::/")
    top = system.mount("two", "cgroup2")
    (top / "cpu.max").mkdir()
    assert system.granted() == SEEN
    (top / "cpu.max").rmdir()
    (top / "cpu.max").symlink_to(top / "cpu.max")
    assert system.granted() == SEEN
    if hasattr(os, "mkfifo"):
        (top / "cpu.max").unlink()
        os.mkfifo(top / "cpu.max")
        assert system.granted() == SEEN


def test_the_affinity_and_what_python_was_told_count_too(system, monkeypatch):
    system.cgroup("0::/")
    write(system.mount("two", "cgroup2"), cpu_max="500000 100000")
    monkeypatch.setattr(os, "process_cpu_count", lambda: 4, raising=False)  # as -X cpu_count=4 does
    assert system.granted() == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 7})
    assert system.granted() == 2


@pytest.mark.parametrize("count, granted", [(3, 3), (None, 1)])
@pytest.mark.parametrize("forbidden", [False, True])
def test_where_the_system_does_not_say_which_processors_are_ours(
    count, granted, forbidden, system, monkeypatch
):
    """As on macOS and Windows, or in a sandbox: then there are as many as the machine has."""

    def refuse(_):
        raise PermissionError

    monkeypatch.delattr(os, "process_cpu_count")
    if forbidden:
        monkeypatch.setattr(os, "sched_getaffinity", refuse)
    else:
        monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert system.granted() == granted


# ---- who asks ----


@pytest.mark.parametrize("n_threads", [None, 1])
@pytest.mark.parametrize("sizes, m", [([2, 3, 1], 10), ([784, 30, 10], 10), ([300, 200, 10], 1)])
def test_one_thread_does_not_ask(n_threads, sizes, m, monkeypatch, capsys):
    """Reading the files takes longer than a small network's epoch."""
    monkeypatch.delattr(_processors, "granted")
    Network(sizes).SGD(dense_examples(20, sizes), 1, m, 0.1, n_threads=n_threads)


@pytest.mark.parametrize(
    "n_threads, granted, words",
    [
        (8, 3, "3 threads"),
        (2, 3, "2 threads"),
        (10**30, 3, "3 threads"),
        (4, 1, "1 thread"),
        (None, 1, "1 thread"),
        (None, 3, "3 threads"),  # a mini-batch of 7.6 million products
        (10**30, 10**6, "64 threads"),
    ],
)
def test_never_more_threads_than_processors_are_granted(n_threads, granted, words, monkeypatch, capsys):
    monkeypatch.setattr(_processors, "granted", lambda: granted)
    net = Network([300, 500, 10])
    net.SGD(dense_examples(50, [300, 10]), 1, 49, 0.1, n_threads=n_threads)
    assert net.backend.endswith(f", {words}")


# ---- a team that loses processors ----

SLICE = 0.02  # seconds


class Machine:
    """What others leave of its processors, and a team that keeps all of those busy."""

    def __init__(self, full, processors):
        self.supply, self.workers = _processors.Supply(full), full
        self.processors, self.now = processors, 0.0
        self.most = []  # how many workers there were, after each slice

    def run(self, seconds):
        end = self.now + seconds
        while self.now < end:
            self.now += SLICE
            used = min(self.workers, self.processors)
            self.workers = self.supply.workers(
                self.workers, SLICE, used * SLICE, (self.workers - used) * SLICE, self.now
            )
            self.most.append(self.workers)
        return self.workers


@pytest.mark.parametrize("full, processors", [(2, 1), (4, 1), (4, 3), (16, 1), (16, 8), (16, 15), (64, 2)])
def test_a_team_becomes_as_large_as_its_processors(full, processors):
    machine = Machine(full, processors)
    machine.run(0.15)
    assert machine.most[-1] == processors


@pytest.mark.parametrize("full", [2, 3, 16])
@pytest.mark.parametrize("missing", [0.0, 0.1, 0.39])
def test_a_team_that_has_nearly_all_stays(full, missing):
    """The rest of a processor is used as well: by one worker fewer it would not be."""
    machine = Machine(full, full - missing)
    machine.run(60)
    assert set(machine.most) == {full}


@pytest.mark.parametrize("full", [2, 16])
def test_what_others_take_for_a_moment_changes_nothing(full):
    machine = Machine(full, full)
    for _ in range(100):
        machine.processors = full - 1
        machine.run(SLICE / 2)  # one slice
        machine.processors = full
        machine.run(0.3)
    assert set(machine.most) == {full}


def test_idle_workers_are_not_without_a_processor():
    """A layer with fewer panels than workers, say: some sleep, and none waits for a processor."""
    supply = _processors.Supply(16)
    for k in range(1000):
        assert supply.workers(16, SLICE, 5 * SLICE, 0.1 * SLICE, k * SLICE) == 16


@pytest.mark.parametrize("full, processors", [(2, 1), (16, 4)])
def test_a_smaller_team_is_tried_in_full_again_ever_more_seldom(full, processors):
    machine = Machine(full, processors)
    machine.run(60)
    trials = machine.most.count(full)
    assert 5 <= trials < 20
    assert machine.most[-100:].count(full) <= 3
    machine.processors = full
    machine.run(60)
    assert set(machine.most[-100:]) == {full}
    # And once it has lasted, the next loss is a first one: back before long.
    machine.processors = processors
    machine.run(0.2)
    assert machine.workers == processors
    machine.processors = full
    machine.run(0.4)
    assert machine.workers == full


def test_seconds_that_are_none(monkeypatch):
    """A clock may be coarse."""
    supply = _processors.Supply(4)
    for _ in range(100):
        assert supply.workers(4, 0.0, 0.0, 0.0, 0.0) == 4
