// What the model answered, beside the truth; a value is an AnswerView (vtg_core/views/probes.py).

import { drawFromValue } from "./drawing.js";
import { fixed, percentOrTiny, seconds } from "./numbers.js";
import { make, showWhitespace } from "./shared.js";

const inWords = (windows) => windows.map(([start, end]) => `${fixed(start, 1)} to ${seconds(end)}`).join(", ") || "no window";

// Ticks at a round distance, as many as there is room for.
const ticksOf = (duration) => {
  const most = matchMedia("(max-width: 40rem)").matches ? 3 : 6;
  const step = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600].find((size) => duration / size <= most) ?? duration;
  return Array.from({ length: Math.floor(duration / step + 1e-9) + 1 }, (_, number) => number * step);
};

const lane = (view, name, text) => {
  const track = make("div", "vtg-pa-track");
  for (const [start, end] of view[name]) {
    const bar = make("span", `vtg-pa-window vtg-pa-${name}`);
    bar.style.left = `${(100 * start) / view.duration}%`;
    bar.style.width = `${(100 * (end - start)) / view.duration}%`;
    bar.title = `${text}: ${fixed(start, 1)} to ${seconds(end)}`;
    track.append(bar);
  }
  if (!view[name].length) track.append(make("span", "vtg-muted vtg-pa-none", "no window to show"));
  return [make("span", "vtg-pa-label", text), track];
};

// How likely each part of the video was in the place of a time: the likeliest is full, and each says its share.
const heatLane = ({ name, text, cells }, duration) => {
  const track = make("div", "vtg-pa-track vtg-pa-heat");
  const most = Math.max(...cells);
  for (const [index, share] of cells.entries()) {
    const cell = make("span", "vtg-pa-cell");
    cell.style.opacity = most > 0 ? share / most : 0;
    cell.title = `${name} at ${fixed((index * duration) / cells.length, 1)} to ${seconds(((index + 1) * duration) / cells.length)}: ${percentOrTiny(share)}`;
    track.append(cell);
  }
  track.append(make("span", "vtg-pa-sure", text));
  return [make("span", "vtg-pa-label", name), track];
};

const framesLane = (view) => {
  const track = make("div", "vtg-pa-track vtg-pa-frames");
  for (const time of view.frame_times) {
    const tick = make("span", "vtg-pa-frame");
    tick.style.left = `${(100 * time) / view.duration}%`;
    track.append(tick);
  }
  return [make("span", "vtg-pa-label vtg-muted", "Frames"), track];
};

const axis = (view) => {
  const track = make("div", "vtg-pa-axis");
  for (const time of ticksOf(view.duration)) {
    const at = (100 * time) / view.duration;
    const tick = make("span", at > 95 ? "vtg-pa-tick vtg-pa-last" : "vtg-pa-tick", at === 0 ? "0" : `${time} s`);
    tick.style.left = `${at}%`;
    track.append(tick);
  }
  return [make("span"), track];
};

const timeline = (view) => {
  const box = make("div", "vtg-pa-timeline");
  [box.role, box.ariaLabel] = ["img", `Over the video's ${seconds(view.duration)}: the truth is ${inWords(view.truth)}; the model says ${inWords(view.answer)}`];
  box.append(...lane(view, "truth", "Truth"), ...lane(view, "answer", "Model"), ...view.heat.flatMap((heat) => heatLane(heat, view.duration)), ...framesLane(view), ...axis(view));
  return box;
};

const factsOf = (view) => {
  const list = make("dl", "vtg-pa-facts");
  const written = make("code", "vtg-pa-text", showWhitespace(view.text) || "(nothing)");
  const facts = [
    ["It wrote", written], ["It is taught", make("code", "vtg-pa-text", showWhitespace(view.taught))],
    ["Read as", view.parsed], ["End of turn", view.ended], ["IoU with the truth", view.iou === null ? "–, as no window was read" : fixed(view.iou, 3)],
  ];
  for (const [name, content] of facts) {
    const value = make("dd");
    value.append(content);
    list.append(make("dt", "", name), value);
  }
  return list;
};

const draw = (root, view) => {
  if (!view) return;
  root.append(
    make("p", "vtg-reading", view.reading), ...(view.certainty ? [make("p", "vtg-pa-certainty", view.certainty)] : []),
    make("p", "vtg-muted vtg-scored", view.sample), timeline(view), factsOf(view),
    make("p", "vtg-muted vtg-loss-run", view.run),
  );
};

export default (component) => drawFromValue(component, draw);
