export const find = (id) => document.getElementById(id);

export const on = (target, name, listener) => target.addEventListener(name, listener);

/** Create an element with a class and a text. */
export function create(name, className = "", content = "") {
	return Object.assign(document.createElement(name), { className, textContent: content });
}

export function createButton(className, content, onClick) {
	const button = create("button", className, content);
	button.type = "button";
	if (onClick) on(button, "click", onClick);
	return button;
}

export function setCount(parent, count, createChild) {
	while (parent.children.length > count) parent.lastChild.remove();
	while (parent.children.length < count) parent.append(createChild());
}

export const isTyping = ({ target }) => target.matches("input:not([type=range])");
