// Says at the first edit that what is on screen is of the input before it; nothing is asked of the server for that. A
// value is what read_from writes (vtg_core/dashboard/session/replies.py): the fields that what is on screen was read from.

import { rootOf } from "./drawing.js";
import { get, on } from "./store.js";

const SAID = "The input was edited: what is shown is of the input before.";
const NOT_THE_SAMPLE = ["batch"]; // what is audited then has nothing to do with the fields

const asOne = (value) => JSON.stringify(Array.isArray(value) ? [...value].sort() : value === "" ? null : value);

const isEdited = (read, fields) => {
  const differs = (name) => read[name] !== null && asOne(read[name]) !== asOne(fields[name]);
  return fields !== null && (!fields.hasVideo || Object.keys(read).some(differs));
};

export default ({ element, props, watch }) => {
  const root = rootOf(element);
  root.setAttribute("role", "status");
  let [read, uploadsRead] = [null, 0];
  const mark = () => {
    const [fields, isUploaded] = [get("fields"), get("uploads") !== uploadsRead];
    const edited = read !== null && (isUploaded || isEdited(read, fields));
    document.body.classList.toggle("vtg-edited", edited);
    document.body.classList.toggle("vtg-edited-audit", edited && !NOT_THE_SAMPLE.includes(fields?.source));
    if (root.textContent !== (edited ? SAID : "")) root.textContent = edited ? SAID : "";
  };
  const load = () => {
    [read, uploadsRead] = [props.value ? JSON.parse(props.value).fields : null, get("uploads")];
    mark();
  };
  on("fields", element, mark);
  on("uploads", element, mark);
  load();
  watch("value", load);
};
