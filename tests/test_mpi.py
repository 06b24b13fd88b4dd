"""Data-parallel SGD over MPI: run by mpiexec on 1 to 4 ranks, under Open MPI and MPICH if they are there."""

import itertools
import re

import numpy as np
import pytest

pytest.importorskip("mpi4py", reason="mpi4py, the extra `mpi`, is not installed")

from cbackprop._ranks._shares import bounds_of as strata_bounds
from cbackprop._ranks._shares import owner_of, places_in
from support import ranks

MPIS = list(ranks.launchers()) or [
    pytest.param(None, marks=pytest.mark.skip(reason="there is no mpiexec that mpi4py works with"))
]
NUMBERS = 1, 2, 3, 4


@pytest.fixture(scope="module", params=MPIS)
def mpi(request):
    """The name of an MPI library."""
    return request.param


@pytest.fixture(scope="module")
def numbers(mpi, tmp_path_factory):
    """What the program `numbers` says, by the number of ranks."""
    return {n: ranks.launch(mpi, n, "numbers", tmp_path_factory.mktemp("numbers"))[0] for n in NUMBERS}


def orders_of(sizes, epochs):
    """The order of each stratum's examples in each epoch, as `random_state` draws it: see RankOrder."""
    generator = np.random.default_rng(ranks.SEED)
    for _ in range(epochs):
        keys = [int(key) for key in generator.integers(0, 2**63, 2)]
        yield [
            np.random.Generator(np.random.PCG64(np.random.SeedSequence(keys, spawn_key=(v,)))).permutation(n)
            for v, n in enumerate(sizes)
        ]


def joint_mini_batches(bounds, epochs):
    """The joint mini-batches: the numbers of their examples."""
    sizes = np.diff(bounds).tolist()
    ends = np.append(np.arange(0, ranks.N, ranks.M), ranks.N)
    parts = [places_in(sizes, v, ends) for v in range(len(sizes))]
    for orders in orders_of(sizes, epochs):
        for b in range(len(ends) - 1):
            yield np.concatenate(
                [bounds[v] + order[parts[v][b] : parts[v][b + 1]] for v, order in enumerate(orders)]
            )


def one_process(name, bounds, epochs=2):
    """The network of a case, which one process has trained on the joint mini-batches."""
    module, _, _, kind, eta, options = ranks.CASES[name]
    X, Y = ranks.data_of(kind)
    net, options = ranks.network_of(name), dict(options)
    weights = ranks.weights_of_examples() if options.pop("sample_weight", False) else None
    lmbda, n = options.pop("lmbda", 0.0), ranks.N if weights is None else weights.sum()
    for batch in joint_mini_batches(bounds, epochs):
        if weights is not None:  # an example that counts k halves is there k times, each time for a half
            batch = np.repeat(batch, (2 * weights[batch]).astype(int))  # noqa: PLW2901
        mini_batch = X[batch], Y[batch]
        if module == "network2":
            net.update_mini_batch(mini_batch, eta, lmbda, n, **options)
        else:
            net.update_mini_batch(mini_batch, eta)
    return net


def assert_close(net, weights, biases):
    tolerance = 1e-12 if net.weights[0].dtype == np.float64 else 2e-5
    for mine, theirs in zip((*net.weights, *net.biases), (*weights, *biases), strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(theirs, mine, rtol=tolerance, atol=tolerance)


def shard_bounds(n):
    return [ranks.bounds_of(rank, n, True)[0] for rank in range(n)] + [ranks.N]


# ---- how examples are divided ----


@pytest.mark.parametrize(
    "sizes", [[7], [5, 5], [1, 0, 9], [33, 34, 36], [0, 0, 3], [103] * 12, [1, 50, 2, 50]]
)
@pytest.mark.parametrize("m", [1, 3, 10, 1000])
def test_every_example_comes_once_and_mini_batches_are_full(sizes, m):
    n = sum(sizes)
    ends = np.minimum(np.arange(-(-n // m) + 1) * m, n)
    parts = np.array([np.diff(places_in(sizes, v, ends)) for v in range(len(sizes))])
    assert (parts >= 0).all()
    assert (parts.sum(axis=1) == sizes).all()
    assert (parts.sum(axis=0) == np.diff(ends)).all()
    fair = np.outer(sizes, np.diff(ends)) / n
    assert (abs(parts - fair) < 1 + np.ceil(np.log2(len(sizes)))).all()


def test_strata_are_whole_for_1_to_12_ranks():
    for n_ranks, n in itertools.product((1, 2, 3, 4, 6, 12), (103, 120, 50000)):
        bounds = strata_bounds(n, 12)
        firsts = [next(v for v in range(12) if owner_of(v, 12, n_ranks) == rank) for rank in range(n_ranks)]
        assert [bounds[v] for v in firsts] == [rank * n // n_ranks for rank in range(n_ranks)]


# ---- numbers ----


@pytest.mark.parametrize("name", ranks.CASES)
def test_it_is_one_process_on_the_joint_mini_batches(numbers, name):
    for n in NUMBERS:
        net = one_process(name, shard_bounds(n))
        for rank in range(n):
            weights, biases, _ = numbers[n][rank][name]
            assert_close(net, weights, biases)


@pytest.mark.parametrize("name", ranks.CASES)
def test_all_ranks_have_the_same_bits(numbers, name):
    for n in NUMBERS:
        first = numbers[n][0][name]
        for rank in range(1, n):
            for mine, theirs in zip((*first[0], *first[1]), itertools.chain(*numbers[n][rank][name][:2])):
                assert mine.tobytes() == theirs.tobytes()
            assert repr(numbers[n][rank][name][2]) == repr(first[2])


@pytest.mark.parametrize("name", [name for name, case in ranks.CASES.items() if case[0] == "network2"])
def test_costs_and_counts_are_those_of_all(numbers, name):
    kind, options = ranks.CASES[name][3], ranks.CASES[name][5]
    if kind not in ("labels", "sparse"):
        pytest.skip("nothing is monitored")
    lmbda, regularization = options.get("lmbda", 0.0), options.get("regularization", "L2")
    data = ranks.data_of(kind)
    for n in NUMBERS:
        net = one_process(name, shard_bounds(n))
        evaluation_cost, evaluation_accuracy, training_cost, _ = numbers[n][0][name][2]
        cost = net.total_cost(data, lmbda, convert=True, regularization=regularization)
        tolerance = 1e-11 if net.weights[0].dtype == np.float64 else 1e-4
        assert evaluation_cost[-1] == pytest.approx(cost, rel=tolerance)
        assert training_cost[-1] == pytest.approx(cost, rel=tolerance)
        assert evaluation_accuracy[-1] == net.accuracy(data)


@pytest.mark.parametrize("name", ranks.CASES)
def test_deterministic_gives_the_same_bits_for_any_number_of_ranks(numbers, name):
    answers = {numbers[n][rank][name, "deterministic"] for n in NUMBERS for rank in range(n)}
    assert len(answers) == 1
    net = one_process(name, strata_bounds(ranks.N, 12))
    trained = np.frombuffer(bytes.fromhex(answers.pop()[0]), net.weights[0].dtype)
    mine = np.concatenate([array.ravel() for array in (*net.weights, *net.biases)])
    tolerance = 1e-12 if mine.dtype == np.float64 else 2e-5
    np.testing.assert_allclose(trained, mine, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "name", ["dropout", "seven strata", ("machines", 1), ("machines", 2), "other shards"]
)
def test_deterministic_with_other_shards_machines_and_options(numbers, name):
    answers = {numbers[n][rank][name] for n in NUMBERS for rank in range(n)}
    assert len(answers) == 1
    plain = numbers[1][0]["Adam", "deterministic"][0]
    assert (answers == {plain}) == (name not in ("dropout", "seven strata"))


@pytest.mark.parametrize("machines", [1, 2])
def test_sums_of_machines(numbers, machines):
    for n in NUMBERS:
        weights, biases, _ = numbers[n][n - 1]["machines of a sum", machines]
        assert_close(one_process("cross-entropy, L2", shard_bounds(n)), weights, biases)


def test_odd_data_and_options(mpi, tmp_path):
    said = {n: ranks.launch(mpi, n, "odd", tmp_path)[0] for n in (1, 3)}
    assert said[3][0] == said[3][1] == said[3][2]
    for name, answer in said[3][0].items():
        if name[0] not in ("threads", "local"):
            assert answer == said[1][0][name], name
    for n in said:
        assert said[n][0]["two examples, plain"]
        assert said[n][0]["all on the last rank"] == said[n][0]["plain"]
        assert said[n][0]["m is more than 64 bits"] == said[n][0]["m is more than all"]
        assert said[n][0]["resumed"]
        assert said[n][0]["NaN"]
        assert said[n][0]["threads", 1] == said[n][0]["threads", 2]


# ---- local SGD ----


def averages(name, n):
    """Local SGD in one process: a network for each rank, which are averaged after every three steps."""
    rule = {"local": {}, "local, Adam": {"rule": "adam"}, "local, momentum": {"mu": 0.5}}[name]
    X, Y = ranks.data_of("labels")
    bounds = shard_bounds(n)
    sizes = np.diff(bounds)
    nets = [ranks.network_of("cross-entropy, L2") for _ in range(n)]
    for orders in orders_of(sizes.tolist(), 2):
        for first in range(0, max(-(-sizes // 4)), 3):
            seen = np.zeros(n)
            for rank, order in enumerate(orders):
                for start in range(4 * first, min(4 * (first + 3), sizes[rank]), 4):
                    batch = bounds[rank] + order[start : start + 4]
                    seen[rank] += len(batch)
                    nets[rank].update_mini_batch((X[batch], Y[batch]), 0.1, 1.0, ranks.N, **rule)
            share = seen / seen.sum()
            for arrays in zip(*(ranks.state_of(net) for net in nets)):
                mean = sum(s * array for s, array in zip(share, arrays) if s)
                for array in arrays:
                    array[...] = mean
    return nets[0]


@pytest.mark.parametrize("name", ["local", "local, momentum"])
def test_local_sgd_averages_after_so_many_steps(numbers, name):
    for n in NUMBERS:
        net = averages(name, n)
        for rank in range(n):
            assert_close(net, *numbers[n][rank][name][:2])


def test_local_sgd_averages_moments(numbers):
    for n in NUMBERS:
        first = numbers[n][0]["local, Adam"]
        for rank in range(n):
            assert repr(numbers[n][rank]["local, Adam"]) == repr(first)
    assert_close(averages("local, Adam", 1), *numbers[1][0]["local, Adam"][:2])


# ---- printing, callbacks, errors ----


def test_rank_0_prints_and_one_callback_stops_all(mpi, tmp_path):
    results, output, _ = ranks.launch(mpi, 2, "printing", tmp_path)
    assert results[0] == results[1]
    assert len(results[0]) == 2
    lines = [line for line in output.splitlines() if line]
    assert lines[:2] == [f"Epoch {j}: {correct} / {ranks.N}" for j, correct in enumerate(results[0])]
    assert len(lines) == 2 + 3 * 5
    assert sum(line.startswith("Accuracy on evaluation data: ") for line in lines) == 3


def test_an_error_of_one_rank_is_an_error_of_all(mpi, tmp_path):
    results, _, _ = ranks.launch(mpi, 3, "errors", tmp_path)
    expected = {
        "width": ("ValueError", "shape (103, 19)"),
        "label": ("ValueError", "training_data: Y[3] is 9"),
        "sizes": ("ValueError", "sizes is [20, 8, 4] on rank 1, and [20, 9, 4] on rank 0"),
        "dtype": ("ValueError", "dtype is 'float32' on rank 1, and 'float64' on rank 0"),
        "eta": ("ValueError", "eta is 0.4 on rank 1, and 0.5 on rank 0"),
        "epochs": ("ValueError", "epochs is 2 on rank 1, and 1 on rank 0"),
        "rule": ("ValueError", "rule is 'adam' on rank 1, and 'amsgrad' on rank 0"),
        "module": ("ValueError", "rank 1 calls another network's SGD than rank 0"),
        "deterministic": ("ValueError", "deterministic is 4 on rank 1, and 5 on rank 0"),
        "deterministic on one": ("ValueError", "deterministic is True on rank 1, and False on rank 0"),
        "average_every on one": ("ValueError", "average_every is 2 on rank 1, and None on rank 0"),
        "strata": ("ValueError", "comm has 3 ranks"),
        "both": ("ValueError", "average_every cannot be combined with deterministic"),
        "odd": ("ValueError", "multiple of the number of ranks, 3"),
        "kind": ("ValueError", "training_data is a list of pairs on rank 1"),
        "empty": ("ValueError", "training_data is empty on all ranks"),
        "weights on one": ("ValueError", "sample_weight is given on rank 1 alone"),
        "file": ("FileNotFoundError", "no such folder"),
        "replaced": ("TypeError", "comm is for compiled training"),
        "callback": ("OSError", "the disk of rank 1 is full"),
        "mute": ("Mute", ""),
        "changed": ("ValueError", "the parameters of rank 1 are not those of rank 0"),
        "NaN": ("ValueError", "the parameters of rank 1 are not those of rank 0"),
        "cost": ("FloatingPointError", "at the fourth step"),
        "string": ("TypeError", "comm is 'world'"),
        "closed": ("ValueError", "comm is MPI.COMM_NULL"),
        "number": ("TypeError", "comm is 3"),
        "intercommunicator": ("TypeError", "intercommunicator"),
        "timeout": ("ValueError", "timeout is -1"),
    }
    own = {"callback": 1, "mute": 1, "cost": 1, "file": 0}  # of kinds that only the rank itself raises
    changes = {"callback", "mute", "changed", "NaN", "cost"}
    alone = {"string", "closed", "number", "intercommunicator", "timeout"}
    for rank, said in results.items():
        for name, (kind, text) in expected.items():
            assert said[name] is not None, name
            if name in own and rank != own[name]:
                assert said[name][0] == "RuntimeError", (name, said[name])
                assert said[name][1].startswith(f"rank {own[name]}: {kind}: "), (name, said[name])
            else:
                assert said[name][0] == kind, (name, said[name])
            assert text in said[name][1], (name, said[name])
            if name not in changes:
                assert said[name][2], f"{name}: the network has changed"
            if name in ("width",) and rank != 1:
                assert said[name][1].startswith("rank 1: ")
            assert name in alone or rank in (0, 1, 2)
        assert said["after all of these"] is None
        assert said["no comm"][:2] == (
            "ValueError",
            "timeout is 20, and comm is None: it is for several ranks",
        )
        # Three steps were completed on all ranks.
        assert said["cost", "bits"] == results[0]["cost", "bits"]


def test_ctrl_c_on_one_rank_ends_all_at_a_completed_step(mpi, tmp_path):
    results, _, _ = ranks.launch(mpi, 2, "interrupted", tmp_path)
    for name in ("plain", "local"):
        assert results[0][name][0] == results[1][name][0]
        assert max(results[rank][name][1] for rank in results) < 20
    assert results[0]["after"] == results[1]["after"]


def test_a_rank_that_does_not_come_is_a_timeout(mpi, tmp_path):
    results, _, _ = ranks.launch(mpi, 2, "missing", tmp_path, may_fail=True)
    message, seconds, again = results[0]
    assert "did not answer within 1 seconds" in message
    assert seconds < 3.5
    assert "an earlier call of SGD with this comm was given up" in again


def test_an_error_while_a_rank_waits_is_no_wrong_answer_to_the_others(mpi, tmp_path):
    results, _, _ = ranks.launch(mpi, 2, "broken_off", tmp_path, may_fail=True)
    assert results == {0: ["InterruptedError", "RuntimeError"], 1: ["TimeoutError", "RuntimeError"]}


def test_a_killed_rank_ends_all(mpi, tmp_path):
    _, _, status = ranks.launch(mpi, 3, "killed", tmp_path, may_fail=True)
    assert status != 0


# ---- checkpoints ----


@pytest.mark.parametrize("every", ["1.0", "0.3"])
def test_another_number_of_ranks_goes_on_to_the_same_bits(mpi, tmp_path, every):
    alone, _, _ = ranks.launch(mpi, 1, "checkpointed", tmp_path, "alone", every)
    stopped, _, _ = ranks.launch(mpi, 3, "checkpointed", tmp_path, "stop", every)
    assert all("killed" in said for said in stopped.values())
    for n in (2, 4):
        file = tmp_path / f"run{every}.npz"
        kept = file.read_bytes()
        resumed, _, _ = ranks.launch(mpi, n, "checkpointed", tmp_path, "go on", every)
        assert set(resumed.values()) == {alone[0]}
        file.write_bytes(kept)


def test_another_number_of_ranks_is_refused_where_the_bits_would_differ(mpi, tmp_path):
    ranks.launch(mpi, 2, "other_ranks", tmp_path, "write")
    said, _, _ = ranks.launch(mpi, 3, "other_ranks", tmp_path, "resume")
    assert all(
        "comm is '3 ranks'" in message and "written with '2 ranks'" in message for message in said.values()
    )


# ---- by hand ----


def test_the_example_by_hand_runs(mpi, tmp_path):
    _, output, _ = ranks.launch(mpi, 2, "example", tmp_path)
    assert re.search("2 ranks: [0-9]+ of [0-9]+ test images", output)
