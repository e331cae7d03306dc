// Draw what a component shows, and draw it anew when its value changes.

import { on } from "./store.js";

// Where the keyboard was in what is drawn anew, {root, key}. It is kept while what had the key is not drawn, until a
// person goes elsewhere.
let held = null;
const letGo = () => (held = null);
document.addEventListener("focusin", letGo);
document.addEventListener("pointerdown", letGo);

// Draw anew, and leave the keyboard where it was: at what has the same key.
export const redraw = (root, draw) => {
  const { activeElement } = document;
  if (root.contains(activeElement) && activeElement.dataset.key) held = { root, key: activeElement.dataset.key };
  root.replaceChildren();
  draw();
  if (held?.root !== root || document.activeElement !== document.body) return;
  root.querySelector(`[data-key="${CSS.escape(held.key)}"]`)?.focus({ preventScroll: true });
};

// Where a component is drawn: the one element of its template.
export const rootOf = (element) => element.firstElementChild ?? element;

// Draw now, and again whenever the server sends another value. An empty value is drawn as null.
export const drawFromValue = ({ element, props, watch }, draw) => {
  const root = rootOf(element);
  const load = () => redraw(root, () => draw(root, props.value ? JSON.parse(props.value) : null));
  load();
  watch("value", load);
};

// Draw as above, and anew when another mask is chosen.
export const drawByMask = (component, draw) => {
  const root = rootOf(component.element);
  let shown = null;
  drawFromValue(component, (_, view) => {
    shown = view;
    draw(root, view);
  });
  on("mask", root, () => redraw(root, () => draw(root, shown)));
};
