"use strict";

/*
 * What the reader has set: a network, an example, η, the seed, and what is shown. A state is also the part of
 * the address after #, so that a link holds it, every number to its last digit.
 */
const state = (() => {
  const LIMITS = { layers: [2, 6], neurons: [1, 5], number: 1000, eta: 100, seed: 2 ** 32 - 1 };
  const EDGES = ["w", "gradient"];

  // As many of these as there are neurons are the first example.
  const FIRST_X = [1, 0.5, -0.5, -1, 0.25];
  const FIRST_Y = [1, 0, 0, 0, 0];

  const range = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

  /** Biases and weights from a seed, in the order in which the book's code draws them: all biases first. */
  function drawnParameters(sizes, seed) {
    const normal = random.standardNormal(seed);
    const [w, b] = [
      [[], []],
      [[], []],
    ];
    const later = range(2, sizes.length);
    for (const l of later) b[l] = range(1, sizes[l - 1]).map(normal);
    for (const l of later) w[l] = b[l].map(() => range(1, sizes[l - 2]).map(normal));
    return { w, b };
  }

  /** The step in which everything has been computed: see steps.js. */
  const lastStep = (sizes) => 2 * sizes.length + 1;

  /** The least and the largest target of an output. */
  const targetLimits = (cost) => (cost === "quadratic" ? [-LIMITS.number, LIMITS.number] : [0, 1]);

  /** The target y, or if it does not suit this cost, one that does: with log-likelihood, a single 1. */
  function suitableTarget(y, cost) {
    if (cost === "log-likelihood") {
      const right = y.indexOf(Math.max(...y));
      return y.map((_, j) => (j === right ? 1 : 0));
    }
    const [least, most] = targetLimits(cost);
    return y.map((each) => Math.min(Math.max(each, least), most));
  }

  /** `start` with layers of these sizes, and with parameters drawn from its seed. */
  function resized(start, sizes) {
    const filled = (old, first, n) => range(0, n - 1).map((i) => old[i] ?? first[i]);
    return {
      ...start,
      ...drawnParameters(sizes, start.seed),
      sizes,
      x: filled(start.x, FIRST_X, sizes[0]),
      y: suitableTarget(filled(start.y, FIRST_Y, sizes.at(-1)), start.cost),
      step: lastStep(sizes),
    };
  }

  function initial() {
    const choices = { hidden: "sigmoid", output: "sigmoid", cost: "quadratic", eta: 0.5, seed: 1, edges: "gradient" };
    return resized({ ...choices, x: [], y: [] }, [2, 3, 1]);
  }

  /** The state as text for the address, "sizes=2-3-1&…". */
  function toHash(s) {
    const flat = (layers) => layers.flat(2).join(",");
    const fields = {
      sizes: s.sizes.join("-"),
      hidden: s.hidden,
      output: s.output,
      cost: s.cost,
      seed: s.seed,
      eta: s.eta,
      x: s.x.join(","),
      y: s.y.join(","),
      b: flat(s.b),
      w: flat(s.w),
      step: s.step,
      edges: s.edges,
    };
    return Object.entries(fields)
      .map(([key, value]) => `${key}=${value}`)
      .join("&");
  }

  /** A number of a link, or an Error that says what is wrong with it. */
  function readNumber(text, key, least, most, whole = false) {
    const value = text.trim() === "" ? NaN : Number(text);
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
      throw new Error(
        `${key} has “${text.slice(0, 30)}”; expected a ${whole ? "whole " : ""}number from ${least} to ${most}`,
      );
    }
    return value;
  }

  function readNumbers(text, key, n, [least, most] = [-LIMITS.number, LIMITS.number]) {
    const parts = text.split(",");
    if (parts.length !== n) throw new Error(`${key} has ${parts.length} numbers; expected ${n}`);
    return parts.map((part) => readNumber(part, key, least, most));
  }

  function readTarget(text, key, n, cost) {
    const y = readNumbers(text, key, n, targetLimits(cost));
    if (y.join() !== suitableTarget(y, cost).join()) {
      throw new Error(`${key} is “${text.slice(0, 30)}”; expected a single 1, at the right class, and 0 elsewhere`);
    }
    return y;
  }

  function readChoice(text, key, choices) {
    if (!choices.includes(text)) {
      throw new Error(`${key} is “${text.slice(0, 30)}”; expected ${choices.join(", ")}`);
    }
    return text;
  }

  function readSizes(text) {
    const [fewest, most] = LIMITS.layers;
    const parts = text.split("-");
    if (parts.length < fewest || parts.length > most) {
      throw new Error(`sizes has ${parts.length} layers; expected ${fewest} to ${most}`);
    }
    return parts.map((part) => readNumber(part, "sizes", ...LIMITS.neurons, true));
  }

  /** The state of a link. What the link leaves out is as at first. Throws an Error for a link that is broken. */
  function fromHash(hash) {
    const given = new Map(
      hash.split("&").map((field) => [field.split("=", 1)[0], field.slice(field.indexOf("=") + 1)]),
    );
    const read = (key, reader, otherwise) => (given.has(key) ? reader(given.get(key), key) : otherwise);

    let s = initial();
    s.seed = read("seed", (text, key) => readNumber(text, key, 0, LIMITS.seed, true), s.seed);
    s.hidden = read("hidden", (text, key) => readChoice(text, key, Object.keys(network.ACTIVATIONS)), s.hidden);
    s.cost = read("cost", (text, key) => readChoice(text, key, Object.keys(network.OUTPUTS_OF)), s.cost);
    const outputs = network.OUTPUTS_OF[s.cost];
    s.output = read("output", (text, key) => readChoice(text, key, outputs), outputs[0]);
    s = resized(s, read("sizes", readSizes, s.sizes));

    const count = (layers) => layers.flat(2).length;
    const x = read("x", (text, key) => readNumbers(text, key, s.x.length), s.x);
    const y = read("y", (text, key) => readTarget(text, key, s.y.length, s.cost), s.y);
    const b = read("b", (text, key) => readNumbers(text, key, count(s.b)), s.b.flat());
    const w = read("w", (text, key) => readNumbers(text, key, count(s.w)), s.w.flat(2));
    const [bs, ws] = [b.values(), w.values()];
    const step = read("step", (text, key) => readNumber(text, key, 0, lastStep(s.sizes), true), s.step);
    return {
      ...s,
      x,
      y,
      b: s.b.map((vector) => vector.map(() => bs.next().value)),
      w: s.w.map((matrix) => matrix.map((row) => row.map(() => ws.next().value))),
      eta: read("eta", (text, key) => readNumber(text, key, 0, LIMITS.eta), s.eta),
      step,
      edges: read("edges", (text, key) => readChoice(text, key, EDGES), steps.of(s.sizes.length)[step].edges),
    };
  }

  return { LIMITS, drawnParameters, fromHash, initial, lastStep, resized, suitableTarget, targetLimits, toHash };
})();
