// Other people's ways to mask beside ours; a value is a RecipesView (vtg_core/views/recipes.py).

let chosen = "";

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

const nats = (loss, isScored) => (loss === null ? (isScored ? "nothing" : "–") : loss.toFixed(4));

const recipeName = (name, does) => rowTitle(make("span", "vtg-recipe-name", name), make("span", "vtg-muted", does));

const recipeRow = (recipe, view, choose) => {
  const row = make("tr", recipe.name === chosen ? "vtg-chosen" : "");
  const by = make("span", "vtg-muted", recipe.used_by);
  row.append(recipeName(recipe.name, recipe.does), cell("Found in", by));
  if (recipe.num_supervised === null) {
    const reason = cell("", make("span", "vtg-muted", `Not applicable: ${recipe.reason}.`));
    reason.colSpan = 5;
    row.append(reason);
    row.classList.add("vtg-unavailable");
    return row;
  }
  const isChosen = recipe.name === chosen;
  const button = textButton(isChosen ? "Shown" : "Show", () => choose(isChosen ? "" : recipe.name), "Colour the Tokens tab by agree, leak and hole");
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

const tell = (view) => {
  const recipe = view?.recipes.find((one) => one.name === chosen && one.num_supervised !== null);
  globalThis.vtgRecipe = recipe ? { name: recipe.name, runs: recipe.runs, num_tokens: view.num_tokens } : null;
  announce("vtg-recipe");
};

const draw = (root, view) => {
  root.replaceChildren();
  if (!view || (!view.note && !view.recipes.length)) return;
  root.append(make("h3", "", "Recipes side by side"));
  if (view.note) root.append(make("p", "vtg-muted", view.note));
  if (!view.recipes.length) return;
  root.append(make("p", "vtg-muted", "How public code would mask this very sample. A leak is in its loss and not in ours; a hole is in ours and not in its."));
  const choose = (name) => {
    chosen = name;
    draw(root, view);
    tell(view);
    if (!name) return;
    openTab("Tokens");
    focusTokens();
  };
  const names = ["Recipe", "Found in", "Supervised", "Leaks", "Holes", "Loss (nats)", "Tokens"];
  root.append(tableOf(names, [ourRow(view), ...view.recipes.map((recipe) => recipeRow(recipe, view, choose))], "vtg-recipes-table"));
};

let shownView = null;
drawFromValue((root, view) => {
  shownView = view;
  draw(root, view);
  tell(view);
});

document.addEventListener("vtg-ours", () => {
  chosen = "";
  draw(element.firstElementChild ?? element, shownView);
  tell(shownView);
  focusTokens();
});
