"""The command ``cbackprop``: the main job, or a verb of `cbackprop._command`."""

from __future__ import annotations

import difflib
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from cbackprop._command import VERBS
from cbackprop._command.parser import Parser, guarded

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : list of str, optional
        Its arguments; by default the process's. The first may be a verb: ``cbackprop --help`` lists them.
        Without one, the main job is done.

    Returns
    -------
    int
        0, or 130 after Ctrl-C, or 1 if its output is closed.

    Raises
    ------
    SystemExit
        With 2 if an argument, a file or the data are wrong, and with 0 after ``--help``.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    verb = argv.pop(0) if argv and argv[0] and not argv[0].startswith("-") else None
    if verb is not None and verb not in VERBS:
        close = difflib.get_close_matches(verb, VERBS, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(VERBS)}"
        Parser(prog="cbackprop").error(f"there is no verb {verb!r}; {hint}")
    job = import_module(f"cbackprop._command.{verb or 'main_job'}")
    parser = job.parser()
    arguments = parser.parse_args(argv)
    return guarded(parser, lambda: job.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
