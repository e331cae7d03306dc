// The tokens of one row; a value is a TokenView (vtg_core/views/samples.py), or {"reason"} where there is none.
// Colour says what the loss sees (labels); the legend and the hint say why (regions).

import { drawFromValue, rootOf } from "./drawing.js";
import { percent, whole } from "./numbers.js";
import { focusTokens, KIND_NAMES, make, showWhitespace, textButton } from "./shared.js";
import { get, on, set } from "./store.js";

const IGNORED = -100;
const VERDICTS = ["", "agree", "leak", "hole"];
const MEANINGS = { agree: "both train it", leak: "it trains this, ours does not", hole: "ours trains this, it does not" };

const hint = (view, row, verdict, recipe) => {
  const [index, count] = [view.index[row], view.count[row]];
  const where = count > 1 ? `${whole(index)} to ${whole(index + count - 1)}` : whole(index);
  const label = view.label[row] === IGNORED ? `${IGNORED}: not in the loss` : `${view.label[row]}: in the loss`;
  const other = view.label_piece[row] < 0 ? "" : `, and it is another token: ${view.pieces[view.label_piece[row]]}`;
  const compared = verdict ? `\n${recipe.name}: ${verdict}, ${MEANINGS[verdict]}` : "";
  return `index ${where}\nid ${view.id[row]}\nregion ${KIND_NAMES[view.kinds[view.kind[row]]]}\nlabel ${label}${other}${compared}`;
};

const token = (view, row, verdict, recipe) => {
  const text = showWhitespace(view.pieces[view.piece[row]]);
  const count = view.count[row];
  const supervised = view.label[row] !== IGNORED;
  const kind = view.kinds[view.kind[row]];
  const classes = ["vtg-token", `vtg-kind-${kind}`, supervised ? "vtg-supervised" : "vtg-masked"];
  if (view.is_control[row]) classes.push("vtg-control");
  if (count > 1) classes.push("vtg-run");
  if (view.label_piece[row] >= 0) classes.push("vtg-other-label");
  if (verdict) classes.push(`vtg-${verdict}`);
  const node = make("span", classes.join(" "), text);
  if (count > 1) node.append(make("b", "", ` × ${whole(count)}`));
  if (view.label_piece[row] >= 0) node.append(make("small", "", ` → ${showWhitespace(view.pieces[view.label_piece[row]])}`));
  node.title = hint(view, row, verdict, recipe);
  node.dataset.row = row;
  node.dataset.index = view.index[row];
  node.dataset.end = view.index[row] + count;
  return node;
};

// A run of tokens is cut where a recipe changes its mind within it, or a finding begins or ends.
const splitAt = (view, borders) => {
  const columns = ["piece", "kind", "index", "count", "id", "label", "label_piece", "is_control"];
  const split = { ...view, ...Object.fromEntries(columns.map((name) => [name, []])) };
  let next = 0;
  for (let row = 0; row < view.index.length; row += 1) {
    let [start, end] = [view.index[row], view.index[row] + view.count[row]];
    while (start < end) {
      while (next < borders.length && borders[next] <= start) next += 1;
      const stop = Math.min(end, borders[next] ?? end);
      for (const name of columns) split[name].push(view[name][row]);
      split.index[split.index.length - 1] = start;
      split.count[split.count.length - 1] = stop - start;
      start = stop;
    }
  }
  return split;
};

const recipeOf = (view) => {
  const recipe = get("recipe");
  const total = view.count.reduce((sum, count) => sum + count, 0);
  return recipe && recipe.num_tokens === total ? recipe : null;
};

const ownSummary = (view) => {
  const [all, inLoss] = Object.values(view.totals).reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
  const share = percent(inLoss / all, inLoss / all < 0.1 ? 2 : 0);
  return [
    make("span", "vtg-token vtg-supervised", "in the loss"), make("b", "", ` ${whole(inLoss)} `),
    make("span", "vtg-token vtg-masked", "not in the loss"), make("b", "", ` ${whole(all - inLoss)} `),
    make("span", "vtg-muted", `${share} of ${whole(all)} tokens are trained`),
  ];
};

const recipeSummary = (recipe) => {
  const counts = { agree: 0, leak: 0, hole: 0 };
  for (const [start, end, code] of recipe.runs) counts[VERDICTS[code]] += end - start;
  const nodes = [make("b", "", `${recipe.name} against ours`)];
  for (const [verdict, count] of Object.entries(counts)) {
    const item = make("span", `vtg-token vtg-${verdict === "leak" ? "masked" : "supervised"} vtg-${verdict}`, verdict);
    item.title = MEANINGS[verdict];
    nodes.push(item, make("b", "", ` ${whole(count)} `));
  }
  const back = () => {
    set("mask", "ours");
    focusTokens();
  };
  return [...nodes, textButton("Back to ours", back)];
};

const legend = (view, recipe) => {
  const box = make("div", "vtg-legend");
  const summary = make("p", "vtg-counts");
  summary.append(...(recipe ? recipeSummary(recipe) : ownSummary(view)));
  const regions = make("ul", "vtg-regions");
  regions.setAttribute("aria-label", "Regions: why a token is, or is not, in the loss");
  for (const [kind, [total, supervised]] of Object.entries(view.totals)) {
    const item = make("li");
    item.append(make("span", `vtg-swatch vtg-kind-${kind}`), `${KIND_NAMES[kind]} `, make("b", "", whole(total)));
    if (supervised) item.append(make("span", "vtg-in-loss", ` · ${whole(supervised)} in the loss`));
    regions.append(item);
  }
  box.append(summary, regions);
  return box;
};

const showAnswer = (flow) =>
  textButton("Show the trained tokens", () => {
    flow.querySelector(".vtg-supervised")?.scrollIntoView({ block: "center" });
  });

const overlaps = (node, regions) =>
  regions.some(([start, end]) => Number(node.dataset.index) < end && start < Number(node.dataset.end));

// Mark the tokens that a finding speaks of, and bring the first one into view.
const mark = (root) => {
  const found = get("found");
  const flow = root.querySelector(".vtg-flow");
  if (!flow || !found) return;
  const nodes = [...flow.querySelectorAll("[data-row]")].filter((node) => overlaps(node, found.regions));
  for (const node of nodes) node.classList.add("vtg-found");
  const line = make("p", "vtg-marked");
  const clear = () => {
    set("found", null);
    focusTokens();
  };
  line.append(make("span", "vtg-found vtg-token", "outlined"), ` ${found.title} `, textButton("Clear", clear));
  flow.before(line);
  nodes[0]?.scrollIntoView({ block: "center" });
};

const draw = (root, shown) => {
  const scrolled = root.querySelector(".vtg-flow")?.scrollTop ?? 0;
  root.replaceChildren();
  if (!shown) return;
  if (shown.reason) {
    root.append(make("p", "vtg-no-audit", shown.reason));
    return;
  }
  const recipe = recipeOf(shown);
  const runs = recipe ? recipe.runs : [];
  const borders = [...runs, ...(get("found")?.regions ?? [])].flatMap(([start, end]) => [start, end]);
  const view = borders.length ? splitAt(shown, borders.sort((a, b) => a - b)) : shown;
  const flow = make("div", "vtg-flow");
  flow.tabIndex = 0;
  flow.setAttribute("role", "group");
  flow.setAttribute("aria-label", "Tokens in order; point at one for its index, id, region and label");
  let run = 0;
  for (let row = 0; row < view.index.length; row += 1) {
    while (run < runs.length && runs[run][1] <= view.index[row]) run += 1;
    const code = run < runs.length && runs[run][0] <= view.index[row] ? runs[run][2] : 0;
    flow.append(token(view, row, VERDICTS[code], recipe), make("wbr"));
  }
  const key = legend(view, recipe);
  key.firstElementChild.append(showAnswer(flow));
  root.append(key, flow);
  flow.scrollTop = scrolled;
  mark(root);
};

// A tab is built when it is first opened: who asked for the keyboard to go on here may have asked before.
const takeFocus = (root) => {
  if (get("focus") !== "tokens") return;
  set("focus", null);
  root.querySelector(".vtg-flow")?.focus({ preventScroll: true });
};

export default (component) => {
  const root = rootOf(component.element);
  let shown = null;
  drawFromValue(component, (_, view) => {
    shown = view;
    draw(root, view);
    takeFocus(root);
  });
  on("focus", root, () => takeFocus(root));
  for (const key of ["recipe", "found"]) on(key, root, () => draw(root, shown));
};
