// Templates over many samples; a value is a FileComparisonView (vtg_core/views/analytics.py).

const MODES = { standard: "seconds", temporal_tokens: "temporal tokens" };
const modeName = (mode) => MODES[mode] ?? mode;
const nats = (figure, metric) => `${figure.toFixed(3)} ${metric === "mean" ? "nats a token" : "nats"}`;
const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

// What a person chose here outlives the next value, which may come while they read.
const chosen = { metric: null, by: "rank", isDown: false, cell: null, focus: null, scrolled: {} };

const STATES = {
  waiting: () => "Waiting for the model …",
  running: (view) => `Compared ${whole(view.num_compared)} of ${whole(view.num_all)} rows …${timeLeft(view.seconds_left)}`,
  done: (view) => `Compared ${ofRows(view.num_compared, view.num_in_file)}.`,
  partial: (view) => (view.num_rows ? `Partial: stopped after ${whole(view.num_rows)} of ${whole(view.num_all)} rows; this is what is known so far.` : "Stopped before the first row was compared."),
};

const timeLeft = (seconds) => {
  if (seconds === null) return "";
  if (seconds < 90) return ` about ${whole(Math.max(1, Math.round(seconds)))} s left`;
  return seconds < 5400 ? ` about ${whole(Math.round(seconds / 60))} min left` : ` about ${(seconds / 3600).toFixed(1)} h left`;
};

const pick = (sample, template) => {
  trigger("pick", { row: sample.row, mode: template.mode, template: template.name });
  document.querySelector("#audit-strip")?.scrollIntoView({ block: "start" });
};

const heading = (text, note = "") => {
  const node = make("h4", "", text);
  if (note) node.append(make("span", "vtg-muted", ` · ${note}`));
  return node;
};

// What scrolls keeps its place when it is drawn anew.
const scroller = (name, label, content) => {
  const box = make("div", `vtg-an-scroll vtg-an-${name}-box`);
  [box.tabIndex, box.role, box.ariaLabel] = [0, "region", label];
  box.append(content);
  box.addEventListener("scroll", () => (chosen.scrolled[name] = [box.scrollLeft, box.scrollTop]));
  const place = chosen.scrolled[name];
  if (place) requestAnimationFrame(() => box.scrollTo(...place));
  return box;
};

const byMode = (templates) => [...Map.groupBy(templates, (template) => template.mode)];

const metricChoice = (view, drawAgain) => {
  const box = make("fieldset", "vtg-an-metrics");
  box.append(make("legend", "", "Compare by"));
  for (const [metric, name] of view.metrics) {
    const [label, input] = [make("label"), make("input")];
    [input.type, input.name, input.checked, input.dataset.key] = ["radio", "vtg-an-metric", metric === chosen.metric, `metric-${metric}`];
    input.addEventListener("change", () => {
      [chosen.metric, chosen.focus] = [metric, input.dataset.key];
      trigger("metric", { metric });
      drawAgain();
    });
    label.append(input, name);
    box.append(label);
  }
  return box;
};

// The table: what each column says, and what it is sorted by. Lower losses and higher shares come first.
const COLUMNS = [
  ["rank", "Template", (one) => one.figures.rank, (one) => nameCell(one)],
  ["mean", "Mean (nats)", (one) => one.figures.mean, (one) => one.figures.mean.toFixed(3)],
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
  difference: "Mean paired difference to the baseline, with a 95 % bootstrap confidence interval; below 0 costs less",
  win_rate: "Share of samples on which it costs less than the baseline; a tie counts half",
  best_rate: "Share of samples on which it costs least of its answer format; ties are shared",
  over_uniform: "What its times cost beyond guessing them uniformly, in nats; below 0 is better than guessing. Comparable across answer formats",
  num_prompt: "Mean number of text tokens that are not trained",
  num_supervised: "Mean number of tokens in the loss",
};

const share = (rate) => (rate === null ? "–" : percent(rate));

const nameCell = (one) => {
  const box = make("span", "vtg-an-name");
  box.append(make("span", "vtg-an-rank", one.figures.rank === null ? "–" : `${one.figures.rank}.`), make("b", "", one.name));
  if (one.isMerged) box.append(make("span", "vtg-muted", modeName(one.mode)));
  if (one.is_baseline) box.append(make("span", "vtg-badge", "baseline"));
  return box;
};

const middleHalf = (figures) => {
  const box = make("span", "vtg-an-nowrap", figures.median.toFixed(3));
  box.append(make("span", "vtg-muted vtg-an-below", `${figures.lower_quartile.toFixed(2)} to ${figures.upper_quartile.toFixed(2)}`));
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
  const [, , figureOf] = COLUMNS.find(([by]) => by === chosen.by);
  const sign = chosen.isDown ? -1 : 1;
  lines.sort((a, b) => sign * (figureOf(a) - figureOf(b)) || sign * (a.figures.mean - b.figures.mean));
  // One figure only can be compared across answer formats.
  return chosen.by === "over_uniform" ? [["", lines.map((one) => ({ ...one, isMerged: true }))]] : byMode(view.templates).map(([mode]) => [mode, lines.filter((one) => one.mode === mode)]);
};

const sortBy = (by, drawAgain) => {
  [chosen.isDown, chosen.by, chosen.focus] = [chosen.by === by && !chosen.isDown, by, `sort-${by}`];
  drawAgain();
};

const headOf = (drawAgain) => {
  const row = make("tr");
  for (const [by, name] of COLUMNS) {
    const head = make("th", isNumber(by) ? "vtg-number" : "");
    head.scope = "col";
    const isSorted = chosen.by === by;
    if (isSorted) head.ariaSort = chosen.isDown ? "descending" : "ascending";
    const button = make("button", "vtg-an-sort", name);
    [button.type, button.dataset.key, button.title] = ["button", `sort-${by}`, HINTS[by] ?? ""];
    const sign = make("span", "vtg-an-arrow", isSorted ? (chosen.isDown ? " ▼" : " ▲") : "");
    sign.setAttribute("aria-hidden", "true");
    button.append(sign);
    button.addEventListener("click", () => sortBy(by, drawAgain));
    head.append(button);
    row.append(head);
  }
  const top = make("thead");
  top.append(row);
  return top;
};

const templateTable = (view, drawAgain) => {
  const table = make("table", "vtg-an-table");
  table.append(headOf(drawAgain));
  for (const [mode, lines] of linesOf(view)) {
    const body = make("tbody");
    if (mode) {
      const [row, title] = [make("tr", "vtg-an-mode"), make("th", "", `Answers in ${modeName(mode)}`)];
      [title.colSpan, title.scope] = [COLUMNS.length, "rowgroup"];
      row.append(title);
      body.append(row);
    }
    for (const one of lines) {
      const row = make("tr");
      row.append(rowTitle(nameCell(one)));
      for (const [by, name, , show] of COLUMNS.slice(1)) row.append((isNumber(by) ? numberCell : cell)(name, show(one)));
      body.append(row);
    }
    table.append(body);
  }
  return table;
};

// The map: a line a sample, a column a template, coloured within each answer format.
const rangesOf = (view, cells) =>
  new Map(
    byMode(view.templates.map((template, column) => ({ ...template, column }))).map(([mode, own]) => {
      const known = cells.flatMap((line) => own.map(({ column }) => line[column])).filter((cell) => cell !== null);
      return [mode, known.reduce(([low, high], cell) => [Math.min(low, cell), Math.max(high, cell)], [Infinity, -Infinity])];
    }),
  );

const mapLegend = (ranges) => {
  const box = make("p", "vtg-an-legend");
  for (const [mode, [low, high]] of ranges) {
    const scale = make("span", "vtg-an-scale");
    scale.append(make("span", "", `${modeName(mode)}: ${low.toFixed(3)}`), make("span", "vtg-an-ramp"), make("span", "", nats(high, chosen.metric)));
    box.append(scale);
  }
  const mark = make("span", "vtg-an-scale");
  mark.append(make("span", "vtg-an-sample vtg-an-best", "0.0"), make("span", "", "best of its answer format"));
  box.append(mark);
  return box;
};

const mapHead = (view) => {
  const [head, modes, names] = [make("thead"), make("tr"), make("tr")];
  const corner = make("th", "vtg-an-corner", "Sample");
  [corner.rowSpan, corner.scope] = [2, "col"];
  modes.append(corner);
  for (const [mode, own] of byMode(view.templates)) {
    const title = make("th", "vtg-an-first", modeName(mode));
    [title.colSpan, title.scope] = [own.length, "colgroup"];
    modes.append(title);
    for (const [i, { name }] of own.entries()) {
      const cell = make("th", i ? "" : "vtg-an-first");
      cell.scope = "col";
      cell.append(make("span", "vtg-an-column", name));
      names.append(cell);
    }
  }
  head.append(modes, names);
  return head;
};

const mapCell = (view, sample, template, figure, [low, high], isBest) => {
  const button = make("button", `vtg-an-cell${isBest ? " vtg-an-best" : ""}`, figure.toFixed(figure < 100 ? 2 : 0));
  [button.type, button.tabIndex] = ["button", -1];
  button.style.setProperty("--at", `${high > low ? (100 * (figure - low)) / (high - low) : 0}%`);
  button.dataset.key = `cell-${sample.row}-${template.mode}-${template.name}`;
  const says = `Row ${whole(sample.row)}, ${template.name}, ${modeName(template.mode)}: ${nats(figure, chosen.metric)}${isBest ? ", best of its answer format" : ""}`;
  [button.ariaLabel, button.title] = [`${says}. Open this sample with this template`, `${says}\n${sample.query}`];
  button.addEventListener("click", () => pick(sample, template));
  return button;
};

const mapLine = (view, sample, cells, ranges) => {
  const row = make("tr");
  const title = make("th", "vtg-an-row", `${whole(sample.row)} `);
  [title.scope, title.title] = ["row", `${sample.where}\n${sample.query}`];
  title.append(make("span", "vtg-muted", sample.query));
  row.append(title);
  const columns = view.templates.map((template, column) => ({ template, figure: cells[column] }));
  for (const [mode, own] of Map.groupBy(columns, ({ template }) => template.mode)) {
    const lowest = Math.min(...own.map(({ figure }) => figure ?? Infinity));
    for (const [i, { template, figure }] of own.entries()) {
      const cell = make("td", i ? "" : "vtg-an-first");
      if (figure === null) cell.append(make("span", "vtg-muted", "–"));
      else cell.append(mapCell(view, sample, template, figure, ranges.get(mode), own.length > 1 && figure === lowest));
      row.append(cell);
    }
  }
  return row;
};

// One cell takes part in tabbing; the arrow keys move it.
const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

const rove = (table) => {
  const lines = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")].map((cell) => cell.querySelector("button")));
  const all = lines.flat().filter(Boolean);
  const hold = (button) => {
    for (const other of all) other.tabIndex = other === button ? 0 : -1;
    chosen.cell = button.dataset.key;
  };
  if (all.length) hold(all.find((button) => button.dataset.key === chosen.cell) ?? all[0]);
  table.addEventListener("focusin", (event) => event.target.matches(".vtg-an-cell") && hold(event.target));
  table.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const line = lines.findIndex((buttons) => buttons.includes(event.target));
    if (!step || line < 0) return;
    event.preventDefault();
    lines[line + step[0]]?.[lines[line].indexOf(event.target) + step[1]]?.focus();
  });
};

const map = (view) => {
  const { samples, cells } = view.maps[chosen.metric];
  const ranges = rangesOf(view, cells);
  const [table, body] = [make("table", "vtg-an-map"), make("tbody")];
  table.append(mapHead(view), body);
  for (const [i, number] of samples.entries()) body.append(mapLine(view, view.samples[number], cells[i], ranges));
  rove(table);
  const shown = samples.length < view.num_samples ? `the ${whole(samples.length)} of ${whole(view.num_samples)} on which templates disagree most` : "press a cell to open its sample with its template";
  return [heading("Samples by templates", shown), mapLegend(ranges), scroller("map", "Samples by templates", table)];
};

const extreme = (sample, mode, name, figure) => {
  const button = textButton(name, () => pick(sample, { mode, name }), `Open row ${whole(sample.row)} with ${name}`);
  button.dataset.key = `extreme-${sample.row}-${mode}-${name}`;
  const box = make("span", "vtg-an-nowrap");
  box.append(button, make("span", "vtg-muted", ` ${figure.toFixed(3)}`));
  return box;
};

const SPREAD = ["Row", "Sample", "Answer", "Spread (nats)", "Best", "Worst"];

const spreads = (view) => {
  const own = view.spreads[chosen.metric];
  if (!own.length) return [];
  const rows = own.map((one) => {
    const [row, sample] = [make("tr"), view.samples[one.sample]];
    const [number, query, mode, spread, best, worst] = SPREAD;
    row.append(
      numberCell(number, whole(sample.row)), cell(query, sample.query), cell(mode, modeName(one.mode)), numberCell(spread, make("b", "", one.spread.toFixed(3))),
      cell(best, extreme(sample, one.mode, one.best, one.best_value)), cell(worst, extreme(sample, one.mode, one.worst, one.worst_value)),
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

const drawView = (root, view, drawAgain) => {
  const state = make("p", `vtg-file-state vtg-state-${view.state}`, STATES[view.state](view));
  state.setAttribute("role", "status");
  root.append(state);
  root.append(make("p", "vtg-muted", view.subject));
  if (view.plain_because) root.append(make("p", "vtg-muted", `Each template got a pass of its own: ${view.plain_because}.`));
  if (view.num_unread) root.append(unread(view));
  const of = view.analytics;
  if (!of) return;
  if (!of.metrics.some(([metric]) => metric === chosen.metric)) chosen.metric = of.metric;
  const count = of.num_samples === 1 ? "one sample" : `${whole(of.num_samples)} samples`;
  root.append(metricChoice(of, drawAgain), heading("Templates", count), make("p", "vtg-muted vtg-an-note", of.note));
  root.append(scroller("table", "Templates", templateTable(of, drawAgain)), ...map(of), ...spreads(of));
};

const keepFocus = (root) => {
  root.addEventListener("focusin", (event) => (chosen.focus = event.target.dataset.key ?? null));
  document.addEventListener("pointerdown", (event) => root.contains(event.target) || (chosen.focus = null));
};

const refocus = (root) => {
  if (chosen.focus === null || document.activeElement !== document.body) return;
  root.querySelector(`[data-key="${CSS.escape(chosen.focus)}"]`)?.focus({ preventScroll: true });
};

keepFocus(element);
drawFromValue((root, view) => {
  const drawAgain = () => {
    root.replaceChildren();
    if (view) drawView(root, view, drawAgain);
    refocus(root);
  };
  drawAgain();
});
