// One message above the tabs: {"level": "error" | "warning" | "info", "text"}.

drawFromValue((root, notice) => {
  const box = make("div", `vtg-notice-box vtg-${notice.level}`);
  box.setAttribute("role", notice.level === "error" ? "alert" : "status");
  const word = { error: "✕ Not done", warning: "! Note", info: "i" }[notice.level];
  box.append(make("strong", "", word), make("span", "", notice.text));
  root.append(box);
});
