"""Fuzzes the files that `SGD(..., resume=FILE)` goes on from.

    pip install '.[fuzz]'
    python tests/fuzz/checkpoints.py -runs=20000 -max_len=8192 tests/fuzz/corpus/checkpoints

A checkpoint is refused by a ValueError that names it, and nothing has changed; or the call goes on from it to
its end. Whatever else comes out (another exception, a change, more than 2 seconds) is a finding. An input is
a letter, which chooses the call of SGD, and a file: a capital letter is followed by its bytes, a small one by
its words and arrays, which are packed here. `tests/test_fuzz_corpus.py` runs the corpus through `check`,
without Atheris.
"""

import contextlib
import io
import json
import random
import sys
import time
import zipfile

# As in files.py.
if __name__ == "__main__":
    import atheris
    from limits import limit_memory

    watched = atheris.instrument_imports(include=["cbackprop", "zipfile", "numpy.lib._format_impl"])
else:
    watched = contextlib.nullcontext()
with watched:
    import numpy as np

    from cbackprop import _checkpoint, network, network2
    from cbackprop._files import checkpoints

SECONDS = 2
FILE = "/no/such/folder/run.npz"
# What is between two arrays, and between an array's name and itself.
NEXT, IS = b"|NEXT|", b"|IS|"
# What means the words of a global generator, and what the call is told by: most inputs get past these two.
STATE, CALL = b"|624|", b"|CALL|"
WORDS_OF_A_STATE = ", ".join(["1"] * 624).encode()

X, LABELS = np.eye(6, 4), np.arange(6) % 2
CALLS = {
    b"p": (network.Network, {}),
    b"s": (network.Network, {"random_state": 7, "every": 0.5}),
    b"r": (network2.Network, {"mu": 0.5, "random_state": 7, "early_stopping_n": 2, "restore_best": True}),
    b"a": (network2.Network, {"rule": "adam", "dropout": 0.3, "every": 0.5}),
}


def called(letter, **more):
    """A call of SGD, as a function without arguments, and its network."""
    make, options = CALLS[letter]
    random.seed(1)
    np.random.seed(1)
    net = make([4, 3, 2], random_state=1)
    if make is network2.Network:
        options = options | {"evaluation_data": (X, LABELS)}
    options = {"n_threads": 1, "verbose": False, **options, **more}
    return (lambda: net.SGD((X, LABELS), 3, 2, 0.5, **options)), net


def fingerprint_of(letter):
    """What a checkpoint of this call is told by, as it is in the file."""
    found = []
    write, checkpoints.write = checkpoints.write, lambda _, contents: found.append(contents.words["call"])
    check, _checkpoint.check_writable = _checkpoint.check_writable, lambda _: None
    try:
        called(letter, checkpoint=FILE)[0]()
    finally:
        checkpoints.write, _checkpoint.check_writable = write, check
    return json.dumps(found[0]).encode()


def state_of(net):
    """The bits of the network, what it remembers, and what it draws from."""
    memory = net._cbackprop
    return (
        [array.tobytes() for array in (*net.weights, *net.biases)],
        [memory.velocities, memory.moments, repr(getattr(net, "history", None))],
        random.getstate(),
        np.random.get_state()[1].tolist(),
    )


def packed(content, fingerprint):
    """The file of these words and arrays."""
    words, *arrays = content.split(NEXT)
    words = words.replace(STATE, WORDS_OF_A_STATE).replace(CALL, fingerprint)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        with file.open("checkpoint.npy", "w") as entry:
            np.lib.format.write_array(entry, np.frombuffer(words, np.uint8), (1, 0))
        for array in arrays:
            name, _, data = array.partition(IS)
            file.writestr(zipfile.ZipInfo(f"{name.decode('latin-1')}.npy"), data)
    return stream.getvalue()


def check(data):
    """Goes on from the checkpoint that `data` describes."""
    letters = list(CALLS)
    first = data[:1] if data[:1].lower() in CALLS else letters[(data or b"\0")[0] % len(letters)]
    letter, content = first.lower(), data[1:]
    if first == letter:
        with contextlib.suppress(UnicodeError, ValueError):  # names that are none in a zip
            content = packed(content, FINGERPRINTS[letter])
    checkpoints.open = lambda _path, _mode: io.BytesIO(content)
    try:
        begun = time.process_time()
        go_on(letter)
        seconds = time.process_time() - begun
    finally:
        del checkpoints.open
    assert seconds < SECONDS, f"it took {seconds:.1f} seconds"


def go_on(letter):
    """Resume the call of this letter, and check what that leaves."""
    run, net = called(letter, resume=FILE)
    before = state_of(net)
    try:
        run()
    except ValueError as error:
        assert FILE in str(error), f"the message does not name the file: {error}"
        assert state_of(net) == before, f"it is refused, but something has changed: {error}"
        return
    assert net.feedforward(np.zeros((4, 1))).shape == (2, 1)
    assert net.evaluate((X, LABELS)) <= len(X) if letter in b"ps" else net.accuracy((X, LABELS)) <= len(X)


FINGERPRINTS = {letter: fingerprint_of(letter) for letter in CALLS}

if __name__ == "__main__":
    limit_memory()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
