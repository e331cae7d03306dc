// The first stop of the keyboard: past everything, to the tokens. It is seen while it has the keyboard.

import { rootOf } from "./drawing.js";
import { focusTokens, openTab, textButton } from "./shared.js";

export default ({ element }) => {
  const skip = textButton("Go to the tokens", () => {
    openTab("Tokens");
    focusTokens();
  });
  rootOf(element).append(skip);
};
