// How many errors and warnings, and of what; a value is a StripView (vtg_core/audit_views.py).

drawFromValue((root, view) => {
  if (!view) return;
  const box = make("div", "vtg-strip-box");
  box.setAttribute("role", "status");
  const isAudited = view.num_errors !== null;
  const counts = make("span", "vtg-strip-counts");
  if (isAudited) counts.append(severityBadge("error", view.num_errors), severityBadge("warning", view.num_warnings));
  else counts.append(make("span", "vtg-badge", `– ${view.note}`));
  const isClean = isAudited && !view.num_errors && !view.num_warnings;
  if (isClean) counts.classList.add("vtg-clean");
  for (const [index, number] of [view.num_errors, view.num_warnings].entries()) {
    if (!isAudited || number) continue;
    counts.children[index].classList.add("vtg-none");
    counts.children[index].firstElementChild.textContent = "✓";
  }
  const source = make("span", `vtg-strip-source${view.is_broken ? " vtg-broken" : ""}`);
  if (isAudited) source.append(make("span", "vtg-muted", "audited "));
  source.append(make("b", "", view.source));
  const busy = make("span", "vtg-strip-busy", "… reading; these counts are of the last input");
  box.append(counts, source, busy, textButton("Open the audit", () => openTab("Audit")));
  root.append(box);
});
