import { boundsOf, drawStroke } from "./curve.js";
import { create, createButton, find, on } from "./dom.js";
import { percent, text } from "./texts.js";

const MAX_ENTRIES = 100;
const THUMBNAIL = { height: 112, minWidth: 80, maxWidth: 320 };
const MARGIN = 12;

/** The strip of earlier results; `onBringBack` is called with the drawing that was clicked. */
export class History {
	#entries = [];

	constructor({ onBringBack, onNotice }) {
		this.onBringBack = onBringBack;
		on(find("copy-button"), "click", async () => {
			onNotice(text((await copyText(this.#csv())) ? "copied" : "notCopied", { count: this.#entries.length }));
		});
	}

	/** Keep a drawing and its view, in place of an earlier state of the same drawing. */
	keep(content, view) {
		const old = this.#entries.findIndex((entry) => entry.content.key === content.key);
		if (old >= 0) this.#entries.splice(old, 1)[0].tile.remove();
		const tile = this.#createTile(content, view);
		this.#entries.unshift({ content, view, tile });
		find("history").prepend(tile);
		for (const entry of this.#entries.splice(MAX_ENTRIES)) entry.tile.remove();
		find("history-section").hidden = false;
	}

	/** Return the results as CSV, the oldest first. */
	#csv() {
		const rows = this.#entries.map(({ view }) => {
			const [number, confidence] = view.verdict === "digit" ? [view.text, view.confidence.toFixed(4)] : ["", ""];
			return [number.includes("\n") ? `"${number}"` : number, view.verdict, confidence, view.version];
		});
		return [["number", "verdict", "confidence", "model_version"], ...rows.reverse()].map((row) => `${row}\r\n`).join("");
	}

	#createTile(content, view) {
		const tile = create("li");
		const button = createButton("tile", "", () => this.onBringBack(content));
		button.setAttribute("aria-label", text("bringBack", { text: view.spoken.replaceAll("\n", ", ") }));
		const confidence = view.verdict === "digit" ? percent(view.confidence) : view.caption;
		button.append(thumbnail(content), create("b", "", view.text.replaceAll("\n", " ") || "–"), create("span", "soft", confidence));
		tile.append(button);
		return tile;
	}
}

/** Copy a text, also without HTTPS; return whether that was possible. */
async function copyText(content) {
	try {
		await navigator.clipboard.writeText(content);
		return true;
	} catch {
		const field = create("textarea", "", content);
		document.body.append(field);
		field.select();
		const isCopied = document.execCommand("copy");
		field.remove();
		find("copy-button").focus();
		return isCopied;
	}
}

function thumbnail({ strokes, picture }) {
	const size = picture ?? inkSize(strokes);
	const { height, minWidth, maxWidth } = THUMBNAIL;
	const width = Math.min(Math.max((size.width * height) / size.height, minWidth), maxWidth);
	const scale = Math.min(height / size.height, width / size.width);
	const canvas = Object.assign(create("canvas", picture ? "" : "ink"), { width, height });
	const context = canvas.getContext("2d");
	context.translate((width - size.width * scale) / 2, (height - size.height * scale) / 2);
	context.scale(scale, scale);
	if (picture?.bitmap) context.drawImage(picture.bitmap, 0, 0);
	context.translate(-size.left, -size.top);
	for (const stroke of strokes) drawStroke(context, stroke, "#000", "#fff");
	return canvas;
}

function inkSize(strokes) {
	const { left, top, right, bottom } = boundsOf(strokes.filter((stroke) => !stroke.erases));
	return { left: left - MARGIN, top: top - MARGIN, width: right - left + 2 * MARGIN, height: bottom - top + 2 * MARGIN };
}
