"""Programs that mpiexec runs on several ranks, and how the tests start them.

Each program is a function of (comm, folder) whose result is pickled by every rank into `folder`.
"""

import faulthandler
import functools
import os
import pickle
import re
import runpy
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

import numpy as np

from cbackprop import network, network2
from cbackprop._ranks import _exchange

LIMIT = 60  # seconds for a launch: a hang fails
AS_ROOT = ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT")
FLAGS = {"openmpi": ["--oversubscribe", "--bind-to", "none"], "mpich": []}


# ---- launching ----


@functools.cache
def launchers():
    """The mpiexec of each MPI library that mpi4py works with: {name: (command, changes of environment)}."""
    scripts = sysconfig.get_path("scripts")
    found = {}
    for command in (os.path.join(scripts, "mpiexec"), "mpiexec.openmpi", "mpiexec.mpich", "mpiexec"):
        path = shutil.which(command)
        if path is None:
            continue
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        name = (
            "openmpi"
            if re.search("Open ?MPI|OpenRTE|PRRTE", said, re.I)
            else "mpich"
            if "HYDRA" in said
            else None
        )
        if name is None or name in found:
            continue
        variables = {f"{root}{end}": "1" for root in AS_ROOT for end in ("", "_CONFIRM")}
        variables |= {"MPI4PY_MPIABI": name, "OMPI_MCA_osc": "^ucx"}  # which complains where no UCX device is
        if works([path, *FLAGS[name]], variables):
            found[name] = [path, *FLAGS[name]], variables
    return found


def works(command, variables):
    """Whether mpi4py, started so, has two ranks."""
    code = "from mpi4py import MPI; assert MPI.COMM_WORLD.size == 2"
    try:
        child = subprocess.run(
            [*command, "-n", "2", sys.executable, "-c", code],
            env={**os.environ, **variables},
            timeout=LIMIT,
            check=False,
            capture_output=True,
        )
    except subprocess.TimeoutExpired:
        return False
    return child.returncode == 0


def launch(name, n, program, folder, *arguments, may_fail=False, file=__file__):
    """Run a program of a file on n ranks; return what each rank's returned, and the output."""
    command, variables = launchers()[name]
    folder = Path(folder)
    for old in folder.glob("rank*.pickle"):
        old.unlink()
    tests = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(
        [
            *command,
            "-n",
            str(n),
            sys.executable,
            "-X",
            "faulthandler",
            file,
            program,
            str(folder),
            *arguments,
        ],
        cwd=folder,
        env={**os.environ, **variables, "PYTHONPATH": path, "CBACKPROP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = child.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        raise AssertionError(f"no end within {LIMIT} seconds:\n{child.communicate()[0][-8000:]}") from None
    assert may_fail or child.returncode == 0, output[-4000:]
    results = {}
    for rank in range(n):
        file = folder / f"rank{rank}.pickle"
        if file.exists():
            results[rank] = pickle.loads(file.read_bytes())
    return results, output, child.returncode


# ---- cases ----

N, M, SEED = 103, 14, 5


class OwnCost:
    """A cost class of the user's: the cross-entropy."""

    @staticmethod
    def fn(a, y):
        return float(np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a))))

    @staticmethod
    def delta(z, a, y):
        return a - y


def data_of(kind):
    """(X, Y) of all ranks."""
    draw = np.random.default_rng(1)
    X = draw.random((N, 90 if kind == "sparse" else 20))
    if kind == "sparse":
        X *= draw.random(X.shape) < 0.15
    Y = draw.integers(0, 4, N)
    if kind == "rows":
        Y = np.eye(4)[Y]
    if kind == "one":
        Y = Y % 2
    return X, Y


# name: (module, sizes, options of the network, kind of data, η, options of SGD)
CASES = {
    "network": ("network", [20, 9, 4], {}, "labels", 3.0, {}),
    "rows of targets": ("network", [20, 9, 7, 4], {}, "rows", 3.0, {}),
    "one output": ("network", [20, 9, 1], {}, "one", 3.0, {}),
    "sparse": ("network", [90, 9, 4], {}, "sparse", 3.0, {}),
    "cross-entropy, L2": ("network2", [20, 9, 4], {}, "labels", 0.5, {"lmbda": 2.0}),
    "sparse, L1": ("network2", [90, 9, 4], {}, "sparse", 0.5, {"lmbda": 2.0, "regularization": "L1"}),
    "log-likelihood, momentum": (
        "network2", [20, 9, 4], {"cost": "LogLikelihoodCost", "activation": "tanh"}, "labels", 0.3,
        {"mu": 0.6, "lmbda": 1.0},
    ),
    "sparse, Nesterov": (
        "network2", [90, 9, 4], {}, "sparse", 0.3, {"rule": "nesterov", "mu": 0.6, "lmbda": 1.0},
    ),
    "Adam": (
        "network2", [20, 9, 4], {"activation": ["relu", "sigmoid"]}, "rows", 0.01,
        {"rule": "adam", "lmbda": 1.0},
    ),
    "sparse, AMSGrad, L1": (
        "network2", [90, 9, 4], {}, "sparse", 0.01, {"rule": "amsgrad", "lmbda": 1.0, "regularization": "L1"},
    ),
    "a cost of the user's": ("network2", [20, 9, 4], {"cost": "OwnCost"}, "labels", 0.5, {}),
    "sample_weight": ("network2", [20, 9, 4], {}, "labels", 0.5, {"lmbda": 2.0, "sample_weight": True}),
    "float32": ("network2", [20, 9, 4], {"dtype": np.float32}, "labels", 0.5, {"lmbda": 2.0, "mu": 0.5}),
    "float32, sparse, Adam": (
        "network2", [90, 9, 4], {"dtype": np.float32}, "sparse", 0.01, {"rule": "adam"},
    ),
    "pairs": ("network2", [20, 9, 4], {}, "pairs", 0.5, {"lmbda": 2.0}),
}  # fmt: skip


def weights_of_examples():
    """Some count for nothing, others for several."""
    return np.random.default_rng(2).integers(0, 4, N) / 2


def network_of(name, seed=0):
    """A new network of this case."""
    module, sizes, options = CASES[name][:3]
    options = dict(options)
    if module == "network2":
        cost = options.pop("cost", "CrossEntropyCost")
        options["cost"] = OwnCost if cost == "OwnCost" else getattr(network2, cost)
        return network2.Network(sizes, random_state=seed, **options)
    return network.Network(sizes, random_state=seed, **options)


def cut(X, Y, first, last, kind):
    """Examples as SGD takes them."""
    if kind == "pairs":
        return [(x.reshape(-1, 1), np.eye(4)[:, [y]]) for x, y in zip(X[first:last], Y[first:last])]
    return X[first:last], Y[first:last]


def bounds_of(rank, size, uneven):
    """Where the shard of a rank begins and ends."""
    places = [round(N * (r / size) ** 1.5) if uneven else r * N // size for r in range(size + 1)]
    return places[rank], places[rank + 1]


def train(comm, name, uneven=False, epochs=2, **more):
    """The network of a case, trained on all ranks, and what SGD returned."""
    module, _, _, kind, eta, options = CASES[name]
    options = dict(options) | more
    first, last = bounds_of(comm.rank, comm.size, uneven)
    X, Y = data_of(kind)
    shard = cut(X, Y, first, last, kind)
    if options.get("sample_weight") is True:
        options["sample_weight"] = weights_of_examples()[first:last]
    if module == "network2":
        labels = kind in ("labels", "sparse")
        if labels:
            options |= {"evaluation_data": shard}
            options |= {
                f"monitor_{what}": True
                for what in ("evaluation_cost", "evaluation_accuracy", "training_cost")
            }
    elif kind != "rows":
        options["test_data"] = shard
    # Whatever another rank has at first, it gets rank 0's.
    net = network_of(name, seed=comm.rank)
    result = net.SGD(shard, epochs, M, eta, comm=comm, **{"random_state": SEED, "verbose": False} | options)
    return net, result


def bits(net):
    """The parameters of a network to the last bit."""
    return b"".join(array.tobytes() for array in (*net.weights, *net.biases)).hex()


def state_of(net):
    """The parameters of a network, and its velocities and moments."""
    memory = net._cbackprop
    states = [memory.velocities] if memory.velocities is not None else []
    states += memory.moments[1:] if memory.moments is not None else []
    return [*net.weights, *net.biases, *(array for state in states for side in state for array in side)]


# ---- programs ----


def numbers(comm, folder):
    """Every case, plain and deterministic; local SGD; several machines."""
    result = {}
    for name in CASES:
        net, lists = train(comm, name, uneven=True)
        result[name] = [net.weights, net.biases, lists]
        net, lists = train(comm, name, deterministic=True)
        result[name, "deterministic"] = bits(net), repr(lists)
    result["other shards"] = bits(train(comm, "Adam", uneven=True, deterministic=True)[0])
    result["dropout"] = bits(train(comm, "Adam", dropout=0.5, deterministic=True)[0])
    result["seven strata"] = bits(train(comm, "Adam", deterministic=7)[0])
    for machines in (1, 2):
        _exchange.RANKS_OF_A_MACHINE = machines
        result["machines", machines] = bits(train(comm, "Adam", deterministic=True)[0])
        net, lists = train(comm, "cross-entropy, L2", uneven=True)
        result["machines of a sum", machines] = [net.weights, net.biases, lists]
    _exchange.RANKS_OF_A_MACHINE = None
    first, last = bounds_of(comm.rank, comm.size, True)
    X, Y = data_of("labels")
    shard, m = (X[first:last], Y[first:last]), 4 * comm.size
    for name, rule in {"local": {}, "local, Adam": {"rule": "adam"}, "local, momentum": {"mu": 0.5}}.items():
        net = network_of("cross-entropy, L2")
        options = {"comm": comm, "random_state": SEED, "average_every": 3, "verbose": False} | rule
        lists = net.SGD(shard, 2, m, 0.1, 1.0, shard, True, **options)
        result[name] = [net.weights, net.biases, lists]
    return result


def odd(comm, folder):
    """Few examples, short mini-batches, NaN, several types, more threads."""
    X, Y = data_of("labels")
    said = {}

    def bits_of(first, last, m=M, dtype=np.float64, X=X, cost=network2.CrossEntropyCost, **options):
        net = network2.Network([20, 9, 4], cost, random_state=0)
        shard = X[first:last].astype(dtype), Y[first:last]
        options = {"comm": comm, "random_state": SEED, "verbose": False, "deterministic": True} | options
        net.SGD(shard, 2, m, 0.5, **options)
        return bits(net)

    rank, size = comm.rank, comm.size
    first, last = bounds_of(rank, size, False)
    said["m is 1"] = bits_of(first, last, m=1)
    said["m is more than all"] = bits_of(first, last, m=10**12)
    said["m is more than 64 bits"] = bits_of(first, last, m=10**30)
    few = (0, 2) if rank == size - 1 else (0, 0)
    said["two examples"] = bits_of(*few)
    said["two examples, plain"] = bits_of(*few, deterministic=False) == bits_of(*few, deterministic=False)
    said["all on the last rank"] = bits_of(0, N if rank == size - 1 else 0)
    said["types"] = bits_of(first, last, dtype=np.float32 if rank else np.float64, X=X.astype(np.float32))
    weights = None if rank else weights_of_examples()  # a rank without examples passes none
    all_on_first = (0, 0 if rank else N)
    said["weights of rank 0"] = bits_of(*all_on_first, sample_weight=weights, deterministic=False)
    shard = slice(0, N if rank == size - 1 else 0)
    for name, rule in {"Adam": {"rule": "adam"}, "momentum": {"mu": 0.5}}.items():
        net = network2.Network([20, 9, 4], random_state=0)
        net.SGD(
            (X[shard], Y[shard]), 1, 5 * size, 0.01,
            comm=comm, random_state=1, verbose=False, average_every=2, **rule,
        )  # fmt: skip
        said["local", name] = [array.tobytes() for array in state_of(net)]
    bad = X.copy()
    bad[50, 3] = np.nan
    said["NaN"] = bool(np.isnan(np.frombuffer(bytes.fromhex(bits_of(first, last, X=bad)))).any())
    said["plain"] = bits_of(first, last)
    for threads in (1, 2):
        net = network2.Network([200, 150, 40, 4], random_state=0)
        wide = np.repeat(X, 10, axis=1)
        options = {"comm": comm, "random_state": 1, "verbose": False, "rule": "adam", "n_threads": threads}
        net.SGD((wide[first:last], Y[first:last]), 2, 40, 0.01, **options)
        said["threads", threads] = bits(net)
    net, _ = train(comm, "cross-entropy, L2", epochs=2)
    net.SGD((X[first:last], Y[first:last]), 3, M, 0.5, 2.0, comm=comm, resume=True, verbose=False)
    said["resumed"] = bits(net) == bits(train(comm, "cross-entropy, L2", epochs=5)[0])
    return said


def printing(comm, folder):
    """What is printed, and what callbacks are told."""
    X, Y = data_of("labels")
    first, last = bounds_of(comm.rank, comm.size, False)
    entries = []

    def note(net, entry):
        entries.append(entry["evaluation_accuracy"])
        return comm.rank == comm.size - 1 and len(entries) == 2  # one rank stops all

    net = network.Network([20, 9, 4], random_state=0)
    shard = X[first:last], Y[first:last]
    net.SGD(shard, 5, M, 3.0, test_data=shard, comm=comm, random_state=SEED, callbacks=[note])
    net = network2.Network([20, 9, 4], random_state=0)
    net.SGD(shard, 3, M, 0.5, 1.0, shard, True, True, True, True, comm=comm, random_state=SEED)
    return entries


def errors(comm, folder):  # noqa: PLR0915  (one case after the other)
    """What goes wrong on one rank, and what all say of it."""
    rank = comm.rank
    X, Y = data_of("labels")
    said = {}

    class Mute(Exception):
        def __str__(self):
            raise OSError("no message")

    def attempt(name, net, *arguments, **options):
        before = bits(net)
        try:
            net.SGD(*arguments, **{"comm": comm, "random_state": SEED, "timeout": 20} | options)
        except Mute as error:
            said[name] = type(error).__name__, "", bits(net) == before
        except BaseException as error:
            said[name] = type(error).__name__, str(error), bits(net) == before
        else:
            said[name] = None

    def on_one(value, other):
        return value if rank == 1 else other

    def new(sizes=(20, 9, 4), **options):
        return network2.Network(list(sizes), random_state=rank, **options)

    attempt("width", new(), on_one((X[:, :19], Y), (X, Y)), 1, 10, 0.5)
    attempt("label", new(), (X, np.where(np.arange(N) == on_one(3, -1), 9, Y)), 1, 10, 0.5)
    attempt("sizes", new((20, on_one(8, 9), 4)), (X, Y), 1, 10, 0.5)
    attempt("dtype", new(dtype=on_one(np.float32, np.float64)), (X, Y), 1, 10, 0.5)
    attempt("eta", new(), (X, Y), 1, 10, on_one(0.4, 0.5))
    attempt("epochs", new(), (X, Y), on_one(2, 1), 10, 0.5)
    attempt("rule", new(), (X, Y), 1, 10, 0.01, rule=on_one("adam", "amsgrad"))
    attempt("module", network.Network([20, 9, 4], random_state=0) if rank == 1 else new(), (X, Y), 1, 10, 0.5)
    attempt("deterministic", new(), (X, Y), 1, 10, 0.5, deterministic=on_one(4, 5))
    attempt("deterministic on one", new(), (X, Y), 1, 10, 0.5, deterministic=on_one(True, False))
    attempt("average_every on one", new(), (X, Y), 1, 12, 0.5, average_every=on_one(2, None))
    attempt("strata", new(), (X, Y), 1, 10, 0.5, deterministic=1)
    attempt("both", new(), (X, Y), 1, 10, 0.5, deterministic=True, average_every=2)
    attempt("odd", new(), (X, Y), 1, 7, 0.5, average_every=2)
    attempt("kind", new(), on_one(cut(X, Y, 0, N, "pairs"), (X, Y)), 1, 10, 0.5)
    attempt("empty", new(), (X[:0], Y[:0]), 1, 10, 0.5)
    attempt("weights on one", new(), (X, Y), 1, 10, 0.5, sample_weight=on_one(np.ones(N), None))
    attempt("file", new(), (X, Y), 1, 10, 0.5, checkpoint=os.path.join(folder, "nowhere", "x.npz"))
    replaced = new()
    replaced.backprop = lambda x, y: None
    attempt("replaced", replaced, (X, Y), 1, 10, 0.5)

    def fail(net, entry):
        if rank == 1:
            raise OSError("the disk of rank 1 is full")

    def change(net, entry):
        if rank == 1:
            net.weights[0][0, 0] += 1

    def fail_mutely(net, entry):
        if rank == 1:
            raise Mute

    def spoil(net, entry):
        if rank == 1:
            net.weights[0][0, 0] = np.nan

    functions = {"callback": fail, "changed": change, "mute": fail_mutely, "NaN": spoil}
    for name, function in functions.items():
        attempt(name, new(), (X, Y), 2, 10, 0.5, callbacks=[function])

    class Failing(OwnCost):
        calls = 0

        @staticmethod
        def delta(z, a, y):
            Failing.calls += 1
            if rank == 1 and Failing.calls == 4:
                raise FloatingPointError("at the fourth step")
            return a - y

    net = new(cost=Failing)
    attempt("cost", net, (X, Y), 1, 10, 0.5)
    said["cost", "bits"] = bits(net)
    net = new()
    attempt("after all of these", net, (X, Y), 1, 10, 0.5)
    for name, value in {"string": "world", "closed": comm.Dup(), "number": 3}.items():
        if name == "closed":
            value.Free()
        attempt(name, new(), (X, Y), 1, 10, 0.5, comm=value)
    attempt("no comm", new(), (X, Y), 1, 10, 0.5, comm=None)
    attempt("timeout", new(), (X, Y), 1, 10, 0.5, timeout=-1)
    if comm.size > 1:
        part = comm.Split(rank % 2)
        between = part.Create_intercomm(0, comm, 1 - rank % 2)
        attempt("intercommunicator", new(), (X, Y), 1, 10, 0.5, comm=between)
    return said


def interrupted(comm, folder):
    """Ctrl-C on one rank, in the middle of training: how often, and what all have then."""
    draw = np.random.default_rng(0)
    X, Y = draw.random((400, 20)), draw.integers(0, 4, 400)
    said = {}
    for name, options in {"plain": {}, "local": {"average_every": 5}}.items():
        net = network2.Network([20, 9, 4], random_state=0)
        if comm.rank == comm.size - 1:
            threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        try:
            net.SGD((X, Y), 10**6, 4 * comm.size, 0.1, comm=comm, random_state=1, verbose=False, **options)
        except KeyboardInterrupt:
            said[name] = bits(net), time.monotonic() - begun
    net.SGD((X, Y), 1, 4 * comm.size, 0.1, comm=comm, random_state=1, verbose=False)
    said["after"] = bits(net)
    return said


def checkpointed(comm, folder, *arguments):
    """A run with checkpoints: until epoch 3, or from there on."""
    stops = arguments[0] == "stop"
    every = float(arguments[1])
    file = os.path.join(folder, f"run{every}.npz")

    def stop(net, entry):
        if stops and entry["epoch"] == 2:
            raise RuntimeError("killed")

    options = {"checkpoint": file, "resume": file, "every": every, "callbacks": [stop], "deterministic": True}
    if arguments[0] == "alone":
        options = {"deterministic": True, "checkpoint": file + ".alone.npz", "every": every}
    try:
        net, lists = train(comm, "log-likelihood, momentum", epochs=5, **options)
    except RuntimeError as error:
        return str(error)
    return bits(net), repr(lists)


def other_ranks(comm, folder, *arguments):
    """Resuming with another number of ranks where the result is not the same for any."""
    file = os.path.join(folder, "plain.npz")
    options = {"checkpoint": file} if arguments[0] == "write" else {"resume": file}
    try:
        train(comm, "network", **options)
    except ValueError as error:
        return str(error)
    return None


def missing(comm, folder):
    """One rank does not call SGD at all."""
    X, Y = data_of("labels")
    if comm.rank == 1:
        time.sleep(4)
        os._exit(0)
    net = network2.Network([20, 9, 4], random_state=0)
    begun = time.monotonic()
    try:
        net.SGD((X, Y), 1, 10, 0.5, comm=comm, timeout=1)
    except TimeoutError as error:
        result = str(error), time.monotonic() - begun
    try:
        net.SGD((X, Y), 1, 10, 0.5, comm=comm, timeout=1)
    except RuntimeError as error:
        result += (str(error),)
    Path(folder, f"rank{comm.rank}.pickle").write_bytes(pickle.dumps(result))
    os._exit(0)


def broken_off(comm, folder):
    """An error while a rank waits, as a handler of a signal raises one."""
    X, Y = data_of("labels")
    said = []

    class Clock:
        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def sleep(seconds):
            _exchange.time = time  # once
            raise InterruptedError("while it waits")

    if comm.rank == 0:
        _exchange.time = Clock

    def wait(net, entry):
        time.sleep(0.5 * comm.rank)

    for _ in range(2):
        try:
            network2.Network([20, 9, 4]).SGD((X, Y), 2, 10, 0.5, comm=comm, timeout=2, callbacks=[wait])
        except Exception as error:
            said.append(type(error).__name__)
    Path(folder, f"rank{comm.rank}.pickle").write_bytes(pickle.dumps(said))
    time.sleep(3)  # the other one is not ended before it has said something
    os._exit(0)


def killed(comm, folder):
    """One rank is killed."""
    X, Y = data_of("labels")
    net = network2.Network([20, 9, 4], random_state=0)

    def kill(net, entry):
        if comm.rank == 1 and entry["epoch"] == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    net.SGD((X, Y), 10**6, 10, 0.5, comm=comm, timeout=5, callbacks=[kill], verbose=False)


def example(comm, folder):
    """The example of the pages."""
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "docs/support/mpi_by_hand.py"))


def main(programs):
    """Run the program that the command line names, on this rank."""
    from mpi4py import MPI  # noqa: PLC0415  (which initialises MPI)

    faulthandler.dump_traceback_later(LIMIT - 5)  # of a hang, where it is
    comm = MPI.COMM_WORLD
    program, folder, *arguments = sys.argv[1:]
    result = programs[program](comm, folder, *arguments)
    Path(folder, f"rank{comm.rank}.pickle").write_bytes(pickle.dumps(result))


if __name__ == "__main__":
    main(globals())
