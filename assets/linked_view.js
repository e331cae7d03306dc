// What stands above the tabs of the sample on screen: its seconds, and its whole row. It has no value: the tokens on
// screen are in the store.

import { rootOf } from "./drawing.js";
import { sequenceBar } from "./sequence_bar.js";
import { timeline } from "./timeline.js";

export default ({ element }) => {
  const root = rootOf(element);
  root.append(timeline(root), sequenceBar(root));
};
