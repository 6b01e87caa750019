// The result: the digit or number, the probabilities of one digit, and what the model sees of it.

import { shownPlace } from "./prediction.js";
import { percent, text } from "./texts.js";

const FRAME_SIDE = 28;

const find = (id) => document.getElementById(id);

/** Shows a view; `onPlace` is called with the index of the digit that it shows, or null. */
export class Panel {
  #view = null;
  #pointed = null;
  #focused = null;

  constructor({ onPlace }) {
    this.onPlace = onPlace;
    this.headline = find("headline");
    this.caption = find("caption");
    this.frame = find("frame").getContext("2d");
    const names = [...Array(10).keys(), text("notADigit")];
    this.bars = names.map((name) => {
      const row = element("li");
      const fill = element("span", "fill");
      const trough = element("span", "trough");
      const share = element("span", "share");
      trough.append(fill);
      row.append(element("span", "name", name), trough, share);
      find("bars").append(row);
      return { row, fill, share };
    });
  }

  /** Show a view; the digits keep the focus as long as there are as many. */
  show(view) {
    this.#view = view;
    for (const element of [this.headline, this.caption]) element.dataset.tone = view.tone;
    setText(this.caption, view.caption);
    this.#showHeadline(view);
    this.#showPlace();
  }

  /** Show the digit that is pointed at; null for the one that has the focus, or the least sure one. */
  point(index) {
    if (index === this.#pointed) return;
    this.#pointed = index;
    this.#showPlace();
  }

  #showHeadline(view) {
    const lines = view.lines.length ? view.lines : [[]];
    const longest = Math.max(1, ...lines.map((line) => line.length));
    this.headline.style.setProperty("--length", longest);
    this.headline.style.setProperty("--lines", lines.length);
    if (this.headline.children.length !== lines.length) this.headline.replaceChildren(...lines.map(() => element("div", "line")));
    lines.forEach((line, at) => {
      const row = this.headline.children[at];
      while (row.children.length > line.length) row.lastChild.remove();
      while (row.children.length < line.length) row.append(this.#createDigit());
      line.forEach((index, column) => {
        const digit = row.children[column];
        setText(digit, view.places[index].text);
        digit.dataset.index = index;
        digit.setAttribute("aria-label", view.places[index].label);
      });
    });
  }

  #createDigit() {
    const digit = element("button", "digit");
    digit.type = "button";
    const point = () => this.point(Number(digit.dataset.index));
    digit.addEventListener("pointerenter", point);
    digit.addEventListener("pointerleave", () => this.point(null));
    digit.addEventListener("focus", () => {
      this.#focused = Number(digit.dataset.index);
      this.#showPlace();
    });
    digit.addEventListener("blur", () => {
      this.#focused = null;
      this.#showPlace();
    });
    return digit;
  }

  #showPlace() {
    const view = this.#view;
    const index = view.places.length ? shownPlace(view, this.#pointed ?? this.#focused) : null;
    const place = view.places[index];
    const shares = place?.shares ?? [];
    const largest = Math.max(...shares);
    setText(find("place"), place?.title ?? "");
    this.bars.forEach(({ row, fill, share }, at) => {
      fill.style.transform = `scaleX(${shares[at] ?? 0})`;
      setText(share, shares.length ? percent(shares[at]) : "");
      row.classList.toggle("largest", shares[at] === largest);
    });
    this.#showFrame(place);
    for (const digit of this.headline.querySelectorAll(".digit")) {
      digit.classList.toggle("shown", view.places.length > 1 && Number(digit.dataset.index) === index);
    }
    this.onPlace(index);
  }

  #showFrame(place) {
    const image = this.frame.createImageData(FRAME_SIDE, FRAME_SIDE);
    const ink = atob(place?.frame ?? "");
    for (let at = 0; at < FRAME_SIDE * FRAME_SIDE; at++) {
      image.data.fill(ink.charCodeAt(at) || 0, 4 * at, 4 * at + 3);
      image.data[4 * at + 3] = 255;
    }
    this.frame.putImageData(image, 0, 0);
    this.frame.canvas.setAttribute("aria-label", ink ? text("frameOf", { text: place.text }) : text("frameEmpty"));
  }
}

function element(name, className = "", content = "") {
  const created = document.createElement(name);
  created.className = className;
  created.textContent = content;
  return created;
}

function setText(element, content) {
  if (element.textContent !== content) element.textContent = content;
}
