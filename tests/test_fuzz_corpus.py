"""The corpus of the fuzzers in tests/fuzz, through their own functions, without Atheris.

One process for each fuzzer: a crash names the file, and ends nothing else.
"""

from pathlib import Path

import pytest

from support.children import run_python

FUZZ = Path(__file__).resolve().parent / "fuzz"
CODE = """
import importlib.util, sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("harness", sys.argv[1])
harness = importlib.util.module_from_spec(spec)
spec.loader.exec_module(harness)
for path in sorted(Path(sys.argv[2]).iterdir()):
    print(path.name, flush=True, file=sys.stderr)
    harness.check(path.read_bytes())
"""


@pytest.mark.parametrize("name", ["files", "checkpoints", "packing"])
def test_every_file_of_the_corpus_is_a_result_or_an_ordinary_error(name, tmp_path):
    corpus = FUZZ / "corpus" / name
    assert len(list(corpus.iterdir())) >= 20
    run_python(CODE, tmp_path, FUZZ / f"{name}.py", corpus)
