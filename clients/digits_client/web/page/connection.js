import { on } from "./dom.js";

/** Longest wait for a result. */
const TIMEOUT_MS = 10_000;
const MAX_DELAY_SECONDS = 8;
/** By the codes of gRPC: deadline exceeded, resource exhausted, unavailable. */
const REASONS = { 4: "awayBusy", 8: "awayBusy", 14: "awayServer" };

/**
 * Recognizes the newest drawing over a WebSocket, one at a time, and connects again when that is lost.
 *
 * `onState` receives {name: "connecting" | "connected" | "denied"}, or {name: "away", reason, seconds}
 * each second; `reason` names a text. `onModel` receives the model and the limits, `onResult` (job,
 * response, milliseconds); an error in the response concerns the image only.
 */
export class Connection {
	#socket = null;
	#newest = null;
	#inFlight = null;
	#sequence = 0;
	#attempts = 0;
	#retryTimer = 0;
	#timeout = 0;
	#isProbing = false;

	constructor({ layout, token, onState, onModel, onResult }) {
		Object.assign(this, { layout, token, onState, onModel, onResult });
		on(window, "online", () => this.retry());
		on(document, "visibilitychange", () => document.hidden || this.retry());
	}

	/** Headers for requests over HTTP. */
	get headers() { return this.token ? { Authorization: `Bearer ${this.token}` } : {} }

	/** Recognize an image, {revision, encode}, in place of the one that waits. */
	offer(job) {
		this.#newest = job;
		this.#send();
	}

	/** Connect, also after the layout or the token has changed. */
	async connect() {
		this.#close();
		if (this.#isProbing) return;
		this.#isProbing = true;
		this.onState({ name: "connecting" });
		const reason = await this.#probe();
		this.#isProbing = false;
		if (!reason) this.#open();
		else if (reason === "denied") this.onState({ name: reason });
		else this.#lose(reason);
	}

	/** Try again now, if the connection is lost. */
	retry() {
		if (this.#retryTimer) this.connect();
	}

	/** Return why the server cannot be used, or null. */
	async #probe() {
		try {
			const reply = await fetch("/v1/model", { headers: this.headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
			if (!reply.ok) return [401, 403].includes(reply.status) ? "denied" : "awayServer";
			this.onModel(await reply.json());
			return null;
		} catch {
			return "awayPage";
		}
	}

	#open() {
		const encoded = btoa(String.fromCharCode(...new TextEncoder().encode(this.token))).replace(/[+/=]/g, (letter) => ({ "+": "-", "/": "_" })[letter] ?? "");
		const protocols = ["digits.v1", `digits.token.${encoded}`].slice(0, this.token ? 2 : 1);
		const socket = new WebSocket(`${location.origin.replace("http", "ws")}/v1/stream?layout=${this.layout}&frame=true`, protocols);
		this.#socket = socket;
		socket.onopen = () => {
			this.onState({ name: "connected" });
			this.#send();
		};
		socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
		socket.onclose = () => socket === this.#socket && this.#lose("awayPage");
	}

	async #send() {
		const [job, socket] = [this.#newest, this.#socket];
		if (this.#inFlight || !job || socket?.readyState !== WebSocket.OPEN) return;
		[this.#inFlight, this.#newest] = [job, null];
		const image = await job.encode().catch((error) => ({ error }));
		if (socket !== this.#socket) return; // lost meanwhile, and the job waits again
		if (image.error) return this.#finish(job, image); // such as a file that has changed
		const message = new Uint8Array(4 + image.length);
		new DataView(message.buffer).setUint32(0, ++this.#sequence);
		message.set(image, 4);
		socket.send(message);
		job.sentAt = performance.now();
		this.#timeout = setTimeout(() => this.#lose("awayBusy"), TIMEOUT_MS);
	}

	#receive(response) {
		const job = this.#inFlight;
		if (!job || Number(response.sequence) !== this.#sequence) return;
		const reason = REASONS[response.error?.code];
		if (reason) return this.#lose(reason);
		clearTimeout(this.#timeout);
		this.#attempts = 0;
		this.#finish(job, response);
	}

	#finish(job, response) {
		this.#inFlight = null;
		this.#send();
		if (!response.superseded) this.onResult(job, response, performance.now() - job.sentAt);
	}

	/** Close the socket; an image in flight waits again. */
	#close() {
		clearTimeout(this.#timeout);
		clearTimeout(this.#retryTimer);
		this.#newest ??= this.#inFlight;
		const socket = this.#socket;
		this.#socket = this.#inFlight = null;
		this.#retryTimer = 0;
		socket?.close();
	}

	#lose(reason) {
		this.#close();
		let seconds = Math.min(2 ** this.#attempts++, MAX_DELAY_SECONDS);
		const count = () => {
			if (seconds === 0) return this.connect();
			this.onState({ name: "away", reason, seconds: seconds-- });
			this.#retryTimer = setTimeout(count, 1000);
		};
		count();
	}
}
