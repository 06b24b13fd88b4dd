"""Networks get the bits on record, whatever the instruction set, compiler, version and number of threads.

`data/same_bits.json` has digests of networks of every kind, each trained with one thread and with two, and of
their single calls and costs. There is one set for all processors with fused multiply-add, and one for the
portable kernels of x86-64, which round a product before they add it.

A change that means to change bits says so in CHANGELOG.md, and `support/same_bits.py` puts the new ones on
record.
"""

import json
from pathlib import Path

import pytest

from cbackprop import _isa
from support import same_bits
from support.children import run_python


def digests_of(isa, folder):
    """The path and the digests of a process that uses this instruction set."""
    env = {"CBACKPROP_ISA": isa, "OPENBLAS_NUM_THREADS": "1"}
    child = run_python(Path(same_bits.__file__), folder, env=env, timeout=600)
    return json.loads(child.stdout).values()


def differences(ours, theirs):
    """The names of the digests that differ."""
    return [
        f"{case}: {part}"
        for case in ours | theirs
        for part in ours.get(case, {}) | theirs.get(case, {})
        if ours.get(case, {}).get(part) != theirs.get(case, {}).get(part)
    ]


@pytest.mark.parametrize("isa", _isa.found())
def test_every_bit_is_the_one_on_record(isa, tmp_path):
    path, digests = digests_of(isa, tmp_path)
    theirs = same_bits.recorded().get(path)
    if theirs is None:
        pytest.skip(f"no digests of {path} are on record")
    here = dict(same_bits.cases())  # where subnormal numbers are kept, fewer than are on record
    found = differences(digests, {case: parts for case, parts in theirs.items() if case in here})
    assert not found, f"{len(found)} digests differ from those on record, such as {found[:5]}"
