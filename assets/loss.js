// One sample's loss; a value is a LossView (vtg_core/views/loss.py).

import { drawByMask } from "./drawing.js";
import { heatLegend, heatShare, wordList } from "./loss_words.js";
import { fixed, fixedOrTiny, percent, signed, tiny, whole } from "./numbers.js";
import { cell, fold, KIND_NAMES, make, numberCell, rowTitle, showWhitespace, tableOf } from "./shared.js";
import { get, set } from "./store.js";

const nats = (number, digits = 4) => fixed(number, digits);
const likely = (prob) => fixedOrTiny(prob, 4, 0.001);
const regionName = (row) => (row.group === "region" ? KIND_NAMES[row.name] : row.name);

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
    const written = name.startsWith("difference") ? tiny(number) : name === "against ours" ? signed(number, 4) : nats(number, number >= 10 ? 2 : 4);
    list.append(term, make("dd", "", written));
  }
  card.append(list);
  return card;
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
  row.append(numberCell("Rank", whole(rank)), name, numberCell("Probability", likely(prob)), cell("Beside the likeliest", track));
  return row;
};

// What is read out is short; the table is there for whoever goes on to it.
const drawDetail = (said, alternatives, view, at) => {
  const token = view.tokens[at];
  const title = make("h4", "", "Token ");
  title.append(make("code", "", showWhitespace(token.text)), make("span", "vtg-muted", ` ${at + 1} of ${view.tokens.length} · ${token.part} · index ${whole(token.index)} · id ${whole(token.id)}`));
  const facts = make("dl", "vtg-loss-detail-facts");
  const entropy = `${fixed(token.entropy, 4)} of at most ${fixed(view.uniform_nll, 2)}`;
  const rank = `${whole(token.rank)} of ${whole(view.vocab_size)}`;
  for (const [name, text] of [["NLL (nats)", nats(token.nll)], ["Probability", likely(token.prob)], ["Rank", rank], ["Entropy (nats)", entropy]]) {
    const fact = make("div");
    fact.append(make("dt", "", name), make("dd", "", text));
    facts.append(fact);
  }
  said.replaceChildren(title, facts);
  alternatives.replaceChildren();
  if (!token.top.length) return;
  const most = Math.max(token.top[0][2], token.prob);
  const rows = token.top.map(([id, text, prob], place) => probabilityRow(place + 1, id, text, prob, most, id === token.id));
  if (!token.top.some(([id]) => id === token.id)) rows.push(probabilityRow(token.rank, token.id, token.text, token.prob, most, true));
  alternatives.append(tableOf(["Rank", "The model would write", "Probability", "Beside the likeliest"], rows, "vtg-figures"));
};

const stripOf = (view) => {
  const most = Math.max(view.uniform_nll, ...view.tokens.map((token) => token.nll));
  const box = make("div", "vtg-loss-strip-box");
  const strip = make("div", "vtg-loss-strip");
  const [detail, said, alternatives] = [make("div", "vtg-loss-detail"), make("div"), make("div")];
  said.setAttribute("aria-live", "polite");
  detail.append(said, alternatives);
  strip.setAttribute("role", "listbox");
  strip.setAttribute("aria-orientation", "horizontal");
  strip.setAttribute("aria-label", "Trained tokens in order, each with its NLL in nats; choose one for what the model would rather have written");
  const nodes = view.tokens.map((token) => {
    const node = make("span", "vtg-heat vtg-loss-token");
    node.setAttribute("role", "option");
    node.style.setProperty("--share", fixed(heatShare(token.nll, most), 4));
    node.append(make("code", "", showWhitespace(token.text)), make("small", "", fixed(token.nll, 2)));
    return node;
  });
  const choose = (at, isAsked) => {
    for (const [place, node] of nodes.entries()) {
      node.setAttribute("aria-selected", String(place === at));
      node.tabIndex = place === at ? 0 : -1;
    }
    if (isAsked) nodes[at].focus();
    drawDetail(said, alternatives, view, at);
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
  box.append(heatLegend(most, view.uniform_nll), strip, detail);
  const costs = view.tokens.map((token) => token.nll);
  choose(costs.indexOf(Math.max(...costs)), false);
  return box;
};

const partsTable = (view) => {
  const rows = view.parts.map((part) => {
    const row = make("tr", part.group === "all" ? "vtg-loss-all" : "");
    row.append(
      rowTitle(regionName(part), make("span", "vtg-muted", part.group === "all" ? "" : ` ${part.group}`)),
      numberCell("Tokens", whole(part.num_tokens)), numberCell("Sum", nats(part.sum_nll)), numberCell("Mean", nats(part.mean_nll)),
      numberCell("Share", percent(part.share, 1)), numberCell("Form known", nats(part.uniform_nll)),
    );
    return row;
  });
  return tableOf(["Region or part", "Tokens", "Sum", "Mean", "Share", "Form known"], rows, "vtg-figures");
};

const shiftTable = (view) => {
  const rows = view.shift_losses.map(([shift, loss]) => {
    const difference = loss === null || view.model_loss === null ? null : Math.abs(loss - view.model_loss);
    const row = make("tr");
    row.append(
      rowTitle(`shift ${shift}`), numberCell("Mean", nats(loss)),
      numberCell("From the model's own loss", difference === null ? "–" : tiny(difference)),
    );
    return row;
  });
  return tableOf(["Logits looked for", "Mean", "From the model's own loss"], rows, "vtg-figures");
};

const recipesTable = (view) => {
  const rows = view.recipes.map((recipe) => {
    const row = make("tr", recipe.key === get("mask") ? "vtg-chosen" : recipe.key === "ours" ? "vtg-loss-all" : "");
    row.append(rowTitle(make("span", "vtg-recipe-name", recipe.name), make("span", "vtg-muted", ` ${recipe.does}`)));
    if (recipe.num_supervised === null) {
      const reason = cell("", make("span", "vtg-muted", `Not applicable: ${recipe.reason}.`));
      reason.colSpan = 3;
      row.append(reason);
      return row;
    }
    row.append(
      numberCell("Tokens", whole(recipe.num_supervised)), numberCell("Loss", recipe.loss === null ? "nothing" : nats(recipe.loss)),
      numberCell("Against ours", signed(recipe.difference, 4)),
    );
    return row;
  });
  return tableOf(["Mask", "Tokens", "Loss", "Against ours"], rows, "vtg-figures");
};

// What the mask that is chosen reports of this sample, where it is not ours.
export const maskReading = (recipes, mask) => {
  const [ours, chosen] = ["ours", mask].map((key) => recipes.find((recipe) => recipe.key === key));
  if (mask === "ours" || !ours || !chosen) return "";
  if (chosen.num_supervised === null) return `The mask of ${chosen.name} has no loss here: ${chosen.reason}.`;
  if (chosen.loss === null) return `Under the mask of ${chosen.name} nothing is trained, so there is no loss.`;
  const against = `${signed(chosen.difference, 4)} against ours, ${nats(ours.loss)} over ${whole(ours.num_supervised)}`;
  return `Under the mask of ${chosen.name} the loss is ${nats(chosen.loss)} nats a token over ${whole(chosen.num_supervised)} tokens: ${against}. It is a mean over other tokens, so a lower one is no better model.`;
};

const draw = (root, view) => {
  set("loss", view?.tokens?.length ? { tokens: view.tokens } : null);
  if (!view) return;
  if (!view.sample) {
    root.append(make("p", "vtg-loss-none", view.reading), wordList());
    return;
  }
  const figures = make("div", "vtg-loss-figures");
  figures.append(...view.figures.map(figureCard));
  const ofMask = maskReading(view.recipes, get("mask"));
  if (ofMask) root.append(make("p", "vtg-reading vtg-of-mask", ofMask));
  root.append(
    make("p", "vtg-reading", view.reading), make("p", "vtg-muted vtg-scored", view.sample), figures,
    fold("loss-words", "What these words mean", [wordList()], { isOpen: false }),
    make("h3", "", "Where the loss sits"), stripOf(view),
  );
  if (view.parts.length) root.append(fold("parts", "By region, and by part of the answer", [partsTable(view)]));
  if (view.recipes.length) {
    const note = "Nats a token, from the same pass. A lower figure is no better model: it is a mean over other tokens.";
    root.append(fold("masks", "What other masks would have reported", [make("p", "vtg-muted", note), recipesTable(view)]));
  }
  if (view.shift_losses.length) root.append(fold("shift", "Which shift the model's own loss uses", [shiftTable(view)], { note: view.shift, isOpen: false }));
  root.append(make("p", "vtg-muted vtg-loss-run", view.run));
};

export default (component) => drawByMask(component, draw);
