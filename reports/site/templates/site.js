// What all pages of the site do beside being read: the theme, and buttons that copy a command. Pages are complete
// without this script; all text is set as text, never as markup.
"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.querySelector(".theme");
  const key = "roadworthy-theme";

  function remembered() {
    try { const kept = localStorage.getItem(key); return ["light", "dark"].includes(kept) ? kept : ""; } catch { return ""; }
  }

  function show(name) {
    if (name) root.dataset.theme = name; else delete root.dataset.theme;
    for (const button of theme.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.theme === name));
  }

  theme.hidden = false;
  show(remembered());
  theme.addEventListener("click", (event) => {
    const name = event.target.closest("button")?.dataset.theme;
    if (name === undefined) return;
    try { localStorage.setItem(key, name); } catch { /* a browser without storage forgets it */ }
    show(name);
  });

  for (const command of document.querySelectorAll(".command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const text = command.querySelector("pre").textContent;
      try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(command.querySelector("pre")); button.textContent = "Selected"; }
    });
    command.append(button);
  }
})();
