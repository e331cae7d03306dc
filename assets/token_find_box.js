// The field in which tokens are looked for, and how many there are.

import { whole } from "./numbers.js";
import { make, textButton } from "./shared.js";
import { set } from "./store.js";
import { findIn, parseQuery } from "./token_find.js";

export const findBox = ({ onFound, onDone, stateOf }) => {
  const box = make("div", "vtg-find");
  box.setAttribute("role", "search");
  const field = make("input", "vtg-find-field");
  Object.assign(field, { type: "search", placeholder: "Find: text, /regex/, is:trained …", ariaLabel: "Find in the tokens", spellcheck: false, autocomplete: "off" });
  const said = make("span", "vtg-find-said vtg-muted");
  said.setAttribute("role", "status");
  const [previous, next] = [textButton("‹", () => step(-1)), textButton("›", () => step(1))];
  [previous.ariaLabel, next.ariaLabel] = ["Previous match", "Next match"];
  box.append(field, previous, next, said);
  let [matches, at] = [[], -1];

  const tell = () => {
    [previous.disabled, next.disabled] = [!matches.length, !matches.length];
    if (matches.length) said.textContent = `${whole(at + 1)} of ${whole(matches.length)}`;
    onFound(matches, at);
  };
  const look = () => {
    const { model, ...state } = stateOf();
    const query = parseQuery(field.value);
    const isEmpty = !field.value.trim();
    matches = model && !query.problem && !isEmpty ? findIn(model, query, state) : [];
    at = matches.length ? 0 : -1;
    said.textContent = isEmpty ? "" : (query.problem ?? "no match");
    tell();
  };
  const step = (by) => {
    if (!matches.length) return;
    at = (at + by + matches.length) % matches.length;
    tell();
  };
  field.addEventListener("input", look);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (event.shiftKey) step(-1);
      else if (matches.length === 1 || event.ctrlKey || isFresh) onDone();
      else step(1);
      isFresh = false;
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (!field.value) return onDone();
      field.value = "";
      look();
    } else isFresh = true;
    return undefined;
  });
  let isFresh = false; // the first Enter goes to the match, further ones in the field go on from it
  const open = (text = null) => {
    if (text !== null) field.value = text;
    field.focus();
    if (text === null) field.select();
    else field.setSelectionRange(text.length, text.length);
    set("hovered", null);
  };
  tell();
  return { node: box, open, step, again: look };
};
