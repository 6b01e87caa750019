import { find, on } from "./dom.js";
import { attempt } from "./notices.js";
import { toBlob } from "./pictures.js";
import { request } from "./request.js";
import { text, texts } from "./texts.js";

const PATH = "/v1/corrections";
const NOT_A_DIGIT = "not a digit";

/** Offer a form for corrections. `current` returns {drawing, view, response, encode} of what is shown. */
export function enableCorrections({ current, connection, onNotice }) {
	const [button, form, field] = [find("correct-button"), find("correction"), find("meant")];

	const open = (isOpen) => {
		form.hidden = !isOpen;
		button.setAttribute("aria-expanded", isOpen);
		field.value = "";
		(isOpen ? field : button).focus();
	};

	const send = (failure, method, path, body) => {
		const headers = { ...connection.headers, "Content-Type": "application/json" };
		return request(failure, path, { method, headers, body });
	};

	const undo = (location) => attempt(async () => {
		await send("notRemoved", "DELETE", location);
		onNotice(text("undone"));
	});

	const save = (label) => attempt(async () => {
		const { drawing, view } = current();
		if (drawing.isEmpty) return onNotice(text("correctionUsage"));
		const isRight = label === NOT_A_DIGIT ? view.verdict === "not_a_digit" : view.text === label;
		const reply = isRight ? null : await send("notSaved", "POST", PATH, await bodyOf(label, current()));
		open(false);
		const location = reply?.headers.get("Location");
		const notice = location ? (label === NOT_A_DIGIT ? "correctedNot" : "corrected") : "nothingToCorrect";
		onNotice(text(notice, { text: named(label) }), location && { label: text("undoCorrection"), run: () => undo(location) });
	});

	button.hidden = false;
	on(button, "click", () => open(form.hidden));
	on(find("cancel"), "click", () => open(false));
	on(find("not-a-digit"), "click", () => save(NOT_A_DIGIT));
	on(form, "keydown", (event) => event.key === "Escape" && open(false));
	on(form, "submit", (event) => {
		event.preventDefault();
		const meant = field.value.trim();
		if (/^[0-9]+$/.test(meant)) save(meant);
		else onNotice(text("correctionUsage"));
	});
}

/** Return a digit with its article, such as "an 8"; a number stays as it is. */
function named(label) {
	return label === NOT_A_DIGIT ? text("notADigit") : (texts.digits[label] ?? label);
}

async function bodyOf(label, { drawing, view, response, encode }) {
	const { picture, strokes } = drawing.content;
	const bytes = picture?.bitmap ? new Uint8Array(await (await toBlob(picture.bitmap)).arrayBuffer()) : await encode();
	return JSON.stringify({
		label, strokes,
		image: btoa(bytes.reduce((binary, byte) => binary + String.fromCharCode(byte), "")),
		boxes: view.places.map((place) => place.box).filter(Boolean),
		prediction: response && { ...response, predictions: response.predictions.map(({ frame, ...rest }) => rest) },
	});
}
