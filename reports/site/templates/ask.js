// The search of the front page. What is looked through is loaded when somebody begins to ask, as a script, because a
// page that lies in a file may load no other data. All text is set as text, never as markup.
"use strict";
(() => {
  const script = document.currentScript;
  const place = document.querySelector(".ask");
  const field = document.getElementById("question");
  const said = document.getElementById("found");
  const list = document.getElementById("results");
  const most = 20;
  // Words of questions that say nothing of what is asked.
  const idle = new Set(("a an and any are at be by can did do does for from how i if in is it my of on or s should t the " +
    "their there to was what when where which who why will with work works").split(" "));
  const weight = { driver: 6, check: 4, benchmark: 4, "error text": 4, option: 4, finding: 3, issue: 3, claim: 2, count: 2, break: 1 };
  let entries = null;
  let groups = [];

  const plain = (text) => ` ${text.toLowerCase().replace(/[^a-z0-9_.:/#-]+/g, " ").trim()} `;

  // What is found by a word is found by all words that mean the same: an entry with one of them gets the others.
  function widened(text) {
    let found = plain(text);
    for (const group of groups) {
      if (group.some((word) => found.includes(` ${word} `) || found.includes(` ${word}s `))) found += group.join(" ") + " ";
    }
    return found;
  }

  globalThis.searchData = (data) => {
    groups = data.synonyms;
    entries = data.entries.map(([kind, title, words, address]) => ({
      kind, title, address, head: plain(title), text: widened(`${title} ${words} ${title.replace(/[-/_:]/g, " ")}`),
    }));
    answer();
  };

  function load() {
    if (document.querySelector("script[data-loaded]")) return;
    const more = document.createElement("script");
    more.src = script.dataset.search;
    more.dataset.loaded = "";
    document.head.append(more);
  }

  function terms(text) {
    let rest = plain(text);
    const found = [];
    for (const group of groups) {
      for (const word of group) {
        if (!word.includes(" ") || !rest.includes(` ${word}`)) continue;
        found.push(word);
        rest = rest.replace(` ${word}`, " ");
      }
    }
    const words = rest.split(" ").map((word) => word.replace(/^[.:/-]+|[.:/-]+$/g, "")).filter(Boolean);
    const telling = words.filter((word) => !idle.has(word));
    return [...found, ...(telling.length || found.length ? telling : words)];
  }

  function score(entry, words) {
    let hits = 0;
    let points = 0;
    for (const word of words) {
      if (!entry.text.includes(` ${word}`) && !(word.length > 4 && entry.text.includes(word))) continue;
      hits += 1;
      points += 1 + (entry.text.includes(` ${word} `) ? 1 : 0) + (entry.head.includes(` ${word}`) ? 2 : 0);
    }
    return { hits, points: points * 10 + (weight[entry.kind] ?? 0) };
  }

  function answer() {
    const text = field.value.trim();
    remember(text);
    list.replaceChildren();
    if (!text) { said.textContent = ""; return; }
    if (!entries) { said.textContent = "Loading …"; load(); return; }
    const words = terms(text);
    const scored = entries.map((entry) => ({ entry, ...score(entry, words) })).filter((one) => one.hits);
    const whole = scored.filter((one) => one.hits === words.length);
    const found = (whole.length ? whole : scored).sort((one, other) => other.hits - one.hits || other.points - one.points);
    said.textContent = !found.length ? `Nothing has “${text}”.`
      : whole.length ? `${found.length} found${found.length > most ? `, the nearest ${most} are shown` : ""}.`
        : `Nothing has all of these words; the nearest ${Math.min(most, found.length)} of ${found.length}:`;
    list.append(...found.slice(0, most).map(({ entry }) => {
      const item = document.createElement("li");
      const kind = document.createElement("small");
      kind.textContent = entry.kind;
      const link = document.createElement("a");
      link.href = entry.address;
      link.textContent = entry.title;
      item.append(kind, " ", link);
      return item;
    }));
  }

  function remember(text) {
    const address = text ? `#ask=${encodeURIComponent(text)}` : location.pathname + location.search;
    if (text === asked()) return;
    try { history.replaceState(null, "", address); } catch { /* a browser may refuse it in a file */ }
  }

  function asked() {
    const found = location.hash.match(/^#ask=(.*)$/);
    try { return found ? decodeURIComponent(found[1]) : ""; } catch { return ""; }
  }

  place.hidden = false;
  field.addEventListener("focus", load, { once: true });
  field.addEventListener("input", answer);
  globalThis.addEventListener("hashchange", () => { if (asked() !== field.value.trim()) { field.value = asked(); answer(); } });
  if (asked()) { field.value = asked(); answer(); }
})();
