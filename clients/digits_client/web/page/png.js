// Gray PNG files, which the server decodes fastest.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CRCS = Uint32Array.from({ length: 256 }, (_, n) => {
	for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
	return n;
});

function crc(bytes) {
	let value = 0xffffffff;
	for (const byte of bytes) value = CRCS[(value ^ byte) & 0xff] ^ (value >>> 8);
	return ~value >>> 0;
}

function chunk(name, data) {
	const bytes = new Uint8Array(data.length + 12);
	const view = new DataView(bytes.buffer);
	view.setUint32(0, data.length);
	bytes.set([...name].map((letter) => letter.charCodeAt(0)), 4);
	bytes.set(data, 8);
	view.setUint32(data.length + 8, crc(bytes.subarray(4, data.length + 8)));
	return bytes;
}

async function deflate(bytes) {
	const stream = new CompressionStream("deflate");
	const writer = stream.writable.getWriter();
	writer.write(bytes);
	writer.close();
	const chunks = [];
	for (const reader = stream.readable.getReader(); ;) {
		const { value, done } = await reader.read();
		if (done) return concatenate(chunks);
		chunks.push(value);
	}
}

function concatenate(parts) {
	const all = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
	parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
	return all;
}

/** Return the PNG file of a white image with ink in a part of it, a gray ImageData at (left, top). */
export async function grayPng(part, left, top, width, height) {
	const pixels = new Uint32Array(part.data.buffer);
	const rows = new Uint8Array((width + 1) * height).fill(255);
	for (let y = 0; y < height; y++) rows[y * (width + 1)] = 0; // each row starts with its filter: none
	for (let y = 0, from = 0; y < part.height; y++) {
		let to = (top + y) * (width + 1) + 1 + left;
		for (let x = 0; x < part.width; x++) rows[to++] = pixels[from++] & 0xff;
	}
	const header = new Uint8Array(13);
	new DataView(header.buffer).setUint32(0, width);
	new DataView(header.buffer).setUint32(4, height);
	header[8] = 8; // bits; the other fields are 0: gray, the only compression and filters, not interlaced
	return concatenate([SIGNATURE, chunk("IHDR", header), chunk("IDAT", await deflate(rows)), chunk("IEND", [])]);
}
