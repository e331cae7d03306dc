// How a loss is coloured, and what its words mean.

import { fixed, whole } from "./numbers.js";
import { make } from "./shared.js";

// A square root spreads the small losses of a trained model, which a linear scale would paint all alike.
export const heatShare = (nll, most) => Math.sqrt(Math.min(nll / (most || 1), 1));

export const heatLegend = (most, uniform) => {
  const [legend, scale] = [make("div", "vtg-heat-legend"), make("div", "vtg-heat-scale")];
  const guess = `ln V = ${fixed(uniform, 2)}`;
  [scale.role, scale.ariaLabel] = ["img", `The colour scale: from 0 to ${fixed(most, 2)} nats; a blind guess costs ${guess}`];
  const kept = [];
  const marks = [[uniform, guess, "vtg-heat-uniform"], [0, "0", ""], [most, fixed(most, 2), ""]];
  for (const number of [4, 1, 0.2]) marks.push([number, String(number), number === 4 ? "vtg-heat-wide" : ""]);
  for (const [number, text, className] of marks) {
    const at = heatShare(number, most);
    if (number > most || kept.some((other) => Math.abs(other - at) < (at > 0.5 ? 0.25 : 0.12))) continue;
    kept.push(at);
    const mark = make("span", `vtg-heat-mark ${className}`.trim(), text);
    mark.style.left = `${100 * at}%`;
    if (at > 0.85) mark.classList.add("vtg-heat-last");
    scale.append(mark);
  }
  const words = `NLL in nats, on a square-root scale. ln V, of the ${whole(Math.round(Math.exp(uniform)))} tokens of the vocabulary, is what a blind guess costs.`;
  legend.append(make("span", "vtg-muted", words), scale);
  return legend;
};

// The words of the Loss tab, for whoever meets them for the first time.
const WORDS = [
  ["NLL, in nats", "What a token of the answer costs the model: −ln of the probability it gave to it. 0 is certainty, 0.69 a coin toss, ln V a blind pick from the whole vocabulary. The loss of a training log is its mean over the trained tokens."],
  ["Form known, or guess", "What guessing costs whoever knows how answers are written (brackets, commas and the end of turn come free) and picks the times at random."],
  ["A good value", "An untrained model pays about ln V a token. One that has learned the form pays for the times alone. Times below form known: it can tell when it happens. Near 0 on a sample it was trained on: perhaps learned by heart."],
  ["Between templates", "Within one answer format, compare sum, mean or times. Across formats, whose answers hold other tokens, compare only times minus guess."],
];

export const wordList = () => {
  const list = make("dl", "vtg-words");
  for (const [word, meaning] of WORDS) list.append(make("dt", "", word), make("dd", "", meaning));
  return list;
};
