// Notices, the state of the connection, and what a screen reader announces.

import { text } from "./texts.js";

const TONES = { connecting: "unsure", connected: "good", away: "bad", denied: "bad" };
/** Time without a new result after which the last one is announced. */
const QUIET_MS = 700;

const find = (id) => document.getElementById(id);

let announcement = 0;

/** Announce a text to screen readers once no newer one follows. */
export function announce(content) {
  clearTimeout(announcement);
  announcement = setTimeout(() => { find("live").textContent = content }, QUIET_MS);
}

/** Show a notice, with an action where one is given as {label, run}; without a text, remove it. */
export function notify(content = "", action = null) {
  const notice = find("notice");
  if (!content && !notice.textContent) return;
  notice.textContent = content;
  if (!action) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = action.label;
  button.addEventListener("click", action.run);
  notice.append(" ", button);
}

/** Show the state of the connection. */
export function showConnection({ name, reason, seconds }) {
  find("connection").dataset.tone = TONES[name];
  find("connection").dataset.state = name;
  find("retry").hidden = name !== "away";
  find("connection-text").textContent = name === "away"
    ? text("retryIn", { reason: text(reason), seconds })
    : text(name);
}
