"""Images of digits, made as MNIST has them, so that a network trained on MNIST reads them.

MNIST's images are light on dark, 20 pixels tall or wide, and centred by their mass in 28 × 28 pixels. A
photograph or a drawing is none of this, and a network reads it no better than by chance. `read_digit` does
what the makers of MNIST did. Files need Pillow (``pip install "cbackprop[images]"``), arrays NumPy alone.
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    _Image: TypeAlias = str | bytes | os.PathLike[str] | IO[bytes] | NDArray[Any]

__all__ = ["read_digit", "read_digits"]

SIDE = 28  # of an image of MNIST
BOX = 20  # the longer side of a digit in it
CENTRE = 14  # where the centre of mass is, counting pixels from 0; MNIST rounds to whole pixels
FORMATS = ("PNG", "JPEG")
MOST_PIXELS = 2**26  # more than any camera's
LEAST_CONTRAST = 16  # grey levels between background and ink; compression alone makes some of them
FAINTEST_INK = 0.15  # of the darkest: below are shadows, and what JPEG adds around an edge
RGB_TO_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in Pillow


def read_digit(image: _Image) -> NDArray[np.float64]:
    """An image of one digit as MNIST would have it: a column for `feedforward`.

    The image is made grey and, if it is dark on light, inverted. What differs from the colour of its border
    is cropped, scaled to 20 pixels (the longer side, with antialiasing), and placed in 28 × 28 pixels with
    its centre of mass in the middle. The darkest ink becomes 255, and all is divided by 256, as
    `cbackprop.mnist_loader` does. An image that is made so already stays as it is: those of MNIST do, bit for
    bit, but for a few in 10,000.

    Parameters
    ----------
    image : path, binary file, or array
        A PNG or JPEG, of any size and colours. Transparent pixels are white, or black if the digit is white.
        Or an array (height, width) of grey values, or (height, width, 3 or 4) of red, green, blue and perhaps
        opacity: bool, integers from 0 to 255, uint16, or floats from 0 to 1 or from 0 to 255.

    Returns
    -------
    ndarray, (784, 1), float64
        From 0 for the background to 255/256 for ink.

    Raises
    ------
    ValueError
        If the file is not an intact PNG or JPEG or has more than 67 million pixels, if the array has another
        shape or other numbers, or if the image is blank. The message names the file.
    TypeError
        If `image` is none of these, or an array of another type.
    OSError
        If the file cannot be read.
    ImportError
        If `image` is a file, and Pillow is missing.
    """
    name, pixels = _pixels(image)
    for background in (255, 0):
        grey = _grey(pixels, background, name)
        if _is_mnists(grey):
            return (grey / 256).reshape(-1, 1)
        ink = _ink(grey)
        if ink is not None:
            return (_centred(_scaled(_cropped(ink))) / 256).reshape(-1, 1)
        if pixels.ndim == 2 or pixels.shape[2] == 3:
            break
    raise ValueError(f"{name} is blank: its greys differ by less than {LEAST_CONTRAST} of 255")


def read_digits(images: Iterable[_Image]) -> NDArray[np.float64]:
    """Several images of one digit each, one a row: for `predict`.

    Parameters
    ----------
    images : iterable
        Of what `read_digit` takes, which has the errors too.

    Returns
    -------
    ndarray, (n, 784), float64
    """
    if isinstance(images, (str, bytes, os.PathLike)):
        raise TypeError(f"images is {images!r}; expected a list of images: for one, pass [image]")
    rows = [read_digit(image).ravel() for image in images]
    return np.array(rows).reshape(len(rows), SIDE * SIDE)


# ---- reading ----


def _pixels(image: Any) -> tuple[str, NDArray[Any]]:
    """What errors call the image, and its pixels: (height, width), or (height, width, 3 or 4)."""
    if isinstance(image, (str, bytes, os.PathLike)):
        with open(image, "rb") as file:
            return _decoded(file, os.fsdecode(image))
    if hasattr(image, "read"):
        return _decoded(image, str(getattr(image, "name", "the image")))
    if not (isinstance(image, (list, tuple)) or hasattr(type(image), "__array__")):
        raise TypeError(f"image is {type(image).__name__}; expected a path, a binary file or an array")
    pixels = np.asarray(image)
    if pixels.dtype.kind not in "biuf":
        raise TypeError(f"image has dtype {pixels.dtype}; expected real numbers")
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))) or pixels.size == 0:
        hint = "; reshape it: image.reshape(28, 28)" if pixels.size == SIDE * SIDE else ""
        raise ValueError(
            f"image has shape {pixels.shape}; expected (height, width), or (height, width, 3 or 4) of "
            f"colours{hint}"
        )
    return "image", _levels(pixels)


def _levels(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Grey values or colours as floats from 0 to 255."""
    if pixels.dtype == np.uint16:
        return pixels / 257.0
    levels = pixels.astype(np.float64)
    lowest, largest = levels.min(), levels.max()
    if not (lowest >= 0 and largest <= 255):  # nor if one is NaN
        raise ValueError(
            f"image has numbers from {lowest:.6g} to {largest:.6g}; expected grey values from 0 to 255, or "
            f"from 0 to 1"
        )
    # The loader divides by 256: its images come back with their own greys.
    return np.minimum(levels * 256, 255) if largest <= 1 else levels


def _decoded(file: IO[bytes], name: str) -> tuple[str, NDArray[Any]]:
    try:
        Image, ImageOps = import_module("PIL.Image"), import_module("PIL.ImageOps")  # an extra
    except ImportError as error:
        raise ImportError('images in files need Pillow: pip install "cbackprop[images]"') from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes up to Pillow's limit: ours is less
            picture = Image.open(file, formats=FORMATS)
        width, height = picture.size
        if width * height <= MOST_PIXELS:
            picture = ImageOps.exif_transpose(picture)  # as the camera was held
            if picture.mode.startswith("I"):  # 16 bits of grey
                return name, np.asarray(picture) / 257.0
            is_grey = picture.mode in ("1", "L") and "transparency" not in picture.info
            return name, np.asarray(picture.convert("L" if is_grey else "RGBA"), np.float64)
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name} has too many pixels: {error}") from None
    except import_module("PIL").UnidentifiedImageError:
        raise ValueError(f"{name} is not a PNG or JPEG image") from None
    except Exception as error:  # on a damaged file, anything in Pillow can fail
        raise ValueError(f"{name} is not an intact image: {error}") from error
    raise ValueError(f"{name} has {width} × {height} pixels; expected at most {MOST_PIXELS:,}")


def _grey(pixels: NDArray[np.float64], background: float, name: str) -> NDArray[np.float64]:
    """The greys from 0 to 255; where the image is transparent, this background is seen."""
    if pixels.ndim == 2:
        return pixels
    grey = pixels[:, :, :3] @ np.array(RGB_TO_GREY)
    if pixels.shape[2] == 4:
        opacity = pixels[:, :, 3] / max(255.0, pixels[:, :, 3].max())
        grey = opacity * grey + (1 - opacity) * background
    return np.round(grey, 6)  # three equal colours are this grey


# ---- making it as MNIST has it ----


def _is_mnists(grey: NDArray[np.float64]) -> bool:
    """Whether the image is light on black, 20 pixels tall or wide, and centred to a whole pixel."""
    if grey.shape != (SIDE, SIDE) or grey.max() < 256 - LEAST_CONTRAST:
        return False
    box = _box(grey > 0)
    longest = max(side.stop - side.start for side in box)
    return longest == BOX and all(abs(at - CENTRE) <= 0.5 + 1e-9 for at in _centre_of_mass(grey))


def _ink(grey: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """How much each pixel differs from the background, from 0 to 255; None if there is no ink.

    The background is what most of the border shows. What differs no more than the border itself does, in 19
    of 20 pixels, is paper.
    """
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    background = np.median(border)
    darker, lighter = background - grey.min(), grey.max() - background
    if max(darker, lighter) < LEAST_CONTRAST:
        return None
    ink = background - grey if darker > lighter else grey - background
    noise = np.percentile(np.abs(border - background), 95)
    darkest = ink.max()
    faintest = FAINTEST_INK * darkest
    ink[ink < (max(noise, faintest) if noise < darkest / 2 else faintest)] = 0
    return ink * (255 / darkest)


def _box(is_ink: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns that hold ink."""
    sides = []
    for axis in (1, 0):
        places = np.flatnonzero(is_ink.any(axis=axis))
        sides.append(slice(places[0], places[-1] + 1))
    return sides[0], sides[1]


def _cropped(ink: NDArray[np.float64]) -> NDArray[np.float64]:
    return ink[_box(ink > 0)]


def _scaled(ink: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ink with 20 pixels along its longer side."""
    longest = max(ink.shape)
    height, width = (max(1, round(side * BOX / longest)) for side in ink.shape)
    return _resampling(ink.shape[0], height) @ ink @ _resampling(ink.shape[1], width).T


def _resampling(n: int, m: int) -> NDArray[np.float64]:
    """The matrix (m, n) that makes m pixels of a line of n.

    Of more pixels it takes the mean over the part that each new pixel covers, of fewer it interpolates.
    """
    new, old = np.arange(m)[:, np.newaxis], np.arange(n)
    scale = n / m
    if scale >= 1:
        covered = np.minimum(old + 1, (new + 1) * scale) - np.maximum(old, new * scale)
        weights = np.maximum(covered, 0)
    else:
        centre = np.clip((new + 0.5) * scale - 0.5, 0, n - 1)
        weights = np.maximum(1 - np.abs(old - centre), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def _centred(digit: NDArray[np.float64]) -> NDArray[np.float64]:
    """The digit in 28 × 28 pixels, moved by whole pixels so that its centre of mass is in the middle."""
    image = np.zeros((SIDE, SIDE))
    digit = np.rint(digit * (255 / digit.max()))
    first = [
        min(max(round(CENTRE - at), 0), SIDE - side) for at, side in zip(_centre_of_mass(digit), digit.shape)
    ]
    image[first[0] : first[0] + digit.shape[0], first[1] : first[1] + digit.shape[1]] = digit
    return image


def _centre_of_mass(image: NDArray[np.float64]) -> tuple[float, float]:
    """The mean row and the mean column of the ink."""
    mass = image.sum()
    rows, columns = image.sum(axis=1), image.sum(axis=0)
    return float(rows @ np.arange(len(rows)) / mass), float(columns @ np.arange(len(columns)) / mass)
