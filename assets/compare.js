// Templates compared on one sample; a value is a ComparisonView (vtg_core/views/comparison.py).

import { PART_NAMES, PARTS, stripsOf } from "./answer_strips.js";
import { drawFromValue, redraw } from "./drawing.js";
import { wordList } from "./loss_words.js";
import { fixed, percent, signed, whole } from "./numbers.js";
import { download, fold, heading, make, numberCell, progressBar, rowTitle, stateLine, textButton } from "./shared.js";
import { scroller, sortedBy, sortedTable } from "./sorted_table.js";
import { set } from "./store.js";

const COLUMNS = [
  ["name", "Template", "The name of the template; click a row to show it on the page"],
  ["num_tokens", "Tokens", "Of the whole sequence, video included"],
  ["num_supervised", "In the loss", "Tokens that are supervised"],
  ["sum_nll", "Sum", "Nats over all supervised tokens"],
  ["mean_nll", "Mean", "Nats a supervised token: the loss you would train with"],
  ["time_nll", "Times only", "Nats over the tokens that say times: the only ones that depend on the video"],
  ["time_excess", "minus guess", "Times only, minus what guessing among the format's own choices would cost: below 0 the model has seen something"],
  ["word_nll", "Format words", "Nats over the brackets, commas and markers that the format always writes"],
  ["end_of_turn_nll", "End of turn", "Nats of the token that closes the turn"],
];
const MARKS = { best: "★", worst: "▼" };
const MARK_WORDS = { best: "best", worst: "worst" };
const COUNT_WORDS = { best: "fewest", worst: "most" };

const STATES = {
  waiting: () => "Waiting for the model …",
  running: (view) => (view.num_scored ? `Scored ${whole(view.num_scored)} of ${whole(view.num_templates)} templates …` : `Comparing ${whole(view.num_templates)} templates …`),
  done: (view) => `Compared all ${whole(view.num_templates)} templates.`,
  partial: (view) => `Partial: stopped after ${whole(view.num_scored)} of ${whole(view.num_templates)} templates; this is what was found so far.`,
};

// What a person chose here outlives the next value, which may come while they read.
let sort = { by: "time_nll", isDown: false };

const figure = (name, number) => {
  if (name.startsWith("num_")) return whole(number);
  return name === "time_excess" ? signed(number, 2) : fixed(number, name === "mean_nll" ? 4 : 2);
};

const sorted = (mode) => sortedBy(mode.rows, sort.isDown, (row) => row[sort.by]);

const partNll = (row, part) => row[{ time: "time_nll", format: "word_nll", end_of_turn: "end_of_turn_nll", other: "other_nll" }[part]];

const mark = (row, name) => {
  const kind = row.marks[name];
  const word = (name.startsWith("num_") ? COUNT_WORDS : MARK_WORDS)[kind];
  const node = make("span", `vtg-cmp-mark vtg-cmp-${kind}`, name === sort.by ? `${MARKS[kind]} ${word}` : MARKS[kind]);
  if (name !== sort.by) [node.title, node.role, node.ariaLabel] = [word, "img", word];
  return node;
};

// The table: each answer format is a group of its own, and is sorted within itself.

// A phone has room for one figure a template: the one that it is sorted by.
const shownAlone = () => (sort.by === "name" ? "time_nll" : sort.by);

const bodyRow = (row, pick) => {
  const [line, name] = [make("tr", "vtg-cmp-row"), textButton(row.name, () => {}, "Show this template under Audit, Tokens and Loss")];
  name.dataset.key = `row-${row.mode}-${row.name}`;
  line.append(rowTitle(name, make("span", "vtg-muted", row.mode_name)));
  for (const [key, title] of COLUMNS.slice(1)) {
    const one = numberCell(title, ...(row.marks[key] ? [mark(row, key)] : []), make("span", "vtg-cmp-figure", figure(key, row[key])));
    one.classList.toggle("vtg-cmp-by", sort.by === key);
    one.classList.toggle("vtg-cmp-alone", shownAlone() === key);
    line.append(one);
  }
  line.addEventListener("click", () => pick(row));
  return line;
};

const templateTable = (view, onSort, pick) =>
  sortedTable({
    className: "vtg-table vtg-figures vtg-cmp-table",
    columns: COLUMNS.map(([by, title, hint]) => ({ by, title, hint, isNumber: by !== "name" })),
    arrows: ["↑", "↓"],
    sort,
    onSort,
    groups: view.modes.map((mode) => ({
      title: [`${mode.title} `, make("code", "vtg-code", mode.answer)],
      rows: sorted(mode).map((row) => bodyRow(row, pick)),
    })),
  });

// Where the head of the table is hidden, on a phone, this sorts instead.
const sortChoice = (onSort) => {
  const label = make("label", "vtg-cmp-choice", "Show and sort by ");
  const select = make("select");
  select.dataset.key = "sort";
  for (const [name, title] of COLUMNS) select.append(new Option(title, name, false, name === sort.by));
  select.addEventListener("change", () => onSort({ by: select.value, isDown: false }));
  label.append(select);
  return label;
};

const downloadButton = (view) =>
  textButton("Download CSV", () => download(view.csv, view.csv_name, "text/csv"), `Save these ${whole(view.num_scored)} lines as ${view.csv_name}`);

// The bars: what each part of the answer costs, all on one scale.

const swatch = (part) => {
  const item = make("li");
  item.append(make("span", `vtg-cmp-swatch vtg-cmp-part-${part}`), PART_NAMES[part]);
  return item;
};

const bar = (row, most) => {
  const [line, track] = [make("li", "vtg-cmp-bar"), make("span", "vtg-cmp-track")];
  const said = PARTS.filter(([part]) => partNll(row, part) > 0).map(([part, name]) => `${name} ${fixed(partNll(row, part), 2)}`);
  [track.role, track.ariaLabel] = ["img", `${row.name}, ${row.mode_name}: ${said.join(", ")} nats`];
  for (const [part, name] of PARTS) {
    const nll = partNll(row, part);
    if (!(nll > 0)) continue;
    const share = (100 * nll) / most;
    const piece = make("span", `vtg-cmp-piece vtg-cmp-part-${part}`);
    piece.append(make("span", "", fixed(nll, 1)));
    piece.style.width = `${share}%`;
    piece.title = `${name} ${fixed(nll, 2)} nats, ${percent(nll / row.sum_nll, 0)} of this template's loss`;
    track.append(piece);
  }
  line.append(make("span", "vtg-cmp-label", row.name), track, make("span", "vtg-cmp-total", fixed(row.sum_nll, 1)));
  return line;
};

const barsOf = (view) => {
  const [box, legend] = [make("div", "vtg-cmp-bars"), make("ul", "vtg-cmp-legend")];
  const rows = view.modes.flatMap((mode) => mode.rows);
  const most = Math.max(...rows.map((row) => row.sum_nll)) || 1;
  legend.append(...PARTS.filter(([part]) => rows.some((row) => partNll(row, part) > 0)).map(([part]) => swatch(part)));
  box.append(legend);
  for (const mode of view.modes) {
    const list = make("ul", "vtg-cmp-list");
    list.ariaLabel = mode.title;
    list.append(...sorted(mode).map((row) => bar(row, most)));
    box.append(make("p", "vtg-muted vtg-cmp-mode", mode.title), list);
  }
  return box;
};

const invitation = () => [
  make("p", "vtg-loss-none", "Compare the templates to see which of them this model finds easiest on this sample, and in which part of the answer: all are scored in about the time of one forward pass."),
  wordList(),
];

const lossesOf = (view) => {
  const rows = view?.modes.flatMap((mode) => mode.rows) ?? [];
  return rows.length ? Object.fromEntries(rows.map((row) => [`${row.mode}/${row.name}`, { mean: row.mean_nll, times: row.time_nll }])) : null;
};

const draw = (root, view, trigger) => {
  set("losses", lossesOf(view));
  if (!view) return;
  if (view.state === "empty") {
    root.append(...invitation());
    return;
  }
  root.append(stateLine(view, STATES));
  if (view.state === "running" && view.num_scored) root.append(progressBar("Templates scored", view.num_scored, view.num_templates));
  if (!view.modes.length) return;
  root.append(...view.reading.map((text) => make("p", "vtg-reading", text)));
  root.append(make("p", "vtg-muted vtg-cmp-how", [view.sample, view.how].filter(Boolean).join(" — ")));
  const onSort = (next) => {
    sort = next;
    redraw(root, () => draw(root, view, trigger));
  };
  const shown = make("p", "vtg-muted vtg-cmp-shown");
  shown.setAttribute("role", "status");
  const pick = (row) => {
    trigger("pick", { template: row.name, mode: row.mode });
    shown.textContent = `The page shows ${row.name}, ${row.mode_name}: see Audit, Tokens, and This sample.`;
  };
  const tools = make("p", "vtg-cmp-tools");
  tools.append(sortChoice(onSort), downloadButton(view));
  root.append(
    heading("Side by side", "in nats; lower is easier for the model", "vtg-cmp-title"),
    make("p", "vtg-muted", "Compare sums and means within an answer format only: the other one teaches other tokens. Times only are what the video decides. Click a row to show that template on the page."),
    make("p", "vtg-muted", view.badges), tools, scroller("Templates side by side", "vtg-cmp-scroll", templateTable(view, onSort, pick)), shown,
    fold("compare-bars", "Where in the answer the loss sits", [barsOf(view)], { note: "nats, one scale for all", isOpen: true }),
    fold("compare-tokens", "Token by token", [stripsOf(view, sorted)], { note: "every supervised token of every template, aligned by part" }),
    fold("compare-words", "What these words mean", [wordList()], { isOpen: false }),
  );
};

export default (component) => drawFromValue(component, (root, view) => draw(root, view, component.trigger));
