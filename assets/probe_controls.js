// A sample under its controls; a value is a ControlsView (vtg_core/views/probes.py).

import { drawFromValue } from "./drawing.js";
import { fixed, signed, whole } from "./numbers.js";
import { cell, make, numberCell, rowTitle, tableOf } from "./shared.js";

const NAMES = ["What is made wrong", "Sum", "Change", "On the times", "Change, as bars"];

const nats = (number) => fixed(number, 2);
const change = (number) => signed(number, 2);

const picture = (row) => {
  const image = make("img", "vtg-pc-frames");
  [image.src, image.alt] = [row.frames, `Frames that the model sees: ${row.control === "real" ? "the real ones" : row.changed}`];
  return image;
};

const rowHead = (row) => {
  const head = rowTitle(make("span", "vtg-recipe-name", row.name));
  const quote = row.control === "other_query" ? make("q", "vtg-pc-detail", row.detail) : make("code", "vtg-code", row.detail);
  if (row.detail) head.append(make("span", "vtg-muted", `${row.changed}: `), quote);
  else if (row.control !== "real") head.append(make("span", "vtg-muted", row.changed));
  if (row.frames) head.append(picture(row));
  return head;
};

// Both bars begin at zero, which stands left unless a change is negative.
const barsOf = (row, least, most) => {
  const box = make("div", "vtg-pc-bars");
  [box.role, box.ariaLabel] = ["img", `${row.name}: ${change(row.change)} nats in all, ${change(row.time_change)} on the times`];
  const at = (number) => (100 * (number - least)) / (most - least);
  box.style.setProperty("--zero", `${at(0)}%`);
  for (const [name, number] of [["all", row.change], ["times", row.time_change]]) {
    const bar = make("span", `vtg-pc-bar vtg-pc-${name}`);
    bar.style.left = `${at(Math.min(number, 0))}%`;
    bar.style.width = `${Math.abs(at(number) - at(0))}%`;
    box.append(bar);
  }
  return box;
};

const rowOf = (view) => (row) => {
  const line = make("tr", row.control === "real" ? "vtg-pc-real" : "");
  line.append(rowHead(row));
  if (row.reason) {
    const reason = cell("", make("span", "vtg-muted", `Not run: ${row.reason}.`));
    reason.colSpan = 4;
    line.append(reason);
    return line;
  }
  line.append(numberCell("Sum", nats(row.sum_nll)));
  if (row.control === "real") line.append(numberCell("Change", "–"), numberCell("On the times", "–"), cell("", make("span", "vtg-muted", "the others are held against it")));
  else line.append(numberCell("Change", change(row.change)), numberCell("On the times", change(row.time_change)), cell("", barsOf(row, view.least, view.most)));
  return line;
};

const legend = () => {
  const list = make("ul", "vtg-pc-legend");
  for (const [name, text] of [["all", "all tokens in the loss"], ["times", "time tokens alone"]]) {
    const item = make("li");
    item.append(make("span", `vtg-pc-swatch vtg-pc-${name}`), text);
    list.append(item);
  }
  return list;
};

const draw = (root, view) => {
  if (!view) return;
  const note = `Nats over the ${whole(view.num_tokens)} tokens in the loss, ${whole(view.num_times)} of which say times. A change above 0: the model believes the true answer less than with the real sample.`;
  root.append(
    make("p", "vtg-reading", view.reading), make("p", "vtg-muted vtg-scored", view.sample),
    make("p", "vtg-muted vtg-pc-note", note), legend(), tableOf(NAMES, view.rows.map(rowOf(view)), "vtg-pc-table"),
    make("p", "vtg-muted vtg-loss-run", view.run),
  );
};

export default (component) => drawFromValue(component, draw);
