import assert from "node:assert/strict";
import test from "node:test";

import { chosenOf, linesOf } from "../../assets/prompt_texts.js";

const prompt = (key, text) => ({ key, name: key.split("/").at(-1), mode: "standard", rendered: `<${text}>`, raw: "{query}", messages: [["user", text]], num_tokens: 9, num_video: 4, num_supervised: 2, parts: [{ pieces: [[text, 1], ["<pad>", 4]] }] });
const PROMPTS = [prompt("standard/direct", "a"), prompt("standard/task", "b")];
const PAIR = { sides: [{}, { name: "x:y", num_tokens: 7, num_supervised: 7, text: "c" }] };
const all = (change) => linesOf({ prompts: PROMPTS, typed: null, pair: null, losses: null, ...change });

test("a run of one placeholder stands once in what the model reads", () => assert.equal(all()[0].texts.read, "a<pad>"));

test("a loss stands where it is known, and nowhere else", () => {
  const lines = all({ losses: { "standard/task": { mean: 1.5, times: 3 } } });
  assert.deepEqual(lines.map(({ mean, times }) => [mean, times]), [[null, null], [1.5, 3]]);
});

test("one's own template and collator stand first, and of a collator only what is read is known", () => {
  const lines = all({ typed: prompt("typed", "d"), pair: PAIR });
  assert.deepEqual(lines.map(({ name }) => name), ["x:y", "typed (yours)", "direct", "task"]);
  assert.deepEqual(lines[0].texts, { read: "c", rendered: null, raw: null, messages: null });
});

test("two are chosen: what is on screen beside one's own, until a person chooses", () => {
  const [lines, more] = [all(), all({ typed: prompt("typed", "d"), pair: PAIR })];
  assert.deepEqual(chosenOf(lines, [null, null], "standard/task"), ["standard/task", "standard/direct"]);
  assert.deepEqual(chosenOf(more, [null, null], "standard/task"), ["standard/task", "collator"]);
  assert.deepEqual(chosenOf(more, ["typed", "standard/task"], "standard/direct"), ["typed", "standard/task"]);
  assert.deepEqual(chosenOf(lines, ["typed", "standard/task"], "none"), ["standard/direct", "standard/task"]);
  assert.deepEqual(chosenOf(lines.slice(0, 1), [null, null], "none"), ["standard/direct", "standard/direct"]);
});
