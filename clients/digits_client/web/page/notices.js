import { createButton, find } from "./dom.js";
import { text } from "./texts.js";

const TONES = { connecting: "unsure", connected: "good", away: "bad", denied: "bad" };
/** Time without a new result after which the last one is announced. */
const QUIET_MS = 700;

let announcement = 0;

/** Announce a text to screen readers once no newer one follows. */
export function announce(content) {
	clearTimeout(announcement);
	announcement = setTimeout(() => {
		if (find("live").textContent !== content) find("live").textContent = content;
	}, QUIET_MS);
}

/** Show a notice, with an action where one is given as {label, run}; without a text, remove it. */
export function notify(content = "", action = null) {
	find("notice").textContent = content;
	if (action) find("notice").append(createButton("link", action.label, action.run));
}

/** Something failed; the message is a sentence for the person. */
export class NoticeError extends Error {}

/** Do something, and show a notice if it fails. */
export async function attempt(action) {
	try {
		await action();
	} catch (error) {
		if (!(error instanceof NoticeError)) throw error;
		notify(error.message);
	}
}

export function showConnection({ name, seconds }) {
	Object.assign(find("connection").dataset, { tone: TONES[name], state: name });
	find("retry").hidden = !["away", "denied"].includes(name);
	find("connection-text").textContent = text(name, { seconds });
}
