import assert from "node:assert/strict";
import test from "node:test";

import { allBlocks, itemAt, itemsOf, layLines, toggled } from "../../assets/token_items.js";
import { readTokens } from "../../assets/tokens.js";
import { viewOf } from "./rows.mjs";

const model = readTokens(viewOf());
const kindsOf = (items) => items.map(({ type, start, end }) => `${type} ${start}-${end}`);
const covers = (items, length) => items.every(({ start }, i) => start === (i ? items[i - 1].end : 0)) && items.at(-1).end === length;

test("a frame is one item, text is an item a token", () => {
  assert.deepEqual(kindsOf(itemsOf(model)), ["token 0-1", "token 1-2", "block 2-10", "block 10-18", "block 18-26", "token 26-27", "token 27-28"]);
});

test("a frame opens to its stamp and its run, the run to its tokens, and both shut again", () => {
  const block = itemsOf(model)[2];
  const once = toggled(model, new Set(), block);
  const inside = itemsOf(model, { opened: once });
  assert.deepEqual(kindsOf(inside).slice(2, 8), ["token 2-3", "token 3-4", "token 4-5", "run 5-9", "token 9-10", "block 10-18"]);
  const twice = toggled(model, once, inside[5]);
  const all = itemsOf(model, { opened: twice });
  assert.equal(all.filter(({ of }) => of).length, 4);
  assert.deepEqual(toggled(model, twice, all[6]), once);
  assert.deepEqual(toggled(model, once, inside[2]), new Set());
  assert.equal(toggled(model, once, all[0]), null);
});

test("a frame that is nothing but a run opens to its tokens, and shuts to itself", () => {
  const bare = readTokens(viewOf({ stamped: false }));
  const opened = toggled(bare, new Set(), itemsOf(bare)[2]);
  const items = itemsOf(bare, { opened });
  assert.equal(items.filter(({ type }) => type === "token").length, 2 + 4 + 2);
  assert.deepEqual(toggled(bare, opened, items[3]), new Set());
});

test("nothing is gathered across a change of label, or a cut", () => {
  const trained = readTokens(viewOf({ trained: [[7, 12]] }));
  for (const items of [itemsOf(trained), itemsOf(model, { cuts: [7, 12] })]) {
    assert.ok(covers(items, 28));
    assert.deepEqual(kindsOf(items).slice(2, -2).filter((one) => !one.startsWith("token")), ["run 5-7", "run 7-9", "run 13-17", "block 18-26"]);
  }
});

test("whatever is open and cut, every token is in one item", () => {
  for (let seed = 1; seed < 60; seed += 1) {
    const cuts = Array.from({ length: seed % 5 }, (_, i) => (seed * 7 + i * 11) % 28);
    const stamped = seed % 2 === 0;
    const shown = readTokens(viewOf({ stamped, patches: 1 + (seed % 4) }));
    let opened = seed % 3 ? allBlocks(shown) : new Set();
    for (const item of itemsOf(shown, { opened, cuts })) if (item.type !== "token" && item.start % 3 === 0) opened = toggled(shown, opened, item);
    assert.ok(covers(itemsOf(shown, { opened, cuts }), shown.length), String(seed));
  }
});

test("a character of several tokens is one item, unless its label changes within it", () => {
  const texts = [[0, 2, "🙂"]];
  assert.deepEqual(itemsOf(readTokens(viewOf({ texts })))[0], { type: "glyph", start: 0, end: 2, text: "🙂" });
  const cut = readTokens(viewOf({ texts, trained: [[1, 2]] }));
  assert.equal(itemsOf(cut)[0].type, "token");
  const whole = readTokens(viewOf({ texts }));
  const opened = toggled(whole, new Set(), itemsOf(whole)[0]);
  assert.equal(itemsOf(whole, { opened })[1].type, "token");
  assert.deepEqual(toggled(whole, opened, itemsOf(whole, { opened })[1]), new Set());
});

test("lines hold what fits, at least one item, and end at a line break", () => {
  const lay = (widths, breaks = []) => layLines(widths, { widthOf: (width) => width, breaksAfter: (width) => breaks.includes(width), width: 10 });
  assert.deepEqual(lay([4, 4, 4, 4]), [0, 2]);
  assert.deepEqual(lay([10, 10, 1]), [0, 1, 2]);
  assert.deepEqual(lay([1, 2, 3], [2]), [0, 2]);
  assert.deepEqual(lay([]), []);
});

test("the item of an index is found", () => {
  const items = itemsOf(model);
  assert.deepEqual([0, 2, 9, 10, 27].map((index) => itemAt(items, index)), [0, 2, 2, 3, 6]);
});
