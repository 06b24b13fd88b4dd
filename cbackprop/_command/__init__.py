"""The command ``cbackprop``: a module for each verb, and what the verbs share.

``VERBS`` has the verbs. A verb's module has ``parser()``, its arguments, and ``run(arguments)``, which
returns the exit status. What a user gets wrong ends in a `parser.Refused` or in an error of the library, of
which `parser.guarded` prints one line.
"""

VERBS: dict[str, str] = {
    "train": "train a network on MNIST, a folder of images, CSV or Parquet, and save it",
    "evaluate": "count what a saved network answers right",
    "predict": "say what a saved network makes of images or rows of numbers",
    "show": "say what a file holds",
    "export": "write a saved network for other programs: ONNX, PyTorch, C and others",
    "bench": "time this machine: cbackprop beside what else is installed, in about a minute",
}
