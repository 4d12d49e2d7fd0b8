// The drawing is a list of strokes, and a stroke a list of points [x, y] as fractions of the canvas.

import { asPng, BLANK, mix, paintBox, paintPen, paintPixels, paintStrokes, rgb } from "./painting.js";

const STEP = 0.025; // of the pen for one press of an arrow key

const element = (id) => document.getElementById(id);
const canvas = element("drawing");
const digits = Array.from({ length: 10 }, (_, digit) => addDigit(digit));

let strokes = [];
let pointer = null; // id of the pointer that draws
let keyboardPen = null; // place of the pen that is moved by the keyboard, and whether it is down
let version = 0; // number of the drawing: a reply for an older one is dropped
let answer = null; // the digits of the drawing, each with its image, box, probabilities and doubt
let lines = []; // the numbers of the drawing
let canTrain = false; // whether the server has loaded TensorFlow
let selected = null; // index of the digit whose probabilities are shown
let saliency = null;

// Drawing

function begin(point) {
    change([...strokes, [point]]);
    showMessage("Drawing …");
}

function extend(point) {
    const stroke = strokes.at(-1);
    const [x, y] = stroke.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < 0.004) return;
    stroke.push(point);
    paint();
}

function change(newStrokes) {
    strokes = newStrokes;
    selected = null;
    dropAnswer();
    showMessage("Draw with the mouse, a pen or a finger.");
}

// Drop the answer, and replies to requests that are under way.
function dropAnswer() {
    version += 1;
    showAnswer(null);
}

function placeOf(event) {
    const box = canvas.getBoundingClientRect();
    return [place(event.clientX, box.left, box.width), place(event.clientY, box.top, box.height)];
}

function place(position, start, length) {
    return Math.round(Math.min(1, Math.max(0, (position - start) / length)) * 1e4) / 1e4;
}

canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || !event.isPrimary || event.button !== 0 || keyboardPen?.down) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    begin(placeOf(event));
});
canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) extend(placeOf(each));
});
for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
        if (event.pointerId !== pointer) return;
        pointer = null;
        recognize();
    });
}
canvas.addEventListener("contextmenu", (event) => event.preventDefault());

const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

canvas.addEventListener("keydown", (event) => {
    if (pointer !== null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== " " && !(event.key in ARROWS)) return;
    event.preventDefault();
    keyboardPen ??= { point: [0.5, 0.25], down: false };
    if (event.key === " " && !event.repeat) {
        keyboardPen.down = !keyboardPen.down;
        if (keyboardPen.down) begin(keyboardPen.point);
        else recognize();
    } else if (event.key in ARROWS) {
        keyboardPen.point = keyboardPen.point.map((value, axis) => place(value + ARROWS[event.key][axis], 0, 1));
        if (keyboardPen.down) extend(keyboardPen.point);
    }
    paint();
});
canvas.addEventListener("blur", () => {
    if (keyboardPen?.down) recognize();
    keyboardPen = null;
    paint();
});
document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") clear();
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) undoStroke();
});

function isDrawing() {
    return pointer !== null || keyboardPen?.down;
}

function clear() {
    if (!isDrawing()) change([]);
}

function undoStroke() {
    if (isDrawing() || !strokes.length) return;
    change(strokes.slice(0, -1));
    if (strokes.length) recognize();
}

element("clear").addEventListener("click", clear);
element("undo-stroke").addEventListener("click", undoStroke);

// Requests

async function post(path, data = {}) {
    const [type, body] = data instanceof Blob ? [data.type, data] : ["application/json", JSON.stringify(data)];
    const request = { method: "POST", headers: { "Content-Type": type }, body };
    const response = await fetch(path, request).catch(() => {
        throw new Error("The server does not answer. Start it again.");
    });
    const reply = await response.json();
    if (!response.ok) throw new Error(reply.error);
    showCorrections(reply.corrections);
    canTrain = reply.can_train;
    return reply;
}

// Show the answer to the drawing as it is, and then the evidence for it.
async function recognize() {
    const asked = version;
    try {
        const reply = await post("answer", await asPng(strokes));
        if (asked !== version) return;
        lines = reply.lines;
        showAnswer(reply.digits);
        await explain();
    } catch (error) {
        if (asked === version) showMessage(error.message);
    }
}

async function explain() {
    const digit = selectedDigit();
    if (!digit) return;
    const evidence = await post("evidence", { image: digit.image });
    if (digit !== selectedDigit()) return;
    saliency = evidence.saliency;
    paintPictures();
}

// Change the model, show the new answer, and keep the focus, which a disabled button loses.
async function train(path, data, message) {
    const focused = document.activeElement;
    dropAnswer();
    showMessage(message);
    const asked = version;
    const problem = await post(path, data).then(() => null, (error) => error.message);
    if (asked !== version) return;
    if (strokes.length) await recognize();
    else change([]);
    if (problem) showMessage(problem);
    if (document.activeElement === document.body) focused.focus();
}

for (const [id, path] of [["undo-correction", "undo"], ["forget-corrections", "reset"]]) {
    element(id).addEventListener("click", () => {
        if (!isDrawing()) train(path, {}, "Forgetting …");
    });
}

// Answer

function selectedDigit() {
    return answer?.[selected];
}

function addDigit(digit) {
    const button = document.createElement("button");
    button.type = "button";
    button.innerHTML = `<b>${digit}</b><span class="bar"><i></i></span><span class="percent"></span>`;
    button.addEventListener("click", () => {
        const message = canTrain ? "Learning …" : "Loading TensorFlow for the first correction. This can take a minute …";
        train("correct", { image: selectedDigit().image, digit }, message);
    });
    element("digits").append(button);
    return button;
}

function showMessage(text) {
    element("answer").textContent = text;
}

function showAnswer(newAnswer) {
    answer = newAnswer;
    if (answer) {
        selected = Math.min(selected ?? Math.max(0, answer.findIndex(({ doubtful }) => doubtful)), answer.length - 1);
        element("answer").innerHTML = describe(answer);
    }
    showPieces();
    showSelected();
    element("clear").disabled = element("undo-stroke").disabled = strokes.length === 0;
}

// Until the next answer, the last pieces remain visible, so that the page does not move.
function showPieces() {
    const pieces = element("pieces");
    pieces.disabled = !answer;
    if (!answer && strokes.length) return;
    pieces.hidden = !(answer?.length > 1);
    pieces.querySelectorAll("label").forEach((label) => label.remove());
    if (!pieces.hidden) pieces.append(...answer.map(addPiece));
}

function addPiece(digit, index) {
    const label = document.createElement("label");
    label.className = digit.doubtful ? "doubtful" : "";
    label.innerHTML = `<input type="radio" name="piece"><b>${nameOf(digit)}</b> ${percent(Math.max(...digit.probabilities))}`;
    const input = label.querySelector("input");
    input.checked = index === selected;
    input.addEventListener("change", () => {
        selected = index;
        showSelected();
        explain().catch((error) => showMessage(error.message));
    });
    return label;
}

function showSelected() {
    const digit = selectedDigit();
    saliency = null;
    digits.forEach((button, value) => {
        button.disabled = !digit;
        button.querySelector("i").style.width = digit ? `${100 * digit.probabilities[value]}%` : 0;
        button.querySelector(".percent").textContent = digit ? percent(digit.probabilities[value]) : "";
    });
    element("digits").classList.toggle("doubtful", Boolean(digit?.doubtful));
    paint();
    paintPictures();
}

function describe(found) {
    if (found.length === 0) return "<b>No digit?</b> <span>Draw a larger one.</span>";
    if (found.length > 1) {
        const text = lines.length ? `<span>This is</span> <b class="digit">${lines.join("<br>")}</b>` : "<b>No digits?</b>";
        return found.some(({ doubtful }) => doubtful) ? `${text} <span>A ? marks what may not be a digit.</span>` : text;
    }
    const best = bestOf(found[0]);
    const article = best === 8 ? "an" : "a";
    const probability = percent(Math.max(...found[0].probabilities));
    if (found[0].doubtful) return `<b>Not a digit?</b> <span>It looks most like ${article} ${best} (${probability}).</span>`;
    return `<span>This is ${article}</span> <b class="digit">${best}</b> <span>(${probability})</span>`;
}

function nameOf(digit) {
    return `${bestOf(digit)}${digit.doubtful ? "?" : ""}`;
}

function bestOf({ probabilities }) {
    return probabilities.indexOf(Math.max(...probabilities));
}

function percent(probability) {
    return `${Math.round(100 * probability)}%`;
}

function showCorrections(count) {
    element("corrections").hidden = count === 0;
    element("n-corrections").textContent = `Corrections: ${count}`;
}

// Painting

function paint() {
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    paintStrokes(canvas, strokes);
    if (answer?.length > 1) {
        answer.forEach((digit, index) => paintBox(canvas, digit, nameOf(digit), index === selected));
    }
    if (keyboardPen !== null) paintPen(canvas, keyboardPen.point);
}

// Paint the input of the network, and the saliency: a pale drawing, under the color of each contribution.
function paintPictures() {
    const [paper, ink, positive, negative] = ["paper", "ink", "for", "against"].map(rgb);
    const digit = selectedDigit();
    const image = digit?.image ?? BLANK;
    paintPixels(element("input"), (row, column) => mix(paper, ink, image[row][column] / 255));
    paintPixels(element("evidence"), (row, column) => {
        const contribution = (saliency ?? BLANK)[row][column];
        const pale = mix(paper, ink, (0.3 * image[row][column]) / 255);
        return saliency ? mix(pale, contribution > 0 ? positive : negative, Math.sqrt(Math.abs(contribution))) : paper;
    });
    element("pictures").setAttribute("aria-busy", digit !== undefined && saliency === null);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    paint();
    paintPictures();
});
new ResizeObserver(() => {
    canvas.width = canvas.height = Math.round(canvas.clientWidth * devicePixelRatio);
    paint();
}).observe(canvas);

change([]);
post("corrections").catch((error) => showMessage(error.message));
