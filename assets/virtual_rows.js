// Rows of one height in a box that scrolls, of which only the visible ones are in the page, however many there are. One stop
// of the Tab key; arrows, Page, Home and End walk over them.

import { make } from "./shared.js";

const AROUND = 6; // rows beyond the visible ones

// The first row to draw and the one behind the last.
export const visible = (scrollTop, boxHeight, rowHeight, count) => {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - AROUND);
  return [Math.min(first, count), Math.min(count, Math.ceil((scrollTop + boxHeight) / rowHeight) + AROUND)];
};

const STEPS = { ArrowDown: () => 1, ArrowUp: () => -1, j: () => 1, k: () => -1, PageDown: (page) => page, PageUp: (page) => -page, Home: () => -Infinity, End: () => Infinity };

// `cellsOf(row, place)` returns the cells, `act` is told what a person does: {open(place), point(place)}.
export const virtualRows = ({ label, className, cellsOf, act }) => {
  const [node, sizer] = [make("div", `vtg-vrows ${className}`), make("div", "vtg-vrows-all")];
  node.setAttribute("role", "grid");
  node.setAttribute("aria-label", label);
  sizer.setAttribute("role", "rowgroup");
  node.append(sizer);
  const drawn = new Map();
  let [rows, focused, chosen] = [[], 0, null];
  const height = () => parseFloat(getComputedStyle(node).getPropertyValue("--row-height")) || 36;

  const rowNode = (place) => {
    const one = make("div", `vtg-vrow${place === chosen ? " vtg-chosen" : ""}`);
    one.setAttribute("role", "row");
    one.setAttribute("aria-rowindex", String(place + 1));
    one.tabIndex = place === focused ? 0 : -1;
    one.dataset.place = place;
    one.style.top = `${place * height()}px`;
    for (const cell of cellsOf(rows[place], place)) {
      cell.setAttribute("role", "gridcell");
      one.append(cell);
    }
    return one;
  };
  const paint = () => {
    const [first, end] = visible(node.scrollTop, node.clientHeight, height(), rows.length);
    for (const [place, one] of drawn)
      if ((place < first || place >= end) && place !== focused) {
        one.remove();
        drawn.delete(place);
      }
    const wanted = Array.from({ length: end - first }, (_, i) => first + i);
    if (focused < rows.length && (focused < first || focused >= end)) wanted.push(focused);
    for (const place of wanted) {
      if (drawn.has(place)) continue;
      drawn.set(place, rowNode(place));
      sizer.append(drawn.get(place));
    }
  };
  const repaint = () => {
    const hadKeyboard = node.contains(document.activeElement);
    for (const one of drawn.values()) one.remove();
    drawn.clear();
    sizer.style.height = `${rows.length * height()}px`;
    node.setAttribute("aria-rowcount", String(rows.length));
    paint();
    if (hadKeyboard) drawn.get(focused)?.focus({ preventScroll: true });
  };
  const focus = (place, { withKeyboard = true } = {}) => {
    if (!rows.length) return;
    const before = drawn.get(focused);
    focused = Math.max(0, Math.min(place, rows.length - 1));
    const [top, all] = [focused * height(), node.clientHeight];
    if (top < node.scrollTop || top + height() > node.scrollTop + all) node.scrollTop = Math.max(0, top < node.scrollTop ? top : top + height() - all);
    paint();
    if (before) before.tabIndex = -1;
    const own = drawn.get(focused);
    own.tabIndex = 0;
    if (withKeyboard) own.focus({ preventScroll: true });
    act.point(focused);
  };
  const placeOf = (event) => {
    const one = event.target.closest?.("[data-place]");
    return one ? Number(one.dataset.place) : null;
  };
  node.addEventListener("scroll", paint, { passive: true });
  node.addEventListener("click", (event) => {
    const place = placeOf(event);
    if (place === null) return;
    focus(place);
    act.open(place);
  });
  node.addEventListener("focusin", (event) => {
    const place = placeOf(event);
    if (place !== null && place !== focused) focus(place, { withKeyboard: false });
    if (place !== null) act.point(place);
  });
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key]?.(Math.max(1, Math.floor(node.clientHeight / height()) - 1));
    if (step === undefined && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (step === undefined) act.open(focused);
    else focus(focused + step);
  });
  new ResizeObserver(() => rows.length && repaint()).observe(node);
  return {
    node,
    // `keeps`: the same rows as before and others behind them, so that nobody loses their place.
    show: (shown, { keeps = false } = {}) => {
      rows = shown;
      if (!keeps) [focused, node.scrollTop] = [0, 0];
      focused = Math.min(focused, Math.max(0, rows.length - 1));
      repaint();
    },
    choose: (place) => {
      chosen = place;
      if (place !== null) focus(place, { withKeyboard: false });
      repaint();
    },
    focus,
    num: () => drawn.size,
  };
};
