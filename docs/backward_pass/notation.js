"use strict";

/* How things are called and numbers are written: the chapter's letters, with layer and neurons, counted from 1. */
const notation = (() => {
  const raised = (l) => [...String(l)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("");
  const lowered = (j) => [...String(j)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");

  /** name("w", 2, 0, 1) is w²₁₂: the code counts neurons from 0, the page from 1. */
  function name(letter, l, ...neurons) {
    return letter + raised(l) + neurons.map((j) => lowered(j + 1)).join("");
  }

  /** A number as it is read most easily: four decimals, or a power of ten where these say little. */
  function short(value) {
    const size = Math.abs(value);
    const text = size !== 0 && (size < 0.001 || size >= 10000) ? value.toExponential(2) : value.toFixed(4);
    return withMinus(Number(text) === 0 ? text.replace("-", "") : text);
  }

  /** Three significant digits, for sums written out. */
  function rounded(value) {
    const size = Math.abs(value);
    if (size !== 0 && (size < 0.001 || size >= 1000)) return withMinus(value.toExponential(2));
    return withMinus(size === 0 ? "0" : value.toPrecision(3));
  }

  /** Two decimals, for the picture. */
  function brief(value) {
    const size = Math.abs(value);
    if (size !== 0 && size < 0.005) return withMinus(value.toExponential(0));
    return withMinus(size >= 1000 ? value.toExponential(1) : value.toFixed(2));
  }

  /** Every digit, so that the text is this very number. */
  const exact = (value) => withMinus(String(value));

  const withMinus = (text) => text.replaceAll("-", "−");

  return { name, short, rounded, brief, exact };
})();
