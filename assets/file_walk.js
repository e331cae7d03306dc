// Which finding of the file the row on screen was opened for, and the way to the one before, the next, and back.

import { redraw, rootOf } from "./drawing.js";
import { whole } from "./numbers.js";
import { make, openPart, textButton } from "./shared.js";
import { get, on, set } from "./store.js";


export default ({ element, props }) => {
  const root = rootOf(element);
  const tabOf = (walk) => (walk?.of === "results" || props.opens === "Results" ? "Results" : "Findings");
  const openFindings = () => openPart("File", tabOf(get("walk")));
  const go = (step) => set("walk", { ...get("walk"), step });
  const draw = () =>
    redraw(root, () => {
      const walk = get("walk");
      if (!walk) {
        const tab = tabOf(null);
        root.append(textButton(tab === "Results" ? "Browse the results" : "Audit the whole file", openFindings, `Opens File, ${tab}`));
        return;
      }
      const isShown = walk.row === get("sample");
      const said = make("span", "", `${isShown ? "From" : "Opened last from"} the file: ${walk.of ? "row" : "finding"} ${whole(walk.at + 1)} of ${whole(walk.num)}, row ${whole(walk.row)} `);
      said.append(make("code", "vtg-code", walk.code));
      const keyed = [textButton("◂", () => go(-1), "Previous finding"), textButton("▸", () => go(1), "Next finding"), textButton(walk.of ? "Back to the results" : "Back to the findings", openFindings)];
      for (const [i, name] of ["before", "behind", "back"].entries()) keyed[i].dataset.key = `walk-${name}`;
      [keyed[0].ariaLabel, keyed[1].ariaLabel, keyed[0].disabled, keyed[1].disabled] = ["Previous finding", "Next finding", walk.at <= 0, walk.at + 1 >= walk.num];
      root.append(said, ...keyed);
    });
  on("walk", root, draw);
  on("sample", root, draw);
  draw();
};
