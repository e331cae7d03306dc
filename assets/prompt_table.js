// All prompts of the sample as one table, and any two of them word by word. What there is comes from the store: the cards
// (prompt_cards.js), a person's own template and collator, and what was compared bring it.

import { redraw, rootOf } from "./drawing.js";
import { fixed, whole } from "./numbers.js";
import { chosenOf, KINDS, linesOf } from "./prompt_texts.js";
import { cell, copyButton, fold, make, numberCell, rowTitle, showWhitespace } from "./shared.js";
import { scroller, sortedBy, sortedTable } from "./sorted_table.js";
import { get, on } from "./store.js";
import { alike, sideOf, wordDiff } from "./word_diff.js";

const COLUMNS = [
  ["name", "Template", "The name of the template"],
  ["num_tokens", "Tokens", "Of the whole sequence, video and answer included"],
  ["num_video", "Video", "Tokens of the video and its time stamps"],
  ["num_supervised", "Trained", "Tokens in the loss"],
  ["mean", "Loss", "Nats a trained token, where the templates were compared under Loss"],
  ["times", "Times", "Nats over the tokens that say times, where the templates were compared"],
];
const CONTEXT = { all: 60, differs: 4 }; // words that both have, on each side of what differs

// What a person chose outlives the next value; until they choose, `two` is nothing, and the page does.
const asked = { sort: { by: "place", isDown: false }, two: [null, null], kind: "read", differs: true };

// White space that only one of the two has is shown, every bit of it.
const shown = (text, isOwn) => {
  const marked = isOwn ? text.replaceAll(" ", "␣") : text.replace(/ {2,}/g, (run) => "␣".repeat(run.length));
  return showWhitespace(marked);
};

const side = (line, diff, name) => {
  const [node, head, body] = [make("article", "vtg-card vtg-pd-side"), make("header"), make("div", "vtg-prompt vtg-pd-text")];
  const text = line.texts[asked.kind];
  head.append(make("h4", "", line.name), make("span", "vtg-muted", line.answers));
  [body.tabIndex, body.role, body.ariaLabel] = [0, "region", `${line.name}, ${name}`]; // a long one scrolls
  node.append(head, body);
  if (text === null) {
    body.append(make("span", "vtg-muted", "Of a collator no more is known than what the model reads."));
    return node;
  }
  head.append(copyButton("Copy", () => text, "Copy this text as it is, white space and all"));
  if (!text) body.append(make("span", "vtg-muted", "It has none: the row brings its own words."));
  for (const [kind, part] of sideOf(diff, name, asked.differs ? CONTEXT.differs : CONTEXT.all)) {
    if (kind === "left out") body.append(make("small", "vtg-pd-cut", ` … ${whole(part)} words alike … `));
    else if (kind === "both") body.append(shown(part, false));
    else {
      const own = make("ins", "vtg-other", shown(part, true));
      own.ariaLabel = `differs: ${part}`;
      body.append(own);
    }
  }
  return node;
};

const kindChoice = (again) => {
  const box = make("fieldset", "vtg-an-metrics vtg-pd-kinds");
  box.append(make("legend", "", "Compare"));
  for (const [kind, [title]] of Object.entries(KINDS)) {
    const [label, input] = [make("label"), make("input")];
    [input.type, input.name, input.checked, input.dataset.key] = ["radio", "vtg-pd-kind", asked.kind === kind, `kind-${kind}`];
    input.addEventListener("change", () => again({ kind }));
    label.append(input, title);
    box.append(label);
  }
  const [label, input] = [make("label"), make("input")];
  [input.type, input.checked, input.dataset.key] = ["checkbox", asked.differs, "differs"];
  input.addEventListener("change", () => again({ differs: input.checked }));
  label.append(input, "only what differs");
  box.append(label);
  return box;
};

const compared = (lines, two, again) => {
  const [left, right] = two.map((key) => lines.find((line) => line.key === key));
  const [a, b] = [left, right].map((line) => line.texts[asked.kind] ?? "");
  const diff = wordDiff(a, b);
  const grid = make("div", "vtg-cards vtg-pair");
  grid.append(side(left, diff, "left"), side(right, diff, "right"));
  const changes = diff.filter(([kind]) => kind !== "both").length;
  const said = left === right || a === b ? "They are the same, character for character." : `They differ in ${whole(changes)} place${changes === 1 ? "" : "s"}. White space is shown: ␣ ⏎ ⇥.`;
  const note = make("p", "vtg-muted vtg-pd-said", said);
  note.setAttribute("role", "status");
  return [kindChoice(again), note, grid];
};

const pickCell = (line, at, two, again) => {
  const input = make("input");
  const name = ["left", "right"][at];
  [input.type, input.name, input.checked, input.dataset.key] = ["radio", `vtg-pd-${name}`, two[at] === line.key, `${name}-${line.key}`];
  input.ariaLabel = `${line.name}, ${line.answers}: compare on the ${name}`;
  input.addEventListener("change", () => again({ two: two.map((key, i) => (i === at ? line.key : key)) }));
  return input;
};

const bodyRow = (line, same, two, again) => {
  const row = make("tr", two.includes(line.key) ? "vtg-chosen" : "");
  const picks = make("span", "vtg-pd-picks");
  picks.append(pickCell(line, 0, two, again), pickCell(line, 1, two, again));
  const name = rowTitle(make("b", "", line.name), make("span", "vtg-muted", line.answers));
  if (same.length) name.append(make("span", "vtg-badge", `renders like ${same.join(", ")}`));
  row.append(cell("Left, right", picks), name);
  for (const [by, title] of COLUMNS.slice(1)) row.append(numberCell(title, by === "mean" || by === "times" ? fixed(line[by], by === "mean" ? 4 : 2) : whole(line[by])));
  return row;
};

const tableOfLines = (lines, two, again) => {
  const same = alike(lines.filter(({ texts }) => texts.rendered).map((line) => [line.key, line.texts.rendered]));
  const nameOf = Object.fromEntries(lines.map((line) => [line.key, `${line.name}, ${line.answers}`]));
  const { by, isDown } = asked.sort;
  const ordered = by === "place" ? lines : sortedBy(lines, isDown, (line) => line[by]);
  const columns = [["place", "Compare", "As the table has them"], ...COLUMNS];
  return sortedTable({
    className: "vtg-table vtg-figures vtg-cmp-table vtg-pd-table",
    columns: columns.map(([key, title, hint]) => ({ by: key, title, hint, isNumber: key !== "name" && key !== "place" })),
    arrows: ["↑", "↓"], sort: asked.sort, onSort: (sort) => again({ sort }),
    groups: [{ title: null, rows: ordered.map((line) => bodyRow(line, (same.get(line.key) ?? []).map((key) => nameOf[key]), two, again)) }],
  });
};

const draw = (root, again) => {
  const lines = linesOf({ prompts: get("prompts"), typed: get("typed"), pair: get("pair"), losses: get("losses") });
  if (!lines.length) return;
  const two = chosenOf(lines, asked.two, `${get("answer")}/${get("template")}`);
  const count = `${whole(lines.length)} prompt${lines.length === 1 ? "" : "s"}; choose one on the left and one on the right`;
  root.append(
    fold("prompt-table", "Prompts side by side", [scroller("Prompts side by side", "vtg-cmp-scroll", tableOfLines(lines, two, again))], { note: count, isOpen: true }),
    fold("prompt-diff", "The two, word by word", compared(lines, two, again), { isOpen: true }),
  );
};

export default ({ element }) => {
  const root = rootOf(element);
  const show = () => redraw(root, () => draw(root, again));
  const again = (change) => {
    Object.assign(asked, change);
    show();
  };
  for (const key of ["prompts", "typed", "pair", "losses"]) on(key, root, show);
  show();
};
