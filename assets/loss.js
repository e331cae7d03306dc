// One sample's loss; a value is a LossView (vtg_core/loss_views.py).

const nats = (number, digits = 4) => (number === null ? "–" : number.toFixed(digits));
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const tiny = (number) => (number === 0 ? "0" : number.toExponential(1));
const likely = (prob) => (prob >= 0.001 ? prob.toFixed(4) : prob.toExponential(1));
const regionName = (row) => (row.group === "region" ? KIND_NAMES[row.name] : row.name);

const cell = (name, ...content) => {
  const node = make("td");
  node.dataset.name = name;
  node.append(...content);
  return node;
};

const rowTitle = (...content) => {
  const node = make("th");
  node.scope = "row";
  node.append(...content);
  return node;
};

const tableOf = (names, rows) => {
  const table = make("table", "vtg-table");
  const head = make("tr");
  for (const name of names) {
    const title = make("th", "", name);
    title.scope = "col";
    head.append(title);
  }
  const top = make("thead");
  top.append(head);
  const body = make("tbody");
  body.append(...rows);
  table.append(top, body);
  return table;
};

const figureCard = (figure) => {
  const card = make("section", "vtg-loss-figure");
  card.setAttribute("aria-label", figure.name);
  card.append(
    make("h4", "", figure.name), make("p", "vtg-loss-number", nats(figure.value)),
    make("p", "vtg-muted", figure.value === null ? "not in the loss" : figure.unit),
  );
  const list = make("dl");
  for (const [name, number, meaning] of figure.references) {
    const term = make("dt", "", name);
    term.title = meaning;
    const isDifference = name.startsWith("difference");
    list.append(term, make("dd", "", isDifference ? tiny(number) : nats(number, number >= 10 ? 2 : 4)));
  }
  card.append(list);
  return card;
};

// A square root spreads the small losses of a trained model, which a linear scale would paint all alike.
const scaleTo = (most) => (nll) => Math.sqrt(Math.min(nll, most) / most);

const legendOf = (view, most) => {
  const share = scaleTo(most);
  const marks = [[view.uniform_nll, `ln V = ${view.uniform_nll.toFixed(2)}`, "vtg-loss-uniform"], [0, "0", ""]];
  for (const number of [most, 4, 1, 0.2]) marks.push([number, number === most ? number.toFixed(2) : String(number), ""]);
  const legend = make("div", "vtg-loss-legend");
  const bar = make("div", "vtg-loss-scale");
  bar.setAttribute("aria-hidden", "true");
  const kept = [];
  for (const [number, text, className] of marks) {
    const at = share(number);
    if (number > most || kept.some((other) => Math.abs(other - at) < (at > 0.5 ? 0.25 : 0.12))) continue;
    kept.push(at);
    const mark = make("span", `vtg-loss-mark ${className}`.trim(), text);
    mark.style.left = `${100 * at}%`;
    if (number === 4) mark.classList.add("vtg-loss-wide");
    if (at > 0.85) mark.classList.add("vtg-loss-last");
    bar.append(mark);
  }
  const words = `NLL in nats, on a square-root scale. ln V, of the ${whole(view.vocab_size)} tokens of the vocabulary, is what a blind guess costs.`;
  legend.append(make("span", "vtg-muted", words), bar);
  return legend;
};

// Bytes that are no whole character have no text to show, so their id is shown too.
const tokenName = (id, text) => {
  const name = make("code", "", showWhitespace(text));
  return text.includes("\ufffd") || !text ? [name, make("span", "vtg-loss-id", ` id ${whole(id)}`)] : [name];
};

const probabilityRow = (rank, id, text, prob, most, isOwn) => {
  const row = make("tr", isOwn ? "vtg-loss-own" : "");
  const bar = make("span", "vtg-loss-bar");
  bar.style.width = `${100 * (prob / most)}%`;
  const track = make("span", "vtg-loss-track");
  track.append(bar);
  const name = rowTitle(...tokenName(id, text));
  if (isOwn) name.append(make("span", "vtg-muted", " trained"));
  row.append(cell("Rank", whole(rank)), name, cell("Probability", likely(prob)), cell("Beside the likeliest", track));
  return row;
};

const drawDetail = (box, view, at) => {
  const token = view.tokens[at];
  box.replaceChildren();
  const title = make("h4", "", "Token ");
  title.append(make("code", "", showWhitespace(token.text)), make("span", "vtg-muted", ` ${at + 1} of ${view.tokens.length} · ${token.part} · index ${whole(token.index)} · id ${whole(token.id)}`));
  const facts = make("dl", "vtg-loss-detail-facts");
  const entropy = `${token.entropy.toFixed(4)} of at most ${view.uniform_nll.toFixed(2)}`;
  const rank = `${whole(token.rank)} of ${whole(view.vocab_size)}`;
  for (const [name, text] of [["NLL (nats)", nats(token.nll)], ["Probability", likely(token.prob)], ["Rank", rank], ["Entropy (nats)", entropy]]) {
    const fact = make("div");
    fact.append(make("dt", "", name), make("dd", "", text));
    facts.append(fact);
  }
  box.append(title, facts);
  if (!token.top.length) return;
  const most = Math.max(token.top[0][2], token.prob);
  const rows = token.top.map(([id, text, prob], place) => probabilityRow(place + 1, id, text, prob, most, id === token.id));
  if (!token.top.some(([id]) => id === token.id)) rows.push(probabilityRow(token.rank, token.id, token.text, token.prob, most, true));
  box.append(tableOf(["Rank", "What the model would write here", "Probability", "Beside the likeliest"], rows));
};

const stripOf = (view) => {
  const most = Math.max(view.uniform_nll, ...view.tokens.map((token) => token.nll));
  const share = scaleTo(most);
  const box = make("div", "vtg-loss-strip-box");
  const strip = make("div", "vtg-loss-strip");
  const detail = make("div", "vtg-loss-detail");
  detail.setAttribute("aria-live", "polite");
  strip.setAttribute("role", "listbox");
  strip.setAttribute("aria-orientation", "horizontal");
  strip.setAttribute("aria-label", "Trained tokens in order, each with its NLL in nats; choose one for what the model would rather have written");
  const nodes = view.tokens.map((token) => {
    const node = make("span", "vtg-loss-token");
    node.setAttribute("role", "option");
    node.style.setProperty("--share", share(token.nll).toFixed(4));
    node.append(make("code", "", showWhitespace(token.text)), make("small", "", token.nll.toFixed(2)));
    return node;
  });
  const choose = (at, isAsked) => {
    for (const [place, node] of nodes.entries()) {
      node.setAttribute("aria-selected", String(place === at));
      node.tabIndex = place === at ? 0 : -1;
    }
    if (isAsked) nodes[at].focus();
    drawDetail(detail, view, at);
  };
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  for (const [at, node] of nodes.entries()) {
    node.addEventListener("click", () => choose(at, true));
    node.addEventListener("keydown", (event) => {
      const isPress = event.key === "Enter" || event.key === " ";
      if (!isPress && !(event.key in steps)) return;
      event.preventDefault();
      choose(Math.max(0, Math.min(nodes.length - 1, at + (isPress ? 0 : steps[event.key]))), true);
    });
  }
  strip.append(...nodes);
  box.append(legendOf(view, most), strip, detail);
  const costs = view.tokens.map((token) => token.nll);
  choose(costs.indexOf(Math.max(...costs)), false);
  return box;
};

const partsTable = (view) => {
  const rows = view.parts.map((part) => {
    const row = make("tr", part.group === "all" ? "vtg-loss-all" : "");
    row.append(
      rowTitle(regionName(part), make("span", "vtg-muted", part.group === "all" ? "" : ` ${part.group}`)),
      cell("Tokens", whole(part.num_tokens)), cell("Sum", nats(part.sum_nll)), cell("Mean", nats(part.mean_nll)),
      cell("Share of the loss", percent(part.share)), cell("Form known", nats(part.uniform_nll)),
    );
    return row;
  });
  return tableOf(["Region or part", "Tokens", "Sum", "Mean", "Share of the loss", "Form known"], rows);
};

const shiftTable = (view) => {
  const rows = view.shift_losses.map(([shift, loss]) => {
    const difference = loss === null || view.model_loss === null ? null : Math.abs(loss - view.model_loss);
    const row = make("tr");
    row.append(
      rowTitle(`shift ${shift}`), cell("Mean", nats(loss)),
      cell("From the model's own loss", difference === null ? "–" : tiny(difference)),
    );
    return row;
  });
  return tableOf(["Logits looked for", "Mean", "From the model's own loss"], rows);
};

const recipesTable = (view) => {
  const rows = view.recipes.map((recipe) => {
    const row = make("tr", recipe.difference === null && !recipe.reason ? "vtg-loss-all" : "");
    row.append(rowTitle(make("span", "vtg-recipe-name", recipe.name), make("span", "vtg-muted", ` ${recipe.does}`)));
    if (recipe.num_supervised === null) {
      const reason = cell("", make("span", "vtg-muted", `Not applicable: ${recipe.reason}.`));
      reason.colSpan = 3;
      row.append(reason);
      return row;
    }
    const sign = recipe.difference > 0 ? "+" : "";
    row.append(
      cell("Tokens", whole(recipe.num_supervised)), cell("Loss", recipe.loss === null ? "nothing" : nats(recipe.loss)),
      cell("Against ours", recipe.difference === null ? "–" : `${sign}${recipe.difference.toFixed(4)}`),
    );
    return row;
  });
  return tableOf(["Mask", "Tokens", "Loss", "Against ours"], rows);
};

drawFromValue((root, view) => {
  if (!view) return;
  if (!view.sample) {
    root.append(make("p", "vtg-muted vtg-loss-none", view.reading));
    return;
  }
  const figures = make("div", "vtg-loss-figures");
  figures.append(...view.figures.map(figureCard));
  root.append(
    make("p", "vtg-reading", view.reading), make("p", "vtg-muted vtg-scored", view.sample), figures,
    make("h3", "", "Where the loss sits"), stripOf(view), partsTable(view),
  );
  if (view.recipes.length) {
    root.append(
      make("h3", "", "What other masks would have reported"),
      make("p", "vtg-muted", "Nats a token, from the same pass. A lower figure is no better model: it is a mean over other tokens."),
      recipesTable(view),
    );
  }
  root.append(make("h3", "", "Which shift the model's own loss uses"), make("p", "vtg-loss-shift", view.shift), shiftTable(view));
  root.append(make("p", "vtg-muted vtg-loss-run", view.run));
});
