"use strict";

/*
 * The network as a picture: neurons filled by their activation and ringed by their error, edges by w or ∂C/∂w.
 * Colour says the sign, and so does the line: solid is positive, dashed negative. Width says the size.
 */
const drawing = (() => {
  const { name, brief } = notation;
  const SVG = "http://www.w3.org/2000/svg";
  const [THINNEST, WIDEST] = [1.2, 9];
  const NARROW = 480; // pixels: in a narrower picture, of a telephone, everything moves closer together
  const TOP = 26; // the height of the layers' names

  function element(parent, tag, attributes = {}) {
    const made = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return parent.appendChild(made);
  }

  const signClass = (value) => (value > 0 ? "positive" : value < 0 ? "negative" : "zero");
  const sizes = (values) => values.map(Math.abs).filter(Number.isFinite);
  const largest = (values) => Math.max(0, ...sizes(values));

  /** Where everything is, for a picture of this width: a column for each layer, and one for the cost. */
  function layout(layers, width) {
    const L = layers.length;
    const isNarrow = width < NARROW;
    const radius = Math.max(13, Math.min(25, (width / (L + 1)) * 0.2));
    const margin = radius + 10;
    const cost = { width: isNarrow ? 50 : 76, gap: isNarrow ? 14 : 84 };
    const pitch = (width - margin - radius - cost.gap - cost.width - 4) / (L - 1);
    const [above, below] = isNarrow ? [14, 18] : [18, 24]; // a neuron's name, and its δ
    const row = above + 2 * radius + below + 6;
    const height = TOP + Math.max(...layers) * row;
    const middle = TOP + (Math.max(...layers) * row + above - below) / 2;
    const place = (l, j) => ({ x: margin + (l - 1) * pitch, y: middle + (j - (layers[l - 1] - 1) / 2) * row });
    const isTight = pitch < 66; // too narrow for "δ −2e−5"
    return { width, height, isNarrow, isTight, radius, place, cost: { ...cost, x: width - cost.width - 2, y: middle } };
  }

  /**
   * A picture in the element `svg`. onWeight(l, j, k) and onNeuron(l, j) are called when one is clicked,
   * onPointed with [l, j, k] of the edge under the pointer, or with null.
   */
  function make(svg, { onWeight, onNeuron, onPointed }) {
    let parts = null;

    function build(layers) {
      const at = layout(layers, Math.max(280, svg.parentElement.clientWidth - 16));
      svg.replaceChildren();
      svg.setAttribute("viewBox", `0 0 ${at.width} ${at.height}`);
      svg.setAttribute("height", at.height);
      const [edgeGroup, costGroup, neuronGroup] = [element(svg, "g"), element(svg, "g"), element(svg, "g")];
      parts = { layers: layers.join(), at, edges: [], neurons: [], targets: [], titles: [] };

      layers.forEach((n, index) => {
        const l = index + 1;
        const title = element(svg, "text", { x: at.place(l, 0).x, y: 14, class: "layer-name" });
        title.textContent = at.width / (layers.length + 1) > 75 ? `layer ${l}` : String(l);
        parts.titles[l] = title;
        for (let j = 0; j < n; j++) {
          if (l > 1) for (let k = 0; k < layers[l - 2]; k++) parts.edges.push(buildEdge(edgeGroup, at, l, j, k));
          parts.neurons.push(buildNeuron(neuronGroup, at, l, j));
        }
      });
      buildCost(costGroup, at, layers);
      parts.label = element(svg, "text", { class: "edge-label" });
    }

    function buildEdge(group, at, l, j, k) {
      const [from, to] = [at.place(l - 1, k), at.place(l, j)];
      const ends = { x1: from.x + at.radius + 4, y1: from.y, x2: to.x - at.radius - 5, y2: to.y };
      const line = element(group, "line", { ...ends, class: "line" });
      const flow = element(group, "line", { ...ends, class: "flow" });
      const reach = element(group, "line", { ...ends, class: "reach" });
      reach.addEventListener("click", () => onWeight(l, j, k));
      reach.addEventListener("pointerenter", () => onPointed([l, j, k]));
      reach.addEventListener("pointerleave", () => onPointed(null));
      return { l, j, k, line, flow, middle: { x: (ends.x1 + ends.x2) / 2, y: (ends.y1 + ends.y2) / 2 } };
    }

    function buildNeuron(group, at, l, j) {
      const { x, y } = at.place(l, j);
      const r = at.radius;
      const g = element(group, "g", { class: "neuron" });
      g.addEventListener("click", () => onNeuron(l, j));
      const ring = element(g, "circle", { cx: x, cy: y, r: r + 2, class: "line" });
      element(g, "circle", { cx: x, cy: y, r, class: "body" });
      const filling = element(g, "circle", { cx: x, cy: y, r: r - 0.5 });
      const value = element(g, "text", { x, y: y + r * 0.22, class: "value" });
      value.style.fontSize = `${Math.max(9.5, r * 0.6)}px`;
      element(g, "text", { x, y: y - r - (at.isNarrow ? 6 : 9), class: "neuron-name" }).textContent = name("a", l, j);
      const error = element(g, "text", {
        x,
        y: y + r + (at.isNarrow ? 15 : 18),
        class: at.isTight ? "error tight" : "error",
      });
      return { l, j, ring, filling, value, error };
    }

    function buildCost(group, at, layers) {
      const { x, y, width } = at.cost;
      const L = layers.length;
      for (let j = 0; j < layers[L - 1]; j++) {
        const out = at.place(L, j);
        element(group, "line", { x1: out.x + at.radius + 6, y1: out.y, x2: x, y2: y, class: "to-cost" });
        if (at.isNarrow) continue;
        const aside = out.y > y + 1 ? 18 : -10; // away from the other lines
        parts.targets[j] = element(group, "text", { x: out.x + at.radius + 34, y: out.y + aside, class: "target" });
      }
      element(group, "rect", { x, y: y - 24, width, height: 48, rx: 8, class: "cost-box" });
      element(group, "text", { x: x + width / 2, y: y - 5, class: "cost-name" }).textContent = "C";
      parts.cost = element(group, "text", { x: x + width / 2, y: y + 14, class: "value" });
      parts.cost.style.fontSize = `${width / 5}px`;
    }

    function line(target, value, most) {
      const share = most > 0 && Number.isFinite(value) ? Math.abs(value) / most : 0;
      target.setAttribute("class", `line ${signClass(value)}`);
      const thickness = THINNEST + share * (WIDEST - THINNEST);
      target.style.strokeWidth = thickness;
      target.style.strokeDasharray = value < 0 ? `${5 + 1.3 * thickness} ${3 + 0.6 * thickness}` : "";
    }

    /** Show { net, y, pass, computed, step, edges, pointed }: `computed` has what the steps so far have computed. */
    function update({ net, y, pass, computed, step, edges, pointed }) {
      if (parts === null || parts.layers !== net.sizes.join()) build(net.sizes);
      const edgeValue = ({ l, j, k }) => (edges === "w" ? net.w[l][j][k] : pass.nablaW[l][j][k]);
      const edgesKnown = edges === "w" || computed.nablaW;
      const most = edgesKnown ? largest(parts.edges.map(edgeValue)) : 0;

      for (const edge of parts.edges) {
        const value = edgesKnown ? edgeValue(edge) : 0;
        line(edge.line, value, most);
        const isPointed = pointed !== null && [edge.l, edge.j, edge.k].join() === pointed.join();
        const carries = step.carries?.l === edge.l;
        edge.line.classList.toggle("faint", step.carries !== undefined && !carries && !isPointed);
        edge.line.classList.toggle("pointed", isPointed);
        edge.flow.setAttribute("class", carries ? `flow ${step.carries.direction}` : "flow");
        if (isPointed) labelEdge(edge, net, pass, computed);
      }
      parts.label.classList.toggle("hidden", pointed === null);

      const [mostA, mostDelta] = [Math.max(1, largest(pass.a.flat())), largest(pass.delta.flat())];
      for (const { l, j, ring, filling, value, error } of parts.neurons) {
        const a = computed.a(l) ? pass.a[l][j] : null;
        value.textContent = a === null ? "" : brief(a);
        filling.setAttribute("class", `filling ${signClass(a ?? 0)}`);
        filling.setAttribute("fill-opacity", (0.5 * Math.abs(a ?? 0)) / mostA);
        const delta = l > 1 && computed.delta(l) ? pass.delta[l][j] : null;
        error.textContent = delta === null ? "" : `${parts.at.isTight ? "" : "δ "}${brief(delta)}`;
        ring.classList.toggle("hidden", delta === null);
        if (delta !== null) line(ring, delta, mostDelta);
      }
      parts.titles.forEach((title, l) => {
        title.classList.toggle("current", step.layers(net).includes(l));
      });
      parts.targets.forEach((target, j) => {
        target.textContent = `${name("y", "", j)} ${brief(y[j])}`;
      });
      parts.cost.textContent = computed.cost ? brief(pass.cost) : "";
      svg.setAttribute(
        "aria-label",
        `Layers of ${net.sizes.join(", ")} neurons, at the step “${step.title}”. ` +
          `The edges show ${edges === "w" ? "the weights" : "∂C/∂w"}. All of its numbers are in the tables.`,
      );
    }

    function labelEdge({ l, j, k, middle }, net, pass, computed) {
      const gradient = computed.nablaW ? `, ∂C/∂w ${brief(pass.nablaW[l][j][k])}` : "";
      parts.label.textContent = `${name("w", l, j, k)} ${brief(net.w[l][j][k])}${gradient}`;
      parts.label.setAttribute("x", Math.min(Math.max(middle.x, 75), parts.at.width - 75));
      parts.label.setAttribute("y", middle.y - 8);
    }

    /** To be called when the picture may have another width: the next update draws it afresh. */
    function forget() {
      parts = null;
    }

    return { update, forget };
  }

  return { make };
})();
