import { create, createButton, find } from "./dom.js";
import { attempt } from "./notices.js";
import { request } from "./request.js";
import { texts } from "./texts.js";

/** Fill the gallery of samples; `onChoose` is called with the file of the one that was clicked. */
export function fillGallery(onChoose) {
	for (const [name, alt] of Object.entries(texts.samples)) {
		const image = Object.assign(new Image(), { loading: "lazy", src: new URL(`samples/${name}`, import.meta.url), alt });
		const button = createButton("tile", "", () => attempt(async () => {
			const blob = await request("failed", image.src, {}, (reply) => reply.blob());
			await onChoose(new File([blob], alt, { type: "image/png" }));
		}));
		button.append(image);
		const item = create("li");
		item.append(button);
		find("gallery").append(item);
	}
}
