// Shared by our components: build elements from text. Nothing here, or in any component, writes markup.

const make = (tag, className = "", text = null) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== null) node.textContent = text;
  return node;
};

const whole = (number) => number.toLocaleString("en-US");

// "all" only where it is all of the file's rows.
const ofRows = (number, all) => {
  if (number < all) return `${whole(number)} of ${whole(all)} rows`;
  return all === 1 ? "one row" : `all ${whole(all)} rows`;
};

// With a real minus sign; what is rounded to nothing has no sign.
const signed = (number, digits) => {
  const size = Math.abs(number).toFixed(digits);
  return Number(size) === 0 ? size : `${number > 0 ? "+" : "−"}${size}`;
};

const KIND_NAMES = {
  system: "system",
  role_header: "role header",
  instruction: "instruction",
  query: "query",
  video: "video",
  timestamp: "time stamp",
  thinking: "thinking",
  answer: "answer",
  end_of_turn: "end of turn",
  chat: "chat template",
  padding: "padding",
};

// White space that would be invisible is written as a glyph; a line break also breaks the line.
const showWhitespace = (text) =>
  text
    .replace(/\r/g, "␍")
    .replace(/\n/g, "⏎\n")
    .replace(/\t/g, "⇥")
    .replace(/^ | $/g, "␣")
    .replace(/[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]/g, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase()}⟩`);

// Draw anew, and leave the keyboard where it was: at what has the same key.
const redraw = (root, draw) => {
  const key = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  root.replaceChildren();
  draw();
  if (key) root.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
};

// Draw now, and again whenever the server sends another value. An empty or broken value draws nothing.
const drawFromValue = (draw) => {
  const root = element.firstElementChild ?? element;
  const load = () => redraw(root, () => draw(root, props.value ? JSON.parse(props.value) : null));
  load();
  watch("value", load);
};

// A severity is an icon and a word, and a colour beside them.
const SEVERITIES = { error: ["✕", "error"], warning: ["!", "warning"], policy: ["§", "policy"], info: ["i", "info"] };

const severityBadge = (severity, count = null) => {
  const [icon, word] = SEVERITIES[severity];
  const badge = make("span", `vtg-badge vtg-severity-${severity}`);
  if (count === 0) badge.classList.add("vtg-none");
  const sign = make("span", "vtg-icon", count === 0 ? "✓" : icon);
  sign.setAttribute("aria-hidden", "true");
  const written = count === null ? word : `${count ? whole(count) : "no"} ${word}${count === 1 ? "" : "s"}`;
  badge.append(sign, written);
  return badge;
};

const textButton = (text, onClick, title = "") => {
  const button = make("button", "vtg-button", text);
  button.type = "button";
  if (title) button.title = title;
  button.addEventListener("click", onClick);
  return button;
};

// A cell says which column it is of: a narrow screen may have no head to say it. Figures stand on the right.
const cell = (name, ...content) => {
  const node = make("td");
  node.dataset.name = name;
  node.append(...content);
  return node;
};

const numberCell = (name, ...content) => {
  const node = cell(name, ...content);
  node.classList.add("vtg-number");
  return node;
};

const rowTitle = (...content) => {
  const node = make("th");
  node.scope = "row";
  node.append(...content);
  return node;
};

const tableOf = (names, rows, className = "") => {
  const [table, top, head, body] = [make("table", `vtg-table ${className}`.trim()), make("thead"), make("tr"), make("tbody")];
  const isNumber = (name) => rows.some((row) => [...row.cells].some((one) => one.dataset.name === name && one.matches(".vtg-number")));
  for (const name of names) {
    const title = make("th", isNumber(name) ? "vtg-number" : "", name);
    title.scope = "col";
    head.append(title);
  }
  top.append(head);
  body.append(...rows);
  table.append(top, body);
  return table;
};

// What is secondary is shut where the screen is narrow. What a person opened or shut stays so.
const folds = {};

const fold = (name, title, content, { note = "", isOpen = !matchMedia("(max-width: 40rem)").matches } = {}) => {
  const [box, summary] = [make("details", "vtg-fold"), make("summary")];
  box.open = folds[name] ?? isOpen;
  summary.dataset.key = `fold-${name}`;
  summary.append(make("h3", "", title));
  if (note) summary.append(make("span", "vtg-muted", note));
  summary.addEventListener("click", () => (folds[name] = !box.open));
  const body = make("div", "vtg-fold-body");
  body.append(...content);
  box.append(summary, body);
  return box;
};

// How a loss is coloured: a square root spreads the small losses of a trained model, which a linear scale would paint
// all alike.
const heatShare = (nll, most) => Math.sqrt(Math.min(nll / (most || 1), 1));

const heatLegend = (most, uniform) => {
  const [legend, scale] = [make("div", "vtg-heat-legend"), make("div", "vtg-heat-scale")];
  const guess = `ln V = ${uniform.toFixed(2)}`;
  [scale.role, scale.ariaLabel] = ["img", `The colour scale: from 0 to ${most.toFixed(2)} nats; a blind guess costs ${guess}`];
  const kept = [];
  const marks = [[uniform, guess, "vtg-heat-uniform"], [0, "0", ""], [most, most.toFixed(2), ""]];
  for (const number of [4, 1, 0.2]) marks.push([number, String(number), number === 4 ? "vtg-heat-wide" : ""]);
  for (const [number, text, className] of marks) {
    const at = heatShare(number, most);
    if (number > most || kept.some((other) => Math.abs(other - at) < (at > 0.5 ? 0.25 : 0.12))) continue;
    kept.push(at);
    const mark = make("span", `vtg-heat-mark ${className}`.trim(), text);
    mark.style.left = `${100 * at}%`;
    if (at > 0.85) mark.classList.add("vtg-heat-last");
    scale.append(mark);
  }
  const words = `NLL in nats, on a square-root scale. ln V, of the ${whole(Math.round(Math.exp(uniform)))} tokens of the vocabulary, is what a blind guess costs.`;
  legend.append(make("span", "vtg-muted", words), scale);
  return legend;
};

// The words of the Loss tab, for whoever meets them for the first time.
const WORDS = [
  ["NLL, in nats", "What a token of the answer costs the model: −ln of the probability it gave to it. 0 is certainty, 0.69 a coin toss, ln V a blind pick from the whole vocabulary. The loss of a training log is its mean over the trained tokens."],
  ["Form known, or guess", "What guessing costs whoever knows how answers are written (brackets, commas and the end of turn come free) and picks the times at random."],
  ["A good value", "An untrained model pays about ln V a token. One that has learned the form pays for the times alone. Times below form known: it can tell when it happens. Near 0 on a sample it was trained on: perhaps learned by heart."],
  ["Between templates", "Within one answer format, compare sum, mean or times. Across formats, whose answers hold other tokens, compare only times minus guess."],
];

const wordList = () => {
  const list = make("dl", "vtg-words");
  for (const [word, meaning] of WORDS) list.append(make("dt", "", word), make("dd", "", meaning));
  return list;
};

const openTab = (name) => {
  const tabs = [...document.querySelectorAll('#tabs button[role="tab"]')];
  tabs.find((tab) => tab.textContent.trim() === name)?.click();
};

// What was pressed is gone from the screen now, so the keyboard goes on at the tokens.
const focusTokens = () => setTimeout(() => document.querySelector("#tokens .vtg-flow")?.focus({ preventScroll: true }), 0);

// Components leave what others draw in globalThis, because a tab's components are built when it is first opened, and
// then say so: vtgFound holds the tokens that a finding speaks of, vtgRecipe the recipe that the tokens are coloured by.
const announce = (name) => document.dispatchEvent(new CustomEvent(name));
