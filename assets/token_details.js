// What is known of one token, in a place that does not move: of the one that was pinned, else of the one pointed at.

import { make, showWhitespace, textButton } from "./shared.js";
import { get } from "./store.js";
import { factsOf, wordsOf } from "./token_facts.js";

export const tokenDetails = ({ onUnpin }) => {
  const box = make("aside", "vtg-details");
  box.setAttribute("aria-label", "Details of a token");
  const [head, text, list] = [make("header"), make("code", "vtg-details-text"), make("dl", "vtg-details-list")];
  const title = make("b", "", "Token");
  const copy = textButton("Copy as JSON", () => copyFacts());
  const unpin = textButton("Unpin", onUnpin, "Escape does the same");
  const empty = make("p", "vtg-muted", "Point at a token for what it is; click it, or press Enter, to pin it here.");
  head.append(title, copy, unpin);
  box.append(head, text, list, empty);
  let facts = null;

  const copyFacts = async () => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(facts, null, 1));
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Not allowed";
    }
    setTimeout(() => (copy.textContent = "Copy as JSON"), 1500);
  };

  const show = (model, index, { isPinned, verdict, loss, comparison }) => {
    const isKnown = model !== null && index !== null && index < model.length;
    for (const node of [copy, text, list]) node.hidden = !isKnown;
    [unpin.hidden, empty.hidden] = [!isPinned, isKnown];
    box.classList.toggle("vtg-pinned", isPinned);
    title.textContent = isPinned ? "Pinned" : "Token";
    facts = isKnown ? factsOf(model, index, { verdict, loss, maxLength: get("max_length") }) : null;
    if (!facts) return;
    text.textContent = showWhitespace(facts.text).replaceAll("\n", "") || "(no text)";
    text.className = `vtg-details-text vtg-token ${facts.in_loss ? "vtg-supervised" : "vtg-masked"} vtg-kind-${facts.region}`;
    list.replaceChildren(...wordsOf(model, facts, comparison).flatMap(([name, words]) => [make("dt", "", name), make("dd", "", words)]));
  };
  return { node: box, show, copy: copyFacts };
};
