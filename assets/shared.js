// Shared by our components: build elements from text. Nothing here, or in any component, writes markup.

import { whole } from "./numbers.js";
import { set } from "./store.js";

export const make = (tag, className = "", text = null) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== null) node.textContent = text;
  return node;
};

export const KIND_NAMES = {
  system: "system",
  role_header: "role header",
  instruction: "instruction",
  query: "query",
  video: "video",
  timestamp: "time stamp",
  thinking: "thinking",
  answer: "answer",
  end_of_turn: "end of turn",
  chat: "chat template",
  padding: "padding",
};

// White space that would be invisible is written as a glyph; a line break also breaks the line.
export const showWhitespace = (text) =>
  text
    .replace(/\r/g, "␍")
    .replace(/\n/g, "⏎\n")
    .replace(/\t/g, "⇥")
    .replace(/^ | $/g, "␣")
    .replace(/[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]/g, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase()}⟩`);

// A severity is an icon and a word, and a colour beside them.
const SEVERITIES = { error: ["✕", "error"], warning: ["!", "warning"], policy: ["§", "policy"], info: ["i", "info"] };

export const severityBadge = (severity, count = null) => {
  const [icon, word] = SEVERITIES[severity];
  const badge = make("span", `vtg-badge vtg-severity-${severity}`);
  if (count === 0) badge.classList.add("vtg-none");
  const sign = make("span", "vtg-icon", count === 0 ? "✓" : icon);
  sign.setAttribute("aria-hidden", "true");
  const written = count === null ? word : `${count ? whole(count) : "no"} ${word}${count === 1 ? "" : "s"}`;
  badge.append(sign, written);
  return badge;
};

export const textButton = (text, onClick, title = "") => {
  const button = make("button", "vtg-button", text);
  button.type = "button";
  if (title) button.title = title;
  button.addEventListener("click", onClick);
  return button;
};

// A button that copies what `textOf()` returns, and says whether it could.
export const copyButton = (text, textOf, title) => {
  const button = textButton(text, async () => {
    try {
      await navigator.clipboard.writeText(textOf());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = text), 1500);
  }, title);
  return button;
};

// Save a text as a file of the person's own machine; nothing is asked of the server for that.
export const download = (text, name, type) => {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

// A field with its name above it.
export const labelled = (text, control) => {
  const label = make("label", "vtg-ff-label", text);
  control.ariaLabel = text;
  label.append(control);
  return label;
};

// One of several values: pairs of a value and what a person reads.
export const choice = (pairs, onChange) => {
  const select = make("select");
  for (const [value, text] of pairs) select.append(new Option(text, value));
  select.addEventListener("change", () => onChange(select.value));
  return select;
};

export const heading = (text, note = "", className = "") => {
  const node = make("h4", className, text);
  if (note) node.append(make("span", "vtg-muted", ` · ${note}`));
  return node;
};

// How far a run is: `states` says it in words, by the state's name.
export const stateLine = (view, states) => {
  const line = make("p", `vtg-file-state vtg-state-${view.state}`, states[view.state](view));
  line.setAttribute("role", "status");
  return line;
};

export const progressBar = (label, done, all) => {
  const bar = make("progress", "vtg-progress");
  [bar.max, bar.value, bar.ariaLabel] = [all || 1, done, label];
  return bar;
};

// A cell says which column it is of: a narrow screen may have no head to say it. Figures stand on the right.
export const cell = (name, ...content) => {
  const node = make("td");
  node.dataset.name = name;
  node.append(...content);
  return node;
};

export const numberCell = (name, ...content) => {
  const node = cell(name, ...content);
  node.classList.add("vtg-number");
  return node;
};

export const rowTitle = (...content) => {
  const node = make("th");
  node.scope = "row";
  node.append(...content);
  return node;
};

export const tableOf = (names, rows, className = "") => {
  const [table, top, head, body] = [make("table", `vtg-table ${className}`.trim()), make("thead"), make("tr"), make("tbody")];
  const isNumber = (name) => rows.some((row) => [...row.cells].some((one) => one.dataset.name === name && one.matches(".vtg-number")));
  for (const name of names) {
    const title = make("th", isNumber(name) ? "vtg-number" : "", name);
    title.scope = "col";
    head.append(title);
  }
  top.append(head);
  body.append(...rows);
  table.append(top, body);
  return table;
};

// What is secondary is shut where the screen is narrow. What a person opened or shut stays so, by the fold's name.
const folds = {};

export const fold = (name, title, content, { note = "", isOpen = !matchMedia("(max-width: 40rem)").matches } = {}) => {
  const [box, summary] = [make("details", "vtg-fold"), make("summary")];
  box.open = folds[name] ?? isOpen;
  summary.dataset.key = `fold-${name}`;
  summary.append(make("h3", "", title));
  if (note) summary.append(make("span", "vtg-muted", note));
  summary.addEventListener("click", () => (folds[name] = !box.open));
  const body = make("div", "vtg-fold-body");
  body.append(...content);
  box.append(summary, body);
  return box;
};

const tabs = () => [...document.querySelectorAll('#tabs button[role="tab"]')]; // the outer ones first

export const openTab = (name) => tabs().find((tab) => tab.textContent.trim() === name)?.click();

const FRAMES = 60; // so long a tab that nobody has opened yet may take to be drawn

// Open a tab that stands within another one.
export const openPart = (outer, name, left = FRAMES) => {
  if (left === FRAMES) openTab(outer);
  if (tabs().some((tab) => tab.textContent.trim() === name)) openTab(name);
  else if (left) requestAnimationFrame(() => openPart(outer, name, left - 1));
};

// The name of the tab on screen.
export const tabOnScreen = () => tabs().find((tab) => tab.ariaSelected === "true")?.textContent.trim() ?? "";

// What was pressed is gone from the screen now, so the keyboard goes on at the tokens, as soon as they are drawn.
export const focusTokens = () => setTimeout(() => set("focus", "tokens"), 0);
