// One message above the tabs: {"level": "error" | "warning" | "info", "text"}.

import { drawFromValue } from "./drawing.js";
import { make } from "./shared.js";

const draw = (root, notice) => {
  document.querySelector("#tabs")?.classList.toggle("vtg-stale", Boolean(notice?.stale));
  if (!notice) return;
  if (notice.stale) notice.text += " What is shown below is still of the last input that could be read.";
  const box = make("div", `vtg-notice-box vtg-${notice.level}`);
  box.setAttribute("role", notice.level === "error" ? "alert" : "status");
  const word = { error: "✕ Not done", warning: "! Note", info: "i" }[notice.level];
  box.append(make("strong", "", word), make("span", "", notice.text));
  root.append(box);
  if (notice.level === "error") box.scrollIntoView({ block: "nearest" });
};

export default (component) => drawFromValue(component, draw);
