"""JAX: an epoch is one compiled call that scans over the mini-batches."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from peers.peer import Peer

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def cost(parameters, x, y):
    """Return the quadratic cost summed over a mini-batch."""
    a = x
    for w, b in parameters:
        a = jax.nn.sigmoid(a @ w + b)
    return 0.5 * jnp.sum((a - y) ** 2)


def step(parameters, x, y, eta):
    """Return the parameters after one step of gradient descent."""
    gradient = jax.grad(cost)(parameters, x, y)
    return jax.tree.map(lambda p, g: p - (eta / len(x)) * g, parameters, gradient)


@functools.partial(jax.jit, static_argnames=("m", "eta"), donate_argnums=0)
def train_epoch(parameters, X, Y, order, m, eta):
    """Train one epoch; the last mini-batch may be short."""
    whole = len(order) // m * m

    def body(carried, rows):
        return step(carried, X[rows], Y[rows], eta), None

    parameters, _ = jax.lax.scan(body, parameters, order[:whole].reshape(-1, m))
    if whole < len(order):
        parameters = step(parameters, X[order[whole:]], Y[order[whole:]], eta)
    return parameters


class JaxScan(Peer):
    """Data on the device, parameters donated, weights stored (n_in, n_out)."""

    name = "JAX scan"

    def __init__(self, job, threads):
        super().__init__(job, threads)
        self.X, self.Y = jnp.asarray(job.X), jnp.asarray(job.Y)

    def restart(self):
        # jnp.array copies: a donated buffer must not be the job's own memory.
        self.p = [
            (jnp.array(w.T), jnp.array(b.ravel()))
            for w, b in zip(self.job.weights, self.job.biases, strict=True)
        ]

    def epoch(self, order):
        self.p = train_epoch(self.p, self.X, self.Y, order, self.job.shape.m, self.job.shape.eta)

    def finish(self):
        jax.block_until_ready(self.p)

    def parameters(self):
        return [np.asarray(w).T for w, _ in self.p], [np.asarray(b)[:, np.newaxis] for _, b in self.p]
