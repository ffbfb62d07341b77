// Filters, keys and the evidence drawer. The table is complete without this script; all text is set as text, never as markup.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("evidence").textContent);
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const root = document.documentElement;
  const drawer = one("#drawer");
  const table = one(".cells");
  const lists = ["driver", "family", "verdict"];
  const quiet = ["unsupported", "skipped", "missing"];
  const rows = all("tr.check", table).map((element) => {
    const check = data.checks[element.dataset.check];
    const cells = data.lanes.map((_, lane) => data.cells[`${lane}.${element.dataset.check}`]);
    const seen = cells.flatMap((cell) => [cell?.reason ?? "", ...(cell?.observations ?? []).flat()]);
    if (one(".flaky", element)) seen.push("flaky");
    if (one(".differing", element)) seen.push(data.with_difference);
    const text = [check.id, check.promise, check.claim, ...seen].join("\n").toLowerCase();
    return { element, check, cells, text };
  });
  let state = read(location.hash);

  // The state of the page is its address: #text=rename&verdict=known&at=cell:... ; a plain #cell:... works too.
  function read(hash) {
    const found = { text: "", driver: [], family: [], verdict: [], differs: false, at: "" };
    const address = hash.replace(/^#/, "");
    if (!address.includes("=")) return { ...found, at: plain(address) };
    const given = new URLSearchParams(address.replace(/\+/g, "%2B"));
    for (const key of lists) found[key] = given.getAll(key);
    return { ...found, text: given.get("text") ?? "", differs: given.has("differs"), at: given.get("at") ?? "" };
  }

  function plain(text) {
    try { return decodeURIComponent(text); } catch { return text; }
  }

  function write() {
    const parts = lists.flatMap((key) => state[key].map((value) => [key, value]));
    if (state.text) parts.unshift(["text", state.text]);
    if (state.differs) parts.push(["differs", "1"]);
    if (state.at) parts.push(["at", state.at]);
    const spell = (value) => encodeURIComponent(value).replace(/%2F/g, "/").replace(/%3A/g, ":");
    const address = parts.map(([key, value]) => `${key}=${spell(value)}`).join("&");
    if (location.hash.replace(/^#/, "") !== address) history.replaceState(null, "", `#${address}`);
  }

  function apply() {
    const lanes = data.lanes.map((lane) => !state.driver.length || state.driver.includes(lane.driver));
    for (const element of all("[data-lane]")) element.hidden = !lanes[element.dataset.lane];
    for (const element of all("[data-lanes]")) element.hidden = !element.dataset.lanes.split(" ").some((lane) => lanes[lane]);
    const terms = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const cells = row.cells.filter((cell, lane) => cell && lanes[lane]);
      const fits = terms.every((term) => row.text.includes(term))
        && (!state.family.length || state.family.includes(row.check.family))
        && (!state.verdict.length || cells.some((cell) => state.verdict.includes(cell.verdict)))
        && (!state.differs || disagree(cells))
        && (!state.driver.length || cells.length > 0);
      row.fits = fits;
      shown += fits;
      row.element.hidden = !fits || folded(row.element.parentElement);
      for (const cell of all("td", row.element)) {
        const verdict = row.cells[cell.dataset.lane]?.verdict;
        cell.classList.toggle("faded", state.verdict.length > 0 && !state.verdict.includes(verdict));
      }
    }
    for (const body of table.tBodies) {
      one("tr.family", body).hidden = !rows.some((row) => row.fits && row.element.parentElement === body);
    }
    for (const link of all(".strip a")) {
      const chosen = state.verdict.length === 1 && link.getAttribute("href") === `#verdict=${state.verdict[0]}`;
      link.toggleAttribute("aria-current", chosen);
    }
    for (const menu of all(".menu")) {
      const chosen = state[menu.dataset.key];
      one("summary span", menu).textContent = chosen.length > 1 ? chosen.length : (data.shown_as[chosen[0]] ?? chosen[0] ?? "");
      for (const box of all("input", menu)) box.checked = chosen.includes(box.value);
    }
    if (one("#text").value !== state.text) one("#text").value = state.text;
    one("#differs").checked = state.differs;
    one("#shown").textContent = `${shown} of ${rows.length} rows shown`;
    rove();
    write();
  }

  function disagree(cells) {
    const said = cells.filter((cell) => !quiet.includes(cell.verdict));
    return new Set(said.map((cell) => `${cell.verdict}\n${cell.shown?.[0] ?? ""}`)).size > 1;
  }

  function folded(body) {
    return one("button", body).getAttribute("aria-expanded") === "false";
  }

  function fold(body, closed) {
    one("button", body).setAttribute("aria-expanded", String(!closed));
  }

  // Following a link: it sets filters, or moves to a row, a column, a cell or a section.
  function follow(address) {
    const next = read(address);
    if (address.includes("=")) {
      for (const key of lists.filter((name) => address.includes(`${name}=`))) {
        state[key] = String(state[key]) === String(next[key]) ? [] : next[key];
      }
      if (next.text) state.text = state.text === next.text ? "" : next.text;
      apply();
      one("#matrix").scrollIntoView();
      return;
    }
    state.at = next.at;
    arrive();
    write();
  }

  function arrive() {
    for (const element of all(".at")) element.classList.remove("at");
    for (const element of all("a.cell[aria-current]")) element.removeAttribute("aria-current");
    const target = state.at && document.getElementById(state.at);
    if (!target) return close();
    for (let above = target; above; above = above.parentElement?.closest("details")) {
      if (above instanceof HTMLDetailsElement) above.open = true;
    }
    const row = target.closest("tr.check");
    if (row && folded(row.parentElement)) {
      fold(row.parentElement, false);
      apply();
    }
    if (target.matches("a.cell")) open(target); else close();
    (row ?? target).classList.add("at");
    // A column's head sticks to the top and is always in view; its table is not.
    (target.matches("th") ? one("#matrix") : target).scrollIntoView({ block: row ? "nearest" : "start", inline: "nearest" });
  }

  // The drawer.
  function open(cell) {
    const lane = cell.parentElement.dataset.lane;
    const check = cell.closest("tr").dataset.check;
    cell.setAttribute("aria-current", "true");
    rove(cell);
    drawer.replaceChildren(...evidence(data.cells[`${lane}.${check}`], data.checks[check], data.lanes[lane]));
    drawer.hidden = false;
    drawer.scrollTop = 0;
    root.style.setProperty("--drawer", innerWidth > 700 ? `${drawer.offsetWidth}px` : "0px");
  }

  function close() {
    drawer.hidden = true;
    root.style.setProperty("--drawer", "0px");
  }

  function leave() {
    const cell = state.at && document.getElementById(state.at);
    state.at = "";
    arrive();
    write();
    cell?.focus();
  }

  function make(name, content, kind) {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    element.append(...[content ?? []].flat());
    return element;
  }

  function glyph(verdict) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#g-${verdict}`);
    svg.setAttribute("class", "g");
    svg.setAttribute("aria-hidden", "true");
    svg.append(use);
    return svg;
  }

  function linked(pieces) {
    return pieces.map(([text, address]) => {
      if (!/^https?:\/\//i.test(address)) return text;
      const link = make("a", text);
      link.href = address;
      link.rel = "noopener noreferrer";
      return link;
    });
  }

  function pairs(entries, kind) {
    return make("dl", entries.filter(([, value]) => value?.length).flatMap(([name, value]) => [make("dt", name), make("dd", value)]), kind);
  }

  function evidence(cell, check, lane) {
    const shut = make("button", "Close", "close");
    shut.type = "button";
    shut.addEventListener("click", leave);
    const where = make("a", lane.id);
    where.href = `#${lane.anchor}`;
    const verdict = make("div", [glyph(cell.verdict), make("b", data.shown_as[cell.verdict] ?? cell.verdict), make("span", cell.meaning ?? data.meaning[cell.verdict])], `verdict v-${cell.verdict}`);
    const parts = [make("header", [make("h2", check.id), make("p", ["on ", where]), shut]), make("p", check.promise, "promise"), verdict];
    const section = (title, ...content) => parts.push(make("h3", title), ...content);
    if (cell.deviation) parts.push(make("p", cell.deviation.why, "why"));
    if (cell.shown?.[1]) parts.push(pairs([["saw", cell.shown[0]], ["expected", cell.shown[1]]], "values saw"));
    if (cell.deviation) parts.push(make("p", ["Source: ", ...linked(cell.deviation.source)], "source"));
    if (cell.reason) section("Reason", make("pre", cell.reason));
    if (cell.observations) section("Observed", pairs(cell.observations, "values"));
    if (cell.rounds) section("Rounds", pairs(cell.rounds));
    if (cell.deviation) {
      const known = cell.deviation;
      section("Recorded deviation", pairs([
        ["when", known.when], ["signature", known.signature], ["recorded in", known.place],
      ]));
    }
    if (cell.calls) section(`System calls (${cell.calls.length})`, transcript(cell));
    if (cell.omitted) parts.push(make("p", `${cell.omitted.toLocaleString("en")} more calls were made but not recorded.`));
    if (cell.log) section("Kernel log", make("pre", cell.log.join("\n")));
    if (cell.log_cut) parts.push(make("p", `${cell.log_cut} earlier lines are in the bundle.`));
    if (cell.rerun) section("Run it again", copied(make("pre", cell.rerun, "rerun")), make("p", lane.again, "again"));
    section("About this check", pairs([
      ["provenance", check.provenance], ["promised by", linked(check.source)], ["claim", check.claim], ["check", check.place],
      ["test", cell.nodeid], ["run", cell.run], ["reported", cell.at], ["took", cell.seconds === undefined ? "" : `${cell.seconds} s`],
    ]));
    const keys = ["←", "↑", "↓", "→"].flatMap((key) => [make("kbd", key), " "]);
    parts.push(make("footer", [...keys, "move between cells, ", make("kbd", "Esc"), " closes."]));
    return parts;
  }

  // A command with a button that copies it. Where the page may not use the clipboard, the command is selected.
  function copied(pre) {
    const button = make("button", "Copy", "copy");
    button.type = "button";
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(pre);
      try { await navigator.clipboard.writeText(pre.textContent); } catch { if (!document.execCommand("copy")) return; }
      button.textContent = "Copied";
    });
    return make("div", [pre, button], "command");
  }

  // As strace prints it; a step of the suite's own stands apart, with the calls that it consists of.
  function transcript(cell) {
    const head = make("tr", ["process", "call", "answer"].map((name) => make("th", name)));
    for (const th of head.children) th.scope = "col";
    const lines = cell.calls.map(([process, call, answer, failed, steps]) => make("tr", [
      make("td", process), make("td", steps ? [call, make("small", ` the suite's step: ${steps}`)] : call),
      make("td", `${failed ? "✗" : "="} ${answer}`),
    ], [failed ? "failed" : "", steps ? "step" : ""].join(" ").trim()));
    if (cell.cut) {
      const gap = make("td", `${cell.cut[0].toLocaleString("en")} calls are left out here; they are in the bundle`);
      gap.colSpan = 3;
      lines.splice(cell.cut[1], 0, make("tr", gap, "gap"));
    }
    const caption = make("caption", "System calls in the order in which they were answered", "unseen");
    return make("table", [caption, make("thead", head), make("tbody", lines)]);
  }

  // Keys: one cell is a tab stop, arrows move between cells that are shown.
  function rove(chosen) {
    const cells = all("a.cell", table);
    const stop = chosen ?? cells.find((cell) => cell.tabIndex === 0 && cell.offsetParent) ?? cells.find((cell) => cell.offsetParent);
    for (const cell of cells) cell.tabIndex = cell === stop ? 0 : -1;
  }

  function neighbour(cell, key) {
    const lane = Number(cell.parentElement.dataset.lane);
    const inRow = (row) => all("a.cell", row).filter((other) => other.offsetParent);
    const same = inRow(cell.closest("tr"));
    const place = same.indexOf(cell);
    if (key === "ArrowLeft") return same[place - 1];
    if (key === "ArrowRight") return same[place + 1];
    if (key === "Home") return same[0];
    if (key === "End") return same.at(-1);
    const open = rows.map((row) => row.element).filter((row) => !row.hidden);
    const step = key === "ArrowUp" ? -1 : 1;
    for (let at = open.indexOf(cell.closest("tr")) + step; open[at]; at += step) {
      const near = inRow(open[at]).find((other) => Number(other.parentElement.dataset.lane) === lane);
      if (near) return near;
    }
    return undefined;
  }

  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("a.cell");
    if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" && !drawer.hidden && state.at === cell.id) {
      event.preventDefault();
      drawer.focus();
    }
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const next = neighbour(cell, event.key);
    if (!next) return;
    rove(next);
    next.focus();
    if (!drawer.hidden) follow(`#${next.id}`);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = one(".menu[open]");
    if (menu) menu.open = false; else if (!drawer.hidden) leave();
  });

  document.addEventListener("click", (event) => {
    for (const menu of all(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    const link = event.target.closest("a[href^='#']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow(link.getAttribute("href"));
    if (!link.matches("a.cell")) document.getElementById(state.at)?.focus?.({ preventScroll: true });
  });

  for (const button of all("tr.family button")) {
    button.addEventListener("click", () => {
      const body = button.closest("tbody");
      fold(body, !folded(body));
      apply();
    });
  }
  one("#fold").addEventListener("click", (event) => {
    const closing = ![...table.tBodies].every(folded);
    for (const body of table.tBodies) fold(body, closing);
    event.target.textContent = closing ? "Unfold all" : "Fold all";
    apply();
  });
  one("#text").addEventListener("input", (event) => { state.text = event.target.value; apply(); });
  one("#differs").addEventListener("change", (event) => { state.differs = event.target.checked; apply(); });
  one("#reset").addEventListener("click", () => { state = { ...read(""), at: state.at }; apply(); });
  for (const menu of all(".menu")) {
    menu.addEventListener("change", () => {
      state[menu.dataset.key] = all("input:checked", menu).map((box) => box.value);
      apply();
    });
  }
  addEventListener("hashchange", () => { state = read(location.hash); apply(); arrive(); });

  // The theme is the reader's, not the address's; a browser that keeps nothing for files forgets it.
  function theme(name) {
    if (name) root.dataset.theme = name; else delete root.dataset.theme;
    for (const button of all(".theme button")) button.setAttribute("aria-pressed", String(button.dataset.theme === name));
  }
  let kept = "";
  try { kept = localStorage.getItem("roadworthy-theme") ?? ""; } catch { /* storage is refused here */ }
  theme(["light", "dark"].includes(kept) ? kept : "");
  for (const button of all(".theme button")) {
    button.addEventListener("click", () => {
      theme(button.dataset.theme);
      try { localStorage.setItem("roadworthy-theme", button.dataset.theme); } catch { /* storage is refused here */ }
    });
  }

  for (const pre of all("pre.rerun")) {
    const place = document.createComment("");
    pre.replaceWith(place);
    place.replaceWith(copied(pre));
  }

  one(".theme").hidden = false;
  const bar = one(".filters");
  bar.hidden = false;
  const measure = () => {
    root.style.setProperty("--bar", getComputedStyle(bar).position === "sticky" ? `${bar.offsetHeight}px` : "0px");
    root.style.setProperty("--head", `${table.tHead.offsetHeight}px`);
  };
  new ResizeObserver(measure).observe(bar);
  measure();
  apply();
  arrive();
})();
