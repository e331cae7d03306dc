// The end of the bar: what is set seldom, and the link. The address of the page carries what is on screen, in numbers and
// names of the page's own; a value is what Address.for_script writes (vtg_core/dashboard/address.py).

import { rootOf } from "./drawing.js";
import { addressOf } from "./address.js";
import { openPart, openTab, tabOnScreen, textButton } from "./shared.js";
import { get, on, set } from "./store.js";

const OPEN = "vtg-settings-open";
const SHOWN = ["sample", "template", "answer", "mask", "tab", "colour", "selected"];
const COPIED_FOR = 1500; // milliseconds

const titled = (id) => id[0].toUpperCase() + id.slice(1);

const write = (first) => {
  const shown = Object.fromEntries(SHOWN.map((key) => [key, get(key)]));
  shown.part = get("parts")[shown.tab] ?? "";
  history.replaceState(history.state, "", addressOf(location.search, shown, first));
};

export default ({ element, props, watch }) => {
  const root = rootOf(element);
  const settings = textButton("⚙", () => {
    const isOpen = document.body.classList.toggle(OPEN);
    settings.ariaExpanded = String(isOpen);
  });
  [settings.ariaLabel, settings.title, settings.ariaExpanded] = ["Settings", "Frames, mask policy", "false"];
  const copy = textButton("Copy link", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "See address";
    }
    setTimeout(() => (copy.textContent = "Copy link"), COPIED_FOR);
  });
  copy.title = "The sample as the file has it, template, mask, tab and token; never what you typed";
  root.append(settings, copy);

  let [isOpened, first] = [false, {}]; // before the server has read the address, it is not written
  for (const key of [...SHOWN, "parts"]) on(key, root, () => isOpened && write(first));
  const open = () => {
    if (!props.value) return;
    const { colour, token, tab, part, from, ...asked } = JSON.parse(props.value);
    first = asked.first ?? {};
    const isFirst = tabOnScreen() === titled(from); // or else a person was faster than the server
    if (isFirst && part !== null) openPart(titled(tab ?? from), part);
    else if (isFirst && tab !== null) openTab(titled(tab));
    if (colour !== null) set("colour", colour);
    if (token !== null) set("selected", token);
    isOpened = true;
    write(first);
  };
  open();
  watch("value", open);
};
