// Short names for what the page does with its document.

export const find = (id) => document.getElementById(id);

export const on = (target, name, listener) => target.addEventListener(name, listener);

/** Create an element with a class and a text. */
export function create(name, className = "", content = "") {
  return Object.assign(document.createElement(name), { className, textContent: content });
}

/** Give an element so many children. */
export function setCount(parent, count, createChild) {
  while (parent.children.length > count) parent.lastChild.remove();
  while (parent.children.length < count) parent.append(createChild());
}

/** Whether an event goes to a field that text is typed in. */
export const isTyping = ({ target }) => target.matches("input:not([type=range])");
