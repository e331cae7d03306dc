// How a sample is learnt; a value is an OverfitView (vtg_core/views/probes.py), again after each step.

import { drawFromValue, redraw, rootOf } from "./drawing.js";
import { fixed, fixedOrTiny, whole } from "./numbers.js";
import { fold, make, numberCell, rowTitle, tableOf } from "./shared.js";

const HEIGHT = 260;
const ROOM = { top: 20, right: 16, bottom: 34, left: 52 };
const LEAST = 1e-5; // where a logarithmic axis ends: below it a loss is nothing

// What a person chose here outlives the next value, which may come while they look.
const chosen = { isLog: false };

// With another mask, our own takes its steps first: where it stands, in words, or nothing before the first.
const stepOf = (view) => {
  const taken = (key) => view.steps.filter((step) => step[key] !== null).length - 1;
  const [own, ours] = [taken("response_nll"), taken("ours_nll")];
  if (own >= 0) return `${whole(own)} of ${whole(view.num_steps)}`;
  return ours >= 0 ? `${whole(ours)} of ${whole(view.num_steps)} with our mask, which comes first` : "";
};

const STATES = {
  waiting: () => "Waiting for the model …",
  running: (view) => (view.steps.length ? `Step ${stepOf(view)} …` : "Preparing the first step …"),
  partial: (view) => `Stopped after ${stepOf(view).replace(/(of [\d,]+)/, "$1 steps")}; this is what it came to.`,
  done: (view) => view.reading,
};

const seriesOf = (view) => {
  const series = [["response", "response_nll", "The answer"], ["prompt", "prompt_nll", "The prompt's text"]];
  if (!view.is_ours) series.push(["trained", "trained_nll", `What ${view.mask} trains`], ["ours", "ours_nll", "The answer, with our mask"]);
  return series.filter(([, key]) => !view.steps.length || view.steps.some((step) => step[key] !== null));
};

// What a loss was before the first step, and what it has come to.
const endsOf = (view, key) => {
  const known = view.steps.map((step) => step[key]).filter((nll) => nll !== null);
  return known.length ? `${nats(known[0])} → ${nats(known.at(-1))}` : "–";
};

const nats = (number) => fixedOrTiny(number, 3, 0.001);

const drawn = (tag, attributes, text = null) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, content] of Object.entries(attributes)) node.setAttribute(name, content);
  if (text !== null) node.textContent = text;
  return node;
};

// Where a loss stands from 0, below, to 1, and which losses have a line of their own.
const linear = (most) => {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find((size) => most / size <= 5) ?? most;
  const top = Math.max(step, Math.ceil(most / step - 1e-9) * step);
  const marks = Array.from({ length: Math.round(top / step) + 1 }, (_, number) => [number * step, String(Number(fixed(number * step, 1)))]);
  return { place: (nll) => nll / top, marks };
};

const logarithmic = (least, most) => {
  const [low, high] = [Math.floor(Math.log10(Math.max(least, LEAST))), Math.max(Math.ceil(Math.log10(most)), Math.floor(Math.log10(Math.max(least, LEAST))) + 1)];
  const marks = Array.from({ length: high - low + 1 }, (_, number) => [10 ** (low + number), low + number >= -2 ? String(10 ** (low + number)) : `1e${low + number}`]);
  return { place: (nll) => Math.max(0, (Math.log10(Math.max(nll, LEAST)) - low) / (high - low)), marks };
};

const scaleOf = (view, series) => {
  const known = view.steps.flatMap((step) => series.map(([, key]) => step[key])).filter((nll) => nll !== null);
  const most = Math.max(1, ...known, ...(hasGuess(view, known) ? [view.uniform_nll] : []));
  return chosen.isLog ? logarithmic(Math.min(1, ...known), most) : linear(most);
};

// What a blind guess costs is drawn where it is near, and would press the curves flat where it is far above them.
const hasGuess = (view, known) => view.uniform_nll > 0 && Math.max(0, ...known) > 0.6 * view.uniform_nll;

const stepMarks = (count) => {
  const size = [1, 2, 5, 10, 20, 50].find((one) => count / one <= 6) ?? 50;
  return Array.from({ length: Math.floor(count / size) + 1 }, (_, number) => number * size);
};

const gridOf = (svg, view, scale, x, y, width) => {
  const bottom = HEIGHT - ROOM.bottom;
  for (const [nll, text] of scale.marks) {
    svg.append(drawn("line", { class: "vtg-po-grid", x1: ROOM.left, x2: width - ROOM.right, y1: y(nll), y2: y(nll) }));
    svg.append(drawn("text", { class: "vtg-po-mark", x: ROOM.left - 8, y: y(nll) + 4, "text-anchor": "end" }, text));
  }
  for (const step of stepMarks(view.num_steps || 1)) svg.append(drawn("text", { class: "vtg-po-mark", x: x(step), y: bottom + 18, "text-anchor": "middle" }, String(step)));
  svg.append(drawn("text", { class: "vtg-po-mark", x: width - ROOM.right, y: HEIGHT - 2, "text-anchor": "end" }, "steps"));
};

const curve = (svg, view, [name, key], x, y) => {
  const points = view.steps.filter((step) => step[key] !== null).map((step) => [x(step.step), y(step[key])]);
  if (!points.length) return;
  svg.append(drawn("polyline", { class: `vtg-po-line vtg-po-${name}`, points: points.map((point) => point.join(",")).join(" ") }));
  const [cx, cy] = points.at(-1);
  svg.append(drawn("circle", { class: `vtg-po-dot vtg-po-${name}`, cx, cy, r: 4 }));
};

const pointAt = (svg, view, series, x, readout) => {
  const line = drawn("line", { class: "vtg-po-pointer", y1: ROOM.top, y2: HEIGHT - ROOM.bottom, visibility: "hidden" });
  svg.append(line);
  svg.addEventListener("pointermove", (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    const near = view.steps.reduce((best, step) => (Math.abs(x(step.step) - at) < Math.abs(x(best.step) - at) ? step : best));
    for (const end of ["x1", "x2"]) line.setAttribute(end, x(near.step));
    line.setAttribute("visibility", "visible");
    readout.textContent = `After ${whole(near.step)} step${near.step === 1 ? "" : "s"}: ${series.map(([, key, text]) => `${text.toLowerCase()} ${nats(near[key])}`).join(", ")}`;
  });
  svg.addEventListener("pointerleave", () => {
    line.setAttribute("visibility", "hidden");
    readout.textContent = READOUT;
  });
};

const READOUT = "Nats a token. Point at the curves for the figures after a step.";

const chart = (view, series, width, readout) => {
  const svg = drawn("svg", { class: "vtg-po-chart", width, height: HEIGHT, role: "img" });
  const scale = scaleOf(view, series);
  const x = (step) => ROOM.left + ((width - ROOM.left - ROOM.right) * step) / (view.num_steps || 1);
  const y = (nll) => HEIGHT - ROOM.bottom - (HEIGHT - ROOM.top - ROOM.bottom) * scale.place(nll);
  const said = view.steps.length ? series.map(([, key, text]) => `${text.toLowerCase()} ${endsOf(view, key).replace(" → ", " to ")}`) : ["none yet"];
  svg.setAttribute("aria-label", `Losses in nats a token over ${view.steps.length ? view.steps.length - 1 : 0} steps: ${said.join("; ")}`);
  gridOf(svg, view, scale, x, y, width);
  const known = view.steps.flatMap((step) => series.map(([, key]) => step[key])).filter((nll) => nll !== null);
  if (hasGuess(view, known)) {
    svg.append(drawn("line", { class: "vtg-po-guess", x1: ROOM.left, x2: width - ROOM.right, y1: y(view.uniform_nll), y2: y(view.uniform_nll) }));
    svg.append(drawn("text", { class: "vtg-po-mark vtg-po-guess-text", x: width - ROOM.right, y: y(view.uniform_nll) - 5, "text-anchor": "end" }, `blind guess, ${fixed(view.uniform_nll, 2)}`));
  }
  for (const one of series) curve(svg, view, one, x, y);
  if (view.steps.length) pointAt(svg, view, series, x, readout);
  return svg;
};

const legendOf = (view, series) => {
  const list = make("ul", "vtg-po-legend");
  for (const [name, key, text] of series) {
    const [item, sample] = [make("li"), drawn("svg", { class: "vtg-po-sample", width: 28, height: 10, "aria-hidden": "true" })];
    sample.append(drawn("line", { class: `vtg-po-line vtg-po-${name}`, x1: 1, x2: 27, y1: 5, y2: 5 }));
    item.append(sample, make("span", "", text));
    if (view.steps.length) item.append(make("b", "", endsOf(view, key)));
    list.append(item);
  }
  return list;
};

const axisChoice = (drawAgain) => {
  const box = make("fieldset", "vtg-an-metrics vtg-po-axis");
  box.append(make("legend", "", "Axis"));
  for (const [isLog, text] of [[false, "linear"], [true, "logarithmic"]]) {
    const [label, input] = [make("label"), make("input")];
    [input.type, input.name, input.checked, input.dataset.key] = ["radio", "vtg-overfit-axis", chosen.isLog === isLog, `axis-${text}`];
    input.addEventListener("change", () => {
      chosen.isLog = isLog;
      drawAgain();
    });
    label.append(input, text);
    box.append(label);
  }
  return box;
};

const tableFold = (view, series) => {
  const rows = view.steps.map((step) => {
    const row = make("tr");
    row.append(rowTitle(whole(step.step)), ...series.map(([, key, text]) => numberCell(text, nats(step[key]))));
    return row;
  });
  return fold("overfit-steps", "The same figures as a table", [tableOf(["Steps", ...series.map(([, , text]) => text)], rows, "vtg-figures")], { isOpen: false });
};

let latest = null;

const drawView = (root, view) => {
  latest = view;
  if (!view || view.state === "empty") return;
  const drawAgain = () => redraw(root, () => drawView(root, latest));
  const series = seriesOf(view);
  const isRead = view.state === "done";
  const said = make("p", isRead ? "vtg-reading vtg-po-said" : "vtg-file-state vtg-po-said", STATES[view.state](view));
  said.setAttribute("role", "status");
  const head = make("div", "vtg-po-head");
  head.append(legendOf(view, series), axisChoice(drawAgain));
  const readout = make("p", "vtg-muted vtg-po-readout", READOUT);
  root.append(said, make("p", "vtg-muted vtg-scored", view.sample), head, chart(view, series, Math.max(280, root.clientWidth), readout), readout);
  if (!view.steps.length) return;
  root.append(tableFold(view, series));
  for (const text of [view.what, view.restored, view.run]) if (text) root.append(make("p", "vtg-muted vtg-po-note", text));
};

// A chart is as wide as there is room.
const drawAtWidth = (element) => {
  let width = 0;
  new ResizeObserver(([entry]) => {
    const isWider = Math.abs(entry.contentRect.width - width) > 1;
    width = entry.contentRect.width;
    const root = rootOf(element);
    if (isWider && width && latest) redraw(root, () => drawView(root, latest));
  }).observe(element);
};

export default (component) => {
  drawFromValue(component, drawView);
  drawAtWidth(component.element);
};
