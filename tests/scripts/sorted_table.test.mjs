import assert from "node:assert/strict";
import test from "node:test";

import { sortedBy, sortedNext } from "../../assets/sorted_table.js";

const values = (rows) => rows.map(({ name }) => name).join("");
const ROWS = [{ name: "b", nll: 2, mean: 1 }, { name: "a", nll: null, mean: 0 }, { name: "c", nll: 2, mean: 0 }, { name: "d", nll: 1, mean: 9 }];

test("pressing the same head turns the order round, and another begins upwards", () => {
  const first = sortedNext({ by: "mean", isDown: true }, "nll");
  assert.deepEqual(first, { by: "nll", isDown: false });
  assert.deepEqual(sortedNext(first, "nll"), { by: "nll", isDown: true });
});

test("what is not known comes last upwards and first downwards", () => {
  assert.equal(values(sortedBy(ROWS, false, (row) => row.nll)), "dbca");
  assert.equal(values(sortedBy(ROWS, true, (row) => row.nll)), "abcd");
});

test("equals are ordered by what is compared next", () => {
  assert.equal(values(sortedBy(ROWS, false, (row) => row.nll, (row) => row.mean)), "dcba");
});

test("text is sorted as text, and the rows that were given stay as they were", () => {
  assert.equal(values(sortedBy(ROWS, true, (row) => row.name)), "dcba");
  assert.equal(values(ROWS), "bacd");
});
