// Two lanes of the reader's choice side by side: verdict changes first, then values, then what only one was asked.
// What is chosen stands in the address.
"use strict";
let roadworthyData = null;
function roadworthyCells(value) { roadworthyData = value; }

addEventListener("DOMContentLoaded", () => {
  const data = roadworthyData;
  if (!data) return;
  const one = (id) => document.getElementById(id);
  const broken = new Set(["crash", "hang", "fail", "known"]);
  const told = new Set([...broken, "pass", "fixed"]);
  const order = ["error", "crash", "hang", "fail", "fixed", "known", "pass"];
  const lanes = new Map(data.lanes.map((lane) => [lane.id, lane]));
  const make = (name, content, kind) => {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    element.append(...[content ?? []].flat());
    return element;
  };

  function options(select, names, chosen) {
    select.replaceChildren(...names.map(([value, text]) => {
      const option = make("option", text);
      option.value = value;
      option.selected = value === chosen;
      return option;
    }));
  }
  function editions(id, chosen) {
    const lane = lanes.get(id);
    return [["", `newest, ${lane.of}`], ...Object.keys(lane.editions).reverse().filter((name) => name !== lane.of).map((name) => [name, name])];
  }
  function verdicts(id, edition) {
    const lane = lanes.get(id);
    return [...(edition ? lane.editions[edition] ?? "" : lane.newest)].map((mark) => data.marks[mark]);
  }

  let state = {};
  function read() {
    const found = new URLSearchParams(location.hash.slice(1));
    const ids = [...lanes.keys()];
    const [a, ae] = (found.get("a") ?? "").split("@");
    const [b, be] = (found.get("b") ?? "").split("@");
    // Without a choice: the two ways in which Docker keeps images, alike in everything else if there are such lanes.
    const [graph, store] = ["overlay2", "containerd:overlayfs"];
    const alike = ids.find((id) => id.startsWith(`${graph}-`) && lanes.has(store + id.slice(graph.length)));
    const first = lanes.has(a) ? a : alike ?? ids.find((id) => id.startsWith(`${graph}-`)) ?? ids[0];
    const beside = store + first.slice(graph.length);
    const second = lanes.has(b) ? b : lanes.has(beside) ? beside : ids.find((id) => id !== first) ?? first;
    state = { a: first, ae: lanes.get(first).editions[ae] ? ae : "", b: second, be: lanes.get(second).editions[be] ? be : "" };
  }
  function go(change) {
    state = { ...state, ...change };
    for (const side of ["a", "b"]) if (!(state[`${side}e`] in lanes.get(state[side]).editions)) state[`${side}e`] = "";
    const name = (side) => state[side] + (state[`${side}e`] ? `@${state[`${side}e`]}` : "");
    history.pushState(null, "", `#${new URLSearchParams({ a: name("a"), b: name("b") })}`);
    show();
  }

  function said(verdict, value) {
    const word = verdict === "known" ? "breaks (explained)" : verdict;
    return make("div", [make("b", word), ...(value ? [" ", make("span", value)] : [])], `said square v-${verdict}`);
  }
  function linked(check) {
    const link = make("a", check, "id");
    link.href = data.pages[check.replace(/\[.*/, "")];
    return link;
  }

  function show() {
    const ids = [...lanes.keys()].map((id) => [id, id]);
    for (const side of ["a", "b"]) {
      options(one(side), ids, state[side]);
      options(one(`${side}e`), editions(state[side]), state[`${side}e`]);
    }
    const left = verdicts(state.a, state.ae);
    const right = verdicts(state.b, state.be);
    const valueOf = (side, place) => (state[`${side}e`] ? "" : lanes.get(state[side]).values[place] ?? "");
    const changed = [], values = [], first = [], second = [];
    let alike = 0;
    data.checks.forEach((check, place) => {
      const [x, y] = [left[place], right[place]];
      if (told.has(x) && told.has(y)) {
        const [v, w] = [valueOf("a", place), valueOf("b", place)];
        if (x !== y) changed.push([check, x, y, v, w]);
        else if (broken.has(x) && v !== w && v && w) values.push([check, x, y, v, w]);
        else alike += 1;
      } else if (told.has(x)) first.push(check);
      else if (told.has(y)) second.push(check);
    });
    changed.sort((p, q) => Math.min(order.indexOf(p[1]), order.indexOf(p[2])) - Math.min(order.indexOf(q[1]), order.indexOf(q[2])));
    one("result").tBodies[0].replaceChildren(...[...changed, ...values].map(([check, x, y, v, w]) => {
      const head = make("th", linked(check));
      head.scope = "row";
      return make("tr", [head, make("td", said(x, broken.has(x) ? v : "")), make("td", said(y, broken.has(y) ? w : ""))]);
    }));
    one("result").hidden = !changed.length && !values.length;
    one("said").textContent = `${changed.length} verdicts differ, then ${values.length} values; ${alike} answers are alike; ${first.length} were asked of this only, ${second.length} of that only.`;
    const only = one("only");
    only.hidden = !first.length && !second.length;
    const apart = first.length + second.length;
    only.querySelector("summary").textContent = `${apart} ${apart === 1 ? "check" : "checks"} that only one was asked`;
    only.querySelector("ul").replaceChildren(
      ...first.map((check) => make("li", [linked(check), ": only this"])), ...second.map((check) => make("li", [linked(check), ": only that"])));
  }

  for (const id of ["a", "ae", "b", "be"]) one(id).addEventListener("change", () => go({ [id]: one(id).value }));
  one("swap").addEventListener("click", () => go({ a: state.b, ae: state.be, b: state.a, be: state.ae }));
  const arrive = () => { read(); show(); };
  addEventListener("popstate", arrive);
  addEventListener("hashchange", arrive);
  one("two").hidden = false;
  arrive();
});
