"""What a fuzzer may take of the machine."""

import contextlib
import os
from pathlib import Path

MEGABYTES = 500


def limit_memory():
    """Whatever asks for much more than is in use gets a MemoryError; AddressSanitizer sees to that itself."""
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        return
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415  (not on Windows)

        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + MEGABYTES * 2**20, resource.RLIM_INFINITY))
