import assert from "node:assert/strict";
import test from "node:test";

import { get, on, set } from "../../assets/store.js";

const heard = (key, element = { isConnected: true }) => {
  const told = [];
  on(key, element, (value) => told.push(value));
  return told;
};

test("what was set is what everyone gets and hears, once", () => {
  const told = [heard("playhead"), heard("playhead")];
  set("playhead", 12.5);
  set("playhead", 12.5);
  assert.equal(get("playhead"), 12.5);
  assert.deepEqual(told, [[12.5], [12.5]]);
});

test("whoever listens to another key hears nothing", () => {
  const told = heard("hovered");
  set("selected", 3);
  assert.deepEqual(told, []);
});

test("an element that is gone hears nothing more, even where it comes back", () => {
  const element = { isConnected: true };
  const told = heard("sample", element);
  set("sample", 1);
  element.isConnected = false;
  set("sample", 2);
  element.isConnected = true;
  set("sample", 3);
  assert.deepEqual(told, [1]);
});

test("a key that nobody knows is refused by name", () => {
  for (const use of [() => get("playhaed"), () => set("toString", 1), () => on("vtg", {}, () => {})]) assert.throws(use, /^TypeError: a key of the store is one of sample, /);
});

test("a value of another kind is refused, and changes nothing", () => {
  const [told, before] = [heard("selected"), get("selected")];
  assert.throws(() => set("selected", "3"), { message: 'selected must be the index of a token, or null; got "3"' });
  for (const [key, value] of [["playhead", -1], ["playhead", NaN], ["mask", null], ["fields", []], ["uploads", 0.5]]) assert.throws(() => set(key, value), TypeError);
  assert.equal(get("selected"), before);
  assert.deepEqual(told, []);
});

test("what a listener sets is heard too", () => {
  on("mask", { isConnected: true }, (name) => set("recipe", name === "ours" ? null : { name }));
  const told = heard("recipe");
  set("mask", "text-prefix");
  set("mask", "ours");
  assert.deepEqual(told, [{ name: "text-prefix" }, null]);
});

test("a listener that fails is reported, and the others hear all the same", () => {
  const reported = [];
  globalThis.reportError = ({ message }) => reported.push(message);
  on("colour", { isConnected: true }, () => { throw new Error("broken"); });
  const told = heard("colour");
  set("colour", "region");
  assert.deepEqual([told, reported], [["region"], ["broken"]]);
});
