// The find language of the tokens: what is looked for, and where it stands.
//
// Text, or /a regular expression/, in the row as one text; and words that narrow it down: id:151645, index:12, is:trained,
// is:control, is:leak, is:hole, region:query, frame:37, t:18.5, nll>3. All of them must hold.

import { lastAtMost, patchAtTime, VERDICTS } from "./tokens.js";

const WORD = /^(id|index|is|region|frame|t):(.+)$|^(nll)([<>])(.+)$/i;

// Returns {text, pattern, words} or {problem}: what is wrong with it, in one sentence.
export const parseQuery = (query) => {
  const asPattern = /^\s*\/(.+)\/\s*$/s.exec(query);
  if (asPattern) {
    try {
      return { pattern: new RegExp(asPattern[1], "giu"), words: [] };
    } catch {
      return { problem: `/${asPattern[1]}/ is no regular expression` };
    }
  }
  const [words, text] = [[], []];
  for (const part of query.trim().split(/\s+/)) {
    const [, name, value, metric, sign, bound] = WORD.exec(part) ?? [];
    if (name) words.push({ name: name.toLowerCase(), value: value.toLowerCase() });
    else if (metric) words.push({ name: metric.toLowerCase(), sign, value: bound });
    else if (part) text.push(part);
  }
  const problem = words.map(problemOf).find(Boolean);
  if (problem) return { problem };
  return { pattern: text.length ? literal(text.join(" ")) : null, words };
};

const literal = (text) => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/ /g, "\\s+"), "giu");

const STATES = ["trained", "masked", "control", ...VERDICTS.slice(1)];
const NUMBERS = new Set(["id", "index", "frame", "t", "nll"]);

const problemOf = ({ name, value: given }) => {
  if (NUMBERS.has(name) && !(Number(given) >= 0)) return `${name} must be followed by a number, got ${given}`;
  if (name === "is" && !STATES.includes(given)) return `is: must be followed by ${STATES.join(", ")}, got ${given}`;
  return null;
};

// Returns the matches as sorted [start, end) of tokens. `state` has {verdictAt, nllAt} of an index, and the borders of the
// mask, between which a verdict stays the same.
export const findIn = (model, { pattern, words }, state = {}) => {
  const tests = words.map((word) => testOf(model, word, state));
  const holds = (index) => tests.every((test) => test(index));
  if (!pattern) return words.length ? runsWhere(model, holds, [...(state.borders ?? []), ...tests.flatMap((test) => test.edges ?? [])], words.some(({ name }) => name === "id")) : [];
  return textMatches(model, pattern).filter(([start, end]) => {
    for (let index = start; index < end; index += 1) if (holds(index)) return true;
    return false;
  });
};

// A test has `edges`: between two of them its answer is the same for all tokens of a table row.
const testOf = (model, { name, value, sign }, { verdictAt = () => 0, nllAt = () => null }) => {
  if (name === "id") return (index) => model.idAt(index) === Number(value);
  if (name === "index") return within(Number(value), Number(value) + 1);
  if (name === "region") return (index) => wordOf(model.regionAt(index)[2]).includes(wordOf(value));
  if (name === "is" && value === "trained") return model.isTrained;
  if (name === "is" && value === "masked") return (index) => !model.isTrained(index);
  if (name === "is" && value === "control") return model.isControl;
  if (name === "is") return (index) => VERDICTS[verdictAt(index)] === value;
  if (name === "nll") return (index) => nllAt(index) !== null && (sign === ">" ? nllAt(index) > Number(value) : nllAt(index) < Number(value));
  const patch = name === "t" ? patchAtTime(model, Number(value)) : model.patches.find(({ from, to }) => from <= value - 1 && value - 1 <= to);
  return patch ? within(patch.start, patch.end) : () => false;
};

const within = (start, end) => Object.assign((index) => start <= index && index < end, { edges: [start, end] });
const wordOf = (text) => text.replace(/[ _-]/g, "").toLowerCase();

const runsWhere = (model, holds, edges, isEach) => {
  const own = [...model.view.trained, ...model.view.other_labels].flatMap(([start, end]) => [start, end]);
  const places = [...new Set([...model.starts, ...own, ...edges])].filter((place) => place < model.length).sort((a, b) => a - b);
  const runs = [];
  for (const [i, start] of places.entries()) {
    if (!holds(start)) continue;
    const end = places[i + 1] ?? model.length;
    if (!isEach && runs.at(-1)?.[1] === start) runs.at(-1)[1] = end;
    else runs.push([start, end]);
  }
  return runs;
};

// The row as one text, with where each of its table rows begins in it.
const textMatches = (model, pattern) => {
  const { text, places } = textOf(model);
  const matches = [];
  for (const match of text.matchAll(pattern)) {
    if (!match[0]) continue;
    const [first, last] = [match.index, match.index + match[0].length - 1].map((character) => lastAtMost(places.at, character));
    matches.push([places.start[first], places.end[last]]);
  }
  return matches;
};

const TEXTS = new WeakMap();

const textOf = (model) => {
  if (TEXTS.has(model)) return TEXTS.get(model);
  const places = { at: [], start: [], end: [] };
  let text = "";
  for (let row = 0; row < model.view.token.length; row += 1) {
    const together = model.texts.get(row);
    const last = row + (together?.count ?? 1) - 1;
    places.at.push(text.length);
    places.start.push(model.starts[row]);
    places.end.push(model.starts[last + 1]);
    text += together?.text ?? model.view.pieces[model.view.token[row]];
    row = last;
  }
  TEXTS.set(model, { text, places });
  return TEXTS.get(model);
};
