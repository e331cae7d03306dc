// Says whose mask a tab speaks of where it cannot follow the one that was chosen; a value is the tab's name.

import { redraw, rootOf } from "./drawing.js";
import { make, textButton } from "./shared.js";
import { get, on, set } from "./store.js";

const OURS = "ours";
const [YOURS, BATCH] = ["collator", "batch"];
const SENTENCES = {
  prompts: (mask) => `What follows is what our collator reads and trains; the prompt of “${mask}” is under Tokens.`,
  loss: (mask) => `The tokens are scored under our own mask; where “${mask}” has a loss of this sample, it stands first.`,
};
const OF_BATCH = {
  prompts: "What follows is what our collator reads and trains of the sample above; the batch's row is under Tokens.",
  loss: "A pass scores the batch's row under its own labels; templates and probes are of the sample above.",
};
const OF_YOURS = {
  prompts: "Your collator's prompt stands beside ours; the cards of all templates are our collator's.",
  loss: "The tokens are those of our own mask; your collator's loss stands beside ours among the figures.",
};

export default ({ element, props }) => {
  const root = rootOf(element);
  root.setAttribute("role", "status");
  const draw = () =>
    redraw(root, () => {
      const mask = get("mask");
      if (mask === OURS) return;
      const back = textButton("Back to ours", () => set("mask", OURS));
      root.append(make("span", "", { [YOURS]: OF_YOURS, [BATCH]: OF_BATCH }[mask]?.[props.value] ?? SENTENCES[props.value](mask)), " ", back);
    });
  on("mask", root, draw);
  draw();
};
