// What is known of the tokens of a row, by index; a value is a TokenView (vtg_core/views/tokens.py). Intervals are
// half-open. Nothing here touches the page.

export const VERDICTS = ["", "agree", "leak", "hole"];
const VIDEO_KINDS = new Set(["video", "timestamp"]);

// Where the last of the sorted numbers stands that is not above `value`; -1 before all of them.
export const lastAtMost = (sorted, value) => {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

// Returns what finds the run [start, end, …] that an index lies in, or null.
export const finderIn = (runs) => {
  const starts = runs.map(([start]) => start);
  return (index) => {
    const at = lastAtMost(starts, index);
    return at >= 0 && index < runs[at][1] ? runs[at] : null;
  };
};

export const readTokens = (view) => {
  const counts = new Map(view.runs);
  const starts = new Int32Array(view.token.length + 1);
  for (let row = 0; row < view.token.length; row += 1) starts[row + 1] = starts[row] + (counts.get(row) ?? 1);
  const rowStarts = starts.subarray(0, view.token.length);
  const ends = [...view.regions.slice(1).map(([, start]) => start), view.num_tokens];
  const regions = view.regions.map(([kind, start], i) => [start, ends[i], view.kinds[kind]]);
  const [regionAt, trainedAt, otherAt, weighedAt] = [regions, view.trained, view.other_labels, view.weights ?? []].map(finderIn);
  const [controls, placeholders, bytes] = [view.controls, view.placeholders, view.bytes].map((list) => new Set(list));
  const rowAt = (index) => lastAtMost(rowStarts, index);
  const numberAt = (index) => view.token[rowAt(index)];
  const model = {
    view, starts, regions, rowAt, numberAt, placeholders,
    length: view.num_tokens,
    texts: new Map(view.texts.map(([row, count, text]) => [row, { count, text }])),
    idAt: (index) => view.ids[numberAt(index)],
    textAt: (index) => view.pieces[numberAt(index)],
    regionAt,
    isTrained: (index) => trainedAt(index) !== null || otherAt(index) !== null,
    otherLabelAt: (index) => otherAt(index)?.[2] ?? null, // which of `ids`
    weightAt: (index) => (view.weights === null || view.weights === undefined ? null : (weighedAt(index)?.[2] ?? 0)), // null where all count alike
    isControl: (index) => controls.has(numberAt(index)),
    isBytes: (index) => bytes.has(numberAt(index)),
  };
  model.patches = patchesOf(model);
  model.patchAt = finderIn(model.patches.map((patch) => [patch.start, patch.end, patch]));
  return model;
};

// What the model sees of the video, step by step in time: {start, end} of all its tokens, {from, to} of its frames from
// 0, {time} in seconds, and where its stamp ends and its pixels stand. None where it cannot be told.
const patchesOf = (model) => {
  const { frames } = model.view;
  const pixels = model.regions.flatMap(([start, end, kind]) => (kind === "video" ? pixelRuns(model, start, end) : []));
  const total = pixels.reduce((sum, [start, end]) => sum + end - start, 0);
  if (!frames || !total || total % frames.num_patches) return [];
  const size = total / frames.num_patches;
  const each = Math.ceil(frames.times.length / frames.num_patches);
  const patches = [];
  let [run, at] = [0, pixels[0][0]];
  for (let number = 0; number < frames.num_patches; number += 1) {
    const start = at;
    let [left, end] = [size, at];
    while (left) {
      const taken = Math.min(left, pixels[run][1] - at);
      [left, at] = [left - taken, at + taken];
      end = at;
      if (at === pixels[run][1] && run + 1 < pixels.length) at = pixels[(run += 1)][0];
    }
    const [from, to] = [number * each, Math.min((number + 1) * each, frames.times.length) - 1];
    const time = from <= to ? (frames.times[from] + frames.times[to]) / 2 : null;
    patches.push({ number, from, to, time, ...withStamp(model, start, end, patches.at(-1)?.end ?? 0) });
  }
  return patches;
};

const pixelRuns = (model, start, end) => {
  const runs = [];
  for (let row = model.rowAt(start); row < model.view.token.length && model.starts[row] < end; row += 1)
    if (model.placeholders.has(model.view.token[row])) runs.push([model.starts[row], model.starts[row + 1]]);
  return runs;
};

// The stamp before the pixels belongs to them, and as many marks behind them as stand between the two.
const withStamp = (model, pixelStart, pixelEnd, least) => {
  const [first, , kind] = model.regionAt(pixelStart);
  const stamp = kind === "video" && first > least ? model.regionAt(first - 1) : null;
  if (stamp?.[2] !== "timestamp" || stamp[0] < least) return { start: pixelStart, end: pixelEnd, stampEnd: pixelStart, pixelStart, pixelEnd };
  return { start: stamp[0], end: pixelEnd + pixelStart - first, stampEnd: first, pixelStart, pixelEnd };
};

// The time that a token stands for, in seconds, or null; and the token that stands for a time.
export const timeAt = (model, index) => model.patchAt(index)?.[2].time ?? null;

export const patchAtTime = (model, time) => {
  let nearest = null;
  for (const patch of model.patches)
    if (patch.time !== null && (nearest === null || Math.abs(patch.time - time) < Math.abs(nearest.time - time))) nearest = patch;
  return nearest;
};

const OWN_ROW = "this mask";

// The verdict runs [start, end, code] that colour a row, and what they say: a recipe's, else the row's own.
export const comparisonOf = (model, recipe) => {
  if (recipe && recipe.num_tokens === model.length) {
    const about = recipe.does ? `${recipe.name} ${recipe.does}, as in ${recipe.used_by}` : "";
    return { name: recipe.name, against: "ours", runs: recipe.runs, about };
  }
  const { verdicts, against } = model.view;
  return verdicts ? { name: OWN_ROW, against, runs: verdicts } : null;
};

export const isAtOdds = (comparison) => comparison !== null && comparison.runs.some(([, , code]) => VERDICTS[code] !== "agree");

// Whose labels stand in a row that is coloured by another mask's verdict, in words; nothing where they are that mask's own.
export const byWhom = (comparison) => (comparison !== null && comparison.name !== OWN_ROW && isAtOdds(comparison) ? ` by ${comparison.against}` : "");

export const isVideo = (kind) => VIDEO_KINDS.has(kind);

// Where the mask changes: in or out of the loss, or from one verdict to another.
export const maskBorders = (model, comparison = null) => {
  const runs = [...model.view.trained, ...model.view.other_labels, ...(comparison?.runs ?? [])];
  const borders = new Set(runs.flatMap(([start, end]) => [start, end]));
  return [...borders].filter((border) => border > 0 && border < model.length).sort((a, b) => a - b);
};

export const nextBorder = (borders, index) => borders[lastAtMost(borders, index) + 1] ?? null;
export const previousBorder = (borders, index) => borders[lastAtMost(borders, index - 1)] ?? null;
