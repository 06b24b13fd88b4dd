"use strict";

/* The tables, and the fields in which numbers are set: a slider and a number for each. */
const tables = (() => {
  const { name, short, exact } = notation;

  function element(parent, tag, properties = {}, text = "") {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
    made.textContent = text;
    return parent.appendChild(made);
  }

  /** The number that a field holds, or null while it holds none that is allowed. */
  function readField(field) {
    const value = field.value.trim() === "" ? NaN : Number(field.value);
    const allowed = value >= Number(field.min) && value <= Number(field.max);
    if (allowed) field.removeAttribute("aria-invalid");
    else field.setAttribute("aria-invalid", "true");
    return allowed ? value : null;
  }

  /** A number field that calls set(value) for each allowed number typed; show(value) puts one in. */
  function numberField(field, set) {
    let shown = null;
    const show = (value) => {
      shown = value;
      field.value = Number.isInteger(value) ? value : Number(value.toFixed(4)) || value;
      field.removeAttribute("aria-invalid");
    };
    field.addEventListener("input", () => {
      const value = readField(field);
      if (value !== null) {
        shown = value;
        set(value);
      }
    });
    // What was not allowed gives way to what holds.
    field.addEventListener("change", () => show(shown));
    return (value) => {
      if (value !== shown) show(value);
    };
  }

  /**
   * A slider and a number field in `slot`. `said` is the name that both have for a screen reader; `limit` bounds
   * the number field, `from` and `to` the slider. Returns show(value).
   */
  function sliderAndNumber(slot, { id, said, from, to, limits, set }) {
    const bounds = { min: from, max: to, step: 0.05 };
    const slider = element(slot, "input", {
      type: "range",
      id: `${id}-slider`,
      ...bounds,
      "aria-label": `${said}, slider`,
    });
    const allowed = { min: limits[0], max: limits[1], step: 0.1 };
    const number = element(slot, "input", { type: "number", id, ...allowed, inputmode: "decimal", "aria-label": said });
    const showNumber = numberField(number, set);
    slider.addEventListener("input", () => set(Number(slider.value)));
    return (value) => {
      showNumber(value);
      slider.value = value;
      slider.setAttribute("aria-valuetext", short(value));
    };
  }

  /** Give each field its number. */
  function showAll(fields, values) {
    fields.forEach((show, j) => {
      show(values[j]);
    });
  }

  /** The table of neurons. Returns update(view). */
  function neurons(table, sizes) {
    for (const body of table.querySelectorAll("tbody")) body.remove();
    const rows = [];
    sizes.forEach((n, index) => {
      const l = index + 1;
      const body = element(table, "tbody");
      const title = l === 1 ? "Layer 1, the input" : `Layer ${l}${l === sizes.length ? ", the output" : ""}`;
      element(element(body, "tr"), "th", { colspan: 6, scope: "rowgroup", class: "layer-row" }, title);
      for (let j = 0; j < n; j++) {
        const row = element(body, "tr");
        element(row, "th", { scope: "row" }, String(j + 1));
        const cell = (quantity) => element(row, "td", { id: `${quantity}-${l}-${j + 1}` });
        rows.push({ l, j, z: cell("z"), a: cell("a"), prime: cell("prime"), delta: cell("delta"), nablaB: cell("db") });
      }
    });
    return ({ pass, computed, allDigits }) => {
      const written = allDigits ? exact : short;
      for (const { l, j, ...cells } of rows) {
        const put = (quantity, isKnown) => {
          const value = pass[quantity][l]?.[j];
          cells[quantity].textContent = value === undefined ? "–" : isKnown ? written(value) : "";
        };
        put("z", computed.a(l));
        put("a", computed.a(l));
        put("prime", computed.a(l));
        put("delta", computed.delta(l));
        put("nablaB", computed.nablaB);
      }
    };
  }

  /** A table of parameters for each layer, in `place`. set(letter, l, j, k, value) is called. Returns update(view). */
  function parameters(place, sizes, limit, { set, onPointed }) {
    place.replaceChildren();
    const rows = [];
    for (let l = 2; l <= sizes.length; l++) {
      const table = element(place, "table", { class: "parameters" });
      element(table, "caption", {}, `Layer ${l}`);
      const head = element(element(table, "thead"), "tr");
      for (const text of ["Name", "Value", "Gradient"]) element(head, "th", { scope: "col" }, text);
      for (let j = 0; j < sizes[l - 1]; j++) {
        const body = element(table, "tbody");
        for (let k = 0; k < sizes[l - 2]; k++) rows.push(parameterRow(body, limit, "w", l, j, k, set, onPointed));
        rows.push(parameterRow(body, limit, "b", l, j, null, set, onPointed));
      }
    }
    return ({ net, pass, computed, allDigits }) => {
      const most = Math.max(...[pass.nablaW, pass.nablaB].flatMap((each) => each.flat(2)).map(Math.abs));
      for (const { letter, l, j, k, show, gradient, bar } of rows) {
        const isWeight = letter === "w";
        show(isWeight ? net.w[l][j][k] : net.b[l][j]);
        const isKnown = isWeight ? computed.nablaW : computed.nablaB;
        const value = isWeight ? pass.nablaW[l][j][k] : pass.nablaB[l][j];
        gradient.textContent = isKnown ? (allDigits ? exact : short)(value) : "";
        bar.className = `bar ${value < 0 ? "negative" : "positive"}`;
        bar.style.setProperty("--share", isKnown && most > 0 ? Math.abs(value) / most : 0);
      }
    };
  }

  function parameterRow(body, limit, letter, l, j, k, set, onPointed) {
    const isWeight = letter === "w";
    const label = isWeight ? name("w", l, j, k) : name("b", l, j);
    const said = isWeight
      ? `${label}, weight from neuron ${k + 1} of layer ${l - 1} to neuron ${j + 1} of layer ${l}`
      : `${label}, bias of neuron ${j + 1} of layer ${l}`;
    const id = isWeight ? `${l}-${j + 1}-${k + 1}` : `${l}-${j + 1}`;
    const row = element(body, "tr");
    element(row, "th", { scope: "row" }, label);
    const slot = element(element(row, "td"), "div", { class: "field" });
    const show = sliderAndNumber(slot, {
      id: `${letter}-${id}`,
      said,
      from: -3,
      to: 3,
      limits: [-limit, limit],
      set: (value) => set(letter, l, j, k, value),
    });
    const cell = element(row, "td", { class: "gradient" });
    const gradient = element(cell, "span", { id: `d${letter}-${id}`, "data-gradient": letter });
    const bar = element(cell, "span", { class: "bar", "aria-hidden": "true" });
    if (isWeight) {
      for (const event of ["focusin", "pointerenter"]) row.addEventListener(event, () => onPointed([l, j, k]));
      for (const event of ["focusout", "pointerleave"]) row.addEventListener(event, () => onPointed(null));
    }
    return { letter, l, j, k, show, gradient, bar };
  }

  /** Fields for x and y. With softmax y is a class to be chosen. Returns update(x, y). */
  function example(place, { sizes, oneClass, targetLimits, limit }, { setX, setY, setClass }) {
    place.replaceChildren();
    const input = element(place, "fieldset", { class: "fields" });
    element(input, "legend", {}, "Input x");
    const target = element(place, "fieldset", { class: "fields" });
    element(target, "legend", {}, oneClass ? "Target: the right class" : "Target y");

    const line = (parent, letter, j, said, from, to, limits, set) => {
      const row = element(parent, "div", { class: "field named" });
      element(row, "span", { "aria-hidden": "true" }, name(letter, "", j));
      const label = `${name(letter, "", j)}, ${said} ${j + 1}`;
      return sliderAndNumber(row, {
        id: `${letter}-${j + 1}`,
        said: label,
        from,
        to,
        limits,
        set: (value) => set(j, value),
      });
    };
    const neuronsOf = (n) => Array.from({ length: n }, (_, j) => j);
    const shownX = neuronsOf(sizes[0]).map((k) => line(input, "x", k, "input", -2, 2, [-limit, limit], setX));
    const outputs = neuronsOf(sizes.at(-1));
    let showY;
    if (oneClass) {
      const row = element(target, "div", { class: "row" });
      const radios = outputs.map((j) => {
        const label = element(row, "label", { class: "check" });
        const radio = element(label, "input", { type: "radio", name: "class", id: `y-${j + 1}` });
        label.append(` ${name("y", "", j)} = 1`);
        radio.addEventListener("change", () => setClass(j));
        return radio;
      });
      showY = (y) => {
        radios[y.indexOf(1)].checked = true;
      };
    } else {
      const [from, to] = targetLimits[0] === 0 ? [0, 1] : [-2, 2];
      const shownY = outputs.map((j) => line(target, "y", j, "target", from, to, targetLimits, setY));
      showY = (y) => showAll(shownY, y);
    }
    return (x, y) => {
      showAll(shownX, x);
      showY(y);
    };
  }

  /** One number field for each layer's size. */
  function layerSizes(place, sizes, [least, most], set) {
    place.replaceChildren();
    sizes.forEach((n, index) => {
      const field = element(place, "input", {
        type: "number",
        id: `size-${index + 1}`,
        min: least,
        max: most,
        step: 1,
      });
      field.setAttribute("aria-label", `Neurons in layer ${index + 1}`);
      field.value = n;
      // When it is left, not at once: the fields are made anew.
      field.addEventListener("change", () => {
        const value = readField(field);
        if (value === null || !Number.isInteger(value)) field.value = n;
        else set(index, value);
      });
    });
  }

  return { element, example, layerSizes, neurons, numberField, parameters };
})();
