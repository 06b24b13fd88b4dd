"""What a bug report should include."""


def show_config() -> None:
    """Print what cbackprop was built with, what the processor offers, and what is used.

    That is: the instruction sets that the kernels were built for, those that this processor has, the one
    chosen (by CBACKPROP_ISA, or the best available), the number of processors that this process may use, and
    the versions of Python and NumPy.
    """
    import platform  # noqa: PLC0415  (slow to import, and only a bug report needs it)

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
