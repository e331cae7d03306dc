// The rows of one figure of a file; a value is a FigureRowsView (vtg_core/views/survey.py).

import { drawFromValue } from "./drawing.js";
import { whole } from "./numbers.js";
import { heading, make, textButton } from "./shared.js";

const countOf = (view) => (view.rows.length < view.count ? `the first ${whole(view.rows.length)} of ${whole(view.count)}` : whole(view.count));

const itemOf = ([row, said], pick) => {
  const item = make("li");
  item.append(textButton(`Row ${whole(row)}`, () => pick(row), "Load this sample"));
  if (said) item.append(make("span", "vtg-muted", said));
  return item;
};

const draw = (root, view, pick) => {
  if (!view) return;
  const title = heading(`Rows: ${view.title}`, countOf(view));
  title.tabIndex = -1;
  const list = make("ul", `vtg-row-list${view.rows.some(([, said]) => said) ? "" : " vtg-row-list-many"}`);
  list.append(...view.rows.map((row) => itemOf(row, pick)));
  root.append(title, list);
  if (!view.rows.length) root.append(make("p", "vtg-muted", "There are none."));
  title.focus({ preventScroll: true });
  title.scrollIntoView({ block: "nearest" });
};

export default (component) => {
  const pick = (row) => {
    component.trigger("pick", { row });
    document.querySelector("#audit-strip")?.scrollIntoView({ block: "start" });
  };
  drawFromValue(component, (root, view) => draw(root, view, pick));
};
