"use strict";
// Shows the entries that match the filter, tiles and rows of tables, and hides all else.

const form = document.querySelector("form.filter");
const entries = [...document.querySelectorAll("[data-verdict]")].map((element) => ({
	element,
	searched: `${element.title} ${element.textContent}`.toLowerCase(),
	...element.dataset,
}));
const sections = document.querySelectorAll("section");
const tables = [...document.querySelectorAll("details")].filter((each) => each.querySelector("[data-verdict]"));

function matches({ searched, verdict, text = "", confidence }, { words, wanted, digit, least, most }) {
	return words.every((word) => searched.includes(word))
		&& (!wanted || verdict === wanted)
		&& (!digit || text.includes(digit))
		&& (least === "" || Number(confidence) >= Number(least))
		&& (most === "" || Number(confidence) <= Number(most));
}

function count(isTile) {
	const kind = entries.filter(({ element }) => (element.tagName === "FIGURE") === isTile);
	const shown = kind.filter(({ element }) => !element.hidden).length;
	return kind.length ? [`${shown.toLocaleString("en")} of ${kind.length.toLocaleString("en")} ${isTile ? "pictures" : "rows"}`] : [];
}

function apply() {
	const { search, verdict, digit, least, most } = Object.fromEntries(new FormData(form));
	const words = search.toLowerCase().split(/\s+/).filter(Boolean);
	const filter = { words, wanted: verdict, digit, least, most };
	const isActive = Boolean(words.length || verdict || digit || least || most);
	for (const entry of entries) entry.element.hidden = isActive && !matches(entry, filter);
	for (const section of sections) section.hidden = isActive && !section.querySelector("[data-verdict]:not([hidden])");
	for (const table of tables) table.open = table.open || isActive;
	form.classList.toggle("active", isActive);
	form.querySelector("output").textContent = isActive ? `${[...count(true), ...count(false)].join(", ")} match` : "";
}

if (form && entries.length) {
	form.hidden = false;
	for (const kind of ["input", "change"]) form.addEventListener(kind, apply);
	form.addEventListener("submit", (event) => event.preventDefault());
	form.addEventListener("reset", () => setTimeout(apply)); // once the fields are empty
	apply(); // the browser may have kept what was in the fields
}
