"use strict";

/*
 * The arithmetic of the page: the chapter's algorithm for one example. Pure functions, no DOM.
 *
 * A vector is an array of numbers, a matrix an array of rows. What belongs to a layer is indexed by the
 * chapter's l, from the input layer 1 to the output layer L: w[2], …, w[L] and b[2], …, b[L] are a network's
 * weights and biases, and w[0], w[1], b[0], b[1] are empty. w[l][j][k] leads from neuron k of layer l − 1 to
 * neuron j of layer l. The formulas are those of the package's NumPy reference, so that both round alike.
 */
const network = (() => {
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));
  // ln(1 + e^z), with no e^z that could overflow.
  const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

  // σ and σ′ of one neuron. Softmax is not here: it needs its whole layer.
  const ACTIVATIONS = {
    sigmoid: { f: sigmoid, prime: (z) => sigmoid(z) * (1 - sigmoid(z)) },
    tanh: { f: Math.tanh, prime: (z) => (1 - Math.tanh(z)) * (1 + Math.tanh(z)) },
    relu: { f: (z) => Math.max(z, 0), prime: (z) => (z > 0 ? 1 : 0) },
    softplus: { f: softplus, prime: (z) => -Math.expm1(-softplus(z)) },
    linear: { f: (z) => z, prime: () => 1 },
  };

  // Each cost belongs to these activations of the output layer; the first is the usual one.
  const OUTPUTS_OF = {
    quadratic: Object.keys(ACTIVATIONS),
    "cross-entropy": ["sigmoid"],
    "log-likelihood": ["softmax"],
  };

  const sum = (v) => v.reduce((total, each) => total + each, 0);
  const subtract = (u, v) => u.map((each, j) => each - v[j]);
  /** u ⊙ v, the elementwise product. */
  const hadamard = (u, v) => u.map((each, j) => each * v[j]);
  const dot = (u, v) => sum(hadamard(u, v));
  const column = (matrix, k) => matrix.map((row) => row[k]);

  function softmax(z) {
    const largest = Math.max(...z);
    const e = z.map((each) => Math.exp(each - largest));
    const total = sum(e);
    return e.map((each) => each / total);
  }

  /** a = σ(z) of a layer. */
  function activate(activation, z) {
    return activation === "softmax" ? softmax(z) : z.map(ACTIVATIONS[activation].f);
  }

  /** σ′(z) of a layer; null for softmax, where each output depends on every z. */
  function derivative(activation, z) {
    return activation === "softmax" ? null : z.map(ACTIVATIONS[activation].prime);
  }

  // 0·ln 0 counts as 0, and an infinite term as the largest number, as the package has it.
  const finite = (term) => (Number.isNaN(term) ? 0 : Math.min(term, Number.MAX_VALUE));

  const COSTS = {
    /** C = ½ ‖a − y‖² */
    quadratic: (a, y) => 0.5 * dot(subtract(a, y), subtract(a, y)),
    /** C = −Σ_j [y_j ln a_j + (1 − y_j) ln(1 − a_j)] */
    "cross-entropy": (a, y) =>
      sum(a.map((each, j) => finite(-y[j] * Math.log(each) - (1 - y[j]) * Math.log(1 - each)))),
    /** C = −Σ_j y_j ln a_j */
    "log-likelihood": (a, y) => sum(a.map((each, j) => finite(-y[j] * Math.log(each)))),
  };

  /** Feedforward: z^l = w^l a^{l−1} + b^l. */
  function weightedInput(w, aBefore, b) {
    return w.map((row, j) => dot(row, aBefore) + b[j]);
  }

  /** BP1: δ^L = ∇_a C ⊙ σ′(z^L). With the other two costs σ′(z^L) cancels, and a^L − y is left. */
  function outputError(cost, activation, z, a, y) {
    const difference = subtract(a, y);
    return cost === "quadratic" ? hadamard(difference, derivative(activation, z)) : difference;
  }

  /** BP2: δ^l = ((w^{l+1})^T δ^{l+1}) ⊙ σ′(z^l). */
  function backpropagatedError(wAfter, deltaAfter, activation, z) {
    const shares = z.map((_, k) => dot(column(wAfter, k), deltaAfter));
    return hadamard(shares, derivative(activation, z));
  }

  /** BP3: ∂C/∂b^l_j = δ^l_j. */
  function biasGradient(delta) {
    return delta.slice();
  }

  /** BP4: ∂C/∂w^l_jk = a^{l−1}_k δ^l_j. */
  function weightGradient(aBefore, delta) {
    return delta.map((error) => aBefore.map((activation) => activation * error));
  }

  /** The activation of layer l = 2, …, L. */
  function activationOf(net, l) {
    return l === net.sizes.length ? net.output : net.hidden;
  }

  /**
   * Both passes for the example (x, y).
   *
   * net = { sizes, hidden, output, cost, w, b }. Returns z, a, prime (σ′(z)), delta, nablaB and nablaW by
   * layer, and the cost.
   */
  function backprop(net, x, y) {
    const L = net.sizes.length;
    const a = [null, x];
    const [z, prime, delta, nablaB, nablaW] = [[], [], [], [], []];
    for (let l = 2; l <= L; l++) {
      z[l] = weightedInput(net.w[l], a[l - 1], net.b[l]);
      a[l] = activate(activationOf(net, l), z[l]);
      prime[l] = derivative(activationOf(net, l), z[l]);
    }
    delta[L] = outputError(net.cost, net.output, z[L], a[L], y);
    for (let l = L - 1; l >= 2; l--) {
      delta[l] = backpropagatedError(net.w[l + 1], delta[l + 1], net.hidden, z[l]);
    }
    for (let l = 2; l <= L; l++) {
      nablaB[l] = biasGradient(delta[l]);
      nablaW[l] = weightGradient(a[l - 1], delta[l]);
    }
    return { z, a, prime, delta, nablaB, nablaW, cost: COSTS[net.cost](a[L], y) };
  }

  /** Gradient descent: w → w − η ∂C/∂w and b → b − η ∂C/∂b, as a network of its own. */
  function descend(net, { nablaB, nablaW }, eta) {
    const step = (parameter, gradient) => parameter - eta * gradient;
    return {
      ...net,
      w: net.w.map((matrix, l) => matrix.map((row, j) => row.map((w, k) => step(w, nablaW[l][j][k])))),
      b: net.b.map((vector, l) => vector.map((b, j) => step(b, nablaB[l][j]))),
    };
  }

  return { ACTIVATIONS, OUTPUTS_OF, activationOf, backprop, descend };
})();
