import assert from "node:assert/strict";
import test from "node:test";

import { asCsv, asJson, filtered, groupsOf, NO_FILTER, numRows, readFindings, sorted, stepFrom } from "../../assets/findings.js";
import { visible } from "../../assets/virtual_rows.js";

const code = (name, severity, count) => ({ code: name, severity, title: name, why: "", fix: "", count });
const VIEW = {
  subject: "ours", state: "done", num_findings: 9,
  codes: [code("mask.a", "error", 3), code("time.b", "warning", 1), code("length.c", "info", 1)],
  cause_codes: [0, 1, 0, 2], causes: ["# tokens", "no frame", "=cmd", "long"], videos: ["a.mp4", "B.mp4", ""], templates: ["direct", "task", ""],
  rows: [5, 2, 9, 5, null], wheres: ["f:5", "f:2", "f:9", "f:5", ""], cause_at: [0, 2, 0, 1, 3], video_at: [0, 1, 0, 0, 2], template_at: [0, 1, 0, 0, 2],
  messages: ["3 tokens", "=HYPERLINK(\"x\")", "4 tokens", "none, \"here\"", "all"], queries: ["red", "blue", "green", "red", ""], qids: ["", "q7", "", "", ""],
};
const ROWS = readFindings(VIEW);
const places = (rows) => rows.map(({ place }) => place);
const shown = (change) => places(filtered(ROWS, { ...NO_FILTER, ...change }));

test("errors and warnings are shown until somebody asks for more", () => {
  assert.deepEqual([shown({}), shown({ severity: "all" }), shown({ severity: "warning" })], [[0, 1, 2, 3], [0, 1, 2, 3, 4], [3]]);
});

test("findings are narrowed by code, cause, template, video and words, all of which must hold", () => {
  assert.deepEqual([shown({ code: "mask.a" }), shown({ cause: 0 }), shown({ template: "task" }), shown({ video: " b.M" })], [[0, 1, 2], [0, 2], [1], [1]]);
  assert.deepEqual([shown({ text: "TOKENS green" }), shown({ text: "q7" }), shown({ text: "red", code: "time.b" }), shown({ text: ".*" })], [[2], [1], [3], []]);
});

test("findings are sorted, and those that are alike stand in the order of the file", () => {
  assert.deepEqual([places(sorted(ROWS, "row")), places(sorted(ROWS, "video")), places(sorted(ROWS, "nothing"))], [[4, 1, 0, 3, 2], [4, 1, 0, 3, 2], [0, 1, 2, 3, 4]]);
  assert.deepEqual(places(sorted(ROWS, "template")), [4, 0, 3, 2, 1]);
});

test("rows are counted once, and what concerns no row is none", () => assert.equal(numRows(ROWS), 3));

test("causes of a code are counted, the most frequent first", () => {
  const [first, second] = groupsOf(VIEW, ROWS);
  assert.deepEqual(first.causes.map(({ cause, count }) => [cause, count]), [[0, 2], [2, 1]]);
  assert.deepEqual([first.count, second.causes.length], [3, 1]);
});

test("the next finding is one that has a row", () => {
  assert.deepEqual([stepFrom(ROWS, 2, 1), stepFrom(ROWS, 3, 1), stepFrom(ROWS, 0, -1), stepFrom(ROWS, -1, 1), stepFrom(ROWS, 5, -1)], [3, null, null, 0, 3]);
});

test("a CSV holds what is shown in its order, quoted, and nothing that a spreadsheet runs", () => {
  const [head, first, second] = asCsv([ROWS[1], ROWS[3]]).split("\r\n");
  assert.equal(head, "row,where,qid,severity,code,cause,message,video,template,query");
  assert.equal(first, "2,f:2,q7,error,mask.a,'=cmd,\"'=HYPERLINK(\"\"x\"\")\",B.mp4,task,blue");
  assert.match(second, /,"none, ""here""",a\.mp4,direct,red$/);
});

test("a JSON says what was asked and how many there are besides", () => {
  const written = JSON.parse(asJson([ROWS[4]], VIEW, { ...NO_FILTER, severity: "info" }));
  assert.deepEqual([written.shown, written.of, written.filter.severity, written.findings[0].row], [1, 9, "info", null]);
});

test("only rows around what is visible are drawn", () => {
  assert.deepEqual(visible(0, 360, 36, 20_000), [0, 16]);
  assert.deepEqual(visible(36 * 19_990, 360, 36, 20_000), [19_984, 20_000]);
  assert.deepEqual(visible(0, 0, 36, 3), [0, 3]);
  assert.deepEqual(visible(0, 360, 36, 0), [0, 0]);
});
