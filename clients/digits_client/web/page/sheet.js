// The sheet: shows the drawing and the boxes, and draws with mouse, finger and stylus.

import { SHEET_HEIGHT } from "./drawing.js";
import { Layers } from "./layers.js";

const RIGHT_BUTTONS = 2 | 32; // of a mouse, and the eraser of a stylus
const BOX_MARGIN = 4;

/**
 * Each movement goes to the drawing at once; the screen follows with its next frame.
 *
 * `onChange` is called after a change, `onPoint` with the index of the box that is pointed at, or null.
 */
export class Sheet {
  penWidth = 16;
  isErasing = false;
  #scale = 1;
  #pointer = null;
  #boxes = [];
  #factor = 1;
  #cursor = null;
  #isScheduled = false;

  constructor(canvas, boxLayer, drawing, { onChange, onPoint }) {
    Object.assign(this, { canvas, boxLayer, drawing, onChange, onPoint });
    this.layers = new Layers(canvas);
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#release(event, false));
    canvas.addEventListener("pointercancel", (event) => this.#release(event, true));
    canvas.addEventListener("pointerleave", () => this.onPoint(null));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    new ResizeObserver(() => this.fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
  }

  /** Give the drawing the proportions of the sheet. */
  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    this.drawing.setWidth((SHEET_HEIGHT * clientWidth) / Math.max(1, clientHeight));
    this.#scale = Math.min(clientHeight / SHEET_HEIGHT, clientWidth / this.drawing.width) || 1;
    this.show();
  }

  /** Show the drawing with the next frame of the screen. */
  show() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => this.#paint());
  }

  /** Show boxes, in pixels of an image that is `factor` times smaller than the drawing or picture. */
  showBoxes(boxes, factor = 1) {
    this.#boxes = boxes;
    this.#factor = factor;
    const { scale, x, y } = this.#place();
    while (this.boxLayer.children.length > boxes.length) this.boxLayer.lastChild.remove();
    while (this.boxLayer.children.length < boxes.length) this.boxLayer.append(document.createElement("div"));
    boxes.forEach((box, index) => {
      const { style } = this.boxLayer.children[index];
      style.left = `${x + box.left * scale - BOX_MARGIN}px`;
      style.top = `${y + box.top * scale - BOX_MARGIN}px`;
      style.width = `${box.width * scale + 2 * BOX_MARGIN}px`;
      style.height = `${box.height * scale + 2 * BOX_MARGIN}px`;
    });
  }

  /** Emphasize one of the boxes. */
  emphasize(index) {
    [...this.boxLayer.children].forEach((box, at) => box.classList.toggle("shown", at === index));
  }

  /** Show where the pen of the keyboard is, in pixels of the sheet; null hides it. */
  showCursor(cursor) {
    this.#cursor = cursor;
    this.show();
  }

  #press(event) {
    if (this.#pointer !== null || (event.pointerType === "mouse" && event.button === 1)) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.drawing.begin(this.#point(event), this.penWidth, this.isErasing || (event.buttons & RIGHT_BUTTONS) > 0);
    this.#changed();
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) {
      if (this.#pointer === null) this.onPoint(this.#boxAt(event));
      return;
    }
    if (!this.drawing.current) return; // cleared, or a step undone, while the pen was down
    // Between two frames of the screen, a pen reports several points.
    const events = event.getCoalescedEvents();
    const points = (events.length ? events : [event]).map((each) => this.#point(each));
    const last = this.drawing.current.points.at(-1);
    const moved = points.filter(([x, y], i) => {
      const before = points[i - 1] ?? last;
      return x !== before[0] || y !== before[1];
    });
    if (moved.length === 0) return;
    this.drawing.extend(moved);
    this.#changed();
  }

  #release(event, isCanceled) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    if (isCanceled) this.drawing.cancel(); // it became a gesture, such as zooming with two fingers
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

  #boxAt(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const { scale, x, y } = this.#place();
    const [column, row] = [(event.clientX - left - x) / scale, (event.clientY - top - y) / scale];
    const index = this.#boxes.findIndex((box) => column >= box.left && column < box.left + box.width && row >= box.top && row < box.top + box.height);
    return index < 0 ? null : index;
  }

  /** Return the size of a pixel of the image that is sent, and where its left and top are. */
  #place() {
    const { picture } = this.drawing.content;
    if (!picture) return { scale: this.#scale * this.#factor, x: 0, y: 0 };
    const { clientWidth, clientHeight } = this.canvas;
    const scale = Math.min(clientWidth / picture.width, clientHeight / picture.height);
    return { scale: scale * this.#factor, x: (clientWidth - picture.width * scale) / 2, y: (clientHeight - picture.height * scale) / 2 };
  }

  #paint() {
    this.#isScheduled = false;
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    const colors = getComputedStyle(this.canvas);
    const ratio = devicePixelRatio;
    const look = {
      width: Math.round(clientWidth * ratio), height: Math.round(clientHeight * ratio), scale: this.#scale * ratio,
      ink: colors.getPropertyValue("--ink"), paper: colors.getPropertyValue("--paper"),
    };
    const { strokes, picture } = this.drawing.content;
    const { context } = this.layers;
    this.layers.paint(strokes, this.drawing.current, look);
    if (picture?.bitmap) {
      const { scale, x, y } = this.#place();
      const size = scale / this.#factor;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.imageSmoothingEnabled = size < 6; // the pixels of a tiny picture are worth seeing
      context.drawImage(picture.bitmap, x, y, picture.width * size, picture.height * size);
    }
    if (this.#cursor) this.#paintCursor(context, colors);
    this.showBoxes(this.#boxes, this.#factor);
  }

  #paintCursor(context, colors) {
    const { x, y } = this.#cursor;
    context.strokeStyle = context.fillStyle = colors.getPropertyValue("--accent");
    context.lineWidth = 3;
    context.beginPath();
    context.arc(x, y, this.penWidth / 2 + 3, 0, 2 * Math.PI);
    context.stroke();
  }
}
