// One message above the tabs: {"level": "error" | "warning" | "info", "text", "field"}. An error of a field stands at that
// field, over what is beneath, so that nothing moves.

import { drawFromValue } from "./drawing.js";
import { make } from "./shared.js";

const INVALID = "aria-invalid";

const standAt = (root, box, id) => {
  const field = document.getElementById(id);
  if (!field) return;
  if (!field.checkVisibility()) document.body.classList.add("vtg-settings-open"); // it is among what is set seldom
  field.querySelector("input, textarea")?.setAttribute(INVALID, "true");
  const [at, from] = [field.getBoundingClientRect(), root.closest(".block").offsetParent.getBoundingClientRect()];
  box.classList.add("vtg-at-field");
  box.style.top = `${at.bottom - from.top + 6}px`;
  box.style.left = `${Math.max(0, Math.min(at.left - from.left, from.width - box.offsetWidth))}px`;
};

const draw = (root, notice) => {
  document.querySelector("#tabs")?.classList.toggle("vtg-stale", Boolean(notice?.stale));
  for (const field of document.querySelectorAll(`[${INVALID}]`)) field.removeAttribute(INVALID);
  if (!notice) return;
  if (notice.stale) notice.text += " What is shown below is still of the last input that could be read.";
  const box = make("div", `vtg-notice-box vtg-${notice.level}`);
  box.setAttribute("role", notice.level === "error" ? "alert" : "status");
  const word = { error: "✕ Not done", warning: "! Note", info: "i" }[notice.level];
  box.append(make("strong", "", word), make("span", "", notice.text));
  root.append(box);
  if (notice.field) standAt(root, box, notice.field);
  if (notice.level === "error") box.scrollIntoView({ block: "nearest" });
};

export default (component) => drawFromValue(component, draw);
