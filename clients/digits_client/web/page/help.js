import { create, find, on } from "./dom.js";
import { text, texts } from "./texts.js";

/** Fill the help, with its table of keys, and let it be opened. */
export function showHelp(settings) {
	for (const [keys, meaning] of texts.keys) {
		const row = find("help-keys").insertRow();
		row.append(Object.assign(create("th", "", keys), { scope: "row" }), create("td", "", meaning));
	}
	find("about").textContent = text("about", settings);
	on(find("help-button"), "click", () => find("help-dialog").showModal());
}
