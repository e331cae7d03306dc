import assert from "node:assert/strict";
import test from "node:test";

import { alike, sideOf, wordDiff, wordsOf } from "../../assets/word_diff.js";

const sides = (diff) => ["left", "right"].map((side) => diff.filter(([kind]) => kind === "both" || kind === side).map(([, text]) => text).join(""));

test("words, joined, are the text, and a control token is one of them", () => {
  const text = "<|im_start|>user\nFind  it: “x”, é 🙂\t[1.5]";
  assert.equal(wordsOf(text).join(""), text);
  assert.equal(wordsOf(text)[0], "<|im_start|>");
});

test("what only one side has is told from what both have", () => {
  assert.deepEqual(wordDiff("find the red circle", "find a red circle now"), [["both", "find "], ["left", "the"], ["right", "a"], ["both", " red circle"], ["right", " now"]]);
  assert.deepEqual(wordDiff("same", "same"), [["both", "same"]]);
  assert.deepEqual(wordDiff("", "new"), [["right", "new"]]);
  assert.deepEqual(wordDiff("", ""), []);
});

test("the two sides of a diff are the two texts, whatever they are", () => {
  const words = ["a", "b", " ", "\n", "x.", "<|e|>"];
  let seed = 7;
  const next = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 300; round += 1) {
    const [left, right] = [0, 1].map(() => Array.from({ length: next(30) }, () => words[next(words.length)]).join(""));
    assert.deepEqual(sides(wordDiff(left, right)), [left, right], JSON.stringify([left, right]));
  }
});

test("texts that have nothing in common are soon told", () => {
  const [left, right] = ["a", "b"].map((letter) => Array.from({ length: 20_000 }, (_, i) => `${letter}${i}`).join(" "));
  const start = performance.now();
  assert.deepEqual(sides(wordDiff(left, right)), [left, right]);
  assert.ok(performance.now() - start < 5_000);
});

test("only what differs is shown with a few words around it, and how many are left out", () => {
  const diff = wordDiff("one two three four five six X seven eight", "one two three four five six Y seven eight");
  assert.deepEqual(sideOf(diff, "left", 2), [["left out", 10], ["both", "six "], ["own", "X"], ["both", " seven"], ["left out", 2]]);
  assert.deepEqual(sideOf(diff, "right", Infinity).map(([, text]) => text).join(""), "one two three four five six Y seven eight");
});

test("texts that are alike know each other", () => {
  const found = alike([["a", "x"], ["b", "y"], ["c", "x"]]);
  assert.deepEqual([found.get("a"), found.get("b"), found.get("c")], [["c"], [], ["a"]]);
});
