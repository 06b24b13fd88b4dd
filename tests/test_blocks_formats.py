"""`block` with HDF5, Zarr, Parquet and Arrow files, and Dask arrays: the bits of arrays in memory."""

import itertools
import os
import threading

import numpy as np
import pytest

from cbackprop import network, network2

DRAW = np.random.default_rng(2)
N, BLOCK = 503, 32
X, Y = DRAW.random((N, 20), np.float32), DRAW.integers(0, 4, N)
OPTIONS = {"random_state": 7, "verbose": False, "block": BLOCK, "window": 3}


def library(name, extra):
    return pytest.importorskip(name, reason=f"{name}, of the extra `{extra}`, is not installed")


@pytest.fixture(autouse=True)
def no_thread_of_ours_is_left():
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "cbackprop-reader"]


def trained(data, net=None, epochs=2, **options):
    net = network.Network([20, 8, 4], random_state=1) if net is None else net
    net.SGD(data, epochs, 10, 0.5, **(OPTIONS | options))
    return net


def bits(net):
    return [array.tobytes() for array in (*net.weights, *net.biases)]


def refused(data, message, kind=ValueError, **options):
    """Whether the data are refused so, with nothing changed."""
    net = network.Network([20, 8, 4], random_state=1)
    before = bits(net)
    with pytest.raises(kind, match=message):
        trained(data, net, **options)
    assert bits(net) == before


IN_MEMORY = bits(trained((X, Y)))


# ---- HDF5 ----


@pytest.fixture
def hdf5(tmp_path):
    h5py = library("h5py", "hdf5")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["X"], file["Y"] = X, Y
        file.create_dataset("packed", data=X.astype(">f4"), chunks=(50, 20), compression="gzip")
        file["wide"] = X[:, 1:]
        file["texts"] = [b"a"] * N
        file.create_dataset("lists", (N, 20), h5py.vlen_dtype(np.float32))
        file["empty"] = X[:0]
        file.create_dataset("growing", data=X, maxshape=(None, 20))
        file["nothing"] = h5py.Empty("f4")
    with h5py.File(tmp_path / "data.h5", "r+") as file:
        yield file


def test_hdf5(hdf5):
    for name in ("X", "packed", "growing"):
        assert bits(trained((hdf5[name], hdf5["Y"]))) == IN_MEMORY
        assert bits(trained((hdf5[name], Y))) == IN_MEMORY
    whole = network.Network([20, 8, 4], random_state=1)
    whole.SGD((hdf5["X"], hdf5["Y"]), 1, 10, 0.5, verbose=False, random_state=1)  # read whole, as any array
    other = network.Network([20, 8, 4], random_state=1)
    other.SGD((X, Y), 1, 10, 0.5, verbose=False, random_state=1)
    assert bits(whole) == bits(other)


def test_what_is_wrong_with_hdf5(hdf5):
    refused((hdf5["wide"], Y), r"X has shape \(503, 19\)")
    refused((hdf5["X"], hdf5["texts"]), "Y has dtype", TypeError)
    refused((hdf5["lists"], Y), "X has dtype object", TypeError)
    refused((hdf5["empty"], hdf5["Y"]), r"Y has shape \(503,\)")
    refused((hdf5["nothing"], Y), "X", (TypeError, ValueError))
    refused((hdf5, Y), "X is File", TypeError)
    dataset = hdf5["X"]

    def harm(net, entry):
        hdf5["growing"].resize(100, axis=0)

    with pytest.raises(ValueError, match=r"X \(.*data.h5\), rows .* it has shape \(100, 20\)"):
        trained((hdf5["growing"], Y), callbacks=[harm])
    hdf5.close()
    refused((dataset, Y), "training_data: X cannot be read")


def test_a_damaged_chunk_of_hdf5_names_the_rows(tmp_path):
    h5py = library("h5py", "hdf5")
    name = tmp_path / "data.h5"
    with h5py.File(name, "w") as file:
        dataset = file.create_dataset("X", data=X, chunks=(50, 20), compression="gzip")
        place = dataset.id.get_chunk_info(7).byte_offset
    with open(name, "r+b") as file:
        file.seek(place)
        file.write(b"\0" * 100)
    with (
        h5py.File(name) as file,
        pytest.raises((OSError, ValueError), match=r"X \(.*data.h5\), rows \d+ to \d+"),
    ):
        trained((file["X"], Y))


# ---- Zarr ----


@pytest.fixture
def stored(tmp_path):
    zarr = library("zarr", "zarr")

    def store(array, name="X.zarr"):
        stored = zarr.open(
            str(tmp_path / name),
            mode="w",
            shape=array.shape,
            chunks=(50, *array.shape[1:]),
            dtype=array.dtype,
        )
        stored[:] = array
        return zarr.open(str(tmp_path / name), mode="r")

    return store


def test_zarr(stored):
    assert bits(trained((stored(X), stored(Y, "Y.zarr")))) == IN_MEMORY
    assert bits(trained((stored(X.astype(">f4")), Y))) == IN_MEMORY
    refused((stored(X[:, 1:]), Y), r"X has shape \(503, 19\)")
    refused((stored(X[:99]), Y), r"Y has shape \(503,\)")


def test_a_damaged_chunk_of_zarr_names_the_rows(stored, tmp_path):
    data = stored(X)
    files = [path for path in (tmp_path / "X.zarr").rglob("*") if path.is_file() and "json" not in path.name]
    files = [path for path in files if not path.name.startswith(".z")]
    assert len(files) == 11
    sorted(files)[6].write_bytes(b"no chunk")
    with pytest.raises((OSError, ValueError), match=r"X \(.*X.zarr.*\), rows \d+ to \d+"):
        trained((data, Y))


# ---- Parquet and Arrow ----


@pytest.fixture
def pa():
    library("pyarrow", "parquet")
    import pyarrow  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    return pyarrow


def as_table(pa, X=X, Y=Y, **more):
    columns = {f"x{j}": X[:, j] for j in range(X.shape[1])}
    return pa.table({"label": Y, **columns, **more})


def parquet(pa, path, table, rows=BLOCK):
    pa.parquet.write_table(table, path, row_group_size=rows)
    return str(path)


def arrow(pa, path, table, rows=BLOCK, **options):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


def as_lists(pa, X=X, Y=Y):
    return pa.table(
        {"label": Y, "pixels": pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])}
    )


def test_parquet_and_arrow(pa, tmp_path):
    table = as_table(pa)
    assert bits(trained((parquet(pa, tmp_path / "a.parquet", table), "label"))) == IN_MEMORY
    assert bits(trained((parquet(pa, tmp_path / "b.pq", as_lists(pa), 8), "label"))) == IN_MEMORY
    assert bits(trained((arrow(pa, tmp_path / "a.arrow", table), "label"))) == IN_MEMORY
    packed = pa.ipc.IpcWriteOptions(compression="zstd")
    name = os.fsencode(arrow(pa, tmp_path / "b.feather", as_lists(pa), options=packed))
    assert bits(trained((name, "label"))) == IN_MEMORY


def test_several_files(pa, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    cuts = [0, 160, 320, 480, N]
    names = [
        parquet(pa, folder / f"part-{i}.parquet", as_table(pa, X[start:stop], Y[start:stop]))
        for i, (start, stop) in enumerate(itertools.pairwise(cuts))
    ]
    assert bits(trained((folder, "label"))) == IN_MEMORY
    assert bits(trained((names, "label"))) == IN_MEMORY
    parquet(pa, folder / "part-9.parquet", as_table(pa, X[:9].astype(float), Y[:9]))
    refused((folder, "label"), "part-9.parquet has other columns than")


def test_row_groups_of_any_length_are_blocks(pa, tmp_path):
    table = as_table(pa)
    for rows in (1, 7, 200, N):
        name = parquet(pa, tmp_path / "a.parquet", table, rows)
        net = trained((name, "label"), block=max(rows, 20))
        assert net.cost(X, np.eye(4)[Y]) < 0.5
    refused((name, "label"), "row group 0 has 503 rows, and block is 100", block=100)


def test_targets_in_columns(pa, tmp_path):
    Z = np.eye(4)[Y]
    more = {f"y{k}": Z[:, k] for k in range(4)}
    table = as_table(pa, **more).drop_columns("label")
    name = parquet(pa, tmp_path / "a.parquet", table)
    assert bits(trained((name, list(more)))) == IN_MEMORY
    numbers = parquet(pa, tmp_path / "b.parquet", as_table(pa, Y=Y / 4))
    net = network2.Network([20, 5, 1], network2.QuadraticCost, random_state=1)
    other = network2.Network([20, 5, 1], network2.QuadraticCost, random_state=1)
    assert bits(trained((numbers, "label"), net)) == bits(trained((X, Y / 4), other))
    refused((numbers, "label"), "Y has dtype float64", TypeError)


def test_a_data_frame_written_by_pandas(pa, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(X, columns=[f"x{j}" for j in range(20)]).assign(label=Y)
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=BLOCK)
    assert bits(trained((tmp_path / "a.parquet", "label"))) == IN_MEMORY
    frame.set_index(np.arange(N)[::-1]).to_parquet(tmp_path / "b.parquet", row_group_size=BLOCK)
    assert bits(trained((tmp_path / "b.parquet", "label"))) == IN_MEMORY  # the index is no input


def test_what_is_wrong_with_tables(pa, tmp_path):
    def file(**more):
        return parquet(pa, tmp_path / "a.parquet", as_table(pa, X[:, :-1], **more))

    column = X[:, -1].tolist()
    refused(
        (file(last=[None, *column[1:]]), "label"), r"rows 0 to 7: column 'last' has 1 rows without a number"
    )
    refused((file(last=[str(x) for x in column]), "label"), "column 'last' is of string", TypeError)
    refused((file(last=[[x] for x in column]), "label"), "'last' is of list.*(fixed_size_list)", TypeError)
    refused((file(last=[{"x": x} for x in column]), "label"), "column 'last' is of struct", TypeError)
    refused(
        (file(last=pa.array(["a"] * N).dictionary_encode()), "label"), "number the classes from 0", TypeError
    )
    refused((file(last=pa.nulls(N)), "label"), "column 'last' is of null", TypeError)
    refused((file(), "label"), r"X has shape \(503, 19\)")
    refused((file(last=column), "class"), "it has no columns 'class'; its columns are label, x0")
    refused((file(last=column), 3), "the column with y is 3", TypeError)
    refused((file(last=column), []), r"the column with y is \[\]", TypeError)
    refused(
        (
            arrow(pa, tmp_path / "0.arrow", as_table(pa, last=pa.array([[]] * N, pa.list_(pa.float32(), 0)))),
            "label",
        ),
        "column 'last' is of fixed_size_list<.*>.0., lists without numbers",
        TypeError,
    )
    refused((file(last=column), Y), r"the column with y is array\(.{,40}; expected its name", TypeError)
    missing = pa.FixedSizeListArray.from_arrays(pa.array([None, *[0.5] * (N * 20 - 1)]), 20)
    lists = parquet(pa, tmp_path / "b.parquet", pa.table({"label": Y, "x": missing}))
    refused((lists, "label"), "column 'x' has lists with a number missing")
    twice = pa.table([Y, *X.T, Y], ["label", *(f"x{j}" for j in range(20)), "label"])
    refused((arrow(pa, tmp_path / "a.arrow", twice), "label"), "it has several columns 'label'")
    refused((parquet(pa, tmp_path / "c.parquet", as_table(pa)[:0]), "label"), "training_data has no rows")
    refused((tmp_path / "none.parquet", "label"), "none.parquet", FileNotFoundError)
    (tmp_path / "d.parquet").write_bytes(b"PAR1 no more")
    refused((tmp_path / "d.parquet", "label"), "d.parquet")
    (tmp_path / "d.arrow").write_bytes(b"ARROW1")
    refused((tmp_path / "d.arrow", "label"), "d.arrow")
    (tmp_path / "empty").mkdir()
    refused((tmp_path / "empty", "label"), "empty has no Parquet or Arrow files")
    wrong = parquet(pa, tmp_path / "e.parquet", as_table(pa, Y=np.where(np.arange(N) == 400, 4, Y)))
    with pytest.raises(ValueError, match=r"Y\[400\] \(.*e.parquet\) is 4; .*labels must be 0 to 3"):
        trained((wrong, "label"))


@pytest.mark.parametrize("how", ["damaged", "written again", "replaced"])
def test_a_parquet_file_that_changes_between_epochs(how, pa, tmp_path):
    name = parquet(pa, tmp_path / "a.parquet", as_table(pa))
    place = pa.parquet.ParquetFile(name).metadata.row_group(9).column(3).data_page_offset

    def harm(net, entry):
        if how == "damaged":
            status = os.stat(name)
            with open(name, "r+b") as file:
                file.seek(place)
                file.write(b"\xff" * 40)
            os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns))
        elif how == "written again":
            parquet(pa, name, as_table(pa))
        else:
            os.replace(parquet(pa, tmp_path / "b.parquet", as_table(pa)), name)

    with pytest.raises((ValueError, OSError), match=r"training_data: .*a.parquet, rows \d+ to \d+"):
        trained((name, "label"), callbacks=[harm])


def test_a_file_with_thousands_of_columns(pa, tmp_path):
    """Their names are asked for once: pyarrow makes the whole list each time."""
    name = parquet(pa, tmp_path / "a.parquet", as_table(pa))
    asked, schema_of = [], pa.parquet.ParquetFile.schema_arrow

    class Schema:
        def __init__(self, schema):
            self.schema, self.pandas_metadata = schema, schema.pandas_metadata

        def __iter__(self):
            return iter(self.schema)

        @property
        def names(self):
            asked.append(1)
            return self.schema.names

    class ParquetFile(pa.parquet.ParquetFile):
        @property
        def schema_arrow(self):
            return Schema(schema_of.fget(self))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pa.parquet, "ParquetFile", ParquetFile)
        trained((name, "label"))
    assert len(asked) == 1


# ---- Dask ----


def test_dask():
    array = pytest.importorskip("dask.array", reason="dask.array, of the extra `dask`, is not installed")
    lazy = array.from_array(X, chunks=(50, 20)), array.from_array(Y, chunks=50)
    assert bits(trained(lazy)) == IN_MEMORY
    refused((lazy[0][lazy[0][:, 0] > 0.5], lazy[1]), "X", (TypeError, ValueError))  # of unknown length


def test_partial_fit_takes_the_blocks_of_dask_arrays():
    array = pytest.importorskip("dask.array", reason="dask.array, of the extra `dask`, is not installed")
    library("sklearn", "sklearn")
    from cbackprop.sklearn import MLPClassifier, MLPRegressor  # noqa: PLC0415

    lazy = array.from_array(X, chunks=(100, 20)), array.from_array(Y, chunks=100)
    for estimator, options in ((MLPClassifier, {"classes": range(4)}), (MLPRegressor, {})):
        models = [estimator(hidden_layer_sizes=(8,), random_state=0) for _ in range(2)]
        for i, (block, labels) in enumerate(zip(lazy[0].blocks, lazy[1].blocks)):
            assert isinstance(block, array.Array)
            models[0].partial_fit(block, labels, **options)
            models[1].partial_fit(X[100 * i : 100 * i + 100], Y[100 * i : 100 * i + 100], **options)
        for one, other in zip(models[0].coefs_, models[1].coefs_):
            np.testing.assert_array_equal(one, other)
