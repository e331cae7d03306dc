// What the audit found in the row on screen; a value is an AuditView (vtg_core/views/audit.py).

import { drawFromValue } from "./drawing.js";
import { whole } from "./numbers.js";
import { copyButton, focusTokens, make, openTab, severityBadge, textButton } from "./shared.js";
import { get, set } from "./store.js";

const numTokens = (regions) => regions.reduce((sum, [start, end]) => sum + end - start, 0);

const showTokens = (view) => {
  openTab("Tokens");
  setTimeout(() => set("found", { title: view.title, regions: view.regions }), 0); // once the tab is open, so that the tokens can be scrolled to
  focusTokens();
};

const details = (pairs) => {
  const list = make("dl", "vtg-evidence");
  for (const [name, text] of pairs) {
    const isLong = text.includes("\n") || text.length > 90;
    const value = make("dd");
    value.append(isLong ? make("pre", "", text) : text || "(nothing)");
    list.append(make("dt", "", name), value);
  }
  return list;
};

const paragraph = (title, text) => {
  const node = make("p", "vtg-advice");
  node.append(make("b", "", title), ` ${text}`);
  return node;
};

const finding = (view) => {
  const card = make("article", `vtg-finding vtg-severity-${view.severity}`);
  const head = make("header");
  head.append(severityBadge(view.severity), make("h4", "", view.title), make("code", "vtg-code", view.code));
  if (view.regions.length) {
    const count = numTokens(view.regions);
    const hint = `${whole(count)} token${count === 1 ? "" : "s"}, marked in the Tokens tab`;
    head.append(textButton("Show the tokens", () => showTokens(view), hint));
  }
  card.append(head, make("p", "vtg-message", view.message));
  const more = isBad(view) ? card : make("details", "vtg-more");
  if (more !== card) {
    more.append(make("summary", "", "Evidence, and why it matters"));
    card.append(more);
  }
  if (view.evidence.length) more.append(details(view.evidence));
  if (view.why) more.append(paragraph("Why it matters.", view.why));
  if (view.fix) more.append(paragraph("What to do.", view.fix));
  more.append(copyButton("Copy for an issue", () => view.issue, "Copy the finding, the tokens around it and the versions as Markdown"));
  return card;
};

const isBad = (found) => found.severity === "error" || found.severity === "warning";

const clean = (view) => {
  const box = make("section", "vtg-all-well");
  const title = make("h3", "", "Nothing is wrong with this mask");
  const sign = make("span", "vtg-icon", "✓ ");
  sign.setAttribute("aria-hidden", "true");
  title.prepend(sign);
  box.append(title, make("p", "", view.verdict));
  const list = make("dl", "vtg-checked");
  for (const [name, holds, isChecked] of view.checked) list.append(make("dt", isChecked ? "" : "vtg-unchecked", name), make("dd", isChecked ? "" : "vtg-muted", holds));
  box.append(list);
  return box;
};

const readings = (view, isClean) => {
  const box = make("details", "vtg-readings");
  const names = view.readings.map(([name, says]) => `${name} ${says}`);
  box.append(make("summary", "", isClean ? "Who read it, and what each says" : view.verdict));
  const list = make("ul");
  for (const name of names) list.append(make("li", "", name));
  box.append(list, make("p", "vtg-muted", `They share no step. A mask is judged where two of them agree; ${view.num_checks} kinds of fault are looked for.`));
  return box;
};

const broken = (text) => {
  const box = make("div", "vtg-banner");
  box.setAttribute("role", "status");
  box.append(make("strong", "", "⚒ Broken on purpose: "), text, make("span", "vtg-muted", " The Tokens tab shows the broken row; Prompts and Loss stay ours."));
  return box;
};

const draw = (root, view) => {
  set("found", null);
  if (!view) return;
  if (view.banner) root.append(broken(view.banner));
  if (view.problem) {
    const box = make("p", "vtg-no-audit");
    box.setAttribute("role", "status");
    box.append(make("b", "", "– Not audited. "), view.problem);
    root.append(box);
    return;
  }
  const bad = view.findings.filter(isBad);
  const other = view.findings.filter((found) => !isBad(found));
  if (bad.length) root.append(...bad.map(finding));
  else if (view.readings.length) root.append(clean(view));
  if (view.readings.length) root.append(readings(view, !bad.length));
  if (other.length) {
    root.append(make("h3", "", `Good to know · ${other.length}`), ...other.map(finding));
  }
  markWalked(root, [...bad, ...other]);
};

// The finding that this row was opened for, from the list of the file: marked, and its tokens too.
let walked = null;
const markWalked = (root, findings) => {
  const walk = get("walk");
  const at = walk?.row === get("sample") ? findings.findIndex((found) => found.code === walk.code) : -1;
  if (at < 0) return;
  const card = root.querySelectorAll(".vtg-finding")[at];
  card.classList.add("vtg-walked");
  for (const more of card.querySelectorAll("details")) more.open = true;
  set("found", { title: findings[at].title, regions: findings[at].regions });
  if (walked !== walk) card.scrollIntoView({ block: "nearest" });
  walked = walk;
};

export default (component) => drawFromValue(component, draw);
