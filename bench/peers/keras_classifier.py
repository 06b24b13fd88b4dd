"""Keras 3 on its JAX backend."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras

from peers.classifier import Classifier, probabilities

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
keras.config.set_floatx("float64")


class KerasFit(Classifier):
    """A Sequential model, compiled; its `fit`. That JAX compiles in the first call is not timed."""

    name = "Keras"

    def __init__(self, job, threads):
        super().__init__(job, threads)
        *hidden, n_out = job.sizes[1:]
        # Keras adds l2 Σ w² to the mean cost of a mini-batch.
        penalty = keras.regularizers.L2(job.settings["alpha"] / (2 * job.m))
        layers = [keras.layers.Dense(n, activation="relu", kernel_regularizer=penalty) for n in hidden]
        self.model = keras.Sequential(
            [keras.Input((job.sizes[0],)), *layers, keras.layers.Dense(n_out, kernel_regularizer=penalty)]
        )
        losses = keras.losses
        loss = losses.BinaryCrossentropy if n_out == 1 else losses.SparseCategoricalCrossentropy
        self.model.compile(optimizer=optimizer_of(job.settings), loss=loss(from_logits=True))
        self.model.optimizer.build(self.model.trainable_variables)
        self.variables = self.model.variables + self.model.optimizer.variables
        self.start = [variable.numpy() for variable in self.variables]
        self.fit(1)

    def build(self, seed, epochs):
        keras.utils.set_random_seed(seed)
        for variable, value in zip(self.variables, self.start, strict=True):
            variable.assign(value)

    def fit(self, epochs):
        self.model.fit(self.job.X, self.job.y, batch_size=self.job.m, epochs=epochs, verbose=0)

    def outputs(self, X):
        return probabilities(self.model.predict(X, verbose=0))


def optimizer_of(given):
    """Return the optimiser that these settings mean."""
    rate = given["learning_rate_init"]
    if given["solver"] == "adam":
        return keras.optimizers.Adam(rate, given["beta_1"], given["beta_2"], given["epsilon"])
    return keras.optimizers.SGD(rate, given["momentum"], given["nesterovs_momentum"])
