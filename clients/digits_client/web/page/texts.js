const languages = document.querySelector("meta[name=languages]").content.split(" ");
const preferred = navigator.languages.map((name) => name.split("-")[0]);
const language = preferred.find((name) => languages.includes(name)) ?? languages[0];
const file = language === languages[0] ? "texts.json" : `texts.${language}.json`;

/** The content of the language's file. */
export const texts = await (await fetch(new URL(file, import.meta.url))).json();

const plural = new Intl.PluralRules(language);
const whole = new Intl.NumberFormat(language, { style: "percent" });
const precise = new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: 1 });
const decimal = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Return a text with its {names} replaced; `count` also selects between "name.one" and "name.other". */
export function text(name, values = {}) {
	const chosen = texts[name] ?? texts[`${name}.${plural.select(values.count)}`] ?? texts[`${name}.other`];
	return chosen.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** Return a share as a percentage, at most 99.9%: nothing is certain. */
export function percent(share) {
	return share < 0.0005 ? whole.format(0) : precise.format(Math.min(share, 0.999));
}

/** Return milliseconds as a number, with one decimal below 10. */
export function milliseconds(time) {
	return time < 10 ? decimal.format(time) : String(Math.round(time));
}

/** Fill the texts and the labels of the document. */
export function fillDocument() {
	document.documentElement.lang = language;
	for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
	for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
}
