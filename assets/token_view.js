// The tokens of one sample; a value is a TokenView (vtg_core/views.py).
// Colour says what the loss sees (labels); the legend and the hint say why (regions).

const IGNORED = -100;

const hint = (view, row) => {
  const [index, count] = [view.index[row], view.count[row]];
  const where = count > 1 ? `${whole(index)} to ${whole(index + count - 1)}` : whole(index);
  const label = view.label[row] === IGNORED ? `${IGNORED}: not in the loss` : `${view.label[row]}: in the loss`;
  return `index ${where}\nid ${view.id[row]}\nregion ${KIND_NAMES[view.kinds[view.kind[row]]]}\nlabel ${label}`;
};

const token = (view, row) => {
  const text = showWhitespace(view.pieces[view.piece[row]]);
  const count = view.count[row];
  const supervised = view.label[row] !== IGNORED;
  const kind = view.kinds[view.kind[row]];
  const classes = ["vtg-token", `vtg-kind-${kind}`, supervised ? "vtg-supervised" : "vtg-masked"];
  if (view.is_control[row]) classes.push("vtg-control");
  if (count > 1) classes.push("vtg-run");
  const node = make("span", classes.join(" "), text);
  if (count > 1) node.append(make("b", "", ` × ${whole(count)}`));
  node.title = hint(view, row);
  node.dataset.row = row;
  return node;
};

const legend = (view) => {
  const box = make("div", "vtg-legend");
  const [all, inLoss] = Object.values(view.totals).reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
  const share = ((100 * inLoss) / all).toFixed(inLoss / all < 0.1 ? 2 : 0);
  const summary = make("p", "vtg-counts");
  summary.append(
    make("span", "vtg-token vtg-supervised", "in the loss"), make("b", "", ` ${whole(inLoss)} `),
    make("span", "vtg-token vtg-masked", "not in the loss"), make("b", "", ` ${whole(all - inLoss)} `),
    make("span", "vtg-muted", `${share} % of ${whole(all)} tokens are trained`),
  );
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

const showAnswer = (flow) => {
  const button = make("button", "vtg-button", "Show the trained tokens");
  button.type = "button";
  button.addEventListener("click", () => {
    flow.querySelector(".vtg-supervised")?.scrollIntoView({ block: "center" });
  });
  return button;
};

drawFromValue((root, view) => {
  if (!view) return;
  const flow = make("div", "vtg-flow");
  flow.tabIndex = 0;
  flow.setAttribute("role", "group");
  flow.setAttribute("aria-label", "Tokens in order; point at one for its index, id, region and label");
  for (let row = 0; row < view.index.length; row += 1) flow.append(token(view, row), make("wbr"));
  const key = legend(view);
  key.firstElementChild.append(showAnswer(flow));
  root.append(key, flow);
});
