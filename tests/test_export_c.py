"""`to_c`: the header compiles everywhere without a warning, and computes what `feedforward` computes."""

import platform
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop import export, network, network2
from cbackprop._memory import remember
from support import exported
from support.children import SANITIZED
from support.recipes import COMPILER, why_no_compiler
from support.strategies import examples, gap

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
STRICTER = [*STRICT, "-Wconversion", "-Wshadow", "-Wundef", "-Wdouble-promotion", "-Wstrict-prototypes"]
C99 = [*STRICTER, "-std=c99"]
# In float, the outputs of `feedforward` in float64; in double, those of `feedforward`.
TOLERANCE = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}
# Debian's names of compilers, and what runs their programs.
PROCESSORS = {
    "here": (COMPILER, []),
    "aarch64": (["aarch64-linux-gnu-gcc", "-static"], ["qemu-aarch64"]),
    "s390x": (["s390x-linux-gnu-gcc", "-static"], ["qemu-s390x"]),
    "arm": (["arm-linux-gnueabihf-gcc", "-static"], ["qemu-arm"]),
}


def needs(processor):
    """What compiles for this processor and what runs it, or a skip that says what is missing."""
    compiler, runner = PROCESSORS[processor]
    if processor == "here" and (reason := why_no_compiler() or (SANITIZED and "a sanitizer is loaded")):
        pytest.skip(reason)
    for program in (compiler[0], *runner):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    if processor != "here" and platform.machine() != "x86_64":
        pytest.skip("cross compilers are tried on x86-64")
    return compiler, runner


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


# A main program for headers net_0.h, net_1.h, … and rows of inputs, in the exact digits of base 16.
MAIN = "#include <stdio.h>\n{includes}\n{functions}\nint main(void)\n{{\n{calls}    return 0;\n}}\n"
FUNCTION = """
static void run_{i}(void)
{{
    {real} x[NET_{i}_N_IN], a[NET_{i}_N_OUT];
    for (int row = 0; row < {rows}; row++) {{
        for (int k = 0; k < NET_{i}_N_IN; k++) {{
            double read = 0;
            if (scanf("%la", &read) == 1) x[k] = ({real})read;
        }}
        net_{i}_feedforward(x, a);
        for (int j = 0; j < NET_{i}_N_OUT; j++) printf("%a\\n", (double)a[j]);
    }}
}}
"""


def outputs_in_c(nets, inputs, folder, processor="here", dtypes=None, flags=("-O1",)):
    """What the headers of several networks compute, in one program, of one matrix of rows each."""
    compiler, runner = needs(processor)
    dtypes = dtypes or [net.dtype for net in nets]
    names = {np.dtype(np.float64): "double", np.dtype(np.float32): "float"}
    for i, net in enumerate(nets):
        export.to_c(net, folder / f"net_{i}.h", dtype=dtypes[i])
    main = MAIN.format(
        includes="\n".join(f'#include "net_{i}.h"' for i in range(len(nets))),
        functions="".join(
            FUNCTION.format(i=i, real=names[np.dtype(dtypes[i])], rows=len(X)) for i, X in enumerate(inputs)
        ),
        calls="".join(f"    run_{i}();\n" for i in range(len(nets))),
    )
    (folder / "main.c").write_text(main)
    run(*compiler, *C99, *flags, folder / "main.c", "-o", folder / "main", "-lm")
    text = "\n".join(float(x).hex() for X in inputs for x in X.ravel())
    numbers = iter(map(float.fromhex, run(*runner, folder / "main", input=text).split()))
    return [np.array([[next(numbers) for _ in net.biases[-1]] for _ in X]) for net, X in zip(nets, inputs)]


def assert_agree(nets, inputs, outputs, dtypes=None):
    for i, (net, X, a) in enumerate(zip(nets, inputs, outputs, strict=True)):
        dtype = np.dtype(dtypes[i] if dtypes else net.dtype)
        assert gap(a, as_exported(net, dtype).feedforward(X.T).T) <= TOLERANCE[dtype]


def as_exported(net, dtype):
    """A float64 network with the numbers that the header has."""
    double = net.copy()
    remember(double, dtype=np.float64)
    for arrays in double.weights, double.biases:
        arrays[:] = [np.asarray(a).astype(net.dtype).astype(dtype).astype(np.float64) for a in arrays]
    return double


@examples(5)
@given(st.lists(exported.networks(), min_size=20, max_size=20))
def test_c_computes_what_feedforward_does(tmp_path_factory, nets):
    inputs = [exported.rows(net, 3) for net in nets]
    assert_agree(nets, inputs, outputs_in_c(nets, inputs, tmp_path_factory.mktemp("c")))


DIGITS = [784, 30, 10]


@pytest.mark.parametrize("processor", PROCESSORS)
def test_on_every_processor(processor, tmp_path):
    """Wide layers in float as well, of networks that are in float64, and some of all activations."""
    nets = [network.Network(DIGITS, random_state=1), network.Network(DIGITS, random_state=1)]
    dtypes = [np.float64, np.float32]
    for name in exported.NAMES:
        for dtype in exported.DTYPES:
            options = {"neuron_activations": {(2, j): other for j, other in enumerate(exported.NAMES)}}
            nets.append(
                network.Network([9, 7, 6, 3], activation=name, dtype=dtype, random_state=1, **options)
            )
            nets[-1].weights = [w * dtype(0.3) for w in nets[-1].weights]
            dtypes.append(dtype)
    nets.append(network2.Network([9, 40, 5], network2.LogLikelihoodCost, random_state=1))
    dtypes.append(np.float32)
    inputs = [exported.rows(net, 3) / len(net.weights[0]) for net in nets]
    assert_agree(nets, inputs, outputs_in_c(nets, inputs, tmp_path, processor, dtypes), dtypes)


@pytest.mark.parametrize("dtype", exported.DTYPES)
@pytest.mark.parametrize("name", exported.NAMES)
def test_each_activation_by_itself(name, dtype, tmp_path):
    net = exported.one_neuron(name, dtype)
    exported.assert_is_f(lambda z: outputs_in_c([net], [z], tmp_path)[0], name, dtype)


@pytest.mark.parametrize("dtype", exported.DTYPES)
def test_softmax(dtype, tmp_path):
    net, X = exported.softmax(dtype)
    [outputs] = outputs_in_c([net], [X], tmp_path)
    np.testing.assert_allclose(outputs, net.feedforward(X.T).T, rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("dtype", exported.DTYPES)
def test_every_constant_is_exact(dtype, tmp_path):
    """As biases of neurons that compute them: the outermost numbers, and any bits."""
    limits = np.finfo(dtype)
    bits = np.random.default_rng(1).integers(0, 2**63, 2000, dtype=np.int64).view(np.float64)
    if dtype == np.float32:
        bits = bits.view(np.float32)
    special = [np.nan, np.inf, -np.inf, -0.0, 0.0, limits.max, limits.tiny, limits.smallest_subnormal, 0.1]
    numbers = np.concatenate([np.array(special, dtype), bits])
    net = network.Network([1, len(numbers)], activation="linear", dtype=dtype)
    net.weights, net.biases = [np.zeros((len(numbers), 1), dtype)], [numbers[:, np.newaxis]]
    [outputs] = outputs_in_c([net], [np.ones((1, 1), dtype)], tmp_path)
    np.testing.assert_array_equal(outputs[0], numbers.astype(np.float64))


def small_header(folder, **options):
    """A header that uses every function, and its path."""
    names = {(2, j): name for j, name in enumerate(exported.NAMES)}
    net = network2.Network([3, 7, 2], network2.LogLikelihoodCost, neuron_activations=names)
    export.to_c(net, folder / "net.h", **options)
    return folder / "net.h"


USE = """#include "net.h"
void use(const {real} *x, {real} *a);
void use(const {real} *x, {real} *a) {{ net_feedforward(x, a); }}
"""


@pytest.mark.parametrize("dtype", exported.DTYPES)
@pytest.mark.parametrize(
    "command",
    [
        ["gcc", "-std=c99"],
        ["gcc", "-std=c17", "-O2", "-fanalyzer"],
        ["clang", "-std=c99", "-Wdouble-promotion", "-Wconversion"],
        ["g++", "-xc++", "-std=c++98"],
        ["clang++", "-xc++", "-std=c++11"],
        ["arm-none-eabi-gcc", "-std=c99", "-mcpu=cortex-m4", "-mthumb"],
        ["avr-gcc", "-std=c99"],
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_it_compiles_without_a_warning(command, dtype, tmp_path):
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    small_header(tmp_path, dtype=dtype)
    real = {np.float64: "double", np.float32: "float"}[dtype]
    (tmp_path / "use.c").write_text(USE.format(real=real))
    run(*command, *STRICT, "-c", tmp_path / "use.c", "-o", tmp_path / "use.o")


def test_it_allocates_nothing_and_keeps_nothing(tmp_path):
    """The object file takes functions of libm's alone, and has no data that can be written."""
    compiler, _ = needs("here")
    if not shutil.which("nm"):
        pytest.skip("nm is not installed")
    small_header(tmp_path, dtype=np.float32)
    (tmp_path / "use.c").write_text(USE.format(real="float"))
    run(
        *compiler,
        "-std=c99",
        "-O0",
        "-fno-stack-protector",
        "-c",
        tmp_path / "use.c",
        "-o",
        tmp_path / "use.o",
    )
    symbols = [line.split()[-2:] for line in run("nm", tmp_path / "use.o").splitlines()]
    assert {name for kind, name in symbols if kind == "U"} <= {
        "expf", "fabsf", "log1pf", "tanhf", "_GLOBAL_OFFSET_TABLE_", "memset",
    }  # fmt: skip
    assert {kind for kind, _ in symbols} <= {"U", "T", "t", "r"}


# ---- the text ----


def test_what_the_header_says(tmp_path):
    net = network.Network([4, 3, 2], dtype=np.float32)
    export.to_c(net, tmp_path / "digits.h")
    text = (tmp_path / "digits.h").read_text()
    for line in (
        "/* A feedforward network, 4-3-2, in float. Made by cbackprop.export.to_c.",
        "   float x[DIGITS_N_IN], a[DIGITS_N_OUT];",
        "   digits_feedforward(x, a);  the outputs a for the inputs x, which is another array",
        "   23 constants, 92 bytes; on the stack 12 bytes for the hidden layers. */",
        "#ifndef DIGITS_FEEDFORWARD_H",
        "#define DIGITS_N_IN 4",
        "#define DIGITS_N_OUT 2",
        "static const float digits_w2[12] = {",
        "static inline void digits_feedforward(const float *x, float *a)",
    ):
        assert f"{line}\n" in text
    assert text.isascii() and max(map(len, text.splitlines())) < 130
    assert "tanh" not in text  # a function that is not used


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("digits.h", "digits"), ("my net-1.hpp", "my_net_1"), ("2layers.h", "network_2layers"),
        (".h", "h"), ("__x__y_.h", "x_y"), ("größe.h", "gr_e"), ("double", "double"),
        ("real.h", "real"), ("NAME.h", "NAME"), ("libm_macro.h", "libm_macro"), ("---.h", "network"),
    ],
)  # fmt: skip
def test_names_from_files(file, name, tmp_path):
    compiler, _ = needs("here")
    export.to_c(network.Network([2, 2], activation="tanh"), tmp_path / file)
    text = (tmp_path / file).read_text()
    macro = "name" if name == "NAME" else name.upper()
    assert f"#define {macro}_N_IN 2\n" in text
    assert f"static inline void {name}_feedforward(const double *x, double *a)\n" in text
    text += f"void (*use)(const double *, double *) = {name}_feedforward;\n"
    run(*compiler, *C99, "-fsyntax-only", "-xc", "-", input=text)


@pytest.mark.parametrize("names", [("one", "two"), ("net", "NET"), ("net", "Net"), ("NET", "Net")])
def test_two_headers_in_one_file(names, tmp_path):
    """Each has names of its own, also where these differ in case alone."""
    compiler, _ = needs("here")
    for i, name in enumerate(names):
        export.to_c(network.Network([2 + i, 2]), tmp_path / f"{i}.h", name=name)
    calls = "".join(f"void (*use_{name})(const double *, double *) = {name}_feedforward;\n" for name in names)
    (tmp_path / "use.c").write_text('#include "0.h"\n#include "1.h"\n#include "0.h"\n' + calls)
    run(*compiler, *C99, "-fsyntax-only", tmp_path / "use.c")


@pytest.mark.parametrize("name", ["", "1x", "_x", "x_", "x__y", "x-y", "x y", "größe", "x\n", "x*/"])
def test_names_that_are_none(name, tmp_path):
    with pytest.raises(ValueError, match=r"name is .*expected letters"):
        export.to_c(network.Network([2, 2]), tmp_path / "net.h", name=name)
    assert list(tmp_path.iterdir()) == []


def test_arguments(tmp_path):
    net = network.Network([2, 2])
    with pytest.raises(TypeError, match="name is 3; expected a str"):
        export.to_c(net, tmp_path / "net.h", name=3)
    with pytest.raises(TypeError, match="dtype is float16; expected float64 or float32"):
        export.to_c(net, tmp_path / "net.h", dtype=np.float16)
    net.weights[0][1, 0] = 1e39
    with pytest.raises(ValueError, match="a weight of layer 2 is larger than any float32; choose float64"):
        export.to_c(net, tmp_path / "net.h", dtype=np.float32)
    assert list(tmp_path.iterdir()) == []


def test_print_options_do_not_change_a_constant(tmp_path):
    net = network.Network([5, 4], random_state=0)
    export.to_c(net, tmp_path / "net.h")
    expected = (tmp_path / "net.h").read_text()
    assert repr(float(net.weights[0][0, 0])) in expected
    with np.printoptions(legacy="1.13", precision=3):
        export.to_c(net, tmp_path / "net.h")
    assert (tmp_path / "net.h").read_text() == expected
