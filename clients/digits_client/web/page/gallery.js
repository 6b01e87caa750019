// A gallery of samples to click.

import { texts } from "./texts.js";

/** Fill the gallery; `onChoose` is called with the file of the sample that was clicked. */
export function fillGallery(onChoose) {
  const list = document.getElementById("gallery");
  for (const [name, description] of Object.entries(texts.samples)) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const image = new Image();
    image.loading = "lazy";
    image.src = new URL(`samples/${name}`, import.meta.url);
    image.alt = description;
    button.type = "button";
    button.className = "tile";
    button.title = description;
    button.append(image);
    button.addEventListener("click", async () => {
      const response = await fetch(image.src);
      onChoose(new File([await response.blob()], description, { type: "image/png" }));
    });
    item.append(button);
    list.append(item);
  }
}
