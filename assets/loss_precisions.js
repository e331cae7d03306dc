// One sample's loss in several floating point types; a value is a PrecisionsView (vtg_core/loss_views.py).

const cell = (name, text, className = "") => {
  const node = make("td", className, text);
  node.dataset.name = name;
  return node;
};

const orDash = (number, write) => (number === null ? "–" : write(number));

const precisionRow = (report) => {
  const row = make("tr");
  const title = make("th", "", report.dtype);
  title.scope = "row";
  const isFinite = report.is_finite === null ? "not run" : report.is_finite ? "yes" : "no";
  row.append(
    title,
    cell("Mean NLL (nats)", orDash(report.mean_nll, (nats) => nats.toFixed(4))),
    cell("Largest difference of a token", orDash(report.largest_difference, (nats) => (nats === 0 ? "0" : nats.toExponential(1)))),
    cell("Finite", isFinite),
    cell("Pass (s)", orDash(report.seconds, (seconds) => seconds.toFixed(2))),
    cell("Load (s)", orDash(report.load_seconds, (seconds) => seconds.toFixed(2))),
  );
  return row;
};

drawFromValue((root, view) => {
  if (!view) return;
  const table = make("table", "vtg-table");
  const head = make("tr");
  for (const name of ["Type", "Mean NLL (nats)", "Largest difference of a token", "Finite", "Pass (s)", "Load (s)"]) {
    const title = make("th", "", name);
    title.scope = "col";
    head.append(title);
  }
  const top = make("thead");
  top.append(head);
  const body = make("tbody");
  body.append(...view.reports.map(precisionRow));
  table.append(top, body);
  root.append(
    make("h3", "", "The loss in other floating point types"),
    make("p", "vtg-muted", `${view.sample}. Differences are to ${view.reports[0].dtype}, in nats.`),
    table,
  );
  for (const report of view.reports.filter((one) => one.reason)) root.append(make("p", "vtg-muted", `${report.dtype}: ${report.reason}`));
});
