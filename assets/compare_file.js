// Templates over many samples; a value is a FileComparisonView (vtg_core/views/comparison_file.py).

import { drawFromValue, redraw } from "./drawing.js";
import { fixed, ofRows, percent, signed, timeLeft, whole } from "./numbers.js";
import { byMode, modeName, sampleMap } from "./sample_map.js";
import { cell, fold, heading, make, numberCell, rowTitle, stateLine, tableOf, textButton } from "./shared.js";
import { scroller, sortedBy, sortedTable } from "./sorted_table.js";

// What a person chose here outlives the next value, which may come while they read.
const chosen = { metric: null, sort: { by: "rank", isDown: false }, places: {} };

const STATES = {
  waiting: () => "Waiting for the model …",
  running: (view) => `Compared ${whole(view.num_compared)} of ${whole(view.num_all)} rows …${timeLeft(view.seconds_left)}`,
  done: (view) => `Compared ${ofRows(view.num_compared, view.num_in_file)}.`,
  partial: (view) => (view.num_rows ? `Partial: stopped after ${whole(view.num_rows)} of ${whole(view.num_all)} rows; this is what is known so far.` : "Stopped before the first row was compared."),
};

const metricChoice = (view, choose) => {
  const box = make("fieldset", "vtg-an-metrics");
  box.append(make("legend", "", "Compare by"));
  for (const [metric, name] of view.metrics) {
    const [label, input] = [make("label"), make("input")];
    [input.type, input.name, input.checked, input.dataset.key] = ["radio", "vtg-an-metric", metric === chosen.metric, `metric-${metric}`];
    input.addEventListener("change", () => choose(metric));
    label.append(input, name);
    box.append(label);
  }
  return box;
};

// The table: what each column says, and what it is sorted by. Lower losses and higher shares come first.
const COLUMNS = [
  ["rank", "Template", (one) => one.figures.rank ?? 0, (one) => nameCell(one)],
  ["mean", "Mean (nats)", (one) => one.figures.mean, (one) => fixed(one.figures.mean, 3)],
  ["median", "Median, middle half", (one) => one.figures.median, (one) => middleHalf(one.figures)],
  ["difference", "Against the baseline", (one) => one.figures.difference ?? 0, (one) => differenceCell(one)],
  ["win_rate", "Wins", (one) => -(one.figures.win_rate ?? 0.5), (one) => share(one.figures.win_rate)],
  ["best_rate", "Best", (one) => -(one.figures.best_rate ?? 0), (one) => share(one.figures.best_rate)],
  ["over_uniform", "Times minus guess", (one) => one.over_uniform, (one) => signed(one.over_uniform, 3)],
  ["num_prompt", "Prompt tokens", (one) => one.num_prompt, (one) => whole(one.num_prompt)],
  ["num_supervised", "Trained", (one) => one.num_supervised, (one) => whole(one.num_supervised)],
];

const isNumber = (by) => !["rank", "difference"].includes(by);

const HINTS = {
  rank: "Place within the answer format by the mean over the samples that all its templates have",
  difference: "Mean paired difference to the baseline, with a bootstrap interval that holds for all differences together; below 0 costs less",
  win_rate: "Share of samples on which it costs less than the baseline; a tie counts half",
  best_rate: "Share of samples on which it costs least of its answer format; ties are shared",
  over_uniform: "What its times cost beyond guessing them uniformly, in nats; below 0 is better than guessing. Comparable across answer formats",
  num_prompt: "Mean number of text tokens that are not trained",
  num_supervised: "Mean number of tokens in the loss",
};

const share = (rate) => percent(rate, rate > 0 && rate < 0.1 ? 1 : 0);

const nameCell = (one) => {
  const box = make("span", "vtg-an-name");
  box.append(make("span", "vtg-an-rank", one.figures.rank === null ? "–" : `${one.figures.rank}.`), make("b", "", one.name));
  if (one.isMerged) box.append(make("span", "vtg-muted", modeName(one.mode)));
  if (one.is_baseline) box.append(make("span", "vtg-badge", "baseline"));
  return box;
};

const middleHalf = (figures) => {
  const box = make("span", "vtg-an-nowrap", fixed(figures.median, 3));
  box.append(make("span", "vtg-muted vtg-an-below", `${fixed(figures.lower_quartile, 2)} to ${fixed(figures.upper_quartile, 2)}`));
  return box;
};

const differenceCell = (one) => {
  const { difference, low, high, reason, verdict, num_pairs } = one.figures;
  if (difference === null) return make("span", "vtg-muted", one.is_baseline ? "the baseline" : "no sample has both");
  const box = make("span", "vtg-an-difference");
  const interval = low === null ? `no interval: ${reason}` : `[${signed(low, 3)}, ${signed(high, 3)}]`;
  box.title = `over ${whole(num_pairs)} samples`;
  const below = make("span", "vtg-muted", `${interval} `);
  below.append(make("span", `vtg-an-verdict vtg-an-${verdict}`, verdict));
  box.append(make("b", "", signed(difference, 3)), intervalBar(one), below);
  return box;
};

// The interval beside the number: a line at 0, a bar from end to end, a dot at the mean, on one scale a mode.
const intervalBar = (one) => {
  const { difference, low, high, verdict } = one.figures;
  const at = (figure) => 50 + (48 * figure) / (one.widest || 1);
  const bar = make("span", "vtg-an-bar");
  bar.setAttribute("aria-hidden", "true");
  const [reach, dot] = [make("span", `vtg-an-reach vtg-an-${verdict}`), make("span", "vtg-an-dot")];
  if (low !== null) [reach.style.left, reach.style.width] = [`${at(low)}%`, `${at(high) - at(low)}%`];
  dot.style.left = `${at(difference)}%`;
  bar.append(...(low === null ? [] : [reach]), dot);
  return bar;
};

const widestOf = (templates) =>
  Math.max(...templates.flatMap(({ figures }) => [figures.difference, figures.low, figures.high].map((figure) => Math.abs(figure ?? 0))));

const linesOf = (view) => {
  const lines = view.templates.map((template) => ({ ...template, figures: template.by_metric[chosen.metric] }));
  for (const [, own] of byMode(lines)) for (const one of own) one.widest = widestOf(own);
  const { by, isDown } = chosen.sort;
  const [, , figureOf] = COLUMNS.find(([column]) => column === by);
  const sorted = sortedBy(lines, isDown, figureOf, (one) => one.figures.mean);
  // One figure only can be compared across answer formats.
  if (by === "over_uniform") return [["", sorted.map((one) => ({ ...one, isMerged: true }))]];
  return byMode(view.templates).map(([mode]) => [mode, sorted.filter((one) => one.mode === mode)]);
};

const bodyRow = (one) => {
  const row = make("tr");
  row.append(rowTitle(nameCell(one)));
  for (const [by, name, , show] of COLUMNS.slice(1)) row.append((isNumber(by) ? numberCell : cell)(name, show(one)));
  return row;
};

const templateTable = (view, onSort) =>
  sortedTable({
    className: "vtg-an-table",
    columns: COLUMNS.map(([by, title]) => ({ by, title, hint: HINTS[by] ?? "", isNumber: isNumber(by) })),
    arrows: ["▲", "▼"],
    sort: chosen.sort,
    onSort,
    groups: linesOf(view).map(([mode, lines]) => ({ title: mode ? [`Answers in ${modeName(mode)}`] : null, rows: lines.map(bodyRow) })),
  });

// What scrolls is a stop of the Tab key, and keeps its place.
const scrolled = (name, label, content) => {
  const box = scroller(label, `vtg-an-scroll vtg-an-${name}-box`, content, chosen.places);
  box.tabIndex = 0;
  return box;
};

const map = (view, pick) => {
  const own = view.maps[chosen.metric];
  const { legend, table } = sampleMap({ templates: view.templates, samples: own.samples.map((number) => view.samples[number]), cells: own.cells, metric: chosen.metric }, pick);
  const shown = own.samples.length < view.num_samples ? `the ${whole(own.samples.length)} of ${whole(view.num_samples)} on which templates disagree most` : "press a cell to open its sample with its template";
  return [heading("Samples by templates", shown), legend, scrolled("map", "Samples by templates", table)];
};

const extreme = (sample, mode, name, figure, pick) => {
  const button = textButton(name, () => pick(sample, { mode, name }), `Open row ${whole(sample.row)} with ${name}`);
  button.dataset.key = `extreme-${sample.row}-${mode}-${name}`;
  const box = make("span", "vtg-an-nowrap");
  box.append(button, make("span", "vtg-muted", ` ${fixed(figure, 3)}`));
  return box;
};

const SPREAD = ["Row", "Sample", "Answer", "Spread (nats)", "Best", "Worst"];

const spreads = (view, pick) => {
  const own = view.spreads[chosen.metric];
  if (!own.length) return [];
  const rows = own.map((one) => {
    const [row, sample] = [make("tr"), view.samples[one.sample]];
    const [number, query, mode, spread, best, worst] = SPREAD;
    row.append(
      numberCell(number, whole(sample.row)), cell(query, sample.query), cell(mode, modeName(one.mode)), numberCell(spread, make("b", "", fixed(one.spread, 3))),
      cell(best, extreme(sample, one.mode, one.best, one.best_value, pick)), cell(worst, extreme(sample, one.mode, one.worst, one.worst_value, pick)),
    );
    return row;
  });
  return [fold("spreads", "Where templates disagree most", [tableOf(SPREAD, rows, "vtg-an-spreads")], { note: "the worst less the best of one answer format" })];
};

const unread = (view) => {
  const [box, list] = [make("details", "vtg-more vtg-an-unread"), make("ul")];
  const count = view.num_unread === 1 ? "One row" : `${whole(view.num_unread)} rows`;
  box.append(make("summary", "", `${count} could not be scored`), list);
  for (const one of view.unread) list.append(make("li", "", `Row ${whole(one.row)}: ${one.reason}`));
  if (view.unread.length < view.num_unread) list.append(make("li", "vtg-muted", `and ${whole(view.num_unread - view.unread.length)} more`));
  return box;
};

const draw = (root, view, trigger) => {
  if (!view) return;
  root.append(stateLine(view, STATES));
  if (view.state === "partial") root.append(textButton("Go on where it stopped", () => trigger("go_on"), "Compare the rows that are left; what is known stays"));
  root.append(make("p", "vtg-muted", view.subject));
  if (view.reading) root.append(make("p", "vtg-reading", view.reading));
  if (view.plain_because) root.append(make("p", "vtg-muted", `Each template got a pass of its own: ${view.plain_because}.`));
  if (view.num_unread) root.append(unread(view));
  if (view.analytics) drawAnalytics(root, view.analytics, trigger, () => redraw(root, () => draw(root, view, trigger)));
};

const drawAnalytics = (root, of, trigger, drawAgain) => {
  if (!of.metrics.some(([metric]) => metric === chosen.metric)) chosen.metric = of.metric;
  const choose = (metric) => {
    chosen.metric = metric;
    trigger("metric", { metric });
    drawAgain();
  };
  const onSort = (sort) => {
    chosen.sort = sort;
    drawAgain();
  };
  const pick = (sample, template) => {
    trigger("pick", { row: sample.row, mode: template.mode, template: template.name });
    document.querySelector("#audit-strip")?.scrollIntoView({ block: "start" });
  };
  const count = of.num_samples === 1 ? "one sample" : `${whole(of.num_samples)} samples`;
  root.append(metricChoice(of, choose), heading("Templates", count), make("p", "vtg-muted vtg-an-note", of.note), make("p", "vtg-muted vtg-an-note", of.how));
  root.append(scrolled("table", "Templates", templateTable(of, onSort)), ...map(of, pick), ...spreads(of, pick));
};

export default (component) => drawFromValue(component, (root, view) => draw(root, view, component.trigger));
