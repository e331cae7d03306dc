// What the colours of the tokens mean, with the counts of each.

import { fixed, fixedOrTiny, percent, whole } from "./numbers.js";
import { focusTokens, KIND_NAMES, make, textButton } from "./shared.js";
import { set } from "./store.js";
import { scaleOf } from "./token_colours.js";
import { MEANINGS } from "./token_facts.js";
import { isAtOdds, VERDICTS } from "./tokens.js";

const ownSummary = (view) => {
  const [all, inLoss] = Object.values(view.totals).reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
  const share = percent(inLoss / all, inLoss / all < 0.1 ? 2 : 0);
  return [
    make("span", "vtg-token vtg-supervised", "in the loss"), make("b", "", ` ${whole(inLoss)} `),
    make("span", "vtg-token vtg-masked", "not in the loss"), make("b", "", ` ${whole(all - inLoss)} `),
    make("span", "vtg-muted", `${share} of ${whole(all)} tokens are trained`),
  ];
};

const verdictSummary = ({ name, against, runs, about }) => {
  const counts = { agree: 0, leak: 0, hole: 0 };
  for (const [start, end, code] of runs) counts[VERDICTS[code]] += end - start;
  const nodes = [make("b", "", `${name} against ${against}`)];
  for (const [verdict, count] of Object.entries(counts)) {
    const item = make("span", `vtg-token vtg-${verdict === "leak" ? "masked" : "supervised"} vtg-${verdict}`, verdict);
    item.title = MEANINGS[verdict];
    nodes.push(item, make("b", "", ` ${whole(count)} `));
  }
  if (against !== "ours") return nodes;
  const back = () => {
    set("mask", "ours");
    focusTokens();
  };
  return [...nodes, textButton("Back to ours", back), ...(about ? [make("span", "vtg-muted", about)] : [])];
};

const heatScale = (colour, model, loss) => {
  const { from: [name, low], to: [high] } = scaleOf(colour, model, loss);
  const of = colour === "weight" ? "so much a trained token counts" : `of ${whole(loss.size)} tokens with a loss`;
  const written = (number) => (colour === "rank" ? whole(number) : ["nll", "weight"].includes(colour) ? fixed(number, 2) : fixedOrTiny(number, 2, 0.01));
  const box = make("p", "vtg-counts");
  box.append(make("span", "vtg-muted", `${name} ${written(low)}`), make("span", "vtg-ramp"), make("span", "vtg-muted", `${written(high)}, ${of}`));
  return box;
};

const foundLine = (found) => {
  const line = make("p", "vtg-marked");
  const clear = () => {
    set("found", null);
    focusTokens();
  };
  line.append(make("span", "vtg-found vtg-token", "outlined"), ` ${found.title} `, textButton("Clear", clear));
  return line;
};

export const legend = (model, comparison, { colour, loss, found }) => {
  const { view } = model;
  const box = make("div", "vtg-legend");
  const summary = make("p", "vtg-counts");
  summary.append(...(isAtOdds(comparison) || colour === "verdict" ? verdictSummary(comparison) : ownSummary(view)));
  const regions = make("ul", "vtg-regions");
  regions.setAttribute("aria-label", "Regions: why a token is, or is not, in the loss");
  for (const [kind, [total, supervised]] of Object.entries(view.totals)) {
    const item = make("li");
    item.append(make("span", `vtg-swatch vtg-kind-${kind}`), `${KIND_NAMES[kind]} `, make("b", "", whole(total)));
    if (supervised) item.append(make("span", "vtg-in-loss", ` · ${whole(supervised)} in the loss`));
    regions.append(item);
  }
  box.append(summary, regions);
  const isHeat = loss ? ["nll", "probability", "rank"].includes(colour) : false;
  if (isHeat || (colour === "weight" && view.weights)) box.append(heatScale(colour, model, loss));
  if (found) box.append(foundLine(found));
  return box;
};
