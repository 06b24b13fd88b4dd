"""Images of digits become what MNIST has, and networks trained on MNIST read them."""

import io
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cbackprop import mnist_loader, network
from cbackprop.images import read_digit, read_digits

MNIST = os.environ.get("CBACKPROP_MNIST")
WHOLE = pytest.mark.skipif(not MNIST, reason="needs all of MNIST: CBACKPROP_MNIST")


def drawn(ink=20, paper=250, at=(10, 12), shape=(60, 40), dtype=np.uint8):
    """A 7 of two bars, dark on light by default."""
    image = np.full(shape, paper, dtype)
    y, x = at
    image[y : y + 5, x : x + 18] = ink
    image[y : y + 36, x + 13 : x + 18] = ink
    return image


def parts_of_mnist(path):
    with pytest.warns(UserWarning) if path is None else open(os.devnull):
        return mnist_loader.load_data(path)


@pytest.fixture(scope="module")
def sample():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CBACKPROP_MNIST", raising=False)
        patch.chdir(Path(__file__).parent)
        with pytest.warns(UserWarning, match="sample"):
            return mnist_loader.load_data()


@pytest.fixture(scope="module")
def test_images(sample):
    """Images of MNIST's test set, and their digits."""
    X, labels = sample[2]
    return X.reshape(-1, 28, 28), labels


def trained(data):
    """The book's first network, as chapter 1 trains it."""
    X, labels = data[0]
    random.seed(0)
    net = network.Network([784, 30, 10], random_state=0)
    net.SGD((X, labels), 30, 10, 3.0, verbose=False)
    return net


@pytest.fixture(scope="module")
def of_the_sample(sample):
    return trained(sample)


@pytest.fixture(scope="module")
def of_mnist():
    return trained(mnist_loader.load_data(MNIST))


# ---- the form of the result ----


def assert_as_mnist_has_it(x):
    assert x.shape == (784, 1)
    assert x.dtype == np.float64
    greys = x * 256
    assert (greys == np.rint(greys)).all()
    assert greys.min() == 0
    assert greys.max() == 255
    image = x.reshape(28, 28)
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for at in (image.sum(axis=1) @ np.arange(28), image.sum(axis=0) @ np.arange(28)):
        assert abs(at / image.sum() - 14) <= 0.51


@pytest.mark.parametrize("ink, paper", [(20, 250), (250, 20), (0, 255), (255, 0), (90, 140), (140, 90)])
def test_a_digit_has_mnists_form_in_any_colours(ink, paper):
    x = read_digit(drawn(ink, paper))
    assert_as_mnist_has_it(x)
    assert np.array_equal(x, read_digit(drawn()))


@pytest.mark.parametrize("at", [(0, 0), (24, 22), (3, 15)])
def test_where_the_digit_is_does_not_matter(at):
    assert np.array_equal(read_digit(drawn(at=at)), read_digit(drawn()))


def test_how_large_it_is_does_not_matter():
    large = drawn().repeat(3, axis=0).repeat(3, axis=1)
    assert np.abs(read_digit(large) - read_digit(drawn())).max() <= 1 / 256


@pytest.mark.parametrize("width", [1, 3, 200])
def test_the_aspect_ratio_is_kept(width):
    image = np.zeros((300, 300), np.uint8)
    image[50:250, 20 : 20 + width] = 255
    found = read_digit(image).reshape(28, 28)
    assert_as_mnist_has_it(read_digit(image)) if width < 200 else None
    assert np.ptp(np.flatnonzero(found.any(axis=1))) + 1 == 20
    assert np.ptp(np.flatnonzero(found.any(axis=0))) + 1 == max(1, round(width / 10))


def test_enlarged_digits_are_interpolated():
    image = np.zeros((8, 6), np.uint8)
    image[1:7, 2:4] = 255
    found = read_digit(image).reshape(28, 28)
    assert np.ptp(np.flatnonzero(found.any(axis=1))) + 1 == 20


@pytest.mark.parametrize(
    "image",
    [
        drawn(True, False, dtype=bool),
        drawn(1, 0, dtype=np.int64),
        drawn(1.0, 0.0, dtype=float),
        drawn(255.0, 0.0, dtype=np.float32),
        drawn(65535, 0, dtype=np.uint16),
        drawn(255, 0, dtype=">i4"),
        drawn().T.copy().T,
        drawn().tolist(),
        np.stack([drawn()] * 3, axis=2),
        np.stack([drawn()] * 3 + [np.full((60, 40), 255, np.uint8)], axis=2),
    ],
    ids=[
        "bool",
        "0 and 1",
        "0.0 to 1.0",
        "float32",
        "uint16",
        "big-endian",
        "Fortran",
        "lists",
        "RGB",
        "RGBA",
    ],
)
def test_arrays_of_every_type(image):
    assert np.array_equal(read_digit(image), read_digit(drawn()))


@pytest.mark.parametrize("colour", [0, 255])
def test_what_is_transparent_is_background(colour):
    """Black on nothing, white on nothing; the hidden colour of transparent pixels is not seen."""
    alpha = drawn(255, 0)
    image = np.dstack([np.full((60, 40, 3), colour, np.uint8), alpha])
    assert np.array_equal(read_digit(image), read_digit(drawn()))


def test_noise_and_shadows_are_not_ink():
    rng = np.random.default_rng(0)
    paper = drawn().astype(int) + rng.integers(-6, 6, (60, 40)) - np.arange(40) // 4
    assert np.abs(read_digit(paper.clip(0, 255)) - read_digit(drawn())).mean() < 0.02


def test_mnists_own_images_stay_as_they_are(test_images):
    X, _ = test_images
    same = [np.array_equal(read_digit(x).ravel(), x.ravel()) for x in X]
    assert np.mean(same) >= 0.998
    as_bytes = [np.array_equal(read_digit((x * 256).astype(np.uint8)).ravel(), x.ravel()) for x in X]
    assert as_bytes == same


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
@settings(max_examples=200, deadline=None)
def test_any_image_is_read_or_blank(image):
    try:
        x = read_digit(image)
    except ValueError as error:
        assert "is blank" in str(error)
    else:
        assert x.shape == (784, 1)
        assert np.isfinite(x).all()
        assert x.min() >= 0
        assert x.max() == 255 / 256 or image.shape == (28, 28)


def test_read_digits_has_a_row_for_each():
    rows = read_digits(iter([drawn(), drawn(at=(0, 0))]))
    assert rows.shape == (2, 784)
    assert np.array_equal(rows[:1].T, read_digit(drawn()))
    assert read_digits([]).shape == (0, 784)
    with pytest.raises(TypeError, match="pass \\[image\\]"):
        read_digits("one.png")


# ---- errors ----


@pytest.mark.parametrize(
    "image, kind, said",
    [
        (np.zeros((28, 28)), ValueError, "is blank"),
        (np.full((28, 28), 200, np.uint8), ValueError, "is blank"),
        (np.zeros((9, 9, 4), np.uint8), ValueError, "is blank"),
        (np.zeros((784, 1)), ValueError, "is blank"),
        (np.zeros(784), ValueError, r"has shape \(784,\); expected \(height, width\).*reshape\(28, 28\)"),
        (np.zeros((2, 28, 28)), ValueError, "has shape"),
        (np.zeros((0, 28)), ValueError, "has shape"),
        (np.zeros((28, 28, 2)), ValueError, "has shape"),
        (np.full((9, 9), -1.0), ValueError, "from -1 to -1; expected grey values"),
        (np.full((9, 9), 256), ValueError, "from 256 to 256"),
        (np.full((9, 9), np.nan), ValueError, "nan"),
        (drawn(np.inf, 0.0, dtype=float), ValueError, "inf"),
        (np.zeros((9, 9), complex), TypeError, "dtype complex128"),
        (np.zeros((9, 9), object), TypeError, "dtype object"),
        ([["a", "b"]], TypeError, "dtype"),
        (None, TypeError, "NoneType; expected a path"),
        (7, TypeError, "int; expected a path"),
    ],
)
def test_a_wrong_array_is_named(image, kind, said):
    with pytest.raises(kind, match=said):
        read_digit(image)


def test_without_pillow_arrays_are_read_and_files_say_what_to_install(tmp_path):
    (tmp_path / "one.png").write_bytes(b"")
    code = (
        "import sys; sys.modules['PIL'] = sys.modules['PIL.Image'] = None\n"
        "import numpy as np\n"
        "from cbackprop.images import read_digit\n"
        "read_digit(np.eye(30)); print('read')\n"
        "try: read_digit('one.png')\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == [
        "read",
        'images in files need Pillow: pip install "cbackprop[images]"',
    ]


# ---- files ----


@pytest.fixture
def pil():
    return pytest.importorskip("PIL.Image", reason='needs the extra "images"')


def test_files_are_read_as_their_arrays_are(pil, tmp_path):
    expected = read_digit(drawn())
    picture = pil.fromarray(drawn())
    for name, mode in (("grey.png", "L"), ("colour.png", "RGB"), ("alpha.png", "RGBA"), ("pal.png", "P")):
        picture.convert(mode).save(tmp_path / name)
        assert np.array_equal(read_digit(tmp_path / name), expected), name
        assert np.array_equal(read_digit(str(tmp_path / name)), expected)
        assert np.array_equal(read_digit(os.fsencode(tmp_path / name)), expected)
    pil.fromarray(drawn(1, 0, dtype=bool)).save(tmp_path / "bits.png")
    assert np.array_equal(read_digit(tmp_path / "bits.png"), expected)
    pil.fromarray(drawn(60000, 0, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert np.array_equal(read_digit(tmp_path / "deep.png"), expected)
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    picture.save(tmp_path / "grey.jpeg", quality=95)
    for name in ("cmyk.jpg", "grey.jpeg"):
        assert np.abs(read_digit(tmp_path / name) - expected).max() < 0.15
    assert np.array_equal(read_digit(io.BytesIO((tmp_path / "grey.png").read_bytes())), expected)


def test_a_transparent_colour_of_a_palette_is_background(pil, tmp_path):
    picture = pil.fromarray(drawn(0, 1)).convert("P")
    picture.putpalette([0, 0, 0, 0, 0, 0])
    picture.save(tmp_path / "pal.png", transparency=1)
    assert np.array_equal(read_digit(tmp_path / "pal.png"), read_digit(drawn()))


def test_a_photograph_is_turned_as_the_camera_was_held(pil, tmp_path):
    exif = pil.Exif()
    exif[0x0112] = 6
    pil.fromarray(np.rot90(drawn())).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert np.abs(read_digit(tmp_path / "turned.jpg") - read_digit(drawn())).max() < 0.15


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "not a PNG or JPEG"),
        (b"no image", "not a PNG or JPEG"),
        (b"GIF89a" + bytes(30), "not a PNG or JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "is not a"),
        (b"\xff\xd8\xff\xe0" + bytes(40), "is not a"),
    ],
)
def test_a_file_that_is_no_image_is_named(pil, tmp_path, content, said):
    (tmp_path / "one.png").write_bytes(content)
    with pytest.raises(ValueError, match="one.png.*" + said):
        read_digit(tmp_path / "one.png")


def test_every_cut_of_a_file_is_an_error(pil, tmp_path):
    for suffix in ("png", "jpg"):
        path = tmp_path / f"whole.{suffix}"
        pil.fromarray(drawn()).save(path)
        whole = path.read_bytes()
        for n in range(0, len(whole) - 24, 7):  # the last bytes hold no pixels
            (tmp_path / "cut.png").write_bytes(whole[:n])
            with pytest.raises(ValueError, match=r"cut\.png"):
                read_digit(tmp_path / "cut.png")


@pytest.mark.parametrize("shape", [(9000, 9000), (30000, 30000)])
def test_a_bomb_is_refused_before_it_is_unpacked(pil, tmp_path, shape):
    """Some kilobytes that unpack to a gigabyte: the first below Pillow's own limit."""
    pil.new("1", shape).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"bomb\.png has"):
        read_digit(tmp_path / "bomb.png")


def test_a_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_digit(tmp_path / "none.png")


# ---- ten digits, read by the book's first network ----


def of_a_font(pil, name, folder):
    """PNGs of the ten digits, as a word processor shows them."""
    from PIL import ImageDraw, ImageFont  # noqa: PLC0415

    matplotlib = pytest.importorskip("matplotlib", reason="has the fonts")
    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf"), 40)
    for digit in range(10):
        picture = pil.new("RGB", (90, 70), "white")
        ImageDraw.Draw(picture).text((35, 8), str(digit), fill="black", font=font)
        picture.save(folder / f"{digit}.png")
    return [folder / f"{digit}.png" for digit in range(10)]


def cut_out(pil, test_images, folder):
    """PNGs of the first test image of each digit: inverted, seven times as large, off-centre on a page."""
    X, labels = test_images
    for digit in range(10):
        image = (X[np.flatnonzero(labels == digit)[0]] * 256).astype(np.uint8)
        page = pil.new("L", (420, 330), 0)
        page.paste(pil.fromarray(image).resize((196, 196), pil.Resampling.BICUBIC), (200, 20))
        pil.fromarray(255 - np.asarray(page)).save(folder / f"{digit}.png")
    return [folder / f"{digit}.png" for digit in range(10)]


def n_right(net, paths):
    answers = [int(np.argmax(net.feedforward(read_digit(path)))) for path in paths]
    return sum(answer == digit for digit, answer in enumerate(answers))


@WHOLE
def test_nine_of_ten_digits_of_a_font(pil, of_mnist, tmp_path):
    """Networks of six seeds read 9 or 10 of these. Of bolder fonts, or 1s with a foot, they read 6 to 8."""
    assert n_right(of_mnist, of_a_font(pil, "cmss10", tmp_path)) >= 9


@WHOLE
def test_nine_of_ten_digits_cut_from_mnist(pil, of_mnist, test_images, tmp_path):
    assert n_right(of_mnist, cut_out(pil, test_images, tmp_path)) >= 9


def test_digits_read_by_a_network_trained_on_the_sample(pil, of_the_sample, test_images, tmp_path):
    """Measured with this seed: 9 of the font's, 9 of those cut out; raw, as they are in the file, fewer."""
    (tmp_path / "font").mkdir()
    assert n_right(of_the_sample, of_a_font(pil, "DejaVuSans", tmp_path / "font")) >= 7
    assert n_right(of_the_sample, cut_out(pil, test_images, tmp_path)) >= 8


def test_test_images_are_read_as_well_when_they_lie_elsewhere(pil, of_the_sample, test_images):
    """Of 200, as many as of the originals, up to 2 %."""
    X, labels = test_images
    pages = np.zeros((200, 120, 150))
    pages[:, 60:116, 4:60] = X[:200].repeat(2, axis=1).repeat(2, axis=2)
    found = (of_the_sample.predict(read_digits(1 - pages)) == labels[:200]).mean()
    assert found >= (of_the_sample.predict(X[:200].reshape(200, 784)) == labels[:200]).mean() - 0.02
