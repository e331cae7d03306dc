import assert from "node:assert/strict";
import test from "node:test";

import { maskRuns, mostOf, numTrainedFrom, scaleOf, sectionsOf } from "../../assets/sequence_bar.js";
import { framesWithRoom, movedWindow, ticksOf } from "../../assets/timeline.js";
import { coloursOf, heatOf, lossOf } from "../../assets/token_colours.js";
import { readTokens } from "../../assets/tokens.js";
import { viewOf } from "./rows.mjs";

const model = readTokens(viewOf({ patches: 40, pads: 60 }));

test("a video with its stamps is one section of the strip", () => {
  assert.deepEqual(sectionsOf(model.regions).map(([, , kind]) => kind), ["instruction", "video", "answer"]);
});

test("a long video takes half of the strip, and a place leads back to its token", () => {
  const scale = scaleOf(sectionsOf(model.regions));
  assert.ok(scale.isSqueezed);
  assert.deepEqual([scale.at(0), scale.at(2), scale.at(model.length - 2)].map((one) => Math.round(100 * one)), [0, 25, 75]);
  for (const index of [0, 1, 2, 500, model.length - 2, model.length - 1]) assert.equal(scale.indexAt(scale.at(index) + 1e-9), index);
});

test("what the mask trains is drawn, or its verdicts where it is at odds", () => {
  const scale = scaleOf(sectionsOf(model.regions));
  assert.deepEqual(maskRuns(model, null, scale).map(([, , name]) => name), ["trained"]);
  const comparison = { runs: [[0, 1, 2], [1, 2, 3], [model.length - 2, model.length, 1]] };
  assert.deepEqual(maskRuns(model, comparison, scale).map(([, , name]) => name), ["leak", "hole", "agree"]);
});

test("runs too close to be told apart are drawn as one", () => {
  const runs = Array.from({ length: 900 }, (_, i) => [100 + 2 * i, 101 + 2 * i, 2]);
  assert.ok(maskRuns(model, { runs }, scaleOf(sectionsOf(model.regions))).length < 20);
});

test("seconds are marked at round numbers, few of them", () => {
  assert.deepEqual(ticksOf(30, 8), [0, 5, 10, 15, 20, 25, 30]);
  for (const duration of [0.4, 1, 7.3, 61, 3600]) assert.ok(ticksOf(duration, 8).length <= 9);
});

test("an end of the window stays within the video and a step from the other", () => {
  assert.deepEqual(movedWindow({ start: 8, end: 14 }, "start", 9.04, 30), { start: 9, end: 14 });
  assert.deepEqual(movedWindow({ start: 8, end: 14 }, "start", 99, 30), { start: 13.9, end: 14 });
  assert.deepEqual(movedWindow({ start: 8, end: 14 }, "end", 99, 29.97), { start: 8, end: 29.97 });
  assert.deepEqual(movedWindow({ start: 8, end: 14 }, "end", -5, 30), { start: 8, end: 8.1 });
});

test("tokens are coloured by a loss of this very row alone", () => {
  const tokens = [{ index: model.length - 2, id: 16, nll: 4, prob: 0.02, rank: 9 }, { index: model.length - 1, id: 17, nll: 0, prob: 1, rank: 1 }];
  const loss = lossOf(model, { tokens });
  assert.deepEqual(coloursOf(model, null, loss).map(([name]) => name), ["label", "region", "nll", "probability", "rank"]);
  assert.deepEqual([model.length - 2, model.length - 1, 0].map(heatOf("nll", model, loss)), [1, 0, null]);
  assert.equal(lossOf(model, { tokens: [{ ...tokens[0], id: 1 }] }), null);
  assert.deepEqual(coloursOf(model, null, null).length, 2);
});

test("frames above the timeline stand evenly beside each other, as many as have room", () => {
  const times = Array.from({ length: 16 }, (_, i) => 1 + 2 * i);
  const wide = framesWithRoom(times, 32, 50, 1000);
  assert.deepEqual([wide.seen, wide.kept.map(([index]) => index)], [50, [...times.keys()]]);
  assert.deepEqual([wide.kept[0][1], wide.kept.at(-1)[1]], [950 / 32, (950 * 31) / 32]);
  for (const room of [300, 600, 700]) {
    const { seen, kept } = framesWithRoom(times, 32, 50, room);
    const gaps = kept.slice(1).map(([, left], i) => left - kept[i][1] - seen);
    assert.ok(seen >= 30 && kept.length > 3 && Math.min(...gaps) >= 1.99 && Math.max(...gaps) - Math.min(...gaps) < 0.01);
  }
  const rounded = [0, 2, 4, 6, 9, 11, 13, 15];
  const lefts = framesWithRoom(rounded, 16, 50, 600).kept.map(([, left]) => left);
  assert.ok(lefts.slice(2).every((left, i) => Math.abs(left - 2 * lefts[i + 1] + lefts[i]) < 0.01));
  assert.ok(framesWithRoom([0, 1, 15, 16], 16, 50, 1000).kept[1][1] < 70, "far from even: each stands at its time");
  assert.deepEqual(framesWithRoom([], 32, 50, 300).kept, []);
});

test("what max_length cuts is counted, and how much of the loss with it", () => {
  assert.deepEqual([mostOf(model, null), mostOf(model, 9), mostOf(readTokens(viewOf({ max_length: 5 })), 9)], [Infinity, 9, 5]);
  assert.deepEqual([0, model.length - 1, model.length].map((from) => numTrainedFrom(model, from)), [2, 1, 0]);
});
