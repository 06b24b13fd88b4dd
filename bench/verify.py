"""Checks that every peer does the same job, before anything is timed."""

import math

import jobs
import numpy as np

# Rounding after 100 mini-batches, relative to the largest parameter, with room for the order in
# which sums are formed; a wrong gradient shows at 1e-3 and above.
TOLERANCES = {"float64": 1e-11, "float32": 1e-3}
ACCURACY_MARGIN = 0.05
REFERENCES = ("NumPy reference", "NumPy matrix")


class Wrong(Exception):
    """A peer's result is not what it has to be."""


def trained(cls, job, threads):
    """Return what a peer makes of the job's first mini-batches, as one float64 vector a list."""
    shape = job.shape
    head = job.head(shape.checked * shape.m)
    peer = cls(head, threads)
    peer.restart()
    peer.train(seed=7, epochs=max(1, shape.checked // math.ceil(head.n / shape.m)))
    return [
        vector(cls.name, what, found, start)
        for what, found, start in zip(
            ("weights", "biases"), peer.parameters(), (job.weights, job.biases), strict=True
        )
    ]


def vector(name, what, found, start):
    """Return a list of arrays as one vector; Wrong where their shapes are not those of `start`."""
    found = [np.asarray(layer, np.float64) for layer in found]
    shapes, expected = ([layer.shape for layer in layers] for layers in (found, start))
    if shapes != expected:
        raise Wrong(f"parameters() of {name} returned {what} of shapes {shapes}, {expected} are expected")
    return np.concatenate([layer.ravel() for layer in found])


def difference(found, expected):
    """Return the largest difference, relative to the largest entry of each list."""
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(found, expected, strict=True))


def same_parameters(name, cls, job, threads, reference, expected):
    """Return how far a peer's parameters are from those `expected`, which the `reference` trained.

    Wrong is raised where that is more than rounding.
    """
    tolerance = TOLERANCES[job.X.dtype.name]
    apart = difference(trained(cls, job, threads), expected)
    if not apart <= tolerance:  # also when it is not a number
        raise Wrong(
            f"{job.shape.name} {job.X.dtype}: parameters of {name} differ from those of {reference} by "
            f"{apart:.1e} after {job.shape.checked} mini-batches; {tolerance:.0e} is allowed"
        )
    return apart


def duration(name, seconds):
    """Return seconds that a peer says have passed; Wrong where no clock says that."""
    if not (isinstance(seconds, float) and 0 < seconds < math.inf):
        raise Wrong(f"{name} returned {seconds!r} as the seconds of its training")
    return seconds


def learning(peer, reference=None):
    """Train the job once from its start; return seconds an epoch, cost before and after, accuracy.

    Wrong is raised where the cost does not fall but that of the `reference` (another peer's answer of this
    function) does, or where the accuracy falls behind the reference's.
    """
    job = peer.job
    peer.restart()
    before = jobs.cost(job, lambda X: jobs.outputs(X, job.weights, job.biases))
    seconds = duration(peer.name, peer.train(seed=11, epochs=job.shape.learned))
    after = jobs.cost(job, peer.outputs)
    recognised = jobs.accuracy(job, peer.outputs)
    where = f"{job.shape.name} {job.X.dtype}: {peer.name}"
    if reference is not None and reference["cost_after"] < reference["cost_before"]:
        if not after < before:
            raise Wrong(f"{where}: the cost went from {before:.4f} to {after:.4f}")
        if recognised is not None and not recognised >= reference["accuracy"] - ACCURACY_MARGIN:
            raise Wrong(
                f"{where}: recognises {recognised:.1%} of the test examples, the reference "
                f"{reference['accuracy']:.1%}"
            )
    return {
        "seconds": seconds / job.shape.learned,
        "cost_before": before,
        "cost_after": after,
        "accuracy": recognised,
    }
