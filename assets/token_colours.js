// What tokens can be coloured by: what is there of the row on screen.

const METRICS = { nll: "NLL", probability: "probability", rank: "rank" };

// The loss of the row's tokens by their index, where it is of this very row; else null.
export const lossOf = (model, loss) => {
  if (!loss?.tokens.length) return null;
  const isOfRow = loss.tokens.every(({ index, id }) => index < model.length && model.idAt(index) === id);
  return isOfRow ? new Map(loss.tokens.map((token) => [token.index, token])) : null;
};

export const coloursOf = (model, comparison, loss) => [
  ["label", "Colour: label"],
  ["region", "Colour: region"],
  ...(comparison ? [["verdict", "Colour: verdict"]] : []),
  ...(model.view.weights ? [["weight", "Colour: weight"]] : []),
  ...(loss ? Object.entries(METRICS).map(([name, text]) => [name, `Colour: ${text}`]) : []),
];

// From an index to how warm it is, 0 to 1; null where it has no loss, or is coloured by something else.
export const heatOf = (colour, model, loss) => {
  if (colour === "weight" && model?.view.weights) {
    const most = heaviest(model);
    return (index) => (model.isTrained(index) ? model.weightAt(index) / most : null);
  }
  if (!loss || !(colour in METRICS)) return () => null;
  const sizes = new Map([...loss].map(([index, token]) => [index, sizeOf(colour, token)]));
  const most = Math.max(...sizes.values(), 1e-9);
  return (index) => (sizes.has(index) ? Math.min(sizes.get(index) / most, 1) : null);
};

const sizeOf = (colour, { nll, prob, rank }) => {
  if (colour === "probability") return 1 - prob;
  return colour === "rank" ? Math.log(Math.max(rank, 1)) : Math.sqrt(Math.max(nll, 0));
};

const heaviest = (model) => Math.max(...model.view.weights.map(([, , weight]) => weight), 1e-9);

// What stands at the two ends of the scale.
export const scaleOf = (colour, model, loss) => {
  if (colour === "weight") return { from: ["weight", 0], to: [heaviest(model)] };
  const tokens = [...loss.values()];
  if (colour === "probability") return { from: ["probability", 1], to: [Math.min(...tokens.map(({ prob }) => prob))] };
  if (colour === "rank") return { from: ["rank", 1], to: [Math.max(...tokens.map(({ rank }) => rank))] };
  return { from: ["NLL", 0], to: [Math.max(...tokens.map(({ nll }) => nll))] };
};
