// Which sample is on screen: its number, the one before and behind it, and a search; a value is what Samples.view writes
// (vtg_core/dashboard/samples.py). The same object goes back with another number, or with what is looked for.

import { rootOf } from "./drawing.js";
import { whole } from "./numbers.js";
import { make, textButton } from "./shared.js";
import { set } from "./store.js";

const WAIT = 200; // milliseconds after the last key before a search

export default ({ element, props, trigger, watch }) => {
  const root = rootOf(element);
  let view = JSON.parse(props.value);
  const send = (change, event) => {
    props.value = JSON.stringify({ ...view, found: null, ...change });
    trigger(event);
  };
  const number = make("input");
  [number.type, number.min, number.step, number.inputMode] = ["number", "1", "1", "numeric"];
  let waiting = null;
  let asked = 0; // how many picks there were: an answer to an earlier one comes late
  let steps = 0; // how many samples on from the number on screen, until the answer says which that is
  const ask = () => send({ number: view.number, steps, find: null, asked }, "pick");
  const pick = (wanted, further = 0) => {
    close();
    clearTimeout(waiting);
    view = { ...view, number: wanted, found: null };
    steps = further;
    asked += 1;
    ask();
  };
  const before = textButton("◂", () => pick(view.number, steps - 1));
  const behind = textButton("▸", () => pick(view.number, steps + 1));
  const of = make("span", "vtg-muted");
  const find = make("input", "vtg-picker-find");
  find.maxLength = 200; // as much of it as the server looks for
  [find.type, find.placeholder, find.autocomplete] = ["search", "find…", "off"];
  [find.role, find.ariaExpanded, find.ariaAutoComplete] = ["combobox", "false", "list"];
  const list = make("ul", "vtg-picker-list");
  [list.role, list.ariaLabel, list.id, list.hidden] = ["listbox", "Samples", "sample-list", true];
  find.setAttribute("aria-controls", list.id);
  const label = make("label", "vtg-bar-label");
  root.append(label, before, number, of, behind, find, list);

  const options = () => [...list.querySelectorAll("[role=option]")];
  const at = () => options().findIndex((one) => one.ariaSelected === "true");
  const close = () => {
    [list.hidden, find.ariaExpanded] = [true, "false"];
    find.removeAttribute("aria-activedescendant");
  };
  const select = (index) => {
    options().forEach((one, i) => (one.ariaSelected = String(i === index)));
    const chosen = options()[index];
    if (!chosen) return;
    find.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  };
  const option = ([place, qid, name]) => {
    const one = make("li");
    [one.role, one.id] = ["option", `sample-${place}`];
    one.dataset.number = place;
    one.append(make("b", "", String(place)), make("span", "", name), make("span", "vtg-muted", qid ? `qid ${qid}` : ""));
    one.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      pick(place);
    });
    return one;
  };
  const list_found = () => {
    list.replaceChildren(...view.found.map(option));
    const more = view.num_found - view.found.length;
    if (!view.num_found) list.append(make("li", "vtg-muted", `no ${view.what} has this in its number, qid or text`));
    if (more > 0) list.append(make("li", "vtg-muted", `and ${whole(more)} more`));
    [list.hidden, find.ariaExpanded] = [document.activeElement !== find, String(document.activeElement === find)];
    select(view.find ? 0 : view.found.findIndex(([place]) => place === view.number));
  };
  const show = () => {
    const noun = view.what === "row" ? "Row" : "Example";
    [label.textContent, number.ariaLabel, find.ariaLabel] = [noun, `${noun} number`, `Find ${view.what}s by number, qid or text`];
    [before.ariaLabel, behind.ariaLabel] = [`Previous ${view.what}`, `Next ${view.what}`];
    [before.disabled, behind.disabled] = [view.previous === null, view.next === null];
    [of.textContent, number.max] = [`of ${whole(view.last)}`, view.last];
    if (number.value !== String(view.number ?? "")) number.value = view.number ?? "";
    set("sample", view.number);
    if (view.found) list_found();
  };

  const seek = () => send({ find: find.value }, "find");
  find.addEventListener("focus", seek);
  find.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(seek, WAIT);
  });
  find.addEventListener("blur", close);
  find.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !list.hidden) select(Math.max(0, Math.min(options().length - 1, at() + step)));
    else if (event.key === "Enter" && !list.hidden && options()[at()]) pick(Number(options()[at()].dataset.number));
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  number.addEventListener("change", () => pick(number.value === "" ? null : Number(number.value)));
  show();
  watch("value", () => {
    const came = JSON.parse(props.value);
    if (came.found && came.number !== view.number) {
      props.value = JSON.stringify(view); // what was looked for before something was picked
      return;
    }
    if (came.asked !== null && came.asked < asked) {
      ask(); // picked while the answer was under way, and then overwritten by it
      return;
    }
    if (!came.found) steps = 0;
    view = came;
    show();
    if (came.found && came.find !== find.value) seek(); // typed while the answer was under way, and then overwritten by it
  });
};
