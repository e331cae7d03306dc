import assert from "node:assert/strict";
import test from "node:test";

import { alignParts } from "../../assets/answer_strips.js";

const tokens = (parts) => parts.split(" ").map((part) => ({ part: { t: "time", f: "format", e: "end_of_turn", o: "other" }[part] }));

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
