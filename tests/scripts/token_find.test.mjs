import assert from "node:assert/strict";
import test from "node:test";

import { findIn, parseQuery } from "../../assets/token_find.js";
import { readTokens } from "../../assets/tokens.js";
import { viewOf } from "./rows.mjs";

const model = readTokens(viewOf());
const found = (query, state) => findIn(model, parseQuery(query), state);

test("text is found across tokens, whatever its case", () => {
  assert.deepEqual(found("find THE"), [[0, 2]]);
  assert.deepEqual(found("the end"), [[26, 28]]);
  assert.deepEqual(found("<2s>"), [[2, 4], [10, 12], [18, 20]]);
});

test("a pattern is found, and what is none is said", () => {
  assert.deepEqual(found("/<[0-9]s>/").length, 3);
  assert.equal(parseQuery("/(/").problem, "/(/ is no regular expression");
});

test("what stands in no pattern's delimiters is text and no pattern", () => {
  assert.deepEqual(found("a.c"), []);
  assert.deepEqual(found(".*"), []);
});

test("words find by id, place, state and region", () => {
  assert.deepEqual(found("id:14"), [[5, 9], [13, 17], [21, 25]]);
  assert.deepEqual(found("index:7"), [[7, 8]]);
  assert.deepEqual(found("is:trained"), [[26, 28]]);
  assert.deepEqual(found("region:timestamp"), [[2, 4], [10, 12], [18, 20]]);
  assert.deepEqual(found("is:control region:video frame:1"), [[4, 10]]);
});

test("a frame and a second are found", () => {
  for (const query of ["frame:3", "frame:4", "t:2.5"]) assert.deepEqual(found(query), [[10, 18]]);
  assert.deepEqual(found("frame:99"), []);
});

test("words narrow text down", () => {
  assert.deepEqual(found("<2 frame:5"), [[18, 19]]);
  assert.deepEqual(found("the is:trained"), [[26, 27]]);
  assert.deepEqual(found("the is:masked"), [[1, 2]]);
});

test("a verdict is found between its borders, and a loss by its size", () => {
  const verdictAt = (index) => (index >= 6 && index < 8 ? 2 : 0);
  assert.deepEqual(found("is:leak", { verdictAt, borders: [6, 8] }), [[6, 8]]);
  const nllAt = (index) => ({ 26: 4, 27: 0.5 })[index] ?? null;
  assert.deepEqual(found("nll>3", { nllAt }), [[26, 27]]);
  assert.deepEqual(found("nll<3", { nllAt }), [[27, 28]]);
});

test("a word with a wrong value is one sentence", () => {
  assert.equal(parseQuery("id:x").problem, "id must be followed by a number, got x");
  assert.match(parseQuery("is:toString").problem, /^is: must be followed by trained, masked/);
});

test("nothing is looked for where nothing is asked", () => assert.deepEqual(found("  "), []));
