"use strict";

/* The state as lines of Python: the package computes the same numbers from them. */
const python = (() => {
  const COSTS = {
    quadratic: "QuadraticCost",
    "cross-entropy": "CrossEntropyCost",
    "log-likelihood": "LogLikelihoodCost",
  };

  const vector = (v) => `[${v.join(", ")}]`;
  const column = (v) => `[${v.map((each) => `[${each}]`).join(", ")}]`;
  const matrix = (m) => `[${m.map(vector).join(", ")}]`;
  const arrays = (layers, write) =>
    layers
      .slice(2)
      .map((each) => `    np.array(${write(each)}, float),\n`)
      .join("");

  function lines({ sizes, hidden, output, cost, w, b, x, y, eta }) {
    const activation = sizes.slice(1).map((_, i) => (i === sizes.length - 2 ? `"${output}"` : `"${hidden}"`));
    return `import numpy as np
from cbackprop import network2

cost, activation = network2.${COSTS[cost]}, ${vector(activation)}
net = network2.Network(${vector(sizes)}, cost, activation=activation)
net.biases = [
${arrays(b, column)}]
net.weights = [
${arrays(w, matrix)}]
x = np.array(${column(x)}, float)
y = np.array(${column(y)}, float)

nabla_b, nabla_w = net.backprop(x, y)  # ∂C/∂b and ∂C/∂w
C = cost.fn(net.feedforward(x), y)
net.update_mini_batch([(x, y)], ${eta}, 0.0, 1)  # one step of descent
`;
  }

  return { lines };
})();
