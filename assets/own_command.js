// What a first visit does not show: the commands that open one's own collator, and one's own rows, to be copied.

import { rootOf } from "./drawing.js";
import { copyButton, make } from "./shared.js";

const PROGRAM = "python -m vtg_core";
const COLLATOR = "--collator your_package.your_module:your_collator";
const ROWS = "--annotations rows.json --video-root videos";
const COMMANDS = [
  ["Your own collator", `${PROGRAM} ${COLLATOR}`],
  ["Your own rows and model, and the File tab", `${PROGRAM} ${ROWS} --checkpoint Qwen/Qwen3-VL-2B-Instruct`],
];

export default ({ element }) => {
  const list = make("dl");
  for (const [what, command] of COMMANDS) {
    const [name, value, copy] = [make("dt", "vtg-muted", what), make("dd"), copyButton("Copy", () => command, "Copy the command")];
    copy.ariaLabel = `Copy the command: ${what}`;
    value.append(make("code", "", command), copy);
    list.append(name, value);
  }
  rootOf(element).append(list);
};
