"""Networks as C headers."""

from __future__ import annotations

import os
import re
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._files.whole import replacing
from cbackprop._memory import real_dtype
from cbackprop.export._layers import Layer, Layers, layers_of, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from numpy.typing import DTypeLike, NDArray

# A row for each activation of cbackprop.activations.NAMES: a function that puts the activations of
# z[begin], …, z[end - 1] in their place. NAME, REAL and LIBM stand for words; LIBM for the f of expf.
FORMULAS: dict[str, str] = {
    "sigmoid": """\
        /* 1 / (1 + e^-z), computed so that nothing overflows. */
        static inline void NAME_sigmoid(REAL *z, size_t begin, size_t end)
        {
            for (size_t j = begin; j < end; j++) {
                const REAL e = expLIBM(-fabsLIBM(z[j]));
                z[j] = (z[j] < 0 ? e : 1) / (1 + e);
            }
        }
        """,
    "linear": "",  # z stays as it is
    "tanh": """\
        static inline void NAME_tanh(REAL *z, size_t begin, size_t end)
        {
            for (size_t j = begin; j < end; j++) z[j] = tanhLIBM(z[j]);
        }
        """,
    "relu": """\
        static inline void NAME_relu(REAL *z, size_t begin, size_t end)
        {
            for (size_t j = begin; j < end; j++) z[j] = z[j] < 0 ? 0 : z[j];
        }
        """,
    "softplus": """\
        /* ln(1 + e^z), computed so that nothing overflows. */
        static inline void NAME_softplus(REAL *z, size_t begin, size_t end)
        {
            for (size_t j = begin; j < end; j++)
                z[j] = (z[j] < 0 ? 0 : z[j]) + log1pLIBM(expLIBM(-fabsLIBM(z[j])));
        }
        """,
    "exponential": """\
        static inline void NAME_exponential(REAL *z, size_t begin, size_t end)
        {
            for (size_t j = begin; j < end; j++) z[j] = expLIBM(z[j]);
        }
        """,
    "softmax": """\
        /* e^z_j / sum_k e^z_k, computed so that nothing overflows. */
        static inline void NAME_softmax(REAL *z, size_t begin, size_t end)
        {
            REAL largest = z[begin], sum = 0;
            for (size_t j = begin; j < end; j++)
                if (z[j] > largest) largest = z[j];
            for (size_t j = begin; j < end; j++) sum += z[j] = expLIBM(z[j] - largest);
            for (size_t j = begin; j < end; j++) z[j] /= sum;
        }
        """,
}

# Eight sums at a time: in float, one sum of 784 products would lose a digit.
PRODUCT = """\
/* z = w a + b, where w has the n_in weights of the first neuron, then those of the next. */
static inline void NAME_product(const REAL *w, const REAL *b, size_t n_in, size_t n_out, const REAL *a,
                                REAL *z)
{
    for (size_t j = 0; j < n_out; j++, w += n_in) {
        REAL sums[8] = {0};
        size_t k = 0;
        for (; k + 8 <= n_in; k += 8)
            for (size_t i = 0; i < 8; i++) sums[i] += w[k + i] * a[k + i];
        for (; k < n_in; k++) sums[k % 8] += w[k] * a[k];
        for (size_t i = 4; i > 0; i /= 2)
            for (size_t s = 0; s < i; s++) sums[s] += sums[s + i];
        z[j] = sums[0] + b[j];
    }
}
"""


def to_c(
    net: Any, path: str | bytes | PathLike[str], *, name: str | None = None, dtype: DTypeLike | None = None
) -> None:
    """Write a network as a header of C99.

    Parameters
    ----------
    net : Network
        Of network or network2, or a fitted estimator of `cbackprop.sklearn`.
    path : str or path
        It is written whole or not at all.
    name : str, optional
        What every name in the header begins with: letters, digits and underscores. By default that of the
        file, without what C does not allow.
    dtype : {numpy.float64, numpy.float32}, optional
        Whether it computes in ``double`` or ``float``; by default in the network's type.

    Raises
    ------
    TypeError
        As in `to_onnx`, and if `name` is no text or `dtype` is another type.
    ValueError
        As in `to_onnx`, if `name` is no name of C, or a parameter is finite, but not as a float.
    OSError
        If the file cannot be written.

    Notes
    -----
    The header needs ``math.h`` and ``stddef.h`` alone. It allocates nothing and changes no static data, so
    that it may be used from several threads. For ``digits.h`` it has::

        #define DIGITS_N_IN 784
        #define DIGITS_N_OUT 10
        static inline void digits_feedforward(const double *x, double *a);

    of which ``x`` has the inputs and ``a``, another array, gets the outputs. The activations of hidden layers
    are on the stack; a comment says how many bytes. The numbers of a float64 network in ``double``, and of a
    float32 network in ``float``, are exact. It is C++ as well.
    """
    layers = layers_of(net, "C", FORMULAS)
    path = path_of(path)
    if name is None:
        name = _name_from(path)
    elif not isinstance(name, str):
        raise TypeError(f"name is {name!r}; expected a str")
    elif not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", name):
        raise ValueError(
            f"name is {name!r}; expected letters, digits and single underscores between them, a letter first"
        )
    dtype = layers.dtype if dtype is None else real_dtype(dtype)
    layers = _in_type(layers, dtype)
    text = "".join(_header(layers, name))
    with replacing(path, "w") as file:
        file.write(text)


def _name_from(path: str | bytes | PathLike[str]) -> str:
    """A name of C, from that of a file."""
    stem = os.path.splitext(os.path.basename(os.fsdecode(path)))[0]
    words = re.findall("[A-Za-z0-9]+", stem)
    name = "_".join(words) or "network"
    return name if name[0].isalpha() else f"network_{name}"


def _in_type(layers: Layers, dtype: np.dtype[Any]) -> Layers:
    """The layers with parameters of this type."""
    converted = []
    for l, layer in enumerate(layers.layers, 2):
        with np.errstate(over="ignore"):
            w, b = layer.w.astype(dtype), layer.b.astype(dtype)
        for name, before, after in (("weight", layer.w, w), ("bias", layer.b, b)):
            if not np.array_equal(np.isfinite(before), np.isfinite(after)):
                raise ValueError(f"a {name} of layer {l} is larger than any {dtype}; choose float64")
        converted.append(layer._replace(w=w, b=b))
    return Layers(converted, layers.sizes, dtype)


def _header(layers: Layers, name: str) -> Iterator[str]:
    """The text of the header, in pieces."""
    sizes, L = layers.sizes, len(layers.sizes)
    real, libm = ("float", "f") if layers.dtype == np.float32 else ("double", "")
    n_parameters = sum(layer.w.size + layer.b.size for layer in layers.layers)
    # The activations of layers 2, 4, … lie in one array, those of 3, 5, … in another.
    scratch = [max(sizes[l - 1 : L - 1 : 2], default=0) for l in (2, 3)]

    # Names that differ in case alone have macros that do too.
    macro = name.swapcase() if name.islower() or name.isupper() else name
    words = {"NAME": name, "MACRO": macro, "REAL": real, "LIBM": libm}

    def in_c(text: str) -> str:
        return re.sub("|".join(words), lambda word: words[word[0]], textwrap.dedent(text))

    yield in_c(
        f"""\
        /* A feedforward network, {"-".join(map(str, sizes))}, in REAL. Made by cbackprop.export.to_c.

           REAL x[MACRO_N_IN], a[MACRO_N_OUT];
           NAME_feedforward(x, a);  the outputs a for the inputs x, which is another array

           {n_parameters:,} constants, {n_parameters * layers.dtype.itemsize:,} bytes; on the stack \
{sum(scratch) * layers.dtype.itemsize:,} bytes for the hidden layers. */
        #ifndef MACRO_FEEDFORWARD_H
        #define MACRO_FEEDFORWARD_H

        #include <math.h>
        #include <stddef.h>

        #define MACRO_N_IN {sizes[0]}
        #define MACRO_N_OUT {sizes[-1]}

        """
    )
    for l, layer in enumerate(layers.layers, 2):
        yield f"static const {real} {name}_w{l}[{layer.w.size}] = {{\n"
        for row in layer.w:
            yield from _numbers(row, libm)
        yield f"}};\nstatic const {real} {name}_b{l}[{layer.b.size}] = {{\n"
        yield from _numbers(layer.b, libm)
        yield "};\n\n"
    yield in_c(PRODUCT)
    used = {one for layer in layers.layers for one in layer.by_activation()}
    for one, function in FORMULAS.items():
        if one in used and function:
            yield "\n" + in_c(function)
    yield f"\nstatic inline void {name}_feedforward(const {real} *x, {real} *a)\n{{\n"
    for variable, length in zip(("even", "odd"), scratch):
        if length:
            yield f"    {real} {variable}[{length}];\n"
    before = "x"
    for l, layer in enumerate(layers.layers, 2):
        here = "a" if l == L else ("even", "odd")[l % 2]
        yield from _step(l, layer, name, before, here)
        before = here
    yield "}\n\n#endif\n"


def _step(l: int, layer: Layer, name: str, before: str, here: str) -> Iterator[str]:
    """What computes the activations of a layer from those before."""
    n_out, n_in = layer.w.shape
    yield f"    {name}_product({name}_w{l}, {name}_b{l}, {n_in}, {n_out}, {before}, {here});\n"
    for one, begin, end in layer.runs():
        if FORMULAS[one]:
            yield f"    {name}_{one}({here}, {begin}, {end});\n"


def _numbers(row: NDArray[Any], suffix: str) -> Iterator[str]:
    """Lines of numbers, each followed by a comma: the fewest digits that mean the very number."""
    literals = [_literal(number, suffix) for number in row]
    for i in range(0, len(literals), 8):
        yield "    " + ", ".join(literals[i : i + 8]) + ",\n"


def _literal(number: Any, suffix: str) -> str:
    if np.isnan(number):
        return "NAN"
    if np.isinf(number):
        return "INFINITY" if number > 0 else "-INFINITY"
    # The fewest digits that mean the very number, whatever NumPy's print options are.
    if number.dtype == np.float64:
        return repr(float(number))
    return np.format_float_scientific(number, unique=True, trim="0") + suffix
