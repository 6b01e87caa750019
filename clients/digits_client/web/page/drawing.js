/** Height of the sheet in its own pixels, of which strokes and the image are made. */
export const SHEET_HEIGHT = 400;
const MAX_WIDTH = 1600;
const MARGIN = 20;

const EMPTY = { strokes: [], picture: null };

/**
 * A sheet with strokes, or with a picture, which a stroke replaces. Every change can be undone.
 *
 * A stroke is {points: [[x, y, pressure]], width, erases}; the pressure is 0 to 1, or null without one.
 */
export class Drawing {
	#steps = [];
	#undone = [];
	#count = 0;
	/** The unfinished stroke, or null while the pen is up. */
	current = null;
	/** Width of the sheet in its own pixels. */
	width = SHEET_HEIGHT;

	/** What is visible: {key, strokes, picture}. The key stays the same while strokes are added. */
	get content() {
		const start = this.#steps.findLastIndex((step) => step.content);
		const { key, content } = this.#steps[start] ?? { key: 0, content: EMPTY };
		const own = this.#steps.slice(start + 1).map((step) => step.stroke);
		if (this.current) own.push(this.current);
		if (own.length === 0) return { ...content, key: content.key ?? key };
		return { key: `${key}+`, strokes: [...content.strokes, ...own], picture: null };
	}

	get isEmpty() {
		const { strokes, picture } = this.content;
		return strokes.length === 0 && !picture;
	}

	get canUndo() { return this.#steps.length > 0 || this.current !== null }
	get canRedo() { return this.#undone.length > 0 }

	/** Make the sheet wider or narrower, within limits and not so narrow that ink is cut off. */
	setWidth(width) {
		const right = Math.max(0, ...this.content.strokes.flatMap((stroke) => stroke.points.map(([x]) => x)));
		this.width = Math.round(Math.min(Math.max(SHEET_HEIGHT, right + MARGIN, width), MAX_WIDTH));
	}

	begin(point, width, erases) {
		this.end();
		this.current = { points: [point], width, erases };
	}

	extend(points) { this.current?.points.push(...points) }

	end() {
		if (this.current) this.#add({ stroke: this.current });
		this.current = null;
	}

	/** Drop the unfinished stroke. */
	cancel() { this.current = null }

	/** Replace what is visible with other content; without any, clear the sheet. */
	replace(content = EMPTY) {
		this.end();
		this.#add({ key: ++this.#count, content });
	}

	undo() {
		this.end();
		if (this.canUndo) this.#undone.push(this.#steps.pop());
	}

	redo() {
		this.end();
		if (this.canRedo) this.#steps.push(this.#undone.pop());
	}

	#add(step) {
		this.#steps.push(step);
		this.#undone = [];
	}
}
