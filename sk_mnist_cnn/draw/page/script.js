// The drawing is a list of strokes, and a stroke a list of points [x, y] as fractions of the canvas.

const PEN_WIDTH = 0.045;
const STEP = 0.025; // of the pen for one press of an arrow key

const element = (id) => document.getElementById(id);
const canvas = element("drawing");
const digits = Array.from({ length: 10 }, (_, digit) => addDigit(digit));

let strokes = [];
let pointer = null; // id of the pointer that draws
let keyboardPen = null; // place of the pen that is moved by the keyboard, and whether it is down
let version = 0; // number of the drawing: a reply for an older one is dropped
let answer = null;
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

// Drop the answer, and replies to requests that are under way.
function change(newStrokes = strokes) {
    version += 1;
    strokes = newStrokes;
    showAnswer(null);
    showMessage("Draw with the mouse, a pen or a finger.");
    paint();
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
    const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data) };
    const response = await fetch(path, request).catch(() => {
        throw new Error("The server does not answer. Start it again.");
    });
    const reply = await response.json();
    if (!response.ok) throw new Error(reply.error);
    showCorrections(reply.corrections);
    return reply;
}

// Show the answer to the drawing as it is, and then the evidence for it.
async function recognize(path = "answer", data = {}) {
    const asked = version;
    try {
        const reply = await post(path, { strokes, ...data });
        if (asked !== version) return;
        showAnswer(reply);
        const evidence = await post("evidence", { strokes });
        if (asked !== version) return;
        saliency = evidence.saliency;
        paintPictures();
    } catch (error) {
        if (asked !== version) return;
        if (path === "correct") await recognize(); // so that the digits can be clicked again
        showMessage(error.message);
    }
}

function correct(digit) {
    change();
    showMessage("Learning …");
    recognize("correct", { digit });
}

for (const [id, path] of [["undo-correction", "undo"], ["forget-corrections", "reset"]]) {
    element(id).addEventListener("click", async () => {
        if (isDrawing()) return;
        change();
        try {
            await post(path);
            if (strokes.length && !isDrawing()) recognize();
        } catch (error) {
            showMessage(error.message);
        }
    });
}

// Answer

function addDigit(digit) {
    const button = document.createElement("button");
    button.type = "button";
    button.innerHTML = `<b>${digit}</b><span class="bar"><i></i></span><span class="percent"></span>`;
    button.addEventListener("click", () => correct(digit));
    element("digits").append(button);
    return button;
}

function showMessage(text) {
    element("answer").textContent = text;
}

function showAnswer(reply) {
    answer = reply;
    saliency = null;
    digits.forEach((button, digit) => {
        const percent = answer && 100 * answer.probabilities[digit];
        button.disabled = !answer;
        button.querySelector("i").style.width = `${percent ?? 0}%`;
        button.querySelector(".percent").textContent = answer ? `${Math.round(percent)}%` : "";
    });
    element("digits").classList.toggle("doubtful", Boolean(answer?.doubt));
    if (answer) element("answer").innerHTML = describe(answer);
    element("clear").disabled = element("undo-stroke").disabled = strokes.length === 0;
    paintPictures();
}

function describe({ doubt, probabilities }) {
    const best = probabilities.indexOf(Math.max(...probabilities));
    const article = best === 8 ? "an" : "a";
    if (doubt === "two digits") return "<b>Two digits?</b> <span>Draw one at a time.</span>";
    if (doubt === "not a digit") return `<b>Not a digit?</b> <span>It looks most like ${article} ${best}.</span>`;
    return `<span>This is ${article}</span> <b class="digit">${best}</b>`;
}

function showCorrections(count) {
    element("corrections").hidden = count === 0;
    element("n-corrections").textContent = `Corrections: ${count}`;
}

// Painting

function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
}

function paint() {
    const side = canvas.width;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    Object.assign(context, { lineWidth: PEN_WIDTH * side, lineCap: "round", lineJoin: "round" });
    context.strokeStyle = color("ink");
    for (const [first, ...others] of strokes) {
        context.beginPath();
        context.moveTo(first[0] * side, first[1] * side);
        for (const [x, y] of others.length ? others : [first]) context.lineTo(x * side, y * side);
        context.stroke();
    }
    if (keyboardPen === null) return;
    context.beginPath();
    context.arc(keyboardPen.point[0] * side, keyboardPen.point[1] * side, PEN_WIDTH * side, 0, 7);
    Object.assign(context, { lineWidth: 0.008 * side, strokeStyle: color("accent") });
    context.stroke();
}

// Paint the input of the network, and the saliency: a pale drawing, under the color of each contribution.
function paintPictures() {
    const [paper, ink, positive, negative] = ["paper", "ink", "for", "against"].map(channels);
    const blank = Array(28).fill(Array(28).fill(0));
    const image = answer?.image ?? blank;
    paintPixels("input", (row, column) => mix(paper, ink, image[row][column] / 255));
    paintPixels("evidence", (row, column) => {
        const contribution = (saliency ?? blank)[row][column];
        const pale = mix(paper, ink, (0.3 * image[row][column]) / 255);
        return saliency ? mix(pale, contribution > 0 ? positive : negative, Math.sqrt(Math.abs(contribution))) : paper;
    });
    element("pictures").setAttribute("aria-busy", answer !== null && saliency === null);
}

function channels(name) {
    return color(name).match(/[0-9a-f]{2}/g).map((hex) => parseInt(hex, 16));
}

function mix(from, to, share) {
    return from.map((value, channel) => value + share * (to[channel] - value));
}

function paintPixels(id, colorAt) {
    const context = element(id).getContext("2d");
    const pixels = context.createImageData(28, 28);
    for (let i = 0; i < 28 * 28; i++) {
        pixels.data.set([...colorAt(Math.floor(i / 28), i % 28), 255], 4 * i);
    }
    context.putImageData(pixels, 0, 0);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    paint();
    paintPictures();
});
new ResizeObserver(() => {
    canvas.width = canvas.height = Math.round(canvas.clientWidth * devicePixelRatio);
    paint();
}).observe(canvas);

change();
post("corrections").catch((error) => showMessage(error.message));
