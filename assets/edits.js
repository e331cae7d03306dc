// Says at the first edit that what is on screen is of the input before it; nothing is asked of the server for that. A
// value is what read_from writes (vtg_core/dashboard/telling.py): the fields that what is on screen was read from.

const SAID = "The input was edited: what is shown is of the input before.";
const NOT_THE_SAMPLE = ["batch"]; // what is audited then has nothing to do with the fields

let [read, fields, isUploaded] = [null, null, false];

const asOne = (value) => JSON.stringify(Array.isArray(value) ? [...value].sort() : value === "" ? null : value);
const differs = (name) => read[name] !== null && asOne(read[name]) !== asOne(fields[name]);
const isEdited = () => read !== null && (isUploaded || (fields !== null && (!fields.hasVideo || Object.keys(read).some(differs))));

const root = element.firstElementChild ?? element;
root.setAttribute("role", "status");

const mark = () => {
  const edited = isEdited();
  document.body.classList.toggle("vtg-edited", edited);
  document.body.classList.toggle("vtg-edited-audit", edited && !NOT_THE_SAMPLE.includes(fields?.source));
  if (root.textContent !== (edited ? SAID : "")) root.textContent = edited ? SAID : "";
};

document.addEventListener("vtg-fields", ({ detail }) => {
  fields = detail;
  mark();
});
document.addEventListener("vtg-upload", () => {
  isUploaded = true;
  mark();
});
watch("value", () => {
  [read, isUploaded] = [props.value ? JSON.parse(props.value).fields : null, false];
  mark();
});
