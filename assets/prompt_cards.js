// The prompts of all templates, a card each; a value is a list of PromptView (vtg_core/views/samples.py).

const copyButton = (text) => {
  const button = make("button", "vtg-button", "Copy");
  button.type = "button";
  button.title = "Copy what the chat template wrote, each video one placeholder";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
};

const videoPart = (text, tokens) => {
  const box = make("details", "vtg-part vtg-kind-video");
  const stamps = [...text.matchAll(/<(\d+\.\d) seconds>/g)].map((match) => match[1]);
  const range = stamps.length ? ` · ${stamps.length} time stamps, ${stamps[0]} → ${stamps.at(-1)} s` : "";
  box.append(make("summary", "", `video · ${whole(tokens)} tokens${range}`), make("span", "", text));
  return box;
};

const part = ([kind, text, tokens, supervised]) => {
  if (kind === "video") return videoPart(text, tokens);
  const node = make("span", `vtg-part vtg-kind-${kind}${supervised ? " vtg-supervised" : ""}`, text);
  node.title = `${KIND_NAMES[kind]} · ${whole(tokens)} tokens, ${whole(supervised)} in the loss`;
  return node;
};

const card = (view) => {
  const node = make("article", "vtg-card");
  const head = make("header");
  head.append(make("h4", "", view.name), make("span", "vtg-muted", view.mode === "standard" ? "seconds" : "temporal tokens"), copyButton(view.rendered));
  const counts = make("p", "vtg-counts");
  for (const [name, count] of [["tokens", view.num_tokens], ["video and stamps", view.num_video], ["supervised", view.num_supervised]]) {
    const item = make("span");
    item.append(make("b", "", whole(count)), ` ${name}`);
    counts.append(item);
  }
  const prompt = make("div", "vtg-prompt");
  prompt.append(...view.parts.map(part));
  node.append(head, counts, prompt);
  return node;
};

drawFromValue((root, views) => {
  if (!views) return;
  for (const [mode, title] of [["standard", "Answers in seconds"], ["temporal_tokens", "Answers in temporal tokens"]]) {
    const chosen = views.filter((view) => view.mode === mode);
    if (!chosen.length) continue;
    const grid = make("div", "vtg-cards");
    grid.append(...chosen.map(card));
    root.append(make("h3", "", `${title} · ${chosen.length} templates`), grid);
  }
});
