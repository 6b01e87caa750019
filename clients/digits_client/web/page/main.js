// Joins the parts of the page.

import { Connection } from "./connection.js";
import { enableCorrections } from "./corrections.js";
import { find, on } from "./dom.js";
import { Drawing } from "./drawing.js";
import { fillGallery } from "./gallery.js";
import { showHelp } from "./help.js";
import { History } from "./history.js";
import { drawWithKeys, listenToShortcuts } from "./keyboard.js";
import { announce, attempt, notify, showConnection } from "./notices.js";
import { Panel } from "./panel.js";
import { listenToFiles, readPicture, recognizeFiles } from "./pictures.js";
import { NO_RESULT, viewOf } from "./prediction.js";
import { request } from "./request.js";
import { Sheet } from "./sheet.js";
import { encodeSheet } from "./sheet_image.js";
import { fillDocument, milliseconds, text } from "./texts.js";
import { keptToken, requestToken } from "./token.js";

fillDocument();
const drawing = new Drawing();
const sheet = new Sheet(find("canvas"), find("boxes"), drawing, { onChange: changed, onPoint: (index) => panel.point(index) });
const panel = new Panel({ onPlace: (index) => sheet.emphasize(index) });
const history = new History({ onBringBack: replace, onNotice: notify });
const connection = new Connection({
	layout: find("layout").value, token: keptToken(), onState: showState, onModel: showModel, onResult: showResult,
});

let revision = 0; // counts the changes of the drawing
/** What is shown, and the revision of the drawing that it is of. */
let shown = { view: NO_RESULT, response: null, revision: 0 };
/** Stands for what is shown while that is of an earlier drawing. */
const NOT_YET = { view: NO_RESULT, response: null };
let late = null; // a drawing that was replaced before its result came
let model = {};
let limitBytes = Infinity;
let settings = null; // the request for them

/** Return the file of the image of a drawing, {content, current, width}, as bytes. */
async function encode(state) {
	const { picture } = state.content;
	return picture ? new Uint8Array(await picture.blob.arrayBuffer()) : encodeSheet(state);
}

/** Return what is known of the drawing as it is now: {view, response}. */
function known() {
	return shown.revision === revision ? shown : NOT_YET;
}

/** Show and recognize the drawing after a change. */
function changed() {
	document.body.dataset.drawn = ++revision;
	notify();
	showDrawing();
	recognize();
}

function recognize() {
	const { content, current, width } = drawing;
	if (drawing.isEmpty) showView(NO_RESULT, null, revision); // and an earlier one may still be read, to be kept
	else connection.offer({ revision, encode: () => encode({ content, current, width }) });
}

/** Change the drawing otherwise than by the pen. */
function step(change) {
	change();
	sheet.fit(); // to ink that came back, where the sheet may have become narrower
	changed();
}

/** Replace what is on the sheet, and keep its result. */
function replace(content) {
	const { content: before } = drawing;
	const { view, response } = known();
	late = drawing.isEmpty || response ? null : { revision, content: before };
	if (!drawing.isEmpty && response) history.keep(before, view);
	step(() => drawing.replace(content));
	sheet.showBoxes([]);
	find("canvas").scrollIntoView({ block: "nearest" });
}

function showDrawing() {
	const { strokes, picture } = drawing.content;
	find("undo-button").disabled = !drawing.canUndo;
	find("redo-button").disabled = !drawing.canRedo;
	find("clear-button").disabled = drawing.isEmpty;
	find("invitation").hidden = !drawing.isEmpty;
	const content = picture ? text("sheetPicture", picture) : text(strokes.length ? "sheetStrokes" : "sheetEmpty", { count: strokes.length });
	find("canvas").setAttribute("aria-label", text("sheet", { content }));
}

function showResult(job, response, time) {
	if (!response.error) find("model").textContent = text("modelTime", { ...model, time: milliseconds(time) });
	const view = response.error ? NO_RESULT : viewOf(response);
	if (late?.revision === job.revision && view.verdict) history.keep(late.content, view);
	if (drawing.isEmpty) return; // cleared meanwhile
	showView(view, response, job.revision);
	if (response.error) notify(text("failed", response.error));
	else if (view.unreadPages) notify(text("unreadPages", { count: view.unreadPages }));
}

function showView(view, response, ofRevision) {
	shown = { view, response: view.verdict && response, revision: ofRevision };
	panel.show(view);
	sheet.showBoxes(view.places.map((place) => place.box).filter(Boolean));
	announce(view.spoken);
	document.body.dataset.shown = ofRevision;
	document.dispatchEvent(new CustomEvent("shown", { detail: ofRevision }));
}

async function openFiles(files) {
	if (files.length === 0) notify(text("noPicture"));
	else if (files.length > 1) notify(await recognizeFiles(files, limitBytes, connection, (picture, result) => {
		history.keep({ key: Symbol(picture.name), strokes: [], picture }, viewOf(result));
	}));
	else {
		const picture = await readPicture(files[0], limitBytes);
		replace({ strokes: [], picture });
		if (!picture.bitmap) notify(text("notShown", picture));
	}
}

function showState(state) {
	showConnection(state);
	if (state.name === "away") showAway(text(state.reason));
	if (state.name === "connected") applySettings();
	if (["connected", "denied"].includes(state.name)) showAgain();
	if (state.name !== "denied") return;
	requestToken((token) => {
		connection.token = token;
		connection.connect();
	});
}

/** Say why there is no result, in its place. */
function showAway(reason) {
	find("model").textContent = "";
	announce(reason);
	if (known().response) return;
	panel.show({ ...NO_RESULT, caption: reason, tone: "bad" });
	sheet.showBoxes([]);
}

/** Show what was known before the server was away. */
function showAgain() {
	const { view } = known();
	panel.show(view);
	announce(view.spoken);
}

function showModel({ model: served, limits }) {
	model = served;
	limitBytes = Number(limits.maxImageBytes);
	find("model").textContent = text("model", model);
}

/** Apply the settings of the operator, unless that is done. */
function applySettings() {
	settings ??= request("failed", "/v1/settings", {}, (reply) => reply.json()).then(apply, () => { settings = null });
}

function apply(chosen) {
	showHelp(chosen);
	if (chosen.corrections) enableCorrections({ current: () => ({ drawing, ...known(), encode: () => encode(drawing) }), connection, onNotice: notify });
}

const clear = () => drawing.isEmpty || replace();
const undo = () => step(() => drawing.undo());
const redo = () => step(() => drawing.redo());

on(find("undo-button"), "click", undo);
on(find("redo-button"), "click", redo);
on(find("clear-button"), "click", clear);
on(find("retry"), "click", () => connection.connect());
on(find("pen"), "input", ({ target }) => { sheet.penWidth = Number(target.value) });
on(find("eraser-button"), "click", ({ currentTarget }) => {
	sheet.isErasing = !sheet.isErasing;
	currentTarget.setAttribute("aria-pressed", sheet.isErasing);
});
on(find("layout"), "change", ({ target }) => {
	connection.layout = target.value;
	connection.connect();
	recognize();
});
drawWithKeys(sheet, drawing, { onChange: changed, onClear: clear, onPen: (isDown) => announce(text(isDown ? "penDown" : "penUp")) });
listenToShortcuts({ onUndo: undo, onRedo: redo, onOpen: () => find("file").click() });
listenToFiles((files) => attempt(() => openFiles(files)));
fillGallery((file) => openFiles([file]));
document.body.dataset.drawn = revision;
showDrawing();
showView(NO_RESULT, null, revision);
connection.connect();
applySettings();
