// What stands above the tabs of the row on screen: its seconds, and the whole of it; a value is a TokenView
// (vtg_core/views/tokens.py), or {"reason"} where there is none. It is read here, and everyone else has it from the store.

import { rootOf } from "./drawing.js";
import { sequenceBar } from "./sequence_bar.js";
import { on, set } from "./store.js";
import { timeline } from "./timeline.js";
import { readTokens } from "./tokens.js";
import { pictureButton, reportButton } from "./ways_out.js";

export default ({ element, props, trigger, watch }) => {
  const root = rootOf(element);
  const waysOut = (bar) => [pictureButton(bar), ...(props.report ? [reportButton(`${globalThis.gradio_config?.root ?? ""}${props.report}`)] : [])];
  root.append(timeline(root), sequenceBar(root, waysOut));
  const load = () => {
    const view = props.value ? JSON.parse(props.value) : null;
    set("hovered", null);
    set("reason", view?.reason ?? "");
    set("row", view && !view.reason ? readTokens(view) : null);
  };
  load();
  watch("value", load);
  on("window", root, () => trigger("move")); // the fields take it from the store
};
