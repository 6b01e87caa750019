// From the server's response to what the page shows.

import { percent, text, texts } from "./texts.js";

/** Confidence below which a result counts as unsure, and the second most likely digit is named. */
const UNSURE_BELOW = 0.9;
const REASONS = {
  REASON_TOO_SMALL: "reasonTooSmall",
  REASON_TOO_FAINT: "reasonTooFaint",
  REASON_SEVERAL_DIGITS: "reasonSeveralDigits",
};

/** The view of a sheet without a result. */
export const NO_RESULT = { places: [], lines: [], caption: "", tone: "plain", spoken: "", verdict: "" };

/**
 * Return the view of a response: {lines, places, caption, tone, spoken, verdict, confidence}.
 *
 * `places` has one object for each digit: {text, label, confidence, shares, frame, box, line}. `lines`
 * has the indices of the places in each line. `shares` are the probabilities of the ten digits and of
 * "not a digit", which sum to 1; empty if the server reports none.
 */
export function viewOf(response) {
  const predictions = response.predictions;
  const first = predictions[0];
  const common = { version: first.modelVersion ?? "", unreadPages: first.unreadPages ?? 0 };
  if (!response.numbers?.length) return { ...common, ...single(first) };
  const numbers = response.numbers;
  const places = predictions.map(placeOf);
  const lines = numbers.map((_, line) => [...places.keys()].filter((index) => places[index].line === line));
  for (const line of lines) line.forEach((index, at) => describe(places[index], at, line.length, lines.length));
  if (places.length === 1) return { ...common, ...single(first), places, lines };
  const confidence = numbers.reduce((product, number) => product * (number.confidence ?? 0), 1);
  const caption = lines.length === 1
    ? text("sure", { percent: percent(confidence) })
    : text("lines", { count: lines.length, percent: percent(confidence) });
  const numberText = numbers.map((number) => number.text).join("\n");
  return {
    ...common, places, lines, confidence, caption, text: numberText, verdict: "digit",
    tone: confidence >= UNSURE_BELOW ? "good" : "unsure", spoken: `${numberText}, ${caption}`,
  };
}

/** Return the index of the place to show: the one that is pointed at, or the least sure one. */
export function shownPlace(view, pointed) {
  if (pointed !== null && pointed < view.places.length) return pointed;
  return view.places.reduce((least, place, index) => (place.confidence < view.places[least].confidence ? index : least), 0);
}

function single(prediction) {
  const place = placeOf(prediction);
  describe(place, 0, 1, 1);
  const shown = { places: [place], lines: [[0]], confidence: place.confidence };
  if (prediction.verdict === "VERDICT_BLANK") {
    return { ...shown, places: [], lines: [], text: "", caption: text("blank"), tone: "plain", spoken: text("blank"), verdict: "blank" };
  }
  if (prediction.verdict === "VERDICT_NOT_A_DIGIT") {
    const caption = text(REASONS[prediction.reason] ?? "notADigit");
    return { ...shown, text: "?", caption, tone: "unsure", spoken: caption, verdict: "not_a_digit", confidence: 0 };
  }
  const isSure = place.confidence >= UNSURE_BELOW;
  const caption = text(isSure ? "sure" : "sureMaybe", { percent: percent(place.confidence), digit: texts.digits[second(prediction)] });
  return { ...shown, text: place.text, caption, tone: isSure ? "good" : "unsure", spoken: `${place.text}, ${caption}`, verdict: "digit" };
}

function placeOf(prediction) {
  const notADigit = prediction.notADigit;
  const probabilities = prediction.probabilities ?? [];
  const isDigit = prediction.verdict === "VERDICT_DIGIT";
  let shares = [];
  if (probabilities.length) {
    const rest = notADigit ?? 0;
    // Without the eleventh probability, those of ink that is not a digit would contradict the verdict.
    if (isDigit || notADigit !== undefined) shares = [...probabilities.map((share) => share * (1 - rest)), rest];
  }
  return {
    text: isDigit ? String(prediction.digit) : "?",
    confidence: prediction.confidence ?? 0,
    shares,
    frame: prediction.frame ?? "",
    box: prediction.box && { left: 0, top: 0, ...prediction.box },
    line: prediction.line ?? 0,
  };
}

function describe(place, at, count, lineCount) {
  const values = {
    place: at + 1, count, line: place.line + 1, percent: percent(place.confidence),
    text: place.text === "?" ? text("placeUnread") : place.text,
  };
  place.title = count * lineCount === 1 ? "" : text(lineCount > 1 ? "placeOfLine" : "place", values);
  place.label = text("placeLabel", values);
}

function second(prediction) {
  const others = prediction.probabilities.map((share, digit) => [share, digit]).filter(([, digit]) => digit !== prediction.digit);
  return others.reduce((most, other) => (other[0] > most[0] ? other : most))[1];
}
