// The prompt that a person's own collator made beside ours; a value is a PairView (vtg_core/views/recipes.py).

import { drawFromValue } from "./drawing.js";
import { whole } from "./numbers.js";
import { part, textOf } from "./prompt_cards.js";
import { copyButton, make } from "./shared.js";
import { set } from "./store.js";

const video = (view) => {
  const box = make("details", "vtg-part vtg-kind-video");
  box.append(make("summary", "", `video · ${whole(view.num_tokens)} tokens`));
  box.addEventListener("toggle", () => box.append(textOf(view.pieces)), { once: true });
  return box;
};

// What should not be in the loss is never of the colour of what should. What only one of the two has is marked, and said
// to whoever cannot see the mark.
const marked = (view) => {
  const node = view.kind === "video" ? video(view) : part(view);
  if (view.fault) {
    node.classList.remove("vtg-supervised");
    node.classList.add(`vtg-part-${view.fault}`);
    node.title = `${view.fault} · ${node.title || "video"}`;
  }
  if (!view.is_other) return node;
  const box = make("ins", "vtg-other");
  box.ariaLabel = "differs";
  box.append(node);
  return box;
};

const card = (side) => {
  const [node, head, prompt] = [make("article", "vtg-card"), make("header"), make("div", "vtg-prompt")];
  head.append(make("h4", "", side.name), copyButton("Copy", () => side.text, "Copy what the model reads, each run of one placeholder as one"));
  prompt.append(...side.parts.map(marked));
  const counts = make("p", "vtg-counts", `${whole(side.num_tokens)} tokens · ${whole(side.num_supervised)} supervised`);
  node.append(head, counts, prompt);
  return node;
};

const draw = (root, view) => {
  set("pair", view);
  if (!view) return;
  const grid = make("div", "vtg-cards vtg-pair");
  grid.append(...view.sides.map(card));
  root.append(make("h3", "", "Your collator's prompt beside ours"), make("p", "vtg-muted", view.said), grid);
};

export default (component) => drawFromValue(component, draw);
