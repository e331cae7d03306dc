// Shared by our components: build elements from text. Nothing here, or in any component, writes markup.

const make = (tag, className = "", text = null) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== null) node.textContent = text;
  return node;
};

const whole = (number) => number.toLocaleString("en-US");

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

// Draw now, and again whenever the server sends another value. An empty or broken value draws nothing.
const drawFromValue = (draw) => {
  const root = element.firstElementChild ?? element;
  const load = () => {
    root.replaceChildren();
    draw(root, props.value ? JSON.parse(props.value) : null);
  };
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

const openTab = (name) => {
  const tabs = [...document.querySelectorAll('#tabs button[role="tab"]')];
  tabs.find((tab) => tab.textContent.trim() === name)?.click();
};

// What was pressed is gone from the screen now, so the keyboard goes on at the tokens.
const focusTokens = () => setTimeout(() => document.querySelector("#tokens .vtg-flow")?.focus({ preventScroll: true }), 0);

// Components leave what others draw in globalThis, because a tab's components are built when it is first opened, and
// then say so: vtgFound holds the tokens that a finding speaks of, vtgRecipe the recipe that the tokens are coloured by.
const announce = (name) => document.dispatchEvent(new CustomEvent(name));
