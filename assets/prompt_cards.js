// The prompts of all templates, a card each; a value is a list of PromptView (vtg_core/views/samples.py).

import { drawFromValue } from "./drawing.js";
import { whole } from "./numbers.js";
import { copyButton, KIND_NAMES, make } from "./shared.js";
import { set } from "./store.js";

// Every character stands here, a run of one placeholder as the placeholder and its number.
export const textOf = (pieces) => {
  const node = make("span");
  for (const [text, count] of pieces) {
    node.append(text);
    if (count > 1) node.append(make("b", "", `×${whole(count)}`));
  }
  return node;
};

const stampsOf = (view) => {
  const [first, last] = [view.first_stamp, view.last_stamp].map((stamp) => stamp.replaceAll(" ", "\u00a0"));
  if (!view.num_stamps) return "";
  return view.num_stamps === 1 ? ` · one time stamp, ${first}` : ` · ${whole(view.num_stamps)} time stamps, ${first} → ${last}`;
};

// What a video stands for is written when it is opened: it may be hundreds of frames, in every one of the cards.
const videoPart = (view) => {
  const box = make("details", "vtg-part vtg-kind-video");
  box.append(make("summary", "", `video · ${whole(view.num_tokens)} tokens${stampsOf(view)}`));
  box.addEventListener("toggle", () => box.append(textOf(view.pieces)), { once: true });
  return box;
};

export const part = (view) => {
  if (view.kind === "video") return videoPart(view);
  const node = textOf(view.pieces);
  node.dir = "auto"; // a prompt may run from right to left, and what the chat template writes around it does not
  node.className = `vtg-part vtg-kind-${view.kind}${view.num_supervised ? " vtg-supervised" : ""}`;
  node.title = `${KIND_NAMES[view.kind]} · ${whole(view.num_tokens)} tokens, ${whole(view.num_supervised)} in the loss`;
  return node;
};

const OWN = "own"; // the key of a row's own words
const TITLES = { standard: "Answers in seconds", temporal_tokens: "Answers in temporal tokens" };
const NAMES = { standard: "seconds", temporal_tokens: "temporal tokens" };

const titleOf = (view) => (view.key === OWN ? "As the file has it" : TITLES[view.mode] ?? `Answers as ${view.mode}`);
const nameOf = (view) => (view.key === OWN ? "the row's own words" : view.name);

const card = (view) => {
  const node = make("article", "vtg-card");
  const head = make("header");
  head.append(make("h4", "", nameOf(view)), make("span", "vtg-muted", NAMES[view.mode] ?? view.mode), copyButton("Copy", () => view.rendered, "Copy what the chat template wrote, each video one placeholder"));
  const counts = make("p", "vtg-counts");
  for (const [name, count] of [["tokens", view.num_tokens], ["video and stamps", view.num_video], ["supervised", view.num_supervised]]) {
    const item = make("span");
    item.append(make("b", "", whole(count)), ` ${name}`);
    counts.append(item);
  }
  const prompt = make("div", "vtg-prompt");
  prompt.append(...view.parts.map(part));
  node.append(head, counts, prompt);
  return node;
};

const draw = (root, views) => {
  set("prompts", views ?? []);
  if (!views) return;
  for (const title of new Set(views.map(titleOf))) {
    const chosen = views.filter((view) => titleOf(view) === title);
    const grid = make("div", "vtg-cards");
    grid.append(...chosen.map(card));
    const count = `${chosen.length} template${chosen.length === 1 ? "" : "s"}`;
    root.append(make("h3", "", chosen[0].key === OWN ? title : `${title} · ${count}`), grid);
  }
};

export default (component) => drawFromValue(component, draw);
