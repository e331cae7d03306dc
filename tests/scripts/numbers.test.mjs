import assert from "node:assert/strict";
import test from "node:test";

import { fixed, fixedOrTiny, ofRows, percent, percentOrTiny, seconds, signed, timeLeft, tiny, whole } from "../../assets/numbers.js";

test("what is not known is a dash", () => {
  const written = [whole(null), fixed(null, 2), signed(null, 2), fixedOrTiny(null, 3, 0.001), percent(null, 1)];
  assert.deepEqual(written, ["–", "–", "–", "–", "–"]);
});

test("whole numbers have commas in thousands", () => assert.equal(whole(1234567), "1,234,567"));

test("a sign is written, a real minus, unless nothing is left after rounding", () => {
  assert.deepEqual([signed(1.256, 2), signed(-1.256, 2), signed(-0.001, 2), signed(0, 1)], ["+1.26", "−1.26", "0.00", "0.0"]);
});

test("what digits would write as zero is written by its size", () => {
  assert.deepEqual([fixedOrTiny(0.00042, 3, 0.001), fixedOrTiny(0.42, 3, 0.001), fixedOrTiny(0, 3, 0.001)], ["4.2e-4", "0.420", "0.000"]);
  assert.deepEqual([tiny(0), tiny(0.000123)], ["0", "1.2e-4"]);
});

test("a share is a percentage, and a tiny probability its size", () => {
  assert.equal(percent(0.1234, 1), "12.3 %");
  assert.deepEqual([percentOrTiny(0.5), percentOrTiny(0.05), percentOrTiny(0.00005)], ["50.0 %", "5.00 %", "5.0e-5"]);
});

test("times are in seconds, and what is left of a run in the unit that a person would use", () => {
  assert.equal(seconds(12.34), "12.3 s");
  assert.deepEqual([null, 0.2, 89, 600, 7200].map(timeLeft), ["", " about 1 s left", " about 89 s left", " about 10 min left", " about 2.0 h left"]);
});

test("all is said of all the file's rows only", () => {
  assert.deepEqual([ofRows(12, 1499), ofRows(1499, 1499), ofRows(1, 1)], ["12 of 1,499 rows", "all 1,499 rows", "one row"]);
});
