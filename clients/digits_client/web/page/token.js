// The token that some servers require. It is kept as long as the tab.

const KEY = "digits-token";

import { text } from "./texts.js";

/** The token that was typed in this tab, or an empty text. */
export function keptToken() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** Ask for a token; `onToken` is called with what was typed. */
export function requestToken(onToken) {
  const [dialog, form, field] = ["token-dialog", "token-form", "token"].map((id) => document.getElementById(id));
  if (keptToken()) document.getElementById("token-text").textContent = text("tokenWrong");
  field.value = "";
  form.onsubmit = () => {
    sessionStorage.setItem(KEY, field.value);
    onToken(field.value);
  };
  if (!dialog.open) dialog.showModal();
}
