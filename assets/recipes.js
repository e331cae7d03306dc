// Other people's ways to mask beside ours; a value is a RecipesView (vtg_core/views/recipes.py).

import { drawByMask } from "./drawing.js";
import { fixed, whole } from "./numbers.js";
import { cell, focusTokens, KIND_NAMES, make, numberCell, openTab, rowTitle, tableOf, textButton } from "./shared.js";
import { get, set } from "./store.js";

const counted = (pairs) => {
  const total = pairs.reduce((sum, [, count]) => sum + count, 0);
  const shown = pairs.map(([kind, count]) => `${KIND_NAMES[kind]} ${whole(count)}`).join(" · ");
  return [total, shown];
};

const difference = (name, pairs, kind) => {
  const [total, shown] = counted(pairs);
  if (!total) return cell(name, make("span", "vtg-muted", "none"));
  return cell(name, make("span", `vtg-token vtg-${kind}`, whole(total)), make("span", "vtg-muted vtg-by-region", shown));
};

const nats = (loss, isScored) => (loss === null && isScored ? "nothing" : fixed(loss, 4));

const [OURS, YOURS] = ["ours", "collator"];

const choose = (name) => {
  set("mask", name);
  if (name === OURS) return;
  openTab("Tokens");
  focusTokens();
};

const recipeName = (name, does) => rowTitle(make("span", "vtg-recipe-name", name), make("span", "vtg-muted", does));

const recipeRow = (recipe, view, mask = recipe.name) => {
  const isChosen = mask === get("mask");
  const row = make("tr", isChosen ? "vtg-chosen" : "");
  const by = make("span", "vtg-muted", recipe.used_by);
  row.append(recipeName(recipe.name, recipe.does), cell("Found in", by));
  if (recipe.num_supervised === null) {
    const reason = cell("", make("span", "vtg-muted", `Not applicable: ${recipe.reason}.`));
    reason.colSpan = 5;
    row.append(reason);
    row.classList.add("vtg-unavailable");
    return row;
  }
  const button = textButton(isChosen ? "Shown" : "Show", () => choose(isChosen ? OURS : mask), "Colour the Tokens tab by agree, leak and hole");
  button.setAttribute("aria-pressed", String(isChosen));
  row.append(
    numberCell("Supervised", make("b", "", whole(recipe.num_supervised))),
    difference("Leaks", recipe.leaks, "leak"),
    difference("Holes", recipe.holes, "hole"),
    numberCell("Loss (nats)", nats(recipe.loss, view.is_scored)),
    cell("Tokens", button),
  );
  return row;
};

const ourRow = (view) => {
  const row = make("tr", "vtg-ours");
  row.append(
    recipeName("ours", "trains the answers and their ends of turn"), cell("Found in", make("span", "vtg-muted", "VTG Lens")),
    numberCell("Supervised", make("b", "", whole(view.num_ours))), cell("Leaks", "–"), cell("Holes", "–"),
    numberCell("Loss (nats)", nats(view.our_loss, view.is_scored)), cell("Tokens"),
  );
  return row;
};

const draw = (root, view) => {
  if (!view || (!view.note && !view.recipes.length)) return;
  root.append(make("h3", "", "Recipes side by side"));
  if (view.note) root.append(make("p", "vtg-muted", view.note));
  if (!view.recipes.length) return;
  root.append(make("p", "vtg-muted", "How public code would mask this very sample. A leak is in its loss and not in ours; a hole is in ours and not in its."));
  const yours = view.yours ? [recipeRow(view.yours, view, YOURS)] : [];
  const names = ["Recipe", "Found in", "Supervised", "Leaks", "Holes", "Loss (nats)", "Tokens"];
  root.append(tableOf(names, [ourRow(view), ...yours, ...view.recipes.map((recipe) => recipeRow(recipe, view))], "vtg-recipes-table"));
};

export default (component) => drawByMask(component, draw);
