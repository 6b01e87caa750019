import { isTyping, on } from "./dom.js";
import { SHEET_HEIGHT } from "./drawing.js";

const STEP = 10;
const LARGE_STEP = 40;
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Move a pen over the sheet with the arrow keys. `onPen` is called with whether it is down. */
export function drawWithKeys(sheet, drawing, { onChange, onClear, onPen }) {
	const pen = { x: SHEET_HEIGHT / 2, y: SHEET_HEIGHT / 4 };
	let isDown = false;

	const press = () => {
		isDown = !isDown;
		if (isDown) drawing.begin([pen.x, pen.y, null], sheet.penWidth, sheet.isErasing);
		else drawing.end();
		onPen(isDown);
		onChange();
	};

	const move = ([right, down], step) => {
		pen.x = Math.min(Math.max(pen.x + right * step, 0), drawing.width);
		pen.y = Math.min(Math.max(pen.y + down * step, 0), SHEET_HEIGHT);
		if (!isDown || !drawing.current) return;
		drawing.extend([[pen.x, pen.y, null]]);
		onChange();
	};

	const leave = () => {
		if (isDown) press();
		sheet.cursor = null;
		sheet.show();
	};

	on(sheet.canvas, "keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (DIRECTIONS[event.key]) move(DIRECTIONS[event.key], event.shiftKey ? LARGE_STEP : STEP);
		else if (event.key === " ") press();
		else if (event.key === "Delete" || event.key === "Backspace") onClear();
		else return;
		event.preventDefault();
		sheet.cursor = pen;
		sheet.show();
	});
	on(sheet.canvas, "blur", leave);
	sheet.canvas.addEventListener("pointerdown", leave, { capture: true });
}

/** Listen to the shortcuts, which all have a modifier. A text field keeps its own. */
export function listenToShortcuts({ onUndo, onRedo, onOpen }) {
	on(document, "keydown", (event) => {
		if (isTyping(event) || document.querySelector("dialog[open]") || event.altKey || !(event.ctrlKey || event.metaKey)) return;
		const action = { z: event.shiftKey ? onRedo : onUndo, y: onRedo, o: onOpen }[event.key.toLowerCase()];
		if (!action) return;
		event.preventDefault();
		action();
	});
}
