// Pictures that are pasted, dropped, opened or taken by a camera.

import { create, find, isTyping, on } from "./dom.js";
import { NoticeError } from "./notices.js";
import { request } from "./request.js";
import { text } from "./texts.js";

// Each digit is scaled to 28 pixels, so the millions of pixels of a photo are not needed.
const MAX_SIDE = 1600;
const MAX_FILES = 32;
const NAMES_OF_PICTURES = /\.(png|jpe?g|webp|bmp|gif|tiff?|hei[cf])$/i;

/**
 * Return the picture in a file: {name, blob, bitmap, width, height}. `blob` is sent, and `bitmap` shown; that
 * is null if the browser cannot show the file, such as a TIFF. A large picture is kept as a smaller one.
 */
export async function readPicture(file, limitBytes) {
	const { name } = file;
	const whole = await createImageBitmap(file).catch(() => null);
	if (!whole && !NAMES_OF_PICTURES.test(name)) throw new NoticeError(text("notAPicture", { name }));
	const [blob, bitmap] = whole ? await scaled(file, whole) : [file, null];
	if (blob.size > limitBytes) throw new NoticeError(text("tooLarge", { name, limit: Math.floor(limitBytes / 2 ** 20) }));
	const { width, height } = bitmap ?? { width: 1, height: 1 };
	return { name, blob, bitmap, width, height };
}

/** Return a file and its bitmap, scaled if they are large. */
async function scaled(file, bitmap) {
	const scale = MAX_SIDE / Math.max(bitmap.width, bitmap.height);
	if (scale >= 1) return [file, bitmap];
	const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
	const blob = await toBlob(bitmap, width, height);
	bitmap.close();
	return [blob, await createImageBitmap(blob)];
}

/** Return a bitmap as PNG. */
export function toBlob(bitmap, width = bitmap.width, height = bitmap.height) {
	const canvas = Object.assign(create("canvas"), { width, height });
	const context = canvas.getContext("2d");
	context.imageSmoothingQuality = "high";
	context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
	return new Promise((resolve) => { canvas.toBlob(resolve) });
}

/** Recognize several files, call `onResult` with each picture and its result, and return a notice. */
export async function recognizeFiles(files, limitBytes, { layout, headers }, onResult) {
	const failures = [];
	for (let start = 0; start < files.length; start += MAX_FILES) {
		const pictures = await Promise.all(files.slice(start, start + MAX_FILES).map((file) => readPicture(file, limitBytes)));
		const body = new FormData();
		for (const { blob, name } of pictures) body.append("file", blob, name);
		const path = `/v1/recognize:batch?layout=${layout}`;
		const { results } = await request("failed", path, { method: "POST", headers, body }, (reply) => reply.json());
		results.forEach(({ error, ...result }, index) => {
			if (error) failures.push(text("severalFailed", { name: pictures[index].name, message: error.message }));
			else onResult(pictures[index], result);
		});
	}
	return [text("several", { count: files.length - failures.length }), ...failures].join(" ");
}

/** Call `onFiles` with the files that are pasted, dropped or chosen; they may be none. */
export function listenToFiles(onFiles) {
	const { classList } = document.body;
	on(document, "paste", (event) => {
		const files = [...event.clipboardData.files];
		if (files.length || !isTyping(event)) onFiles(files);
	});
	on(document, "dragover", (event) => {
		event.preventDefault();
		classList.add("dropping");
	});
	on(document, "dragleave", (event) => event.relatedTarget || classList.remove("dropping"));
	on(document, "drop", (event) => {
		event.preventDefault();
		classList.remove("dropping");
		onFiles([...event.dataTransfer.files]);
	});
	for (const [button, input] of [["open-button", "file"], ["camera-button", "photo"]]) {
		const field = find(input);
		on(find(button), "click", () => field.click());
		on(field, "change", () => {
			onFiles([...field.files]);
			field.value = ""; // the same file can be chosen again
		});
	}
}
