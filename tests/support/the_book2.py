"""What the book's network2 does under Python 3: the tests' measure, which shares no line with the package."""

import random

import numpy as np


def sigmoid(z):
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-z))


def column(label, n=10):
    e = np.zeros((n, 1))
    e[label] = 1.0
    return e


class Quadratic:
    @staticmethod
    def fn(a, y):
        return 0.5 * np.linalg.norm(a - y) ** 2

    @staticmethod
    def delta(z, a, y):
        return (a - y) * sigmoid(z) * (1 - sigmoid(z))


class CrossEntropy:
    @staticmethod
    def fn(a, y):
        with np.errstate(all="ignore"):
            return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)))

    @staticmethod
    def delta(z, a, y):
        return a - y


class Network:
    def __init__(self, sizes, cost=CrossEntropy):
        self.num_layers, self.sizes, self.cost = len(sizes), sizes, cost
        self.default_weight_initializer()

    def default_weight_initializer(self):
        self.biases = [np.random.randn(n, 1) for n in self.sizes[1:]]
        self.weights = [np.random.randn(n, k) / np.sqrt(k) for k, n in zip(self.sizes[:-1], self.sizes[1:])]

    def large_weight_initializer(self):
        self.biases = [np.random.randn(n, 1) for n in self.sizes[1:]]
        self.weights = [np.random.randn(n, k) for k, n in zip(self.sizes[:-1], self.sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(w @ a + b)
        return a

    def backprop(self, x, y):
        activations, zs = [x], []
        for b, w in zip(self.biases, self.weights):
            zs.append(w @ activations[-1] + b)
            activations.append(sigmoid(zs[-1]))
        nabla_b, nabla_w = [None] * len(zs), [None] * len(zs)
        delta = self.cost.delta(zs[-1], activations[-1], y)
        for i in reversed(range(len(zs))):
            nabla_b[i], nabla_w[i] = delta, delta @ activations[i].T
            if i:
                delta = (self.weights[i].T @ delta) * sigmoid(zs[i - 1]) * (1 - sigmoid(zs[i - 1]))
        return nabla_b, nabla_w

    def update_mini_batch(self, mini_batch, eta, lmbda, n):
        gradients = [self.backprop(x, y) for x, y in mini_batch]
        m = len(mini_batch)
        self.weights = [
            (1 - eta * (lmbda / n)) * w - (eta / m) * sum(g[1][i] for g in gradients)
            for i, w in enumerate(self.weights)
        ]
        self.biases = [b - (eta / m) * sum(g[0][i] for g in gradients) for i, b in enumerate(self.biases)]

    def SGD(
        self, training_data, epochs, mini_batch_size, eta, lmbda=0.0, evaluation_data=None,
        monitor_evaluation_cost=False, monitor_evaluation_accuracy=False,
        monitor_training_cost=False, monitor_training_accuracy=False,
    ):  # fmt: skip
        n = len(training_data)
        lists = [], [], [], []
        for j in range(epochs):
            random.shuffle(training_data)
            for k in range(0, n, mini_batch_size):
                self.update_mini_batch(training_data[k : k + mini_batch_size], eta, lmbda, n)
            print(f"Epoch {j} training complete")
            if monitor_training_cost:
                lists[2].append(self.total_cost(training_data, lmbda))
                print(f"Cost on training data: {lists[2][-1]}")
            if monitor_training_accuracy:
                lists[3].append(self.accuracy(training_data, convert=True))
                print(f"Accuracy on training data: {lists[3][-1]} / {n}")
            if monitor_evaluation_cost:
                lists[0].append(self.total_cost(evaluation_data, lmbda, convert=True))
                print(f"Cost on evaluation data: {lists[0][-1]}")
            if monitor_evaluation_accuracy:
                lists[1].append(self.accuracy(evaluation_data))
                shown = self.accuracy(evaluation_data)
                print(f"Accuracy on evaluation data: {shown} / {len(evaluation_data)}")
            print()
        return lists

    def accuracy(self, data, convert=False):
        answers = [(np.argmax(self.feedforward(x)), np.argmax(y) if convert else y) for x, y in data]
        return sum(int(a == y) for a, y in answers)

    def total_cost(self, data, lmbda, convert=False):
        cost = 0.0
        for x, y in data:
            cost += self.cost.fn(self.feedforward(x), column(y) if convert else y) / len(data)
        return cost + 0.5 * (lmbda / len(data)) * sum(np.linalg.norm(w) ** 2 for w in self.weights)
