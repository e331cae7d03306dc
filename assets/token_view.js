// The tokens of the row on screen, with what is known of each. Colour says what the loss sees (labels); the legend and
// the details say why (regions). It has no value: the row is in the store.

import { rootOf } from "./drawing.js";
import { make, textButton } from "./shared.js";
import { get, on, set } from "./store.js";
import { coloursOf, heatOf, lossOf } from "./token_colours.js";
import { tokenDetails } from "./token_details.js";
import { findBox } from "./token_find_box.js";
import { tokenFlow } from "./token_flow.js";
import { allBlocks, itemsOf, toggled } from "./token_items.js";
import { helpBox, keyboard } from "./token_keys.js";
import { legend } from "./token_legend.js";
import { tokenTable } from "./token_table.js";
import { comparisonOf, finderIn, isAtOdds, maskBorders } from "./tokens.js";

export default ({ element }) => {
  const root = rootOf(element);
  let [model, items, opened, comparison, loss, matches, match] = [null, [], new Set(), null, null, [], -1];
  let verdictAt = () => 0;

  const act = {
    hover: (index) => set("hovered", index),
    pin: (item) => set("selected", item.start),
    unpin: () => set("selected", null),
    copy: () => details.copy(),
    toggle: (item) => {
      const next = toggled(model, opened, item);
      if (!next) return;
      opened = next;
      show();
      flow.focusIndex(item.start);
    },
    toggleAll: () => {
      opened = opened.size ? new Set() : allBlocks(model);
      show();
    },
    border: (next) => {
      const to = next(maskBorders(model, comparison), flow.item().start);
      if (to !== null) flow.focusIndex(to, { toMiddle: true });
    },
    find: (text) => find.open(text),
    next: (step) => find.step(step),
    colour: () => {
      const known = coloursOf(model, comparison, loss).map(([name]) => name);
      set("colour", known[(known.indexOf(get("colour")) + 1) % known.length]);
    },
    help: () => {
      help.hidden = !help.hidden;
      keys.ariaExpanded = String(!help.hidden);
    },
  };
  const flow = tokenFlow(act);
  const details = tokenDetails({ onUnpin: act.unpin });
  const help = helpBox();
  keyboard(flow, act);
  const find = findBox({
    onFound: (found, now) => {
      [matches, match] = [found, now];
      flow.repaint();
      if (now >= 0) flow.focusIndex(found[now][0], { toMiddle: true, withKeyboard: false });
    },
    onDone: () => flow.focusItem(flow.place()),
    stateOf: () => ({ model, verdictAt, nllAt: (index) => loss?.get(index)?.nll ?? null, borders: model ? maskBorders(model, comparison) : [] }),
  });

  const tools = make("div", "vtg-tools");
  const colours = make("select", "vtg-select");
  colours.setAttribute("aria-label", "Colour the tokens by");
  colours.addEventListener("change", () => set("colour", colours.value));
  const trained = textButton("Show the trained tokens", () => {
    const first = Math.min(...[...model.view.trained, ...model.view.other_labels].map(([start]) => start));
    if (Number.isFinite(first)) flow.focusIndex(first, { toMiddle: true });
  });
  const unfold = textButton("Open all frames", act.toggleAll);
  const asTable = textButton("As a table", () => {
    isTable = !isTable;
    show();
  });
  const keys = textButton("?", act.help, "Keys, and the find language");
  keys.ariaLabel = "Keys, and the find language";
  tools.append(find.node, colours, trained, unfold, asTable, keys);
  let isTable = false;
  const [head, body, reason, said] = [make("div"), make("div", "vtg-tokens-body"), make("p", "vtg-no-audit"), make("p", "vtg-said")];
  const tableBox = make("div", "vtg-table-box");
  const left = make("div", "vtg-tokens-left");
  said.setAttribute("role", "status");
  left.append(flow.node, tableBox);
  body.append(left, details.node);
  root.append(reason, head, tools, help, body, said);

  const isFound = (item) => (get("found")?.regions ?? []).some(([start, end]) => item.start < end && start < item.end);
  const matchAt = (item) => {
    const overlaps = ([start, end]) => item.start < end && start < item.end;
    if (match >= 0 && overlaps(matches[match])) return 2;
    let [low, high] = [0, matches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (matches[middle][1] <= item.start) low = middle + 1;
      else high = middle;
    }
    return low < matches.length && overlaps(matches[low]) ? 1 : 0;
  };
  const look = () => ({
    verdictAt, isFound, matchAt, isAtOdds: isAtOdds(comparison) || get("colour") === "verdict",
    heatAt: heatOf(get("colour"), model, loss),
    selected: () => get("selected") ?? -1,
  });

  // Draw anew from what is known: the tokens, and the store.
  const show = (options = {}) => {
    [reason.hidden, head.hidden, tools.hidden, body.hidden] = [true, !model, !model, !model];
    if (!model) return;
    comparison = comparisonOf(model, get("recipe"));
    const verdictIn = finderIn(comparison?.runs ?? []);
    verdictAt = (index) => verdictIn(index)?.[2] ?? 0;
    loss = lossOf(model, get("loss"));
    const cuts = [...(comparison?.runs ?? []), ...(get("found")?.regions ?? [])].flatMap(([start, end]) => [start, end]);
    items = itemsOf(model, { opened, cuts });
    const known = coloursOf(model, comparison, loss);
    const colour = known.some(([name]) => name === get("colour")) ? get("colour") : "label";
    colours.replaceChildren(...known.map(([name, text]) => Object.assign(make("option", "", text), { value: name, selected: name === colour })));
    root.dataset.colour = colour;
    head.replaceChildren(legend(model, comparison, { colour, loss, found: get("found") }));
    unfold.textContent = opened.size ? "Fold all frames" : "Open all frames";
    unfold.hidden = !model.patches.length;
    [flow.node.hidden, tableBox.hidden] = [isTable, !isTable];
    asTable.textContent = isTable ? "As a flow" : "As a table";
    flow.show(model, items, look(), options);
    tableBox.replaceChildren(...(isTable ? [tokenTable(model, items, { at: flow.place(), verdictAt })] : []));
    showDetails();
  };
  const showDetails = () => {
    const pinned = get("selected");
    const isPinned = pinned !== null && model !== null && pinned < model.length;
    const index = isPinned ? pinned : get("hovered");
    details.show(model, index, { isPinned, comparison, verdict: index === null ? 0 : verdictAt(index), loss: loss?.get(index) ?? null });
  };

  const load = () => {
    model = get("row");
    [opened, matches, match] = [new Set(), [], -1];
    show();
    [reason.hidden, reason.textContent] = [!get("reason"), get("reason")];
    find.again();
    said.textContent = model ? summaryOf(model) : "";
    takeFocus();
  };
  const summaryOf = ({ length, view }) => {
    const inLoss = Object.values(view.totals).reduce((sum, [, own]) => sum + own, 0);
    return `${length} tokens, ${inLoss} in the loss, in ${items.length} places`;
  };
  // A tab is built when it is first opened: who asked for the keyboard to go on here may have asked before.
  const takeFocus = () => {
    if (get("focus") !== "tokens" || !model) return;
    set("focus", null);
    flow.focusItem(flow.place());
  };
  const showFound = () => {
    show();
    const first = get("found")?.regions[0]?.[0];
    if (model && first !== undefined && first < model.length) flow.focusIndex(first, { toMiddle: true, withKeyboard: false });
  };

  on("row", root, load);
  on("reason", root, load);
  on("focus", root, takeFocus);
  on("recipe", root, () => show());
  on("found", root, showFound);
  on("loss", root, () => show());
  on("max_length", root, () => showDetails());
  on("colour", root, () => show());
  on("hovered", root, (index) => {
    flow.hover(index);
    showDetails();
  });
  on("selected", root, (index) => {
    flow.select(index);
    if (model && index !== null && index < model.length && !flow.node.contains(document.activeElement)) flow.focusIndex(index, { withKeyboard: false });
    const patch = model && index !== null && index < model.length ? model.patchAt(index)?.[2] : null;
    if (patch && patch.time !== null) set("playhead", model.view.frames.clip_start + patch.time);
    showDetails();
  });
  load();
  if (get("found")) showFound();
};
