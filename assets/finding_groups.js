// What was found in a file, by code and by distinct cause; pressing one shows its findings alone.

import { whole } from "./numbers.js";
import { cell, fold, make, numberCell, severityBadge, tableOf, textButton } from "./shared.js";

const MAX_SHOWN = 12; // causes of a code; the others are found by its count
const NAMES = ["Severity", "Code", "What", "Count"];

const causesOf = (group, narrow) => {
  if (group.causes.length < 2) return make("span", "vtg-muted", group.fix);
  const list = make("ul", "vtg-ff-causes");
  for (const { cause, words, count } of group.causes.slice(0, MAX_SHOWN)) {
    const item = make("li");
    const button = textButton(whole(count), () => narrow({ severity: "all", code: group.code, cause }), "Show the findings of this cause");
    button.dataset.key = `cause-${cause}`;
    item.append(button, make("span", "", words));
    list.append(item);
  }
  const more = group.causes.length - MAX_SHOWN;
  if (more > 0) list.append(make("li", "vtg-muted", `and ${whole(more)} more causes`));
  return list;
};

const groupRow = (group, narrow) => {
  const row = make("tr");
  const what = make("span", "", group.title);
  const count = textButton(whole(group.count), () => narrow({ severity: "all", code: group.code, cause: null }), "Show the findings of this code");
  count.dataset.key = `code-${group.code}`;
  row.append(cell(NAMES[0], severityBadge(group.severity)), cell(NAMES[1], make("code", "vtg-code", group.code)), cell(NAMES[2], what, causesOf(group, narrow)), numberCell(NAMES[3], count));
  return row;
};

export const findingGroups = (groups, narrow) => {
  const table = tableOf(NAMES, groups.map((group) => groupRow(group, narrow)), "vtg-file-codes");
  const causes = groups.reduce((sum, group) => sum + group.causes.length, 0);
  const note = `${whole(groups.length)} code${groups.length === 1 ? "" : "s"}, ${whole(causes)} distinct cause${causes === 1 ? "" : "s"}`;
  return fold("finding-groups", "By code and cause", [table], { note, isOpen: true });
};
