"use strict";

// Sorting: the first click on a head puts the greatest number, or the first name, on top; the next one turns it round.
// Lines without a number stay below, whichever way.
const numberIn = (cell) => {
  const value = parseFloat(cell.dataset.value ?? cell.textContent.replace(",", ""));
  return Number.isNaN(value) ? null : value;
};

const sort = (head) => {
  const numeric = head.classList.contains("number");
  const before = head.getAttribute("aria-sort");
  const descending = before === "none" ? numeric : before === "ascending";
  const body = head.closest("table").tBodies[0];
  const place = [...head.parentElement.children].indexOf(head);
  const key = (row) => (numeric ? numberIn(row.cells[place]) : row.cells[place].textContent.toLowerCase());
  const rows = [...body.rows].map((row) => [key(row), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = a < b ? -1 : a > b ? 1 : 0;
    return descending ? -order : order;
  });
  for (const other of head.parentElement.children) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  body.append(...rows.map(([, row]) => row));
};

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sort(button.closest("th")));
}

// Filtering: a line stays if its loss or backbone has every word; what is not drawn for it goes pale in the figures.
const marked = (section, numbers) => {
  section.classList.toggle("dimmed", numbers !== null);
  for (const element of section.querySelectorAll(".series, tr[data-series]")) {
    element.classList.toggle("on", numbers !== null && numbers.has(element.dataset.series));
  }
};

const filter = document.getElementById("filter");
const kept = (row, words) => {
  const text = `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase();
  return words.every((word) => text.includes(word));
};

const applyFilter = () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll("section")) {
    const numbers = new Set();
    for (const row of section.querySelectorAll("tbody tr")) {
      row.hidden = !kept(row, words);
      if (!row.hidden && row.dataset.series) numbers.add(row.dataset.series);
    }
    for (const runs of section.querySelectorAll(".runs")) {
      const text = runs.querySelector("summary").textContent.toLowerCase();
      runs.hidden = !words.every((word) => text.includes(word));
    }
    marked(section, words.length ? numbers : null);
  }
};
filter.addEventListener("input", applyFilter);

// Pointing at a line of a table, or at what is drawn of it, shows it in the figures and tables of the section.
for (const element of document.querySelectorAll("[data-series]")) {
  const section = element.closest("section");
  element.addEventListener("pointerenter", () => marked(section, new Set([element.dataset.series])));
  element.addEventListener("pointerleave", applyFilter);
}

// Light or dark as the system has it, until the button says otherwise; remembered where the browser allows it.
const root = document.documentElement;
const remembered = (action) => {
  try {
    return action(window.localStorage);
  } catch {
    return null; // a page from a file may have no storage
  }
};
const stored = remembered((storage) => storage.getItem("rankbench-theme"));
if (stored === "light" || stored === "dark") root.dataset.theme = stored;
document.getElementById("theme").addEventListener("click", () => {
  const system = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
  remembered((storage) => storage.setItem("rankbench-theme", root.dataset.theme));
});

for (const button of document.querySelectorAll(".command button")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      window.getSelection().selectAllChildren(code); // at least it is selected
    }
  });
}
