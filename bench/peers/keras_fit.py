"""Keras 3 on its JAX backend, trained by `fit`."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import time

import jax
import jobs
import keras
import numpy as np

from peers.peer import Peer

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def cost(y, a):
    """Return the quadratic cost of each example. Keras' own squared error takes its mean in float32."""
    return keras.ops.sum(keras.ops.square(a - y), axis=-1) / 2


class KerasTrains(Peer):
    """A compiled Sequential model. `fit` gets the examples in the epoch's order, so it need not shuffle."""

    name = "Keras"

    def __init__(self, job, threads):
        super().__init__(job, threads)
        keras.config.set_floatx(job.X.dtype.name)
        keras.config.set_dtype_policy(job.X.dtype.name)
        n_in, *widths = job.shape.sizes
        layers = [keras.layers.Dense(n, activation="sigmoid") for n in widths]
        self.model = keras.Sequential([keras.Input((n_in,)), *layers])
        self.model.compile(optimizer=keras.optimizers.SGD(job.shape.eta), loss=cost)

    def restart(self):
        start = zip(self.job.weights, self.job.biases, strict=True)
        self.model.set_weights([array for w, b in start for array in (w.T, b.ravel())])

    def train(self, seed, epochs):
        """Leave out the time that putting the examples into order takes."""
        seconds = 0.0
        for order in jobs.orders(self.job.n, epochs, seed):
            X, Y = self.job.X[order], self.job.Y[order]
            begun = time.perf_counter()
            self.model.fit(X, Y, batch_size=self.job.shape.m, epochs=1, shuffle=False, verbose=0)
            seconds += time.perf_counter() - begun
        return seconds

    def parameters(self):
        arrays = self.model.get_weights()
        return [w.T for w in arrays[::2]], [b[:, np.newaxis] for b in arrays[1::2]]
