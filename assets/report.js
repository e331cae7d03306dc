// A report that stands alone: rows that were on the page, in a notebook or in a file, drawn by the page's own scripts. What
// it shows is a ReportView (vtg_core/views/report/document.py), as JSON in the document.

import audit from "./audit.js";
import auditStrip from "./audit_strip.js";
import film from "./film.js";
import linkedView from "./linked_view.js";
import { make } from "./shared.js";
import { set } from "./store.js";
import tokenView from "./token_view.js";

export const PARTS = [
  ["audit-strip", "What the audit found", auditStrip],
  ["film", "Frames of the video", film],
  ["linked", "Timeline and sequence bar", linkedView],
  ["tokens", "Tokens", tokenView],
  ["audit", "Findings", audit],
];

// Draw a component of the page into a place of its own, and return what gives it another value.
const placed = (main, [id, label, draw]) => {
  const section = make("section");
  [section.id, section.ariaLabel] = [id, label];
  section.append(make("div", `vtg-${id}-box`));
  main.append(section);
  const props = { value: "" };
  let again = () => {};
  draw({ element: section, props, trigger() {}, upload() {}, watch: (_, load) => (again = load) });
  return (value) => {
    props.value = value ? JSON.stringify(value) : "";
    again();
  };
};

const aboutList = (pairs) => {
  const list = make("dl", "vtg-evidence");
  for (const [name, text] of pairs) list.append(make("dt", "", name), make("dd", "", text));
  return list;
};

const chooser = (rows, choose) => {
  const select = make("select", "vtg-select");
  select.ariaLabel = "Row";
  for (const [index, row] of rows.entries()) select.append(Object.assign(make("option", "", row.name), { value: String(index) }));
  select.addEventListener("change", () => choose(Number(select.value)));
  return select;
};

const followTheSystem = () => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
  follow();
  dark.addEventListener("change", follow);
};

const draw = (view) => {
  const [main, head, about] = [make("main"), make("header", "vtg-report-head"), make("div")];
  head.append(make("h1", "", view.title));
  main.append(head, about);
  document.body.append(main);
  const parts = Object.fromEntries(PARTS.map((part) => [part[0], placed(main, part)]));
  const choose = (index) => {
    const row = view.rows[index];
    about.replaceChildren(aboutList(row.about));
    for (const key of ["selected", "loss"]) set(key, null);
    parts["audit-strip"](row.strip);
    parts.film(row.film);
    parts.linked(row.tokens);
    parts.audit(row.strip?.audit);
    set("loss", row.loss ?? null);
    if (Number.isInteger(row.selected)) set("selected", row.selected);
  };
  if (view.rows.length > 1) head.append(chooser(view.rows, choose));
  choose(0);
  if (view.colour) set("colour", view.colour);
};

if (globalThis.matchMedia) {
  followTheSystem(); // in a browser, and not where this file is only read
  const view = JSON.parse(document.getElementById("vtg-report").textContent);
  if (view) draw(view);
  else document.body.append(make("p", "", "This report holds nothing: the page fills it in."));
}
