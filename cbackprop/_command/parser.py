"""How every verb reads its arguments and fails: with one line, and the exit status 2."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable


class Refused(Exception):
    """What the user asked for cannot be done, and why."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Print the message, and exit with 2."""
        self.exit(2, f"{self.prog}: error: {one_line(message)}\n")


def one_line(text: str) -> str:
    """The text without line breaks and what else steers a terminal: names of files may hold anything."""
    return "".join(
        char if char.isprintable() else " " if char.isspace() else f"\\x{ord(char):02x}"
        for char in " ".join(text.split())
    )


def guarded(parser: argparse.ArgumentParser, work: Callable[[], int]) -> int:
    """What work() returns. If it fails for a reason of the user's, the parser's error says so.

    Returns
    -------
    int
        130 after Ctrl-C, 1 if the output is closed.
    """
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: note(parser, f"warning: {message}")
        try:
            return work()
        except KeyboardInterrupt:
            print(f"\n{parser.prog}: interrupted", file=sys.stderr)
            return 130
        except BrokenPipeError:
            # After `cbackprop | head -1`, say. At exit, Python would flush into the closed pipe again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except MemoryError as error:
            parser.error(
                f"there is not enough memory: {error}" if str(error) else "there is not enough memory"
            )
        except OSError as error:
            parser.error(f"{error.strerror}: {error.filename}" if error.strerror else str(error))
        except (Refused, ValueError, TypeError, ImportError, OverflowError) as error:
            parser.error(str(error))


def note(parser: argparse.ArgumentParser, text: str) -> None:
    """Say something beside the output: on standard error, in one line."""
    print(f"{parser.prog}: {one_line(text)}", file=sys.stderr)
