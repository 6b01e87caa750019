import { boundsOf } from "./curve.js";
import { SHEET_HEIGHT } from "./drawing.js";
import { Layers } from "./layers.js";
import { grayPng } from "./png.js";

const layers = new Layers(document.createElement("canvas"), { willReadFrequently: true });

/** Return the drawing as a PNG file, 400 pixels high. */
export function encodeSheet({ content: { strokes }, current, width }) {
	layers.paint(strokes, current, { width, height: SHEET_HEIGHT, scale: 1, ink: "#000", paper: "#fff" });
	// Only the part with ink is read and copied, which takes most of the time.
	const bounds = boundsOf(strokes);
	const [left, right] = within(bounds.left, bounds.right, width);
	const [top, bottom] = within(bounds.top, bounds.bottom, SHEET_HEIGHT);
	return grayPng(layers.context.getImageData(left, top, right - left, bottom - top), left, top, width, SHEET_HEIGHT);
}

/** Return whole numbers around a span, from 0 to a limit, at least 1 apart. */
function within(from, to, limit) {
	const start = Math.min(Math.max(0, Math.floor(from)), limit - 1);
	return [start, Math.max(start + 1, Math.min(Math.ceil(to), limit))];
}
