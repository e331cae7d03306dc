// What a person typed outlives a reload of the page, in this tab of the browser and nowhere else.

const KEY = "vtg-lens typed";
const FIELDS = ["query", "start", "end", "frames", "policy", "most"];

const stored = () => {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null; // the browser keeps nothing for this page, or keeps something else
  }
};

const before = stored(); // read before the page that opens now writes what it opens with

const isReload = () => performance.getEntriesByType("navigation")[0]?.type === "reload";

// `typed` holds FIELDS, and the number of the row they belong to.
export const keep = (typed) => {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(typed));
  } catch {
    // it is full, or switched off
  }
};

// Returns what was typed for this row before the reload, in the order of FIELDS; what stands there now where nothing was.
export const typedBefore = (row, now, typed = before, reloaded = isReload()) => {
  if (!reloaded || typed === null || typeof typed !== "object" || typed.row !== row) return now;
  return FIELDS.map((name, at) => (Object.hasOwn(typed, name) ? typed[name] : now[at]));
};
