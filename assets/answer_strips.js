// The strips: every answer token by token, coloured on one scale, the parts of all answers below each other; one stop of
// the Tab key, and arrows within.

import { heatLegend, heatShare } from "./loss_words.js";
import { fixed, percentOrTiny, whole } from "./numbers.js";
import { make, showWhitespace } from "./shared.js";
import { scroller } from "./sorted_table.js";

export const PARTS = [["time", "times"], ["format", "format words"], ["end_of_turn", "end of turn"], ["other", "anything else"]];
export const PART_NAMES = Object.fromEntries(PARTS);
const ORDER = ["other", "format", "time", "end_of_turn"];

// A sign between the digits of one time, as in 8.0 or 1:23, stands with them; a token that is a whole time is one of its own.
const isOfTime = (tokens, i) => tokens[i]?.part === "time" || (/^[.:]$/.test(tokens[i]?.text.trim() ?? "") && [i - 1, i + 1].every((at) => tokens[at]?.part === "time"));
const beginsTime = (tokens, i) => isOfTime(tokens, i) && (!isOfTime(tokens, i - 1) || /^<.+>$/.test(tokens[i].text));

// Which part of an answer each of its tokens is in, as "how many times were before it, part": the first time of one answer
// stands below the first time of the others, however many words are between. What ends the turn is last in all.
const placesOf = (tokens) => {
  let times = 0;
  return tokens.map((token, i) => {
    if (beginsTime(tokens, i)) times += 1;
    if (token.part === "end_of_turn") return "end";
    return `${times} ${isOfTime(tokens, i) ? "time" : token.part}`;
  });
};

const before = (a, b) => {
  if (a === "end" || b === "end") return (a === "end") - (b === "end");
  const [[m, p], [n, q]] = [a.split(" "), b.split(" ")];
  // a time is counted with itself, so it stands before whatever follows it
  const rank = (part) => (part === "time" ? -1 : ORDER.indexOf(part));
  return m - n || rank(p) - rank(q);
};

// Answers as lists of tokens → {columns, segments}: for each answer the column of each token, from 0, and of all of them
// [part, first column, width]. A part takes as many columns as the longest answer needs.
export const alignParts = (answers) => {
  const places = answers.map(placesOf);
  const widths = new Map();
  for (const own of places) {
    const counts = new Map();
    for (const place of own) counts.set(place, (counts.get(place) ?? 0) + 1);
    for (const [place, count] of counts) widths.set(place, Math.max(widths.get(place) ?? 0, count));
  }
  const first = new Map();
  const segments = [];
  let column = 0;
  for (const place of [...widths.keys()].sort(before)) {
    first.set(place, column);
    segments.push([place === "end" ? "end_of_turn" : place.split(" ")[1], column, widths.get(place)]);
    column += widths.get(place);
  }
  const columns = places.map((own) => {
    const used = new Map();
    return own.map((place) => {
      const at = used.get(place) ?? 0;
      used.set(place, at + 1);
      return first.get(place) + at;
    });
  });
  return { columns, segments };
};

const tell = (panel, row, token) => {
  panel.replaceChildren();
  const facts = `${PART_NAMES[token.part]} · ${fixed(token.nll, 3)} nats · probability ${percentOrTiny(token.prob)} · rank ${whole(token.rank)} · index ${whole(token.index)}, id ${token.id}`;
  const top = make("span", "vtg-muted", "The model's own guesses: ");
  for (const [i, [text, prob]] of token.top.entries()) {
    if (i) top.append(" · ");
    top.append(make("code", "vtg-code", showWhitespace(text)), ` ${percentOrTiny(prob)}`);
  }
  panel.append(make("code", "vtg-cmp-said", showWhitespace(token.text)), ` ${row.name}, ${row.mode_name} · ${facts}`, make("br"), top);
};

const stripToken = (view, row, token, panel) => {
  const node = make("button", "vtg-heat vtg-cmp-token", showWhitespace(token.text));
  [node.type, node.tabIndex, node.dataset.key] = ["button", -1, `token-${row.mode}-${row.name}-${token.index}`];
  node.style.setProperty("--share", fixed(heatShare(token.nll, view.max_nll), 4));
  node.ariaLabel = `${token.text.trim() || showWhitespace(token.text)}, ${PART_NAMES[token.part]}, ${fixed(token.nll, 2)} nats, rank ${whole(token.rank)}`;
  for (const event of ["mouseenter", "focus", "click"]) node.addEventListener(event, () => tell(panel, row, token));
  return node;
};

const walk = (box) => (event) => {
  const lines = [...box.querySelectorAll(".vtg-cmp-strip")].map((line) => [...line.querySelectorAll(".vtg-cmp-token")]);
  const y = lines.findIndex((line) => line.includes(event.target));
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -Infinity], End: [0, Infinity] }[event.key];
  if (y < 0 || !step) return;
  event.preventDefault();
  const line = lines[Math.min(Math.max(y + step[0], 0), lines.length - 1)];
  const next = line[Math.min(Math.max(lines[y].indexOf(event.target) + step[1], 0), line.length - 1)];
  next.focus();
};

const holdFocused = (box) => ({ target }) => {
  for (const node of box.querySelectorAll(".vtg-cmp-token")) node.tabIndex = node === target ? 0 : -1;
};

const headOf = (segments) =>
  segments.map(([part, column, width]) => {
    const node = make("span", `vtg-cmp-part vtg-cmp-of-${part}`, PART_NAMES[part]);
    node.style.gridColumn = `${column + 2} / span ${width}`;
    return node;
  });

export const stripsOf = (view, sorted) => {
  const [box, panel] = [make("div", "vtg-cmp-strips"), make("p", "vtg-cmp-panel", "Point at a token, or walk over them with the arrow keys.")];
  panel.setAttribute("aria-live", "polite");
  const grid = make("div", "vtg-cmp-grid");
  const modes = view.modes.map((mode) => ({ ...mode, rows: sorted(mode) }));
  const all = modes.flatMap((mode) => mode.rows);
  const { columns, segments } = alignParts(all.map((row) => row.tokens));
  const most = segments.reduce((sum, [, , width]) => sum + width, 0);
  grid.style.gridTemplateColumns = `max-content repeat(${most}, minmax(1.7rem, max-content))`;
  const head = make("div", "vtg-cmp-heads");
  head.setAttribute("aria-hidden", "true");
  head.append(...headOf(segments));
  grid.append(head);
  for (const mode of modes) {
    grid.append(make("p", "vtg-muted vtg-cmp-mode", mode.title));
    for (const row of mode.rows) {
      const line = make("div", "vtg-cmp-strip");
      [line.role, line.ariaLabel] = ["group", `${row.name}, ${row.mode_name}`];
      const own = columns[all.indexOf(row)];
      const nodes = row.tokens.map((token, i) => {
        const node = stripToken(view, row, token, panel);
        node.style.gridColumn = String(own[i] + 2);
        return node;
      });
      line.append(make("span", "vtg-cmp-label", row.name), ...nodes);
      grid.append(line);
    }
  }
  const first = grid.querySelector(".vtg-cmp-token");
  if (first) first.tabIndex = 0;
  grid.addEventListener("keydown", walk(grid));
  grid.addEventListener("focusin", holdFocused(grid));
  box.append(heatLegend(view.max_nll, view.uniform_nll), panel, scroller("Tokens of the answers, aligned by part", "vtg-cmp-scroll", grid));
  return box;
};
