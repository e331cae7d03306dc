// The figures of a loss; a value is a LossView (vtg_core/views.py).

drawFromValue((root, view) => {
  if (!view) return;
  const grid = make("dl", "vtg-facts");
  for (const [name, value, meaning] of view.facts) {
    const fact = make("div");
    fact.append(make("dt", "", name), make("dd", "", value), make("dd", "vtg-muted", meaning));
    grid.append(fact);
  }
  root.append(make("p", "vtg-reading", view.reading));
  if (view.facts.length) root.append(make("p", "vtg-muted vtg-scored", view.sample), grid);
});
