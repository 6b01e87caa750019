// Corrections: what a drawing that was misread shows. They are kept only after a person has asked for it.

import { toBlob } from "./pictures.js";
import { text, texts } from "./texts.js";

const NOT_A_DIGIT = "not a digit";

const find = (id) => document.getElementById(id);

/**
 * Show the form for corrections, and save what it says.
 *
 * `current` returns {drawing, view, response, encode} of what is shown.
 */
export function enableCorrections({ current, headers, onNotice }) {
  const [button, form, field] = [find("correct-button"), find("correction"), find("meant")];

  const open = (isOpen) => {
    form.hidden = !isOpen;
    button.setAttribute("aria-expanded", isOpen);
    if (isOpen) field.focus();
    else button.focus();
    field.value = "";
  };

  const save = async (label) => {
    const { drawing, view, response, encode } = current();
    const isRight = label === NOT_A_DIGIT ? view.verdict === "not_a_digit" : view.text === label;
    if (drawing.isEmpty || isRight) {
      onNotice(text(drawing.isEmpty ? "correctionUsage" : "nothingToCorrect", { text: named(label) }));
      return;
    }
    const { picture, strokes } = drawing.content;
    const image = base64(picture?.bitmap ? new Uint8Array(await (await toBlob(picture.bitmap)).arrayBuffer()) : await encode());
    const factor = picture?.factor ?? 1;
    const boxes = view.places.filter((place) => place.box).map(({ box }) => scaled(box, factor));
    const body = { image, label, boxes, strokes, prediction: response };
    try {
      const reply = await fetch("/v1/corrections", {
        method: "POST", headers: { ...headers(), "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      if (!reply.ok) throw new Error((await reply.json()).detail);
      const saved = reply.headers.get("Location");
      open(false);
      const notice = label === NOT_A_DIGIT ? text("correctedNot") : text("corrected", { text: named(label) });
      onNotice(notice, saved && { label: text("undoCorrection"), run: () => remove(saved) });
    } catch (error) {
      onNotice(text("notSaved", { message: error.message }));
    }
  };

  const remove = async (location) => {
    const reply = await fetch(location, { method: "DELETE", headers: headers() });
    onNotice(reply.ok ? text("undone") : text("notSaved", { message: (await reply.json()).detail }));
  };

  button.hidden = false;
  button.addEventListener("click", () => open(form.hidden));
  find("cancel").addEventListener("click", () => open(false));
  find("not-a-digit").addEventListener("click", () => save(NOT_A_DIGIT));
  form.addEventListener("keydown", (event) => event.key === "Escape" && open(false));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const meant = field.value.trim();
    if (/^[0-9]+$/.test(meant)) save(meant);
    else onNotice(text("correctionUsage"));
  });
}

/** Return a digit with its article, such as "an 8"; a number stays as it is. */
function named(label) {
  return label.length === 1 ? texts.digits[Number(label)] : label === NOT_A_DIGIT ? text("notADigit") : label;
}

function scaled(box, factor) {
  return Object.fromEntries(Object.entries(box).map(([side, value]) => [side, Math.round(value * factor)]));
}

function base64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
