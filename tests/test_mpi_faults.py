"""An error of one rank alone is told to the others at once, wherever it comes, and the next call works."""

import pytest

pytest.importorskip("mpi4py", reason="mpi4py, the extra `mpi`, is not installed")

from support import rank_faults, ranks

MPIS = list(ranks.launchers()) or [
    pytest.param(None, marks=pytest.mark.skip(reason="there is no mpiexec that mpi4py works with"))
]


def run(mpi, n, program, folder, *arguments):
    return ranks.launch(mpi, n, program, folder, *arguments, file=rank_faults.__file__)[0]


@pytest.mark.parametrize("case", rank_faults.CASES)
@pytest.mark.parametrize("mpi", MPIS)
def test_an_error_at_any_line_is_told(mpi, tmp_path, case):
    said = run(mpi, 2, "lines", tmp_path, case)
    for chain, (error, bits) in said[1].items():
        if chain != "after":
            told = ("MemoryError", "at a line"), ("MemoryError", "rank 1: at a line")
            assert (error, said[0][chain][0]) == told, chain
            assert said[0][chain][1] == bits, chain
    assert len(said[0]) > 100 // rank_faults.EVERY
    assert said[0]["after"][0] is said[1]["after"][0] is None


@pytest.mark.parametrize("mpi", MPIS)
def test_no_memory_for_a_message_or_an_average(mpi, tmp_path):
    said = run(mpi, 3, "room", tmp_path)
    for name in ("message", "average"):
        for rank in said:
            error, bits = said[rank][name]
            assert error == ("MemoryError", "no room" if rank == 1 else "rank 1: no room")
            if name == "average":
                assert bits == said[0][name][1]
    assert said[0]["after"] == said[1]["after"] == said[2]["after"]
    assert said[0]["after"][0] is None


@pytest.mark.parametrize("mpi", MPIS)
def test_displaced_examples_go_to_one_rank_each(mpi, tmp_path):
    said = run(mpi, 4, "received", tmp_path)
    whole = 600 * (200 + 1) * 8
    assert all(said[rank][0] < 0.26 * whole + 10_000 for rank in said)
    assert len({bits for _, bits in said.values()}) == 1
