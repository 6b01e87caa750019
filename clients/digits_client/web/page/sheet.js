import { create, on, setCount } from "./dom.js";
import { SHEET_HEIGHT } from "./drawing.js";
import { Layers } from "./layers.js";

const ERASING_BUTTONS = 2 | 32; // the right one of a mouse, and the other end of a stylus
const BOX_MARGIN = 4;

/** Shows the drawing and boxes; `onChange` is called after a change, `onPoint` with the box pointed at, or null. */
export class Sheet {
	penWidth = 16;
	isErasing = false;
	/** Where the keyboard's pen is, {x, y} in pixels of the sheet, or null. */
	cursor = null;
	#scale = 1;
	#pointer = null;
	#boxes = [];
	#frame = 0;

	constructor(canvas, boxLayer, drawing, { onChange, onPoint }) {
		Object.assign(this, { canvas, boxLayer, drawing, onChange, onPoint });
		this.layers = new Layers(canvas);
		on(canvas, "pointerdown", (event) => this.#press(event));
		on(canvas, "pointermove", (event) => this.#move(event));
		on(canvas, "pointerup", (event) => this.#release(event));
		on(canvas, "pointercancel", (event) => this.#release(event));
		on(canvas, "pointerleave", () => onPoint(null));
		on(canvas, "contextmenu", (event) => event.preventDefault());
		on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.show());
		new ResizeObserver(() => this.fit()).observe(canvas);
	}

	/** Show the drawing with the next frame of the screen. */
	show() {
		this.#frame ||= requestAnimationFrame(() => this.#paint());
	}

	/** Show boxes, in pixels of what is on the sheet. */
	showBoxes(boxes) {
		this.#boxes = boxes;
		setCount(this.boxLayer, boxes.length, () => create("div"));
		const { x, y, scale } = this.#place();
		const pixels = (start, length, margin) => `${start + length * scale + margin}px`;
		boxes.forEach((box, index) => {
			Object.assign(this.boxLayer.children[index].style, {
				left: pixels(x, box.left, -BOX_MARGIN), top: pixels(y, box.top, -BOX_MARGIN),
				width: pixels(0, box.width, 2 * BOX_MARGIN), height: pixels(0, box.height, 2 * BOX_MARGIN),
			});
		});
	}

	/** Emphasize one of the boxes. */
	emphasize(index) {
		[...this.boxLayer.children].forEach((box, at) => box.classList.toggle("shown", at === index));
	}

	/** Give the drawing the proportions of the sheet. */
	fit() {
		const { clientWidth, clientHeight } = this.canvas;
		this.drawing.setWidth((SHEET_HEIGHT * clientWidth) / Math.max(1, clientHeight));
		this.#scale = Math.min(clientHeight / SHEET_HEIGHT, clientWidth / this.drawing.width) || 1;
		this.show();
	}

	#press(event) {
		if (this.#pointer !== null || event.button === 1) return;
		this.#pointer = event.pointerId;
		this.canvas.setPointerCapture(event.pointerId);
		this.drawing.begin(this.#point(event), this.penWidth, this.isErasing || (event.buttons & ERASING_BUTTONS) > 0);
		this.#changed();
	}

	#move(event) {
		if (this.#pointer === null) this.onPoint(this.#boxAt(event));
		// A step may have been undone while the pen was down.
		if (event.pointerId !== this.#pointer || !this.drawing.current) return;
		let last = this.drawing.current.points.at(-1);
		const moved = [];
		// Between two frames of the screen, a pen reports several points.
		for (const each of [...event.getCoalescedEvents(), event]) {
			const point = this.#point(each);
			if (point[0] !== last[0] || point[1] !== last[1]) moved.push(point);
			last = point;
		}
		if (moved.length === 0) return;
		this.drawing.extend(moved);
		this.#changed();
	}

	#release(event) {
		if (event.pointerId !== this.#pointer) return;
		this.#pointer = null;
		if (event.type === "pointercancel") this.drawing.cancel(); // a gesture, such as zooming with two fingers
		else this.drawing.end();
		this.#changed();
	}

	#changed() {
		this.show();
		this.onChange();
	}

	#point(event) {
		const { left, top } = this.canvas.getBoundingClientRect();
		return [(event.clientX - left) / this.#scale, (event.clientY - top) / this.#scale, event.pointerType === "pen" ? event.pressure : null];
	}

	#boxAt({ clientX, clientY }) {
		const index = [...this.boxLayer.children].findIndex((box) => {
			const { left, top, right, bottom } = box.getBoundingClientRect();
			return clientX > left && clientX < right && clientY > top && clientY < bottom;
		});
		return index < 0 ? null : index;
	}

	/** Return where the drawing or the picture is on the screen, and the size of its pixels. */
	#place() {
		const { picture } = this.drawing.content;
		if (!picture) return { x: 0, y: 0, scale: this.#scale };
		const { clientWidth, clientHeight } = this.canvas;
		const scale = Math.min(clientWidth / picture.width, clientHeight / picture.height);
		return { x: (clientWidth - picture.width * scale) / 2, y: (clientHeight - picture.height * scale) / 2, scale };
	}

	#paint() {
		this.#frame = 0;
		const { clientWidth, clientHeight } = this.canvas;
		if (!clientWidth || !clientHeight) return;
		const { strokes, picture } = this.drawing.content;
		const { context } = this.layers;
		const ratio = devicePixelRatio;
		const color = (name) => getComputedStyle(this.canvas).getPropertyValue(name);
		this.layers.paint(strokes, this.drawing.current, {
			width: Math.round(clientWidth * ratio), height: Math.round(clientHeight * ratio), scale: this.#scale * ratio,
			ink: color("--ink"), paper: color("--paper"),
		});
		if (picture?.bitmap) {
			const { x, y, scale } = this.#place();
			context.setTransform(ratio, 0, 0, ratio, 0, 0);
			context.imageSmoothingEnabled = scale < 6; // the pixels of a tiny picture are worth seeing
			context.drawImage(picture.bitmap, x, y, picture.width * scale, picture.height * scale);
		}
		if (this.cursor) {
			context.strokeStyle = color("--accent");
			context.lineWidth = 3;
			context.beginPath();
			context.arc(this.cursor.x, this.cursor.y, this.penWidth / 2 + 3, 0, 2 * Math.PI);
			context.stroke();
		}
		this.showBoxes(this.#boxes);
	}
}
