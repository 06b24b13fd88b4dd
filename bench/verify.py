"""Checks that every peer does the same job, before anything is timed."""

import jobs
import numpy as np

# Rounding after 100 mini-batches, relative to the largest parameter, with room for the order in
# which sums are formed; a wrong gradient shows at 1e-3 and above.
TOLERANCES = {"float64": 1e-11, "float32": 1e-3}
ACCURACY_MARGIN = 0.05


class Wrong(Exception):
    """A peer's result is not what it has to be."""


def trained(cls, job, threads):
    """Return what a peer makes of the job's first mini-batches, as one float64 vector a list."""
    shape = job.shape
    head = job.head(shape.checked * shape.m)
    peer = cls(head, threads)
    peer.restart()
    peer.train(seed=7, epochs=max(1, shape.checked * shape.m // head.n))
    return [
        np.concatenate([np.ravel(layer).astype(np.float64) for layer in layers])
        for layers in peer.parameters()
    ]


def difference(found, expected):
    """Return the largest difference, relative to the largest entry of each list."""
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(found, expected, strict=True))


def same_parameters(classes, job, threads):
    """Compare every peer of the same cost with the reference; return the differences by name.

    The reference is the NumPy reference, or the NumPy peer where the reference does not take part.
    """
    tolerance = TOLERANCES[job.X.dtype.name]
    comparable = {name: cls for name, cls in classes.items() if cls.same_cost}
    order = [name for name in ("NumPy reference", "NumPy matrix") if name in comparable]
    if not order:
        raise Wrong("neither the NumPy reference nor the NumPy peer takes part: nothing to check by")
    expected = trained(comparable[order[0]], job, threads)
    differences = {order[0]: 0.0}
    for name, cls in comparable.items():
        if name == order[0]:
            continue
        differences[name] = difference(trained(cls, job, threads), expected)
        if not differences[name] <= tolerance:  # also when it is not a number
            raise Wrong(
                f"{job.shape.name} {job.X.dtype}: parameters of {name} differ from those "
                f"of {order[0]} by {differences[name]:.1e} after {job.shape.checked} "
                f"mini-batches; {tolerance:.0e} is allowed"
            )
    return order[0], differences


def learning(peer, reference=None):
    """Train the job once from its start; return seconds an epoch, cost before and after, accuracy.

    Wrong is raised where the cost does not fall, or where the accuracy falls behind that of
    the `reference` (another peer's answer of this function).
    """
    job = peer.job
    peer.restart()
    before = jobs.cost(job, lambda X: jobs.outputs(X, job.weights, job.biases))
    seconds = peer.train(seed=11, epochs=job.shape.learned)
    after = jobs.cost(job, peer.outputs)
    recognised = jobs.accuracy(job, peer.outputs)
    where = f"{job.shape.name} {job.X.dtype}: {peer.name}"
    if not after < before:
        raise Wrong(f"{where}: the cost went from {before:.4f} to {after:.4f}")
    if (
        recognised is not None
        and reference is not None
        and not recognised >= reference["accuracy"] - ACCURACY_MARGIN
    ):
        raise Wrong(
            f"{where}: recognises {recognised:.1%} of the test images, the reference "
            f"{reference['accuracy']:.1%}"
        )
    return {
        "seconds": seconds / job.shape.learned,
        "cost_before": before,
        "cost_after": after,
        "accuracy": recognised,
    }
