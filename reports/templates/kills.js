"use strict";
// The rows that hold all the words of the search field.
const field = document.querySelector("#find");
const rows = [...document.querySelectorAll("tr.mutant")];
const texts = rows.map((row) => row.textContent.toLowerCase());
const show = () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  rows.forEach((row, at) => {
    row.hidden = !words.every((word) => texts[at].includes(word));
    shown += !row.hidden;
  });
  document.querySelector("#found").textContent = `${shown} of ${rows.length} mutants shown`;
};
field.closest(".find").hidden = false;
field.value = decodeURIComponent((location.hash.match(/^#find=(.*)/) || ["", ""])[1]);
field.addEventListener("input", show);
show();
