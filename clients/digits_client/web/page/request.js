import { NoticeError } from "./notices.js";
import { text } from "./texts.js";

/**
 * Send a request, and return its response, or what `read` makes of that.
 *
 * Where it fails, the notice is the text that `failure` names, with the reason as its {message}.
 */
export async function request(failure, path, options = {}, read = (reply) => reply) {
	let message = text("awayPage");
	try {
		const reply = await fetch(path, options);
		if (reply.ok) return await read(reply);
		message = `HTTP ${reply.status}`;
		message = (await reply.json()).detail ?? message;
	} catch {
		// The server cannot be reached, or the response is that of another one on the way to it.
	}
	throw new NoticeError(text(failure, { message }));
}
