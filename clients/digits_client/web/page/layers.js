import { drawStroke } from "./curve.js";

/** Paints strokes on a canvas. Finished ones are kept, so that the cost does not grow with them. */
export class Layers {
	#finished = [];
	#look = "";

	/** `options` are those of getContext for the canvas. */
	constructor(canvas, options) {
		this.canvas = canvas;
		this.context = canvas.getContext("2d", { alpha: false, ...options });
		this.kept = document.createElement("canvas").getContext("2d", { alpha: false, ...options });
	}

	/** Paint strokes, of which `current` may still grow. `look` is {width, height, scale, ink, paper}. */
	paint(strokes, current, look) {
		const finished = current ? strokes.slice(0, -1) : strokes;
		this.#keep(finished, look);
		this.context.setTransform(1, 0, 0, 1, 0, 0);
		this.context.drawImage(this.kept.canvas, 0, 0);
		this.context.setTransform(look.scale, 0, 0, look.scale, 0, 0);
		if (current) drawStroke(this.context, current, look.ink, look.paper);
	}

	#keep(finished, look) {
		const name = JSON.stringify(look);
		const isSame = name === this.#look && this.#finished.every((stroke, index) => stroke === finished[index]);
		if (!isSame) {
			for (const canvas of [this.canvas, this.kept.canvas]) Object.assign(canvas, { width: look.width, height: look.height });
			this.kept.fillStyle = look.paper;
			this.kept.fillRect(0, 0, look.width, look.height);
			this.kept.setTransform(look.scale, 0, 0, look.scale, 0, 0);
		}
		for (const stroke of finished.slice(isSame ? this.#finished.length : 0)) drawStroke(this.kept, stroke, look.ink, look.paper);
		this.#finished = finished;
		this.#look = name;
	}
}
