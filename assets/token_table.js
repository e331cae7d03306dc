// The tokens as a plain table, a page at a time: the same data for whoever would rather read a table.

import { whole } from "./numbers.js";
import { cell, KIND_NAMES, make, numberCell, rowTitle, showWhitespace, tableOf, textButton } from "./shared.js";
import { blockText } from "./token_facts.js";
import { VERDICTS } from "./tokens.js";

const PAGE = 100;

const line = (model, item, verdictAt) => {
  const row = make("tr");
  const text = item.type === "block" ? blockText(item) : item.text ?? showWhitespace(model.textAt(item.start)).replaceAll("\n", "");
  const patch = model.patchAt(item.start)?.[2];
  row.append(
    numberCell("Index", item.end - item.start > 1 ? `${whole(item.start)} to ${whole(item.end - 1)}` : whole(item.start)),
    rowTitle(make("code", "", item.type === "run" ? `${text} × ${whole(item.end - item.start)}` : text)),
    numberCell("Id", item.type === "block" || item.type === "glyph" ? "–" : String(model.idAt(item.start))),
    cell("Region", KIND_NAMES[model.regionAt(item.start)[2]]),
    cell("Label", model.isTrained(item.start) ? "in the loss" : "not in the loss"),
    cell("Verdict", VERDICTS[verdictAt(item.start)] || "–"),
    numberCell("Frame", patch && patch.time !== null ? `${patch.from + 1}` : "–"),
  );
  return row;
};

export const tokenTable = (model, items, { at = 0, verdictAt }) => {
  const box = make("div", "vtg-token-table");
  const pages = Math.max(1, Math.ceil(items.length / PAGE));
  let page = Math.floor(at / PAGE);
  const said = make("span", "vtg-muted");
  said.setAttribute("role", "status");
  const turn = (step) => {
    page = Math.max(0, Math.min(page + step, pages - 1));
    draw();
  };
  const [previous, next] = [textButton("Previous", () => turn(-1)), textButton("Next", () => turn(1))];
  const [head, body] = [make("p", "vtg-tools"), make("div", "vtg-token-table-body")];
  body.tabIndex = 0;
  body.setAttribute("role", "region");
  body.setAttribute("aria-label", "Tokens as a table");
  head.append(previous, next, said);
  box.append(head, body);
  const draw = () => {
    const shown = items.slice(page * PAGE, (page + 1) * PAGE);
    [previous.disabled, next.disabled] = [page === 0, page === pages - 1];
    said.textContent = `lines ${whole(page * PAGE + 1)} to ${whole(page * PAGE + shown.length)} of ${whole(items.length)}`;
    const names = ["Index", "Text", "Id", "Region", "Label", "Verdict", "Frame"];
    body.replaceChildren(tableOf(names, shown.map((item) => line(model, item, verdictAt))));
  };
  draw();
  return box;
};
