// The audit of a whole file: its findings grouped, narrowed, walked and written out; a value is a FileView
// (vtg_core/views/audit_file.py). Values come while a person reads, so what they chose is kept and nothing is built anew.

import { rootOf } from "./drawing.js";
import { asCsv, asJson, filtered, groupsOf, NO_FILTER, numRows, readFindings, sorted, SORTS, stepFrom } from "./findings.js";
import { findingGroups } from "./finding_groups.js";
import { whole } from "./numbers.js";
import { choice, download, labelled, make, openTab, progressBar, severityBadge, stateLine, textButton } from "./shared.js";
import { on, set } from "./store.js";
import { virtualRows } from "./virtual_rows.js";

const STATES = {
  running: (view) => `Audited ${view.headline} …`,
  done: (view) => `Audited ${view.headline}.`,
  partial: (view) => `Partial: stopped after ${view.headline}; this is what was found so far.`,
};
const SEVERITIES = [["bad", "errors and warnings"], ["error", "errors"], ["warning", "warnings"], ["policy", "policies"], ["info", "good to know"], ["all", "everything"]];
const HINT = "A click or Enter opens the row above the tabs, with its finding.";
const WAIT = 120; // milliseconds after the last key before the rows are narrowed

const searchField = (placeholder, onInput) => {
  const field = make("input");
  [field.type, field.placeholder, field.autocomplete] = ["search", placeholder, "off"];
  let waiting = null;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => onInput(field.value), WAIT);
  });
  return field;
};

const cellsOf = (one) => {
  const text = (name, words) => make("span", `vtg-ff-${name}`, words);
  const [kind, message] = [make("span", "vtg-ff-kind"), text("message", one.message)];
  kind.append(severityBadge(one.severity));
  message.title = one.message;
  return [text("row", one.row === null ? "–" : whole(one.row)), kind, text("code", one.code), message, text("video", one.video), text("template", one.template), text("query", one.query)];
};

const HEADS = [["row", "Row"], ["kind", ""], ["code", "Code"], ["message", "Found"], ["video", "Video"], ["template", "Template"], ["query", "Query"]];

const headLine = () => {
  const line = make("div", "vtg-ff-head vtg-vrow");
  line.setAttribute("aria-hidden", "true");
  line.append(...HEADS.map(([name, title]) => make("span", `vtg-ff-${name}`, title)));
  return line;
};

export default (component) => {
  const root = rootOf(component.element);
  let [view, rows, shown, filter, by, at] = [null, [], [], { ...NO_FILTER }, "worst", null];
  const [top, groups, tools, counts, chips, panel] = ["vtg-ff-top", "vtg-ff-groups", "vtg-ff-tools", "vtg-ff-counts", "vtg-ff-chips", "vtg-ff-panel"].map((name) => make("div", name));
  counts.setAttribute("role", "status");
  panel.setAttribute("aria-live", "polite");

  const open = (place) => {
    const one = shown[place];
    if (!one || one.row === null) return;
    at = place;
    list.choose(place);
    set("walk", { at: place, num: shown.length, row: one.row, code: one.code, title: one.title, step: 0 });
    component.trigger("pick", { row: one.row, mask: view.mask, mode: view.mode, template: one.template });
    openTab("Audit");
    document.querySelector("#audit-strip")?.scrollIntoView({ block: "start" });
    tell();
  };
  const step = (by_step) => {
    const next = stepFrom(shown, at ?? (by_step > 0 ? -1 : shown.length), by_step);
    if (next !== null) open(next);
  };
  const point = (place) => {
    const one = shown[place];
    if (!one) return;
    const code = view.codes.find(({ code: name }) => name === one.code);
    const said = make("p", "vtg-message", one.message);
    said.prepend(make("b", "", `${one.title}. `));
    panel.replaceChildren(said, make("p", "vtg-muted", [one.where || "the file", one.video, one.qid && `qid ${one.qid}`, one.query].filter(Boolean).join(" · ")));
    if (code?.fix) panel.append(make("p", "vtg-advice", `What to do. ${code.fix}`));
  };
  const list = virtualRows({ label: "Findings of the file; Enter opens a row", className: "vtg-ff-list", cellsOf, act: { open, point } });

  const severity = choice(SEVERITIES, (value) => narrow({ severity: value, code: "", cause: null }));
  const code = choice([["", "every code"]], (value) => narrow({ code: value, cause: null }));
  const template = choice([["", "every template"]], (value) => narrow({ template: value }));
  const video = searchField("any", (value) => narrow({ video: value }));
  const text = searchField("row, qid, words…", (value) => narrow({ text: value }));
  const order = choice(Object.entries(SORTS).map(([name, [words]]) => [name, words]), (value) => {
    by = value;
    show();
  });
  const before = textButton("◂ Previous", () => step(-1), "Open the row of the finding before");
  const behind = textButton("Next ▸", () => step(1), "Open the row of the next finding");
  const csv = textButton("CSV", () => download(asCsv(shown), "findings.csv", "text/csv"), "Save exactly the findings that are shown, in their order");
  const json = textButton("JSON", () => download(asJson(shown, view, filter), "findings.json", "application/json"), "Save exactly the findings that are shown, in their order");
  const ways = make("span", "vtg-ff-ways");
  ways.append(before, behind, make("span", "vtg-muted", "Save what is shown"), csv, json);
  tools.append(
    labelled("Show", severity), labelled("Code", code), labelled("Template", template), labelled("Video has", video), labelled("Search", text), labelled("Sort", order),
  );
  const body = make("div", "vtg-ff-body");
  body.append(groups, tools, chips, counts, ways, headLine(), list.node, panel);

  const narrow = (change) => {
    filter = { ...filter, ...change };
    [severity.value, code.value, template.value] = [filter.severity, filter.code, filter.template];
    show();
  };
  const tell = () => {
    const [num, all] = [shown.length, view.num_findings];
    const listed = rows.length < all ? `; ${whole(rows.length)} of ${whole(all)} are listed${view.state === "running" ? " so far" : ""}` : "";
    const place = at === null ? "" : ` · finding ${whole(at + 1)} is open`;
    counts.textContent = `${whole(num)} of ${whole(all)} findings, in ${whole(numRows(shown))} of ${whole(view.num_in_file)} rows${listed}${place}`;
    [before.disabled, behind.disabled] = [stepFrom(shown, at ?? shown.length, -1) === null, stepFrom(shown, at ?? -1, 1) === null];
    [csv.disabled, json.disabled] = [!num, !num];
  };
  const show = ({ keeps = false } = {}) => {
    const opened = at === null ? null : shown[at];
    shown = sorted(filtered(rows, filter), by);
    const found = opened ? shown.findIndex((one) => one.row === opened.row && one.code === opened.code && one.message === opened.message) : -1;
    at = found < 0 ? null : found;
    list.show(shown, { keeps });
    if (at !== null && !keeps) list.choose(at);
    else if (at === null) list.choose(null);
    chips.replaceChildren();
    if (filter.cause !== null) chips.append(textButton(`Cause: ${view.causes[filter.cause]} ✕`, () => narrow({ cause: null }), "Show the other causes too"));
    list.node.classList.toggle("vtg-ff-none", !shown.length);
    if (!keeps || !panel.children.length) panel.replaceChildren(make("p", "vtg-muted", shown.length ? HINT : rows.length ? "No finding is like that." : "Nothing was found."));
    tell();
  };
  const fill = (select, values, first) => {
    const chosen = select.value;
    select.replaceChildren(new Option(first, ""), ...values.map(([value, words]) => new Option(words, value)));
    select.value = values.some(([value]) => value === chosen) ? chosen : "";
  };
  const load = () => {
    view = component.props.value ? JSON.parse(component.props.value) : null;
    if (!view || view.state === "idle") {
      root.replaceChildren();
      set("walk", null);
      [rows, shown, filter, at] = [[], [], { ...NO_FILTER }, null];
      return;
    }
    const keeps = rows.length > 0;
    rows = readFindings(view);
    if (filter.cause !== null && filter.cause >= view.causes.length) filter.cause = null;
    const number = (wanted) => view.codes.filter(({ severity: kind }) => kind === wanted).reduce((sum, { count }) => sum + count, 0);
    const heads = make("p", "vtg-counts");
    heads.append(severityBadge("error", number("error")), severityBadge("warning", number("warning")), make("span", "vtg-muted", view.subject));
    top.replaceChildren(stateLine(view, STATES));
    if (view.state === "running") top.append(progressBar("Rows audited", view.num_rows, view.num_all));
    if (view.can_go_on) top.append(textButton("Go on where it stopped", () => component.trigger("go_on"), "Audit the rows that are left; what was found stays"));
    top.append(heads);
    const isWell = !number("error") && !number("warning");
    if (view.state === "done" && isWell) top.append(make("p", "vtg-all-well", "✓ No row has an error or a warning."));
    groups.replaceChildren(...(view.codes.length ? [findingGroups(groupsOf(view, rows), narrow)] : []));
    fill(code, view.codes.map((one) => [one.code, `${one.code} · ${whole(one.count)}`]), "every code");
    fill(template, view.templates.filter(Boolean).map((name) => [name, name]), "every template");
    filter = { ...filter, code: code.value, template: template.value };
    template.closest("label").hidden = view.templates.filter(Boolean).length < 2;
    body.hidden = !view.codes.length;
    if (!top.isConnected) root.replaceChildren(top, body);
    show({ keeps });
  };
  on("walk", root, (walk) => walk?.step && !walk.of && step(walk.step));
  load();
  component.watch("value", load);
};
