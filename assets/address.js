// The part of the page's address behind the question mark.

const FIRST = { template: "direct", answer: "standard", colour: "label" }; // what needs no words

// From what is on screen, by the store's keys; what Gradio itself is told, such as __theme, stays.
// `first` holds what a page without a word opens with, where that is something else.
export const addressOf = (search, shown, first = {}) => {
  const needless = { ...FIRST, ...first };
  const [before, after] = [new URLSearchParams(search), new URLSearchParams()];
  for (const [name, value] of before) if (name.startsWith("__")) after.append(name, value);
  for (const [key, value] of Object.entries(shown)) {
    if (value === null || value === "" || value === needless[key]) continue;
    after.append(key === "selected" ? "token" : key, String(value));
  }
  return `?${after}`;
};
