import { find } from "./dom.js";
import { text } from "./texts.js";

const KEY = "digits-token";

/** Return the token that was typed in this tab, and is kept as long as it; or an empty text. */
export function keptToken() {
	return sessionStorage.getItem(KEY) ?? "";
}

/** Ask for a token; `onToken` is called with what was typed. */
export function requestToken(onToken) {
	if (keptToken()) find("token-text").textContent = text("tokenWrong");
	find("token").value = "";
	find("token-form").onsubmit = () => {
		sessionStorage.setItem(KEY, find("token").value);
		onToken(find("token").value);
	};
	if (!find("token-dialog").open) find("token-dialog").showModal();
}
