// Pictures that are pasted, dropped, opened or taken by a camera.

import { text } from "./texts.js";

// The server scales each digit to 28 pixels, so the millions of pixels of a photo are not needed.
const MAX_SIDE = 1600;
const NAMES_OF_PICTURES = /\.(png|jpe?g|webp|bmp|gif|tiff?|hei[cf])$/i;

/** A file is not a picture; the message is a sentence for the person. */
export class PictureError extends Error {}

/**
 * Return the picture in a file: {name, blob, bitmap, width, height, factor}.
 *
 * `blob` is what is sent; it is `factor` times smaller than `width` and `height`. `bitmap` is null if
 * the browser cannot show the file, such as a TIFF, which the server may read all the same.
 */
export async function readPicture(file, limitBytes = Infinity) {
  const name = file.name || text("pasted");
  let bitmap = null;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    if (!NAMES_OF_PICTURES.test(name)) throw new PictureError(text("notAPicture", { name }));
  }
  const { width, height } = bitmap ?? { width: 1, height: 1 };
  const factor = Math.max(1, Math.max(width, height) / MAX_SIDE);
  const blob = factor > 1 ? await toBlob(bitmap, width / factor, height / factor) : file;
  if (blob.size > limitBytes) {
    throw new PictureError(text("tooLarge", { name, limit: Math.floor(limitBytes / 2 ** 20) }));
  }
  return { name, blob, bitmap, width, height, factor };
}

/** Return a bitmap as PNG. */
export function toBlob(bitmap, width = bitmap.width, height = bitmap.height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(width), Math.round(height)];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Call `onFiles` with the files that are pasted, dropped or chosen; they may be none. */
export function listenToFiles(onFiles) {
  const body = document.body;
  document.addEventListener("paste", (event) => {
    if (event.target.matches("input:not([type=range])") && !event.clipboardData.files.length) return;
    onFiles([...event.clipboardData.files]);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    body.classList.remove("dropping");
    onFiles([...event.dataTransfer.files]);
  });
  for (const [button, input] of [["open-button", "file"], ["camera-button", "photo"]]) {
    const field = document.getElementById(input);
    document.getElementById(button).addEventListener("click", () => field.click());
    field.addEventListener("change", () => {
      onFiles([...field.files]);
      field.value = ""; // the same file can be chosen again
    });
  }
}
