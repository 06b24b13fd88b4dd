"""Networks train to the bits on record, whatever the version and the number of threads.

`data/same_bits.json` has digests of 154 networks of every kind, each trained with one thread and with two,
and of their single calls and costs. They were made by the version before the redesign (commit fb1b4c7) for
AVX-512, AVX2 and the portable kernels of x86-64, by gcc and by clang, and for NEON by gcc; all on Linux.

All but the portable kernels, whose multiply-adds round twice, agree on every bit of training, of columns of
examples and of all but two costs. In calls with one example each instruction set has bits of its own, and
with AVX-512 gcc and clang differ where a layer has fewer inputs than a vector has numbers.

A change that means to change bits says so in CHANGELOG.md, and `support/same_bits.py` puts the new ones on
record.
"""

import json
from pathlib import Path

import pytest

from cbackprop import _isa
from support import same_bits
from support.children import SANITIZED, run_python


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


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep multiplications and additions apart")
@pytest.mark.parametrize("isa", _isa.found())
def test_every_bit_is_the_one_on_record(isa, tmp_path):
    path, digests = digests_of(isa, tmp_path)
    on_record = [theirs for name, theirs in same_bits.recorded().items() if name.startswith(f"{path} ")]
    if not on_record:
        pytest.skip(f"no digests of {path} are on record")
    # Which compiler built this one is not known.
    least = min((differences(digests, theirs) for theirs in on_record), key=len)
    assert not least, f"{len(least)} digests differ from those on record, such as {least[:5]}"
