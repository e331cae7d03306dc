// A template of a person's own: typed, checked as one of a file, shown beside the others, and saved as such a file. It is
// text and never run; a value is a TypedTemplateView (vtg_core/views/samples.py).

import { rootOf } from "./drawing.js";
import { download, fold, labelled, make, textButton } from "./shared.js";
import { get, on, set } from "./store.js";

const WAIT = 350; // milliseconds after the last key before the server checks
const EXAMPLE = 'When does "{query}" happen?\nAnswer with: {format}';

const formChoice = (forms) => {
  const select = make("select");
  const names = forms.groups.flatMap(([, group]) => group.map(({ name }) => name));
  for (const name of ["standard", "temporal_tokens", ...names.filter((one) => one !== "standard" && one !== "temporal_tokens")]) select.append(new Option(name, name));
  return select;
};

export default ({ element, props, trigger, watch }) => {
  const root = rootOf(element);
  const [name, text, said, tools] = [make("input"), make("textarea"), make("p", "vtg-tt-said"), make("div", "vtg-ff-tools")];
  const mode = formChoice(JSON.parse(props.forms));
  [name.type, name.value, name.maxLength, name.autocomplete] = ["text", "mine", 60, "off"];
  [text.rows, text.placeholder, text.maxLength, text.spellcheck] = [4, EXAMPLE, 4000, false];
  said.setAttribute("role", "status");
  let [waiting, view] = [null, null];
  const check = () => {
    clearTimeout(waiting);
    if (text.value) waiting = setTimeout(() => trigger("check", { name: name.value, mode: mode.value, text: text.value }), WAIT);
    else tell();
  };
  const save = textButton("Save as YAML", () => download(view.yaml, "templates.yaml", "application/yaml"), "A file for --templates, of the commands and of vtg_core.load_templates");
  const example = textButton("Begin with an example", () => {
    text.value = EXAMPLE;
    check();
  });
  const tell = () => {
    const isOfText = view !== null && text.value !== "" && view.typed === text.value;
    const prompt = isOfText && !view.problem ? view.prompt : null;
    set("typed", prompt);
    save.disabled = !isOfText || !view.yaml;
    example.hidden = text.value !== "";
    text.setAttribute("aria-invalid", String(Boolean(isOfText && view.problem)));
    said.classList.toggle("vtg-tt-problem", Boolean(isOfText && view.problem));
    said.textContent = isOfText ? view.problem || "✓ It can be used; it stands in the table above." : "{query} stands for what is asked, {format} for the words that promise the answer's form. It is text, and never run.";
  };
  for (const field of [name, mode, text]) field.addEventListener("input", check);
  tools.append(labelled("Name", name), labelled("Answers as", mode), save, example);
  root.append(fold("typed-template", "A template of your own", [labelled("Its words", text), tools, said], { note: "beside the sixteen as you type", isOpen: false }));
  on("prompts", root, check); // another sample: the same words are read of it
  const load = () => {
    view = props.value ? JSON.parse(props.value) : null;
    tell();
  };
  load();
  watch("value", load);
};
