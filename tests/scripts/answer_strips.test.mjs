import assert from "node:assert/strict";
import test from "node:test";

import { alignParts } from "../../assets/answer_strips.js";

const PARTS = { t: "time", f: "format", e: "end_of_turn", o: "other" };
const tokens = (parts) => parts.split(" ").map((part) => ({ part: PARTS[part], text: part }));
const written = (...pairs) => pairs.map(([text, part]) => ({ text, part: PARTS[part] }));

test("the same parts of two answers stand below each other, whatever is between them", () => {
  const { columns, segments } = alignParts([tokens("f t t f t f e"), tokens("f f t f t t t f e")]);
  assert.deepEqual(segments, [["format", 0, 2], ["time", 2, 2], ["format", 4, 1], ["time", 5, 3], ["format", 8, 1], ["end_of_turn", 9, 1]]);
  assert.deepEqual(columns, [[0, 2, 3, 4, 5, 8, 9], [0, 1, 2, 4, 5, 6, 7, 8, 9]]);
});

test("a part that an answer lacks is left empty, and the end of turn is last in all", () => {
  const { columns, segments } = alignParts([tokens("t e"), tokens("o t f t"), tokens("f e")]);
  assert.deepEqual(segments.map(([part]) => part), ["other", "format", "time", "format", "time", "end_of_turn"]);
  assert.deepEqual(columns, [[2, 5], [0, 2, 3, 4], [1, 5]]);
});

test("nothing is aligned with nothing", () => assert.deepEqual(alignParts([]), { columns: [], segments: [] }));

test("the digits of one time stand together, and a token that is a time stands alone", () => {
  const seconds = written(["[", "f"], ["1", "t"], ["8", "t"], [".", "f"], ["0", "t"], [",", "f"], ["9", "t"], ["]", "f"], ["<|im_end|>", "e"]);
  const bins = written(["<|box_start|>", "f"], ["<562>", "t"], ["<718>", "t"], ["<|box_end|>", "f"], ["<|im_end|>", "e"]);
  const { columns, segments } = alignParts([seconds, bins]);
  assert.deepEqual(segments, [["format", 0, 1], ["time", 1, 4], ["format", 5, 1], ["time", 6, 1], ["format", 7, 1], ["end_of_turn", 8, 1]]);
  assert.deepEqual(columns, [[0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 6, 7, 8]]);
});
