// Whose mask the page shows. It stands in the store, and whoever changes it there is followed here and by the server; a
// value is the mask's name, and `choices` what mask_choices writes (vtg_core/dashboard/masks.py).

import { rootOf } from "./drawing.js";
import { make } from "./shared.js";
import { get, on, set } from "./store.js";

export default ({ element, props, trigger, watch }) => {
  const root = rootOf(element);
  const [label, select] = [make("label", "vtg-bar-label", "Mask of"), make("select")];
  [select.id, label.htmlFor] = ["mask-of", "mask-of"];
  for (const [title, masks] of JSON.parse(props.choices)) {
    const group = make("optgroup");
    group.label = title;
    for (const [name, words] of masks) {
      const option = make("option", "", words);
      option.value = name;
      group.append(option);
    }
    select.append(group);
  }
  root.append(label, select);
  select.addEventListener("change", () => set("mask", select.value));
  on("mask", root, (mask) => {
    select.value = mask;
    if (props.value === mask) return; // the server said so
    props.value = mask;
    trigger("choose");
  });
  const load = () => {
    set("mask", props.value);
    select.value = get("mask");
  };
  load();
  watch("value", load);
};
