// Which annotation file is open; a value is what file_name writes (vtg_core/dashboard/tabs/file.py).

import { drawFromValue } from "./drawing.js";
import { whole } from "./numbers.js";
import { make } from "./shared.js";

const draw = (root, view) => {
  if (!view) return;
  if (!view.name) {
    root.append(make("span", "vtg-muted", "No annotation file is open. Its videos are looked for in the folders that the page was started with."));
    return;
  }
  root.append(make("b", "", view.name), make("span", "vtg-muted", ` · ${whole(view.num_rows)} row${view.num_rows === 1 ? "" : "s"}`));
};

export default (component) => drawFromValue(component, draw);
