import assert from "node:assert/strict";
import test from "node:test";

import { comparisonOf, isAtOdds, maskBorders, nextBorder, patchAtTime, previousBorder, readTokens } from "../../assets/tokens.js";
import { coloursOf, heatOf } from "../../assets/token_colours.js";
import { factsOf, wordsOf } from "../../assets/token_facts.js";
import { viewOf } from "./rows.mjs";

const model = readTokens(viewOf()); // 2 + 3 × (2 + 1 + 4 + 1) + 2 = 28 tokens

test("a token is found by its index, inside a run too", () => {
  assert.deepEqual([0, 5, 8, 9].map(model.textAt), ["Find ", "<pad>", "<pad>", "<ve>"]);
  assert.deepEqual([1, 2, 4, 27].map((index) => model.regionAt(index)[2]), ["instruction", "timestamp", "video", "answer"]);
  assert.deepEqual([25, 26, 27].map(model.isTrained), [false, true, true]);
});

test("a token weighs what its run says, nothing outside of all runs, and nothing is said where all count alike", () => {
  const weighed = readTokens({ ...viewOf(), weights: [[26, 27, 3], [27, 28, 0.5]] });
  assert.deepEqual([25, 26, 27].map(weighed.weightAt), [0, 3, 0.5]);
  assert.equal(model.weightAt(26), null);
  assert.equal("weight" in factsOf(model, 26), false);
  assert.match(wordsOf(weighed, factsOf(weighed, 26)).find(([name]) => name === "Weight")[1], /^3\.000: so much it counts/);
  assert.deepEqual([25, 26, 27].map(heatOf("weight", weighed, null)), [null, 1, 0.5 / 3]);
  assert.deepEqual(coloursOf(weighed, null, null).map(([name]) => name), ["label", "region", "weight"]);
  assert.deepEqual(coloursOf(model, null, null).map(([name]) => name), ["label", "region"]);
  assert.equal(heatOf("weight", model, null)(26), null);
});

test("a frame is its stamp, its pixels and the marks around them, at the mean time of what it shows", () => {
  const [first, , last] = model.patches;
  assert.deepEqual([first.start, first.stampEnd, first.pixelStart, first.pixelEnd, first.end], [2, 4, 5, 9, 10]);
  assert.deepEqual([last.start, last.end, last.from, last.to, last.time], [18, 26, 4, 5, 4.5]);
  assert.equal(patchAtTime(model, 2.4).number, 1);
});

test("a video without stamps is cut into frames of equal size", () => {
  const { patches } = readTokens(viewOf({ stamped: false }));
  assert.deepEqual(patches.map(({ start, end }) => [start, end]), [[2, 6], [6, 10], [10, 14]]);
});

test("frames that do not share the pixels evenly are none", () => {
  const frames = { ...viewOf().frames, num_patches: 5 };
  assert.deepEqual(readTokens(viewOf({ frames })).patches, []);
  assert.deepEqual(readTokens(viewOf({ frames: null })).patches, []);
});

test("the borders of the mask are where it changes, and are walked both ways", () => {
  const borders = maskBorders(model, { runs: [[4, 6, 2]] });
  assert.deepEqual(borders, [4, 6, 26]);
  assert.deepEqual([nextBorder(borders, 4), previousBorder(borders, 6), nextBorder(borders, 26), previousBorder(borders, 4)], [6, 4, null, null]);
});

test("a recipe's verdicts come before the row's own, and only of a row of its length", () => {
  const own = readTokens(viewOf({ verdicts: [[26, 28, 1]], against: "the proven mask" }));
  assert.equal(comparisonOf(own, { name: "text-prefix", num_tokens: 28, runs: [[0, 4, 2]] }).name, "text-prefix");
  assert.equal(comparisonOf(own, { name: "text-prefix", num_tokens: 5, runs: [] }).against, "the proven mask");
  assert.deepEqual([isAtOdds(comparisonOf(own, null)), isAtOdds(comparisonOf(model, null))], [false, false]);
});

test("the details say what a token is, when it is shown, and why it is not trained", () => {
  const facts = factsOf(model, 19, { verdict: 2 });
  assert.deepEqual([facts.text, facts.bytes, facts.region, facts.label, facts.verdict], ["s>", "73 3E", "timestamp", -100, "leak"]);
  assert.deepEqual(facts.frames, [{ frame: 5, time: 4 }, { frame: 6, time: 5 }]);
  assert.match(facts.why, /no policy trains that/);
  assert.match(facts.serving, /^writes it/);
  const said = new Map(wordsOf(model, facts));
  assert.equal(said.get("Predicted"), 'from position 18, "<2"');
  assert.equal(said.get("Frames"), "stands for frames 5 and 6, shown at 4.00 and 5.00 s");
});

test("an answer is sampled, and the policy that trains it is named", () => {
  const facts = factsOf(model, 26, { loss: { nll: 1, prob: 0.37, rank: 1 } });
  assert.equal(facts.why, "its region is answer, and the policy trains answer");
  assert.match(facts.serving, /^samples it/);
  assert.deepEqual([facts.in_loss, facts.label, facts.nll], [true, 16, 1]);
});

test("a label that is another token is shown with its text", () => {
  const shifted = readTokens(viewOf({ trained: [], other_labels: [[26, 27, 7]] }));
  assert.equal(new Map(wordsOf(shifted, factsOf(shifted, 26))).get("Label"), "17 · in the loss, and another token:  end\n");
});
