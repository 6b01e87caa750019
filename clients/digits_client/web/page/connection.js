// Recognizes the newest drawing over a WebSocket, one at a time.

/** Longest wait for a result; then the connection counts as lost. */
const RESPONSE_TIMEOUT_MS = 10_000;
const MAX_DELAY_SECONDS = 8;
/** Codes of gRPC. */
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;
const WAITING = { [DEADLINE_EXCEEDED]: "awayBusy", [RESOURCE_EXHAUSTED]: "awayBusy", [UNAVAILABLE]: "awayServer" };

/**
 * A connection that is made again when it is lost.
 *
 * `onState` receives {name: "connecting" | "connected" | "denied"}, or {name: "away", reason, seconds}
 * each second, where `reason` names a text. `onModel` receives the server's model and limits. `onResult`
 * receives (job, response, milliseconds) with a response that has predictions, or an error that concerns
 * the image only.
 */
export class Connection {
  #socket = null;
  #newest = null;
  #inFlight = null;
  #sequence = 0;
  #attempts = 0;
  #timer = 0;
  #timeout = 0;
  #isProbing = false;

  constructor({ layout, token, onState, onModel, onResult }) {
    Object.assign(this, { layout, token, onState, onModel, onResult });
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
  }

  /** Recognize an image: {revision, encode}, where `encode` returns bytes. It replaces one that waits. */
  offer(job) {
    this.#newest = job;
    this.#pump();
  }

  /** Forget the image that waits. */
  forget() { this.#newest = null }

  /** Connect, after the layout or the token has changed, too. */
  async connect() {
    clearTimeout(this.#timer);
    this.#drop();
    if (this.#isProbing) return;
    this.#isProbing = true;
    this.onState({ name: "connecting" });
    const reason = await this.#probe();
    this.#isProbing = false;
    if (reason === "denied") this.onState({ name: "denied" });
    else if (reason) this.#lose(reason);
    else this.#open();
  }

  /** Try again now, if the connection is lost. */
  retry() {
    if (this.#timer) this.connect();
  }

  /** Headers for requests over HTTP. */
  get headers() { return this.token ? { Authorization: `Bearer ${this.token}` } : {} }

  /** Return why the server cannot be used, or null. */
  async #probe() {
    try {
      const response = await fetch("/v1/model", { headers: this.headers, signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) });
      if (response.status === 401 || response.status === 403) return "denied";
      if (!response.ok) return "awayServer";
      this.onModel(await response.json());
      return null;
    } catch {
      return "awayPage";
    }
  }

  #open() {
    const protocols = ["digits.v1"];
    if (this.token) {
      const encoded = btoa(String.fromCharCode(...new TextEncoder().encode(this.token)));
      protocols.push(`digits.token.${encoded.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`);
    }
    const url = new URL(`/v1/stream?layout=${this.layout}&frame=true`, location.href.replace(/^http/, "ws"));
    const socket = new WebSocket(url, protocols);
    this.#socket = socket;
    socket.onopen = () => {
      this.onState({ name: "connected" });
      this.#pump();
    };
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = () => {
      if (socket === this.#socket) this.#lose("awayPage");
    };
  }

  async #pump() {
    if (this.#inFlight || !this.#newest || this.#socket?.readyState !== WebSocket.OPEN) return;
    const job = this.#newest;
    const socket = this.#socket;
    this.#inFlight = job;
    this.#newest = null;
    const image = await job.encode();
    if (socket !== this.#socket) return; // lost meanwhile, and the job waits again
    const message = new Uint8Array(4 + image.length);
    new DataView(message.buffer).setUint32(0, ++this.#sequence);
    message.set(image, 4);
    job.sentAt = performance.now();
    socket.send(message);
    this.#timeout = setTimeout(() => this.#lose("awayBusy"), RESPONSE_TIMEOUT_MS);
  }

  #receive(response) {
    if (Number(response.sequence) !== this.#sequence || !this.#inFlight) return;
    clearTimeout(this.#timeout);
    const reason = WAITING[response.error?.code];
    if (reason) {
      this.#lose(reason);
      return;
    }
    const job = this.#inFlight;
    this.#inFlight = null;
    this.#attempts = 0;
    this.#pump();
    if (!response.superseded) this.onResult(job, response, performance.now() - job.sentAt);
  }

  /** Close the socket; an image in flight waits again. */
  #drop() {
    clearTimeout(this.#timeout);
    this.#timer = 0;
    this.#newest ??= this.#inFlight;
    this.#inFlight = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #lose(reason) {
    this.#drop();
    let seconds = Math.min(2 ** this.#attempts++, MAX_DELAY_SECONDS);
    const count = () => {
      if (seconds === 0) return this.connect();
      this.onState({ name: "away", reason, seconds: seconds-- });
      this.#timer = setTimeout(count, 1000);
    };
    count();
  }
}
