// The command that audits a collator of a person's own, to be copied.

import { rootOf } from "./drawing.js";
import { make, textButton } from "./shared.js";

const COMMAND = "python -m vtg_core --collator your_package.your_module:your_collator";

export default ({ element }) => {
  const copy = textButton("Copy", async () => {
    await navigator.clipboard.writeText(COMMAND);
    copy.textContent = "Copied";
  });
  copy.ariaLabel = "Copy the command";
  rootOf(element).append(make("span", "vtg-muted", "Audit your own collator, or a training run from inside, with callbacks=[MaskAudit(processor)]"), make("code", "", COMMAND), copy);
};
