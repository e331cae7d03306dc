// The whole row as one strip: its regions, and under them what the mask trains. A long video is drawn narrower than its
// tokens are many, so that the text is seen beside it.

import { percent, whole } from "./numbers.js";
import { KIND_NAMES, make } from "./shared.js";
import { get, on, set } from "./store.js";
import { byWhom, comparisonOf, isAtOdds, isVideo, lastAtMost, VERDICTS } from "./tokens.js";

const VIDEO_SHARE = 0.5;
const THINNEST = 0.0008; // of the strip's width: what is closer than this is drawn as one

// Runs [start, end, kind] of what is drawn as one: a video with all its frames and stamps is.
export const sectionsOf = (regions) => {
  const sections = [];
  for (const [start, end, kind] of regions) {
    const [last, own] = [sections.at(-1), isVideo(kind) ? "video" : kind];
    if (own === "video" && last?.[2] === "video") last[1] = end;
    else sections.push([start, end, own]);
  }
  return sections;
};

// From a token to its place, 0 to 1, and back.
export const scaleOf = (sections) => {
  const isWide = ([, , kind]) => kind === "video" || kind === "padding";
  const count = (list) => list.reduce((sum, [start, end]) => sum + end - start, 0);
  const [wide, all] = [count(sections.filter(isWide)), count(sections)];
  const isSqueezed = wide > VIDEO_SHARE * all && wide < all;
  const places = [0];
  for (const section of sections) {
    const share = count([section]);
    const width = !isSqueezed ? share / all : isWide(section) ? (VIDEO_SHARE * share) / wide : ((1 - VIDEO_SHARE) * share) / (all - wide);
    places.push(places.at(-1) + width);
  }
  const starts = sections.map(([start]) => start);
  const at = (index) => {
    const i = Math.max(0, Math.min(lastAtMost(starts, index), sections.length - 1));
    const [start, end] = sections[i];
    return places[i] + ((places[i + 1] - places[i]) * (index - start)) / (end - start);
  };
  const indexAt = (place) => {
    const i = Math.max(0, Math.min(lastAtMost(places, place), sections.length - 1));
    const [start, end] = sections[i];
    return Math.max(start, Math.min(end - 1, start + Math.floor(((place - places[i]) / (places[i + 1] - places[i])) * (end - start))));
  };
  return { at, indexAt, isSqueezed };
};

// What the mask does, as runs [start, end, name]; neighbours too close to be told apart are one.
export const maskRuns = (model, comparison, scale) => {
  const runs = isAtOdds(comparison)
    ? comparison.runs.map(([start, end, code]) => [start, end, VERDICTS[code]])
    : [...model.view.trained, ...model.view.other_labels].map(([start, end]) => [start, end, "trained"]).sort((a, b) => a[0] - b[0]);
  const drawn = [];
  for (const [start, end, name] of runs) {
    const last = drawn.at(-1);
    if (last?.[2] === name && scale.at(start) - scale.at(last[1]) < THINNEST) last[1] = end;
    else drawn.push([start, end, name]);
  }
  return drawn;
};

// How many tokens training keeps: what came with the row, or else what a person asks for.
export const mostOf = (model, asked) => model.view.max_length ?? asked ?? Infinity;

// How many tokens of the loss stand at `from` or behind it.
export const numTrainedFrom = (model, from) =>
  [...model.view.trained, ...model.view.other_labels].reduce((sum, [start, end]) => sum + Math.max(0, end - Math.max(start, from)), 0);

const place = (node, scale, start, end) => {
  node.style.left = `${100 * scale.at(start)}%`;
  node.style.width = `${100 * ((end >= scale.length ? 1 : scale.at(end)) - scale.at(start))}%`;
  return node;
};

const describe = (model, comparison, scale) => {
  const inLoss = Object.values(model.view.totals).reduce((sum, [, own]) => sum + own, 0);
  const parts = [`${whole(model.length)} tokens`, `${whole(inLoss)} in the loss${byWhom(comparison)} (${percent(inLoss / model.length, 2)})`];
  if (isAtOdds(comparison))
    for (const name of ["leak", "hole"]) {
      const count = comparison.runs.reduce((sum, [start, end, code]) => sum + (VERDICTS[code] === name ? end - start : 0), 0);
      parts.push(`${name} ${whole(count)}`);
    }
  const most = mostOf(model, get("max_length"));
  if (most < model.length) parts.push(`max_length cuts ${whole(model.length - most)}, ${whole(numTrainedFrom(model, most))} of them in the loss`);
  if (scale.isSqueezed) parts.push("video drawn narrower");
  return parts.join(" · ");
};

// `tools` stand beside the words below the strip.
export const sequenceBar = (root, toolsOf = () => []) => {
  const [box, strip, regions, mask] = ["vtg-bar", "vtg-bar-strip", "vtg-bar-regions", "vtg-bar-mask"].map((name) => make("div", name));
  const [hovered, selected] = [make("div", "vtg-mark vtg-mark-hovered"), make("div", "vtg-mark vtg-mark-selected")];
  const about = make("p", "vtg-muted vtg-bar-about");
  Object.assign(strip, { role: "slider", tabIndex: 0, ariaLabel: "The whole row; arrows move the chosen token", ariaValueMin: "0" });
  strip.append(regions, mask, hovered, selected);
  const line = make("div", "vtg-bar-line");
  line.append(about, ...toolsOf(box));
  box.append(strip, line);
  let [model, scale] = [null, null];

  const mark = (node, index) => {
    node.hidden = model === null || index === null || index >= model.length;
    if (!node.hidden) node.style.left = `${100 * scale.at(index)}%`;
  };
  const markSelected = () => {
    const index = get("selected");
    mark(selected, index);
    if (model === null) return;
    const own = Math.min(index ?? 0, model.length - 1);
    strip.ariaValueNow = String(own);
    strip.ariaValueText = index === null ? "no token chosen" : `token ${whole(own)}, ${KIND_NAMES[model.regionAt(own)[2]]}, ${model.isTrained(own) ? "in the loss" : "not in the loss"}`;
  };
  const draw = () => {
    model = get("row");
    box.hidden = model === null;
    regions.replaceChildren();
    mask.replaceChildren();
    if (model === null) return;
    const sections = sectionsOf(model.regions);
    scale = { ...scaleOf(sections), length: model.length };
    const comparison = comparisonOf(model, get("recipe"));
    for (const [start, end, kind] of sections) {
      const section = place(make("div", `vtg-bar-section vtg-kind-${kind}`), scale, start, end);
      section.append(make("span", "", KIND_NAMES[kind]));
      regions.append(section);
    }
    for (const [start, end, name] of maskRuns(model, comparison, scale)) mask.append(place(make("div", `vtg-bar-run vtg-bar-${name}`), scale, start, end));
    const most = mostOf(model, get("max_length"));
    if (most < model.length) mask.append(place(make("div", "vtg-bar-cut"), scale, most, model.length));
    strip.ariaValueMax = String(model.length - 1);
    about.textContent = describe(model, comparison, scale);
    mark(hovered, get("hovered"));
    markSelected();
  };
  const indexOf = (event) => {
    const { left, width } = strip.getBoundingClientRect();
    return scale.indexAt(Math.max(0, Math.min((event.clientX - left) / width, 1 - 1e-9)));
  };
  strip.addEventListener("pointermove", (event) => model && set("hovered", indexOf(event)));
  strip.addEventListener("pointerleave", () => set("hovered", null));
  strip.addEventListener("click", (event) => model && set("selected", indexOf(event)));
  strip.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 100, PageDown: -100 }[event.key];
    const to = { Home: 0, End: Infinity }[event.key] ?? (step ? (get("selected") ?? -1) + step : null);
    if (to === null || model === null) return;
    event.preventDefault();
    set("selected", Math.max(0, Math.min(to, model.length - 1)));
  });
  on("row", root, draw);
  on("recipe", root, draw);
  on("max_length", root, draw);
  on("hovered", root, (index) => mark(hovered, index));
  on("selected", root, markSelected);
  draw();
  return box;
};
