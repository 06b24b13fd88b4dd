"""Cuts the sample of MNIST that ships in the package.

Usage: python bench/make_sample.py MNIST [OUTPUT]

MNIST is what ``cbackprop.mnist_loader.load_data`` reads: mnist.pkl.gz, mnist.npz or the folder of
the IDX files. Every tenth image of each of the book's three parts goes into the sample: the
parts are not in random order (the first half of the test images is easier than the second), so
the first thousand would flatter the network. OUTPUT is an npz as Keras has it, the 5,000
training images first and the 1,000 validation images after them in x_train and y_train.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

from cbackprop import mnist_loader

STEP = 10
OUTPUT = Path(__file__).parents[1] / "cbackprop" / "data" / "mnist_sample.npz"


def cut(parts):
    """Return every tenth image and label of the book's parts as Keras' four arrays of bytes."""
    # float32 holds a byte divided by 256 exactly, so this gives back the byte.
    x = [(images[::STEP] * 256).astype(np.uint8).reshape(-1, 28, 28) for images, _ in parts]
    y = [labels[::STEP].astype(np.uint8) for _, labels in parts]
    return {
        "x_train": np.concatenate(x[:2]),
        "y_train": np.concatenate(y[:2]),
        "x_test": x[2],
        "y_test": y[2],
    }


def write_npz(path, arrays):
    """Write arrays as np.savez_compressed does, packed harder and with no date in it."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            npy = io.BytesIO()
            np.save(npy, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, npy.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


def main():
    """Read the command line and write the sample."""
    parser = argparse.ArgumentParser(description="Cut the package's sample of MNIST.")
    parser.add_argument("mnist", help="mnist.pkl.gz, mnist.npz or the folder of the IDX files")
    parser.add_argument("output", nargs="?", default=OUTPUT, help="default: %(default)s")
    options = parser.parse_args()
    arrays = cut(mnist_loader.load_data(options.mnist))
    write_npz(options.output, arrays)
    for name in ("y_train", "y_test"):
        counts = ", ".join(f"{count}" for count in np.bincount(arrays[name]))
        print(f"{name}: {len(arrays[name])} digits, of 0 to 9 in turn {counts}")
    print(f"{options.output}: {Path(options.output).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
