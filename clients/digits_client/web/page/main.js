// Joins the parts of the page.

import { Connection } from "./connection.js";
import { enableCorrections } from "./corrections.js";
import { boundsOf } from "./curve.js";
import { Drawing, SHEET_HEIGHT } from "./drawing.js";
import { fillGallery } from "./gallery.js";
import { History } from "./history.js";
import { drawWithKeys, listenToShortcuts } from "./keyboard.js";
import { Layers } from "./layers.js";
import { announce, notify, showConnection } from "./notices.js";
import { Panel } from "./panel.js";
import { listenToFiles, PictureError, readPicture } from "./pictures.js";
import { grayPng } from "./png.js";
import { NO_RESULT, viewOf } from "./prediction.js";
import { Sheet } from "./sheet.js";
import { fillDocument, milliseconds, text, texts } from "./texts.js";
import { keptToken, requestToken } from "./token.js";

const MAX_FILES = 32;

const find = (id) => document.getElementById(id);

fillDocument();
const drawing = new Drawing();
const image = new Layers(document.createElement("canvas"), { willReadFrequently: true });
const sheet = new Sheet(find("canvas"), find("boxes"), drawing, { onChange: changed, onPoint: (index) => panel.point(index) });
const panel = new Panel({ onPlace: (index) => sheet.emphasize(index) });
const history = new History({ onBringBack: replace, onNotice: notify });
const connection = new Connection({
  layout: find("layout").value, token: keptToken(), onState: showState, onModel: showModel, onResult: showResult,
});

/** Counts the changes of the drawing. */
let revision = 0;
/** What is shown: the view, the response that it is made from, and the revision that it is of. */
let shown = { view: NO_RESULT, response: null, revision: 0 };
/** A drawing that was replaced before its result came. */
let late = null;
let model = { version: "", precision: "" };
let limitBytes = Infinity;

/** Return the file of the image to recognize, as bytes. */
async function encode() {
  const { strokes, picture } = drawing.content;
  if (picture) return new Uint8Array(await picture.blob.arrayBuffer());
  const { width } = drawing;
  image.paint(strokes, drawing.current, { width, height: SHEET_HEIGHT, scale: 1, ink: "#000", paper: "#fff" });
  const bounds = boundsOf(strokes);
  const [left, right] = within(bounds.left, bounds.right, width);
  const [top, bottom] = within(bounds.top, bounds.bottom, SHEET_HEIGHT);
  return grayPng(image.context.getImageData(left, top, right - left, bottom - top), left, top, width, SHEET_HEIGHT);
}

/** Return whole numbers around a span, from 0 to a limit, at least 1 apart. */
function within(from, to, limit) {
  const start = Math.min(Math.max(0, Math.floor(from)), limit - 1);
  return [start, Math.max(start + 1, Math.min(Math.ceil(to), limit))];
}

/** Recognize the drawing after a change. */
function changed() {
  revision++;
  document.body.dataset.drawn = revision;
  notify();
  showDrawing();
  recognize();
}

function recognize() {
  if (drawing.isEmpty) {
    connection.forget();
    showView(NO_RESULT, null, revision);
  } else {
    connection.offer({ revision, encode });
  }
}

function showDrawing() {
  const { strokes, picture } = drawing.content;
  find("undo-button").disabled = !drawing.canUndo;
  find("redo-button").disabled = !drawing.canRedo;
  find("clear-button").disabled = drawing.isEmpty;
  find("invitation").hidden = !drawing.isEmpty;
  let content = text("sheetEmpty");
  if (picture) content = text("sheetPicture", { name: picture.name });
  else if (strokes.length) content = text("sheetStrokes", { count: strokes.length });
  find("canvas").setAttribute("aria-label", text("sheet", { content }));
}

function showResult(job, response, time) {
  find("model").textContent = text("modelTime", { ...model, time: milliseconds(time) });
  if (response.error) {
    showView(NO_RESULT, null, job.revision);
    notify(text("failed", { message: response.error.message }));
    return;
  }
  const view = viewOf(response);
  if (late?.revision === job.revision) history.keep(late.content, view);
  if (drawing.isEmpty) return; // cleared meanwhile
  showView(view, response, job.revision);
  if (view.unreadPages) notify(text("unreadPages", { count: view.unreadPages }));
}

function showView(view, response, ofRevision) {
  shown = { view, response, revision: ofRevision };
  panel.show(view);
  sheet.showBoxes(view.places.map((place) => place.box).filter(Boolean), drawing.content.picture?.factor);
  announce(view.spoken);
  document.body.dataset.shown = ofRevision;
  document.dispatchEvent(new CustomEvent("shown", { detail: ofRevision }));
}

/** Replace what is on the sheet, and keep its result. */
function replace(content) {
  const { content: before } = drawing;
  late = null;
  if (!drawing.isEmpty && shown.revision === revision && shown.response) history.keep(before, shown.view);
  else if (!drawing.isEmpty) late = { revision, content: before };
  step(() => drawing.replace(content));
  sheet.showBoxes([]);
  find("canvas").scrollIntoView({ block: "nearest" });
}

function step(action) {
  action();
  sheet.show();
  changed();
}

async function openFiles(files) {
  try {
    if (files.length === 0) notify(text("noPicture"));
    else if (files.length === 1) await openFile(files[0]);
    else await recognizeFiles(files);
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    notify(error.message);
  }
}

async function openFile(file) {
  const picture = await readPicture(file, limitBytes);
  replace({ strokes: [], picture });
  if (!picture.bitmap) notify(text("notShown", { name: picture.name }));
}

/** Recognize several files, which become earlier results. */
async function recognizeFiles(files) {
  let count = 0;
  const failures = [];
  for (let start = 0; start < files.length; start += MAX_FILES) {
    const pictures = await Promise.all(files.slice(start, start + MAX_FILES).map((file) => readPicture(file, limitBytes)));
    const form = new FormData();
    for (const picture of pictures) form.append("file", picture.blob, picture.name);
    const url = `/v1/recognize:batch?layout=${connection.layout}`;
    const reply = await fetch(url, { method: "POST", headers: connection.headers, body: form });
    const content = await reply.json();
    if (!reply.ok) return notify(text("failed", { message: content.detail }));
    content.results.forEach((result, index) => {
      const picture = pictures[index];
      if (result.error) failures.push(text("severalFailed", { name: picture.name, message: result.error.message }));
      else history.keep({ key: Symbol(picture.name), strokes: [], picture }, viewOf(result)), count++;
    });
  }
  notify([text("several", { count }), ...failures].join(" "));
}

function showState(state) {
  showConnection(state);
  if (state.name === "away") find("model").textContent = "";
  if (state.name === "denied") {
    requestToken((token) => {
      connection.token = token;
      connection.connect();
    });
  }
}

function showModel(response) {
  model = { precision: "", ...response.model };
  limitBytes = Number(response.limits?.maxImageBytes) || Infinity;
  find("model").textContent = text("model", model).trim();
}

async function applySettings() {
  const reply = await fetch("/v1/settings");
  if (!reply.ok) return;
  const settings = await reply.json();
  find("about").textContent = text("about", settings);
  if (!settings.corrections) return;
  enableCorrections({ current: () => ({ drawing, ...shown, encode }), headers: () => connection.headers, onNotice: notify });
}

function fillHelp() {
  for (const [keys, meaning] of texts.keys) {
    const row = find("help-keys").insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = keys;
    row.append(head);
    row.insertCell().textContent = meaning;
  }
  find("help-button").addEventListener("click", () => find("help-dialog").showModal());
}

const clear = () => drawing.isEmpty || replace();
const undo = () => step(() => drawing.undo());
const redo = () => step(() => drawing.redo());

find("undo-button").addEventListener("click", undo);
find("redo-button").addEventListener("click", redo);
find("clear-button").addEventListener("click", clear);
find("eraser-button").addEventListener("click", (event) => {
  sheet.isErasing = !sheet.isErasing;
  event.currentTarget.setAttribute("aria-pressed", sheet.isErasing);
});
find("pen").addEventListener("input", (event) => { sheet.penWidth = Number(event.target.value) });
find("layout").addEventListener("change", (event) => {
  connection.layout = event.target.value;
  connection.connect();
  recognize();
});
find("retry").addEventListener("click", () => connection.retry());
drawWithKeys(sheet, drawing, { onChange: changed, onClear: clear, onPen: (isDown) => announce(text(isDown ? "penDown" : "penUp")) });
listenToShortcuts({ onUndo: undo, onRedo: redo, onOpen: () => find("file").click() });
listenToFiles(openFiles);
fillGallery((file) => openFiles([file]));
fillHelp();
showDrawing();
showView(NO_RESULT, null, revision);
connection.connect();
applySettings().catch(() => {}); // without the page's server there are no corrections; the connection says so
document.body.dataset.ready = "";
