// What each sample costs under each template: a line a sample, a column a template, coloured within each answer format.

import { fixed, whole } from "./numbers.js";
import { make } from "./shared.js";

const MODES = { standard: "seconds", temporal_tokens: "temporal tokens" };
export const modeName = (mode) => MODES[mode] ?? mode;
export const byMode = (templates) => [...Map.groupBy(templates, (template) => template.mode)];

const nats = (figure, metric) => `${fixed(figure, 3)} ${metric === "mean" ? "nats a token" : "nats"}`;

// The cell that the Tab key goes to outlives the next value.
let held = null;

// `cells` are nats, a list a sample, null where a template has none; `pick` is called with the sample and the template.
export const sampleMap = ({ templates, samples, cells, metric }, pick) => {
  const view = { templates, metric, ranges: rangesOf(templates, cells), pick };
  const [table, body] = [make("table", "vtg-an-map"), make("tbody")];
  table.append(mapHead(templates), body);
  for (const [i, sample] of samples.entries()) body.append(mapLine(view, sample, cells[i]));
  rove(table);
  return { legend: mapLegend(view), table };
};

const rangesOf = (templates, cells) =>
  new Map(
    byMode(templates.map((template, column) => ({ ...template, column }))).map(([mode, own]) => {
      const known = cells.flatMap((line) => own.map(({ column }) => line[column])).filter((cell) => cell !== null);
      return [mode, known.reduce(([low, high], cell) => [Math.min(low, cell), Math.max(high, cell)], [Infinity, -Infinity])];
    }),
  );

const mapLegend = ({ ranges, metric }) => {
  const box = make("p", "vtg-an-legend");
  for (const [mode, [low, high]] of ranges) {
    const scale = make("span", "vtg-an-scale");
    scale.append(make("span", "", `${modeName(mode)}: ${fixed(low, 3)}`), make("span", "vtg-an-ramp"), make("span", "", nats(high, metric)));
    box.append(scale);
  }
  const mark = make("span", "vtg-an-scale");
  mark.append(make("span", "vtg-an-sample vtg-an-best", "0.0"), make("span", "", "best of its answer format"));
  box.append(mark);
  return box;
};

const mapHead = (templates) => {
  const [head, modes, names] = [make("thead"), make("tr"), make("tr")];
  const corner = make("th", "vtg-an-corner", "Sample");
  [corner.rowSpan, corner.scope] = [2, "col"];
  modes.append(corner);
  for (const [mode, own] of byMode(templates)) {
    const title = make("th", "vtg-an-first", modeName(mode));
    [title.colSpan, title.scope] = [own.length, "colgroup"];
    modes.append(title);
    for (const [i, { name }] of own.entries()) {
      const cell = make("th", i ? "" : "vtg-an-first");
      cell.scope = "col";
      cell.append(make("span", "vtg-an-column", name));
      names.append(cell);
    }
  }
  head.append(modes, names);
  return head;
};

const mapCell = ({ metric, ranges, pick }, sample, template, figure, isBest) => {
  const [low, high] = ranges.get(template.mode);
  const button = make("button", `vtg-an-cell${isBest ? " vtg-an-best" : ""}`, fixed(figure, figure < 100 ? 2 : 0));
  [button.type, button.tabIndex] = ["button", -1];
  button.style.setProperty("--at", `${high > low ? (100 * (figure - low)) / (high - low) : 0}%`);
  button.dataset.key = `cell-${sample.row}-${template.mode}-${template.name}`;
  const says = `Row ${whole(sample.row)}, ${template.name}, ${modeName(template.mode)}: ${nats(figure, metric)}${isBest ? ", best of its answer format" : ""}`;
  [button.ariaLabel, button.title] = [`${says}. Open this sample with this template`, `${says}\n${sample.query}`];
  button.addEventListener("click", () => pick(sample, template));
  return button;
};

const mapLine = (view, sample, cells) => {
  const row = make("tr");
  const title = make("th", "vtg-an-row", `${whole(sample.row)} `);
  [title.scope, title.title] = ["row", `${sample.where}\n${sample.query}`];
  title.append(make("span", "vtg-muted", sample.query));
  row.append(title);
  const columns = view.templates.map((template, column) => ({ template, figure: cells[column] }));
  for (const own of Map.groupBy(columns, ({ template }) => template.mode).values()) {
    const lowest = Math.min(...own.map(({ figure }) => figure ?? Infinity));
    for (const [i, { template, figure }] of own.entries()) {
      const cell = make("td", i ? "" : "vtg-an-first");
      if (figure === null) cell.append(make("span", "vtg-muted", "–"));
      else cell.append(mapCell(view, sample, template, figure, own.length > 1 && figure === lowest));
      row.append(cell);
    }
  }
  return row;
};

// One cell takes part in tabbing; the arrow keys move it.
const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

const rove = (table) => {
  const lines = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")].map((cell) => cell.querySelector("button")));
  const all = lines.flat().filter(Boolean);
  const hold = (button) => {
    for (const other of all) other.tabIndex = other === button ? 0 : -1;
    held = button.dataset.key;
  };
  if (all.length) hold(all.find((button) => button.dataset.key === held) ?? all[0]);
  table.addEventListener("focusin", (event) => event.target.matches(".vtg-an-cell") && hold(event.target));
  table.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const line = lines.findIndex((buttons) => buttons.includes(event.target));
    if (!step || line < 0) return;
    event.preventDefault();
    lines[line + step[0]]?.[lines[line].indexOf(event.target) + step[1]]?.focus();
  });
};
