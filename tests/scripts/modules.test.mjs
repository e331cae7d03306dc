import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";

globalThis.document = { addEventListener() {} };
const ASSETS = new URL("../../assets/", import.meta.url);

for (const name of readdirSync(ASSETS).filter((one) => one.endsWith(".js")))
  test(`${name} imports only what the others export`, async () => {
    assert.ok(Object.keys(await import(new URL(name, ASSETS))).length > 0);
  });
