// How answers are written: each form with the window on screen in it. A value is the form's name; `forms` is a FormsView
// (vtg_core/views/samples.py) until the store holds one of the sample on screen.

import { rootOf } from "./drawing.js";
import { upTo } from "./numbers.js";
import { make } from "./shared.js";
import { get, on } from "./store.js";

// Standing before every name, so that names line up where what is written is short.
const wordsOf = ({ name, written }) => `${written}\u2002·\u2002${name}`;

const optionOf = (form) => {
  const option = make("option", "", wordsOf(form));
  option.value = form.name;
  return option;
};

const groupOf = ([title, forms]) => {
  const group = make("optgroup");
  group.label = title;
  group.append(...forms.map(optionOf));
  return group;
};

const aboutOf = ({ name, step }) => (step === null ? name : `${name}: its smallest step here is ${upTo(step, 3)} s`);

export default ({ element, props, trigger, watch }) => {
  const root = rootOf(element);
  const [label, select] = [make("label", "vtg-bar-label", "Answer"), make("select")];
  [select.id, label.htmlFor] = ["answer-form", "answer-form"];
  root.append(label, select);
  const draw = () => {
    const { groups } = get("forms") ?? JSON.parse(props.forms);
    const all = groups.flatMap(([, forms]) => forms);
    select.replaceChildren(...groups.map(groupOf));
    let chosen = all.find((form) => form.name === props.value);
    if (!chosen) {
      chosen = { name: props.value, written: "…", step: null };
      select.append(optionOf(chosen));
    }
    [select.value, select.title] = [props.value, aboutOf(chosen)];
  };
  select.addEventListener("change", () => {
    props.value = select.value;
    trigger("choose");
  });
  on("forms", root, draw);
  draw();
  watch("value", draw);
};
