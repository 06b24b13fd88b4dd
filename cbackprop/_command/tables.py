"""Rows of numbers from CSV and Parquet, with the class of each row, if a column has it."""

from __future__ import annotations

import array
import csv
import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import numpy as np

from cbackprop._blocks.tables import PARQUET, listed
from cbackprop._command.parser import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

CSV = (".csv", ".tsv")
DELIMITERS = (",", ";", "\t")


class Rows(NamedTuple):
    """The rows of a table, the names of its columns, if it has any, and the classes, if they were wanted."""

    columns: list[str] | None
    X: NDArray[np.float64]
    classes: list[str] | None


class Wanted(NamedTuple):
    """Which columns are read.

    Parameters
    ----------
    columns : list of str, optional
        The inputs, in this order; by default all that are neither the target nor ignored.
    n_columns : int, optional
        How many inputs there must be.
    target : str, optional
        The column with the class.
    ignored : collection of str
    """

    columns: list[str] | None = None
    n_columns: int | None = None
    target: str | None = None
    ignored: Collection[str] = ()

    def inputs(self, header: Sequence[str], name: str) -> list[int]:
        """The places of the inputs in a table with this header."""
        if len(set(header)) < len(header):
            twice = next(column for column in header if header.count(column) > 1)
            raise Refused(f"{name} has two columns {twice!r}")
        missing = [
            column
            for column in (
                *(self.columns or ()),
                *self.ignored,
                *([] if self.target is None else [self.target]),
            )
            if column not in header
        ]
        if missing:
            raise Refused(
                f"{name} has no column {missing[0]!r}; its columns are {listed(header)}"
                + (" (the first line must name the columns)" if self.target == missing[0] else "")
            )
        if self.columns is not None:
            return [header.index(column) for column in self.columns]
        inputs = [
            i for i, column in enumerate(header) if column != self.target and column not in self.ignored
        ]
        if not inputs:
            raise Refused(f"{name} has no columns of numbers beside {listed(header)}")
        self.check_number(len(inputs), name)
        return inputs

    def check_number(self, n: int, name: str) -> None:
        """Refuse another number of inputs than is needed."""
        if self.n_columns is not None and n != self.n_columns:
            raise Refused(
                f"{name} has {n} columns of numbers, and the network {self.n_columns} inputs; --ignore "
                f"leaves columns out"
            )


def read_table(path: str, wanted: Wanted) -> Rows:
    """The rows of a CSV or Parquet file."""
    if path.lower().endswith(PARQUET):
        return _read_parquet(path, wanted)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return read_csv(file, path, wanted)
    except UnicodeDecodeError:
        raise Refused(f"{path} is not a text in UTF-8") from None


# ---- CSV ----


def read_csv(file: TextIO, name: str, wanted: Wanted) -> Rows:
    """The rows of a CSV file. A first line in which any cell is no number names the columns."""
    first_line = file.readline()
    delimiter = max(DELIMITERS, key=first_line.count)
    reader = csv.reader(itertools.chain([first_line], file), delimiter=delimiter)
    try:
        return _read_lines(reader, name, wanted)
    except csv.Error as error:
        raise Refused(f"{name}: line {reader.line_num} is not CSV: {error}") from None


def _read_lines(reader: Any, name: str, wanted: Wanted) -> Rows:
    first = [cell.strip() for cell in next(reader, [])]
    if not any(first):
        raise Refused(f"{name} is empty, or begins with an empty line")
    header: list[str] | None = None
    lines: Any = reader
    if all(_is_number(cell) for cell in first):
        if wanted.target is not None:
            raise Refused(f"{name} has no column {wanted.target!r}: the first line must name the columns")
        wanted.check_number(len(first), name)
        inputs, width = list(range(len(first))), len(first)
        lines = itertools.chain([first], reader)
    else:
        header = first
        inputs, width = wanted.inputs(header, name), len(header)
    target = None if wanted.target is None or header is None else header.index(wanted.target)
    numbers, classes = array.array("d"), []
    for row in lines:
        if not row:
            continue
        if len(row) != width:
            raise Refused(f"{name}: line {reader.line_num} has {len(row)} cells, the first line {width}")
        try:
            cells = [float(row[i]) for i in inputs]
        except ValueError:
            cells = [math.nan]
        if not all(map(math.isfinite, cells)):
            i = next(i for i in inputs if not _is_finite(row[i]))
            column = f"column {header[i]!r}" if header else f"cell {i + 1}"
            raise Refused(
                f"{name}: line {reader.line_num}: {column} holds {row[i][:40]!r}; expected a number"
                + ("; --ignore leaves a column out" if header else "")
            )
        numbers.extend(cells)
        if target is not None:
            classes.append(row[target].strip())
            if not classes[-1]:
                raise Refused(f"{name}: line {reader.line_num} has no {wanted.target}, the class")
    if not numbers:
        raise Refused(f"{name} has no rows of numbers")
    X = np.frombuffer(numbers).reshape(-1, len(inputs))
    return Rows(
        None if header is None else [header[i] for i in inputs], X, None if target is None else classes
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_finite(cell: str) -> bool:
    return _is_number(cell) and math.isfinite(float(cell))


# ---- Parquet ----


def _read_parquet(path: str, wanted: Wanted) -> Rows:
    try:
        import pyarrow as pa  # noqa: PLC0415  (an extra)
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise Refused('Parquet needs pyarrow: pip install "cbackprop[command]"') from None
    with open(path, "rb"):  # an error of the system, if it cannot be read
        pass
    try:
        file = pq.ParquetFile(path)
        header = list(file.schema_arrow.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Refused(f"{path} is not an intact Parquet file: {error}") from None
    columns = [header[i] for i in wanted.inputs(header, path)]
    try:
        table = file.read([*columns, *([] if wanted.target is None else [wanted.target])])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Refused(f"{path} is not an intact Parquet file: {error}") from None
    if table.num_rows == 0:
        raise Refused(f"{path} has no rows")
    X = np.empty((table.num_rows, len(columns)))
    for j, column in enumerate(columns):
        X[:, j] = _parquet_numbers(table[column], f"{path}: column {column!r}", pa)
    classes = None
    if wanted.target is not None:
        classes = [_class_name(value, path, wanted.target) for value in table[wanted.target].to_pylist()]
    return Rows(columns, X, classes)


def _parquet_numbers(column: Any, name: str, pa: Any) -> NDArray[np.float64]:
    kind = column.type
    if not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    ):
        raise Refused(f"{name} is of {kind}; expected numbers; --ignore leaves a column out")
    if column.null_count:
        raise Refused(f"{name} has {column.null_count} rows without a number; expected one in each")
    numbers = np.array(column.to_pylist(), np.float64)
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        raise Refused(f"{name} holds {numbers[row]} in row {row + 1}; expected finite numbers")
    return numbers


def _class_name(value: Any, path: str, target: str) -> str:
    """A class as text. A whole number of any type is written as one, as CSV has it."""
    if value is None:
        raise Refused(f"{path} has a row without {target}, the class")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, (str, bool, int, float)):
        raise Refused(f"{path}: {target} holds {type(value).__name__}; expected texts or numbers as classes")
    return str(value).strip()
