// What a link asked for and this page does not have; a value is one sentence, or empty.

import { rootOf } from "./drawing.js";
import { make, textButton } from "./shared.js";

export default ({ element, props, watch }) => {
  const root = rootOf(element);
  root.setAttribute("role", "status");
  const draw = () => {
    root.replaceChildren();
    if (props.value) root.append(make("span", "", props.value), " ", textButton("Dismiss", () => root.replaceChildren()));
  };
  draw();
  watch("value", draw);
};
