"""What asv measures runs, for every parameter, and its settings name folders that are there."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"
pytestmark = pytest.mark.skipif(not BENCH.exists(), reason="the sources are not beside the tests")
RUN_ALL = """
import itertools, json
from benchmarks import speed
run = []
for cls in (speed.Epochs, speed.Calls):
    several = cls.params if isinstance(cls.params[0], (tuple, list)) else [cls.params]
    assert len(several) == len(cls.param_names)
    for chosen in itertools.product(*several):
        one = cls()
        one.setup(*chosen)
        for name in filter(lambda name: name.startswith("time_"), dir(cls)):
            getattr(one, name)(*chosen)
            run.append([name, *chosen])
timed, before = speed.timeraw_import()
exec(before)
exec(timed)
print(json.dumps(run))
"""


def test_every_benchmark_runs():
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL], cwd=BENCH, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    epochs = itertools.product(
        ["time_sgd"], ["784-30-10, 10", "784-100-10, 10", "2-3-1, 4"], ["float64", "float32"]
    )
    calls = itertools.product(
        ["784-30-10, 10", "2-3-1, 4"], ["time_backprop", "time_feedforward", "time_update_mini_batch"]
    )
    assert json.loads(done.stdout) == [*map(list, epochs), *([call, network] for network, call in calls)]


def test_the_settings_name_what_is_there():
    text = (BENCH / "asv.conf.json").read_text(encoding="utf-8")
    settings = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert (BENCH / settings["benchmark_dir"] / "speed.py").exists()
    assert (BENCH / settings["repo"] / "setup.py").exists()
    ignored = {settings[name].split("/")[0] for name in ("env_dir", "results_dir", "html_dir")}
    assert ignored == {".asv"}
