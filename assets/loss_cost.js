// What a forward pass will cost; a value is a CostView (vtg_core/views/losses.py).

drawFromValue((root, view) => {
  if (!view) return;
  root.append(make("p", "vtg-loss-cost", view.cost), make("p", "vtg-muted", view.references));
});
