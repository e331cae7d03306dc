import assert from "node:assert/strict";
import test from "node:test";

globalThis.document = { addEventListener() {} }; // asked for by what is imported, and by nothing that is tested
const { maskReading } = await import("../../assets/loss.js");

const RECIPES = [
  { key: "ours", name: "ours", num_supervised: 12, loss: 2, difference: null, reason: "" },
  { key: "text-prefix", name: "text-prefix", num_supervised: 287, loss: 3.5, difference: 1.5, reason: "" },
  { key: "generation-tags", name: "generation-tags", num_supervised: null, loss: null, difference: null, reason: "no tags" },
];

test("the mask that is chosen is read beside ours, with the tokens it is a mean over", () => {
  assert.match(maskReading(RECIPES, "text-prefix"), /^Under the mask of text-prefix the loss is 3\.5000 nats a token over 287 tokens: \+1\.5000 against ours, 2\.0000 over 12\./);
  assert.match(maskReading(RECIPES, "generation-tags"), /has no loss here: no tags\.$/);
});

test("of ours, of a mask without a row, and of a loss without recipes nothing is said", () => {
  for (const [recipes, mask] of [[RECIPES, "ours"], [RECIPES, "one-late"], [[], "text-prefix"]]) assert.equal(maskReading(recipes, mask), "");
});
