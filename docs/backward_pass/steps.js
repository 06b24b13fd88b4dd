"use strict";

/*
 * The steps of both passes in their order: which equation each is, what it says, and its numbers written out.
 *
 * For a network of L layers: input (step 0), feedforward for l = 2, …, L (steps 1 to L − 1), the cost (L),
 * BP1 (L + 1), BP2 for l = L − 1, …, 2 (up to 2L − 1), BP3 (2L) and BP4 (2L + 1).
 */
const steps = (() => {
  const { name, rounded } = notation;

  /** In which step each quantity of layer l is computed. */
  const computedIn = (L) => ({
    a: (l) => l - 1,
    z: (l) => l - 1,
    cost: L,
    delta: (l) => 2 * L + 1 - l,
    nablaB: 2 * L,
    nablaW: 2 * L + 1,
  });

  const ERROR_OF_OUTPUT = {
    quadratic: {
      equation: (L) => `${name("δ", L)} = (${name("a", L)} − y) ⊙ σ′(${name("z", L)})`,
      sentence:
        "The error δ of an output neuron is how fast the cost changes with that neuron’s z: how far the output is " +
        "from its target, times how steep σ is there. Where σ is flat the error is small, however wrong the output.",
    },
    "cross-entropy": {
      equation: (L) => `${name("δ", L)} = ${name("a", L)} − y`,
      sentence:
        "The error δ of an output neuron is how fast the cost changes with that neuron’s z. The slope σ′ of the " +
        "sigmoid cancels with a factor of this cost: a badly wrong output has a large error, even where σ is flat.",
    },
    "log-likelihood": {
      equation: (L) => `${name("δ", L)} = ${name("a", L)} − y`,
      sentence:
        "The error δ of an output neuron is how fast the cost changes with that neuron’s z. Softmax and this cost " +
        "fit together: what is left is the probability given to each class, less the probability it should have had.",
    },
  };

  const COST_EQUATIONS = {
    quadratic: "C = ½ Σⱼ (aⱼ − yⱼ)²",
    "cross-entropy": "C = −Σⱼ [yⱼ ln aⱼ + (1 − yⱼ) ln(1 − aⱼ)]",
    "log-likelihood": "C = −Σⱼ yⱼ ln aⱼ",
  };

  /** Negative factors in brackets, as one writes them by hand. */
  const factor = (value) => (value < 0 ? `(${rounded(value)})` : rounded(value));
  const product = (...factors) => factors.map(factor).join(" · ");

  /** The sum over k of v[k] · u[k], written out. */
  const sumOfProducts = (v, u) => v.map((each, k) => product(each, u[k])).join(" + ");

  const f = (activation) => (activation === "sigmoid" ? "σ" : activation);

  const input = {
    title: "Input",
    label: "Input",
    layers: () => [1],
    equation: () => `${name("a", 1)} = x`,
    sentence: () => "The activations of layer 1 are the inputs themselves.",
    numbers: (_net, pass) => pass.a[1].map((a, k) => [name("a", 1, k), rounded(a)]),
  };

  const forward = (l) => ({
    title: `Feedforward, layer ${l}`,
    label: `Forward ${l}`,
    carries: { l, direction: "forward" },
    layers: () => [l],
    equation: () =>
      `${name("z", l)} = ${name("w", l)}${name("a", l - 1)} + ${name("b", l)},  ${name("a", l)} = σ(${name("z", l)})`,
    sentence: (net) =>
      "Each neuron adds its bias to the weighted sum of the activations before it: that is z. The activation " +
      (network.activationOf(net, l) === "softmax"
        ? "function, softmax, turns the z of the whole layer into probabilities that add up to 1."
        : `function σ, here ${network.activationOf(net, l)}, turns z into a.`),
    numbers: (net, pass) =>
      pass.z[l].flatMap((z, j) => [
        [name("z", l, j), `${sumOfProducts(net.w[l][j], pass.a[l - 1])} + ${factor(net.b[l][j])} = ${rounded(z)}`],
        [name("a", l, j), `${f(network.activationOf(net, l))}(${rounded(z)}) = ${rounded(pass.a[l][j])}`],
      ]),
  });

  const cost = (L) => ({
    title: "The cost",
    label: "Cost",
    layers: () => [L],
    equation: (net) => COST_EQUATIONS[net.cost],
    sentence: () =>
      "The cost says in one number how far the outputs are from the target y. From here on the question is how it " +
      "would change if any weight or bias were a little larger.",
    numbers: (_net, pass, y) => [
      ...pass.a[L].map((a, j) => [`${name("a", L, j)}, ${name("y", "", j)}`, `${rounded(a)}, ${rounded(y[j])}`]),
      ["C", rounded(pass.cost)],
    ],
  });

  const bp1 = (L) => ({
    title: "BP1: the error of the output layer",
    label: "BP1",
    layers: () => [L],
    equation: (net) => ERROR_OF_OUTPUT[net.cost].equation(L),
    sentence: (net) => ERROR_OF_OUTPUT[net.cost].sentence,
    numbers: (net, pass, y) =>
      pass.delta[L].map((delta, j) => {
        const difference = `(${rounded(pass.a[L][j])} − ${factor(y[j])})`;
        const slope = net.cost === "quadratic" ? ` · ${factor(pass.prime[L][j])}` : "";
        return [name("δ", L, j), `${difference}${slope} = ${rounded(delta)}`];
      }),
  });

  const bp2 = (l) => ({
    title: `BP2: the error of layer ${l}`,
    label: `BP2, layer ${l}`,
    carries: { l: l + 1, direction: "backward" },
    layers: () => [l],
    equation: () => `${name("δ", l)} = ((${name("w", l + 1)})ᵀ ${name("δ", l + 1)}) ⊙ σ′(${name("z", l)})`,
    sentence: () =>
      `The errors of layer ${l + 1} run back along the edges on which the activations came. Each edge multiplies by ` +
      "its weight; what arrives at a neuron is added up and multiplied by the slope σ′ at that neuron’s z.",
    numbers: (net, pass) =>
      pass.delta[l].map((delta, k) => {
        const weights = net.w[l + 1].map((row) => row[k]);
        const terms = sumOfProducts(weights, pass.delta[l + 1]);
        return [name("δ", l, k), `(${terms}) · ${factor(pass.prime[l][k])} = ${rounded(delta)}`];
      }),
  });

  const layersAfterInput = (net) => net.b.map((_, l) => l).filter((l) => l >= 2);

  const bp3 = {
    title: "BP3: the gradient of the biases",
    label: "BP3",
    layers: layersAfterInput,
    equation: () => "∂C/∂bˡⱼ = δˡⱼ",
    sentence: () =>
      "A bias is added to z as it is, so the cost changes with the bias exactly as with z. There is nothing left to " +
      "compute: the errors are the gradient.",
    numbers: (net, pass) =>
      layersAfterInput(net).flatMap((l) => pass.nablaB[l].map((g, j) => [`∂C/∂${name("b", l, j)}`, rounded(g)])),
  };

  const bp4 = {
    title: "BP4: the gradient of the weights",
    label: "BP4",
    layers: layersAfterInput,
    equation: () => "∂C/∂wˡⱼₖ = aˡ⁻¹ₖ δˡⱼ",
    sentence: () =>
      "How fast the cost changes with a weight is what goes into its edge times the error at the edge’s other end. " +
      "If the one or the other is near 0, a step of descent hardly moves this weight.",
    numbers: (net, pass) =>
      layersAfterInput(net).flatMap((l) =>
        pass.nablaW[l].flatMap((row, j) =>
          row.map((g, k) => [
            `∂C/∂${name("w", l, j, k)}`,
            `${product(pass.a[l - 1][k], pass.delta[l][j])} = ${rounded(g)}`,
          ]),
        ),
      ),
  };

  /** All steps of a network of L layers. `edges` is what the picture's edges show in it. */
  function of(L) {
    const between = Array.from({ length: L - 2 }, (_, i) => i + 2);
    const before = [input, ...between.map(forward), forward(L), cost(L), bp1(L), ...between.reverse().map(bp2), bp3];
    return [...before.map((step) => ({ edges: "w", ...step })), { edges: "gradient", ...bp4 }];
  }

  return { computedIn, of };
})();
