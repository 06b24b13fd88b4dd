"""What a bug report should hold."""


def show_config() -> None:
    """Print what this build of cbackprop has, what the processor offers, and what is used.

    The instruction sets that kernels were built for, those that this processor has, the one chosen (by
    CBACKPROP_ISA, or the best there is), the number of processors this process may use, and the
    versions of what it runs on.
    """
    import platform  # noqa: PLC0415  (only a bug report pays for it)

    import numpy as np  # noqa: PLC0415

    import cbackprop  # noqa: PLC0415
    from cbackprop import _isa, _processors  # noqa: PLC0415

    rows = {
        "cbackprop": cbackprop.__version__,
        "kernels built": ", ".join(_isa.built()),
        "kernels found": ", ".join(_isa.found()),
        "kernels used": _isa.chosen(),
        "processors": _processors.granted(),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "NumPy": np.__version__,
    }
    for name, value in rows.items():
        print(f"{name:14} {value}")
