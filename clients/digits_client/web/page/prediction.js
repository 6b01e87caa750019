import { percent, text, texts } from "./texts.js";

/** Confidence below which the second most likely digit is named. */
const UNSURE_BELOW = 0.9;
/** Confidence below which a result is more likely wrong than right. */
const NOT_SURE_BELOW = 0.5;
const REASONS = {
	REASON_TOO_SMALL: "reasonTooSmall",
	REASON_TOO_FAINT: "reasonTooFaint",
	REASON_SEVERAL_DIGITS: "reasonSeveralDigits",
};

/** The view of a sheet without a result. */
export const NO_RESULT = { places: [], lines: [], text: "", caption: "", tone: "plain", spoken: "", verdict: "" };

/**
 * Return the view of a response: {lines, places, text, caption, tone, spoken, verdict, confidence}.
 *
 * `places` are the digits: {text, title, label, confidence, shares, frame, box, line}; `lines` has the
 * indices of the places in each line. `shares` are those of the whole, of the ten digits and of "not a
 * digit"; empty if the server reports none. `confidence` is that of the digit.
 */
export function viewOf({ predictions, numbers = [] }) {
	const places = predictions.map(placeOf);
	const lines = [];
	places.forEach(({ line }, index) => (lines[line] ??= []).push(index));
	for (const line of lines) line.forEach((index, at) => describe(places[index], at, line.length, lines.length));
	const view = places.length > 1 ? viewOfNumbers(numbers, lines.length) : viewOfDigit(predictions[0], places[0]);
	const { modelVersion: version = "", unreadPages = 0 } = predictions[0];
	view.spoken = view.text === "?" ? view.caption : [view.text, view.caption].filter(Boolean).join(", ");
	return { places, lines, version, unreadPages, ...view };
}

/** Return the index of the place to show: the one that is pointed at, or the least sure one. */
export function shownPlace(places, pointed) {
	if (pointed !== null && pointed < places.length) return pointed;
	const least = Math.min(...places.map((place) => place.confidence));
	return places.findIndex((place) => place.confidence === least);
}

function viewOfNumbers(numbers, count) {
	const confidence = numbers.reduce((product, number) => product * (number.confidence ?? 0), 1);
	return {
		confidence,
		text: numbers.map((number) => number.text).join("\n"),
		caption: count > 1 ? text("lines", { count, sureness: sureness(confidence) }) : sureness(confidence),
		tone: confidence >= UNSURE_BELOW ? "good" : "unsure",
		verdict: "digit",
	};
}

function viewOfDigit(prediction, place) {
	const { confidence } = place;
	if (prediction.verdict === "VERDICT_BLANK") return { ...NO_RESULT, caption: text("blank"), verdict: "blank" };
	if (prediction.verdict === "VERDICT_NOT_A_DIGIT") {
		return { text: "?", caption: text(REASONS[prediction.reason] ?? "notADigit"), tone: "unsure", verdict: "not_a_digit" };
	}
	const isSure = confidence >= UNSURE_BELOW;
	const words = sureness(confidence);
	const caption = isSure ? words : text("maybe", { sureness: words, digit: second(place) });
	return { text: place.text, caption, tone: isSure ? "good" : "unsure", verdict: "digit", confidence };
}

function placeOf({ verdict, digit, notADigit, probabilities = [], confidence = 0, frame = "", box, line = 0 }) {
	const isDigit = verdict === "VERDICT_DIGIT";
	// From a server that does not report the eleventh, those of ink that is not a digit would mislead.
	const isKnown = probabilities.length && (isDigit || notADigit !== undefined);
	const rest = notADigit ?? 0;
	return {
		text: isDigit ? String(digit) : "?",
		shares: isKnown ? [...probabilities.map((share) => share * (1 - rest)), rest] : [],
		box: box && { left: 0, top: 0, ...box },
		confidence: confidence * (1 - rest),
		frame, line,
	};
}

function describe(place, at, count, lineCount) {
	const values = {
		place: at + 1, count, line: place.line + 1, sureness: sureness(place.confidence),
		text: place.text === "?" ? text("notADigit") : place.text,
	};
	place.title = count * lineCount === 1 ? "" : text(lineCount > 1 ? "placeOfLine" : "place", values);
	place.label = text(place.text === "?" ? "place" : "placeLabel", values);
}

function sureness(confidence) {
	return text(confidence < NOT_SURE_BELOW ? "notSure" : "sure", { percent: percent(confidence) });
}

/** Return what else a digit may be. */
function second({ shares, text: digit }) {
	const others = shares.map((share, at) => (at === Number(digit) ? -1 : share));
	return texts.digits[others.indexOf(Math.max(...others))] ?? text("notADigit");
}
