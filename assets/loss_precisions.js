// One sample's loss in several floating point types; a value is a PrecisionsView (vtg_core/views/loss.py).

import { drawFromValue } from "./drawing.js";
import { fixed, tiny } from "./numbers.js";
import { cell, make, numberCell, rowTitle, tableOf } from "./shared.js";

const COLUMNS = [
  ["Mean NLL (nats)", (one) => fixed(one.mean_nll, 4)],
  ["Most apart", (one) => (one.largest_difference ? tiny(one.largest_difference) : fixed(one.largest_difference, 0))],
  ["Finite", (one) => (one.is_finite === null ? "not run" : one.is_finite ? "yes" : "no")],
  ["Pass (s)", (one) => fixed(one.seconds, 2)],
  ["Load (s)", (one) => fixed(one.load_seconds, 2)],
];

const precisionRow = (report) => {
  const row = make("tr");
  row.append(rowTitle(report.dtype));
  for (const [name, write] of COLUMNS) row.append((name === "Finite" ? cell : numberCell)(name, write(report)));
  return row;
};

const draw = (root, view) => {
  if (!view) return;
  root.append(
    make("h3", "", "The loss in other floating point types"),
    make("p", "vtg-muted", `${view.sample}. Most apart: the token whose NLL differs most from that in ${view.reports[0].dtype}, in nats.`),
    tableOf(["Type", ...COLUMNS.map(([name]) => name)], view.reports.map(precisionRow), "vtg-figures"),
  );
  for (const report of view.reports.filter((one) => one.reason)) root.append(make("p", "vtg-muted", `${report.dtype}: ${report.reason}`));
};

export default (component) => drawFromValue(component, draw);
