"""What the user has replaced: functions of a module, and methods and activations of its networks.

Every call on a network checks this first, so it is compiled.
"""

cimport cython
from cpython.method cimport PyMethod_Check, PyMethod_GET_FUNCTION
from cpython.object cimport PyObject

from cbackprop._memory cimport Memory
from cbackprop._parameters cimport has_empty_layer

import builtins
import importlib
import random
import sys

import numpy


cdef extern from *:
    """
    /* The function that net.<name> is a method of, borrowed; NULL where an attribute of the instance, a descriptor or a
     * lookup of the class's own may come first. `attributes` is the instance's __dict__. */
    static PyObject *plain_method(PyObject *net, PyObject *name, PyObject *attributes) {
    #ifdef Py_GIL_DISABLED
        return NULL; /* another thread may drop what is borrowed */
    #else
        PyTypeObject *type = Py_TYPE(net);
        PyObject *method;
        if (type->tp_getattro != PyObject_GenericGetAttr || !PyDict_CheckExact(attributes)) return NULL;
        method = _PyType_Lookup(type, name);
        if (method == NULL || !PyFunction_Check(method)) return NULL;
        switch (PyDict_Contains(attributes, name)) {
        case 0: return method;
        case -1: PyErr_Clear(); /* a key that cannot be compared: the lookup will say so */
        }
        return NULL;
    #endif
    }
    """
    PyObject *plain_method(object net, object name, object attributes) noexcept
    object PyObject_GenericGetDict(object net, void *context)

cdef extern from *:
    """
    /* The package's own functions that were looked up last, and their names, both borrowed: they stay for good. A lookup
     * in a dictionary by a key that is no string takes far longer. */
    #ifdef Py_GIL_DISABLED
    static int was_builtin(PyObject *function, PyObject *name) { return 0; }
    static void note_builtin(PyObject *function, PyObject *name) {}
    #else
    static PyObject *noted[64][2];

    static PyObject **note_of(PyObject *function) { return noted[(size_t)function / 64 % 64]; }

    static int was_builtin(PyObject *function, PyObject *name) {
        PyObject **note = note_of(function);
        return note[0] == function && note[1] == name;
    }

    static void note_builtin(PyObject *function, PyObject *name) {
        PyObject **note = note_of(function);
        note[0] = function;
        note[1] = name;
    }
    #endif
    """
    bint was_builtin(object function, object name) noexcept
    void note_builtin(object function, object name) noexcept

cdef dict builtin_names = {}    # the package's own functions, and the name of each
cdef object FUNCTION = type(random.choice.__func__)
cdef dict BUILTINS = builtins.__dict__, SYS = sys.__dict__


def builtin(function):
    """Register `function` as the package's own: a decorator.

    A reloaded module registers its new functions; the old ones stay registered.
    """
    builtin_names[function] = function.__name__
    return function


cdef inline bint is_builtin(object function, object name) except -1:
    """Whether `function` is the package's own of this name."""
    if was_builtin(function, name):
        return True
    if type(function) is not FUNCTION:
        return False
    known = builtin_names.get(function)
    if known is name:
        note_builtin(function, name)
    return known == name


def module_named(name):
    """The `Module` of this name."""
    return importlib.import_module(name).MODULE


@cython.final
cdef class Module:
    """A module of the package, as its networks see it: names are looked up in it at each call.

    Parameters
    ----------
    namespace : dict
        The module's globals, which a reloaded module keeps.
    output_error : callable
        output_error(net, z, a, y) is delta^L.
    gradient_methods, evaluation_methods : tuple of str
        The methods that lead to a gradient, and to an answer.
    step_options : callable, optional
        step_options(net) tells the kernels the network's cost; the NumPy reference has no kernels.
    """

    def __init__(self, dict namespace, output_error, tuple gradient_methods, tuple evaluation_methods, step_options=None):
        self.namespace = namespace
        self.name = namespace["__name__"]
        self.output_error = output_error
        self.step_options = step_options
        self.gradient_methods = gradient_methods
        self.training_methods = gradient_methods + ("update_mini_batch",)
        self.evaluation_methods = evaluation_methods

    def __reduce__(self):
        return module_named, (self.name,)

    # ---- what the module has now ----

    @property
    def np(self):
        """NumPy, as the module knows it."""
        return self.namespace["np"]

    cdef object random_shuffle(self):
        """The module's `random.shuffle`."""
        return self.namespace["random"].shuffle

    @property
    def shuffle(self):
        """See `random_shuffle`."""
        return self.random_shuffle()

    def f(self, net, l, z):
        """a^l = f(z^l), f being the sigmoid of the module unless layer l has another activation."""
        activations, sigmoid = net._cbackprop.activations, self.namespace["sigmoid"]
        return activations.f(l, z, sigmoid) if activations is not None else sigmoid(z)

    def f_prime(self, net, l, z):
        """f'(z^l), likewise."""
        activations, sigmoid_prime = net._cbackprop.activations, self.namespace["sigmoid_prime"]
        return activations.f_prime(l, z, sigmoid_prime) if activations is not None else sigmoid_prime(z)

    def print(self, text):
        """`print(text)` as the module's own code would call it; the line comes out at once."""
        say = self.namespace.get("print")
        if say is None:
            say = BUILTINS["print"]
        say(text)
        # sys.stdout may be any object with `write`.
        flush = getattr(SYS.get("stdout"), "flush", None)
        if flush is not None and callable(flush):
            flush()

    # ---- what has been replaced ----

    def has_builtin(self, str name):
        """Whether the module's function of this name is the package's own."""
        return is_builtin(self.namespace.get(name), name)

    cpdef replaced(self, net, tuple methods=()):
        """Why the kernels cannot do the work of `methods`, in words; None if they can."""
        reason = self.replaced_function(net, methods)
        if reason is None and has_empty_layer(net):
            return "a layer has no neurons"
        return reason

    cpdef replaced_function(self, net, tuple methods=()):
        """Which function of the package the user put another in the place of, in words; None if none."""
        cdef Memory memory = net._cbackprop
        activations = memory.activations
        if activations is not None and activations.custom:
            return f"the activation of {activations.custom} is a function of the user's"
        if not (
            is_builtin(self.namespace.get("sigmoid"), "sigmoid")
            and is_builtin(self.namespace.get("sigmoid_prime"), "sigmoid_prime")
        ) and (activations is None or activations.uses_sigmoid):
            return f"{self.name}.sigmoid or sigmoid_prime is replaced"
        if self.namespace.get("np") is not numpy:
            return f"{self.name}.np is replaced"
        return self.replaced_method(net, methods)

    cpdef replaced_method(self, net, tuple methods):
        """Which of `methods` was replaced, and where, in words; None if none was."""
        cdef PyObject *function
        attributes = PyObject_GenericGetDict(net, NULL)
        for name in methods:
            function = plain_method(net, name, attributes)
            if function is not NULL and is_builtin(<object> function, name):
                continue
            method = getattr(net, name)
            if not PyMethod_Check(method) or not is_builtin(<object> PyMethod_GET_FUNCTION(method), name):
                by = "on this instance" if name in attributes else f"by {type(net).__name__}"
                return f"{name} is replaced {by}"
        return None
