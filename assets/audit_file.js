// The audit of a whole file, as far as it is; a value is a FileView (vtg_core/views/audit.py).

import { drawFromValue } from "./drawing.js";
import { whole } from "./numbers.js";
import { cell, make, numberCell, progressBar, severityBadge, stateLine, tableOf, textButton } from "./shared.js";

const STATES = {
  running: (view) => `Audited ${view.headline} …`,
  done: (view) => `Audited ${view.headline}.`,
  partial: (view) => `Partial: stopped after ${view.headline}; this is what was found so far.`,
};

const rowOf = (names, contents) => {
  const row = make("tr");
  row.append(...contents.map((content, i) => (names[i] === "Count" ? numberCell : cell)(names[i], content)));
  return row;
};

const CODES = ["Severity", "Code", "What", "Count", "First rows"];
const FINDINGS = ["Row", "Severity", "Code", "Found"];

const rowButton = (row, where, pick) =>
  row === null ? make("span", "vtg-muted", where || "the file") : textButton(`Row ${whole(row)}`, () => pick(row), `Load this sample (${where})`);

const draw = (root, view, pick) => {
  if (!view || view.state === "idle") return;
  const counts = make("p", "vtg-counts");
  counts.append(severityBadge("error", view.num_errors), severityBadge("warning", view.num_warnings), make("span", "vtg-muted", view.subject));
  root.append(stateLine(view, STATES));
  if (view.state === "running") root.append(progressBar("Rows audited", view.num_rows, view.num_all));
  root.append(counts);
  if (view.summary.length) {
    const rows = view.summary.map((one) => rowOf(CODES, [severityBadge(one.severity), make("code", "vtg-code", one.code), one.title, make("b", "", whole(one.count)), make("span", "vtg-muted", one.first.join("; "))]));
    root.append(make("h4", "", "By code"), tableOf(CODES, rows, "vtg-file-codes"));
  }
  if (view.findings.length) {
    const rows = view.findings.map((one) => rowOf(FINDINGS, [rowButton(one.row, one.where, pick), severityBadge(one.severity), make("code", "vtg-code", one.code), one.message]));
    const shown = view.findings.length < view.num_findings ? `the first ${whole(view.findings.length)} of ${whole(view.num_findings)}` : whole(view.num_findings);
    root.append(make("h4", "", `Errors and warnings · ${shown}`), tableOf(FINDINGS, rows, "vtg-file-findings"));
  } else if (view.state === "done") root.append(make("p", "vtg-all-well", "✓ No row has an error or a warning."));
};

export default (component) => {
  const pick = (row) => {
    component.trigger("pick", { row });
    document.querySelector("#audit-strip")?.scrollIntoView({ block: "start" });
  };
  drawFromValue(component, (root, view) => draw(root, view, pick));
};
