import assert from "node:assert/strict";
import test from "node:test";

import { patient, waitingIn, words } from "../../assets/queue.js";

const JOIN = "http://127.0.0.1:7860/gradio_api/queue/join?";
const answer = (status, said = {}) => ({ status, clone: () => ({ json: async () => said }) });

// What asks in turn gets `answers`; what was told, and how long was waited, is kept.
const asked = (answers) => {
  const [told, rested] = [[], []];
  const fetched = patient(async () => answers.shift(), (text) => told.push(text), async (time) => rested.push(time));
  return { fetched, told, rested };
};

test("what is turned away asks again until it has a place, and what was told is taken away", async () => {
  const { fetched, told, rested } = asked([answer(429, { waiting: 31 }), answer(503), answer(200)]);
  assert.equal((await fetched(JOIN)).status, 200);
  assert.equal(rested.length, 2);
  assert.match(told[0], /busy.* 31 requests wait before this one\. Asked 1 times/);
  assert.match(told[1], /busy.*Asked 2 times/);
  assert.equal(told[2], "");
});

test("each wait is longer than the one before, up to a bound", async () => {
  const { fetched, rested } = asked([...Array(12).fill(answer(503)), answer(200)]);
  await fetched(JOIN);
  assert.ok(rested[0] <= 2 && rested.every((time) => time <= 20) && rested[11] >= 10);
});

test("what stays turned away is given up after many times, and says so", async () => {
  const { fetched, told } = asked(Array(60).fill(answer(503)));
  assert.equal((await fetched(JOIN)).status, 503);
  assert.match(told.at(-1), /Reload the page/);
});

test("what asks for something else is answered as it was", async () => {
  const { fetched, told } = asked([answer(503)]);
  assert.equal((await fetched("http://127.0.0.1:7860/config")).status, 503);
  assert.deepEqual(told, []);
});

test("what still waits is told of until all have their places", async () => {
  const waits = [];
  const told = [];
  const answers = [answer(429), answer(429), answer(200), answer(200)];
  const fetched = patient(async () => answers.shift(), (text) => told.push(text), () => new Promise((done) => waits.push(done)));
  const both = [fetched(JOIN), fetched(JOIN)];
  while (waits.length < 2) await new Promise(setImmediate);
  waits[0]();
  await both[0];
  assert.notEqual(told.at(-1), "");
  waits[1]();
  await both[1];
  assert.equal(told.at(-1), "");
});

test("a server that does not say how many wait is believed nothing", async () => {
  for (const said of [{}, null, { waiting: "<b>" }, { waiting: -1 }]) assert.equal(await waitingIn(answer(503, said)), null);
  assert.doesNotMatch(words(null, 1, 2), /before this one/);
});
