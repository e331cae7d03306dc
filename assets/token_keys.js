// The keys of the token flow, and the words about them.

import { make } from "./shared.js";
import { nextBorder, previousBorder } from "./tokens.js";

const KEYS = [
  ["← → ↑ ↓, or j and k", "the token beside it, the line below and above"],
  ["[ and ]", "the previous and the next border of the mask"],
  ["Enter", "pin the token in the details; Escape unpins"],
  ["e", "open what stands for several tokens, or shut it; E: all frames"],
  ["/", "find; n and N: the next and the previous match"],
  ["g", "go to an index"],
  ["c", "copy the token's details as JSON"],
  ["m", "colour by the next thing"],
  ["?", "these words"],
];
const LANGUAGE = [
  ["a red circle", "text, as people read it, across tokens"],
  ["/[0-9]+\\.[0-9]/", "a regular expression"],
  ["id:151645 · index:120", "a token's id, or its place"],
  ["is:trained · is:masked · is:control · is:leak · is:hole", "what the loss sees of it"],
  ["region:query · frame:37 · t:18.5", "where it stands: a region, a frame, a second"],
  ["nll>3", "what it costs, once a loss was run"],
];

const listOf = (title, pairs) => {
  const [box, list] = [make("div"), make("dl")];
  for (const [term, meaning] of pairs) list.append(make("dt", "", term), make("dd", "", meaning));
  box.append(make("b", "", title), list);
  return box;
};

export const helpBox = () => {
  const box = make("section", "vtg-help");
  box.hidden = true;
  box.setAttribute("aria-label", "Keys, and the find language");
  box.append(listOf("Keys, on a token", KEYS), listOf("Find: all words must hold", LANGUAGE));
  return box;
};

export const keyboard = (flow, act) => {
  const moves = {
    ArrowRight: () => flow.focusItem(flow.place() + 1),
    ArrowLeft: () => flow.focusItem(flow.place() - 1),
    ArrowDown: () => flow.byLine(1),
    ArrowUp: () => flow.byLine(-1),
    j: () => flow.byLine(1),
    k: () => flow.byLine(-1),
    PageDown: () => flow.byLine(flow.page()),
    PageUp: () => flow.byLine(-flow.page()),
    Home: () => flow.focusItem(flow.lineEnds()[0]),
    End: () => flow.focusItem(flow.lineEnds()[1]),
    "]": () => act.border(nextBorder),
    "[": () => act.border(previousBorder),
    Enter: () => act.pin(flow.item()),
    " ": () => act.pin(flow.item()),
    Escape: act.unpin,
    e: () => act.toggle(flow.item()),
    E: act.toggleAll,
    "/": () => act.find(),
    n: () => act.next(1),
    N: () => act.next(-1),
    g: () => act.find("index:"),
    c: act.copy,
    m: act.colour,
    "?": act.help,
  };
  const farEnds = { Home: () => flow.focusItem(0), End: () => flow.focusItem(Infinity) };
  flow.node.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey) return;
    const move = event.ctrlKey ? farEnds[event.key] : Object.hasOwn(moves, event.key) ? moves[event.key] : null;
    if (!move || !flow.item()) return;
    event.preventDefault();
    move();
  });
};
