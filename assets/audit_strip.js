// How many errors and warnings, and of what; a value is a StripView (vtg_core/views/audit.py).

import { drawFromValue } from "./drawing.js";
import { whole } from "./numbers.js";
import { make, openTab, severityBadge, textButton } from "./shared.js";
import { set } from "./store.js";

const counted = (pairs) => pairs.reduce((sum, [, count]) => sum + count, 0);

// What a mask does wrong, in one line; the tokens are coloured by the same runs.
const verdict = (num, leaked, lost, right) => {
  if (!leaked && !lost) return right;
  const wrong = leaked ? [`${whole(leaked)} of ${whole(num)} trained tokens are wrong`] : [];
  return [...wrong, ...(lost ? [`${whole(lost)} are missing`] : [])].join(" · ");
};

const draw = (root, view) => {
  root.setAttribute("role", "status"); // it stays, so what is written into it is read out
  const recipe = view?.recipe;
  set("recipe", recipe ? { name: recipe.name, does: recipe.does, used_by: recipe.used_by, runs: recipe.runs, num_tokens: view.num_tokens } : null);
  set("strip", view);
  if (!view) return;
  const box = make("div", "vtg-strip-box");
  const isAudited = view.num_errors !== null;
  const counts = make("span", "vtg-strip-counts");
  if (isAudited) counts.append(severityBadge("error", view.num_errors), severityBadge("warning", view.num_warnings));
  else counts.append(make("span", "vtg-badge", `– ${view.note}`));
  const isClean = isAudited && !view.num_errors && !view.num_warnings;
  if (isClean) counts.classList.add("vtg-clean");
  if (isAudited) counts.classList.add("vtg-verdict");
  const source = make("span", `vtg-strip-source${view.is_broken ? " vtg-broken" : ""}`);
  if (isAudited) source.append(make("span", "vtg-muted", "audited "));
  source.append(make("b", "", view.source));
  const busy = make("span", "vtg-strip-busy", isAudited ? "… reading; these counts are of the last input" : "… reading");
  const said = recipe
    ? verdict(recipe.num_supervised, counted(recipe.leaks), counted(recipe.holes), `trains the same ${whole(recipe.num_supervised)} tokens as ours`)
    : view.counts ? verdict(...view.counts, `trains ${whole(view.counts[0])} tokens, and those alone that it should`) : "";
  if (said) source.append(make("span", "vtg-strip-recipe", ` ${said}`));
  const edited = make("span", "vtg-strip-edited", isAudited ? "of the input before your edit" : "");
  box.append(counts, source, edited, busy, textButton("Open the audit", () => openTab("Audit")));
  root.append(box);
};

export default (component) => drawFromValue(component, draw);
