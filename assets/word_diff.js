// Two texts word by word: what both have, and what only one has. No element is made here.

// Words, single signs, and white space of one kind: joined, they are the text.
export const wordsOf = (text) => text.match(/<\|[^|<>\s]{1,60}\|>|[\p{L}\p{N}\p{M}_]+|\n| +|[^\S\n ]+|[^\p{L}\p{N}\p{M}_\s]/gu) ?? [];

const MOST_STEPS = 1_500; // past so many edits the middles are called different as a whole

// [["both" | "left" | "right", text], …] in order: those that are not of the right are the left text, and the other way round.
export const wordDiff = (left, right) => {
  const [a, b] = [wordsOf(left), wordsOf(right)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const middle = edits(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return joined([...a.slice(0, start).map((word) => ["both", word]), ...middle, ...a.slice(a.length - end).map((word) => ["both", word])]);
};

// Source: Myers, An O(ND) Difference Algorithm and Its Variations, Algorithmica 1, 1986.
const edits = (a, b) => {
  if (!a.length || !b.length) return [...a.map((word) => ["left", word]), ...b.map((word) => ["right", word])];
  const [most, trace] = [Math.min(a.length + b.length, MOST_STEPS), []];
  let reach = new Map([[1, 0]]);
  for (let d = 0; d <= most; d += 1) {
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const isDown = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = isDown ? reach.get(k + 1) ?? 0 : (reach.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return walkBack(a, b, trace);
    }
  }
  return [...a.map((word) => ["left", word]), ...b.map((word) => ["right", word])];
};

const walkBack = (a, b, trace) => {
  const found = [];
  let [x, y] = [a.length, b.length];
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const [reach, k] = [trace[d], x - y];
    const isDown = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const before = isDown ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : reach.get(before) ?? 0;
    const fromY = fromX - before;
    while (x > Math.max(0, fromX) && y > Math.max(0, fromY) && a[x - 1] === b[y - 1]) {
      found.push(["both", a[x - 1]]);
      [x, y] = [x - 1, y - 1];
    }
    if (d === 0) break;
    if (isDown) found.push(["right", b[(y -= 1)]]);
    else found.push(["left", a[(x -= 1)]]);
  }
  return found.reverse();
};

// Neighbours of one kind are one.
const joined = (pieces) => {
  const found = [];
  for (const [kind, text] of pieces) {
    const last = found.at(-1);
    if (last && last[0] === kind) last[1] += text;
    else found.push([kind, text]);
  }
  return found;
};

// One side of a diff: [kind, text] where kind is "both", "own", or "left out", whose text is how many words are not shown.
// What both have is cut to `context` words beside what differs.
export const sideOf = (diff, side, context) =>
  diff.flatMap(([kind, text], i) => {
    if (kind === side) return [["own", text]];
    if (kind !== "both") return [];
    const words = wordsOf(text);
    const [head, tail] = [i === 0 ? 0 : context, i === diff.length - 1 ? 0 : context];
    if (context === Infinity || words.length <= head + tail + 1) return [["both", text]];
    const cut = [["both", words.slice(0, head).join("")], ["left out", words.length - head - tail], ["both", tail ? words.slice(-tail).join("") : ""]];
    return cut.filter(([, part]) => part !== "");
  });

// From each key to the names of the others with the very same text.
export const alike = (texts) => {
  const byText = new Map();
  for (const [key, text] of texts) byText.set(text, [...(byText.get(text) ?? []), key]);
  return new Map(texts.map(([key, text]) => [key, byText.get(text).filter((other) => other !== key)]));
};
