// What can be compared of a prompt, as texts; no element is made here.

// What the model reads: a run of one placeholder stands there once.
const readOf = (view) => view.parts.flatMap(({ pieces }) => pieces.map(([text]) => text)).join("");

const messagesOf = (view) => JSON.stringify(view.messages.map(([role, content]) => ({ role, content })), null, 1);

export const KINDS = {
  read: ["as the model reads it", readOf],
  rendered: ["as the chat template wrote it", (view) => view.rendered],
  raw: ["the template's words", (view) => view.raw],
  messages: ["messages", messagesOf],
};

const MODES = { standard: "seconds", temporal_tokens: "temporal tokens" };

const lineOf = (view, name, loss) => ({
  key: view.key, name, answers: MODES[view.mode] ?? view.mode, num_tokens: view.num_tokens, num_video: view.num_video, num_supervised: view.num_supervised,
  mean: loss?.mean ?? null, times: loss?.times ?? null,
  texts: Object.fromEntries(Object.entries(KINDS).map(([kind, [, textOf]]) => [kind, textOf(view)])),
});

// Of a person's own collator no more is known than what the model reads.
const lineOfPair = ({ name, num_tokens, num_supervised, text }) => ({
  key: "collator", name, answers: "", num_tokens, num_video: null, num_supervised, mean: null, times: null,
  texts: { read: text, rendered: null, raw: null, messages: null },
});

const NAMES = { own: () => "the row's own words", typed: ({ name }) => `${name} (yours)` };

// A line for each prompt on the page: those of the table, a person's own template, and what their collator makes of the row.
export const linesOf = ({ prompts, typed, pair, losses }) => {
  const views = typed ? [typed, ...prompts] : prompts;
  const lines = views.map((view) => lineOf(view, NAMES[view.key]?.(view) ?? view.name, losses?.[view.key]));
  return pair ? [lineOfPair(pair.sides[1]), ...lines] : lines;
};

// Two keys to begin with: what was chosen while it is there, a collator or one's own template beside what is on screen, or
// the two first.
export const chosenOf = (lines, [left, right], onScreen) => {
  const keys = lines.map(({ key }) => key);
  const first = keys.includes(left) ? left : keys.includes(onScreen) ? onScreen : keys[0];
  const others = ["collator", "typed", ...keys].filter((key) => key !== first && keys.includes(key));
  return [first, keys.includes(right) ? right : others[0] ?? first];
};
