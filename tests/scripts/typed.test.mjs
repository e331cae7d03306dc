import assert from "node:assert/strict";
import test from "node:test";

import { typedBefore } from "../../assets/typed.js";

const NOW = ["a circle", 8, 14, 8, ["end of turn"], null];
const TYPED = { row: 1, query: "my own words", start: 1.5, end: null, frames: 4, policy: [], most: 100 };

test("what was typed for the row on screen is put back after a reload", () => {
  assert.deepEqual(typedBefore(1, NOW, TYPED, true), ["my own words", 1.5, null, 4, [], 100]);
});

test("another row, a first visit and a browser that keeps nothing leave what the page opened with", () => {
  assert.deepEqual(typedBefore(2, NOW, TYPED, true), NOW);
  assert.deepEqual(typedBefore(1, NOW, TYPED, false), NOW);
  for (const kept of [null, "text", 3]) assert.deepEqual(typedBefore(1, NOW, kept, true), NOW);
});

test("what is not kept stays as the page opened with it", () => {
  assert.deepEqual(typedBefore(1, NOW, { row: 1, query: "mine" }, true), ["mine", ...NOW.slice(1)]);
});
