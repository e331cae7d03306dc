// More templates like one, written by the language model that the page was started with: looked at, ticked, saved. What it
// writes is text, judged by the server; a value is a GrowthView (vtg_core/views/results/grown.py).

import { redraw, rootOf } from "./drawing.js";
import { fixed, whole } from "./numbers.js";
import { copyButton, download, fold, labelled, make, numberCell, progressBar, rowTitle, tableOf, textButton } from "./shared.js";

const MOST = 40;

const chosenFrom = (values, chosen) => {
  const select = make("select");
  for (const value of values) select.append(new Option(value, value, false, value === chosen));
  return select;
};

const figure = (value) => (value === null ? "–" : Number.isInteger(value) ? whole(value) : fixed(value, 3));

const words = (text) => {
  const node = make("span", "vtg-gt-text", text);
  node.dir = "auto";
  return node;
};

// One that was accepted, ticked until a person says otherwise; `left` holds the words that were unticked.
const line = ({ text, source, name }, left, again) => {
  const [item, label, tick] = [make("li", "vtg-gt-item"), make("label"), make("input")];
  [tick.type, tick.checked, tick.dataset.key] = ["checkbox", !left.has(text), name];
  tick.addEventListener("change", () => {
    if (tick.checked) left.delete(text);
    else left.add(text);
    again();
  });
  label.append(tick, words(text));
  label.title = source;
  item.append(label, copyButton("Copy", () => text, "Copy these words"));
  return item;
};

const figures = (view) => {
  const names = ["How different they are", "Built-in", "With these"];
  const rows = view.diversity.map(([words, before, after]) => {
    const row = make("tr");
    row.append(rowTitle(words), numberCell(names[1], figure(before)), numberCell(names[2], figure(after)));
    return row;
  });
  return tableOf(names, rows, "vtg-gt-figures");
};

const rejected = (view) => {
  const list = make("ul", "vtg-gt-list");
  for (const { text, message } of view.rejected) {
    const item = make("li", "vtg-gt-item");
    item.append(words(text), make("small", "vtg-muted", message));
    list.append(item);
  }
  return fold("grown-rejected", `${whole(view.rejected.length)} rejected`, [list], { note: "each with the rule that it breaks", isOpen: false });
};

export default ({ element, props, trigger, watch }) => {
  const root = rootOf(element);
  const templates = JSON.parse(props.templates);
  const modes = [...new Set(templates.map(([, mode]) => mode))];
  const [mode, count, found, tools] = [chosenFrom(modes, modes[0]), make("input"), make("div"), make("div", "vtg-ff-tools")];
  const origin = chosenFrom([...new Set(templates.map(([name]) => name))], "concise");
  [count.type, count.min, count.max, count.value] = ["number", 1, MOST, 8];
  const left = new Set();
  let [view, isAsked] = [null, false];
  const grow = textButton("Grow", () => {
    isAsked = true;
    left.clear();
    draw();
    trigger("grow", { origin: origin.value, mode: mode.value, count: Number(count.value) });
  }, "Ask the model for other ways to say it");
  const stop = textButton("Stop after this reply", () => trigger("stop"), "What has grown stays");
  const save = textButton("Save the ticked ones as YAML", () => {
    const ticked = view.accepted.filter(({ text }) => !left.has(text));
    download(ticked.map(({ yaml }) => yaml).join(""), "grown_templates.yaml", "application/yaml");
  }, "A file for --templates, of the commands and of vtg_core.load_templates");
  const draw = () => {
    const isGoingOn = isAsked || (view !== null && !view.is_over);
    const numTicked = view ? view.accepted.filter(({ text }) => !left.has(text)).length : 0;
    [grow.disabled, stop.hidden, save.disabled] = [isGoingOn, !isGoingOn, numTicked === 0];
    redraw(found, () => drawFound(isGoingOn, numTicked));
  };
  const drawFound = (isGoingOn, numTicked) => {
    if (isGoingOn) found.append(progressBar("Templates accepted", view ? view.accepted.length : 0, view ? view.wanted : Number(count.value)));
    if (!view) return;
    const said = `${whole(view.accepted.length)} of ${whole(view.wanted)} accepted, like ${view.origin}, after ${whole(view.num_replies)} ${view.num_replies === 1 ? "reply" : "replies"}; ${whole(numTicked)} ticked`;
    const [status, list] = [make("p", "vtg-tt-said", said), make("ul", "vtg-gt-list")];
    status.setAttribute("role", "status");
    list.append(...view.accepted.map((own) => line(own, left, draw)));
    found.append(status, list);
    if (view.accepted.length) found.append(figures(view));
    if (view.rejected.length) found.append(rejected(view));
  };
  tools.append(labelled("Like", origin), labelled("Answers as", mode), labelled("How many", count), grow, stop, save);
  const note = make("p", "vtg-tt-said", `${props.writer} writes other ways to say it. Each is accepted only with one {query}, the answer's form and unit, no control token, and words of its own.`);
  root.append(fold("grown-templates", "More templates, from a language model", [note, tools, found], { isOpen: false }));
  const load = () => {
    view = props.value ? JSON.parse(props.value) : null;
    isAsked = false;
    draw();
  };
  load();
  watch("value", load);
};
