"""Fresh interpreters for tests: where an escape would be a crash or a hang, the child dies, not the tests."""

import os
import subprocess
import sys
from pathlib import Path

# Whether a sanitizer's allocator, which keeps what was freed, has taken the place of malloc.
SANITIZED = "san" in os.environ.get("LD_PRELOAD", "")


class Nowhere:
    """Takes the place of sys.stdout: what is printed leaves no trace, and takes no lock of a file's."""

    def write(self, text):
        return len(text)

    def flush(self):
        pass


def run_python(code, folder, *arguments, env=None, timeout=120, may_fail=False):
    """Run `code`, or the script at this path, away from the sources, and return what came of it.

    It must succeed unless it `may_fail`. `env` is what changes in the environment: {name: value}, None to
    remove it. The code can import `support`.
    """
    tests = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH")]))
    variables = {**os.environ, "PYTHONPATH": path, **(env or {})}
    what = [code] if isinstance(code, Path) else ["-c", code]
    child = subprocess.run(
        [sys.executable, "-X", "faulthandler", *what, *arguments],
        cwd=folder,
        env={name: value for name, value in variables.items() if value is not None},
        timeout=timeout,
        check=False,
        capture_output=True,
        text=True,
    )
    assert may_fail or child.returncode == 0, (child.stdout + child.stderr)[-4000:]
    return child
