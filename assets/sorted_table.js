// A table that a person sorts by its heads: its rows stand in groups, each sorted within itself.

import { make } from "./shared.js";

// Pressing the head that it is sorted by turns the order round; another head begins upwards.
export const sortedNext = ({ by, isDown }, pressed) => ({ by: pressed, isDown: by === pressed && !isDown });

// What is not known, null, is the largest. Each of `valuesOf` decides where those before it are equal.
export const sortedBy = (rows, isDown, ...valuesOf) =>
  [...rows].sort((a, b) => {
    for (const valueOf of valuesOf) {
      const order = compareValues(valueOf(a), valueOf(b));
      if (order) return isDown ? -order : order;
    }
    return 0;
  });

const compareValues = (a, b) => {
  if (typeof a === "string") return a.localeCompare(b);
  const [x, y] = [a ?? Infinity, b ?? Infinity];
  return x === y ? 0 : x - y;
};

// `columns` are {by, title, hint, isNumber}, `groups` are {title, rows}: a title is what its line holds, or null for none.
export const sortedTable = ({ className, columns, arrows, sort, onSort, groups }) => {
  const [table, top, head] = [make("table", className), make("thead"), make("tr")];
  head.append(...columns.map((column) => headCell(column, arrows, sort, onSort)));
  top.append(head);
  table.append(top);
  for (const { title, rows } of groups) {
    const body = make("tbody");
    if (title) body.append(groupTitle(title, columns.length));
    body.append(...rows);
    table.append(body);
  }
  return table;
};

const headCell = ({ by, title, hint, isNumber }, [up, down], sort, onSort) => {
  const head = make("th", isNumber ? "vtg-number" : "");
  head.scope = "col";
  const isBy = sort.by === by;
  if (isBy) head.ariaSort = sort.isDown ? "descending" : "ascending";
  const button = make("button", "vtg-sort", title);
  [button.type, button.title, button.dataset.key] = ["button", hint, `sort-${by}`];
  const arrow = make("span", "vtg-arrow", isBy ? ` ${sort.isDown ? down : up}` : "");
  arrow.setAttribute("aria-hidden", "true");
  button.append(arrow);
  button.addEventListener("click", () => onSort(sortedNext(sort, by)));
  head.append(button);
  return head;
};

const groupTitle = (content, numColumns) => {
  const [row, title] = [make("tr", "vtg-group"), make("th")];
  [title.colSpan, title.scope] = [numColumns, "rowgroup"];
  title.append(...content);
  row.append(title);
  return row;
};

// What is wider than the page scrolls in a box of its own; it keeps its place in `places` when it is drawn anew.
export const scroller = (label, className, content, places = {}) => {
  const box = make("div", className);
  [box.role, box.ariaLabel] = ["region", label];
  box.append(content);
  box.addEventListener("scroll", () => (places[label] = [box.scrollLeft, box.scrollTop]));
  const place = places[label];
  if (place) requestAnimationFrame(() => box.scrollTo(...place));
  return box;
};
