// What the page is about, in one place: every component reads it here, writes it here, and hears of it here. A module
// is loaded once a page, so there is one store however many components import it.

const isText = (value) => typeof value === "string";
const isWhole = (value) => Number.isInteger(value) && value >= 0;
const isSeconds = (value) => Number.isFinite(value) && value >= 0;
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const orNothing = (holds) => (value) => value === null || holds(value);

// From each key to what it holds first, what it may hold in words, and whether a value is that.
const KEYS = {
  sample: [null, "the file's own number of a row, or null", orNothing(isWhole)],
  template: ["", "the name of a template", isText],
  answer: ["", "the name of the form that answers are written in", isText],
  forms: [null, "the answer forms, each with the window on screen written that way, or null", orNothing(isRecord)],
  tab: ["", "the name of the tab that is open", isText],
  parts: [{}, "from a tab to the name of the one within it that is open, empty for the first", isRecord],
  mask: ["ours", "whose mask is shown: ours, collator, batch, or the name of a recipe or a bug", isText],
  selected: [null, "the index of a token, or null", orNothing(isWhole)],
  hovered: [null, "the index of a token, or null", orNothing(isWhole)],
  playhead: [null, "seconds from the video's start, or null", orNothing(isSeconds)],
  colour: ["label", "the name of what tokens are coloured by", isText],
  recipe: [null, "{name, does, used_by, runs, num_tokens} of the recipe whose mask is shown, or null", orNothing(isRecord)],
  found: [null, "{title, regions} of the finding whose tokens are shown, or null", orNothing(isRecord)],
  strip: [null, "the line above the tabs, as the server sent it, or null", orNothing(isRecord)],
  prompts: [[], "the prompts of all templates, each a PromptView (vtg_core/views/samples.py)", Array.isArray],
  pair: [null, "the prompt of a person's own collator beside ours, a PairView, or null", orNothing(isRecord)],
  typed: [null, "the prompt of the template that a person types, a PromptView, or null", orNothing(isRecord)],
  losses: [null, "from each prompt's key to {mean, times}, nats of the templates that were compared, or null", orNothing(isRecord)],
  walk: [null, "{at, num, row, code, title, step, of} of the finding of the file that was opened, or null", orNothing(isRecord)],
  row: [null, "the tokens on screen, as readTokens (tokens.js) returns them, or null", orNothing(isRecord)],
  reason: ["", "why there are no tokens on screen, or empty", isText],
  window: [null, "{start, end} in seconds, as handles of the timeline were moved to, or null", orNothing(isRecord)],
  loss: [null, "{tokens} of the sample's loss, each {index, id, nll, prob, rank, …}, or null", orNothing(isRecord)],
  focus: [null, "tokens where the keyboard is to go on there, or null", orNothing((value) => value === "tokens")],
  film: [null, "{times, frames, width, height, picture} of the frames above the timeline, or null", orNothing(isRecord)],
  max_length: [null, "how many tokens training would keep, or null", orNothing(isWhole)],
  fields: [null, "what stands in the fields of the left side, or null", orNothing(isRecord)],
  uploads: [0, "how many files were uploaded to this page", isWhole],
};

const values = new Map(Object.entries(KEYS).map(([key, [first]]) => [key, first]));
const listeners = new Map(Object.keys(KEYS).map((key) => [key, new Set()]));

const kindOf = (key) => {
  if (!Object.hasOwn(KEYS, key)) throw new TypeError(`a key of the store is one of ${Object.keys(KEYS).join(", ")}; got ${key}`);
  return KEYS[key];
};

export const get = (key) => {
  kindOf(key);
  return values.get(key);
};

// Whoever listens is told after the value has changed, and is not told where it has not.
export const set = (key, value) => {
  const [, kind, holds] = kindOf(key);
  if (!holds(value)) throw new TypeError(`${key} must be ${kind}; got ${JSON.stringify(value)}`);
  if (Object.is(values.get(key), value)) return;
  values.set(key, value);
  for (const one of [...listeners.get(key)]) tell(key, one);
};

// `listener` is told of every change for as long as `element` is in the page.
export const on = (key, element, listener) => {
  kindOf(key);
  listeners.get(key).add({ element, listener });
};

const tell = (key, one) => {
  if (!one.element.isConnected) {
    listeners.get(key).delete(one);
    return;
  }
  try {
    one.listener(values.get(key));
  } catch (error) {
    reportError(error); // and the others are told all the same
  }
};
