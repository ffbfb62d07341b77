// The matrix: filters that live in the address, keys, and the drawer with a cell's evidence. The table is complete
// without this script; every text is set as text, never as markup.
"use strict";

function roadworthyEvidence(name, value) {
  roadworthyEvidence.known.set(name, value);
  roadworthyEvidence.waiting.get(name)?.();
}
roadworthyEvidence.known = new Map();
roadworthyEvidence.waiting = new Map();

(() => {
  const table = document.querySelector("table.squares");
  const pane = document.querySelector(".pane");
  const bar = document.querySelector(".filters");
  const box = document.querySelector("#q");
  const drawer = document.querySelector("#drawer");
  const axes = ["driver", "kernel", "engine", "backing", "lane"];
  const keys = [...axes, "family", "verdict", "is"];
  const between = "␟";
  const presets = { differs: "differs by verdict", one: "only one fails", new: "newly failing", unexplained: "unexplained", flaky: "flaky" };
  const broken = new Set(["crash", "hang", "fail", "known"]);
  const silent = new Set(["unsupported", "skipped", "missing"]);
  const unexplained = new Set(["error", "crash", "hang", "fail", "fixed"]);

  // What is filtered, read from the table once.
  const heads = [...table.tHead.rows[1].cells];
  const lanes = heads.map((head) => ({ ...head.dataset, head }));
  const bodies = [...table.tBodies].map((body) => ({ element: body, family: body.dataset.family, title: body.dataset.title }));
  const rows = [];
  for (const body of bodies) {
    for (const element of body.element.rows) {
      if (element.className === "family") continue;
      rows.push({ element, body, check: element.dataset.check, cases: element.dataset.cases ?? "", cells: null, text: null });
    }
  }
  function cellsOf(row) {
    row.cells ??= [...row.element.cells].slice(1).map((cell) => {
      const marks = cell.className ? cell.className.split(" ") : [];
      return marks.length ? { verdict: marks[0].slice(2), marks } : null;
    });
    return row.cells;
  }
  function textOf(row) {
    row.text ??= `${row.element.textContent} ${row.cases} ${row.body.title}`.toLowerCase();
    return row.text;
  }

  // The query: words, key:value, name=verdict, each with an optional minus.
  function parsed(query) {
    const found = [];
    for (const part of query.match(/-?(?:[\w-]+:)?"[^"]*"?|\S+/g) ?? []) {
      const not = part.startsWith("-") && part.length > 1;
      const plain = (not ? part.slice(1) : part).replaceAll('"', "");
      const pair = plain.match(/^([a-z]+):(.*)$/);
      const equal = plain.match(/^([^=\s]+)=([a-z]+)$/);
      if (pair && [...keys, "check"].includes(pair[1])) {
        const values = pair[2].toLowerCase().split(",").filter(Boolean);
        if (values.length) found.push({ not, key: pair[1], values });
      } else if (equal) found.push({ not, key: "=", lane: equal[1].toLowerCase(), verdict: equal[2] });
      else if (plain) found.push({ not, key: "text", values: [plain.toLowerCase()] });
    }
    return found;
  }

  // A number or a word that is a whole name is meant as such: kernel:6.1 is not 6.12, driver:overlay not overlay2.
  function named(values, name, all) {
    const plain = name.toLowerCase();
    return values.some((value) => plain === value || (!all.has(value) && !/^[\d.]+$/.test(value) && plain.includes(value)));
  }
  const names = Object.fromEntries(axes.map((key) => [key, new Set(lanes.map((lane) => lane[key].toLowerCase()))]));

  function laneFits(lane, terms) {
    return terms.every((term) => !axes.includes(term.key) || named(term.values, lane[term.key], names[term.key]) !== term.not);
  }

  function rowFits(row, terms, shown) {
    const cells = cellsOf(row);
    const seen = shown.map((place) => cells[place]).filter(Boolean);
    if (!seen.length) return false;
    return terms.every((term) => {
      if (axes.includes(term.key)) return true;
      let fits;
      if (term.key === "text") fits = textOf(row).includes(term.values[0]);
      else if (term.key === "check") fits = term.values.some((value) => row.check.toLowerCase().includes(value));
      else if (term.key === "family") fits = named(term.values, row.body.family, families) || term.values.some((value) => row.body.title.toLowerCase() === value);
      else if (term.key === "verdict") fits = seen.some((cell) => term.values.includes(cell.verdict));
      else if (term.key === "=") {
        fits = lanes.some((lane, place) => (lane.driver.toLowerCase() === term.lane || (!names.driver.has(term.lane) && lane.lane.toLowerCase().includes(term.lane)))
          && cells[place]?.verdict === term.verdict);
      } else fits = term.values.some((value) => preset(value, seen));
      return fits !== term.not;
    });
  }
  const families = new Set(bodies.map((body) => body.family));

  function preset(name, seen) {
    if (name === "differs") return new Set(seen.filter((cell) => !silent.has(cell.verdict)).map((cell) => cell.verdict)).size > 1;
    if (name === "one") return seen.filter((cell) => broken.has(cell.verdict)).length === 1 && seen.some((cell) => cell.verdict === "pass");
    if (name === "unexplained") return seen.some((cell) => unexplained.has(cell.verdict));
    return seen.some((cell) => cell.marks.includes(name));
  }

  // The state: what is typed, what is chosen in menus, and the open cell. All of it is in the address.
  let state = { q: "", at: "" };
  function read(hash) {
    const found = new URLSearchParams(hash.replace(/^#/, ""));
    const next = { q: found.get("q") ?? "", at: found.get("at") ?? "" };
    for (const key of keys) next[key] = found.getAll(key);
    return next;
  }
  function address(of) {
    const found = new URLSearchParams();
    if (of.q) found.set("q", of.q);
    for (const key of keys) for (const value of of[key] ?? []) found.append(key, value);
    if (of.at) found.set("at", of.at);
    return found.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
  }
  function go(change, replace) {
    state = { ...state, ...change };
    const next = `#${address(state)}`;
    if ((location.hash || "#") !== next) history[replace ? "replaceState" : "pushState"](null, "", next);
  }

  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

  function terms() {
    const chosen = keys.filter((key) => state[key]?.length).map((key) => ({ not: false, key, values: state[key].map((value) => value.toLowerCase()), exact: true }));
    return [...parsed(state.q), ...chosen];
  }

  function apply() {
    const all = terms();
    const shown = lanes.map((_, place) => place).filter((place) => laneFits(lanes[place], all));
    const hidden = lanes.map((_, place) => place).filter((place) => !shown.includes(place));
    sheet.replaceSync(hidden.length ? `${hidden.map((place) => `.squares td:nth-child(${place + 2}), .squares col:nth-child(${place + 2})`).join(",")} { display: none }` : "");
    for (const place of hidden) lanes[place].head.hidden = true;
    for (const place of shown) lanes[place].head.hidden = false;
    for (const head of table.tHead.rows[0].querySelectorAll("[data-places]")) {
      const left = head.dataset.places.split(" ").filter((place) => shown.includes(Number(place))).length;
      head.hidden = left === 0;
      if (left) head.colSpan = left;
    }
    let count = 0;
    const kept = new Set();
    for (const row of rows) {
      row.fits = rowFits(row, all, shown);
      if (row.element.hidden === row.fits) row.element.hidden = !row.fits;
      if (row.fits) { count += 1; kept.add(row.body); }
    }
    for (const body of bodies) if (body.element.hidden === kept.has(body)) body.element.hidden = !kept.has(body);
    document.querySelector("#shown").textContent = `${count} of ${rows.length} rows, ${shown.length} of ${lanes.length} lanes`;
    if (box.value !== state.q) box.value = state.q;
    for (const menu of bar.querySelectorAll(".menu")) {
      const chosen = state[menu.dataset.key] ?? [];
      menu.querySelector("summary span").textContent = chosen.length > 1 ? chosen.length : presets[chosen[0]] ?? chosen[0] ?? "";
      for (const one of menu.querySelectorAll("input")) one.checked = chosen.includes(one.value);
    }
    rove(current && visible(current) ? current : undefined);
  }

  // One cell is a tab stop; arrow keys move among those that are shown.
  let current = null;
  const visible = (cell) => cell.isConnected && !cell.parentElement.hidden && !cell.closest("tbody").hidden && !lanes[cell.cellIndex - 1].head.hidden;
  function first() {
    const row = rows.find((one) => one.fits);
    return row && [...row.element.cells].slice(1).find((cell) => cell.className && visible(cell));
  }
  function rove(cell) {
    if (current) current.tabIndex = -1;
    current = cell ?? first() ?? null;
    if (current) current.tabIndex = 0;
  }
  function neighbour(cell, key) {
    const asked = (other) => other.className && visible(other);
    if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(key)) {
      const beside = [...cell.parentElement.cells].slice(1).filter(asked);
      const at = beside.indexOf(cell);
      return { ArrowLeft: beside[at - 1], ArrowRight: beside[at + 1], Home: beside[0], End: beside.at(-1) }[key];
    }
    const fitting = rows.filter((row) => row.fits);
    let at = fitting.findIndex((row) => row.element === cell.parentElement);
    const step = { ArrowUp: -1, ArrowDown: 1, PageUp: -15, PageDown: 15 }[key];
    const direction = Math.sign(step);
    for (at = Math.min(Math.max(at + step, 0), fitting.length - 1); fitting[at]; at += direction) {
      const near = fitting[at].element.cells[cell.cellIndex];
      if (near !== cell && asked(near)) return near;
    }
    return undefined;
  }
  const moving = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];

  // The drawer. A cell is named by its check, its case and its lane, so that a link finds it in a later edition.
  function nameOf(cell) {
    const row = cell.parentElement.dataset;
    const which = row.cases ? `[${row.cases.split(between)[0]}]` : "";
    return `${row.check}${which}@${lanes[cell.cellIndex - 1].lane}`;
  }
  function cellOf(name) {
    const cut = name.lastIndexOf("@");
    const [, check, which] = name.slice(0, cut).match(/^([^[]*)(?:\[(.*)\])?$/s) ?? [];
    const place = lanes.findIndex((lane) => lane.lane === name.slice(cut + 1));
    const row = rows.find((one) => one.check === check && (!which || one.cases.split(between).includes(which)));
    return row && place >= 0 ? row.element.cells[place + 1] : undefined;
  }

  function load(row, then) {
    const check = row.dataset.check;
    if (roadworthyEvidence.known.has(check)) { then(roadworthyEvidence.known.get(check)); return; }
    roadworthyEvidence.waiting.set(check, () => then(roadworthyEvidence.known.get(check)));
    const script = document.createElement("script");
    script.src = row.querySelector("th a").getAttribute("href").replace(/^check\//, `${table.dataset.evidence}/`).replace(/\.html$/, ".js");
    script.onerror = () => fill([make("p", "The evidence of this check is not beside this page.")], check, "");
    document.head.append(script);
  }

  function open(cell) {
    rove(cell);
    const lane = lanes[cell.cellIndex - 1].lane;
    const row = cell.parentElement;
    if (!roadworthyEvidence.known.has(row.dataset.check)) fill([make("p", "Its evidence is being read.")], row.dataset.check, lane);
    load(row, (value) => {
      if (!state.at || current !== cell) return;  // another cell has been opened meanwhile, or none
      const cases = Object.entries(value.cells).filter(([, cells]) => cells[lane]);
      const wanted = row.dataset.cases ? row.dataset.cases.split(between).map((one) => `${row.dataset.check}[${one}]`) : [row.dataset.check];
      const of = cases.filter(([id]) => wanted.includes(id));
      fill(of.flatMap(([id, cells], number) => evidence(cells[lane], id, value, of.length > 1, number === 0)), row.dataset.check, lane, value);
    });
    if (!drawer.open) drawer.showModal();
  }

  function fill(parts, check, lane, value) {
    const shut = make("button", "Close", "close");
    shut.type = "button";
    shut.addEventListener("click", () => drawer.close());
    const title = make("h2", check);
    title.id = "drawer-title";
    const parts2 = [make("header", [title, make("p", lane ? `on ${lane}` : ""), shut])];
    if (value) parts2.push(make("p", value.check.promise, "promise"));
    const more = make("p", [linkTo(`${document.querySelector(`tr[data-check="${CSS.escape(check)}"] th a`).getAttribute("href")}`, "The page of this check"), " has every lane, its history and its source code."]);
    drawer.replaceChildren(...parts2, ...parts, more, make("footer", [make("kbd", "← ↑ ↓ →"), " move between cells, ", make("kbd", "Esc"), " closes."]));
    drawer.scrollTop = 0;
    shut.focus({ preventScroll: true });
  }

  drawer.addEventListener("close", () => {
    if (drawer.open) return;  // it has been opened again before this event came
    if (state.at) go({ at: "" });
    current?.focus();
  });
  drawer.addEventListener("click", (event) => { if (event.target === drawer) drawer.close(); });
  drawer.addEventListener("keydown", (event) => {
    if (!moving.slice(0, 4).includes(event.key) || event.target.closest("pre, input")) return;
    const next = current && neighbour(current, event.key);
    if (!next) return;
    event.preventDefault();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
    go({ at: nameOf(next) }, true);
    open(next);
  });

  function make(name, content, kind) {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    element.append(...[content ?? []].flat());
    return element;
  }
  function linkTo(href, text) {
    const link = make("a", text);
    link.href = href;
    return link;
  }
  function linked(pieces) {
    return pieces.map(([text, href]) => {
      if (!/^https?:\/\//i.test(href)) return text;
      const link = linkTo(href, text);
      link.rel = "noopener noreferrer";
      return link;
    });
  }
  function pairs(entries) {
    return make("dl", entries.filter(([, value]) => value?.length).map(([name, value]) => make("div", [make("dt", name), make("dd", value)])), "pairs");
  }

  function evidence(cell, id, value, many, first) {
    const shown = value.shown_as[cell.verdict] ?? cell.verdict;
    const parts = [make("p", [make("b", shown), ` ${cell.meaning ?? value.meaning[cell.verdict]}`], `verdict square v-${cell.verdict}`)];
    const section = (title, ...content) => parts.push(make("h3", title), ...content);
    if (cell.deviation) parts.push(make("p", cell.deviation.why, "why"));
    if (cell.shown?.[1]) parts.push(pairs([["saw", cell.shown[0]], ["expected", cell.shown[1]]]));
    if (cell.deviation) parts.push(make("p", ["Source: ", ...linked(cell.deviation.source)]));
    if (cell.reason) section("Reason", focusable(make("pre", cell.reason)));
    if (cell.observations) section("Observed", pairs(cell.observations));
    if (cell.rounds) section("Rounds", pairs(cell.rounds));
    if (cell.deviation) section("Recorded deviation", pairs([["when", cell.deviation.when], ["known by", cell.deviation.signature], ["recorded in", cell.deviation.place]]));
    if (cell.calls !== undefined) section("System calls", transcript(value.calls[cell.calls], cell.cut));
    if (cell.omitted) parts.push(make("p", `${cell.omitted.toLocaleString("en")} more calls are not here.`));
    if (cell.log) section("Kernel log", focusable(make("pre", cell.log.join("\n"))));
    if (cell.rerun) section("Run it again", copied(make("pre", cell.rerun, "rerun")), make("p", cell.again ?? "", "again"));
    section("About", pairs([["test", cell.nodeid], ["run", cell.run], ["reported", cell.at], ["took", cell.seconds === undefined ? "" : `${cell.seconds} s`]]));
    if (!many) return parts;
    const folded = make("details", [make("summary", id.slice(id.indexOf("["))), ...parts], "records");
    folded.open = first;
    return [folded];
  }

  function focusable(element) {
    element.tabIndex = 0;
    return element;
  }
  function transcript(calls, cut) {
    const lines = calls.map(([process, call, answer, failed, steps]) => make("span",
      [make("i", process), ` ${call} = ${answer}`, ...(steps ? [make("em", ` /* the suite's step: ${steps} */`)] : []), "\n"], steps ? "step" : failed ? "failed" : ""));
    if (cut) lines.splice(cut[1], 0, make("span", `… ${cut[0].toLocaleString("en")} calls left out\n`, "step"));
    return make("div", focusable(make("pre", lines)), "strace");
  }
  function copied(pre) {
    const button = make("button", "Copy", "copy");
    button.type = "button";
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(pre);
      try { await navigator.clipboard.writeText(pre.textContent); } catch { if (!document.execCommand("copy")) return; }
      button.textContent = "Copied";
    });
    return make("div", [focusable(pre), button], "command");
  }

  // Events.
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td");
    if (!cell?.className || cell.parentElement.className === "family") return;
    go({ at: nameOf(cell) });
    open(cell);
  });
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tbody td");
    if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      go({ at: nameOf(cell) });
      open(cell);
    } else if (moving.includes(event.key)) {
      event.preventDefault();
      const next = neighbour(cell, event.key);
      if (!next) return;
      rove(next);
      next.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, dialog")) { event.preventDefault(); box.focus(); }
    if (event.key === "Escape") for (const menu of bar.querySelectorAll(".menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  document.addEventListener("click", (event) => {
    for (const menu of bar.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // What is typed becomes one step of the history once it rests: a step for each letter would bury the page before.
  let typing = 0;
  let begun = false;
  box.addEventListener("input", () => {
    go({ q: box.value }, begun);
    begun = true;
    clearTimeout(typing);
    typing = setTimeout(() => { begun = false; }, 1000);
    apply();
  });
  document.querySelector("#reset").addEventListener("click", () => { go(read("")); apply(); });

  const options = { family: bodies.map((body) => [body.family, body.title]), is: Object.entries(presets) };
  options.verdict = [...document.querySelectorAll(".legend dt.square")].map((one) => [one.className.match(/v-(\w+)/)[1], one.textContent]);
  for (const key of axes) options[key] = [...new Set(lanes.map((lane) => lane[key]))].map((value) => [value, value]);
  for (const menu of bar.querySelectorAll(".menu")) {
    const key = menu.dataset.key;
    menu.querySelector("div").append(...options[key].map(([value, text]) => {
      const input = make("input");
      input.type = "checkbox";
      input.value = value;
      return make("label", [input, ` ${text}`], key === "verdict" ? `square v-${value}` : "");
    }));
    menu.addEventListener("change", () => {
      go({ [key]: [...menu.querySelectorAll("input:checked")].map((one) => one.value) });
      apply();
    });
  }

  function arrive() {
    state = read(location.hash);
    apply();
    const cell = state.at && cellOf(state.at);
    if (cell) {
      cell.scrollIntoView({ block: "center", inline: "center" });
      open(cell);
    } else if (drawer.open) drawer.close();
  }
  addEventListener("popstate", arrive);
  addEventListener("hashchange", arrive);

  table.setAttribute("role", "grid");
  bar.hidden = false;
  for (const one of document.querySelectorAll(".scripted")) one.hidden = false;
  arrive();
})();
