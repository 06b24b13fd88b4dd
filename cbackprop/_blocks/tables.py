"""Sources of rows: Parquet and Arrow files, by their names and that of the column with y."""

from __future__ import annotations

import bisect
import collections
import contextlib
import os
from reprlib import repr as short
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop._data import NUMBER_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

PARQUET, ARROW = (".parquet", ".pq"), (".arrow", ".feather", ".ipc")
MISSING = 'Parquet and Arrow files need pyarrow: pip install "cbackprop[parquet]"'


class Column(NamedTuple):
    """A column of numbers, or of lists that all have `width` numbers."""

    name: str
    dtype: np.dtype[Any]
    width: int | None


class Piece(NamedTuple):
    """What is read at once: a row group of a Parquet file, or a record batch of an Arrow file."""

    file: int
    number: int
    n: int


class Table:
    """Examples in files: every column but that, or those, of y is an input.

    Parameters
    ----------
    names : list of str
        The files, one after the other; a folder's are those in it, by their names.
    target : str, or list of str
        The column with y, or one for each output neuron.
    name : str
        What errors call the data.

    Raises
    ------
    ImportError, OSError, TypeError, ValueError
        If pyarrow is missing, or a file cannot be read or has other columns than numbers.
    """

    def __init__(self, names: list[str], target: Any, name: str) -> None:
        self.files = [file for each in names for file in files_of(each, name)]
        try:
            import pyarrow  # noqa: PLC0415  (an extra)
        except ImportError:
            raise ImportError(MISSING) from None
        self.pa, self.name = pyarrow, name
        self.y_where = self.files[0] if len(self.files) == 1 else f"{self.files[0]} …"
        self.identities: list[tuple[int, ...]] = []
        self.metadata: list[Any] = []  # of Parquet files, which take long to parse
        self.pieces: list[Piece] = []
        columns: list[Column] = []
        for i, file in enumerate(self.files):
            with self.naming(file):
                found = self.look_into(i, target)
            if columns and found != columns:
                raise ValueError(f"{name}: {file} has other columns than {self.files[0]}, or of other types")
            columns = found
        self.set_columns(columns, target)
        self.ends = [0]
        for piece in self.pieces:
            self.ends.append(self.ends[-1] + piece.n)
        self.n = self.ends[-1]
        self.shapes = (self.n, self.n_columns), (self.n, *self.y_shape)

    def set_columns(self, columns: list[Column], target: Any) -> None:
        """Find X and Y among the columns."""
        targets = [target] if isinstance(target, str) else list(target)
        self.of_x = [column for column in columns if column.name not in targets]
        self.of_y = [next(column for column in columns if column.name == each) for each in targets]
        if not self.of_x:
            raise ValueError(f"{self.name}: {self.files[0]} has no columns beside {', '.join(targets)}")
        self.x_dtype = np.result_type(*(column.dtype for column in self.of_x))
        self.y_dtype = np.result_type(*(column.dtype for column in self.of_y))
        self.n_columns = sum(column.width or 1 for column in self.of_x)
        is_single = isinstance(target, str) and self.of_y[0].width is None
        self.y_shape: tuple[int, ...] = () if is_single else (sum(column.width or 1 for column in self.of_y),)

    # ---- what is in a file ----

    def look_into(self, i: int, target: Any) -> list[Column]:
        """Note the pieces of file i; return its columns."""
        file = self.files[i]
        if isinstance(target, str):
            targets = [target]
        elif isinstance(target, (list, tuple)) and target and all(isinstance(each, str) for each in target):
            targets = list(target)
        else:
            raise TypeError(f"the column with y is {short(target)}; expected its name, or a list of names")
        with open(file, "rb") as stream:
            self.identities.append(identity(stream))
            if file.lower().endswith(ARROW):
                schema = self.pa.ipc.open_file(stream).schema
            else:
                import pyarrow.parquet  # noqa: PLC0415

                parquet = pyarrow.parquet.ParquetFile(stream)
                schema = parquet.schema_arrow
                self.metadata.append(parquet.metadata)
                lengths = [
                    parquet.metadata.row_group(k).num_rows for k in range(parquet.metadata.num_row_groups)
                ]
        names = schema.names  # a list that is made anew each time
        counts = collections.Counter(names)
        for each in (*targets, *names):
            if counts[each] != 1:
                many = "several" if counts[each] else "no"
                raise ValueError(f"it has {many} columns {each!r}; its columns are {listed(names)}")
        if file.lower().endswith(ARROW):
            self.metadata.append(None)
            lengths = self.lengths_of_batches(file, names.index(targets[0]))
        self.pieces += [Piece(i, k, n) for k, n in enumerate(lengths) if n]
        index = set(index_of_pandas(schema)) - set(targets)
        return [self.column_of(field) for field in schema if field.name not in index]

    def lengths_of_batches(self, file: str, column: int) -> list[int]:
        """The number of rows of each record batch; of one column alone, as it has to be read for this."""
        options = self.pa.ipc.IpcReadOptions(included_fields=[column], use_threads=False)
        with self.pa.OSFile(file) as stream, self.pa.ipc.open_file(stream, options=options) as reader:
            return [reader.get_batch(k).num_rows for k in range(reader.num_record_batches)]

    def column_of(self, field: Any) -> Column:
        """A column of the schema. A TypeError if it does not hold numbers."""
        types, kind, width = self.pa.types, field.type, None
        if types.is_fixed_size_list(kind):
            kind, width = kind.value_type, kind.list_size
        if width == 0:
            raise TypeError(f"column {field.name!r} is of {field.type}, lists without numbers")
        if types.is_boolean(kind):
            return Column(field.name, np.dtype(bool), width)
        if not (types.is_integer(kind) or types.is_floating(kind)):
            hint = f"; {NUMBER_CLASSES}" if types.is_string(kind) or types.is_dictionary(kind) else ""
            if types.is_list(kind) or types.is_large_list(kind):
                hint = ", whose type says it (fixed_size_list)"
            raise TypeError(
                f"column {field.name!r} is of {field.type}; expected numbers, or lists of one length{hint}"
            )
        return Column(field.name, np.dtype(kind.to_pandas_dtype()), width)

    # ---- reading ----

    def expect(self, start: int, stop: int) -> None:
        """See `cbackprop._blocks.data.Examples`. Nothing is done."""

    def starts(self, block: int) -> NDArray[np.int64]:
        """Blocks are whole pieces, as many as have at most `block` rows together."""
        starts = [0]
        for i, piece in enumerate(self.pieces):
            if piece.n > block:
                raise ValueError(
                    f"{self.name}: {self.files[piece.file]}: row group {piece.number} has {piece.n} rows, "
                    f"and block is {block}. It is read whole: pass a larger block, or write smaller row "
                    f"groups (row_group_size of pandas and pyarrow)"
                )
            if self.ends[i + 1] - starts[-1] > block:
                starts.append(self.ends[i])
        return np.array([*starts, self.n], np.int64)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Callable[[int, int, NDArray[Any], NDArray[Any]], None]]:
        """See `cbackprop._blocks.data.Examples`. Of thousands of files, only one is open at a time."""
        yield self.read

    def read(self, start: int, stop: int, X: NDArray[Any], Y: NDArray[Any]) -> None:
        """Read the rows start … stop − 1."""
        i = bisect.bisect_right(self.ends, start) - 1
        while start < stop:
            piece, first = self.pieces[i], start - self.ends[i]
            n = min(piece.n - first, stop - start)
            with self.naming(f"{self.files[piece.file]}, rows {start} to {start + n - 1}"):
                table = self.read_piece(piece)
                if table.num_rows != piece.n:
                    raise ValueError(f"it has {table.num_rows} rows there; expected {piece.n}")
                rows = table.slice(first, n)
                fill(X[:n], rows, self.of_x, self.pa)
                fill(Y[:n].reshape(n, -1), rows, self.of_y, self.pa)
            start, X, Y, i = start + n, X[n:], Y[n:], i + 1

    def read_piece(self, piece: Piece) -> Any:
        """The piece as a pyarrow.Table."""
        import pyarrow.parquet  # noqa: PLC0415

        with open(self.files[piece.file], "rb") as stream:
            if identity(stream) != self.identities[piece.file]:
                raise ValueError("it is not the file that it was when SGD was called")
            metadata = self.metadata[piece.file]
            if metadata is None:
                options = self.pa.ipc.IpcReadOptions(use_threads=False)
                batch = self.pa.ipc.open_file(stream, options=options).get_batch(piece.number)
                return self.pa.Table.from_batches([batch])
            file = pyarrow.parquet.ParquetFile(stream, metadata=metadata)
            return file.read_row_group(piece.number, use_threads=False)

    @contextlib.contextmanager
    def naming(self, what: str) -> Iterator[None]:
        """Have errors name the file."""
        try:
            yield
        except MemoryError:
            raise
        except OSError as error:
            if error.errno is None:  # pyarrow's, of a damaged file
                raise ValueError(f"{self.name}: {what} cannot be read: {error}") from error
            raise OSError(error.errno, f"{self.name}: {what}: {error.strerror}") from error
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.name}: {what}: {error}") from error
        except self.pa.ArrowException as error:
            raise ValueError(f"{self.name}: {what} cannot be read: {error}") from error


def identity(stream: Any) -> tuple[int, ...]:
    """What tells a file from others, and from what it was before it was written again."""
    status = os.fstat(stream.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def files_of(file: str, name: str) -> list[str]:
    """The file, or the files in a folder, in the order of their names."""
    if os.path.isdir(file):
        inside = sorted(os.listdir(file))
        files = [os.path.join(file, each) for each in inside if each.lower().endswith(PARQUET + ARROW)]
        if not files:
            raise ValueError(f"{name}: {file} has no Parquet or Arrow files ({', '.join(PARQUET + ARROW)})")
        return files
    if not file.lower().endswith(PARQUET + ARROW):
        endings = ", ".join(PARQUET + ARROW)
        raise ValueError(f"{name}: {file} is no Parquet or Arrow file by its name ({endings})")
    return [file]


def index_of_pandas(schema: Any) -> list[str]:
    """The columns that are the index of a DataFrame, which pandas wrote beside its columns."""
    metadata = schema.pandas_metadata
    columns = metadata.get("index_columns") if isinstance(metadata, dict) else None
    return [each for each in columns if isinstance(each, str)] if isinstance(columns, list) else []


def fill(out: NDArray[Any], rows: Any, columns: list[Column], pa: Any) -> None:
    """Write these columns into a matrix, one beside the other."""
    j = 0
    for column in columns:
        width = column.width or 1
        values = rows.column(column.name)
        if values.null_count:
            raise ValueError(f"column {column.name!r} has {values.null_count} rows without a number")
        numbers = [numbers_in(chunk, column, pa) for chunk in values.chunks]
        out[:, j : j + width] = numbers[0] if len(numbers) == 1 else np.concatenate(numbers)
        j += width


def numbers_in(chunk: Any, column: Column, pa: Any) -> NDArray[Any]:
    """The numbers of a part of a column, a row for each row."""
    if column.width is not None:
        chunk = chunk.flatten()
        if chunk.null_count:
            raise ValueError(f"column {column.name!r} has lists with a number missing")
    numbers = chunk.to_numpy(zero_copy_only=False)
    if numbers.dtype != column.dtype:
        raise TypeError(f"column {column.name!r} has {numbers.dtype} there; expected {column.dtype}")
    return numbers.reshape(-1, column.width or 1)


def listed(names: Sequence[str]) -> str:
    """The first of many names."""
    more = len(names) - 8
    return ", ".join(names[:8]) + (f" and {more} more" if more > 0 else "")
