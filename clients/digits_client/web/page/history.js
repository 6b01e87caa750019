// The strip of earlier results.

import { boundsOf, drawStroke } from "./curve.js";
import { percent, text } from "./texts.js";

const MAX_ENTRIES = 100;
const THUMBNAIL = { height: 112, minWidth: 80, maxWidth: 320 };
const MARGIN = 12;

/** Keeps results with their drawings; `onBringBack` is called with the content of the one that was clicked. */
export class History {
  #entries = [];

  constructor({ onBringBack, onNotice }) {
    Object.assign(this, { onBringBack, onNotice });
    this.list = document.getElementById("history");
    document.getElementById("copy-button").addEventListener("click", () => this.#copy());
  }

  /** Keep a drawing and its view, in place of an earlier state of the same drawing. */
  keep(content, view) {
    const old = this.#entries.findIndex((entry) => entry.content.key === content.key);
    if (old >= 0) this.#entries.splice(old, 1)[0].tile.remove();
    const tile = this.#createTile(content, view);
    this.#entries.unshift({ content, view, tile });
    this.list.prepend(tile);
    this.#entries.splice(MAX_ENTRIES).forEach((entry) => entry.tile.remove());
    document.getElementById("history-section").hidden = false;
  }

  /** The results as CSV, the oldest first. */
  get csv() {
    const rows = this.#entries.toReversed().map(({ view }) => {
      const number = view.verdict === "digit" ? view.text : "";
      const confidence = view.verdict === "digit" ? view.confidence.toFixed(4) : "";
      return [number.includes("\n") ? `"${number}"` : number, view.verdict, confidence, view.version];
    });
    return [["number", "verdict", "confidence", "model_version"], ...rows].map((row) => `${row.join(",")}\r\n`).join("");
  }

  #createTile(content, view) {
    const tile = document.createElement("li");
    const button = document.createElement("button");
    const number = document.createElement("b");
    const confidence = document.createElement("span");
    button.type = "button";
    button.className = "tile";
    number.textContent = (view.text || "–").replaceAll("\n", " ");
    confidence.textContent = view.verdict === "digit" ? percent(view.confidence) : view.caption;
    button.setAttribute("aria-label", text("bringBack", { text: view.spoken.replaceAll("\n", ", ") }));
    button.append(thumbnail(content), number, confidence);
    button.addEventListener("click", () => this.onBringBack(content));
    tile.append(button);
    return tile;
  }

  async #copy() {
    const count = this.#entries.length;
    this.onNotice((await copyText(this.csv)) ? text("copied", { count }) : text("notCopied"));
  }
}

/** Copy a text, also where the page is not served by HTTPS; return whether that was possible. */
async function copyText(content) {
  try {
    await navigator.clipboard.writeText(content);
    return true;
  } catch {
    const focused = document.activeElement;
    const field = document.createElement("textarea");
    field.value = content;
    document.body.append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return isCopied;
  }
}

function thumbnail({ strokes, picture }) {
  const canvas = document.createElement("canvas");
  const size = picture ?? bounds(strokes.filter((stroke) => !stroke.erases));
  const scale = THUMBNAIL.height / size.height;
  const width = Math.min(Math.max(size.width * scale, THUMBNAIL.minWidth), THUMBNAIL.maxWidth);
  [canvas.width, canvas.height] = [width, THUMBNAIL.height];
  const context = canvas.getContext("2d");
  const shown = Math.min(scale, width / size.width);
  context.translate((width - size.width * shown) / 2, (THUMBNAIL.height - size.height * shown) / 2);
  context.scale(shown, shown);
  if (picture?.bitmap) context.drawImage(picture.bitmap, 0, 0);
  if (picture) return canvas;
  canvas.className = "ink";
  context.translate(-size.left, -size.top);
  for (const stroke of strokes) drawStroke(context, stroke, "#000", "#fff");
  return canvas;
}

function bounds(strokes) {
  const { left, top, right, bottom } = boundsOf(strokes);
  return { left: left - MARGIN, top: top - MARGIN, width: right - left + 2 * MARGIN, height: bottom - top + 2 * MARGIN };
}
