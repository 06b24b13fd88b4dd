"use strict";

/* The controls: each changes the state `s`, and `update` shows it everywhere. */
(() => {
  const { initial, fromHash, toHash, resized, suitableTarget, lastStep, targetLimits, drawnParameters, LIMITS } = state;
  const { element, numberField } = tables;
  const byId = (id) => document.getElementById(id);
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  const REPEATED = 200; // milliseconds between the steps of descent that are repeated
  const PLAYED = 1600; // and between the steps of the algorithm that are played
  const AT_ONCE = 100; // steps of descent where motion is not wanted
  const SETTLED = 400; // milliseconds without a change, after which the link is written and the cost said

  let s = initial();
  let pass; // what network.backprop says of s
  let costs = []; // before each step of descent since the parameters were set otherwise, and after the last
  let view = null; // what is shown
  let parts = {}; // the updates of tables that are made anew when the network changes

  const picture = drawing.make(byId("drawing"), {
    onWeight: (l, j, k) => byId(`w-${l}-${j + 1}-${k + 1}`).focus(),
    onNeuron: (l, j) => byId(l === 1 ? `x-${j + 1}` : `b-${l}-${j + 1}`).focus(),
    onPointed: point,
  });

  // ---- Showing the state

  function update() {
    pass = network.backprop(s, s.x, s.y);
    const L = s.sizes.length;
    const all = steps.of(L);
    const isDone = (n) => s.step >= n;
    const when = steps.computedIn(L);
    const computed = {
      a: (l) => isDone(when.a(l)),
      delta: (l) => isDone(when.delta(l)),
      cost: isDone(when.cost),
      nablaB: isDone(when.nablaB),
      nablaW: isDone(when.nablaW),
    };
    const allDigits = byId("all-digits").checked;
    const pointed = view?.pointed ?? null;
    view = { net: s, y: s.y, pass, computed, step: all[s.step], edges: s.edges, pointed, allDigits };
    byId("neurons").classList.toggle("wide", allDigits);
    picture.update(view);
    parts.neurons(view);
    parts.parameters(view);
    parts.example(s.x, s.y);
    showCost(computed.cost);
    showStep(all);
    showChoices();
    if (byId("in-python").open) byId("python").textContent = python.lines(s);
    settle();
  }

  function showCost(isKnown) {
    const written = byId("all-digits").checked ? notation.exact : notation.short;
    byId("cost").textContent = isKnown ? written(pass.cost) : "not computed yet";
    const n = costs.length - 1;
    byId("descended").textContent =
      n < 1
        ? "No step taken yet."
        : `${n} ${n === 1 ? "step" : "steps"}: the cost went from ${notation.short(costs[0])} to ${notation.short(costs[n])}.`;
    drawCurve();
  }

  /** The cost after each step of descent, as a line. */
  function drawCurve() {
    const n = costs.length - 1;
    const most = Math.max(...costs);
    const points = costs.map(
      (c, i) => `${((300 * i) / Math.max(1, n)).toFixed(1)},${(58 - (56 * c) / (most || 1)).toFixed(1)}`,
    );
    byId("curve").firstElementChild.setAttribute("points", n < 1 ? "" : points.join(" "));
    byId("curve").classList.toggle("hidden", n < 1);
  }

  function showStep(all) {
    const step = all[s.step];
    put("step-title", step.title);
    put("equation", step.equation(s));
    put("sentence", step.sentence(s));
    const list = byId("written-out");
    list.replaceChildren();
    for (const [what, sum] of step.numbers(s, pass, s.y)) {
      const pair = element(list, "div");
      element(pair, "dt", {}, what);
      element(pair, "dd", {}, `= ${sum}`);
    }
    byId("previous").disabled = s.step === 0;
    byId("next").disabled = s.step === all.length - 1;
    document.querySelectorAll("[name=step]").forEach((radio, i) => {
      radio.checked = i === s.step;
      radio.parentElement.classList.toggle("done", i < s.step);
    });
  }

  /** A text that is read out when it changes, and so is not touched otherwise. */
  function put(id, text) {
    if (byId(id).textContent !== text) byId(id).textContent = text;
  }

  function showChoices() {
    byId("hidden").value = s.hidden;
    byId("output").value = s.output;
    byId("cost-choice").value = s.cost;
    for (const radio of document.querySelectorAll("[name=edges]")) radio.checked = radio.value === s.edges;
    put("edges-key", `width of an edge: ${s.edges === "w" ? "w" : "∂C/∂w"}`);
    showSeed(s.seed);
    showEta(s.eta);
  }

  /** Make what depends on the layers, the outputs and the cost, and show the state in it. */
  function rebuild() {
    const { sizes } = s;
    const oneClass = s.output === "softmax";
    view = null; // a row that had the focus says that it has lost it, and there is nothing to show yet
    picture.forget();
    parts = {
      neurons: tables.neurons(byId("neurons"), sizes),
      parameters: tables.parameters(byId("parameters"), sizes, LIMITS.number, { set: setParameter, onPointed: point }),
      example: tables.example(
        byId("example"),
        { sizes, oneClass, targetLimits: targetLimits(s.cost), limit: LIMITS.number },
        {
          setX: (k, value) => set({ x: s.x.with(k, value) }),
          setY: (j, value) => set({ y: s.y.with(j, value) }),
          setClass,
        },
      ),
    };
    tables.layerSizes(byId("sizes"), sizes, LIMITS.neurons, (i, n) => setSizes(sizes.with(i, n), `size-${i + 1}`));
    const preset = sizes.join("-");
    byId("preset").value = [...byId("preset").options].some((each) => each.value === preset) ? preset : "";
    byId("add-layer").disabled = sizes.length === LIMITS.layers[1];
    byId("remove-layer").disabled = sizes.length === LIMITS.layers[0];
    byId("hidden").disabled = sizes.length === 2;
    buildSteps();
    update();
    pinPicture();
  }

  function buildSteps() {
    const place = byId("steps");
    place.replaceChildren();
    steps.of(s.sizes.length).forEach((step, i) => {
      const label = element(place, "label", { class: "chip" });
      const radio = element(label, "input", { type: "radio", name: "step", value: i });
      element(label, "span", {}, step.label);
      radio.addEventListener("change", () => goTo(i));
    });
  }

  /** The picture stays in view while the page scrolls, if it leaves enough of it free. */
  function pinPicture() {
    const [box, isWide] = [byId("picture"), window.matchMedia("(min-width: 62rem)").matches];
    const isPinned = box.offsetHeight < (isWide ? 0.9 : 0.5) * window.innerHeight;
    box.classList.toggle("pinned", isPinned);
    document.documentElement.style.setProperty("--pinned", isPinned ? `${box.offsetHeight + 16}px` : "0px");
  }

  // ---- Changing the state

  /** Change part of the state. The curve of the cost begins anew, unless it is a step of descent that changes it. */
  function set(change) {
    s = { ...s, ...change };
    costs = [];
    update();
  }

  function setParameter(letter, l, j, k, value) {
    const changed = letter === "w" ? s.w[l].with(j, s.w[l][j].with(k, value)) : s.b[l].with(j, value);
    set({ [letter]: s[letter].with(l, changed) });
  }

  function setClass(right) {
    set({ y: s.y.map((_, j) => (j === right ? 1 : 0)) });
  }

  function setSizes(sizes, focus = null) {
    stop();
    s = resized(s, sizes);
    costs = [];
    rebuild();
    if (focus !== null) byId(focus)?.focus();
  }

  function setChoice(change, notice = "") {
    stop();
    s = { ...s, ...change };
    s.y = suitableTarget(s.y, s.cost);
    costs = [];
    put("notice", notice);
    rebuild();
  }

  function goTo(step) {
    s.step = step;
    s.edges = steps.of(s.sizes.length)[step].edges;
    update();
  }

  /** Mark the weight [l, j, k] in the picture, or none if it is null. */
  function point(pointed) {
    if (view === null) return;
    view.pointed = pointed;
    picture.update(view);
  }

  /** One step of descent. Returns whether it was taken. */
  function descend() {
    const next = network.descend(s, pass, s.eta);
    const reached = [...next.w.flat(2), ...next.b.flat()];
    if (!reached.every((value) => Math.abs(value) <= LIMITS.number)) {
      stop();
      put(
        "notice",
        `A step with η = ${s.eta} would take a weight or a bias beyond ${LIMITS.number}. Take a smaller η.`,
      );
      return false;
    }
    put("notice", "");
    const before = costs.length === 0 ? [pass.cost] : costs;
    s = { ...s, w: next.w, b: next.b };
    costs = [...before, network.backprop(s, s.x, s.y).cost];
    update();
    return true;
  }

  // ---- What goes on by itself: descent that is repeated, steps that are played

  let timer = null;

  function stop() {
    clearInterval(timer);
    timer = null;
    for (const id of ["repeat", "play"]) byId(id).setAttribute("aria-pressed", "false");
  }

  function toggle(id, interval, act) {
    const begins = byId(id).getAttribute("aria-pressed") === "false";
    stop();
    if (!begins) return;
    byId(id).setAttribute("aria-pressed", "true");
    timer = setInterval(act, interval);
    act();
  }

  function repeat() {
    if (!calm.matches) toggle("repeat", REPEATED, descend);
    else for (let i = 0; i < AT_ONCE && descend(); i++);
  }

  function play() {
    const last = lastStep(s.sizes);
    let step = s.step === last ? -1 : s.step;
    toggle("play", PLAYED, () => {
      step += 1;
      goTo(step);
      if (step === last) stop();
    });
  }

  function respectMotion() {
    stop();
    byId("repeat").textContent = calm.matches ? `${AT_ONCE} steps` : "Repeat";
    byId("repeat").toggleAttribute("aria-pressed", !calm.matches);
    if (!calm.matches) byId("repeat").setAttribute("aria-pressed", "false");
    byId("play").hidden = calm.matches;
  }

  // ---- The link, and what is said of the cost

  let settling = null;
  let said = null;

  function settle() {
    clearTimeout(settling);
    settling = setTimeout(() => {
      history.replaceState(null, "", `#${toHash(s)}`);
      if (timer !== null || said === pass.cost) return;
      if (said !== null)
        put("announcement", `The cost is ${notation.short(pass.cost)}; it was ${notation.short(said)}.`);
      said = pass.cost;
    }, SETTLED);
  }

  /** Take the state from the address, where it holds one. */
  function follow() {
    stop();
    const hash = location.hash.slice(1);
    byId("problem").hidden = true;
    if (hash !== "") {
      try {
        s = fromHash(decodeURIComponent(hash));
      } catch (error) {
        put("problem", `This link is damaged: ${error.message}. Nothing was taken from it.`);
        byId("problem").hidden = false;
      }
    }
    costs = [];
    rebuild();
  }

  async function copyLink() {
    const address = `${location.href.split("#")[0]}#${toHash(s)}`;
    try {
      await navigator.clipboard.writeText(address);
      put("notice", "The link is copied.");
    } catch {
      put("notice", "The browser does not let this page copy. The address bar has the link.");
    }
  }

  // ---- Where everything begins

  function offer(select, names) {
    for (const each of names) element(select, "option", { value: each }, each);
  }

  const outputs = [...Object.keys(network.ACTIVATIONS), "softmax"];
  offer(byId("hidden"), Object.keys(network.ACTIVATIONS));
  offer(byId("output"), outputs);
  offer(byId("cost-choice"), Object.keys(network.OUTPUTS_OF));
  const showSeed = numberField(byId("seed"), (seed) => Number.isInteger(seed) && set({ seed }));
  const showEta = numberField(byId("eta"), (eta) => set({ eta }));

  const on = (id, event, act) => byId(id).addEventListener(event, act);
  on("preset", "change", ({ target }) => target.value && setSizes(target.value.split("-").map(Number)));
  on("add-layer", "click", () => setSizes([...s.sizes.slice(0, -1), 3, s.sizes.at(-1)]));
  on("remove-layer", "click", () => setSizes([...s.sizes.slice(0, -2), s.sizes.at(-1)]));
  on("hidden", "change", ({ target }) => setChoice({ hidden: target.value }));
  on("output", "change", ({ target: { value: output } }) => {
    const suits = (cost) => network.OUTPUTS_OF[cost].includes(output);
    const cost = suits(s.cost) ? s.cost : Object.keys(network.OUTPUTS_OF).find(suits);
    setChoice({ output, cost }, cost === s.cost ? "" : `The cost is now ${cost}, which suits ${output} outputs.`);
  });
  on("cost-choice", "change", ({ target: { value: cost } }) => {
    const suited = network.OUTPUTS_OF[cost];
    const output = suited.includes(s.output) ? s.output : suited[0];
    setChoice({ cost, output }, output === s.output ? "" : `The output layer is now ${output}, which this cost needs.`);
  });
  on("reset", "click", () => {
    stop();
    put("notice", "");
    set(drawnParameters(s.sizes, s.seed));
  });
  for (const radio of document.querySelectorAll("[name=edges]")) {
    radio.addEventListener("change", () => {
      s.edges = radio.value;
      update();
    });
  }
  on("previous", "click", () => goTo(s.step - 1));
  on("next", "click", () => goTo(s.step + 1));
  on("play", "click", play);
  on("descend", "click", descend);
  on("repeat", "click", repeat);
  on("all-digits", "change", update);
  on("in-python", "toggle", update);
  on("copy-link", "click", copyLink);
  calm.addEventListener("change", respectMotion);
  window.addEventListener("hashchange", follow);
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return; // the bars of a telephone's browser come and go
    width = window.innerWidth;
    picture.forget();
    update();
    pinPicture();
  });
  respectMotion();
  follow();
})();
