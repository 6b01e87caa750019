import { create, createButton, find, on, setCount } from "./dom.js";
import { shownPlace } from "./prediction.js";
import { percent, text } from "./texts.js";

const FRAME_SIDE = 28;

/** Shows a view, and one of its digits; `onPlace` is called with the index of that digit, or null. */
export class Panel {
	#view = null;
	#pointed = null;
	#focused = null;

	constructor({ onPlace }) {
		this.onPlace = onPlace;
		this.headline = find("headline");
		this.frame = find("frame").getContext("2d");
		this.bars = [...Array(10).keys(), text("notADigit")].map((name) => {
			const [row, fill, trough, share] = [create("li"), create("span", "fill"), create("span", "trough"), create("span", "share")];
			trough.append(fill);
			row.append(create("span", "", name), trough, share);
			find("bars").append(row);
			return { row, fill, share };
		});
	}

	/** Show a view; the digits keep the focus as long as there are as many. */
	show(view) {
		this.#view = view;
		const { headline } = this;
		headline.dataset.tone = find("caption").dataset.tone = view.tone;
		find("caption").textContent = view.caption;
		headline.style.setProperty("--length", Math.max(1, ...view.lines.map((line) => line.length)));
		headline.style.setProperty("--lines", Math.max(1, view.lines.length));
		setCount(headline, Math.max(1, view.lines.length), () => create("div", "line"));
		[...headline.children].forEach((row, at) => {
			const line = view.lines[at] ?? [];
			setCount(row, line.length, () => this.#createDigit());
			line.forEach((index, column) => {
				const digit = row.children[column];
				digit.textContent = view.places[index].text;
				digit.dataset.index = index;
				digit.setAttribute("aria-label", view.places[index].label);
			});
		});
		this.#showPlace();
	}

	/** Show the digit that is pointed at; null for the one that has the focus, or the least sure one. */
	point(index) {
		if (index === this.#pointed) return;
		this.#pointed = index;
		this.#showPlace();
	}

	#focus(index) {
		this.#focused = index;
		this.#showPlace();
	}

	#createDigit() {
		const digit = createButton("digit", "");
		on(digit, "pointerenter", () => this.point(Number(digit.dataset.index)));
		on(digit, "pointerleave", () => this.point(null));
		on(digit, "focus", () => this.#focus(Number(digit.dataset.index)));
		on(digit, "blur", () => this.#focus(null));
		return digit;
	}

	#showPlace() {
		const { places } = this.#view;
		const index = places.length ? shownPlace(places, this.#pointed ?? this.#focused) : null;
		const { title = "", shares = [], text: name = "", frame = "" } = places[index] ?? {};
		find("place").textContent = title;
		this.bars.forEach(({ row, fill, share }, at) => {
			fill.style.transform = `scaleX(${shares[at] ?? 0})`;
			share.textContent = shares.length ? percent(shares[at]) : "";
			row.classList.toggle("largest", shares[at] === Math.max(...shares));
		});
		this.#showFrame(atob(frame), name);
		for (const digit of this.headline.querySelectorAll(".digit")) {
			digit.classList.toggle("shown", places.length > 1 && Number(digit.dataset.index) === index);
		}
		this.onPlace(places.length > 1 ? index : null);
	}

	#showFrame(ink, name) {
		const image = this.frame.createImageData(FRAME_SIDE, FRAME_SIDE);
		for (let at = 0; at < ink.length; at++) {
			image.data.fill(ink.charCodeAt(at), 4 * at, 4 * at + 3);
			image.data[4 * at + 3] = 255;
		}
		this.frame.putImageData(image, 0, 0);
		find("frame").setAttribute("aria-label", text(ink ? "frameOf" : "frameEmpty", { text: name }));
	}
}
