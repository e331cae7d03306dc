// What an annotation file holds; a value is a SurveyView (vtg_core/views/survey.py). Every figure opens its rows, and so does
// a bar of the charts, which Gradio draws below.

import { drawFromValue } from "./drawing.js";
import { ofRows, percent, whole } from "./numbers.js";
import { cell, fold, heading, make, numberCell, progressBar, severityBadge, stateLine, tableOf, textButton } from "./shared.js";

const STATES = {
  running: (view) => `Looked through ${ofRows(view.num_rows, view.num_all)} …`,
  done: (view) => `Looked through ${ofRows(view.num_rows, view.num_all)}.`,
  partial: (view) => `Partial: stopped after ${ofRows(view.num_rows, view.num_all)}; this is what was found so far.`,
};
const COUNTS = ["Severity", "What holds", "Rows", "The first", "What to do"];
const CHART = "#survey-figure .js-plotly-plot";

const rowsButton = (text, name, ask) => {
  const button = textButton(text, () => ask(name), "Show these rows");
  button.dataset.key = `rows-${name}`;
  return button;
};

const countRow = (one, ask) => {
  const row = make("tr");
  const what = make("span", "", one.title);
  what.append(" ", make("code", "vtg-code", one.name));
  row.append(
    cell(COUNTS[0], severityBadge(one.severity)),
    cell(COUNTS[1], what),
    numberCell(COUNTS[2], rowsButton(whole(one.count), one.name, ask)),
    cell(COUNTS[3], make("span", "vtg-muted", one.examples[0] ?? "")),
    cell(COUNTS[4], one.fix),
  );
  return row;
};

const fact = (number, words) => {
  const item = make("span");
  item.append(make("b", "", whole(number)), ` ${words}`);
  return item;
};

const factsOf = (view) => {
  const line = make("p", "vtg-counts");
  line.append(fact(view.num_rows, "rows"), fact(view.num_windows, "windows"), fact(view.num_videos, "videos"));
  if (view.num_missing) line.append(fact(view.num_missing, "without a file"));
  return line;
};

// What never looking at a video scores: a figure each, and the answer drawn on the length of the video.
const guessOf = (guess, ask) => {
  const [box, line, bar] = [make("div", "vtg-guess"), make("p"), make("div", "vtg-guess-video")];
  line.append(make("b", "", percent(guess.share, 1)), ` R@1 at IoU ${guess.iou} `, rowsButton("rows", guess.name, ask));
  const window = make("span");
  [window.style.left, window.style.width] = [`${guess.start}%`, `${guess.end - guess.start}%`];
  bar.append(window);
  box.append(line, bar, make("p", "vtg-muted", `always ${guess.start} % to ${guess.end} % of the video`));
  return box;
};

const guessesOf = (view, ask) => {
  const box = make("div", "vtg-guesses");
  box.append(...view.guesses.map((guess) => guessOf(guess, ask)));
  return [heading("Position bias", "the best answer that never looks at a video"), box];
};

// Every bar by name, for whoever does not click the charts.
const barPicker = (view, ask) => {
  const [label, select] = [make("label", "vtg-muted", "Rows of a bar "), make("select", "vtg-bar-rows")];
  select.append(make("option", "", "choose"));
  for (const { title, bars } of view.distributions) {
    const group = make("optgroup");
    group.label = title;
    for (const { name, between, count } of bars) {
      const option = make("option", "", `${between}: ${whole(count)}`);
      option.value = name;
      group.append(option);
    }
    select.append(group);
  }
  select.addEventListener("change", () => select.selectedIndex && ask(select.value));
  label.append(select);
  return label;
};

const spreadsOf = (view, ask) => {
  const lines = view.distributions.filter(({ quantiles }) => quantiles).map(({ title, unit, quantiles }) => make("li", "", `${title} (${unit}): ${quantiles}`));
  const list = make("ul", "vtg-quantiles");
  list.append(...lines);
  return [heading("Length and position", "click a bar for its rows"), list, barPicker(view, ask)];
};

const draw = (root, view, ask) => {
  if (!view) return;
  root.append(stateLine(view, STATES));
  if (view.state === "running") {
    root.append(progressBar("Rows looked through", view.num_rows, view.num_all));
    return;
  }
  root.append(factsOf(view), make("p", "vtg-muted", view.why));
  if (view.missing) root.append(make("p", "vtg-muted", view.missing));
  for (const unit of view.units) root.append(make("p", "vtg-unit", unit));
  if (view.counts.length) root.append(tableOf(COUNTS, view.counts.map((one) => countRow(one, ask)), "vtg-survey-counts"));
  else root.append(make("p", "vtg-all-well", "✓ Nothing is wrong with any row."));
  if (view.checked.length) root.append(fold("survey-checked", "Looked for, and in no row", [listOf(view.checked)], { isOpen: false }));
  if (view.guesses.length) root.append(...guessesOf(view, ask));
  if (view.resolution) {
    const line = make("p", "vtg-resolution", `${view.resolution} `);
    if (view.num_coarse) line.append(rowsButton("rows", "resolution", ask));
    root.append(line);
  }
  if (view.distributions.length) root.append(...spreadsOf(view, ask));
};

const listOf = (texts) => {
  const list = make("ul");
  list.append(...texts.map((text) => make("li", "", text)));
  return list;
};

// Gradio draws the charts when it is ready to, and anew when they change: a chart is heard where it has not been.
const hearCharts = (around, ask) => {
  const heard = new WeakSet();
  const hear = () => {
    for (const chart of document.querySelectorAll(CHART)) {
      if (heard.has(chart) || !chart.on) continue;
      heard.add(chart);
      chart.on("plotly_click", ({ points: [point] }) => typeof point?.customdata === "string" && ask(point.customdata));
    }
  };
  new MutationObserver(hear).observe(around, { childList: true, subtree: true });
  hear();
};

export default (component) => {
  const ask = (name) => component.trigger("rows", { name });
  drawFromValue(component, (root, view) => draw(root, view, ask));
  hearCharts(component.element.closest(".tabitem") ?? document.body, ask);
};
