// A folder of results, a page of rows at a time: what a browser does not look at stays on the server. A value is one answer,
// {folder, page, opened, why}, each where there is something new of it (vtg_core/views/results/browsed.py).

import { rootOf } from "./drawing.js";
import { findingGroups } from "./finding_groups.js";
import { whole } from "./numbers.js";
import { choice, labelled, make, openTab, severityBadge, textButton } from "./shared.js";
import { get, on, set } from "./store.js";
import { virtualRows } from "./virtual_rows.js";

const SEVERITIES = [["all", "every row"], ["bad", "errors and warnings"], ["error", "errors"], ["warning", "warnings"], ["policy", "policies"], ["info", "good to know"]];
const NO_FILTER = { severity: "all", code: "", cause: null, text: "" };
const PAGE = 200; // rows, as vtg_core/dashboard/file/results.py
const WAIT = 250; // milliseconds after the last key before rows are looked for
const WALK = "results";

const field = (type, placeholder, event, onInput) => {
  const input = make("input");
  [input.type, input.placeholder, input.autocomplete] = [type, placeholder, "off"];
  let waiting = null;
  input.addEventListener(event, () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => onInput(input.value), event === "input" ? WAIT : 0);
  });
  return input;
};

const HEADS = [["row", "Row"], ["kind", ""], ["code", "Code"], ["message", "Found"], ["video", "Video"], ["template", "Tokens"]];

const headLine = () => {
  const line = make("div", "vtg-ff-head vtg-vrow");
  line.setAttribute("aria-hidden", "true");
  line.append(...HEADS.map(([name, title]) => make("span", `vtg-ff-${name}`, title)));
  return line;
};

const saidOf = (folder) => {
  const rows = `${whole(folder.num_rows)} row${folder.num_rows === 1 ? "" : "s"}`;
  if (!folder.is_partial) return `${rows} of ${folder.file} were audited.`;
  return `Not whole yet: ${rows} of ${folder.file} are done. The audit goes on, or was stopped and --resume goes on with it.`;
};

export default (component) => {
  const root = rootOf(component.element);
  let [folder, page, filter, asked, wanted] = [null, null, { ...NO_FILTER }, 0, null];
  let [at, opening] = [null, null]; // the place of the row that is open among those that were found, and of the one that is asked for
  let goesOn = false; // the next answer is of the page on screen: more rows were looked through
  const [top, groups, tools, chips, counts, ways, panel] = ["top", "groups", "tools", "chips", "counts", "ways", "panel"].map((name) => make("div", `vtg-ff-${name}`));
  counts.setAttribute("role", "status");
  panel.setAttribute("aria-live", "polite");

  // The finding that a row stands in the list with: of the code that is looked for, or else its worst.
  const mainOf = (line) => line.findings.find(({ code }) => code === filter.code) ?? line.findings[0] ?? null;
  const cellsOf = (line) => {
    const [main, kind] = [mainOf(line), make("span", "vtg-ff-kind")];
    if (main) kind.append(severityBadge(main.severity));
    const more = line.num_findings > 1 ? ` (and ${whole(line.num_findings - 1)} more)` : "";
    const text = (name, words) => make("span", `vtg-ff-${name}`, words);
    const message = text("message", main ? main.message + more : "nothing found");
    message.title = message.textContent;
    return [text("row", whole(line.row)), kind, text("code", main?.code ?? ""), message, text("video", line.video), text("template", line.tokens === null ? "" : whole(line.tokens))];
  };

  const point = (place) => {
    const line = page?.lines[place];
    if (!line) return;
    const said = line.findings.flatMap((one) => {
      const [text, fix] = [make("p", "vtg-message", one.message), make("p", "vtg-advice", `What to do. ${one.fix}`)];
      text.prepend(severityBadge(one.severity), make("b", "", ` ${one.title}. `));
      return one.fix ? [text, fix] : [text];
    });
    const tokens = line.tokens === null ? "" : `${whole(line.tokens)} tokens`;
    panel.replaceChildren(make("p", "vtg-muted", [line.where, line.video, tokens].filter(Boolean).join(" · ")), ...said);
    if (!said.length) panel.append(make("p", "", "Nothing was found in this row."));
  };
  const refuse = (why) => panel.append(make("p", "vtg-message", `It is not opened. ${why}`));
  const open = (place) => {
    const line = page?.lines[place];
    if (!line) return;
    if (folder.why_not) {
      point(place);
      return;
    }
    opening = page.first + place;
    component.trigger("pick", { row: line.row });
  };
  const opened = ({ row, why }) => {
    const place = page?.lines.findIndex((line) => line.row === row) ?? -1;
    if (why) {
      if (place >= 0) point(place);
      refuse(why);
      return;
    }
    at = opening;
    const main = place < 0 ? null : mainOf(page.lines[place]);
    if (place >= 0) list.choose(place);
    set("walk", { at, num: page.num, row, code: main?.code ?? "", title: main?.title ?? "", step: 0, of: WALK });
    setTimeout(() => component.trigger("show_row"), 0); // the row is in the bar by then
    openTab("Audit");
    document.querySelector("#audit-strip")?.scrollIntoView({ block: "start" });
    tell();
  };
  const step = (by) => {
    const next = at === null ? (by > 0 ? page.first : page.first + page.lines.length - 1) : at + by;
    if (next < 0 || next >= page.num) return;
    if (next >= page.first && next < page.first + page.lines.length) return open(next - page.first);
    [wanted, opening] = [next, next];
    ask({ first: Math.floor(next / PAGE) * PAGE });
  };
  const list = virtualRows({ label: "Rows of the results; Enter opens one", className: "vtg-ff-list", cellsOf, act: { open, point } });

  const ask = ({ first = 0, counts: isCount = false, event = "turn", again = false } = {}) => {
    [asked, goesOn] = [asked + 1, again];
    component.trigger(event, { ...filter, first, asked, counts: isCount });
    root.toggleAttribute("data-busy", !again);
  };
  const narrow = (change) => {
    filter = { ...filter, ...change };
    [severity.value, code.value, at] = [filter.severity, filter.code, null];
    ask();
  };
  const severity = choice(SEVERITIES, (value) => narrow({ severity: value, code: "", cause: null }));
  const code = choice([["", "every code"]], (value) => narrow({ code: value, cause: null }));
  const text = field("search", "row, video, words…", "input", (value) => narrow({ text: value }));
  const goTo = field("number", "1", "change", (value) => {
    const place = Math.max(0, Math.min(Math.trunc(Number(value)) - 1 || 0, Math.max(0, page.num - 1)));
    wanted = place;
    ask({ first: Math.floor(place / PAGE) * PAGE });
  });
  goTo.min = "1";
  tools.append(labelled("Show", severity), labelled("Code", code), labelled("Search", text), labelled("Go to place", goTo));
  const turn = (words, title, place) => textButton(words, () => ask({ first: place() }), title);
  const back = turn("◂ Page", "The rows before these", () => Math.max(0, page.first - PAGE));
  const on_ = turn("Page ▸", "The rows behind these", () => page.first + PAGE);
  const before = textButton("◂ Previous", () => step(-1), "Open the row before");
  const behind = textButton("Next ▸", () => step(1), "Open the next row");
  ways.append(back, on_, before, behind);
  const body = make("div", "vtg-ff-body");
  body.append(groups, tools, chips, counts, ways, headLine(), list.node, panel);

  const tell = () => {
    const end = page.first + page.lines.length;
    const shown = page.lines.length ? `${whole(page.first + 1)} to ${whole(end)} of ` : "";
    const open = at === null ? "" : ` · row ${whole(at + 1)} of them is open`;
    counts.textContent = `${shown}${whole(page.num)} row${page.num === 1 ? "" : "s"}${page.is_done ? "" : " so far; looking …"}${open}`;
    [back.disabled, on_.disabled] = [page.first === 0, end >= page.num];
    const isShut = Boolean(folder.why_not) || !page.lines.length;
    [before.disabled, behind.disabled] = [isShut || at === 0, isShut || (at !== null && at + 1 >= page.num)];
  };
  const showPage = (shown) => {
    if (shown.asked !== asked) return; // a later question is under way
    root.removeAttribute("data-busy");
    const keeps = goesOn;
    page = shown;
    list.show(page.lines, { keeps });
    chips.replaceChildren();
    const cause = filter.cause === null ? null : folder.codes.flatMap(({ causes }) => causes).find((one) => one.cause === filter.cause);
    if (cause) chips.append(textButton(`Cause: ${cause.words} ✕`, () => narrow({ cause: null }), "Show the other causes too"));
    list.node.classList.toggle("vtg-ff-none", !page.lines.length);
    if (!keeps) panel.replaceChildren(make("p", "vtg-muted", page.lines.length ? "A click or Enter opens the row above the tabs." : page.is_done ? "No row is like that." : "Looking …"));
    const here = wanted !== null ? wanted - page.first : at !== null ? at - page.first : -1;
    if (here >= 0 && here < page.lines.length) list.choose(here);
    if (wanted !== null && wanted === opening && page.lines[here]) open(here);
    if (wanted !== null) wanted = null;
    tell();
    if (!page.is_done) ask({ first: page.first, counts: page.lines.length === PAGE, again: true });
  };
  const showFolder = (shown) => {
    folder = shown;
    const [said, number] = [make("p", "vtg-file-state", saidOf(folder)), (kind) => folder.codes.filter((one) => one.severity === kind).length];
    said.setAttribute("role", "status");
    const heads = make("p", "vtg-counts");
    heads.append(severityBadge("error", number("error")), severityBadge("warning", number("warning")), make("span", "vtg-muted", `kinds found · ${folder.subject} · folder ${folder.name}`));
    top.replaceChildren(said, heads);
    if (folder.is_partial) top.append(textButton("Look again", () => ask({ first: page?.first ?? 0, event: "look" }), "See which rows have come since"));
    if (folder.why_not) top.append(make("p", "vtg-muted", folder.why_not));
    for (const one of folder.beside) {
      const line = make("p", "vtg-message", ` ${one.title}. ${one.message}`);
      line.prepend(severityBadge(one.severity));
      top.append(line);
    }
    groups.replaceChildren(...(folder.codes.length ? [findingGroups(folder.codes, narrow)] : []));
    code.replaceChildren(new Option("every code", ""), ...folder.codes.map((one) => new Option(`${one.code} · ${whole(one.count)}`, one.code)));
    if (!folder.codes.some((one) => one.code === filter.code)) filter = { ...filter, code: "", cause: null };
    code.value = filter.code;
    if (!top.isConnected) root.replaceChildren(top, body);
  };
  const load = () => {
    const answer = component.props.value ? JSON.parse(component.props.value) : null;
    if (!answer) return;
    if (answer.why) root.replaceChildren(make("p", "vtg-message", answer.why));
    if (answer.folder) showFolder(answer.folder);
    if (answer.page && folder) showPage(answer.page);
    if (answer.opened) opened(answer.opened);
  };
  const begin = () => get("tab") === "file" && !folder && ask({ event: "look" });
  on("tab", root, begin);
  on("walk", root, (walk) => walk?.step && walk.of === WALK && page && step(walk.step));
  load();
  begin();
  component.watch("value", load);
};
