// What a forward pass will cost; a value is a CostView (vtg_core/views/loss.py).

import { drawFromValue } from "./drawing.js";
import { make } from "./shared.js";

const draw = (root, view) => {
  if (!view) return;
  root.append(make("p", "vtg-loss-cost", view.cost), make("p", "vtg-muted", view.references));
};

export default (component) => drawFromValue(component, draw);
