import assert from "node:assert/strict";
import { test } from "node:test";

import { countsSeconds, paced } from "../../assets/idle.js";

test("what counts seconds is told from what draws", () => {
  assert.ok(countsSeconds(() => [(performance.now() - 3) / 1e3]));
  assert.ok(countsSeconds(() => [(performance.now() - 3) / 1000]));
  assert.ok(!countsSeconds((now) => now / 1e3) && !countsSeconds(null));
});

test("what draws is asked for the next frame, and what counts for later, and seldom when it has long been at it", () => {
  const [frames, waits] = [[], []];
  const ask = paced((callback) => frames.push(callback), (callback, wait) => waits.push([callback, wait]));
  const draw = () => 1;
  ask(draw);
  assert.deepEqual([frames, waits], [[draw], []]);
  const count = () => {
    const seconds = (performance.now() - 3) / 1e3;
    if (waits.length < 700) ask(count, seconds);
  };
  ask(count);
  for (let i = 0; i < waits.length; i += 1) waits[i][0]();
  assert.deepEqual([waits[0][1], waits[599][1], waits[600][1], waits.length], [100, 100, 2000, 700]);
  ask(count);
  assert.equal(waits.at(-1)[1], 100);
});
