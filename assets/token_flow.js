// The tokens in order, as a grid of lines of which only the visible ones are in the page.

import { whole } from "./numbers.js";
import { make, showWhitespace } from "./shared.js";
import { blockText, spokenOf } from "./token_facts.js";
import { itemAt, layLines } from "./token_items.js";
import { lastAtMost, VERDICTS } from "./tokens.js";

const AROUND = 4; // lines beyond the visible ones
const EDGES = 12; // pixels of a token's border, padding and margin
const BLOCK_EDGES = 18;
const LINE = 30;
const COARSE_LINE = 40; // a finger needs more

export const shownText = (model, item) => {
  if (item.type === "block") return blockText(item);
  const text = showWhitespace(item.text ?? model.textAt(item.start)).replaceAll("\n", "");
  return text || "⟨ ⟩";
};

const suffixOf = (model, item) => {
  if (item.type === "run") return ` × ${whole(item.end - item.start)}`;
  if (item.type === "glyph") return ` ${item.end - item.start}`;
  const other = item.type === "token" ? model.otherLabelAt(item.start) : null;
  return other === null ? "" : ` → ${showWhitespace(model.view.pieces[other]).replaceAll("\n", "")}`;
};

// `look` is {verdictAt, isFound, matchAt, heatAt, isAtOdds}: how an index is drawn. `act` is told what a person does.
export const tokenFlow = (act) => {
  const [node, sizer] = [make("div", "vtg-flow"), make("div", "vtg-flow-lines")];
  node.setAttribute("role", "grid");
  node.setAttribute("aria-label", "Tokens in order; press ? for the keys");
  sizer.setAttribute("role", "rowgroup");
  node.append(sizer);
  const drawn = new Map();
  const widths = new Map();
  const height = matchMedia("(pointer: coarse)").matches ? COARSE_LINE : LINE;
  let [model, items, lines, look] = [null, [], [], null];
  let [focused, laidWidth, pen] = [0, 0, null]; // which item has the one tab stop

  const widthOf = (item) => {
    const text = shownText(model, item) + suffixOf(model, item);
    if (!widths.has(text)) widths.set(text, Math.ceil(pen.measureText(text).width * 1.01) + (item.type === "block" ? BLOCK_EDGES : EDGES));
    return Math.min(widths.get(text), laidWidth);
  };
  const breaksAfter = (item) => item.type === "token" && model.textAt(item.start).includes("\n");
  const lineOf = (i) => lastAtMost(lines, i);

  const chip = (item, i) => {
    const { start } = item;
    const isTrained = model.isTrained(start);
    const code = look.verdictAt(start);
    const kind = model.regionAt(start)[2];
    const classes = ["vtg-token", `vtg-kind-${item.type === "block" ? "video" : kind}`, isTrained ? "vtg-supervised" : "vtg-masked"];
    if (item.type === "token" && model.isControl(start)) classes.push("vtg-control");
    if (item.type !== "token") classes.push(item.type === "glyph" ? "vtg-glyph" : "vtg-run");
    if (item.type === "block") classes.push("vtg-block");
    if (item.type === "token" && model.otherLabelAt(start) !== null) classes.push("vtg-other-label");
    if (code && look.isAtOdds) classes.push(`vtg-${VERDICTS[code]}`);
    if (look.isFound(item)) classes.push("vtg-found");
    const match = look.matchAt(item);
    if (match) classes.push("vtg-match");
    if (match === 2) classes.push("vtg-match-now");
    const heat = look.heatAt(start);
    const cellNode = make("span", classes.join(" "), shownText(model, item));
    if (heat !== null) cellNode.style.setProperty("--heat", `${100 * heat}%`);
    const suffix = suffixOf(model, item);
    if (suffix) cellNode.append(make(item.type === "token" || item.type === "glyph" ? "small" : "b", "", suffix));
    cellNode.setAttribute("role", "gridcell");
    cellNode.setAttribute("aria-label", spokenOf(model, item, code));
    cellNode.tabIndex = i === focused ? 0 : -1;
    if (item.type !== "token" || item.of) cellNode.setAttribute("aria-expanded", String(item.type === "token"));
    Object.assign(cellNode.dataset, { item: i, index: start, end: item.end });
    if (start <= look.selected() && look.selected() < item.end) cellNode.setAttribute("aria-selected", "true");
    return cellNode;
  };
  const lineNode = (number) => {
    const row = make("div", "vtg-line");
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", String(number + 1));
    row.style.top = `${number * height}px`;
    row.style.height = `${height}px`;
    const end = lines[number + 1] ?? items.length;
    for (let i = lines[number]; i < end; i += 1) row.append(chip(items[i], i));
    return row;
  };
  // The focused line stays in the page however far one scrolls: the keyboard is in it.
  const paint = () => {
    if (!model || !lines.length) return;
    const first = Math.max(0, Math.floor(node.scrollTop / height) - AROUND);
    const last = Math.min(lines.length - 1, Math.ceil((node.scrollTop + node.clientHeight) / height) + AROUND);
    const own = lineOf(focused);
    for (const [number, row] of drawn)
      if ((number < first || number > last) && number !== own) {
        row.remove();
        drawn.delete(number);
      }
    for (let number = first; number <= last; number += 1) draw(number);
    if (own >= 0) draw(own);
  };
  const draw = (number) => {
    if (drawn.has(number)) return;
    const row = lineNode(number);
    drawn.set(number, row);
    const after = [...drawn.keys()].filter((other) => other > number).sort((a, b) => a - b)[0];
    sizer.insertBefore(row, after === undefined ? null : drawn.get(after));
  };
  const repaint = () => {
    const hadKeyboard = node.contains(document.activeElement);
    for (const row of drawn.values()) row.remove();
    drawn.clear();
    paint();
    if (hadKeyboard) chipOf(focused)?.focus({ preventScroll: true });
  };
  const lay = () => {
    laidWidth = Math.max(120, (node.clientWidth || 640) - 24); // a tab that is shut has no width yet
    lines = layLines(items, { widthOf, breaksAfter, width: laidWidth });
    sizer.style.height = `${lines.length * height}px`;
    node.setAttribute("aria-rowcount", String(lines.length));
  };
  const chipOf = (i) => sizer.querySelector(`[data-item="${i}"]`);
  const scrollTo = (i, { toMiddle = false } = {}) => {
    const top = lineOf(i) * height;
    if (toMiddle || top < node.scrollTop || top + height > node.scrollTop + node.clientHeight)
      node.scrollTop = toMiddle ? top - node.clientHeight / 2 : Math.max(0, top < node.scrollTop ? top : top + height - node.clientHeight);
    paint();
  };
  const focusItem = (i, options = {}) => {
    if (!items.length) return;
    const [before, next] = [focused, Math.max(0, Math.min(i, items.length - 1))];
    const takes = (options.withKeyboard ?? true) || node.contains(document.activeElement);
    focused = next;
    scrollTo(next, options);
    const old = chipOf(before);
    if (old) old.tabIndex = -1;
    const own = chipOf(next);
    if (!own) return;
    own.tabIndex = 0;
    if (takes) own.focus({ preventScroll: true });
    if (takes || options.toMiddle) own.scrollIntoView({ block: "nearest" });
  };
  const byLine = (step) => {
    const from = lineOf(focused);
    const to = Math.max(0, Math.min(from + step, lines.length - 1));
    if (to === from) return focusItem(step < 0 ? 0 : items.length - 1);
    const own = chipOf(focused)?.getBoundingClientRect();
    const end = (lines[to + 1] ?? items.length) - 1;
    let [best, left] = [lines[to], 0];
    for (let i = lines[to]; i <= end; i += 1) {
      if (!own || left <= own.left - node.getBoundingClientRect().left) best = i;
      left += widthOf(items[i]);
    }
    return focusItem(best);
  };
  const isMarked = new Set();
  const hover = (index) => {
    for (const one of isMarked) one.classList.remove("vtg-hovered");
    isMarked.clear();
    if (index === null || !items.length) return;
    const one = chipOf(itemAt(items, index));
    if (one) {
      one.classList.add("vtg-hovered");
      isMarked.add(one);
    }
  };
  const select = (index) => {
    for (const one of sizer.querySelectorAll("[aria-selected]")) one.removeAttribute("aria-selected");
    if (index !== null && items.length) chipOf(itemAt(items, index))?.setAttribute("aria-selected", "true");
  };

  node.addEventListener("scroll", paint, { passive: true });
  node.addEventListener("pointerover", (event) => {
    const one = event.target.closest?.("[data-item]");
    if (one) act.hover(Number(one.dataset.index));
  });
  node.addEventListener("pointerleave", () => act.hover(null));
  node.addEventListener("click", (event) => {
    const one = event.target.closest?.("[data-item]");
    if (!one) return;
    focusItem(Number(one.dataset.item));
    act.pin(items[focused]);
  });
  node.addEventListener("dblclick", (event) => event.target.closest?.("[data-item]") && act.toggle(items[focused]));
  node.addEventListener("focusin", (event) => {
    const one = event.target.closest?.("[data-item]");
    if (!one) return;
    const old = chipOf(focused);
    if (old) old.tabIndex = -1;
    [focused, one.tabIndex] = [Number(one.dataset.item), 0];
    act.hover(items[focused].start);
  });
  new ResizeObserver(() => {
    if (!model || Math.abs(node.clientWidth - 24 - laidWidth) < 2 || !node.clientWidth) return paint();
    const first = items[lines[Math.floor(node.scrollTop / height)] ?? 0]?.start ?? 0;
    lay();
    node.scrollTop = lineOf(itemAt(items, first)) * height;
    return repaint();
  }).observe(node);

  return {
    node,
    show: (shown, its, how, { keeps = true } = {}) => {
      const index = keeps && items[focused] ? items[focused].start : 0;
      const first = keeps && items.length ? items[lines[Math.floor(node.scrollTop / height)] ?? 0]?.start ?? 0 : 0;
      [model, items, look] = [shown, its, how];
      pen ??= document.createElement("canvas").getContext("2d");
      pen.font = getComputedStyle(node).font;
      lay();
      focused = Math.max(0, itemAt(items, Math.min(index, model.length - 1)));
      node.scrollTop = lineOf(itemAt(items, first)) * height;
      repaint();
    },
    repaint,
    hover,
    select,
    focusItem,
    focusIndex: (index, options) => focusItem(itemAt(items, index), options),
    byLine,
    item: () => items[focused],
    place: () => focused,
    page: () => Math.max(1, Math.floor(node.clientHeight / height) - 1),
    lineEnds: () => {
      const number = lineOf(focused);
      return [lines[number], (lines[number + 1] ?? items.length) - 1];
    },
  };
};
