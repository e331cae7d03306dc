// What the token flow shows, in order: tokens, and what stands for several of them until it is opened. Nothing is
// gathered across a change of label, region or verdict, but that a frame is shown with its own stamp.

import { lastAtMost } from "./tokens.js";

// An item is {type, start, end}: a "token"; a "run" of one placeholder, or of padding; a "block", which is a frame with its
// stamp; or "glyph", tokens that are whole characters only together. `cuts` are further places that nothing goes across.
export const itemsOf = (model, { opened = new Set(), cuts = [] } = {}) => {
  const own = [...model.view.trained, ...model.view.other_labels].flatMap(([start, end]) => [start, end]);
  const borders = [...new Set([...own, ...cuts])].sort((a, b) => a - b);
  const isWhole = (start, end) => (borders[lastAtMost(borders, start) + 1] ?? Infinity) >= end;
  const edges = [...new Set([...borders, ...model.patches.flatMap(({ start, pixelStart, pixelEnd, end }) => [start, pixelStart, pixelEnd, end])])].sort((a, b) => a - b);
  const items = [];
  let [at, patch, edge] = [0, 0, 0];
  while (at < model.length) {
    while (patch < model.patches.length && model.patches[patch].start < at) patch += 1;
    while (edge < edges.length && edges[edge] <= at) edge += 1;
    const block = model.patches[patch];
    const row = model.rowAt(at);
    const stop = Math.min(model.starts[row + 1], edges[edge] ?? Infinity);
    const glyph = model.texts.get(row);
    if (block?.start === at && isWhole(at, block.end) && !opened.has(keyOf("block", at))) items.push({ type: "block", start: at, end: block.end, patch: block });
    else if (stop - at > 1 && !opened.has(keyOf("run", at))) items.push({ type: "run", start: at, end: stop });
    else if (stop - at > 1) for (let index = at; index < stop; index += 1) items.push({ type: "token", start: index, end: index + 1, of: keyOf("run", at) });
    else if (glyph && isWhole(at, at + glyph.count) && !opened.has(keyOf("glyph", at))) items.push({ type: "glyph", start: at, end: at + glyph.count, text: glyph.text });
    else items.push({ type: "token", start: at, end: at + 1 });
    at = Math.max(items.at(-1).end, at + 1);
  }
  return items;
};

const keyOf = (type, start) => `${type} ${start}`;

// Open what stands for several tokens, or shut what a token was opened from; a new set, or null where there is neither.
export const toggled = (model, opened, item) => {
  const next = new Set(opened);
  if (item.type !== "token") {
    next.add(keyOf(item.type, item.start));
    if (item.type === "block" && item.patch.pixelStart === item.start && item.patch.pixelEnd === item.end) next.add(keyOf("run", item.start)); // it is nothing but a run
    return next;
  }
  const shut = closerOf(model, opened, item);
  if (!shut) return null;
  next.delete(shut);
  const patch = model.patchAt(item.start)?.[2];
  if (patch && shut === keyOf("run", patch.start)) next.delete(keyOf("block", patch.start));
  return next;
};

const closerOf = (model, opened, item) => {
  if (item.of) return item.of;
  const patch = model.patchAt(item.start)?.[2];
  if (patch && opened.has(keyOf("block", patch.start))) return keyOf("block", patch.start);
  for (let row = model.rowAt(item.start), back = 0; row >= 0 && back < 8; row -= 1, back += 1) {
    const key = keyOf("glyph", model.starts[row]);
    if (opened.has(key) && item.start < model.starts[row] + model.texts.get(row).count) return key;
  }
  return null;
};

// All frames open, so that their stamps can be read.
export const allBlocks = (model) => new Set(model.patches.map(({ start }) => keyOf("block", start)));

// Where each line begins among the items: as many as fit, and a new line behind a line break.
export const layLines = (items, { widthOf, breaksAfter, width }) => {
  const lines = [];
  let left = -1;
  for (let i = 0; i < items.length; i += 1) {
    const own = widthOf(items[i]);
    if (left < own) {
      lines.push(i);
      left = width;
    }
    left = breaksAfter(items[i]) ? -1 : Math.max(0, left - own);
  }
  return lines;
};

// Which item an index lies in.
export const itemAt = (items, index) => {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].start <= index) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};
