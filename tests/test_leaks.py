"""Memory stays flat however often a public function is called, rightly or wrongly."""

import ctypes
import sys
import sysconfig
from pathlib import Path

import pytest

from support import every_call
from support.children import SANITIZED, run_python

SUPPORT = Path(__file__).resolve().parent / "support"

glibc = pytest.mark.skipif(
    SANITIZED or not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="asks glibc's allocator (2.33 or later) what is in use",
)


def names(table):
    return {every_call.public_name(name) for name, _, _ in every_call.calls_of(table)}


def test_every_public_function_has_its_calls():
    called = names(every_call.RIGHT)
    assert called | set(every_call.LEFT_OUT) == every_call.public_names()
    assert names(every_call.WRONG) <= every_call.public_names()


@glibc
def test_memory_is_flat(tmp_path):
    """400 calls of each; support/flat_memory.py itself makes 100,000."""
    child = run_python(SUPPORT / "flat_memory.py", tmp_path, "400", timeout=600)
    tables = every_call.RIGHT, every_call.WRONG
    assert child.stdout.count(" a call, ") == sum(len(list(every_call.calls_of(table))) for table in tables)


@glibc
@pytest.mark.parametrize(
    "what, calls, call",
    [
        ("blocks", 1000, "lambda net: ctypes.pythonapi.Py_IncRef(ctypes.py_object(object()))"),
        ("blocks", 1000, "lambda net: net.feedforward(kept.append(object()) or tiny.x)"),
        ("malloc", 1000, "lambda net: flat_memory.glibc.malloc(8)"),
        pytest.param(
            *("resident", 100_000, "lambda net: flat_memory.glibc.malloc(8)"),
            marks=pytest.mark.skipif(sysconfig.get_config_var("Py_GIL_DISABLED"), reason="not judged there"),
        ),
    ],
)
def test_a_leak_would_be_found(what, calls, call, tmp_path):
    """A reference lost in each call, an object kept, the smallest block of malloc's."""
    code = f"""
import ctypes
from support import flat_memory, tiny
kept = []
least = flat_memory.growth(tiny.plain, {call}, flat_memory.make_right, {calls})
assert {what!r} in flat_memory.leaks(least), least
"""
    run_python(code, tmp_path)
